//! What was seen on the cluster and in Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::acl::AclBinding;
use super::broker_config::BrokerConfigScope;
use super::names::{Principal, TopicName, UserName};
use super::quota::{QuotaEntity, QuotaValues};
use super::resource::{ResourceId, ResourceKind};
use super::rule::{RuleGroup, RuleGroupId};
use super::user::ScramMechanism;

/// Something that was read, or could not be read. Unknown is never absent.
#[derive(Debug, Clone, PartialEq)]
pub enum Knowledge<T> {
    /// It was read, whole.
    Known(T),
    /// It could not be read: the reason, with the broker's own words.
    Unknown(String),
}

impl<T> Knowledge<T> {
    /// Returns what is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// Returns why it is not known.
    pub fn unknown(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(reason) => Some(reason),
        }
    }
}

/// What kind of thing is asked of the cluster.
#[derive(Debug, Clone, PartialEq)]
pub enum Interest {
    /// Everything there is. The names are those that git or the inventory mention: they are looked up by name too, because
    /// a list of all topics silently leaves out those that the principal may not describe. `brokers` are those whose
    /// own dynamic configs are wanted; the cluster-wide ones always are.
    Everything {
        /// Topics to look up by name.
        topics: BTreeSet<TopicName>,
        /// Brokers to ask for their own dynamic configs.
        brokers: BTreeSet<i32>,
    },
    /// Only these, by name: what an apply wrote and reads back.
    Only {
        /// Topics, with all their configs.
        topics: BTreeSet<TopicName>,
        /// Whether to read SCRAM users.
        users: bool,
        /// Whether to read ACLs.
        acls: bool,
        /// Whether to read quotas.
        quotas: bool,
        /// Scopes of broker configs.
        broker_configs: BTreeSet<BrokerConfigScope>,
    },
}

impl Interest {
    /// Asks for these resources only. Rule groups are not the cluster's to tell.
    pub fn in_resources(ids: &BTreeSet<ResourceId>) -> Self {
        let topics =
            ids.iter().filter_map(|id| if let ResourceId::Topic(name) = id { Some(name.clone()) } else { None });
        let scopes =
            ids.iter().filter_map(|id| if let ResourceId::BrokerConfig(scope) = id { Some(*scope) } else { None });
        let any = |kind: ResourceKind| ids.iter().any(|id| id.kind() == kind);
        Self::Only {
            topics: topics.collect(),
            users: any(ResourceKind::User),
            acls: any(ResourceKind::Acl),
            quotas: any(ResourceKind::Quota),
            broker_configs: scopes.collect(),
        }
    }
}

/// The live state of a cluster, as far as the principal may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedState {
    /// The cluster itself.
    pub cluster: ClusterFacts,
    /// All topics that were seen, internal ones too.
    pub topics: BTreeMap<TopicName, ObservedTopic>,
    /// Topics of which it is not known whether or how they exist, with the reason. Never also in `topics`.
    pub unknown_topics: BTreeMap<TopicName, String>,
    /// Why the list of topics may lack some (no Describe on all topics, for example); absent when it is complete as
    /// far as can be told.
    pub topics_incomplete: Option<String>,
    /// Effective values of config keys that topics did not override, as the answering brokers said: usually one value
    /// per key, more where brokers differ.
    pub topic_defaults: BTreeMap<String, BTreeSet<String>>,
    /// Iteration counts of SCRAM credentials.
    pub users: Knowledge<BTreeMap<UserName, BTreeMap<ScramMechanism, i32>>>,
    /// Every ACL binding. Bindings of types that this version does not know are left out and counted in `acls_skipped`.
    pub acls: Knowledge<BTreeSet<AclBinding>>,
    /// How many bindings were left out because their type or operation is not known here.
    pub acls_skipped: usize,
    /// Quotas. Entities and keys of types that this version does not know are left out.
    pub quotas: Knowledge<BTreeMap<QuotaEntity, QuotaValues>>,
    /// Dynamic broker configs, for the scopes that were asked for.
    pub broker_configs: BTreeMap<BrokerConfigScope, Knowledge<BTreeMap<String, Option<String>>>>,
    /// Rule groups of the rule directory, merged in by the pass; unknown when no rule store is configured.
    pub rule_groups: Knowledge<BTreeMap<RuleGroupId, RuleGroup>>,
}

