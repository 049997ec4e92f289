//! Every resource as a map of fields, from git and from the cluster: what the planner compares, what the inventory
//! records, what an apply reads back. One place, so that all of them mean the same.

use std::collections::BTreeMap;

use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::config_catalog::{same_broker_value, same_topic_value};
use crate::domain::desired::DesiredState;
use crate::domain::observed::{Knowledge, ObservedReplication, ObservedState, ObservedTopic};
use crate::domain::quota::{QuotaValues, format_quota};
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::domain::rule::RuleGroup;
use crate::domain::rule_comparison::{GroupComparison, same_group};
use crate::domain::topic::Topic;
use crate::domain::user::{ScramMechanism, User};

use super::types::FieldValue;

/// Field path to value.
pub type Fields = BTreeMap<String, FieldValue>;

/// The path of a topic's partition count.
pub const PARTITIONS: &str = "partitions";
/// The path of a topic's replication factor.
pub const REPLICATION_FACTOR: &str = "replicationFactor";
/// The path of a user's password.
pub const PASSWORD: &str = "password";
/// The path of a rule group's content.
pub const RULES: &str = "rules";
const CONFIG: &str = "config.";

/// What was seen of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is known not to be there.
    Absent,
    /// It is not known, with the reason.
    Unknown(String),
    /// It is there.
    Present(Fields),
}

/// Returns the path of a config key.
fn config_path(key: &str) -> String {
    format!("{CONFIG}{key}")
}

/// Returns the config key of a path.
pub fn config_key(path: &str) -> Option<&str> {
    path.strip_prefix(CONFIG)
}

/// Returns the path of a SCRAM credential's iterations.
pub fn scram_path(mechanism: ScramMechanism) -> String {
    format!("scram.{mechanism}.iterations")
}

/// Returns the mechanism of a path.
pub fn scram_mechanism(path: &str) -> Option<ScramMechanism> {
    path.strip_prefix("scram.")?.strip_suffix(".iterations").and_then(ScramMechanism::parse)
}

fn text(value: impl ToString) -> FieldValue {
    FieldValue::Text(value.to_string())
}

/// Returns what git wants of a resource, or `None` when git does not declare it.
pub fn desired_fields(desired: &DesiredState, id: &ResourceId) -> Option<Fields> {
    Some(match id {
        ResourceId::Topic(name) => of_topic(&desired.topics.get(name)?.value),
        ResourceId::User(name) => of_user(&desired.users.get(name)?.value),
        ResourceId::Acl(binding) => of_acl(&desired.acls.get(binding)?.value),
        ResourceId::Quota(entity) => of_quota(&desired.quotas.get(entity)?.value),
        ResourceId::BrokerConfig(scope) => of_broker_config(&desired.broker_configs.get(scope)?.value),
        ResourceId::RuleGroup(group) => of_rule_group(&desired.rule_groups.get(group)?.value),
    })
}

/// Returns what git wants of a topic.
pub(super) fn of_topic(topic: &Topic) -> Fields {
    let mut fields: Fields = topic.config.iter().map(|(key, value)| (config_path(key), text(value))).collect();
    if let Some(partitions) = topic.partitions {
        fields.insert(PARTITIONS.to_owned(), text(partitions));
    }
    if let Some(replication_factor) = topic.replication_factor {
        fields.insert(REPLICATION_FACTOR.to_owned(), text(replication_factor));
    }
    fields
}

/// Returns what git wants of a user; passwords are compared elsewhere.
pub(super) fn of_user(user: &User) -> Fields {
    user.credentials.iter().map(|(mechanism, iterations)| (scram_path(*mechanism), text(iterations))).collect()
}

/// Returns the fields of an ACL binding: it has none, as all of it is its identity.
pub(super) fn of_acl(_: &()) -> Fields {
    Fields::new()
}

/// Returns the limits of a quota entity.
pub(super) fn of_quota(values: &QuotaValues) -> Fields {
    values.iter().map(|(key, value)| (key.as_str().to_owned(), FieldValue::Text(format_quota(*value)))).collect()
}

/// Returns what git wants of a scope of broker configs.
pub(super) fn of_broker_config(config: &BTreeMap<String, String>) -> Fields {
    config.iter().map(|(key, value)| (config_path(key), text(value))).collect()
}

/// Returns the one field of a rule group: all that it says, as JSON.
pub(super) fn of_rule_group(group: &RuleGroup) -> Fields {
    let json = serde_json::to_string(group).expect("a rule group holds only texts and numbers");
    Fields::from([(RULES.to_owned(), FieldValue::Text(json))])
}

