//! Hostile and broken files: a diagnostic, no panic, bounded memory and time.

use proptest::prelude::*;

use super::*;

/// Loads bytes and returns the places and codes of the problems.
fn codes_of(content: SnapshotFile) -> Vec<String> {
    let mut snapshot = snapshot(&[(REPOSITORY_FILE, &REPOSITORY.replace(", prod", ""))]);
    snapshot.files.insert("base/a.yaml".to_owned(), content);
    let (state, diagnostics) = load(&snapshot, "prod", Documents::Keep);
    assert_eq!(state.is_some(), !diagnostics.iter().any(Diagnostic::is_error));
    let line = |diagnostic: &Diagnostic| {
        let place =
            diagnostic.location.as_ref().map_or(String::new(), |place| format!("{}:{} ", place.line, place.column));
        format!("{place}{}", diagnostic.code)
    };
    diagnostics.iter().map(line).collect()
}

fn text_codes(text: &str) -> Vec<String> {
    codes_of(SnapshotFile::Content(text.as_bytes().to_vec()))
}

#[test]
fn files_that_cannot_be_read_are_named() {
    assert_eq!(codes_of(SnapshotFile::TooLarge(100_000_000)), ["1:1 file-too-large"]);
    assert_eq!(codes_of(SnapshotFile::BadLink("../../etc/passwd".into())), ["1:1 bad-link"]);
    assert_eq!(codes_of(SnapshotFile::Unreadable("permission denied".into())), ["1:1 unreadable-file"]);
    assert_eq!(codes_of(SnapshotFile::Content(b"kind: a\n\xc3\xa4b\xff: c".to_vec())), ["2:3 invalid-utf8"]);
    assert_eq!(codes_of(SnapshotFile::Content(b"\xff\xfea\0".to_vec())), ["1:1 invalid-utf8"]);
}

#[test]
fn nesting_is_bounded_in_every_form() {
    for n_levels in [200, 10_000] {
        for text in [
            "[".repeat(n_levels),
            "{a: ".repeat(n_levels),
            "- ".repeat(n_levels),
            (0..n_levels.min(2_000)).map(|level| format!("{}a:\n", " ".repeat(level))).collect(),
            format!("a: {}1{}", "[".repeat(n_levels), "]".repeat(n_levels)),
            "? ".repeat(n_levels),
        ] {
            let codes = text_codes(&text);
            assert_eq!(codes.len(), 1, "{codes:?}");
            assert!(codes[0].ends_with("nested-too-deeply") || codes[0].ends_with("invalid-yaml"), "{codes:?}");
        }
    }
    // Depth that only aliases make.
    let mut text = format!("a0: &a0 {}1{}\n", "[".repeat(60), "]".repeat(60));
    for level in 1..5 {
        text.push_str(&format!("a{level}: &a{level} {}*a{}{}\n", "[".repeat(60), level - 1, "]".repeat(60)));
    }
    assert!(text_codes(&text)[0].ends_with("nested-too-deeply"));
}

#[test]
fn alias_bombs_are_defused() {
    let mut laughs = "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol,lol]\n".to_owned();
    for level in 1..30 {
        let items = vec![format!("*a{}", level - 1); 10].join(",");
        laughs.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert_eq!(text_codes(&laughs), ["6:34 too-many-values"]);
    let merges: String = (1..30)
        .map(|level| format!("a{level}: &a{level} {{<<: [*a{0}, *a{0}], b: {{<<: *a{0}}}, c: *a{0}}}\n", level - 1))
        .collect();
    assert!(text_codes(&format!("a0: &a0 {{x: 1}}\n{merges}"))[0].ends_with("too-many-values"));
    assert_eq!(text_codes("a: &a [*a]\n"), ["1:8 invalid-yaml"]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test is about time")]
fn many_small_things_take_little_time() {
    let started = std::time::Instant::now();
    let wide: String = (0..50_000).map(|n| format!("k{n}: {n}\n")).collect();
    assert_eq!(text_codes(&wide), Vec::<String>::new());
    let indented: String = (0..6_000).map(|n| format!("    unknown.key.{n}: {n}\n")).collect();
    let codes = text_codes(&format!("{TOPIC}spec:\n  config:\n{indented}"));
    assert_eq!(codes.len(), 5_001);
    let unknown: String = (0..6_000).map(|n| format!("  unknown{n}: {n}\n")).collect();
    assert_eq!(text_codes(&format!("{TOPIC}spec:\n{unknown}")).len(), 5_001);
    let documents = "a: 1\n---\n".repeat(5_000);
    assert_eq!(text_codes(&documents), Vec::<String>::new());
    let broken = "a: [\n---\n".repeat(5_000);
    assert_eq!(text_codes(&broken).len(), 100);
    assert!(started.elapsed().as_secs() < 300, "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        codes_of(SnapshotFile::Content(bytes));
    }

    #[test]
    fn arbitrary_pieces_of_yaml_never_panic(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60)) {
        let text = pieces.concat();
        text_codes(&text);
        text_codes(&format!("{TOPIC}spec:\n  config: {text}"));
        let (_, _) = environments(&snapshot(&[(REPOSITORY_FILE, &text)]));
    }
}

const PIECES: &[&str] = &[
    "a",
    ": ",
    "- ",
    "\n",
    "  ",
    "    ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "*",
    "&",
    "*a",
    "&a ",
    "<<",
    "? ",
    "|",
    ">",
    "\"",
    "'",
    "#",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "!!str ",
    "!x ",
    "\t",
    "\r\n",
    "\u{feff}",
    "ü",
    "\u{0}",
    "0x",
    "1e9999",
    ".inf",
    "~",
    "null",
    "yes",
    "$patch: delete\n",
    "apiVersion: kafka.strimzi.io/v1beta2\n",
    "kind: KafkaUser\n",
    "kind: KafkaTopic\n",
    "metadata: ",
    "name: ",
    "spec:\n",
    "  config:\n",
    "groups:\n",
    "rules:\n",
    "expr: ",
    "kind: List\n",
    "items:\n",
    "authentication: ",
    "password: ",
    "acls: ",
    "labels: ",
    "(",
    "{{",
];
