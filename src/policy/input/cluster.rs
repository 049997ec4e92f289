//! `input.cluster`: what the cluster is like.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use regorus::Value;
use serde_json::json;

use super::values::Values;
use crate::domain::acl::{AclBinding, AclOperation, AclPermission, AclResourceType};
use crate::domain::desired::DesiredState;
use crate::domain::names::TopicName;
use crate::domain::observed::{BrokerFacts, ObservedReplication, ObservedState};

/// Makes what rules see of the cluster.
pub(super) fn cluster(
    observed: &ObservedState,
    desired: &DesiredState,
    topics_after_apply: Option<&BTreeSet<&str>>,
    values: &mut Values,
) -> Value {
    let brokers = observed.cluster.brokers.iter().map(|(id, facts)| broker(*id, facts, values));
    let brokers = Values::array(brokers);
    let unknown_topics: BTreeMap<&str, &str> = desired
        .topics
        .keys()
        .filter_map(|name| observed.unknown_topics.get(name).map(|reason| (name.as_str(), reason.as_str())))
        .collect();
    let level = observed.cluster.metadata_version;
    let protocol = observed.cluster.security_protocol;
    let acls = observed.acls.known();
    let parts = [
        ("id", values.text(observed.cluster.id.as_str())),
        ("brokers", brokers),
        ("metadataVersion", level.map_or(Value::Undefined, |level| i64::from(level).into())),
        ("topicDefaults", values.json(&json!(observed.topic_defaults))),
        ("topics", topics(observed, desired, values)),
        ("unknownTopics", values.json(&json!(unknown_topics))),
        ("topicsAfterApply", names(topics_after_apply.map(|topics| topics.iter().copied()), values)),
        ("users", names(observed.users.known().map(|users| users.keys().map(|name| name.as_str())), values)),
        ("aclPrincipals", names(acls.map(principals), values)),
        ("groupReaders", names(acls.map(group_readers), values)),
        ("groupGrants", acls.map_or(Value::Undefined, |acls| group_grants(acls, values))),
        ("collidingTopics", values.json(&json!(colliding(observed, desired)))),
        ("securityProtocol", protocol.map_or(Value::Undefined, |protocol| values.json(&json!(protocol)))),
    ];
    values.object(parts)
}

fn broker(id: i32, facts: &BrokerFacts, values: &mut Values) -> Value {
    let hidden = &facts.configs_hidden;
    let parts = [
        ("id", id.into()),
        ("configs", values.texts(&facts.configs)),
        ("configsHidden", if hidden.is_empty() { Value::Undefined } else { values.json(&json!(hidden)) }),
        ("rack", facts.rack.as_ref().map_or(Value::Undefined, |rack| values.text(rack))),
        ("configsUnknown", facts.configs_unknown.as_ref().map_or(Value::Undefined, |reason| values.text(reason))),
    ];
    values.object(parts)
}

/// Only topics that git declares: the rules judge what git wants, and the rest may be ten thousand.
fn topics(observed: &ObservedState, desired: &DesiredState, values: &mut Values) -> Value {
    // Most topics have the same numbers.
    let mut met: HashMap<(i32, i16, i16), Value> = HashMap::new();
    let declared = desired.topics.keys().filter_map(|name| observed.topics.get(name).map(|topic| (name, topic)));
    let topics = declared.map(|(name, topic)| {
        let (fewest, most) = match topic.replication {
            ObservedReplication::Uniform(factor) => (factor, factor),
            ObservedReplication::Mixed(fewest, most) => (fewest, most),
        };
        let numbers = met.entry((topic.partitions, fewest, most)).or_insert_with(|| {
            let numbers = [
                ("partitions", topic.partitions.into()),
                ("replicas", i32::from(fewest).into()),
                ("mostReplicas", i32::from(most).into()),
            ];
            values.object(numbers)
        });
        (values.text(name.as_str()), numbers.clone())
    });
    Value::from(topics.collect::<BTreeMap<_, _>>())
}

/// Makes an array of names, or nothing when they are not known.
fn names<'a>(names: Option<impl IntoIterator<Item = &'a str>>, values: &mut Values) -> Value {
    names.map_or(Value::Undefined, |names| Values::array(names.into_iter().map(|name| values.text(name))))
}

fn principals(acls: &BTreeSet<AclBinding>) -> BTreeSet<&str> {
    acls.iter().map(|binding| binding.principal.as_str()).collect()
}

fn reads_groups(binding: &AclBinding) -> bool {
    binding.resource_type == AclResourceType::Group
        && binding.permission == AclPermission::Allow
        && matches!(binding.operation, AclOperation::Read | AclOperation::All)
}

fn group_readers(acls: &BTreeSet<AclBinding>) -> BTreeSet<&str> {
    acls.iter().filter(|binding| reads_groups(binding)).map(|binding| binding.principal.as_str()).collect()
}

/// The patterns of groups that somebody on the cluster is allowed to read with.
fn group_grants(acls: &BTreeSet<AclBinding>, values: &mut Values) -> Value {
    let patterns: BTreeSet<(&str, &str)> = acls
        .iter()
        .filter(|binding| reads_groups(binding))
        .map(|binding| (binding.pattern_type.as_str(), &*binding.resource_name))
        .collect();
    Values::array(patterns.into_iter().map(|(pattern, name)| {
        let parts = [("patternType", values.text(pattern)), ("resourceName", values.text(name))];
        values.object(parts)
    }))
}

/// Declared topics with another topic on the cluster whose metrics have the same name.
fn colliding<'a>(observed: &'a ObservedState, desired: &'a DesiredState) -> BTreeMap<&'a str, &'a str> {
    let key = |name: &TopicName| name.as_str().contains(['.', '_']).then(|| name.collision_key());
    let mut live: BTreeMap<String, &TopicName> = BTreeMap::new();
    for name in observed.topics.keys().filter(|name| !desired.topics.contains_key(*name)) {
        if let Some(key) = key(name) {
            live.entry(key).or_insert(name);
        }
    }
    let declared = desired.topics.keys();
    declared
        .filter_map(|name| key(name).and_then(|key| live.get(&key)).map(|other| (name.as_str(), other.as_str())))
        .collect()
}
