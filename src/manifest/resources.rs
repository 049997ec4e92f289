//! From merged documents to the desired state: one reader per kind.

use std::collections::BTreeMap;

use crate::domain::desired::{DesiredState, Document};
use crate::domain::names::TopicName;

use super::header::Header;
use super::kind::Kind;
use super::merge::Merged;
use super::node::{Node, Span};
use super::sink::Sink;
use super::{LoadOptions, acl, approval, cluster_config, quota, rules, secrets, topic, user};

/// What the readers add to.
#[derive(Debug)]
pub(crate) struct Collector<'o> {
    pub(crate) state: DesiredState,
    pub(crate) sink: Sink,
    pub(crate) options: &'o LoadOptions,
    /// Topics by the form in which Kafka compares names, with the place of the name.
    pub(crate) topics_by_collision_key: BTreeMap<String, (TopicName, Span)>,
}

impl Merged {
    /// The version without the group.
    pub(crate) fn api_version(&self) -> &str {
        let text = self.node.get("apiVersion").and_then(Node::as_text).unwrap_or_default();
        text.rsplit_once('/').map_or(text, |(_, version)| version)
    }
}

/// Reads every resource. Each is dropped as soon as it was read, so that both forms never stand in memory at once.
pub(crate) fn read_all(merged: Vec<Merged>, collector: &mut Collector<'_>) {
    for resource in merged {
        let mark = collector.sink.mark();
        read(&resource, collector);
        if resource.uncertain {
            collector.sink.forget_missing_fields(mark);
        }
        if !collector.sink.has_errors() {
            let location = collector.sink.location(resource.document_span);
            collector.state.documents.push(Document { json: resource.node.to_json(), location });
        }
    }
}

fn read(merged: &Merged, collector: &mut Collector<'_>) {
    let header = Header::read(merged, &mut collector.sink);
    match merged.kind {
        Kind::PrometheusRule | Kind::RuleFile | Kind::Approval | Kind::PolicyException => {}
        Kind::Topic | Kind::User | Kind::Acl | Kind::Quota | Kind::ClusterConfig => {
            secrets::refuse_clear_text(&merged.node, &mut collector.sink);
        }
    }
    match merged.kind {
        Kind::Topic => topic::read(merged, &header, collector),
        Kind::User => user::read(merged, &header, collector),
        Kind::Acl => acl::read(merged, &header, collector),
        Kind::Quota => quota::read(merged, &header, collector),
        Kind::ClusterConfig => cluster_config::read(merged, &header, collector),
        Kind::PrometheusRule => rules::read_resource(merged, &header, collector),
        Kind::RuleFile => rules::read_file(merged, &header, collector),
        Kind::Approval => approval::read_approval(merged, &header, collector),
        Kind::PolicyException => approval::read_exception(merged, &header, collector),
    }
}
