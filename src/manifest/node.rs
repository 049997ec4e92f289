//! The tree that a YAML document becomes: every key and value with its place, scalars with their text.
//!
//! Plain scalars are resolved as Kubernetes' YAML library resolves them (YAML 1.1 booleans, `0` and `0o` octals,
//! underscores in numbers), because that is what Strimzi and Prometheus' operator get to see.

/// A place: the file's index in the load's table, line and column from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) file: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One entry of a mapping. Keys are text, as in JSON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Box<str>,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// A scalar: its text after escapes, and what Kubernetes takes it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: Box<str>,
    pub(crate) kind: ScalarKind,
}

/// What a scalar means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarKind {
    Null,
    Boolean,
    Integer,
    Float,
    Text,
}

impl Node {
    pub(crate) fn as_mapping(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            Value::Scalar(_) | Value::Sequence(_) => None,
        }
    }

    pub(crate) fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            Value::Scalar(_) | Value::Mapping(_) => None,
        }
    }

    pub(crate) fn as_scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The text of a scalar that is text, not a number or a boolean.
    pub(crate) fn as_text(&self) -> Option<&str> {
        self.as_scalar().filter(|scalar| scalar.kind == ScalarKind::Text).map(|scalar| &*scalar.text)
    }

    pub(crate) fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(|scalar| scalar.kind == ScalarKind::Null)
    }

    /// The entry of a mapping.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_mapping()?.iter().find(|entry| &*entry.key == key)
    }

    /// The value of a mapping's key; null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value).filter(|value| !value.is_null())
    }

    /// Names the type for messages, with its article. Never the value.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.value {
            Value::Mapping(_) => "a map",
            Value::Sequence(_) => "a list",
            Value::Scalar(scalar) => match scalar.kind {
                ScalarKind::Null => "null",
                ScalarKind::Boolean => "a boolean",
                ScalarKind::Integer => "a whole number",
                ScalarKind::Float => "a number",
                ScalarKind::Text => "a string",
            },
        }
    }

    /// The node as JSON, as Kubernetes would convert it. Depth is bounded by the parser.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Mapping(entries) => serde_json::Value::Object(
                entries.iter().map(|entry| (entry.key.to_string(), entry.value.to_json())).collect(),
            ),
            Value::Sequence(items) => serde_json::Value::Array(items.iter().map(Self::to_json).collect()),
            Value::Scalar(scalar) => scalar.to_json(),
        }
    }
}

impl Scalar {
    /// Resolves an untagged plain scalar.
    pub(crate) fn plain(text: &str) -> Self {
        Self { kind: resolve(text), text: text.into() }
    }

    /// Takes a quoted scalar, or one tagged as a string.
    pub(crate) fn text(text: &str) -> Self {
        Self { kind: ScalarKind::Text, text: text.into() }
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.kind {
            ScalarKind::Boolean => Some(matches!(self.text.as_bytes()[0], b't' | b'T' | b'y' | b'Y'))
                .map(|yes| yes || self.text.eq_ignore_ascii_case("on")),
            ScalarKind::Null | ScalarKind::Integer | ScalarKind::Float | ScalarKind::Text => None,
        }
    }

    /// The value of a whole number; also of a float without fraction, which JSON writes alike.
    pub(crate) fn integer(&self) -> Option<i128> {
        match self.kind {
            ScalarKind::Integer => parse_integer(&self.text),
            ScalarKind::Float => {
                let value = self.float()?;
                const EXACT: f64 = 9_007_199_254_740_992.0;
                (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i128)
            }
            ScalarKind::Null | ScalarKind::Boolean | ScalarKind::Text => None,
        }
    }

