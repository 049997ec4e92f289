//! From what a rule returns to a [`Finding`].

use std::collections::BTreeSet;

use regorus::Value;

use super::error::PackError;
use super::rules::{Definition, RuleSet};
use crate::domain::desired::{DesiredState, Document};
use crate::domain::diagnostic::Severity;
use crate::domain::resource::ResourceId;
use crate::plan::types::{Finding, Waiver};

/// Code of everything that is wrong with policy itself.
pub(super) const POLICY_ERROR: &str = "policy-error";
/// Code of a parameter of the built-in pack that is of the wrong type.
pub(super) const PARAMETER_INVALID: &str = "policy-parameter-invalid";

/// Code of a parameter whose name is nearly that of one of the built-in pack.
pub(super) const PARAMETER_UNKNOWN: &str = "policy-parameter-unknown";

/// What a rule is judged with.
pub(super) struct Judged<'a> {
    pub(super) desired: &'a DesiredState,
    /// The manifest that was `input`; absent for rules over the whole.
    pub(super) document: Option<&'a Document>,
}

/// What a `PolicyException` is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Subject {
    /// The resource, or `Kind/name` of a manifest that is no resource of its own; absent when it is about neither.
    name: Option<String>,
    /// Whether the rule's METADATA says `custom.waivable: false`.
    pub(super) unwaivable: bool,
}

impl Subject {
    /// Returns what exceptions call it.
    pub(super) fn as_str(&self) -> &str {
        self.name.as_deref().unwrap_or("cluster")
    }
}

fn denies(code: &str, message: String, help: &str) -> Finding {
    Finding {
        code: code.to_owned(),
        severity: Severity::Deny,
        resource: None,
        message,
        location: None,
        rule: None,
        help: Some(help.to_owned()),
        waived: None,
    }
}

/// Makes the finding for a pack that is not good.
pub(super) fn pack_error(error: &PackError) -> Finding {
    let rule = error.place.as_ref().map(|place| format!("{}:{}", place.file, place.line));
    let at = rule.as_ref().map(|rule| format!(" at {rule}")).unwrap_or_default();
    Finding {
        location: error.place.clone(),
        rule,
        ..denies(
            POLICY_ERROR,
            format!("policy cannot be evaluated{at}: {}", error.message),
            "repair the rule; nothing is applied as long as policy cannot judge. Rego is read as version 1 (`opa check`, `opa fmt --v0-v1`)",
        )
    }
}

/// Makes the finding for an input that cannot be built.
pub(super) fn broken_input(error: &serde_json::Error) -> (Subject, Finding) {
    let message = format!("the input of policy cannot be built: {error}");
    (Subject::default(), denies(POLICY_ERROR, message, "this is a defect of driftless; please report it"))
}

/// Makes the finding for a parameter that is not what it must be.
pub(super) fn bad_parameter(environment: &str, name: &str, value: &serde_json::Value, wanted: &str) -> Finding {
    denies(
        PARAMETER_INVALID,
        format!("parameter `{name}` of environment `{environment}` is `{value}`, and must be {wanted}"),
        "correct it under `environments` in `driftless.yaml`",
    )
}

/// Makes the finding for a parameter that looks like one of the built-in pack and is none.
pub(super) fn unknown_parameter(environment: &str, name: &str, known: &str) -> Finding {
    Finding {
        severity: Severity::Warn,
        ..denies(
            PARAMETER_UNKNOWN,
            format!(
                "no built-in rule reads parameter `{name}` of environment `{environment}`; did you mean `{known}`?"
            ),
            "correct it under `environments` in `driftless.yaml`",
        )
    }
}

