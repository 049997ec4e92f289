//! What a cluster holds according to Kafka's own tools, and what a repository asks for according to a few lines of our
//! own: both as plain lines, so that a test compares two sets and a failure shows what differs.
//!
//! Nothing here uses the product's code: it is the second opinion.
#![allow(dead_code, reason = "each test uses the part that it needs")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::brokers::{KafkaEnv, PrometheusEnv};

/// Lines such as `topic orders: retention.ms=1000`.
pub(crate) type Facts = BTreeSet<String>;

/// Asks Kafka's tools what the cluster holds. Eight tools, two at a time.
pub(crate) fn of_cluster(kafka: &KafkaEnv) -> Facts {
    let describe = |args: &[&str]| kafka.tool(&[&["configs", "--describe"], args].concat());
    std::thread::scope(|scope| {
        let topics = scope.spawn(|| {
            let mut facts = topic_counts(&kafka.tool(&["topics", "--describe", "--exclude-internal"]));
            facts.extend(configs("topic", &describe(&["--entity-type", "topics"]), "DYNAMIC_TOPIC_CONFIG"));
            let default = describe(&["--entity-type", "brokers", "--entity-default"]);
            facts.extend(configs("broker", &default, "DYNAMIC_DEFAULT_BROKER_CONFIG"));
            let first = describe(&["--entity-type", "brokers", "--entity-name", "1"]);
            facts.extend(configs("broker", &first, "DYNAMIC_BROKER_CONFIG"));
            facts
        });
        let mut facts = acls(&kafka.tool(&["acls", "--list"]));
        for entity in [
            &["--entity-type", "users"][..],
            &["--entity-type", "clients"],
            &["--entity-type", "users", "--entity-type", "clients"],
            &["--entity-type", "ips"],
        ] {
            facts.extend(limits_and_credentials(&describe(entity)));
        }
        facts.extend(topics.join().expect("the tools answer"));
        facts
    })
}

/// Asks Prometheus which rules it has loaded.
pub(crate) fn of_prometheus(prometheus: &PrometheusEnv) -> Facts {
    let answer: Value = serde_json::from_str(&prometheus.get("/api/v1/rules")).expect("JSON");
    let groups = answer["data"]["groups"].as_array().expect("groups").clone();
    groups.iter().flat_map(|group| rules(group, |rule| rule["name"].as_str().expect("a name").to_owned())).collect()
}

fn rules(group: &Value, name: impl Fn(&Value) -> String) -> Vec<String> {
    let group_name = group["name"].as_str().expect("a group has a name");
    let of_group = group["rules"].as_array().expect("a group has rules");
    of_group.iter().map(|rule| format!("rule {group_name}: {}", name(rule))).collect()
}

fn topic_counts(text: &str) -> Facts {
    let mut facts = Facts::new();
    for line in text.lines().filter(|line| line.contains("PartitionCount:")) {
        let values: BTreeMap<&str, &str> = line.split('\t').filter_map(|part| part.split_once(": ")).collect();
        facts.insert(format!("topic {}: partitions={}", values["Topic"], values["PartitionCount"]));
        facts.insert(format!("topic {}: replicas={}", values["Topic"], values["ReplicationFactor"]));
    }
    facts
}

/// Reads `Dynamic configs for topic orders are:` and the lines below it, and takes what is set at that very place.
fn configs(kind: &str, text: &str, source: &str) -> Facts {
    let (mut facts, mut name) = (Facts::new(), String::new());
    for line in text.lines() {
        if let Some(entry) = line.strip_prefix("  ") {
            let (_, synonyms) = entry.split_once("synonyms={").expect("an entry says where it comes from");
            // The values themselves may hold commas, so the entry is taken by its own name.
            let (key, _) = entry.split_once('=').expect("key=value");
            let start = format!("{source}:{key}=");
            let Some(at) = synonyms.find(&start) else { continue };
            let rest = &synonyms[at + start.len()..];
            let value = rest.split_once(", D").or_else(|| rest.split_once(", S")).map_or(rest, |(value, _)| value);
            facts.insert(format!("{kind} {name}: {key}={}", value.trim_end_matches('}')));
        } else if line.starts_with("Default configs") {
            "default".clone_into(&mut name);
        } else if let Some((_, of)) = line.split_once(&format!("{kind} ")) {
            of.trim_end_matches(" are:").clone_into(&mut name);
        }
    }
    facts
}

