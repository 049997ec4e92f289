//! `input.desired.topicsBy` and `grantsBy`: where in `input.desired.topics` and `grants` those stand that say something, so that rules
//! look at few texts and not at ten thousand objects.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use regorus::Value;

use super::values::Values;

/// Positions, by text.
type Positions = HashMap<Arc<str>, Vec<Value>, RandomState>;

/// Gathers topics, as rules see them, by their fields: `partitions`, `replicas` and `config.KEY`. Numbers count as their text.
pub(in super::super) fn topics_by(topics: &Value, values: &mut Values) -> Value {
    let counts = ["partitions", "replicas"].map(|field| values.text(field));
    let config = values.text("config");
    let mut by_config: BTreeMap<&Value, Positions> = BTreeMap::new();
    for (position, topic) in objects(topics) {
        let config = topic.get(&config).and_then(|config| config.as_object().ok());
        for (key, text) in config.into_iter().flat_map(|all| all.iter()) {
            note(&mut by_config, key, text, position);
        }
    }
    let of_config = |key: &Value| format!("config.{}", key.as_string().map_or("", |key| &**key));
    let by_config: Vec<_> = by_config.into_iter().map(|(key, found)| (values.text(&of_config(key)), found)).collect();
    shown_by_field(by_fields(topics, &counts).chain(by_config))
}

/// Gathers grants, as rules see them, by those of their fields that say whose, on what and from where they are.
pub(in super::super) fn grants_by(grants: &Value, values: &mut Values) -> Value {
    let fields = ["host", "patternType", "principal", "resourceName", "resourceType"].map(|field| values.text(field));
    shown_by_field(by_fields(grants, &fields))
}

/// Gathers objects by what they say in these fields.
fn by_fields(all: &Value, fields: &[Value]) -> impl Iterator<Item = (Value, Positions)> + use<> {
    let mut by_field: BTreeMap<&Value, Positions> = BTreeMap::new();
    for (position, object) in objects(all) {
        for (field, text) in fields.iter().filter_map(|field| Some((field, object.get(field)?))) {
            note(&mut by_field, field, text, position);
        }
    }
    by_field.into_iter().map(|(field, found)| (field.clone(), found)).collect::<Vec<_>>().into_iter()
}

fn objects(all: &Value) -> impl Iterator<Item = (usize, &regorus::value::Object)> {
    let items = all.as_array().into_iter().flat_map(|items| items.iter()).enumerate();
    items.filter_map(|(position, item)| Some((position, item.as_object().ok()?)))
}

fn note<'v>(by_field: &mut BTreeMap<&'v Value, Positions>, field: &'v Value, text: &Value, position: usize) {
    by_field.entry(field).or_default().entry(text_of(text)).or_default().push(position.into());
}

fn shown_by_field(by_field: impl Iterator<Item = (Value, Positions)>) -> Value {
    Value::from(by_field.map(|(field, found)| (field, shown(found))).collect::<BTreeMap<_, _>>())
}

fn text_of(value: &Value) -> Arc<str> {
    match value {
        Value::String(text) => Arc::clone(text),
        other => other.to_string().into(),
    }
}

fn shown(positions: Positions) -> Value {
    let shown = positions.into_iter().map(|(text, found)| (Value::String(text), Value::from(found)));
    Value::from(shown.collect::<BTreeMap<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn topics_are_found_by_counts_and_configs_and_by_nothing_that_they_do_not_say() {
        let topics = Value::from(json!([
            {"name": "a", "partitions": 3, "replicas": 3, "config": {"retention.ms": "1", "cleanup.policy": "delete"}},
            {"name": "b", "replicas": 3, "config": {}},
            {"name": "c", "partitions": 12, "config": {"retention.ms": "1"}},
        ]));
        let expected = json!({
            "partitions": {"3": [0], "12": [2]},
            "replicas": {"3": [0, 1]},
            "config.retention.ms": {"1": [0, 2]},
            "config.cleanup.policy": {"delete": [0]},
        });
        assert_eq!(topics_by(&topics, &mut Values::default()), Value::from(expected));
        assert_eq!(topics_by(&Value::new_array(), &mut Values::default()), Value::new_object());
    }

    #[test]
    fn grants_are_found_by_whose_they_are_and_by_what_they_are_about() {
        let grant = |principal: &str, kind: &str, name: &str| {
            json!({
                "principal": principal, "resourceType": kind, "patternType": "literal", "resourceName": name,
                "host": "*", "management": "managed", "permission": "allow", "operations": {"Read": "x"},
            })
        };
        let grants = Value::from(json!([
            grant("User:a", "topic", "orders"),
            grant("User:a", "group", "orders"),
            grant("User:b", "topic", "orders"),
        ]));
        let expected = json!({
            "host": {"*": [0, 1, 2]},
            "patternType": {"literal": [0, 1, 2]},
            "principal": {"User:a": [0, 1], "User:b": [2]},
            "resourceName": {"orders": [0, 1, 2]},
            "resourceType": {"topic": [0, 2], "group": [1]},
        });
        assert_eq!(grants_by(&grants, &mut Values::default()), Value::from(expected));
        assert_eq!(grants_by(&Value::new_array(), &mut Values::default()), Value::new_object());
    }
}
