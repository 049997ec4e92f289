//! One request to the directory's controller: checks of the request as a whole, then of each operation, then the writes.

use std::collections::{BTreeMap, BTreeSet};

use super::{access, broker_configs, topics};
use crate::domain::acl::AclBinding;
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::names::{TopicName, UserName};
use crate::domain::observed::{Knowledge, ObservedState, ObservedTopic};
use crate::domain::operation::{Operation, OperationKind, Passwords};
use crate::domain::quota::{QuotaEntity, QuotaValues};
use crate::domain::resource::ResourceId;
use crate::domain::user::ScramMechanism;
use crate::ports::ResourceError;

/// Most records of one controller operation (KIP-868), and most partitions of one request.
const MOST_RECORDS: usize = 10_000;

/// Makes an error that says that nothing was changed.
pub(crate) fn refused(code: &str, message: impl Into<String>) -> ResourceError {
    ResourceError { code: code.to_owned(), message: message.into(), unchanged: true }
}

/// What an accepted operation leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Write {
    /// The topic is so, or gone.
    Topic(TopicName, Option<ObservedTopic>),
    /// The user has these credentials.
    Credentials(UserName, BTreeMap<ScramMechanism, i32>),
    /// The binding is there.
    AclAdded(AclBinding),
    /// The binding is not there.
    AclRemoved(AclBinding),
    /// The entity has these limits.
    Quota(QuotaEntity, QuotaValues),
    /// The scope has these configs.
    BrokerConfig(BrokerConfigScope, BTreeMap<String, Option<String>>),
}

/// Answers one request: the result of each operation, as the controller sees the state before the request.
pub(crate) fn check(
    state: &ObservedState,
    batch: &[&Operation],
    passwords: Option<&Passwords>,
) -> Vec<Result<Write, ResourceError>> {
    if let Some(error) = whole_request(state, batch) {
        return batch.iter().map(|_| Err(error.clone())).collect();
    }
    let mut seen: BTreeMap<ResourceId, usize> = BTreeMap::new();
    for operation in batch {
        *seen.entry(operation.resource()).or_default() += 1;
    }
    let collisions: BTreeMap<String, &TopicName> = match batch.first().map(|operation| operation.kind()) {
        Some(OperationKind::CreateTopic) => state.topics.keys().map(|name| (name.collision_key(), name)).collect(),
        Some(_) | None => BTreeMap::new(),
    };
    batch
        .iter()
        .map(|operation| {
            if seen.get(&operation.resource()).is_some_and(|count| *count > 1) {
                repeated(operation)?;
            }
            one(state, operation, &collisions, passwords)
        })
        .collect()
}

/// Applies an accepted operation.
pub(crate) fn commit(state: &mut ObservedState, write: Write) {
    match write {
        Write::Topic(name, Some(topic)) => drop(state.topics.insert(name, topic)),
        Write::Topic(name, None) => drop(state.topics.remove(&name)),
        Write::Credentials(user, credentials) => set(&mut state.users, user, credentials, BTreeMap::is_empty),
        Write::Quota(entity, values) => set(&mut state.quotas, entity, values, BTreeMap::is_empty),
        Write::AclAdded(acl) => {
            if let Knowledge::Known(acls) = &mut state.acls {
                acls.insert(acl);
            }
        }
        Write::AclRemoved(acl) => {
            if let Knowledge::Known(acls) = &mut state.acls {
                acls.remove(&acl);
            }
        }
        Write::BrokerConfig(scope, configs) => {
            state.broker_configs.insert(scope, Knowledge::Known(configs));
        }
    }
}

fn set<K: Ord, V>(known: &mut Knowledge<BTreeMap<K, V>>, key: K, value: V, is_nothing: fn(&V) -> bool) {
    if let Knowledge::Known(map) = known {
        if is_nothing(&value) {
            map.remove(&key);
        } else {
            map.insert(key, value);
        }
    }
}

