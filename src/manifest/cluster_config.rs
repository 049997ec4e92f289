//! `KafkaClusterConfig`: dynamic broker configs.

use std::collections::BTreeMap;

use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::config_catalog::validate_broker_value;

use super::codes::Code;
use super::config_values;
use super::fields::Fields;
use super::header::Header;
use super::merge::Merged;
use super::node::{Node, Span};
use super::resources::Collector;
use super::yaml::shorten;

/// Reads a `KafkaClusterConfig` and adds its scopes.
pub(crate) fn read(merged: &Merged, header: &Header<'_>, collector: &mut Collector) {
    let sink = &mut collector.sink;
    let Some(top) =
        Fields::open(&merged.node, "a KafkaClusterConfig", &["apiVersion", "kind", "metadata", "spec"], sink)
    else {
        return;
    };
    let Some(spec) =
        top.require("spec", sink).and_then(|node| Fields::open(node, "spec", &["default", "brokers"], sink))
    else {
        return;
    };
    if let Some(node) = spec.get("default") {
        add_scope(BrokerConfigScope::Default, "spec.default", node, node.span, header, collector);
    }
    let Some(brokers) = spec.get("brokers") else { return };
    if Fields::open_loose(brokers, "spec.brokers", &mut collector.sink).is_none() {
        return;
    }
    for entry in brokers.as_mapping().unwrap_or_default() {
        match entry.key.parse::<i32>() {
            Ok(id) if id >= 0 && entry.key.len() == id.to_string().len() => {
                let what = format!("spec.brokers.\"{id}\"");
                add_scope(BrokerConfigScope::Broker(id), &what, &entry.value, entry.key_span, header, collector);
            }
            Ok(_) | Err(_) => {
                let message = format!("`{}` is not a broker's id", shorten(&entry.key));
                collector.sink.error(
                    Code::BadValue,
                    entry.key_span,
                    message,
                    "write the id as a number, for example `\"1\"`".to_owned(),
                );
            }
        }
    }
}

fn add_scope(
    scope: BrokerConfigScope,
    what: &str,
    node: &Node,
    span: Span,
    header: &Header<'_>,
    collector: &mut Collector,
) {
    if node.is_null() {
        return;
    }
    let version = collector.kafka_version;
    let cluster_wide = scope == BrokerConfigScope::Default;
    let check = |key: &str, value: &str| validate_broker_value(key, value, cluster_wide, version);
    let configs = config_values::read(node, what, check, &mut collector.sink);
    let sink = &mut collector.sink;
    let management = header.management(false);
    let declared = collector
        .state
        .broker_configs
        .entry(scope)
        .or_insert_with(|| header.declare(BTreeMap::new(), span, management, BTreeMap::new(), sink));
    for (key, config) in configs {
        let path = format!("config.{key}");
        if let Some(first) = declared.fields.get(&path) {
            let message = format!("`{key}` of scope {scope} is set twice, first at {first}");
            sink.error(Code::DuplicateBrokerConfig, config.span, message, "keep one of them".to_owned());
            continue;
        }
        declared.fields.insert(path, sink.location(config.span));
        declared.value.insert(key, config.text);
    }
}
