//! Values of configs: how Kafka reads, bounds and compares them.

use std::collections::BTreeSet;

use super::{ConfigDefinition, ConfigType};
use crate::domain::nearest::nearest;

/// Says why Kafka would refuse the value, in words that fit after "the value is not valid: ".
pub(super) fn check_value(definition: &ConfigDefinition, value: &str) -> Result<(), String> {
    const LONGEST: usize = 32_767; // A string of the protocol (K: ConfigurationControlManager).
    if value.len() > LONGEST {
        return Err(format!("it has {} bytes, and Kafka takes at most {LONGEST}", value.len()));
    }
    let trimmed = java_trim(value);
    match definition.kind {
        ConfigType::Boolean if parse_boolean(value).is_none() => Err("it must be `true` or `false`".into()),
        ConfigType::Short => check_integer(value, i64::from(i16::MIN), i64::from(i16::MAX)),
        ConfigType::Int(low, high) | ConfigType::Long(low, high) => {
            check_integer(value, low, high)?;
            if definition.key == "compression.gzip.level" && parse_integer(value) == Some(0) {
                return Err("it must be 1 to 9, or -1".into());
            }
            Ok(())
        }
        ConfigType::Double(low, high) => match parse_double(value) {
            None => Err("it must be a number".into()),
            Some(number) if !(low..=high).contains(&number) => {
                Err(format!("it must be {}", range_text(low, high, (f64::MIN, f64::MAX))))
            }
            Some(_) => Ok(()),
        },
        ConfigType::Choice(words) if !words.contains(&trimmed) => Err(choice_text(trimmed, words)),
        ConfigType::Set(words) => match split_list(value).into_iter().find(|word| !words.contains(word)) {
            Some(word) => Err(choice_text(word, words)),
            None => Ok(()),
        },
        ConfigType::ThrottledReplicas if !is_throttled_replicas(value) => {
            Err("it must be `*`, or `partition:broker` pairs with commas between".into())
        }
        ConfigType::Boolean
        | ConfigType::Text
        | ConfigType::Choice(_)
        | ConfigType::List
        | ConfigType::ThrottledReplicas
        | ConfigType::Password => Ok(()),
    }
}

fn check_integer(value: &str, low: i64, high: i64) -> Result<(), String> {
    match parse_integer(value) {
        Some(number) if (i128::from(low)..=i128::from(high)).contains(&number) => Ok(()),
        Some(_) => Err(format!("it must be {}", range_text(low, high, (i64::MIN, i64::MAX)))),
        None => Err(match parse_double(value) {
            // Java takes `7d` for the double 7, which is not what its author meant.
            Some(number)
                if number.fract() == 0.0
                    && number.abs() < 1e18
                    && value.trim_end().ends_with(|sign: char| sign.is_ascii_digit()) =>
            {
                format!("it must be a whole number in plain digits, such as `{number}`")
            }
            Some(_) | None => "it must be a whole number (Kafka knows no units such as `7d` or `1GB`)".into(),
        }),
    }
}

/// Says which numbers are taken; a bound that is merely the `ends` of its type is left out.
fn range_text<T: PartialEq + std::fmt::Display>(low: T, high: T, ends: (T, T)) -> String {
    match (low == ends.0, high == ends.1) {
        (_, true) => format!("at least {low}"),
        (true, false) => format!("at most {high}"),
        (false, false) => format!("{low} to {high}"),
    }
}

fn choice_text(word: &str, words: &[&str]) -> String {
    let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match (word, nearest(word, words.iter().copied())) {
        ("none", _) if words.contains(&"uncompressed") => {
            format!("it must be one of {list}; Kafka calls no compression `uncompressed`")
        }
        (_, Some(meant)) => format!("it must be one of {list}; `{meant}` is nearest"),
        (_, None) => format!("it must be one of {list}"),
    }
}

/// Compares two values by meaning. Without a definition only the same text means the same.
pub(super) fn same_value(definition: Option<&ConfigDefinition>, left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    let Some(definition) = definition else { return false };
    match definition.kind {
        ConfigType::Boolean => both(left, right, parse_boolean),
        ConfigType::Short | ConfigType::Int(..) | ConfigType::Long(..) => both(left, right, parse_integer),
        ConfigType::Double(..) => both(left, right, parse_double),
        ConfigType::Text | ConfigType::Choice(_) => java_trim(left) == java_trim(right),
        ConfigType::List => split_list(left) == split_list(right),
        ConfigType::Set(_) | ConfigType::ThrottledReplicas => {
            let set = |value| split_list(value).into_iter().collect::<BTreeSet<_>>();
            set(left) == set(right)
        }
        ConfigType::Password => false,
    }
}

fn both<T: PartialEq>(left: &str, right: &str, parse: fn(&str) -> Option<T>) -> bool {
    parse(left).zip(parse(right)).is_some_and(|(left, right)| left == right)
}

/// Cuts what Java's `trim` cuts: everything up to U+0020 at both ends.
fn java_trim(value: &str) -> &str {
    value.trim_matches(|c: char| c <= ' ')
}

fn parse_boolean(value: &str) -> Option<bool> {
    let value = java_trim(value);
    if value.eq_ignore_ascii_case("true") {
        Some(true)
    } else if value.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Reads what Java's `parseLong` reads: a sign and decimal digits, nothing else.
pub(super) fn parse_integer(value: &str) -> Option<i128> {
    let value = java_trim(value);
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { value.parse().ok() } else { None }
}

/// Reads what Java's `parseDouble` reads, hexadecimal forms aside.
fn parse_double(value: &str) -> Option<f64> {
    let value = java_trim(value);
    let digits = value.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(value);
    let numeric = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if numeric { digits.parse().ok() } else { None }
}

/// Splits as Kafka does; an empty text is an empty list.
pub(super) fn split_list(value: &str) -> Vec<&str> {
    let value = java_trim(value);
    if value.is_empty() { Vec::new() } else { value.split(',').map(java_trim).collect() }
}

fn is_throttled_replicas(value: &str) -> bool {
    let parts = split_list(value);
    parts == ["*"]
        || parts.iter().all(|part| {
            part.split_once(':').is_some_and(|(partition, broker)| {
                [partition, broker].iter().all(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
            })
        })
}
