//! Which parts of the whole the rules read. Only those are built: ACLs alone can be fifty thousand objects.

use std::collections::BTreeSet;

use super::words::words;

/// The parts of `input` that rules read.
///
/// In Rego the input can be reached by the word `input` alone. So where every such word is followed by plain names, those
/// names are all that can be read; where one is not (`input[part]`, `walk(input)`, `import input`), everything may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    everything: bool,
    /// `plan`, `desired.topics`.
    parts: BTreeSet<String>,
}

impl Reading {
    /// Looks through the texts of all packs. Text that is no Rego counts as reading everything.
    pub(super) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut reading = Self { everything: false, parts: BTreeSet::new() };
        for text in texts {
            reading.add(text);
        }
        reading
    }

    /// Returns what is read here or there.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.everything |= other.everything;
        self.parts.extend(other.parts.iter().cloned());
        self
    }

    /// Says whether a part may be read.
    pub(super) fn reads(&self, part: &str) -> bool {
        self.everything || self.parts.contains(part)
    }

    fn add(&mut self, text: &str) {
        let Some(words) = words(text) else {
            self.everything = true;
            return;
        };
        for (at, _) in words.iter().enumerate().filter(|(_, word)| word.text == "input") {
            // `data.x.input` is another thing, but taking it for the input only builds more than is needed.
            let rest = words.get(at + 1..).unwrap_or_default();
            match rest.iter().map(|word| word.text.as_str()).take(4).collect::<Vec<_>>().as_slice() {
                [".", "desired", ".", part] if is_name(part) => {
                    self.parts.insert(format!("desired.{part}"));
                }
                [".", part, ..] if is_name(part) && *part != "desired" => {
                    self.parts.insert((*part).to_owned());
                }
                _ => self.everything = true,
            }
        }
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_after_input_is_read_and_nothing_else() {
        for (text, topics, acls, plan) in [
            ("package a\ndeny if input.desired.topics", true, false, false),
            ("package a\nimport input.desired.acls\nimport input.plan as p", false, true, true),
            ("package a\nx := [input.plan.id, input.today, input.cluster.topics]", false, false, true),
            ("package a\n# walk(input)\nx := \"input[1]\"", false, false, false),
            ("package a\nx := 1", false, false, false),
        ] {
            let reading = Reading::of([text]);
            let read = (reading.reads("desired.topics"), reading.reads("desired.acls"), reading.reads("plan"));
            assert_eq!(read, (topics, acls, plan), "{text}");
        }
    }

    #[test]
    fn whatever_is_not_plain_reads_everything() {
        for text in [
            "package a\nimport input",
            "package a\nimport input as everything",
            "package a\nx := input",
            "package a\nx := input[part]",
            "package a\nx := input[\"desired\"]",
            "package a\nx := input.desired",
            "package a\nsome kind, items in input.desired",
            "package a\nx := input.desired[kind]",
            "package a\nx := input.desired.\"acls\"",
            "package a\nimport input.desired as d",
            "package a\nx := walk(input)",
            "package a\nx := f with input as input.desired",
            "package a\nx := \"not closed",
        ] {
            let reading = Reading::of(["package b\nx := input.today", text]);
            assert!(reading.reads("desired.acls") && reading.reads("plan"), "{text}");
        }
    }
}