fn acls(text: &str) -> Facts {
    let (mut facts, mut pattern) = (Facts::new(), String::new());
    for line in text.lines() {
        if let Some((_, of)) = line.split_once("ResourcePattern(") {
            pattern = of.trim_end_matches(['`', ':', ' ', ')']).to_owned();
        } else if let Some((_, entry)) = line.split_once("(principal=") {
            facts.insert(format!("acl {pattern}: principal={}", entry.trim().trim_end_matches(')')));
        }
    }
    facts
}

/// Reads `Quota configs for user-principal 'alice', client-id 'etl' are a=1.0, b=2.0` and the same of SCRAM.
fn limits_and_credentials(text: &str) -> Facts {
    let mut facts = Facts::new();
    for line in text.lines() {
        let Some((entity, values)) = line.split_once(" are ") else { continue };
        let (kind, entity) = match entity.split_once(" credential configs for ") {
            Some((_, entity)) => ("credential", entity),
            None => ("quota", entity.trim_start_matches("Quota configs for ")),
        };
        for value in values.split(", ").filter(|value| !value.is_empty()) {
            let (key, number) = value.split_once('=').expect("key=value");
            let number = number.parse::<f64>().map_or(number.to_owned(), |number| number.to_string());
            facts.insert(format!("{kind} {}: {key}={number}", entity.replace('\'', "")));
        }
    }
    facts
}

/// Reads what the repository asks of an environment: its layers, merged as RFC 7396 says.
pub(crate) fn of_repository(root: &Path, environment: &str) -> Facts {
    let mut manifests: BTreeMap<(String, String), Value> = BTreeMap::new();
    let mut facts = Facts::new();
    let layers = ["base".to_owned(), format!("environments/{environment}")].map(|layer| root.join(layer));
    for layer in layers.iter().filter(|layer| layer.exists()) {
        for document in documents(layer) {
            if document.get("groups").is_some() {
                facts.extend(rule_groups(&document));
                continue;
            }
            let key = (text(&document["kind"]), text(&document["metadata"]["name"]));
            if document["$patch"] == "delete" {
                manifests.remove(&key).expect("it removes something");
            } else {
                merge(manifests.entry(key).or_insert(Value::Null), document);
            }
        }
    }
    for ((kind, name), manifest) in &manifests {
        let spec = &manifest["spec"];
        match kind.as_str() {
            "KafkaTopic" => facts.extend(topic(spec["topicName"].as_str().unwrap_or(name), spec)),
            "KafkaUser" => facts.extend(user(name, manifest)),
            "KafkaAcl" => {
                for principal in array(&spec["principals"]) {
                    facts.extend(grants(&text(principal), &spec["rules"]));
                }
            }
            "KafkaQuota" => facts.extend(quotas(&entity(&spec["entity"]), &spec["quotas"])),
            "KafkaClusterConfig" => {
                facts.extend(entries("broker default", &spec["default"]));
                for (broker, values) in spec["brokers"].as_object().into_iter().flatten() {
                    facts.extend(entries(&format!("broker {broker}"), values));
                }
            }
            "PrometheusRule" => facts.extend(rule_groups(spec)),
            _ => {}
        }
    }
    facts
}

fn documents(directory: &Path) -> Vec<Value> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a layer is there") {
            let path = entry.expect("is readable").path();
            if path.is_dir() { directories.push(path) } else { paths.push(path) }
        }
    }
    paths.sort();
    let texts = paths.iter().map(|path| std::fs::read_to_string(path).expect("UTF-8")).collect::<Vec<_>>();
    let parts = texts.iter().flat_map(|text| text.split("\n---\n"));
    parts.map(|part| serde_saphyr::from_str::<Value>(part).expect("YAML")).filter(|value| !value.is_null()).collect()
}

