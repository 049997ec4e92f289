//! `KafkaTopic`.

use std::collections::BTreeMap;

use crate::domain::config_catalog::validate_topic_value;
use crate::domain::diagnostic::Location;
use crate::domain::names::TopicName;
use crate::domain::topic::Topic;

use super::codes::Code;
use super::config_values::{self, ConfigValue};
use super::fields::{Fields, integer, text};
use super::header::Header;
use super::merge::Merged;
use super::node::Span;
use super::resources::Collector;
use super::yaml::shorten;

/// The topic that only brokers may make.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// Reads a topic and adds it.
pub(crate) fn read(merged: &Merged, header: &Header<'_>, collector: &mut Collector) {
    let sink = &mut collector.sink;
    let Some(top) =
        Fields::open(&merged.node, "a KafkaTopic", &["apiVersion", "kind", "metadata", "spec", "status"], sink)
    else {
        return;
    };
    let spec = match top.get("spec") {
        Some(spec) => Fields::open(spec, "spec", &["topicName", "partitions", "replicas", "config"], sink),
        None if merged.api_version() == "v1" => {
            top.require("spec", sink);
            return;
        }
        None => None,
    };
    let get = |key| spec.and_then(|spec| spec.get(key));

    let name_node = get("topicName");
    let name_span = name_node.map_or(header.name_span, |node| node.span);
    let raw_name = match name_node {
        Some(node) => text(node, "spec.topicName", sink),
        None => Some(header.name),
    };
    let name = raw_name.and_then(|raw| match TopicName::parse(raw) {
        Ok(name) if name.as_str() == METADATA_TOPIC => {
            sink.error(Code::BadName, name_span, format!("`{METADATA_TOPIC}` belongs to the brokers"), None);
            None
        }
        Ok(name) => Some(name),
        Err(reason) => {
            let help = match (name_node, raw.contains("{{")) {
                (_, true) => "this looks like a template: render it first".to_owned(),
                (None, false) => "set `spec.topicName` when the name in Kafka is another".to_owned(),
                (Some(_), false) => "correct the name".to_owned(),
            };
            sink.error(Code::BadName, name_span, format!("`{}` is not a topic's name: {reason}", shorten(raw)), help);
            None
        }
    });

    let mut fields: BTreeMap<String, Location> = BTreeMap::new();
    let partitions = get("partitions").and_then(|node| {
        fields.insert("partitions".to_owned(), sink.location(node.span));
        integer(node, "spec.partitions", 1, i64::from(i32::MAX), sink)
    });
    let replicas = get("replicas").and_then(|node| {
        fields.insert("replicationFactor".to_owned(), sink.location(node.span));
        integer(node, "spec.replicas", 1, i64::from(i16::MAX), sink)
    });
    let version = collector.kafka_version;
    let config = get("config")
        .map(|node| {
            config_values::read(node, "spec.config", |key, value| validate_topic_value(key, value, version), sink)
        })
        .unwrap_or_default();
    check_together(&config, collector);
    for (key, value) in &config {
        fields.insert(format!("config.{key}"), collector.sink.location(value.span));
    }

    let Some(name) = name else { return };
    let topic = Topic {
        name,
        partitions: partitions.and_then(|value| i32::try_from(value).ok()),
        replication_factor: replicas.and_then(|value| i16::try_from(value).ok()),
        config: config.into_iter().map(|(key, value)| (key, value.text)).collect(),
    };
    add(topic, name_span, header, fields, collector);
}

/// Configs that Kafka checks against each other (`LogConfig.validate`).
fn check_together(config: &BTreeMap<String, ConfigValue>, collector: &mut Collector) {
    let number = |key: &str| config.get(key).and_then(|value| value.text.trim().parse::<i64>().ok());
    let mut conflict = |key: &str, message: String, help: &str| {
        if let Some(value) = config.get(key) {
            collector.sink.error(Code::ConfigConflict, value.span, message, help.to_owned());
        }
    };
    if let (Some(low), Some(high)) = (number("min.compaction.lag.ms"), number("max.compaction.lag.ms"))
        && low > high
    {
        let message = format!("`min.compaction.lag.ms` is {low}, and `max.compaction.lag.ms` only {high}");
        conflict("min.compaction.lag.ms", message, "Kafka wants the minimum to be at most the maximum");
    }
    let is_remote =
        config.get("remote.storage.enable").is_some_and(|value| value.text.trim().eq_ignore_ascii_case("true"));
    if is_remote && config.get("cleanup.policy").is_some_and(|value| value.text.contains("compact")) {
        let message = "a topic with remote storage cannot be compacted".to_owned();
        conflict("cleanup.policy", message, "use `cleanup.policy: delete`, or switch `remote.storage.enable` off");
    }
    for (local_key, total_key) in [("local.retention.ms", "retention.ms"), ("local.retention.bytes", "retention.bytes")]
    {
        if let (true, Some(local), Some(total)) = (is_remote, number(local_key), number(total_key))
            && total >= 0
            && (local > total || local == -1)
        {
            let message = format!("`{local_key}` is {local}, and `{total_key}` only {total}");
            conflict(local_key, message, "what is kept locally cannot be more than what is kept; -2 means the same");
        }
    }
}

fn add(topic: Topic, span: Span, header: &Header<'_>, fields: BTreeMap<String, Location>, collector: &mut Collector) {
    let sink = &mut collector.sink;
    let collision_key = topic.name.collision_key();
    if let Some(first) = collector.topics_by_collision_key.get(&collision_key) {
        let (code, message, help) = if first.0 == topic.name {
            let message = format!("the topic `{}` is declared twice, first at {}", topic.name, sink.location(first.1));
            (Code::DuplicateTopic, message, "remove one of them")
        } else {
            let message = format!(
                "the topics `{}` and `{}` (at {}) collide: Kafka's metrics write `.` and `_` alike",
                topic.name,
                first.0,
                sink.location(first.1)
            );
            (Code::TopicNameCollision, message, "rename one of them")
        };
        sink.error(code, span, message, help.to_owned());
        return;
    }
    collector.topics_by_collision_key.insert(collision_key, (topic.name.clone(), span));
    let declared = header.declare(topic, header.name_span, header.management(true), fields, &collector.sink);
    collector.state.topics.insert(declared.value.name.clone(), declared);
}
