//! Imports in front of the rules.
//!
//! OPA takes them anywhere at the top level of a file, the engine only behind `package`. So those that stand further down are
//! moved up, onto the last line of the head: lines stay.

use super::words::{Word, words};

/// Returns the text with its imports in front, or nothing when all of them are.
pub(super) fn in_front(text: &str) -> Option<String> {
    let words = words(text)?;
    let package = words.iter().position(|word| word.text == "package")?;
    let mut head = path(&words, package + 1);
    while words.get(head).is_some_and(|word| word.text == "import") {
        head = import(&words, head);
    }
    let head_end = words.get(head - 1).map(|word| word.start + word.text.len())?;
    let mut late = Vec::new();
    let mut depth = 0_usize;
    let mut at = head;
    while let Some(word) = words.get(at) {
        match word.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "import" if depth == 0 && words.get(at - 1).is_none_or(|before| before.text != ".") => {
                let next = import(&words, at);
                let end = words.get(next).map_or(text.len(), |word| word.start);
                let line = text.get(word.start..end)?.split(['\n', '#']).next().unwrap_or_default().trim_end();
                late.push((word.start, line));
                at = next;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    if late.is_empty() {
        return None;
    }
    let mut out = text.get(..head_end)?.to_owned();
    late.iter().for_each(|(_, import)| out.push_str(&format!(" {import}")));
    let mut done = head_end;
    for (start, import) in late {
        out.push_str(text.get(done..start)?);
        done = start + import.len();
    }
    out.push_str(text.get(done..)?);
    Some(out)
}

/// The word behind the import that starts there.
fn import(words: &[Word], at: usize) -> usize {
    let end = path(words, at + 1);
    if words.get(end).is_some_and(|word| word.text == "as") { end + 2 } else { end }
}

/// The word behind the path (`data.lib["x-y"].z`) that starts there.
fn path(words: &[Word], at: usize) -> usize {
    let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.text == text);
    let mut end = (at + 1).min(words.len());
    loop {
        match (is(end, "."), is(end, "[") && is(end + 2, "]")) {
            (true, _) => end += 2,
            (false, true) => end += 3,
            (false, false) => return end.min(words.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_imports_are_moved_up_and_lines_stay() {
        for (text, moved) in [
            ("package a\n\nimport rego.v1\n\nx := 1\n", None),
            (
                "package a\nx := 1\nimport data.b # why\ny := b.z\n",
                Some("package a import data.b\nx := 1\n # why\ny := b.z\n"),
            ),
            (
                "package a[\"b-c\"] # A\nimport data.b as c\nx := {\"import\": [c.import_]}\n\nimport data.d[\"e\"].f as g\nimport input.h\n",
                Some(
                    "package a[\"b-c\"] # A\nimport data.b as c import data.d[\"e\"].f as g import input.h\nx := {\"import\": [c.import_]}\n\n\n\n",
                ),
            ),
            ("no rego \"", None),
        ] {
            assert_eq!(in_front(text).as_deref(), moved, "{text}");
        }
    }
}