/// Refuses what a controller refuses as a whole.
fn whole_request(state: &ObservedState, batch: &[&Operation]) -> Option<ResourceError> {
    let kinds: BTreeSet<OperationKind> = batch.iter().map(|operation| operation.kind()).collect();
    let kind = match (kinds.first(), kinds.len()) {
        (None, _) => return None,
        (Some(kind), 1) => *kind,
        (Some(_), _) => return Some(refused("INVALID_REQUEST", "a batch holds operations of one kind")),
    };
    let default_partitions = topics::default_partitions(state);
    let records: usize = batch.iter().map(|operation| records(state, operation, default_partitions)).sum();
    match kind {
        OperationKind::CreateTopic => {
            let partitions: usize = batch
                .iter()
                .map(|operation| match operation {
                    Operation::CreateTopic { partitions, .. } => {
                        usize::try_from(partitions.unwrap_or(default_partitions)).unwrap_or(0)
                    }
                    _ => 0,
                })
                .sum();
            (partitions > MOST_RECORDS)
                .then(|| refused("POLICY_VIOLATION", "Excessively large number of partitions per request."))
                .or_else(|| (records > MOST_RECORDS).then(excessive))
        }
        OperationKind::AlterTopicConfig
        | OperationKind::CreateAcl
        | OperationKind::AlterQuota
        | OperationKind::AlterBrokerConfig => (records > MOST_RECORDS).then(excessive),
        // A real controller steps down after these; nothing is changed all the same.
        OperationKind::AddPartitions | OperationKind::UpsertScram | OperationKind::DeleteScram => {
            let message = "The server experienced an unexpected error when processing the request.";
            (records > MOST_RECORDS).then(|| refused("UNKNOWN_SERVER_ERROR", message))
        }
        OperationKind::DeleteAcl | OperationKind::DeleteTopic => None,
    }
}

fn excessive() -> ResourceError {
    refused("POLICY_VIOLATION", "Unable to perform excessively large batch operation.")
}

fn records(state: &ObservedState, operation: &Operation, default_partitions: i32) -> usize {
    match operation {
        Operation::AddPartitions { topic, total } => {
            let present = state.topics.get(topic).map_or(0, |topic| topic.partitions);
            usize::try_from(total.saturating_sub(present)).unwrap_or(0)
        }
        Operation::AlterTopicConfig { set, unset, .. } | Operation::AlterBrokerConfig { set, unset, .. } => {
            set.len() + unset.len()
        }
        Operation::CreateTopic { .. }
        | Operation::DeleteTopic { .. }
        | Operation::UpsertScram { .. }
        | Operation::DeleteScram { .. }
        | Operation::CreateAcl(_)
        | Operation::DeleteAcl(_)
        | Operation::AlterQuota { .. } => operation.records(default_partitions),
    }
}

/// Refuses an operation whose resource another one of the request is about too.
fn repeated(operation: &Operation) -> Result<(), ResourceError> {
    match operation {
        Operation::CreateTopic { .. } | Operation::DeleteTopic { .. } => {
            Err(refused("INVALID_REQUEST", "Duplicate topic name."))
        }
        Operation::AddPartitions { .. } => Err(refused("INVALID_REQUEST", "Duplicate topic in request.")),
        Operation::AlterTopicConfig { .. } | Operation::AlterBrokerConfig { .. } => {
            Err(refused("INVALID_REQUEST", "Each resource must appear at most once."))
        }
        Operation::UpsertScram { .. } | Operation::DeleteScram { .. } => {
            Err(refused("DUPLICATE_RESOURCE", "A user credential cannot be altered twice in the same request"))
        }
        Operation::AlterQuota { .. } => Err(refused("INVALID_REQUEST", "Each entity must appear at most once.")),
        Operation::CreateAcl(_) | Operation::DeleteAcl(_) => Ok(()),
    }
}

fn one(
    state: &ObservedState,
    operation: &Operation,
    collisions: &BTreeMap<String, &TopicName>,
    passwords: Option<&Passwords>,
) -> Result<Write, ResourceError> {
    match operation {
        Operation::CreateTopic { topic, partitions, replication_factor, config } => {
            topics::create(state, collisions, topic, *partitions, *replication_factor, config)
        }
        Operation::AddPartitions { topic, total } => topics::add_partitions(state, topic, *total),
        Operation::AlterTopicConfig { topic, set, unset } => topics::alter_config(state, topic, set, unset),
        Operation::DeleteTopic { topic, id } => topics::delete(state, topic, *id),
        Operation::UpsertScram { user, mechanism, iterations, password } => {
            if passwords.is_some_and(|passwords| passwords.get(password).is_none()) {
                return Err(refused("SECRET_MISSING", format!("the password `{password}` was not handed over")));
            }
            access::upsert_scram(state, user, *mechanism, *iterations)
        }
        Operation::DeleteScram { user, mechanism } => access::delete_scram(state, user, *mechanism),
        Operation::CreateAcl(acl) => access::create_acl(state, acl),
        Operation::DeleteAcl(acl) => access::delete_acl(state, acl),
        Operation::AlterQuota { entity, set, unset } => access::alter_quota(state, entity, set, unset),
        Operation::AlterBrokerConfig { scope, set, unset } => broker_configs::alter(state, *scope, set, unset),
    }
}
