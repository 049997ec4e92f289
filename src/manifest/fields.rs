//! Reading maps strictly: unknown fields, missing fields and wrong types become problems, and reading goes on.

use std::collections::BTreeMap;

use crate::domain::nearest::nearest;

use super::codes::Code;
use super::node::{Entry, Node, ScalarKind, Span, Value};
use super::sink::Sink;
use super::yaml::shorten;

/// A map whose fields are known.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'n> {
    node: &'n Node,
    entries: &'n [Entry],
    what: &'n str,
    /// The fields that may be here; empty where others may be too.
    allowed: &'n [&'n str],
}

impl<'n> Fields<'n> {
    /// Opens a map; reports fields outside `allowed`. `what` names it in messages, such as `spec.authentication`.
    pub(crate) fn open(node: &'n Node, what: &'n str, allowed: &'n [&'n str], sink: &mut Sink) -> Option<Self> {
        let fields = Self { allowed, ..Self::open_loose(node, what, sink)? };
        for entry in fields.entries.iter().filter(|entry| !allowed.contains(&&*entry.key)) {
            report_unknown(entry, what, allowed, sink);
        }
        Some(fields)
    }

    /// Opens a map of which only some fields matter.
    pub(crate) fn open_loose(node: &'n Node, what: &'n str, sink: &mut Sink) -> Option<Self> {
        match &node.value {
            Value::Mapping(entries) => Some(Self { node, entries, what, allowed: &[] }),
            Value::Scalar(_) | Value::Sequence(_) => {
                wrong_type(node, what, "a map", sink);
                None
            }
        }
    }

    /// Opens a map that holds more than what matters here; reports fields that are nearly one of `meant`.
    pub(crate) fn open_near(node: &'n Node, what: &'n str, meant: &'n [&'n str], sink: &mut Sink) -> Option<Self> {
        let fields = Self { allowed: meant, ..Self::open_loose(node, what, sink)? };
        let unknown = fields.entries.iter().filter(|entry| !meant.contains(&&*entry.key));
        for entry in unknown.filter(|entry| nearest(&entry.key, meant.iter().copied()).is_some()) {
            report_unknown(entry, what, meant, sink);
        }
        Some(fields)
    }

    /// Returns a field; null counts as absent, as in Kubernetes.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| &*entry.key == key).map(|entry| &entry.value).filter(|value| !value.is_null())
    }

    /// Returns a field, or reports that it is missing.
    pub(crate) fn require(&self, key: &str, sink: &mut Sink) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() && !self.is_misspelt(key) {
            sink.error(Code::MissingField, self.node.span, format!("{} needs `{key}`", self.what), None);
        }
        found
    }

    /// Says whether a field is there that was reported as a misspelling of this one: that it is missing is the same mistake.
    pub(crate) fn is_misspelt(&self, key: &str) -> bool {
        let unknown = self.entries.iter().filter(|entry| !self.allowed.contains(&&*entry.key));
        unknown.into_iter().any(|entry| nearest(&entry.key, self.allowed.iter().copied()) == Some(key))
    }

    pub(crate) fn span(&self) -> Span {
        self.node.span
    }
}

fn report_unknown(entry: &Entry, what: &str, allowed: &[&str], sink: &mut Sink) {
    if sink.is_full() {
        return;
    }
    let suggestion = nearest(&entry.key, allowed.iter().copied());
    // A line such as `password hunter2` becomes a key: only what looks like a field's name is repeated.
    let looks_like_a_name =
        entry.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b'$'));
    let repeat = suggestion.is_some() || (looks_like_a_name && !may_hold_secrets(what));
    let message = match repeat {
        true => format!("{what} has no field `{}`", shorten(&entry.key)),
        false => format!("{what} has a field that does not exist"),
    };
    let help = match suggestion {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if allowed.len() <= 12 => format!("its fields are {}", list(allowed)),
        None => "remove it".to_owned(),
    };
    sink.error(Code::UnknownField, entry.key_span, message, help);
}

