//! The shape of what rules see, from the JSON Schema of the documentation: which fields there can be.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../docs/reference/policy-input.schema.json")).expect("a test reads it")
});

/// What a value can be: one of several schemas.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape(Vec<&'static Value>);

/// What there is to say about a field.
pub(super) enum Field {
    /// It can be there, and has this shape.
    Known(Shape),
    /// Nothing is known about it.
    Open,
    /// It can never be there; these can.
    Missing(BTreeSet<&'static str>),
}

impl Shape {
    /// Returns the shape of `input` for rules over the whole.
    pub(super) fn whole() -> Self {
        Self(vec![&SCHEMA])
    }

    /// Returns the shape of a manifest of a kind, where it is certain.
    pub(super) fn manifest(kind: &str) -> Option<Self> {
        SCHEMA.get("$defs")?.get("manifests")?.get(kind).map(|schema| Self(vec![schema]))
    }

    /// Looks a field up by its name.
    pub(super) fn field(&self, name: &str) -> Field {
        let (mut found, mut known) = (Vec::new(), BTreeSet::new());
        for schema in self.alternatives() {
            let properties = schema.get("properties").and_then(Value::as_object);
            let kind = schema.get("type").and_then(Value::as_str);
            if let Some(field) = properties.and_then(|properties| properties.get(name)) {
                found.push(field);
                continue;
            }
            known.extend(properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str)));
            match (kind, schema.get("additionalProperties")) {
                (Some("object"), Some(Value::Bool(false))) => {}
                (Some("object"), Some(other @ Value::Object(_))) => found.push(other),
                (Some("array" | "string" | "number" | "integer" | "boolean" | "null"), _) => {}
                // An enum is a scalar; without a type anything can be there.
                (None, _) if schema.get("enum").is_some() => {}
                (Some(_) | None, _) => return Field::Open,
            }
        }
        if found.is_empty() { Field::Missing(known) } else { Field::Known(Self(found)) }
    }

    /// Returns the shape of what an index that is not known leads to.
    pub(super) fn element(&self) -> Option<Self> {
        let mut found = Vec::new();
        for schema in self.alternatives() {
            match schema.get("type").and_then(Value::as_str) {
                Some("array") => found.push(schema.get("items")?),
                Some("object") if schema.get("properties").is_none() => {
                    found.push(schema.get("additionalProperties").filter(|schema| schema.is_object())?);
                }
                Some("null") => {}
                Some(_) | None => return None,
            }
        }
        (!found.is_empty()).then_some(Self(found))
    }

    fn alternatives(&self) -> Vec<&'static Value> {
        let mut open: Vec<&'static Value> = self.0.clone();
        let mut found = Vec::new();
        while let Some(schema) = open.pop() {
            if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
                open.extend(name.strip_prefix('#').and_then(|pointer| SCHEMA.pointer(pointer)));
            } else if let Some(any) = schema.get("anyOf").and_then(Value::as_array) {
                open.extend(any);
            } else {
                found.push(schema);
            }
        }
        found
    }
}
