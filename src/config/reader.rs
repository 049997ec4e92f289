//! Walks the tree of a settings file and gathers every problem on the way.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::substitute::{Surroundings, resolve, substitute};
use super::tree::{Entry, Node, Value};
use crate::domain::diagnostic::{Diagnostic, Location};
use crate::domain::nearest::nearest;

/// Reads settings out of a tree. A setting that is wrong gives a diagnostic and then reads as absent, so that the rest
/// is looked at too.
pub(crate) struct Reader<'a> {
    pub(crate) file: &'a str,
    pub(crate) directory: &'a Path,
    pub(crate) surroundings: Surroundings<'a>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// What was named that may change: see [`super::settings::AgentSettings::files`].
    pub(crate) files: BTreeSet<PathBuf>,
}

/// A mapping of settings with its own name, such as `source.auth`; empty at the root.
#[derive(Clone)]
pub(crate) struct Section<'n> {
    path: String,
    entries: &'n [Entry],
    line: u32,
    column: u32,
}

impl<'n> Section<'n> {
    /// Returns a setting that is there and not empty.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
            .filter(|node| node.value != Value::Null)
    }

    /// Returns the full name of a setting in it.
    pub(crate) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Returns the keys that are there, in order.
    pub(crate) fn entries(&self) -> &'n [Entry] {
        self.entries
    }
}

impl Reader<'_> {
    pub(crate) fn at(&self, node: &Node) -> Location {
        Location::new(self.file, node.line, node.column)
    }

    pub(crate) fn error(&mut self, code: &str, location: Location, message: String, help: Option<String>) {
        let diagnostic = Diagnostic::error(code, Some(location), message);
        self.diagnostics.push(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }

    /// Opens a mapping and reports what is not in `known`; with no `known` at all, every key may stand in it.
    pub(crate) fn section<'n>(&mut self, node: &'n Node, path: &str, known: &[&str]) -> Option<Section<'n>> {
        let Value::Map(entries) = &node.value else {
            let message = match path {
                "" => format!("the settings must be a mapping, and not {}", node.value.type_name()),
                path => format!("`{path}` must be a mapping, and not {}", node.value.type_name()),
            };
            self.error("invalid-setting", self.at(node), message, None);
            return None;
        };
        let section = Section { path: path.to_owned(), entries, line: node.line, column: node.column };
        for entry in entries.iter().filter(|entry| !known.is_empty() && !known.contains(&entry.key.as_str())) {
            let help = match nearest(&entry.key, known.iter().copied()) {
                Some(near) => format!("did you mean `{}`?", section.name(near)),
                None => format!("known here: {}", quoted(known)),
            };
            let location = Location::new(self.file, entry.line, entry.column);
            self.error(
                "unknown-setting",
                location,
                format!("there is no setting `{}`", section.name(&entry.key)),
                Some(help),
            );
        }
        Some(section)
    }

    /// Opens the mapping that stands under a key.
    pub(crate) fn subsection<'n>(&mut self, parent: &Section<'n>, key: &str, known: &[&str]) -> Option<Section<'n>> {
        let node = parent.get(key)?;
        self.section(node, &parent.name(key), known)
    }

    /// Returns the place of a setting; when it is not there, that of its section.
    pub(crate) fn place(&self, section: &Section<'_>, key: &str) -> Location {
        match section.get(key) {
            Some(node) => self.at(node),
            None => Location::new(self.file, section.line, section.column),
        }
    }

    /// Reports a setting when it is not there.
    pub(crate) fn needs(&mut self, section: &Section<'_>, key: &str, help: &str) {
        if section.get(key).is_none() {
            self.missing(section, key, help);
        }
    }

    /// Reports a setting that is not there.
    pub(crate) fn missing(&mut self, section: &Section<'_>, key: &str, help: &str) {
        let location = Location::new(self.file, section.line, section.column);
        let message = format!("the setting `{}` is missing", section.name(key));
        self.error("missing-setting", location, message, Some(help.to_owned()));
    }

    /// Reads a single value with its references replaced.
    pub(crate) fn text(&mut self, node: &Node, name: &str) -> Option<String> {
        let Value::Scalar(raw) = &node.value else {
            let message = format!("`{name}` must be a single value, and not {}", node.value.type_name());
            self.error("invalid-setting", self.at(node), message, None);
            return None;
        };
        match substitute(raw, self.directory, self.surroundings, &mut self.files) {
            Ok(text) => Some(text),
            Err(reason) => {
                self.error("unresolved-setting", self.at(node), format!("`{name}` {reason}"), None);
                None
            }
        }
    }

    /// Reads a single value and parses it. The message shows what stands in the file, never what a reference led to.
    pub(crate) fn parsed<T>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let node = section.get(key)?;
        let name = section.name(key);
        let text = self.text(node, &name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(reason) => {
                let written = if let Value::Scalar(raw) = &node.value { raw.as_str() } else { "" };
                self.error("invalid-setting", self.at(node), format!("`{name}` is `{written}`, which {reason}"), None);
                None
            }
        }
    }

    /// Reads text that is not empty.
    pub(crate) fn string(&mut self, section: &Section<'_>, key: &str) -> Option<String> {
        self.parsed(section, key, |raw| if raw.is_empty() { Err("is empty".to_owned()) } else { Ok(raw.to_owned()) })
    }

    /// Reads a path, relative to the settings file's directory. What is named `...File` is read again when it changes.
    pub(crate) fn path(&mut self, section: &Section<'_>, key: &str) -> Option<PathBuf> {
        let directory = self.directory;
        let path = self.string(section, key).map(|path| resolve(directory, &path));
        if key.ends_with("File") {
            self.files.extend(path.clone());
        }
        path
    }

    /// Reads one of a few words.
    pub(crate) fn choice<T: Copy>(&mut self, section: &Section<'_>, key: &str, choices: &[(&str, T)]) -> Option<T> {
        self.parsed(section, key, |raw| {
            choices.iter().find(|(word, _)| *word == raw).map(|(_, value)| *value).ok_or_else(|| {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                format!("is none of {}", quoted(&words))
            })
        })
    }

    /// Reads a list of single values, each with references replaced.
    pub(crate) fn list(&mut self, section: &Section<'_>, key: &str) -> Vec<String> {
        let Some(node) = section.get(key) else { return Vec::new() };
        let name = section.name(key);
        match &node.value {
            Value::List(items) => items.iter().filter_map(|item| self.text(item, &name)).collect(),
            Value::Null | Value::Scalar(_) | Value::Map(_) => {
                let message = format!("`{name}` must be a list, and not {}", node.value.type_name());
                self.error("invalid-setting", self.at(node), message, None);
                Vec::new()
            }
        }
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
