//! The one JSON document that rules over the whole see as `input`. Its shape is `docs/reference/policy-input.md`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::PolicyInput;
use super::access;
use super::reading::Reading;
use crate::domain::acl::{AclBinding, AclOperation, AclPermission, AclResourceType};
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::desired::{Declared, DesiredState};
use crate::domain::names::TopicName;
use crate::domain::observed::{ObservedReplication, ObservedState};
use crate::domain::promql::parse_for_policy;
use crate::domain::quota::{QuotaEntity, QuotaName};
use crate::domain::resource::ResourceId;
use crate::domain::rule::{RuleGroup, RuleGroupId};

/// Builds the document, without what no rule reads. Fails when a part is no JSON, which would be a bug of ours: it is
/// reported, not skipped.
///
/// Resources are turned into the engine's values one by one: of ten thousand topics and fifty thousand ACLs, two whole
/// trees would be the largest thing in memory by far.
pub(super) fn whole(
    input: &PolicyInput<'_>,
    parameters: &BTreeMap<String, Value>,
    reading: &Reading,
) -> Result<regorus::Value, serde_json::Error> {
    let plan = match input.plan.filter(|_| reading.reads("plan")) {
        Some(plan) => value(serde_json::to_value(plan)?)?,
        None => regorus::Value::Null,
    };
    let topics = access::topics_after_apply(input);
    let cluster = input
        .observed
        .map_or(Ok(regorus::Value::Null), |observed| cluster(observed, input.desired, topics.as_ref()))?;
    let gathered = access::Gathered::of(input.desired);
    let access = match reading.reads("access") {
        true => value(access::facts(input, &gathered, topics.as_ref()))?,
        false => regorus::Value::Undefined,
    };
    Ok(object([
        ("environment", value(json!({"name": input.desired.environment, "parameters": parameters}))?),
        ("today", input.today.to_string().into()),
        ("desired", desired(input.desired, &gathered, reading)?),
        ("plan", plan),
        ("cluster", cluster),
        ("access", access),
    ]))
}

fn value(json: Value) -> Result<regorus::Value, serde_json::Error> {
    serde_json::from_value(json)
}

/// Turns resources into an array, a thousand at a time, by way of text: only from text does the engine make objects that
/// share their keys.
fn values(items: &mut dyn Iterator<Item = Value>) -> Result<regorus::Value, serde_json::Error> {
    let mut all = Vec::new();
    loop {
        let some: Vec<Value> = items.take(1_000).collect();
        if some.is_empty() {
            return Ok(regorus::Value::from(all));
        }
        let text = serde_json::to_string(&some)?;
        drop(some);
        let array = regorus::Value::from_json_str(&text).map_err(serde::de::Error::custom)?;
        all.extend(array.as_array().map_err(serde::de::Error::custom)?.iter().cloned());
    }
}

/// Makes an object of what there is.
fn object<const N: usize>(entries: [(&str, regorus::Value); N]) -> regorus::Value {
    let entries = entries.into_iter().filter(|(_, value)| *value != regorus::Value::Undefined);
    let entries = entries.map(|(key, value)| (regorus::Value::from(key), value));
    regorus::Value::from(entries.collect::<BTreeMap<_, _>>())
}

fn desired(
    desired: &DesiredState,
    gathered: &access::Gathered<'_>,
    reading: &Reading,
) -> Result<regorus::Value, serde_json::Error> {
    let mut parts = BTreeMap::new();
    let mut part = |name: &str, items: &mut dyn Iterator<Item = Value>| -> Result<(), serde_json::Error> {
        if reading.reads(&format!("desired.{name}")) {
            parts.insert(regorus::Value::from(name), values(items)?);
        }
        Ok(())
    };
    part("topics", &mut desired.topics.values().map(topic))?;
    part("users", &mut desired.users.values().map(user))?;
    part("acls", &mut desired.acls.iter().map(|(binding, declared)| acl(binding, declared)))?;
    part("grants", &mut gathered.values())?;
    part("quotas", &mut desired.quotas.iter().map(|(entity, declared)| quota(entity, declared)))?;
    part("brokerConfigs", &mut desired.broker_configs.iter().map(|(scope, declared)| broker_config(*scope, declared)))?;
    part("ruleGroups", &mut desired.rule_groups.iter().map(|(id, declared)| rule_group(id, declared)))?;
    Ok(regorus::Value::from(parts))
}

