//! What every `Cluster` does alike: one suite for the directory cluster and for real brokers, so the fake cannot lie.
//!
//! Where a real broker differs from the directory cluster, the directory cluster is wrong. Every check uses names of its
//! own and says with its name what holds.

/// Lists the checks of a part by their names.
macro_rules! checks {
    ($($name:ident),+ $(,)?) => {
        pub(super) const CHECKS: &[(&str, super::Check)] = &[$((stringify!($name), |subject| Box::pin($name(subject)))),+];
    };
}

mod access;
mod limits;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use driftless::domain::acl::{AclBinding, AclOperation, AclPermission, AclResourceType, PatternType};
use driftless::domain::broker_config::BrokerConfigScope;
use driftless::domain::names::{Principal, TopicName, UserName};
use driftless::domain::observed::{Interest, Knowledge, ObservedReplication, ObservedState, ObservedTopic};
use driftless::domain::operation::{Operation, Passwords};
use driftless::domain::quota::{QuotaEntity, QuotaKey, QuotaName, QuotaValues};
use driftless::domain::secret::Secret;
use driftless::domain::user::{ScramMechanism, SecretReference};
use driftless::ports::{Access, Cluster, DryRun, ResourceError};
use driftless::sandbox::DirectoryCluster;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::support::brokers::unique_name;

/// How long brokers may take to show what the controller accepted.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn the_directory_cluster_keeps_the_contract() {
    let directory = tempfile::tempdir().expect("a directory");
    let cluster = DirectoryCluster::open(directory.path(), Access::ReadWrite).expect("a new cluster");
    suite(Arc::new(cluster)).await;
}

/// Runs every check, and fails with the names of those that did not hold. Takes the cluster for itself: some checks
/// change what holds for all of it, and put it back.
pub(crate) async fn suite(cluster: Arc<dyn Cluster>) {
    let subject = Subject { cluster };
    let mut failed = Vec::new();
    let checks: Vec<_> = [topics::CHECKS, access::CHECKS, limits::CHECKS].concat();
    for (name, check) in &checks {
        if AssertUnwindSafe(check(&subject)).catch_unwind().await.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "{} of {} checks failed: {failed:#?}", failed.len(), checks.len());
}

/// A check of [`suite`].
type Check = for<'a> fn(&'a Subject) -> BoxFuture<'a, ()>;

struct Subject {
    cluster: Arc<dyn Cluster>,
}

impl Subject {
    async fn perform(&self, batch: &[Operation]) -> Vec<Result<(), ResourceError>> {
        let results = self.cluster.perform(batch, &passwords()).await;
        assert_eq!(results.len(), batch.len(), "one result for each operation");
        results
    }

    async fn accept(&self, operation: Operation) {
        let results = self.perform(std::slice::from_ref(&operation)).await;
        assert_eq!(results, [Ok(())], "{operation:?}");
    }

    async fn refuse(&self, operation: Operation, code: &str) {
        let results = self.perform(std::slice::from_ref(&operation)).await;
        let error = results[0].as_ref().expect_err(&format!("{operation:?} is refused"));
        assert_eq!(error.code, code, "{operation:?}: {error}");
        assert!(error.unchanged, "{operation:?}: {error}");
        assert!(!error.message.is_empty(), "{operation:?}");
    }

    async fn everything(&self) -> ObservedState {
        let interest = Interest::Everything { topics: BTreeSet::new(), brokers: BTreeSet::from([1]) };
        self.cluster.observe(&interest).await.expect("observed")
    }

    /// Observes until something holds: what the controller accepted takes a moment to reach the brokers.
    /// Brokers are not equally far: what one has shown, the next one may not show yet.
    async fn until(&self, interest: &Interest, what: &str, holds: impl Fn(&ObservedState) -> bool) -> ObservedState {
        let mut waited = Duration::ZERO;
        loop {
            let state = self.cluster.observe(interest).await.expect("observed");
            if holds(&state) {
                return state;
            }
            assert!(waited < PATIENCE, "{what}\nobserved: {state:#?}");
            let pause = Duration::from_millis(100);
            tokio::time::sleep(pause).await;
            waited += pause;
        }
    }

    async fn topic_when(&self, name: &TopicName, holds: impl Fn(&ObservedTopic) -> bool) -> ObservedTopic {
        let state =
            self.until(&of_topic(name), name.as_str(), |state| state.topics.get(name).is_some_and(&holds)).await;
        state.topics[name].clone()
    }

    async fn gone(&self, name: &TopicName) {
        self.until(&of_topic(name), name.as_str(), |state| !state.topics.contains_key(name)).await;
    }

    async fn with_topic(&self, config: &[(&str, &str)]) -> TopicName {
        let name = topic_name("contract");
        self.accept(create(&name, 1, 1, config)).await;
        self.topic_when(&name, |topic| topic.overrides.len() == config.len()).await;
        name
    }
}

fn passwords() -> Passwords {
    let mut passwords = Passwords::default();
    passwords.insert(password(), Secret::new("correct horse battery staple"));
    passwords
}

fn password() -> SecretReference {
    SecretReference { name: "contract".into(), key: "password".into() }
}

fn topic_name(prefix: &str) -> TopicName {
    TopicName::parse(&unique_name(prefix)).expect("valid")
}

fn of_topic(name: &TopicName) -> Interest {
    only(BTreeSet::from([name.clone()]), "")
}

/// Asks for topics, or for what `parts` mentions.
fn only(topics: BTreeSet<TopicName>, parts: &str) -> Interest {
    let scopes = BTreeSet::from([BrokerConfigScope::Default, BrokerConfigScope::Broker(1)]);
    Interest::Only {
        topics,
        users: parts.contains("users"),
        acls: parts.contains("acls"),
        quotas: parts.contains("quotas"),
        broker_configs: if parts.contains("broker-configs") { scopes } else { BTreeSet::new() },
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn keys(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn shown(pairs: &[(&str, &str)]) -> BTreeMap<String, Option<String>> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect()
}

fn create(name: &TopicName, partitions: i32, replication_factor: i16, config: &[(&str, &str)]) -> Operation {
    Operation::CreateTopic {
        topic: name.clone(),
        partitions: Some(partitions),
        replication_factor: Some(replication_factor),
        config: map(config),
    }
}

fn alter(topic: &TopicName, set: &[(&str, &str)], unset: &[&str]) -> Operation {
    Operation::AlterTopicConfig { topic: topic.clone(), set: map(set), unset: keys(unset) }
}

fn delete(topic: &TopicName, id: Option<uuid::Uuid>) -> Operation {
    Operation::DeleteTopic { topic: topic.clone(), id }
}

fn code(result: &Result<(), ResourceError>) -> &str {
    result.as_ref().map_or_else(|error| error.code.as_str(), |()| "")
}

fn quota(entity: &QuotaEntity, set: &[(QuotaKey, f64)], unset: &[QuotaKey]) -> Operation {
    Operation::AlterQuota {
        entity: entity.clone(),
        set: set.iter().copied().collect(),
        unset: unset.iter().copied().collect(),
    }
}

async fn until_quota(subject: &Subject, entity: &QuotaEntity, expected: &[(QuotaKey, f64)]) {
    let expected: QuotaValues = expected.iter().copied().collect();
    let quotas = only(BTreeSet::new(), "quotas");
    let holds = |state: &ObservedState| {
        let known = state.quotas.known().expect("known").get(entity);
        // An entity without limits is not there.
        known.cloned().unwrap_or_default() == expected && known.is_some() != expected.is_empty()
    };
    subject.until(&quotas, &entity.to_string(), holds).await;
}