/// Whether what stands in this map may be a secret by mistake, so that nothing of it is repeated.
fn may_hold_secrets(what: &str) -> bool {
    ["authentication", "password", "secretKeyRef", "valueFrom"].iter().any(|part| what.contains(part))
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Reports that a value has another type. Never repeats the value.
pub(crate) fn wrong_type(node: &Node, what: &str, wanted: &str, sink: &mut Sink) {
    let help = match (node.as_scalar().map(|scalar| scalar.kind), wanted) {
        (Some(ScalarKind::Boolean | ScalarKind::Integer | ScalarKind::Float), "a string") => {
            Some("put the value in quotes".to_owned())
        }
        (Some(ScalarKind::Text), "a whole number" | "a number" | "a boolean") => {
            Some("remove the quotes, and any unit".to_owned())
        }
        _ => None,
    };
    sink.error(Code::WrongType, node.span, format!("{what} must be {wanted}, and this is {}", node.type_name()), help);
}

/// Reads a string.
pub(crate) fn text<'n>(node: &'n Node, what: &str, sink: &mut Sink) -> Option<&'n str> {
    let text = node.as_text();
    if text.is_none() {
        wrong_type(node, what, "a string", sink);
    }
    text
}

/// Reads a string that must not be empty.
pub(crate) fn filled_text<'n>(node: &'n Node, what: &str, sink: &mut Sink) -> Option<&'n str> {
    let text = text(node, what, sink)?;
    if text.trim().is_empty() {
        sink.error(Code::MissingField, node.span, format!("{what} is empty"), None);
        return None;
    }
    Some(text)
}

/// Reads a whole number within bounds.
pub(crate) fn integer(node: &Node, what: &str, low: i64, high: i64, sink: &mut Sink) -> Option<i64> {
    let Some(value) = node.as_scalar().and_then(|scalar| scalar.integer()) else {
        wrong_type(node, what, "a whole number", sink);
        return None;
    };
    match i64::try_from(value) {
        Ok(value) if (low..=high).contains(&value) => Some(value),
        Ok(_) | Err(_) => {
            let bounds = if high == i64::MAX { format!("at least {low}") } else { format!("{low} to {high}") };
            sink.error(Code::OutOfBounds, node.span, format!("{what} must be {bounds}, and is {value}"), None);
            None
        }
    }
}

/// Reads a number.
pub(crate) fn number(node: &Node, what: &str, sink: &mut Sink) -> Option<f64> {
    let value = node.as_scalar().and_then(|scalar| scalar.float()).filter(|value| value.is_finite());
    if value.is_none() {
        wrong_type(node, what, "a number", sink);
    }
    value
}

/// Reads a list.
pub(crate) fn sequence<'n>(node: &'n Node, what: &str, sink: &mut Sink) -> Option<&'n [Node]> {
    let items = node.as_sequence();
    if items.is_none() {
        wrong_type(node, what, "a list", sink);
    }
    items
}

/// Reads a map of strings. An empty value is an empty string, as in Kubernetes.
pub(crate) fn text_map(node: &Node, what: &str, sink: &mut Sink) -> BTreeMap<String, String> {
    let Some(fields) = Fields::open_loose(node, what, sink) else { return BTreeMap::new() };
    let mut map = BTreeMap::new();
    for entry in fields.entries {
        if entry.value.is_null() {
            map.insert(entry.key.to_string(), String::new());
        } else if let Some(value) = entry.value.as_text() {
            map.insert(entry.key.to_string(), value.to_owned());
        } else {
            wrong_type(&entry.value, &format!("`{}` in {what}", shorten(&entry.key)), "a string", sink);
        }
    }
    map
}

/// Reads one of some words.
pub(crate) fn choice<T: Copy>(node: &Node, what: &str, words: &[(&str, T)], sink: &mut Sink) -> Option<T> {
    let word = text(node, what, sink)?;
    let found = words.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    if found.is_none() && !sink.is_full() {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let help = match nearest(word, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it is one of {}", list(&names)),
        };
        sink.error(Code::BadValue, node.span, format!("{what} cannot be `{}`", shorten(word)), help);
    }
    found
}
