//! Functions on regular expressions as OPA has them, which are Go's: `\d`, `\w`, `\s` and `\b` know ASCII alone, and a pattern may
//! be larger than the engine lets it be.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use regex::{Regex, RegexBuilder};
use regorus::Value;

use crate::domain::go_regex;

/// Compiled patterns. Rules have few of them, and ask for each with every manifest.
static COMPILED: LazyLock<Mutex<BTreeMap<String, Regex>>> = LazyLock::new(|| Mutex::new(BTreeMap::new()));

/// The most patterns that are kept: a rule may make patterns of what it reads.
const MOST_KEPT: usize = 256;

/// The most memory of one compiled pattern. Go bounds repetitions instead, which is looked at before.
const LARGEST: usize = 8 * 1024 * 1024;

/// Functions and the number of their arguments.
pub(super) const FUNCTIONS: [(&str, u8); 7] = [
    ("re_match", 2),
    ("regex.find_all_string_submatch_n", 3),
    ("regex.find_n", 3),
    ("regex.is_valid", 1),
    ("regex.match", 2),
    ("regex.replace", 3),
    ("regex.split", 2),
];

/// Calls one of them. The error fits behind the function's name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let text = |at: usize| match arguments.get(at) {
        Some(Value::String(text)) => Ok(text.as_ref()),
        Some(_) | None => Err("expects strings".to_owned()),
    };
    if name == "regex.is_valid" {
        return Ok(Value::from(text(0).is_ok_and(|pattern| compiled(pattern).is_ok())));
    }
    if name == "regex.replace" {
        return Ok(Value::from(compiled(text(1)?)?.replace_all(text(0)?, text(2)?).as_ref()));
    }
    let (pattern, value) = (compiled(text(0)?)?, text(1)?);
    Ok(match name {
        "regex.find_n" => {
            let found = pattern.find_iter(value).take(most(arguments)?);
            Value::from(found.map(|found| Value::from(found.as_str())).collect::<Vec<_>>())
        }
        "regex.find_all_string_submatch_n" => {
            let groups = |found: regex::Captures<'_>| {
                let groups = found.iter().map(|group| Value::from(group.map_or("", |group| group.as_str())));
                Value::from(groups.collect::<Vec<_>>())
            };
            Value::from(pattern.captures_iter(value).take(most(arguments)?).map(groups).collect::<Vec<_>>())
        }
        "regex.split" => Value::from(split(&pattern, value).into_iter().map(Value::from).collect::<Vec<_>>()),
        _ => Value::from(pattern.is_match(value)),
    })
}

/// How many are wanted: all of them when the number is negative.
fn most(arguments: &[Value]) -> Result<usize, String> {
    let number = arguments.get(2).and_then(|number| number.as_i64().ok());
    let number = number.ok_or_else(|| "expects a whole number".to_owned())?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

/// Splits as Go does: a match of nothing at the start, or at the end, splits nothing off.
fn split<'t>(pattern: &Regex, text: &'t str) -> Vec<&'t str> {
    if text.is_empty() && !pattern.as_str().is_empty() {
        return vec![""];
    }
    let (mut parts, mut start, mut end) = (Vec::new(), 0, 0);
    for found in pattern.find_iter(text) {
        end = found.start();
        if found.end() != 0 {
            parts.push(&text[start..end]);
        }
        start = found.end();
    }
    if end != text.len() {
        parts.push(&text[start..]);
    }
    parts
}

/// Compiles a pattern of Go's, or takes it from those that are kept.
pub(super) fn compiled(pattern: &str) -> Result<Regex, String> {
    let mut kept = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = kept.get(pattern) {
        return Ok(regex.clone());
    }
    let respelled = go_regex::for_rust(pattern).map_err(|problem| format!("got an invalid pattern: {problem}"))?;
    let regex = RegexBuilder::new(&ascii(&respelled)).size_limit(LARGEST).build();
    let regex = regex.map_err(|problem| format!("got an invalid pattern: {problem}"))?;
    if kept.len() >= MOST_KEPT {
        kept.clear();
    }
    kept.insert(pattern.to_owned(), regex.clone());
    Ok(regex)
}

/// Writes `\d`, `\w`, `\s` and `\b` so that they know ASCII alone, as in Go. `\B` stays: the crate has no such form of it.
fn ascii(pattern: &str) -> String {
    const CLASSES: [(char, &str); 3] = [('d', "0-9"), ('w', "0-9A-Za-z_"), ('s', "\\t\\n\\f\\r ")];
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut depth = 0_usize;
    let mut signs = pattern.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => {
                let Some(escaped) = signs.next() else { break };
                let class = CLASSES.into_iter().find(|(name, _)| escaped.eq_ignore_ascii_case(name));
                match (class, depth) {
                    (Some((name, members)), 0) => {
                        let not = if escaped == name { "" } else { "^" };
                        out.push_str(&format!("[{not}{members}]"));
                    }
                    (Some((name, members)), _) if escaped == name => out.push_str(members),
                    (Some((_, members)), _) => out.push_str(&format!("[^{members}]")),
                    (None, 0) if escaped == 'b' => out.push_str("(?-u:\\b)"),
                    (None, _) => out.extend(['\\', escaped]),
                }
                continue;
            }
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        out.push(sign);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_know_ascii_alone_wherever_they_stand() {
        for (pattern, text, matches) in [
            (r"^\d+$", "12", true),
            (r"^\d+$", "٣", false),
            (r"^\D$", "٣", true),
            (r"^[\d.]+$", "1.2", true),
            (r"^[^\W_]+$", "ab1", true),
            (r"^[^\W_]+$", "ä", false),
            (r"^[[:alpha:]\s]+$", "a b", true),
            (r"(?i)^\w$", "\u{212a}", true),
            (r"\\d", r"\d", true),
            (r"^\[\d\]$", "[1]", true),
            (r"\bx", "äx", true),
            (r"^\S$", "\u{a0}", true),
            (r"^\pN$", "٣", true),
        ] {
            assert_eq!(compiled(pattern).map(|regex| regex.is_match(text)), Ok(matches), "{pattern} on {text}");
        }
        assert!(compiled("(").is_err());
        for number in 0..2 * MOST_KEPT {
            assert!(compiled(&number.to_string()).is_ok());
        }
    }
}
