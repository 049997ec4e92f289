//! Topics as the controller treats them (Kafka: `metadata/.../ReplicationControlManager.java`).

use std::collections::{BTreeMap, BTreeSet};

use super::requests::{Write, refused};
use super::{configs, effective};
use crate::domain::names::TopicName;
use crate::domain::observed::{ObservedReplication, ObservedState, ObservedTopic};
use crate::ports::ResourceError;

/// Returns how many partitions a topic gets that asks for none: the controller's `num.partitions`.
pub(crate) fn default_partitions(state: &ObservedState) -> i32 {
    static_number(state, "num.partitions").unwrap_or(1)
}

fn static_number<T: std::str::FromStr>(state: &ObservedState, key: &str) -> Option<T> {
    state.cluster.brokers.values().find_map(|broker| broker.configs.get(key)?.parse().ok())
}

pub(crate) fn create(
    state: &ObservedState,
    collisions: &BTreeMap<String, &TopicName>,
    topic: &TopicName,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
    config: &BTreeMap<String, String>,
) -> Result<Write, ResourceError> {
    if let Some(reason) = state.unknown_topics.get(topic) {
        return Err(refused("TOPIC_AUTHORIZATION_FAILED", reason));
    }
    if state.topics.contains_key(topic) {
        return Err(refused("TOPIC_ALREADY_EXISTS", format!("Topic '{topic}' already exists.")));
    }
    if topic.as_str() == "__cluster_metadata" {
        return Err(refused("INVALID_REQUEST", "Creation of internal topic __cluster_metadata is prohibited."));
    }
    if let Some(other) = collisions.get(&topic.collision_key()) {
        let message = format!("Topic '{topic}' collides with existing topic: {other}");
        return Err(refused("INVALID_TOPIC_EXCEPTION", message));
    }
    check_overrides(state, config.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
    let partitions = match partitions {
        None | Some(-1) => default_partitions(state),
        Some(count) if count < 1 => {
            return Err(refused(
                "INVALID_PARTITIONS",
                "Number of partitions was set to an invalid non-positive value.",
            ));
        }
        Some(count) => count,
    };
    let replication_factor = match replication_factor {
        None | Some(-1) => static_number(state, "default.replication.factor").unwrap_or(1),
        Some(factor) if factor < 1 => {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(refused("INVALID_REPLICATION_FACTOR", message));
        }
        Some(factor) => factor,
    };
    let brokers = state.cluster.brokers.len();
    if usize::try_from(replication_factor).is_ok_and(|factor| factor > brokers) {
        let message = format!(
            "Unable to replicate the partition {replication_factor} time(s): The target replication factor of \
             {replication_factor} cannot be reached because only {brokers} broker(s) are registered."
        );
        return Err(refused("INVALID_REPLICATION_FACTOR", message));
    }
    let made = ObservedTopic {
        id: Some(uuid::Uuid::new_v4()),
        partitions,
        replication: ObservedReplication::Uniform(replication_factor),
        internal: matches!(topic.as_str(), "__consumer_offsets" | "__transaction_state" | "__share_group_state"),
        overrides: config.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect(),
        overrides_unknown: None,
    };
    Ok(Write::Topic(topic.clone(), Some(made)))
}

pub(crate) fn add_partitions(state: &ObservedState, topic: &TopicName, total: i32) -> Result<Write, ResourceError> {
    let present = existing(state, topic, "This server does not host this topic-partition.")?;
    if total == present.partitions {
        return Err(refused("INVALID_PARTITIONS", format!("Topic already has {total} partition(s).")));
    }
    if total < present.partitions {
        let message = format!(
            "The topic {topic} currently has {} partition(s); {total} would not be an increase.",
            present.partitions
        );
        return Err(refused("INVALID_PARTITIONS", message));
    }
    Ok(Write::Topic(topic.clone(), Some(ObservedTopic { partitions: total, ..present.clone() })))
}

pub(crate) fn alter_config(
    state: &ObservedState,
    topic: &TopicName,
    set: &BTreeMap<String, String>,
    unset: &BTreeSet<String>,
) -> Result<Write, ResourceError> {
    let present = existing(state, topic, &format!("The topic '{topic}' does not exist."))?;
    if let Some(reason) = &present.overrides_unknown {
        return Err(refused("TOPIC_AUTHORIZATION_FAILED", reason));
    }
    check_keys(set, unset)?;
    let mut overrides = present.overrides.clone();
    for key in unset {
        overrides.remove(key);
    }
    overrides.extend(set.iter().map(|(key, value)| (key.clone(), Some(value.clone()))));
    // The controller checks everything that would then be set, not only what changes.
    check_overrides(state, overrides.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?))))?;
    Ok(Write::Topic(topic.clone(), Some(ObservedTopic { overrides, ..present.clone() })))
}

pub(crate) fn delete(state: &ObservedState, topic: &TopicName, id: Option<uuid::Uuid>) -> Result<Write, ResourceError> {
    if effective::guard(state, "delete.topic.enable").as_deref() == Some("false") {
        return Err(refused("TOPIC_DELETION_DISABLED", "Topic deletion is disabled."));
    }
    match id {
        None => existing(state, topic, "This server does not host this topic-partition.").map(drop)?,
        Some(id) => {
            if state.topics.get(topic).is_none_or(|present| present.id != Some(id)) {
                return Err(refused("UNKNOWN_TOPIC_ID", "This server does not host this topic ID."));
            }
        }
    }
    Ok(Write::Topic(topic.clone(), None))
}

/// Refuses keys that are set and unset at once, as one request cannot say both.
pub(crate) fn check_keys(set: &BTreeMap<String, String>, unset: &BTreeSet<String>) -> Result<(), ResourceError> {
    if set.is_empty() && unset.is_empty() {
        return Ok(());
    }
    if let Some(key) = set.keys().find(|key| unset.contains(*key)) {
        return Err(refused("INVALID_REQUEST", format!("Error due to duplicate config keys: {key}")));
    }
    Ok(())
}

fn check_overrides<'a>(
    state: &ObservedState,
    overrides: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), ResourceError> {
    configs::check_topic(configs::version(state), overrides).map_err(|message| refused("INVALID_CONFIG", message))
}

fn existing<'a>(
    state: &'a ObservedState,
    topic: &TopicName,
    missing: &str,
) -> Result<&'a ObservedTopic, ResourceError> {
    if let Some(reason) = state.unknown_topics.get(topic) {
        return Err(refused("TOPIC_AUTHORIZATION_FAILED", reason));
    }
    state.topics.get(topic).ok_or_else(|| refused("UNKNOWN_TOPIC_OR_PARTITION", missing))
}