impl ObservedState {
    /// Returns a state in which nothing was read yet.
    pub fn nothing(cluster: ClusterFacts, reason: &str) -> Self {
        Self {
            cluster,
            topics: BTreeMap::new(),
            unknown_topics: BTreeMap::new(),
            topics_incomplete: None,
            topic_defaults: BTreeMap::new(),
            users: Knowledge::Unknown(reason.to_owned()),
            acls: Knowledge::Unknown(reason.to_owned()),
            acls_skipped: 0,
            quotas: Knowledge::Unknown(reason.to_owned()),
            broker_configs: BTreeMap::new(),
            rule_groups: Knowledge::Unknown("no rule store is configured".to_owned()),
        }
    }

    /// Adds the topics and the broker configs of a state that was read later, with [`Interest::Only`].
    pub fn take_in(&mut self, later: Self) {
        self.topics.extend(later.topics);
        self.unknown_topics.extend(later.unknown_topics);
        for (key, values) in later.topic_defaults {
            self.topic_defaults.entry(key).or_default().extend(values);
        }
        self.broker_configs.extend(later.broker_configs);
        self.cluster.lacking.extend(later.cluster.lacking);
    }
}

/// Facts of the cluster as a whole, for policy and preconditions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterFacts {
    /// Kafka's cluster id.
    pub id: String,
    /// The brokers that are registered and alive, by id.
    pub brokers: BTreeMap<i32, BrokerFacts>,
    /// The finalized `metadata.version` level, when the cluster is KRaft and says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_version: Option<i16>,
    /// The principal that driftless itself is, as far as its own settings tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_principal: Option<Principal>,
    /// How driftless is connected, when it is: a recorded cluster says how it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_protocol: Option<SecurityProtocol>,
    /// What the cluster cannot do or the principal may not do, by API name, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lacking: BTreeMap<String, String>,
}

/// Kafka's `security.protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL within TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// Names it by its two parts.
    pub fn of(tls: bool, sasl: bool) -> Self {
        match (tls, sasl) {
            (false, false) => Self::Plaintext,
            (true, false) => Self::Ssl,
            (false, true) => Self::SaslPlaintext,
            (true, true) => Self::SaslSsl,
        }
    }
}

/// Facts of one broker.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BrokerFacts {
    /// Its rack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack: Option<String>,
    /// Values of the guard configs (see [`GUARD_CONFIGS`]) as this broker has them. Empty with `configs_unknown` set when
    /// they could not be read.
    #[serde(default)]
    pub configs: BTreeMap<String, String>,
    /// Why the configs are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configs_unknown: Option<String>,
}

/// Broker configs that policy looks at, read from every live broker.
pub const GUARD_CONFIGS: [&str; 9] = [
    "auto.create.topics.enable",
    "allow.everyone.if.no.acl.found",
    "authorizer.class.name",
    "default.replication.factor",
    "delete.topic.enable",
    "min.insync.replicas",
    "num.partitions",
    "super.users",
    "unclean.leader.election.enable",
];

/// A topic as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedTopic {
    /// Kafka's topic id; changes when a topic is deleted and made again. Absent from brokers too old to say.
    pub id: Option<uuid::Uuid>,
    /// Number of partitions.
    pub partitions: i32,
    /// Replication factor of every partition, when all have one.
    pub replication: ObservedReplication,
    /// Kafka's own flag for its internal topics.
    pub internal: bool,
    /// Dynamic overrides by key: everything whose source is the topic itself, whatever its value. `None` is a value that
    /// the broker does not show (sensitive or unknown type): it is set, and cannot be compared.
    pub overrides: BTreeMap<String, Option<String>>,
    /// Why `overrides` could not be read; then it is empty and says nothing.
    pub overrides_unknown: Option<String>,
}

/// The replication of a topic's partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObservedReplication {
    /// Every partition has this many replicas.
    Uniform(i16),
    /// Partitions differ: the smallest and the largest number.
    Mixed(i16, i16),
}

/// What can be told of a topic before something irreversible is done to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicEvidence {
    /// Records between the earliest and the latest offset of all partitions, an upper bound for compacted topics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Bytes on disk of the leaders' or of any replica's logs, once per partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Consumer groups with members that have committed offsets or assignments for the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_groups: Option<BTreeSet<String>>,
}