/// Turns the result of one rule into findings. `exempt` are the names that conftest's `exception` gave for the manifest.
///
/// Sets and arrays hold findings, as in conftest. conftest passes over whatever else a rule gives, which is a rule that never
/// refuses: here a string or an object with a message is a finding too, `false` is none, and the rest is an error.
pub(super) fn of_value(
    value: &Value,
    definitions: &[Definition],
    judged: &Judged<'_>,
    exempt: &BTreeSet<String>,
) -> Vec<(Subject, Finding)> {
    let Some(first) = definitions.first() else { return Vec::new() };
    let items: Vec<&Value> = match value {
        Value::Undefined | Value::Bool(false) => return Vec::new(),
        Value::Set(set) => set.iter().collect(),
        Value::Array(array) => array.iter().collect(),
        // `deny[key] := finding`.
        Value::Object(object) if message_of(value).is_none() => object.values().collect(),
        other => vec![other],
    };
    items.into_iter().map(|item| of_item(item, first, definitions, judged, exempt)).collect()
}

fn text_of(item: &Value, key: &str) -> Option<String> {
    match item {
        Value::Object(_) => item[key].as_string().ok().map(|text| text.to_string()),
        _ => None,
    }
}

fn message_of(item: &Value) -> Option<String> {
    match item {
        Value::String(message) => Some(message.to_string()),
        _ => text_of(item, "message").or_else(|| text_of(item, "msg")),
    }
}

/// Reads the result of conftest's `exception`, `exception[_][_]` in Rego: names of rules without the prefix of their kind.
pub(super) fn exempted(value: &Value) -> Vec<String> {
    fn inner(value: &Value) -> Vec<&Value> {
        match value {
            Value::Set(set) => set.iter().collect(),
            Value::Array(array) => array.iter().collect(),
            Value::Object(object) => object.values().collect(),
            _ => Vec::new(),
        }
    }
    let names = inner(value).into_iter().flat_map(inner);
    names.filter_map(|name| name.as_string().ok()).map(|name| name.to_string()).collect()
}

fn of_item(
    item: &Value,
    first: &Definition,
    definitions: &[Definition],
    judged: &Judged<'_>,
    exempt: &BTreeSet<String>,
) -> (Subject, Finding) {
    let text = |key: &str| text_of(item, key);
    let (Some(message), RuleSet::Finds(severity)) = (message_of(item), first.set) else {
        let message = format!("`{}` gives something that is neither a string nor an object with `msg`", first.name);
        return (Subject::default(), pack_error(&PackError::at(&first.file, first.line, message)));
    };
    let code = text("code");
    let definition = code
        .as_deref()
        .and_then(|code| definitions.iter().find(|definition| definition.code() == code))
        .unwrap_or(first);
    let (resource, name) = match judged.document {
        Some(document) => document_subject(&document.json()),
        None => (text("resource"), text("resource")),
    };
    let unwaivable = definition.metadata.custom.waivable == Some(false);
    let path = text("path").unwrap_or_default();
    let declared = resource
        .as_deref()
        .and_then(ResourceId::parse)
        .and_then(|id| judged.desired.field_location(&id, &path).cloned());
    let location = declared
        .filter(|_| judged.document.is_none() || !path.is_empty())
        .or_else(|| judged.document.map(|document| document.location.clone()));
    let waived = (!unwaivable && exempt.contains(first.exemption())).then(|| Waiver {
        exception: "exception".to_owned(),
        reason: format!("the `exception` rule of the policy exempts it from `{}`", first.name),
        expires: "never".to_owned(),
        days_left: None,
    });
    let finding = Finding {
        code: code.unwrap_or_else(|| definition.code()),
        severity,
        resource,
        message,
        location,
        rule: Some(definition.place()),
        help: text("help"),
        waived,
    };
    (Subject { name, unwaivable }, finding)
}

/// Returns the resource that a manifest declares, when it declares exactly one of its own name, and what exceptions see.
fn document_subject(document: &serde_json::Value) -> (Option<String>, Option<String>) {
    let text = |pointer: &str| document.pointer(pointer).and_then(serde_json::Value::as_str);
    let (Some(kind), Some(name)) = (text("/kind"), text("/metadata/name")) else { return (None, None) };
    let id = match kind {
        "KafkaTopic" => Some(format!("topic/{}", text("/spec/topicName").unwrap_or(name))),
        "KafkaUser" => Some(format!("user/{}", name.replace('%', "%25").replace('/', "%2F"))),
        _ => None,
    };
    let subject = id.clone().unwrap_or_else(|| format!("{kind}/{name}"));
    (id, Some(subject))
}
