//! The engine's own functions, where their answer is other than OPA's in some cases.

use std::collections::BTreeSet;

use regorus::unstable::{BUILTINS, Expr, Ref, Span};
use regorus::{Source, Value};

use super::calls::{MEMBER, PAIRS, PASSES};

/// Functions and the number of their arguments.
pub(super) const FUNCTIONS: [(&str, u8); 14] = [
    (MEMBER, 3),
    (PAIRS, 1),
    (PASSES, 2),
    ("json.filter", 2),
    ("json.is_valid", 1),
    ("json.patch", 2),
    ("json.remove", 2),
    ("net.cidr_expand", 1),
    ("semver.compare", 2),
    ("semver.is_valid", 1),
    ("units.parse", 1),
    ("units.parse_bytes", 1),
    ("uuid.parse", 1),
    ("yaml.is_valid", 1),
];

/// The most digits of an exponent that OPA takes in units.
const MOST_EXPONENT_DIGITS: usize = 6;

/// Calls one of them. The error fits behind the function's name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    if let (MEMBER, [key, value, collection]) = (name, arguments) {
        let found = match collection {
            Value::Set(set) => key == value && set.contains(value),
            Value::Array(_) | Value::Object(_) => collection[key] == *value && *value != Value::Undefined,
            _ => false,
        };
        return Ok(Value::from(found));
    }
    let [first, ..] = arguments else { return Err("expects an argument".to_owned()) };
    match (name, first) {
        // What is no text is not valid; the engine takes it for an error.
        ("json.is_valid" | "yaml.is_valid" | "semver.is_valid", other) if !matches!(other, Value::String(_)) => {
            Ok(Value::from(false))
        }
        // Several documents are valid, and the engine's own function takes one.
        ("yaml.is_valid", Value::String(text)) => {
            let documents: Result<Vec<serde_json::Value>, _> = serde_saphyr::from_multiple(text);
            Ok(Value::from(documents.is_ok()))
        }
        // Without an answer a rule would pass in silence; OPA takes a patch that cannot be applied for an error.
        ("json.patch", _) => match engines_own(name, arguments)? {
            Value::Undefined => Err("got a patch that cannot be applied".to_owned()),
            patched => Ok(patched),
        },
        ("net.cidr_expand", _) => match engines_own(name, arguments)? {
            Value::Array(hosts) => Ok(Value::from(hosts.iter().cloned().collect::<BTreeSet<_>>())),
            other => Ok(other),
        },
        ("units.parse" | "units.parse_bytes", Value::String(text)) if has_large_exponent(text) => {
            Err("got a number with an exponent that is too large".to_owned())
        }
        // `v1.2.3` is a version too.
        ("semver.compare" | "semver.is_valid", _) => {
            let plain = |value: &Value| match value {
                Value::String(text) => Value::from(text.strip_prefix('v').unwrap_or(text)),
                other => other.clone(),
            };
            engines_own(name, &arguments.iter().map(plain).collect::<Vec<_>>())
        }
        ("json.filter" | "json.remove", _) => match arguments {
            [document, paths] => engines_own(name, &[document.clone(), written_out(paths, name == "json.filter")]),
            _ => Err("expects two arguments".to_owned()),
        },
        (PASSES, document) => match (engines_own("walk", std::slice::from_ref(document))?, arguments) {
            (Value::Array(pairs), [_, pair]) => Ok(Value::from(pairs.contains(pair))),
            _ => Err("expects two arguments".to_owned()),
        },
        (PAIRS, _) => engines_own("walk", arguments),
        // Go takes 36 characters between any two others.
        ("uuid.parse", Value::String(text)) if text.len() == 38 && text.is_ascii() => {
            engines_own(name, &[Value::from(&text[1..37])])
        }
        _ => engines_own(name, arguments),
    }
}

