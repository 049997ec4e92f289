//! One mistake is one problem, whichever field holds it.

use serde_json::{Value, json};

use super::*;

/// A valid document of every kind, with every field that it reads.
fn documents() -> Vec<Value> {
    let ours = |kind: &str, spec: Value| json!({"apiVersion": "driftless.dev/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec});
    let acl = json!({"type": "allow", "hosts": ["*"], "resource": {"type": "topic", "name": "a", "patternType": "prefix"}, "operations": ["Read"]});
    let quotas =
        json!({"producerByteRate": 1, "consumerByteRate": 2, "requestPercentage": 50, "controllerMutationRate": 10});
    let groups = json!([{
        "name": "a", "interval": "1m", "query_offset": "1m", "limit": 1, "labels": {"a": "b"},
        "rules": [
            {"record": "a", "expr": "up", "labels": {"a": "b"}},
            {"alert": "A", "expr": "up", "for": "5m", "keep_firing_for": "5m", "labels": {"a": "b"}, "annotations": {"a": "b"}},
        ],
    }]);
    vec![
        json!({"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaTopic", "metadata": {"name": "a"},
            "spec": {"topicName": "b", "partitions": 3, "replicas": 3, "config": {"retention.ms": 1, "cleanup.policy": "delete"}}}),
        json!({"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaUser",
        "metadata": {"name": "a", "annotations": {"driftless.dev/scram-mechanisms": "SCRAM-SHA-512", "driftless.dev/scram-iterations": "8192"}},
        "spec": {
            "authentication": {"type": "scram-sha-512", "password": {"valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}},
            "authorization": {"type": "simple", "acls": [{"type": "allow", "host": "*", "resource": acl["resource"], "operations": ["Read"]}]},
            "quotas": quotas,
        }}),
        ours("KafkaAcl", json!({"principals": ["User:a"], "rules": [acl]})),
        ours("KafkaQuota", json!({"entity": {"user": "a", "clientId": "b"}, "quotas": quotas})),
        ours("KafkaQuota", json!({"entity": {"ip": "10.0.0.1"}, "quotas": {"connectionCreationRate": 1}})),
        ours(
            "KafkaClusterConfig",
            json!({"default": {"log.cleaner.threads": 2}, "brokers": {"1": {"log.cleaner.threads": 4}}}),
        ),
        ours("Approval", json!({"actions": ["topic/a/delete"], "reason": "b", "expires": "2026-12-31"})),
        ours(
            "PolicyException",
            json!({"rules": ["a"], "resources": ["topic/a"], "reason": "b", "expires": "2026-12-31"}),
        ),
        json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "a"}, "spec": {"groups": groups}}),
        json!({"groups": groups}),
    ]
}

/// Returns the pointers of everything below a value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (key, value) in children {
        let pointer = format!("{at}/{key}");
        found.push(pointer.clone());
        pointers(value, &pointer, found);
    }
}

#[test]
fn a_value_of_another_type_is_one_problem_in_every_field_of_every_kind() {
    let mut wrong = Vec::new();
    for document in documents() {
        assert_eq!(load_text(&document.to_string()).1, Vec::<String>::new(), "{document}");
        let mut places = Vec::new();
        pointers(&document, "", &mut places);
        for place in places {
            let mut broken = document.clone();
            let value = broken.pointer_mut(&place).expect("it is there");
            *value = if value.is_object() || value.is_array() { json!("x") } else { json!({"x": [[1]]}) };
            let problems = load_text(&broken.to_string()).1;
            // Without a kind it is somebody else's document; labels may be anything.
            let is_free = matches!(place.as_str(), "/apiVersion" | "/kind" | "/groups");
            if problems.len() != 1 && !is_free {
                wrong.push(format!("{} {place}: {problems:#?}", document["kind"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_misspelt_field_is_one_problem_in_every_kind() {
    let mut wrong = Vec::new();
    for document in documents() {
        let mut places = Vec::new();
        pointers(&document, "", &mut places);
        for place in places {
            let (parent, key) = place.rsplit_once('/').expect("a pointer");
            // What kind it is decides who reads it; the keys of these maps may be anything.
            let is_free = matches!(place.as_str(), "/apiVersion" | "/kind" | "/groups" | "/spec/groups")
                || ["labels", "annotations", "default", "brokers"].iter().any(|map| parent.ends_with(map))
                || parent.contains("/brokers/");
            let mut broken = document.clone();
            let Some(Value::Object(map)) = broken.pointer_mut(parent).filter(|_| !is_free && key.len() > 2) else {
                continue;
            };
            let value = map.remove(key).expect("it is there");
            map.insert(format!("{key}x"), value);
            let problems = load_text(&broken.to_string()).1;
            if problems.len() != 1 {
                wrong.push(format!("{} {place}: {problems:#?}", document["kind"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