/// RFC 7396.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else { return *target = patch };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let target = target.as_object_mut().expect("is one now");
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn topic(name: &str, spec: &Value) -> Facts {
    let counts = ["partitions", "replicas"].map(|key| format!("topic {name}: {key}={}", text(&spec[key])));
    counts.into_iter().chain(entries(&format!("topic {name}"), &spec["config"])).collect()
}

fn user(name: &str, manifest: &Value) -> Facts {
    let spec = &manifest["spec"];
    let annotation = |key: &str| manifest["metadata"]["annotations"][key].as_str();
    let mut facts = Facts::new();
    let mut principal = format!("User:{name}");
    match spec["authentication"]["type"].as_str() {
        Some("scram-sha-512") => {
            let mechanism = annotation("driftless.dev/scram-mechanisms").unwrap_or("SCRAM-SHA-512");
            let iterations = annotation("driftless.dev/scram-iterations").unwrap_or("4096");
            for mechanism in mechanism.split(',') {
                let mut each = iterations.split(',').filter_map(|part| part.strip_prefix(&format!("{mechanism}=")));
                let count = each.next().unwrap_or(iterations);
                facts.insert(format!("credential user-principal {name}: {mechanism}=iterations={count}"));
            }
        }
        _ => principal = format!("User:CN={name}"),
    }
    facts.extend(grants(&principal, &spec["authorization"]["acls"]));
    facts.extend(quotas(&format!("user-principal {name}"), &spec["quotas"]));
    facts
}

fn grants(principal: &str, rules: &Value) -> Facts {
    let mut facts = Facts::new();
    for rule in rules.as_array().into_iter().flatten() {
        let resource = &rule["resource"];
        let name = resource["name"].as_str().unwrap_or("kafka-cluster");
        let pattern = if resource["patternType"] == "prefix" { "PREFIXED" } else { "LITERAL" };
        let of = format!("resourceType={}, name={name}, patternType={pattern}", upper(&text(&resource["type"])));
        let permission = rule["type"].as_str().unwrap_or("allow").to_uppercase();
        let everywhere = serde_json::json!(["*"]);
        let hosts = if rule["hosts"].is_null() { &everywhere } else { &rule["hosts"] };
        for (operation, host) in array(&rule["operations"])
            .iter()
            .flat_map(|operation| array(hosts).iter().map(move |host| (upper(&text(operation)), text(host))))
        {
            let entry = format!("host={host}, operation={operation}, permissionType={permission}");
            facts.insert(format!("acl {of}: principal={principal}, {entry}"));
        }
    }
    facts
}

fn entity(entity: &Value) -> String {
    let words = [("user", "user-principal"), ("clientId", "client-id"), ("ip", "ip")];
    let parts = words.iter().filter_map(|(key, word)| match entity[*key].as_str()? {
        "<default>" => Some(format!("the default {word}")),
        name => Some(format!("{word} {name}")),
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn quotas(entity: &str, quotas: &Value) -> Facts {
    let object = quotas.as_object().into_iter().flatten();
    object.map(|(key, value)| format!("quota {entity}: {}={}", upper(key).to_lowercase(), text(value))).collect()
}

fn entries(of: &str, config: &Value) -> Facts {
    let object = config.as_object().into_iter().flatten();
    object.map(|(key, value)| format!("{of}: {key}={}", text(value))).collect()
}

fn rule_groups(spec: &Value) -> Facts {
    let name = |rule: &Value| text(if rule["alert"].is_null() { &rule["record"] } else { &rule["alert"] });
    array(&spec["groups"]).iter().flat_map(|group| rules(group, name)).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// `transactionalId` becomes `TRANSACTIONAL_ID`.
fn upper(camel: &str) -> String {
    let mut result = String::new();
    for character in camel.chars() {
        if character.is_uppercase() && !result.is_empty() {
            result.push('_');
        }
        result.extend(character.to_uppercase());
    }
    result
}

/// Fails with what is only here and what is only there.
#[track_caller]
pub(crate) fn assert_same(found: &Facts, expected: &Facts) {
    let more: Vec<_> = found.difference(expected).collect();
    let less: Vec<_> = expected.difference(found).collect();
    assert!(more.is_empty() && less.is_empty(), "on the cluster only: {more:#?}\nin the repository only: {less:#?}");
}
