//! What the engine would follow until its stack overflows, which ends the process: it goes down once for each bracket in a bracket, and for
//! each operator in a chain of them.

use super::error::PackError;
use super::words::{Word, words};

/// More brackets in brackets than anybody writes.
const DEEPEST: usize = 200;

/// More operators in one expression than anybody writes.
const LONGEST: usize = 1_000;

/// Finds the first place where a text goes deeper than the engine can.
pub(super) fn too_deep(path: &str, text: &str) -> Option<PackError> {
    let words = words(text)?;
    let mut open = 0_usize;
    let mut chain = 0_usize;
    let mut before: Option<&Word> = None;
    for word in &words {
        match word.text.as_str() {
            "(" | "[" | "{" => open += 1,
            ")" | "]" | "}" => open = open.saturating_sub(1),
            _ => {}
        }
        let is_new_line = before.is_some_and(|before| before.line != word.line && !joins(before));
        match (joins(word), ends(word) || is_new_line) {
            (true, _) => chain += 1,
            (false, true) => chain = 0,
            (false, false) => {}
        }
        if open > DEEPEST || chain > LONGEST {
            let message = match open > DEEPEST {
                true => format!("more than {DEEPEST} brackets stand in each other"),
                false => format!("more than {LONGEST} operators stand in one expression"),
            };
            return Some(PackError::at(path, word.line, message).column(word.column));
        }
        before = Some(word);
    }
    None
}

/// Says whether a word makes one expression of what stands on both sides.
fn joins(word: &Word) -> bool {
    matches!(
        word.text.as_str(),
        "+" | "-" | "*" | "/" | "%" | "|" | "&" | "==" | "!=" | "<" | ">" | "<=" | ">=" | "=" | ":=" | "." | "in"
    )
}

fn ends(word: &Word) -> bool {
    matches!(word.text.as_str(), "," | ";" | "{" | "}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Option<(u32, String)> {
        too_deep("p.rego", &format!("package p\nx := {body}\n")).map(|error| (error.line(), error.message))
    }

    #[test]
    fn what_overflows_the_stack_is_named_with_its_place() {
        let brackets = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(message(&brackets), Some((2, "more than 200 brackets stand in each other".to_owned())));
        for chain in [vec!["1"; 20_000].join(" + "), vec!["1"; 5_000].join(" +\n"), format!("a{}", ".b".repeat(20_000))]
        {
            let found = message(&chain).map(|(_, message)| message);
            assert_eq!(found.as_deref(), Some("more than 1000 operators stand in one expression"), "{}", &chain[..9]);
        }
    }

    #[test]
    fn what_is_only_long_is_fine() {
        let rules = "y if {\n\tx == 1\n\tz.a > 2 + 3\n}\n".repeat(1_000);
        let list = format!("[{}]\n{rules}", vec!["a.b + 1"; 20_000].join(", "));
        assert_eq!(message(&list), None);
        assert_eq!(message(&format!("{}1{}", "[".repeat(200), "]".repeat(200))), None);
    }
}
