//! Secrets that stand in clear where they must not. Values are looked at, never repeated.

use super::codes::Code;
use super::node::{Entry, Node, Value};
use super::sink::Sink;
use super::yaml::shorten;

/// Says whether a field of this name holds a secret.
pub(crate) fn is_secret_name(key: &str) -> bool {
    let from_its_end = key.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    ["password", "passwd", "passphrase", "jaasconfig", "privatekey", "secretaccesskey", "clientsecret"]
        .iter()
        .any(|word| word.bytes().rev().eq(from_its_end.clone().take(word.len())))
}

fn looks_like_jaas(text: &str) -> bool {
    let (module, password) = ("LoginModule", "password");
    text.len() >= module.len() + password.len() && text.contains(module) && text.contains(password)
}

/// Reports every secret in clear below `spec`, and JAAS lines anywhere.
pub(crate) fn refuse_clear_text(document: &Node, sink: &mut Sink) {
    for entry in document.as_mapping().into_iter().flatten() {
        search(entry, &*entry.key == "spec", sink);
    }
}

fn search(entry: &Entry, by_name: bool, sink: &mut Sink) {
    match &entry.value.value {
        Value::Mapping(entries) => {
            for inner in entries {
                search(inner, by_name, sink);
            }
            // `password: {value: ...}`, or any other text where only a reference belongs.
            if by_name && is_secret_name(&entry.key) {
                for inner in entries.iter().filter(|inner| &*inner.key != "valueFrom" && is_filled_scalar(&inner.value))
                {
                    refuse(&entry.key, &inner.value, sink);
                }
            }
        }
        Value::Sequence(items) => {
            for item in items {
                for inner in item.as_mapping().into_iter().flatten() {
                    search(inner, by_name, sink);
                }
                if item.as_text().is_some_and(looks_like_jaas) {
                    refuse(&entry.key, &entry.value, sink);
                }
            }
        }
        Value::Scalar(scalar) => {
            if (by_name && is_secret_name(&entry.key) && is_filled_scalar(&entry.value))
                || looks_like_jaas(&scalar.text)
            {
                refuse(&entry.key, &entry.value, sink);
            }
        }
    }
}

/// Says whether a node is text or a number, and not empty.
pub(crate) fn is_filled_scalar(node: &Node) -> bool {
    node.as_scalar().is_some_and(|scalar| !scalar.text.is_empty() && !node.is_null())
}

fn refuse(key: &str, value: &Node, sink: &mut Sink) {
    let help =
        "change this secret, since git keeps it for ever, and refer to it by `valueFrom.secretKeyRef`".to_owned();
    let message = format!("`{}` holds a secret in clear", shorten(key));
    sink.error(Code::ClearTextPassword, value.span, message, help);
}