fn broker_config(scope: BrokerConfigScope, declared: &Declared<BTreeMap<String, String>>) -> Value {
    let mut object = resource(&ResourceId::BrokerConfig(scope), declared);
    object.insert("scope".into(), scope.to_string().into());
    object.insert("config".into(), json!(declared.value));
    Value::Object(object)
}

fn rule_group(id: &RuleGroupId, declared: &Declared<RuleGroup>) -> Value {
    let mut object = resource(&ResourceId::RuleGroup(id.clone()), declared);
    object.insert("namespace".into(), id.namespace.clone().into());
    object.insert("group".into(), id.group.clone().into());
    object.insert("definition".into(), json!(declared.value));
    let parsed: Vec<_> = declared.value.rules.iter().map(|rule| parse_for_policy(&rule.expr)).collect();
    object.insert("parsed".into(), json!(parsed));
    Value::Object(object)
}

/// What every declared resource has.
fn resource<T>(id: &ResourceId, declared: &Declared<T>) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("id".into(), id.to_string().into());
    object.insert("management".into(), declared.management.as_str().into());
    object.insert("labels".into(), json!(declared.labels));
    object.insert("location".into(), json!(declared.location));
    object
}

fn topic(declared: &Declared<crate::domain::topic::Topic>) -> Value {
    let topic = &declared.value;
    let mut object = resource(&ResourceId::Topic(topic.name.clone()), declared);
    object.insert("name".into(), topic.name.as_str().into());
    // Left out when git does not say: null would compare as smaller than every number.
    if let Some(partitions) = topic.partitions {
        object.insert("partitions".into(), partitions.into());
    }
    if let Some(factor) = topic.replication_factor {
        object.insert("replicas".into(), factor.into());
    }
    object.insert("config".into(), json!(topic.config));
    Value::Object(object)
}

fn user(declared: &Declared<crate::domain::user::User>) -> Value {
    let user = &declared.value;
    let mut object = resource(&ResourceId::User(user.name.clone()), declared);
    object.insert("name".into(), user.name.as_str().into());
    let credentials: Map<String, Value> =
        user.credentials.iter().map(|(mechanism, count)| (mechanism.to_string(), (*count).into())).collect();
    object.insert("credentials".into(), Value::Object(credentials));
    object.insert("password".into(), json!({"name": user.password.name, "key": user.password.key}));
    Value::Object(object)
}

pub(super) fn acl(binding: &AclBinding, declared: &Declared<()>) -> Value {
    let mut object = resource(&ResourceId::Acl(binding.clone()), declared);
    object.insert("principal".into(), binding.principal.as_str().into());
    object.insert("permission".into(), binding.permission.as_str().into());
    object.insert("operation".into(), binding.operation.as_str().into());
    object.insert("resourceType".into(), binding.resource_type.as_str().into());
    object.insert("patternType".into(), binding.pattern_type.as_str().into());
    object.insert("resourceName".into(), (*binding.resource_name).into());
    object.insert("host".into(), (*binding.host).into());
    Value::Object(object)
}

fn quota(entity: &QuotaEntity, declared: &Declared<crate::domain::quota::QuotaValues>) -> Value {
    let mut object = resource(&ResourceId::Quota(entity.clone()), declared);
    let part = |name: &str, value: &QuotaName| (name.to_owned(), Value::from(value.as_str()));
    let parts: Map<String, Value> = match entity {
        QuotaEntity::User(user) => [part("user", user)].into_iter().collect(),
        QuotaEntity::ClientId(client) => [part("clientId", client)].into_iter().collect(),
        QuotaEntity::UserClientId(user, client) => [part("user", user), part("clientId", client)].into_iter().collect(),
        QuotaEntity::Ip(ip) => [part("ip", ip)].into_iter().collect(),
    };
    let limits: Map<String, Value> =
        declared.value.iter().map(|(key, limit)| (key.manifest_key().to_owned(), (*limit).into())).collect();
    object.insert("entity".into(), Value::Object(parts));
    object.insert("quotas".into(), Value::Object(limits));
    Value::Object(object)
}

