//! From merged documents to the desired state: one reader per kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::config_catalog::KafkaVersion;
use crate::domain::desired::{DesiredState, Document};
use crate::domain::names::TopicName;

use super::codes::Code;
use super::header::Header;
use super::kind::Kind;
use super::merge::Merged;
use super::node::{Node, Span};
use super::sink::Sink;
use super::yaml::shorten;
use super::{Documents, acl, approval, cluster_config, quota, rules, secrets, topic, user};

/// What the readers add to.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) state: DesiredState,
    pub(crate) sink: Sink,
    pub(crate) documents: Documents,
    /// The version of the brokers, when driftless.yaml says it.
    pub(crate) kafka_version: Option<KafkaVersion>,
    /// Every set of labels that some resource has, once.
    pub(crate) labels: BTreeSet<Arc<BTreeMap<String, String>>>,
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
pub(crate) fn read_all(merged: Vec<Merged>, collector: &mut Collector) {
    for resource in merged {
        let mark = collector.sink.mark();
        read(&resource, collector);
        if resource.uncertain {
            collector.sink.forget_missing_fields(mark);
        } else if resource.is_new_in_later_layer {
            let help = "no earlier layer has this kind and name, so it is a new resource; was another name meant?";
            collector.sink.help_missing_fields(mark, help);
            warn_of_patch_of_nothing(&resource, &mut collector.sink);
        }
        if collector.documents == Documents::Keep && !collector.sink.has_errors() {
            let location = collector.sink.location(resource.document_span);
            collector.state.documents.push(Document::new(&resource.node.to_json(), location));
        }
    }
}

/// A misspelt name in a later layer makes a new resource, which for some kinds needs no field at all.
fn warn_of_patch_of_nothing(merged: &Merged, sink: &mut Sink) {
    let spec_has = |key: &str| merged.node.get("spec").is_some_and(|spec| spec.get(key).is_some());
    let looks_like_a_patch = match merged.kind {
        Kind::Topic => !spec_has("partitions") && !spec_has("replicas"),
        Kind::User => !spec_has("authentication"),
        Kind::Acl
        | Kind::Quota
        | Kind::ClusterConfig
        | Kind::PrometheusRule
        | Kind::RuleFile
        | Kind::Approval
        | Kind::PolicyException => false,
    };
    if looks_like_a_patch {
        let message =
            format!("no earlier layer has a {} `{}`: this makes a new one", merged.kind.name(), shorten(&merged.name));
        let help = "correct `metadata.name`, or write the new resource out".to_owned();
        sink.warning(Code::PatchOfNothing, merged.name_span, message, help);
    }
}

fn read(merged: &Merged, collector: &mut Collector) {
    let mut header = Header::read(merged, &mut collector.sink);
    match collector.labels.get(&header.labels) {
        Some(same) => header.labels = Arc::clone(same),
        None => drop(collector.labels.insert(Arc::clone(&header.labels))),
    }
    match merged.kind {
        Kind::PrometheusRule | Kind::RuleFile | Kind::Approval | Kind::PolicyException => {}
        Kind::Topic | Kind::User | Kind::Acl | Kind::Quota | Kind::ClusterConfig => {
            secrets::refuse_clear_text(&merged.node, &mut collector.sink);
            header.warn_of_useless_annotations(merged.kind == Kind::Topic, &mut collector.sink);
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