/// Paths into a document as the engine takes them: without a slash in front, lists where something in them is escaped. What is `widest`
/// counts for a filter: `a` keeps all of `a`, whatever else is asked for below it.
fn written_out(paths: &Value, widest: bool) -> Value {
    let items: Vec<&Value> = match paths {
        Value::Array(list) => list.iter().collect(),
        Value::Set(set) => set.iter().collect(),
        other => return other.clone(),
    };
    if items.iter().any(|path| !matches!(path, Value::String(_) | Value::Array(_))) {
        return paths.clone();
    }
    let parts = |path: &Value| match path {
        Value::String(text) => {
            let parts = text.trim_start_matches('/').split('/');
            parts.map(|part| Value::from(part.replace("~1", "/").replace("~0", "~"))).collect()
        }
        Value::Array(parts) => parts.iter().cloned().collect(),
        other => vec![other.clone()],
    };
    let all: Vec<Vec<Value>> = items.into_iter().map(parts).collect();
    let is_covered = |path: &[Value]| all.iter().any(|other| other.len() < path.len() && path.starts_with(other));
    Value::from(all.iter().filter(|path| !widest || !is_covered(path)).cloned().map(Value::from).collect::<Vec<_>>())
}

fn has_large_exponent(text: &str) -> bool {
    text.char_indices().filter(|(_, sign)| matches!(sign, 'e' | 'E')).any(|(at, _)| {
        let rest = text[at + 1..].trim_start_matches(['+', '-']);
        rest.chars().take_while(char::is_ascii_digit).count() > MOST_EXPONENT_DIGITS
    })
}

/// Calls the function that the engine has under that name.
fn engines_own(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let (function, _) = BUILTINS.get(name).ok_or("is not there")?;
    let source = Source::from_contents("call".to_owned(), name.to_owned()).map_err(|error| error.to_string())?;
    let span = Span { source, line: 1, col: 1, start: 0, end: 0 };
    let parameter = |value: &Value| Ref::new(Expr::Null { span: span.clone(), value: value.clone(), eidx: 0 });
    let parameters: Vec<Ref<Expr>> = arguments.iter().map(parameter).collect();
    function(&span, &parameters, arguments, true).map_err(|error| {
        let text = error.to_string();
        text.rsplit("error: ").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(name: &str, arguments: serde_json::Value) -> Option<String> {
        let arguments: Vec<Value> = arguments.as_array().expect("a list").iter().cloned().map(Value::from).collect();
        call(name, &arguments).ok().map(|value| value.to_string())
    }

    #[test]
    fn answers_are_those_of_opa() {
        let op = |op: &str, path: &str| json!([{"a": 1}, [{"op": op, "path": path, "value": 2}]]);
        for (name, arguments, expected) in [
            ("json.is_valid", json!([1]), Some("false")),
            ("json.is_valid", json!(["{}"]), Some("true")),
            ("yaml.is_valid", json!(["a: 1\n---\nb: 2\n"]), Some("true")),
            ("yaml.is_valid", json!([[]]), Some("false")),
            ("semver.is_valid", json!([1]), Some("false")),
            ("semver.is_valid", json!(["v1.0.0"]), Some("true")),
            ("semver.compare", json!(["v1.0.0", "2.0.0"]), Some("-1")),
            ("json.remove", json!([{"a": {"b/c": 1, "d": 2}, "e": 3}, ["/a/b~1c", "/e"]]), Some("{\"a\":{\"d\":2}}")),
            ("json.filter", json!([{"a": {"b": 1, "d": 2}, "e": 3}, ["/a", "a/b"]]), Some("{\"a\":{\"b\":1,\"d\":2}}")),
            ("semver.is_valid", json!(["1.0.0"]), Some("true")),
            ("json.patch", op("replace", "/a"), Some("{\"a\":2}")),
            ("json.patch", op("replace", "/b/c"), None),
            ("units.parse", json!(["10K"]), Some("10000")),
            ("units.parse", json!(["1e1000000Ei"]), None),
            ("units.parse_bytes", json!(["1e-1000000"]), None),
            ("units.parse_bytes", json!([1]), None),
        ] {
            assert_eq!(answer(name, arguments.clone()).as_deref(), expected, "{name} {arguments}");
        }
        let hosts = call("net.cidr_expand", &[Value::from("10.0.0.0/31")]);
        assert!(hosts.is_ok_and(|hosts| hosts.as_set().is_ok_and(|hosts| hosts.len() == 2)));
        let braced = call("uuid.parse", &[Value::from("(00000000-0000-4000-8000-000000000000)")]);
        assert!(braced.is_ok_and(|parsed| parsed != Value::Undefined));
    }
}