/// Returns what was seen of a resource.
pub fn observed_fields(observed: &ObservedState, id: &ResourceId) -> Seen {
    match id {
        ResourceId::Topic(name) => match (observed.topics.get(name), observed.unknown_topics.get(name)) {
            (_, Some(reason)) => Seen::Unknown(reason.clone()),
            (None, None) => Seen::Absent,
            (Some(topic), None) => match &topic.overrides_unknown {
                Some(reason) => Seen::Unknown(reason.clone()),
                None => Seen::Present(observed_topic_fields(topic)),
            },
        },
        ResourceId::User(name) => within(&observed.users, |users| {
            users.get(name).map(|mechanisms| mechanisms.iter().map(|(m, i)| (scram_path(*m), text(i))).collect())
        }),
        ResourceId::Acl(binding) => within(&observed.acls, |acls| acls.contains(binding).then(Fields::new)),
        ResourceId::Quota(entity) => {
            within(&observed.quotas, |quotas| quotas.get(entity).filter(|values| !values.is_empty()).map(of_quota))
        }
        ResourceId::BrokerConfig(scope) => observed_broker_config(observed, *scope),
        ResourceId::RuleGroup(group) => within(&observed.rule_groups, |groups| groups.get(group).map(of_rule_group)),
    }
}

fn within<T>(knowledge: &Knowledge<T>, find: impl FnOnce(&T) -> Option<Fields>) -> Seen {
    match knowledge {
        Knowledge::Unknown(reason) => Seen::Unknown(reason.clone()),
        Knowledge::Known(value) => find(value).map_or(Seen::Absent, Seen::Present),
    }
}

fn observed_topic_fields(topic: &ObservedTopic) -> Fields {
    let mut fields = hidden_or_text(&topic.overrides);
    fields.insert(PARTITIONS.to_owned(), text(topic.partitions));
    let replication = match topic.replication {
        ObservedReplication::Uniform(factor) => factor.to_string(),
        ObservedReplication::Mixed(least, most) => format!("{least}..{most}"),
    };
    fields.insert(REPLICATION_FACTOR.to_owned(), FieldValue::Text(replication));
    fields
}

fn observed_broker_config(observed: &ObservedState, scope: BrokerConfigScope) -> Seen {
    match observed.broker_configs.get(&scope) {
        None => match scope {
            BrokerConfigScope::Default => Seen::Unknown("the cluster-wide broker configs were not read".to_owned()),
            BrokerConfigScope::Broker(id) => Seen::Unknown(format!("broker {id} is not among the live brokers")),
        },
        Some(knowledge) => within(knowledge, |config| (!config.is_empty()).then(|| hidden_or_text(config))),
    }
}

fn hidden_or_text(config: &BTreeMap<String, Option<String>>) -> Fields {
    let value = |value: &Option<String>| value.clone().map_or(FieldValue::Secret(None), FieldValue::Text);
    config.iter().map(|(key, raw)| (config_path(key), value(raw))).collect()
}

/// Compares two values of one field by meaning. Values that cannot be seen equal nothing.
pub fn same_value(kind: ResourceKind, path: &str, left: &FieldValue, right: &FieldValue) -> bool {
    let (FieldValue::Text(left), FieldValue::Text(right)) = (left, right) else { return false };
    same_text(kind, path, left, right)
}

/// Compares two texts of one field by meaning.
pub fn same_text(kind: ResourceKind, path: &str, left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    match kind {
        ResourceKind::Topic => config_key(path).is_some_and(|key| same_topic_value(key, left, right)),
        ResourceKind::BrokerConfig => config_key(path).is_some_and(|key| same_broker_value(key, left, right)),
        ResourceKind::Quota => match (left.parse::<f64>(), right.parse::<f64>()) {
            (Ok(left), Ok(right)) => left == right,
            (Err(_), _) | (_, Err(_)) => false,
        },
        ResourceKind::RuleGroup => match (parse_group(left), parse_group(right)) {
            (Some(left), Some(right)) => matches!(same_group(&left, &right), GroupComparison::Same),
            (None, _) | (_, None) => false,
        },
        ResourceKind::User | ResourceKind::Acl => false,
    }
}

/// Reads the `rules` field of a rule group.
pub fn parse_group(raw: &str) -> Option<RuleGroup> {
    serde_json::from_str(raw).ok()
}