    /// The value of any number.
    pub(crate) fn float(&self) -> Option<f64> {
        match self.kind {
            ScalarKind::Integer => parse_integer(&self.text).map(|value| value as f64),
            ScalarKind::Float => match self.text.to_ascii_lowercase().as_str() {
                ".inf" | "+.inf" => Some(f64::INFINITY),
                "-.inf" => Some(f64::NEG_INFINITY),
                ".nan" => Some(f64::NAN),
                text => text.replace('_', "").parse().ok(),
            },
            ScalarKind::Null | ScalarKind::Boolean | ScalarKind::Text => None,
        }
    }

    fn to_json(&self) -> serde_json::Value {
        let number = match self.kind {
            ScalarKind::Null => return serde_json::Value::Null,
            ScalarKind::Boolean => return self.boolean().into(),
            ScalarKind::Text => return serde_json::Value::from(&*self.text),
            ScalarKind::Integer | ScalarKind::Float => self.integer().and_then(|value| {
                i64::try_from(value)
                    .map(serde_json::Number::from)
                    .or_else(|_| u64::try_from(value).map(Into::into))
                    .ok()
            }),
        };
        number
            .or_else(|| self.float().and_then(serde_json::Number::from_f64))
            .map_or_else(|| serde_json::Value::from(&*self.text), serde_json::Value::Number)
    }

    /// The text of a JSON key. Kubernetes writes whole numbers and booleans in their plain form.
    pub(crate) fn into_key_text(self) -> Box<str> {
        match self.kind {
            ScalarKind::Boolean => self.boolean().unwrap_or_default().to_string().into(),
            ScalarKind::Integer => self.integer().map_or(self.text, |value| value.to_string().into()),
            ScalarKind::Null | ScalarKind::Float | ScalarKind::Text => self.text,
        }
    }
}

fn resolve(text: &str) -> ScalarKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return ScalarKind::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" | "n" | "N" | "no" | "No"
        | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return ScalarKind::Boolean,
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN"
        | ".NAN" => return ScalarKind::Float,
        _ => {}
    }
    if !text.as_bytes()[0].is_ascii_digit() && !text.starts_with(['+', '-', '.']) {
        ScalarKind::Text
    } else if parse_integer(text).is_some() {
        ScalarKind::Integer
    } else if is_float(text) {
        ScalarKind::Float
    } else {
        ScalarKind::Text
    }
}

/// Reads a whole number as Go's `ParseInt` with base 0 does after underscores were removed.
fn parse_integer(text: &str) -> Option<i128> {
    if !text.as_bytes().first().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-')) {
        return None;
    }
    if !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok(); // Most numbers.
    }
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, plain.as_str()),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -value } else { value })
}

/// Matches `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?` after underscores were removed.
fn is_float(text: &str) -> bool {
    let plain = text.replace('_', "");
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa_fits && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_kubernetes_means() {
        for (text, json) in [
            ("", "null"),
            ("~", "null"),
            ("yes", "true"),
            ("On", "true"),
            ("n", "false"),
            ("OFF", "false"),
            ("True", "true"),
            ("tRUE", "\"tRUE\""),
            ("12", "12"),
            ("-12", "-12"),
            ("+12", "12"),
            ("1_000", "1000"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("017", "15"),
            ("018", "18"),
            ("0b101", "5"),
            ("0", "0"),
            ("1.50", "1.5"),
            (".5", "0.5"),
            ("1.", "1"),
            ("1e7", "10000000"),
            ("1.5e3", "1500"),
            ("1e-3", "0.001"),
            ("1.2.3", "\"1.2.3\""),
            ("7d", "\"7d\""),
            ("2026-12-31", "\"2026-12-31\""),
            ("12:30", "\"12:30\""),
            ("-", "\"-\""),
            (".", "\".\""),
            ("18446744073709551615", "18446744073709551615"),
            ("_1", "\"_1\""),
            ("1__0", "10"),
        ] {
            assert_eq!(Scalar::plain(text).to_json().to_string(), json, "{text}");
        }
        assert_eq!(Scalar::text("12").to_json().to_string(), "\"12\"");
    }
}
