//! Packages that stand in several files, called by their whole name.
//!
//! The engine works a package out as a whole when a rule names it by an import (`import data.lib`, `lib.teams`). After the first of
//! its files it takes the whole package for done, and what stands in the others is undefined: a rule that needs it never fires.
//! By its whole name (`data.lib.teams`) every rule is worked out by itself. So that is what the engine gets to read; lines stay.

use std::collections::{BTreeMap, BTreeSet};

use super::edits::{Edit, edited};
use super::words::{Word, words};

/// Returns the packages that more than one of the files belongs to, such as `lib.kafka`.
pub(super) fn spread<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for text in texts {
        let Some(words) = words(text) else { continue };
        if let Some(at) = words.iter().position(|word| word.text == "package") {
            *counts.entry(dotted(&words[at + 1..])).or_default() += 1;
        }
    }
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(package, _)| package).collect()
}

/// Reads `a.b.c` at the start of some words.
fn dotted(words: &[Word]) -> String {
    let mut name = words.first().map(|word| word.text.clone()).unwrap_or_default();
    for pair in words.get(1..).unwrap_or_default().chunks(2) {
        match pair {
            [dot, part] if dot.text == "." => name.push_str(&format!(".{}", part.text)),
            _ => break,
        }
    }
    name
}

/// Writes `data.lib.x` for `lib.x` where `lib` is an import of a package in `spread`. A name that is used in any other way may be a
/// variable, and stays.
pub(super) fn qualified(text: &str, spread: &BTreeSet<String>) -> Option<String> {
    if spread.is_empty() {
        return None;
    }
    let words = words(text)?;
    let mut replaced: Vec<Edit> = Vec::new();
    for (at, word) in words.iter().enumerate().filter(|(_, word)| word.text == "import") {
        let target = dotted(&words[at + 1..]);
        let Some(package) = target.strip_prefix("data.").filter(|package| spread.contains(*package)) else { continue };
        let n_words = target.split('.').count() * 2 - 1;
        let after = at + 1 + n_words;
        let alias = match words.get(after..after + 2) {
            Some([keyword, alias]) if keyword.text == "as" && keyword.line == word.line => alias.text.clone(),
            _ => package.rsplit('.').next().unwrap_or(package).to_owned(),
        };
        let is = |at: Option<usize>, texts: &[&str]| {
            at.and_then(|at| words.get(at)).is_some_and(|word| texts.contains(&word.text.as_str()))
        };
        let uses: Vec<usize> = (after..words.len())
            .filter(|at| words[*at].text == alias && !is(at.checked_sub(1), &[".", "as"]))
            .collect();
        if uses.iter().all(|at| is(Some(at + 1), &[".", "["])) {
            replaced.extend(uses.iter().map(|at| (words[*at].start, words[*at].start + alias.len(), target.clone())));
        }
    }
    edited(text, replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_packages_in_several_files_are_written_out() {
        let spread = spread(["package lib\n", "package lib\nx := 1", "package a.b", "package a.b", "package one"]);
        assert_eq!(spread, BTreeSet::from(["a.b".to_owned(), "lib".to_owned()]));
        for (text, expected) in [
            ("package m\nimport data.lib\nx := lib.y", Some("package m\nimport data.lib\nx := data.lib.y")),
            (
                "package m\nimport data.a.b as c\nx := c.y + n.c.z",
                Some("package m\nimport data.a.b as c\nx := data.a.b.y + n.c.z"),
            ),
            ("package m\nimport data.a.b\nx := b[\"y\"]", Some("package m\nimport data.a.b\nx := data.a.b[\"y\"]")),
            ("package m\nimport data.one\nx := one.y", None),
            ("package m\nimport data.lib\nx := lib.y if some lib in [1]", None),
            ("package m\nimport data.lib.y\nx := y.z", None),
        ] {
            assert_eq!(qualified(text, &spread).as_deref(), expected, "{text}");
        }
    }
}
