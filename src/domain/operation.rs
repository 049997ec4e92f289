//! The writes that a cluster can be asked for, each one resource's share of one request.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::acl::AclBinding;
use super::broker_config::BrokerConfigScope;
use super::names::{TopicName, UserName};
use super::quota::{QuotaEntity, QuotaKey, QuotaValues};
use super::resource::ResourceId;
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
    fn most_per_request(self) -> usize {
        match self {
            Self::CreateTopic
            | Self::AddPartitions
            | Self::AlterTopicConfig
            | Self::AlterQuota
            | Self::DeleteTopic
            | Self::CreateAcl => 5_000,
            Self::UpsertScram | Self::DeleteScram => 1_000,
            Self::DeleteAcl | Self::AlterBrokerConfig => 100,
        }
    }

    /// Says whether Kafka can check such a request without doing it (`validate_only`), or why not.
    pub fn dry_run(self) -> Result<(), &'static str> {
        match self {
            Self::CreateTopic
            | Self::AddPartitions
            | Self::AlterTopicConfig
            | Self::AlterQuota
            | Self::AlterBrokerConfig => Ok(()),
            Self::DeleteTopic => Err("Kafka has no dry run for deleting topics"),
            Self::UpsertScram | Self::DeleteScram => Err("Kafka has no dry run for SCRAM credentials"),
            Self::CreateAcl | Self::DeleteAcl => Err("Kafka has no dry run for ACLs"),
        }
    }
}

/// The most metadata records that one request may cause, below the controller's bound of 10,000 (KIP-868).
pub const MOST_RECORDS_PER_REQUEST: usize = 9_500;

