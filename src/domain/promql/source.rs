//! PromQL as `promql-parser` can read it.
//!
//! The parser takes a backslash in a raw string for an escape, and compiles regular expressions with Rust's `regex`,
//! which differs from Go's in a few places; it does not know `1_000`. These are respelled before parsing, to what means
//! the same; every other expression stays as it is. What Go would not compile is refused here.

use std::borrow::Cow;
use std::collections::BTreeSet;

use promql_parser::util::{escape_string, unquote_string};

use crate::domain::go_regex;

/// Respells strings and numbers where that is needed. The error says which regular expression Go refuses, and why.
pub(super) fn for_parser(expression: &str) -> Result<Cow<'_, str>, String> {
    let mut respelled = String::new();
    let mut copied = 0;
    let mut at = 0;
    let mut after_match = false;
    let bytes = expression.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'#' => at += expression[at..].find('\n').unwrap_or(expression.len() - at),
            quote @ (b'"' | b'\'' | b'`') => {
                let Some(length) = string_length(&expression[at..], quote) else { break };
                let literal = &expression[at..at + length];
                if let Some(other) = respell(literal, after_match)? {
                    respelled.push_str(&expression[copied..at]);
                    respelled.push_str(&other);
                    copied = at + length;
                }
                at += length;
                after_match = false;
            }
            b'=' | b'!' if bytes.get(at + 1) == Some(&b'~') => {
                after_match = true;
                at += 2;
            }
            byte if byte.is_ascii_alphanumeric() || b"_:.".contains(&byte) => {
                let rest = &expression[at..];
                let is_word = |sign: char| sign.is_ascii_alphanumeric() || "_:.".contains(sign);
                let word = &rest[..rest.find(|sign| !is_word(sign)).unwrap_or(rest.len())];
                if let Some(plain) = without_underscores(word) {
                    respelled.push_str(&expression[copied..at]);
                    respelled.push_str(&plain);
                    copied = at + word.len();
                }
                at += word.len();
                after_match = false;
            }
            byte => {
                after_match &= byte.is_ascii_whitespace();
                at += 1;
            }
        }
    }
    if copied == 0 {
        return Ok(Cow::Borrowed(expression));
    }
    respelled.push_str(&expression[copied..]);
    Ok(Cow::Owned(respelled))
}

/// What an expression is to a parser of an earlier Prometheus.
pub(crate) struct Older {
    /// The expression with the newer syntax taken out or renamed. Not the same expression any more: good only for checking
    /// the rest of it.
    pub(crate) expression: String,
    /// What was there, as people write it.
    pub(crate) newer: BTreeSet<&'static str>,
    /// Whether it needs the feature flag for extended range selectors.
    pub(crate) extended_ranges: bool,
}

/// Takes out what Prometheus 3 has and `promql-parser` does not: the operators `</` and `>/`, and `anchored` and `smoothed`,
/// which are modifiers after a range and everywhere else names. `None` when there is nothing of that.
pub(crate) fn without_newer_syntax(expression: &str) -> Option<Older> {
    let mut older =
        Older { expression: String::with_capacity(expression.len()), newer: BTreeSet::new(), extended_ranges: false };
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' | '`' => string_length(rest, rest.as_bytes()[0]).unwrap_or(rest.len()),
            '<' | '>' if rest[1..].starts_with('/') => {
                older.newer.insert(if first == '<' { "</" } else { ">/" });
                older.expression.push(first);
                rest = &rest[2..];
                continue;
            }
            _ if first.is_ascii_alphabetic() || first == '_' => {
                let is_word = |sign: char| sign.is_ascii_alphanumeric() || "_:".contains(sign);
                rest.find(|sign| !is_word(sign)).unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        let (part, after) = rest.split_at(length);
        rest = after;
        match ["anchored", "smoothed"].into_iter().find(|word| part.eq_ignore_ascii_case(word)) {
            Some(word) => {
                older.newer.insert(word);
                if older.expression.trim_end().ends_with(']') {
                    older.extended_ranges = true;
                } else {
                    older.expression.push_str(word);
                    older.expression.push('_');
                }
            }
            None => older.expression.push_str(part),
        }
    }
    (!older.newer.is_empty()).then_some(older)
}

/// The expression with every string empty, and without comments.
pub(super) fn without_strings(expression: &str) -> String {
    let mut code = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(at) = rest.find(['#', '"', '\'', '`']) {
        code.push_str(&rest[..at]);
        let length = match rest.as_bytes()[at] {
            b'#' => rest[at..].find('\n'),
            quote => {
                code.push_str("\"\"");
                string_length(&rest[at..], quote)
            }
        };
        rest = &rest[at + length.unwrap_or(rest.len() - at)..];
    }
    code.push_str(rest);
    code
}

