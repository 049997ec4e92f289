//! YAML in and out: one document a file, text that people read, and every string back as it was.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::diagnostic::{Diagnostic, Location};

/// The largest file that is read, in bytes. One principal's ACLs or one namespace's rules fill a file at most.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Writes one document. The same value always gives the same bytes.
pub(crate) fn write<T: Serialize>(document: &T) -> Vec<u8> {
    // Long lines are not folded: a folded scalar changes in more lines than the value did.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX, compact_list_indent: true };
    let text = serde_saphyr::to_string_with_options(document, options)
        .expect("the documents of this module hold only text, numbers, lists and maps with text keys");
    text.into_bytes()
}

/// Reads one document, strictly: a duplicate key or a second document is an error.
pub(crate) fn read<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, Diagnostic> {
    let refuse = |line: u64, column: u64, message: String| {
        let place = Location::new(path, u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(1));
        Diagnostic::error("recorded-state-unreadable", Some(place), message)
            .help("restore the file from git, or record the cluster again")
    };
    if bytes.len() > MOST_BYTES {
        return Err(refuse(1, 1, format!("the file has {} bytes, more than any recorded state", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refuse(1, 1, "the file is not UTF-8".to_owned()))?;
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: None,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |place| (place.line(), place.column()));
        refuse(line.max(1), column.max(1), error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        value: String,
        list: Vec<String>,
        map: BTreeMap<String, String>,
        nested: Vec<BTreeMap<String, String>>,
    }

    fn check(text: &str) {
        let map = BTreeMap::from([(text.to_owned(), text.to_owned())]);
        let sample = Sample { value: text.into(), list: vec![text.into()], map: map.clone(), nested: vec![map] };
        let bytes = write(&sample);
        let again: Result<Sample, _> = read("sample.yaml", &bytes);
        assert_eq!(again.as_ref(), Ok(&sample), "{text:?} written as\n{}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn every_string_comes_back_as_it_was() {
        for text in [
            "",
            " ",
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "true",
            "False",
            "null",
            "Null",
            "~",
            "1e3",
            "0o17",
            "017",
            "0x1F",
            "1_000",
            "1.0",
            "-1",
            "+5",
            ".5",
            ".inf",
            "-.INF",
            ".nan",
            "2026-01-01",
            "2026-01-01T00:00:00Z",
            "1:30",
            "190:20:30",
            "*",
            "*a",
            "&a",
            "!x",
            "!!str x",
            "|",
            ">",
            "|-",
            "%a",
            "@a",
            "`a",
            "#a",
            "a #b",
            "a: b",
            "a:",
            ":",
            ": a",
            "- a",
            "-",
            "?",
            "? a",
            "---",
            "...",
            "--- a",
            "[a]",
            "{a: b}",
            "a, b",
            ",",
            "'",
            "\"",
            "it's",
            "say \"hi\"",
            "\\",
            "a\\nb",
            " leading",
            "trailing ",
            "\ttab",
            "a\tb",
            "a\nb",
            "a\n",
            "\na",
            "\n",
            "\n\n",
            "a\n\n\nb\n\n",
            "  a\nb",
            "a\n  b",
            "a\n ",
            "\r\n",
            "a\rb",
            "\u{0}",
            "\u{7}",
            "\u{85}",
            "\u{a0}",
            "\u{2028}",
            "\u{2029}",
            "\u{feff}",
            "\u{feff}a",
            "a\u{feff}\nb",
            "\u{1f600}",
            "ünïcode",
            "\u{fffd}",
            "\u{7f}",
            "\u{e000}",
            "<<",
            "=",
            "a\n# b",
            "# a\n# b",
            "a\n---\nb",
            "${env:HOME}",
            "<default>",
            "User:CN=ü,OU=a\"b",
            "a\u{200b}b",
            "\u{202e}x",
            "a\n\tb",
            "\ta\nb",
        ] {
            check(text);
        }
        check(&"long words that could be folded ".repeat(20));
        check(&"x".repeat(2000));
        check(&format!("{}\n", "long words that could be folded ".repeat(20)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn any_string_comes_back_as_it_was(characters in proptest::collection::vec(any::<char>(), 0..12)) {
            check(&characters.into_iter().collect::<String>());
        }

        #[test]
        fn any_string_of_yamls_own_signs_comes_back(text in "[-?:,\\[\\]{}#&*!|>'\"%@` \n\t\r~<=a0.\\\\_+eExo]{0,12}") {
            check(&text);
        }
    }
}
