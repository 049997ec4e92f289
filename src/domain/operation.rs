//! The writes that a cluster can be asked for, each one resource's share of one request.

use std::collections::{BTreeMap, BTreeSet};

use super::acl::AclBinding;
use super::broker_config::BrokerConfigScope;
use super::names::{TopicName, UserName};
use super::quota::{QuotaEntity, QuotaKey, QuotaValues};
use super::secret::Secret;
use super::user::{ScramMechanism, SecretReference};

/// One write. A batch holds operations of one [`OperationKind`] only, each on another resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Makes a topic. Absent counts are left to the controller's defaults.
    CreateTopic {
        /// The topic.
        topic: TopicName,
        /// Number of partitions.
        partitions: Option<i32>,
        /// Replication factor.
        replication_factor: Option<i16>,
        /// Overrides.
        config: BTreeMap<String, String>,
    },
    /// Raises the number of partitions to `total`.
    AddPartitions {
        /// The topic.
        topic: TopicName,
        /// The number of partitions afterwards.
        total: i32,
    },
    /// Sets and unsets overrides of a topic, all or none (KIP-339).
    AlterTopicConfig {
        /// The topic.
        topic: TopicName,
        /// Keys to set.
        set: BTreeMap<String, String>,
        /// Keys to unset.
        unset: BTreeSet<String>,
    },
    /// Deletes a topic with everything in it. With an id, only the topic of that id.
    DeleteTopic {
        /// The topic.
        topic: TopicName,
        /// Kafka's id of the topic that was planned for.
        id: Option<uuid::Uuid>,
    },
    /// Writes a SCRAM credential. One per user in a batch.
    UpsertScram {
        /// The user.
        user: UserName,
        /// The mechanism.
        mechanism: ScramMechanism,
        /// PBKDF2 iterations.
        iterations: i32,
        /// Which password of the [`Passwords`] handed over with the batch.
        password: SecretReference,
    },
    /// Removes a SCRAM credential. One per user in a batch.
    DeleteScram {
        /// The user.
        user: UserName,
        /// The mechanism.
        mechanism: ScramMechanism,
    },
    /// Adds a binding; adding one that is there is a success.
    CreateAcl(AclBinding),
    /// Removes exactly one binding; removing one that is not there is a success.
    DeleteAcl(AclBinding),
    /// Sets and unsets limits of an entity.
    AlterQuota {
        /// The entity.
        entity: QuotaEntity,
        /// Limits to set.
        set: QuotaValues,
        /// Limits to unset.
        unset: BTreeSet<QuotaKey>,
    },
    /// Sets and unsets dynamic broker configs.
    AlterBrokerConfig {
        /// All brokers, or one.
        scope: BrokerConfigScope,
        /// Keys to set.
        set: BTreeMap<String, String>,
        /// Keys to unset.
        unset: BTreeSet<String>,
    },
}

/// Which request an operation travels in, in the order in which an apply sends them: what adds before what takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationKind {
    /// CreateTopics.
    CreateTopic,
    /// CreatePartitions.
    AddPartitions,
    /// IncrementalAlterConfigs on topics.
    AlterTopicConfig,
    /// AlterUserScramCredentials, upserts.
    UpsertScram,
    /// CreateAcls.
    CreateAcl,
    /// AlterClientQuotas.
    AlterQuota,
    /// IncrementalAlterConfigs on brokers.
    AlterBrokerConfig,
    /// DeleteAcls.
    DeleteAcl,
    /// AlterUserScramCredentials, deletions.
    DeleteScram,
    /// DeleteTopics.
    DeleteTopic,
}

impl OperationKind {
    /// Every kind, in the order of an apply.
    pub const ALL: [Self; 10] = [
        Self::CreateTopic,
        Self::AddPartitions,
        Self::AlterTopicConfig,
        Self::UpsertScram,
        Self::CreateAcl,
        Self::AlterQuota,
        Self::AlterBrokerConfig,
        Self::DeleteAcl,
        Self::DeleteScram,
        Self::DeleteTopic,
    ];

    /// The most operations of this kind in one request, whatever their size.
    ///
    /// SCRAM: beyond 10,000 upserts the active controller steps down. DeleteAcls: every filter is compared with every
    /// ACL on the controller's one thread (4.5 ms a filter at 50,000 ACLs).
    pub fn most_per_request(self) -> usize {
        match self {
            Self::CreateTopic | Self::AddPartitions | Self::AlterTopicConfig | Self::AlterQuota | Self::DeleteTopic => {
                5_000
            }
            Self::CreateAcl => 5_000,
            Self::UpsertScram | Self::DeleteScram => 1_000,
            Self::DeleteAcl => 100,
            Self::AlterBrokerConfig => 100,
        }
    }
}

/// The most metadata records that one request may cause, below the controller's bound of 10,000 (KIP-868).
pub const MOST_RECORDS_PER_REQUEST: usize = 9_500;

impl Operation {
    /// Returns the kind of request it travels in.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::CreateTopic { .. } => OperationKind::CreateTopic,
            Self::AddPartitions { .. } => OperationKind::AddPartitions,
            Self::AlterTopicConfig { .. } => OperationKind::AlterTopicConfig,
            Self::DeleteTopic { .. } => OperationKind::DeleteTopic,
            Self::UpsertScram { .. } => OperationKind::UpsertScram,
            Self::DeleteScram { .. } => OperationKind::DeleteScram,
            Self::CreateAcl(_) => OperationKind::CreateAcl,
            Self::DeleteAcl(_) => OperationKind::DeleteAcl,
            Self::AlterQuota { .. } => OperationKind::AlterQuota,
            Self::AlterBrokerConfig { .. } => OperationKind::AlterBrokerConfig,
        }
    }

    /// Returns how many records the controller writes for it at most. Counts that are left to the controller are taken
    /// as `default_partitions`.
    pub fn records(&self, default_partitions: i32) -> usize {
        match self {
            Self::CreateTopic { partitions, config, .. } => {
                let partitions = usize::try_from(partitions.unwrap_or(default_partitions)).unwrap_or(1);
                1 + partitions + config.len() + usize::from(config.contains_key("min.insync.replicas"))
            }
            Self::AddPartitions { total, .. } => usize::try_from(*total).unwrap_or(1),
            Self::AlterTopicConfig { set, unset, .. } | Self::AlterBrokerConfig { set, unset, .. } => {
                1 + set.len() + unset.len()
            }
            Self::AlterQuota { set, unset, .. } => set.len() + unset.len(),
            Self::DeleteTopic { .. }
            | Self::UpsertScram { .. }
            | Self::DeleteScram { .. }
            | Self::CreateAcl(_)
            | Self::DeleteAcl(_) => 1,
        }
    }
}

/// The passwords that a batch needs. Cannot be printed.
#[derive(Clone, Default)]
pub struct Passwords(BTreeMap<SecretReference, Secret>);

impl Passwords {
    /// Adds one.
    pub fn insert(&mut self, reference: SecretReference, secret: Secret) {
        self.0.insert(reference, secret);
    }

    /// Returns one.
    pub fn get(&self, reference: &SecretReference) -> Option<&Secret> {
        self.0.get(reference)
    }
}