/// The length of the string that the text starts with, quotes included; `None` when it does not end.
fn string_length(text: &str, quote: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            byte if byte == quote => return Some(at + 1),
            b'\\' if quote != b'`' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// The number of a word such as `1_000` or `0xFF_FF`, where each underscore stands between two digits.
fn without_underscores(word: &str) -> Option<String> {
    let is_fine = word.starts_with(|first: char| first.is_ascii_digit())
        && word.contains('_')
        && word.split('_').all(|part| {
            part.starts_with(|sign: char| sign.is_ascii_hexdigit())
                && part.ends_with(|sign: char| sign.is_ascii_hexdigit())
        });
    let plain = word.replace('_', "");
    let is_number = match plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).is_ok(),
        None => plain.parse::<f64>().is_ok(),
    };
    (is_fine && is_number).then_some(plain)
}

fn respell(literal: &str, is_regex: bool) -> Result<Option<String>, String> {
    let is_misread = literal.starts_with('`') && literal.contains('\\');
    if !(is_regex || is_misread) {
        return Ok(None);
    }
    // What is wrong with the string itself, the parser says better.
    let Ok(value) = unquote_string(literal) else { return Ok(None) };
    let other = match is_regex {
        true => go_regex::for_rust(&value).map_err(|reason| format!("illegal regex for {value}: {reason}"))?,
        false => Cow::Borrowed(value.as_str()),
    };
    let is_fine = matches!(other, Cow::Borrowed(_)) && !is_misread;
    Ok((!is_fine).then(|| format!("\"{}\"", escape_string(&other))))
}

#[cfg(test)]
mod tests {
    use super::{for_parser, without_strings};

    #[test]
    fn strings_and_comments_can_be_left_out() {
        for (expression, code) in [
            ("up{a=\"x\\\"[\", b='`'}[5m] # [1\n> 1", "up{a=\"\", b=\"\"}[5m] \n> 1"),
            ("up{a=`\\`} # end", "up{a=\"\"} "),
            ("up{a=\"open", "up{a=\"\""),
        ] {
            assert_eq!(without_strings(expression), code);
        }
    }

    #[test]
    fn only_what_the_parser_misreads_is_respelled() {
        for (expression, respelled) in [
            ("up == 0", "up == 0"),
            ("up{a=~\"x.*\", b!~'y', c=`z`} # =~ `\\.`", "up{a=~\"x.*\", b!~'y', c=`z`} # =~ `\\.`"),
            ("up{a=`\\.`}", "up{a=\"\\\\.\"}"),
            ("up{a=~ `\\w+` , b=\"`\\\\\"} > 0", "up{a=~ \"\\\\w+\" , b=\"`\\\\\"} > 0"),
            ("up{a=~\"[\\\\w-.]+\"}", "up{a=~\"[\\\\w\\\\-.]+\"}"),
            ("up{a=\"[\\\\w-.]+\"}", "up{a=\"[\\\\w-.]+\"}"),
            ("up{a=~\"", "up{a=~\""),
            ("a_1:x_2 > 1_000.5 + 0xF_F - b_3 + 1__0 + 5_m", "a_1:x_2 > 1000.5 + 0xFF - b_3 + 1__0 + 5_m"),
            ("up{a=~\"\\q\"}", "up{a=~\"\\q\"}"),
        ] {
            assert_eq!(for_parser(expression).as_deref(), Ok(respelled));
        }
        assert!(for_parser("up{a=~\"x**\"}").is_err());
        assert!(for_parser("up{a=\"x**\"}").is_ok());
    }
}
