//! Topics as git wants them.

use std::collections::BTreeMap;

use super::names::TopicName;

/// A topic as a manifest declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name in Kafka.
    pub name: TopicName,
    /// Number of partitions, at least 1; absent means that the cluster decides at creation and is not compared after.
    pub partitions: Option<i32>,
    /// Replication factor, 1 to 32767; absent means that the cluster decides at creation and is not compared after.
    pub replication_factor: Option<i16>,
    /// Every dynamic override of the topic, by config key, as Kafka's text. A key that is not here is unset.
    pub config: BTreeMap<String, String>,
}

/// Keys that reassignments set and remove by themselves; never counted as overrides of ours unless declared.
pub const THROTTLE_KEYS: [&str; 2] =
    ["leader.replication.throttled.replicas", "follower.replication.throttled.replicas"];