fn cluster(
    observed: &ObservedState,
    desired: &DesiredState,
    topics_after_apply: Option<&BTreeSet<&str>>,
) -> Result<regorus::Value, serde_json::Error> {
    let brokers: Vec<Value> = observed
        .cluster
        .brokers
        .iter()
        .map(|(id, facts)| {
            let mut object = Map::new();
            object.insert("id".into(), (*id).into());
            object.insert("configs".into(), json!(facts.configs));
            if !facts.configs_hidden.is_empty() {
                object.insert("configsHidden".into(), json!(facts.configs_hidden));
            }
            if let Some(rack) = &facts.rack {
                object.insert("rack".into(), rack.clone().into());
            }
            if let Some(reason) = &facts.configs_unknown {
                object.insert("configsUnknown".into(), reason.clone().into());
            }
            Value::Object(object)
        })
        .collect();
    // Only topics that git declares: the rules judge what git wants, and the rest may be ten thousand.
    let topics: BTreeMap<regorus::Value, regorus::Value> = desired
        .topics
        .keys()
        .filter_map(|name| observed.topics.get(name).map(|topic| (name, topic)))
        .map(|(name, topic)| {
            let (fewest, most) = match topic.replication {
                ObservedReplication::Uniform(factor) => (factor, factor),
                ObservedReplication::Mixed(fewest, most) => (fewest, most),
            };
            let numbers = [
                ("partitions", topic.partitions.into()),
                ("replicas", i32::from(fewest).into()),
                ("mostReplicas", i32::from(most).into()),
            ];
            (name.as_str().into(), object(numbers))
        })
        .collect();
    let unknown_topics: BTreeMap<&str, &str> = desired
        .topics
        .keys()
        .filter_map(|name| observed.unknown_topics.get(name).map(|reason| (name.as_str(), reason.as_str())))
        .collect();
    let colliding: BTreeMap<&str, &str> = colliding(observed, desired);
    let protocol = observed.cluster.security_protocol.map(|protocol| value(json!(protocol))).transpose()?;
    Ok(object([
        ("id", observed.cluster.id.as_str().into()),
        ("brokers", value(Value::Array(brokers))?),
        (
            "metadataVersion",
            observed.cluster.metadata_version.map_or(regorus::Value::Undefined, |level| i64::from(level).into()),
        ),
        ("topicDefaults", value(json!(observed.topic_defaults))?),
        ("topics", topics.into()),
        ("unknownTopics", value(json!(unknown_topics))?),
        ("topicsAfterApply", names(topics_after_apply.map(|topics| topics.iter().copied()))),
        ("users", names(observed.users.known().map(|users| users.keys().map(|name| name.as_str())))),
        ("aclPrincipals", names(observed.acls.known().map(principals))),
        ("groupReaders", names(observed.acls.known().map(group_readers))),
        ("groupGrants", observed.acls.known().map_or(regorus::Value::Undefined, group_grants)),
        ("collidingTopics", value(json!(colliding))?),
        ("securityProtocol", protocol.unwrap_or(regorus::Value::Undefined)),
    ]))
}

/// Makes an array of names, or nothing when they are not known.
fn names<'a>(names: Option<impl IntoIterator<Item = &'a str>>) -> regorus::Value {
    match names {
        Some(names) => names.into_iter().map(regorus::Value::from).collect::<Vec<_>>().into(),
        None => regorus::Value::Undefined,
    }
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
fn group_grants(acls: &BTreeSet<AclBinding>) -> regorus::Value {
    let patterns: BTreeSet<(&str, &str)> = acls
        .iter()
        .filter(|binding| reads_groups(binding))
        .map(|binding| (binding.pattern_type.as_str(), &*binding.resource_name))
        .collect();
    let grant =
        |(pattern, name): (&str, &str)| object([("patternType", pattern.into()), ("resourceName", name.into())]);
    patterns.into_iter().map(grant).collect::<Vec<_>>().into()
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