/// What partitions that are left to the brokers count as: more than anybody's `num.partitions`, which is not known here. Guessing
/// too low would have a whole request refused, too high makes more requests.
const PARTITIONS_LEFT_TO_THE_BROKERS: i32 = 100;

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

    /// Returns the resource that it is about.
    pub fn resource(&self) -> ResourceId {
        match self {
            Self::CreateTopic { topic, .. }
            | Self::AddPartitions { topic, .. }
            | Self::AlterTopicConfig { topic, .. }
            | Self::DeleteTopic { topic, .. } => ResourceId::Topic(topic.clone()),
            Self::UpsertScram { user, .. } | Self::DeleteScram { user, .. } => ResourceId::User(user.clone()),
            Self::CreateAcl(binding) | Self::DeleteAcl(binding) => ResourceId::Acl(binding.clone()),
            Self::AlterQuota { entity, .. } => ResourceId::Quota(entity.clone()),
            Self::AlterBrokerConfig { scope, .. } => ResourceId::BrokerConfig(*scope),
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

/// Cuts operations of one kind into requests that a controller takes, each a range of them: below the bounds of the kind
/// and of the controller's records, and never one resource twice. Kafka refuses two alterations of one user in a request
/// (DUPLICATE_RESOURCE), even of different mechanisms.
pub fn requests(operations: &[&Operation]) -> Vec<Range<usize>> {
    let mut requests: Vec<Range<usize>> = Vec::new();
    let mut records = 0;
    let mut resources = BTreeSet::new();
    for (at, operation) in operations.iter().enumerate() {
        let (more, resource) = (operation.records(PARTITIONS_LEFT_TO_THE_BROKERS), operation.resource());
        match requests.last_mut() {
            Some(request)
                if request.len() < operation.kind().most_per_request()
                    && records + more <= MOST_RECORDS_PER_REQUEST
                    && !resources.contains(&resource) =>
            {
                request.end = at + 1;
            }
            Some(_) | None => {
                records = 0;
                resources.clear();
                requests.push(at..at + 1);
            }
        }
        records += more;
        resources.insert(resource);
    }
    requests
}

/// Cuts the operations that Kafka can check without doing them into requests, each as the places of its operations.
pub fn dry_run_requests(operations: &[Operation]) -> Vec<Vec<usize>> {
    let mut cut = Vec::new();
    for kind in OperationKind::ALL.into_iter().filter(|kind| kind.dry_run().is_ok()) {
        let places: Vec<usize> = (0..operations.len()).filter(|at| operations[*at].kind() == kind).collect();
        let of_kind: Vec<&Operation> = places.iter().map(|at| &operations[*at]).collect();
        cut.extend(requests(&of_kind).into_iter().map(|request| places[request].to_vec()));
    }
    cut
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

#[cfg(test)]
mod tests {
    use super::super::acl::{AclOperation, AclPermission, AclResourceType, PatternType};
    use super::super::names::Principal;
    use super::*;

    fn sizes(operations: &[Operation]) -> Vec<usize> {
        let requests = requests(&operations.iter().collect::<Vec<_>>());
        let places: Vec<usize> = requests.iter().cloned().flatten().collect();
        assert_eq!(places, (0..operations.len()).collect::<Vec<_>>(), "each goes once, and in order");
        requests.iter().map(Range::len).collect()
    }

    fn topic(index: usize, partitions: i32, configs: usize) -> Operation {
        let config: BTreeMap<String, String> = (0..configs).map(|key| (format!("key.{key}"), "1".to_owned())).collect();
        let topic = TopicName::parse(&format!("t{index}")).expect("valid");
        Operation::CreateTopic { topic, partitions: Some(partitions), replication_factor: None, config }
    }

    #[test]
    fn topic_requests_stay_below_the_controllers_records() {
        // 1 topic record, 1 partition and 3 configs each: Kafka takes 1,666 of five-and-a-bit, we stay below.
        let operations: Vec<Operation> = (0..5_000).map(|index| topic(index, 1, 3)).collect();
        assert_eq!(sizes(&operations), [1_900, 1_900, 1_200]);
    }

    #[test]
    fn partitions_that_are_left_to_the_brokers_count_as_many() {
        let left = |index: usize| match topic(index, 1, 3) {
            Operation::CreateTopic { topic, config, .. } => {
                Operation::CreateTopic { topic, partitions: None, replication_factor: None, config }
            }
            other => other,
        };
        // 1 topic record, a hundred partitions and 3 configs each.
        let sizes = sizes(&(0..200).map(left).collect::<Vec<_>>());
        assert_eq!(sizes, [91, 91, 18]);
    }

    #[test]
    fn one_topic_beyond_the_bound_still_travels_alone() {
        assert_eq!(sizes(&[topic(0, 1, 0), topic(1, 20_000, 0), topic(2, 1, 0)]), [1, 1, 1]);
    }

    #[test]
    fn two_mechanisms_of_one_user_never_share_a_request() {
        let upsert = |user: &str, mechanism| Operation::UpsertScram {
            user: UserName::parse(user).expect("valid"),
            mechanism,
            iterations: 4096,
            password: SecretReference { name: "a".into(), key: "b".into() },
        };
        let operations = [
            upsert("alice", ScramMechanism::Sha256),
            upsert("bob", ScramMechanism::Sha256),
            upsert("alice", ScramMechanism::Sha512),
            upsert("bob", ScramMechanism::Sha512),
        ];
        assert_eq!(sizes(&operations), [2, 2]);
    }

    /// What Kafka 4.3.1 was seen to do with more: SCRAM, the active controller steps down; ACLs, quotas and configs,
    /// POLICY_VIOLATION; filters of DeleteAcls, the controller is blocked for 4.5 ms each at 50,000 ACLs.
    #[test]
    fn no_kind_of_request_holds_more_than_a_controller_takes() {
        let user = |index: usize| UserName::parse(&format!("user-{index}")).expect("valid");
        let binding = |index: usize| AclBinding {
            principal: Principal::user(&format!("user-{index}")),
            permission: AclPermission::Allow,
            operation: AclOperation::Read,
            resource_type: AclResourceType::Topic,
            pattern_type: PatternType::Literal,
            resource_name: "t".into(),
            host: "*".into(),
        };
        let password = || SecretReference { name: "a".into(), key: "b".into() };
        let (mechanism, iterations) = (ScramMechanism::Sha512, 4096);
        let operations: [(&dyn Fn(usize) -> Operation, usize); 6] = [
            (&|index| Operation::UpsertScram { user: user(index), mechanism, iterations, password: password() }, 1_000),
            (&|index| Operation::DeleteScram { user: user(index), mechanism }, 1_000),
            (&|index| Operation::CreateAcl(binding(index)), 5_000),
            (&|index| Operation::DeleteAcl(binding(index)), 100),
            (&|index| altered(index, 3), 2_375),
            (&|index| altered(index, 0), 5_000),
        ];
        for (operation, most) in operations {
            let operations: Vec<Operation> = (0..12_000).map(operation).collect();
            assert_eq!(sizes(&operations).iter().max(), Some(&most), "{:?}", operations[0].kind());
        }
    }

    fn altered(index: usize, configs: usize) -> Operation {
        let set = (0..configs).map(|key| (format!("key.{key}"), "1".to_owned())).collect();
        let topic = TopicName::parse(&format!("t{index}")).expect("valid");
        Operation::AlterTopicConfig { topic, set, unset: BTreeSet::new() }
    }

    #[test]
    fn only_what_kafka_can_check_is_cut_for_a_dry_run() {
        let delete = Operation::DeleteTopic { topic: TopicName::parse("d").expect("valid"), id: None };
        let operations =
            [altered(0, 1), topic(1, 9_000, 0), delete, topic(2, 9_000, 0), topic(3, 10, 0), altered(4, 1)];
        assert_eq!(dry_run_requests(&operations), [vec![1], vec![3, 4], vec![0, 5]]);
    }
}
