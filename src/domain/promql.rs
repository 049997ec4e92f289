//! PromQL, as `promql-parser` reads it, within bounds that its recursion can bear.
//!
//! `source` respells what the parser misreads; `check` says what Prometheus will say; `canonical` gives one spelling to
//! what means the same; `selectors` lists what an expression asks for.

use std::sync::LazyLock;

use promql_parser::parser::Expr;
use regex::Regex;

mod canonical;
mod check;
mod selectors;
mod source;

pub(crate) use canonical::as_old_prometheus_prints;
pub use canonical::canonical;
pub(crate) use check::check;
pub use selectors::{ParsedExpression, parse_for_policy};

/// The most operators and brackets of one expression. The largest of well-known rule sets have about a hundred.
const MAX_PARTS: usize = 1_500;

/// The deepest nesting of brackets.
const MAX_NESTING: usize = 100;

/// Parses PromQL. An expression is a tree as deep as it has operators, and the parser and everybody after it walk it by
/// recursion; so what is absurdly large is refused, and so is a duration beyond the parser's range, on which it panics
/// (`up[99999999999999999999]`, `up offset 1e30`). Should it panic all the same, that is an error like any other.
fn parse(expression: &str) -> Result<Expr, String> {
    let size = measure(expression);
    if size.parts > MAX_PARTS || size.nesting > MAX_NESTING {
        return Err("it has too many operators, or brackets nested too deeply".to_owned());
    }
    if has_absurd_duration(expression) {
        return Err("a duration is out of range".to_owned());
    }
    let parse = || promql_parser::parser::parse(&source::for_parser(expression)?);
    std::panic::catch_unwind(parse).unwrap_or_else(|_| Err("its numbers are out of bounds".to_owned()))
}

/// Says whether a number in brackets or after `offset` or `@` is beyond what nanoseconds in 64 bits can hold.
fn has_absurd_duration(expression: &str) -> bool {
    const MOST_SECONDS: f64 = 9.2e9;
    static NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)(?:\[[^\]]*|(?:offset|@)\s*[-+]?\s*[0-9][0-9a-z.+_-]*)").expect("a regular expression")
    });
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)0x[0-9a-f]+|[0-9][0-9_]*(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?").expect("a regular expression")
    });
    let code = source::without_strings(expression);
    NUMBERS.find_iter(&code).flat_map(|place| NUMBER.find_iter(place.as_str())).any(|number| {
        let text = number.as_str().replace('_', "");
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(hex) => u64::from_str_radix(hex, 16).is_ok_and(|value| value > 9_200_000_000) || hex.len() > 16,
            None => text.parse::<f64>().is_ok_and(|value| value > MOST_SECONDS),
        }
    })
}

struct Size {
    parts: usize,
    nesting: usize,
}

/// Counts what makes the syntax tree deep, outside strings and comments.
fn measure(expression: &str) -> Size {
    let (mut parts, mut nesting, mut depth) = (0, 0, 0_usize);
    let mut bytes = expression.bytes().peekable();
    let mut word = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            word.push(byte.to_ascii_lowercase());
            continue;
        }
        if matches!(word.as_slice(), b"and" | b"or" | b"unless" | b"atan2" | b"offset") {
            parts += 1;
        }
        word.clear();
        match byte {
            b'"' | b'\'' | b'`' => {
                while let Some(inner) = bytes.next() {
                    if inner == b'\\' && byte != b'`' {
                        bytes.next();
                    } else if inner == byte {
                        break;
                    }
                }
            }
            b'#' => while bytes.next().is_some_and(|inner| inner != b'\n') {},
            b'(' | b'[' | b'{' => {
                parts += 1;
                depth += 1;
                nesting = nesting.max(depth);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'=' | b'!' | b'<' | b'>' => parts += 1,
            _ => {}
        }
    }
    Size { parts, nesting }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_durations_are_errors_and_large_numbers_are_not() {
        for absurd in
            ["up[99999999999999999999]", "up offset 1e30", "up[1e30s:5m]", "up @ 1e300", "up[0xffffffffffffffff]"]
        {
            assert!(parse(absurd).is_err(), "{absurd}");
        }
        for fine in [
            "up > 1e30",
            "rate(http_requests_total{code=~\"5[0-9]{2}\"}[5m]) > 99999999999",
            "up offset 1y",
            "up @ 1609746000",
            "rate(up{account=\"a@123456789012\", text=\"[\", id=\"99999999999\"}[5m])",
        ] {
            assert!(parse(fine).is_ok(), "{fine}: {:?}", parse(fine).err());
        }
    }

    #[test]
    fn huge_expressions_are_refused_before_they_exhaust_the_stack() {
        for (open, close) in [("(", ")"), ("-", ""), ("1+", ""), ("1 or ", ""), ("abs(", ")"), ("x^", "")] {
            let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            assert!(parse(&deep).is_err(), "{open}");
            assert_eq!(canonical(&deep), deep);
        }
        for widest in [("1+", "1"), ("1^", "1"), ("x or ", "x")].map(|(part, end)| part.repeat(MAX_PARTS) + end) {
            assert!(check(&widest).is_ok());
            assert_ne!(canonical(&widest), "");
        }
        let deepest = format!("{}1{}", "(".repeat(MAX_NESTING), ")".repeat(MAX_NESTING));
        assert_eq!(canonical(&format!(" {deepest}")), deepest);
    }
}
