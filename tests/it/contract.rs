//! What every `Cluster` does alike: one suite for the directory cluster and for real brokers, so the fake cannot lie.
//!
//! Where a real broker differs from the directory cluster, the directory cluster is wrong. Every check uses names of its
//! own and says with its name what holds.

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
use driftless::ports::{Cluster, DryRun, ResourceError};
use driftless::sandbox::{Access, DirectoryCluster};
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
    for (name, check) in CHECKS {
        if AssertUnwindSafe(check(&subject)).catch_unwind().await.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "{} of {} checks failed: {failed:#?}", failed.len(), CHECKS.len());
}

type Check = for<'a> fn(&'a Subject) -> BoxFuture<'a, ()>;

macro_rules! checks {
    ($($name:ident),+ $(,)?) => {
        const CHECKS: &[(&str, Check)] = &[$((stringify!($name), |subject| Box::pin($name(subject)))),+];
    };
}

checks! {
    the_cluster_says_who_it_is,
    a_created_topic_is_seen_as_it_was_asked_for,
    counts_that_are_left_out_are_the_controllers,
    a_topic_that_exists_is_not_made_again,
    a_name_that_collides_with_a_topic_is_refused,
    two_new_names_that_collide_with_each_other_both_pass,
    impossible_counts_are_refused,
    bad_configs_of_a_new_topic_are_refused,
    one_bad_topic_of_a_batch_does_not_stop_the_others,
    a_request_with_too_many_records_is_refused,
    partitions_only_grow,
    overrides_are_set_and_unset,
    an_alteration_is_all_or_nothing,
    one_bad_alteration_of_a_batch_does_not_stop_the_others,
    an_override_that_equals_the_default_is_set,
    values_are_described_in_one_form,
    a_missing_topic_has_no_configs,
    a_topic_is_deleted_once,
    a_deletion_by_id_takes_no_other_topic,
    a_new_topic_holds_nothing,
    what_is_not_there_is_absent_and_not_unknown,
    only_what_was_asked_for_is_known,
    a_dry_run_answers_in_order_and_changes_nothing,
    credentials_of_both_mechanisms_come_and_go,
    credentials_out_of_bounds_are_refused,
    a_user_is_altered_once_in_a_request,
    a_credential_needs_its_password,
    bindings_of_every_shape_come_and_go,
    a_binding_that_is_there_is_made_again_with_success,
    exactly_one_binding_is_deleted,
    impossible_bindings_are_refused,
    quotas_of_every_entity_come_and_go,
    limits_of_an_entity_are_set_and_unset,
    impossible_quotas_are_refused,
    one_bad_quota_of_a_batch_does_not_stop_the_others,
    broker_configs_of_both_scopes_come_and_go,
    a_broker_config_that_is_not_known_is_set_and_not_shown,
    impossible_broker_configs_are_refused,
    defaults_follow_the_broker_configs,
    an_empty_batch_is_nothing,
}

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

async fn the_cluster_says_who_it_is(subject: &Subject) {
    let state = subject.everything().await;
    assert!(!state.cluster.id.is_empty());
    assert_eq!(state.cluster.brokers.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(state.cluster.metadata_version.is_some_and(|level| level >= 20), "{:?}", state.cluster.metadata_version);
    for broker in state.cluster.brokers.values() {
        assert!(broker.rack.is_some() && broker.configs_unknown.is_none(), "{broker:?}");
        assert_eq!(broker.configs.get("auto.create.topics.enable").map(String::as_str), Some("false"));
        assert!(broker.configs.contains_key("default.replication.factor"), "{broker:?}");
    }
    assert!(state.users.known().is_some() && state.acls.known().is_some() && state.quotas.known().is_some());
    assert!(state.broker_configs[&BrokerConfigScope::Default].known().is_some());
    assert!(state.broker_configs[&BrokerConfigScope::Broker(1)].known().is_some());
    assert_eq!(state.topics_incomplete, None);
    assert_eq!(state.cluster.lacking, BTreeMap::new());
}

async fn a_created_topic_is_seen_as_it_was_asked_for(subject: &Subject) {
    let name = topic_name("Contract.made_");
    subject.accept(create(&name, 3, 2, &[("retention.ms", "1000"), ("cleanup.policy", "compact,delete")])).await;
    let topic = subject.topic_when(&name, |topic| topic.partitions == 3).await;
    assert_eq!(topic.replication, ObservedReplication::Uniform(2));
    assert_eq!(topic.overrides, shown(&[("retention.ms", "1000"), ("cleanup.policy", "compact,delete")]));
    assert_eq!(topic.overrides_unknown, None);
    assert!(topic.id.is_some_and(|id| !id.is_nil()) && !topic.internal);
    let interest = Interest::Everything { topics: BTreeSet::new(), brokers: BTreeSet::new() };
    subject.until(&interest, "in the list too", |state| state.topics.get(&name) == Some(&topic)).await;
}

async fn counts_that_are_left_out_are_the_controllers(subject: &Subject) {
    let guards = subject.everything().await.cluster.brokers[&1].configs.clone();
    let name = topic_name("contract");
    let operation =
        Operation::CreateTopic { topic: name.clone(), partitions: None, replication_factor: None, config: map(&[]) };
    subject.accept(operation).await;
    let topic = subject.topic_when(&name, |_| true).await;
    assert_eq!(topic.partitions.to_string(), guards["num.partitions"]);
    let factor = guards["default.replication.factor"].parse().expect("a number");
    assert_eq!(topic.replication, ObservedReplication::Uniform(factor));
}

async fn a_topic_that_exists_is_not_made_again(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    subject.refuse(create(&name, 9, 1, &[("nope", "1")]), "TOPIC_ALREADY_EXISTS").await;
    assert_eq!(subject.topic_when(&name, |_| true).await.partitions, 1);
}

async fn a_name_that_collides_with_a_topic_is_refused(subject: &Subject) {
    let (dotted, scored) = colliding_names();
    subject.accept(create(&dotted, 1, 1, &[])).await;
    subject.refuse(create(&scored, 1, 1, &[]), "INVALID_TOPIC_EXCEPTION").await;
    subject.gone(&scored).await;
}

fn colliding_names() -> (TopicName, TopicName) {
    let name = unique_name("contract");
    let parse = |raw: String| TopicName::parse(&raw).expect("valid");
    (parse(format!("{name}.v1")), parse(format!("{name}_v1")))
}

async fn two_new_names_that_collide_with_each_other_both_pass(subject: &Subject) {
    let (dotted, scored) = colliding_names();
    let results = subject.perform(&[create(&dotted, 1, 1, &[]), create(&scored, 1, 1, &[])]).await;
    assert_eq!(results, [Ok(()), Ok(())]);
}

async fn impossible_counts_are_refused(subject: &Subject) {
    let name = topic_name("contract");
    for (partitions, factor, code) in [
        (1, 4, "INVALID_REPLICATION_FACTOR"),
        (1, 0, "INVALID_REPLICATION_FACTOR"),
        (1, -2, "INVALID_REPLICATION_FACTOR"),
        (0, 1, "INVALID_PARTITIONS"),
        (-2, 1, "INVALID_PARTITIONS"),
    ] {
        subject.refuse(create(&name, partitions, factor, &[]), code).await;
    }
    subject.gone(&name).await;
}

/// Values that every version of Kafka refuses.
const BAD_VALUES: &[(&str, &str)] = &[
    ("retention.ms", "abc"),
    ("retention.ms", "1e3"),
    ("retention.ms", "1_000"),
    ("retention.ms", "-2"),
    ("retention.ms", ""),
    ("retention.ms", "9223372036854775808"),
    ("cleanup.policy", "shred"),
    ("cleanup.policy", "Compact"),
    ("compression.type", "LZ4"),
    ("preallocate", "yes"),
    ("min.cleanable.dirty.ratio", "1.5"),
    ("min.insync.replicas", "0"),
    ("max.message.bytes", "2147483648"),
    ("segment.bytes", "13"),
    ("leader.replication.throttled.replicas", "a:b"),
    ("max.compaction.lag.ms", "0"),
    ("nope", "1"),
    ("retention.MS", "1"),
];

async fn bad_configs_of_a_new_topic_are_refused(subject: &Subject) {
    let name = topic_name("contract");
    for (key, value) in BAD_VALUES {
        subject.refuse(create(&name, 1, 1, &[(key, value)]), "INVALID_CONFIG").await;
    }
    let conflict = [("min.compaction.lag.ms", "20"), ("max.compaction.lag.ms", "10")];
    subject.refuse(create(&name, 1, 1, &conflict), "INVALID_CONFIG").await;
    subject.gone(&name).await;
}

async fn one_bad_topic_of_a_batch_does_not_stop_the_others(subject: &Subject) {
    let names: Vec<TopicName> = (0..3).map(|_| topic_name("contract")).collect();
    let batch = [
        create(&names[0], 1, 1, &[]),
        create(&names[1], 1, 1, &[("retention.ms", "abc")]),
        create(&names[2], 1, 1, &[]),
    ];
    let results = subject.perform(&batch).await;
    assert_eq!(results.iter().map(code).collect::<Vec<_>>(), ["", "INVALID_CONFIG", ""]);
    subject.topic_when(&names[0], |_| true).await;
    subject.topic_when(&names[2], |_| true).await;
    subject.gone(&names[1]).await;
}

async fn a_request_with_too_many_records_is_refused(subject: &Subject) {
    let name = topic_name("contract");
    subject.refuse(create(&name, 10_001, 1, &[]), "POLICY_VIOLATION").await;
    subject.gone(&name).await;
    // Not tried with `AddPartitions`: after that many the active controller steps down (seen with 4.3.1 and 3.9.1).
}

async fn partitions_only_grow(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    let to = |total| Operation::AddPartitions { topic: name.clone(), total };
    subject.accept(to(3)).await;
    let topic = subject.topic_when(&name, |topic| topic.partitions == 3).await;
    assert_eq!(topic.replication, ObservedReplication::Uniform(1));
    for total in [3, 2, 0] {
        subject.refuse(to(total), "INVALID_PARTITIONS").await;
    }
    let missing = topic_name("contract");
    subject.refuse(Operation::AddPartitions { topic: missing, total: 2 }, "UNKNOWN_TOPIC_OR_PARTITION").await;
    subject.topic_when(&name, |topic| topic.partitions == 3).await;
}

async fn overrides_are_set_and_unset(subject: &Subject) {
    let name = subject.with_topic(&[("retention.ms", "1000"), ("segment.ms", "5000")]).await;
    subject.accept(alter(&name, &[("retention.ms", "2000"), ("flush.ms", "7")], &["segment.ms"])).await;
    let expected = shown(&[("flush.ms", "7"), ("retention.ms", "2000")]);
    subject.topic_when(&name, |topic| topic.overrides == expected).await;
    // Unsetting what is not set, even what Kafka does not know, and setting what is set, changes nothing.
    subject.accept(alter(&name, &[], &["segment.ms", "nope"])).await;
    subject.accept(alter(&name, &[("flush.ms", "7")], &[])).await;
    subject.topic_when(&name, |topic| topic.overrides == expected).await;
    subject.accept(alter(&name, &[], &["flush.ms", "retention.ms"])).await;
    subject.topic_when(&name, |topic| topic.overrides.is_empty()).await;
}

async fn an_alteration_is_all_or_nothing(subject: &Subject) {
    let name = subject.with_topic(&[("retention.ms", "1000")]).await;
    let batch = alter(&name, &[("retention.ms", "2000"), ("segment.ms", "abc")], &[]);
    subject.refuse(batch, "INVALID_CONFIG").await;
    subject.refuse(alter(&name, &[("nope", "1")], &["retention.ms"]), "INVALID_CONFIG").await;
    for (key, value) in BAD_VALUES {
        subject.refuse(alter(&name, &[(key, value)], &[]), "INVALID_CONFIG").await;
    }
    subject.topic_when(&name, |topic| topic.overrides == shown(&[("retention.ms", "1000")])).await;
}

async fn one_bad_alteration_of_a_batch_does_not_stop_the_others(subject: &Subject) {
    let (left, right) = (subject.with_topic(&[]).await, subject.with_topic(&[]).await);
    let missing = topic_name("contract");
    let batch = [
        alter(&left, &[("retention.ms", "1")], &[]),
        alter(&missing, &[("retention.ms", "1")], &[]),
        alter(&right, &[("retention.ms", "x")], &[]),
    ];
    let results = subject.perform(&batch).await;
    let codes: Vec<&str> = results.iter().map(code).collect();
    assert_eq!(codes, ["", "UNKNOWN_TOPIC_OR_PARTITION", "INVALID_CONFIG"]);
    subject.topic_when(&left, |topic| !topic.overrides.is_empty()).await;
    assert!(subject.topic_when(&right, |_| true).await.overrides.is_empty());
}

async fn an_override_that_equals_the_default_is_set(subject: &Subject) {
    let name = subject.with_topic(&[("retention.ms", "604800000")]).await;
    subject.topic_when(&name, |topic| topic.overrides == shown(&[("retention.ms", "604800000")])).await;
}

async fn values_are_described_in_one_form(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    for (key, raw, described) in [
        ("retention.ms", "+5", "5"),
        ("retention.ms", "007", "7"),
        ("retention.ms", " 8 ", "8"),
        ("preallocate", "TRUE", "true"),
        ("preallocate", " False ", "false"),
        ("min.cleanable.dirty.ratio", "0.50", "0.5"),
        ("min.cleanable.dirty.ratio", "1", "1.0"),
        ("min.cleanable.dirty.ratio", "0.0001", "1.0E-4"),
        ("min.cleanable.dirty.ratio", "5e-1", "0.5"),
        ("cleanup.policy", "compact , delete", "compact,delete"),
        ("cleanup.policy", "delete,compact", "delete,compact"),
        ("compression.type", " gzip ", "gzip"),
        ("leader.replication.throttled.replicas", "0:1, 1:2", "0:1,1:2"),
        ("leader.replication.throttled.replicas", "*", "*"),
        ("leader.replication.throttled.replicas", "", ""),
    ] {
        subject.accept(alter(&name, &[(key, raw)], &[])).await;
        let topic = subject.topic_when(&name, |topic| topic.overrides == shown(&[(key, described)])).await;
        assert_eq!(topic.overrides, shown(&[(key, described)]), "{key}={raw:?}");
        subject.accept(alter(&name, &[], &[key])).await;
        subject.topic_when(&name, |topic| topic.overrides.is_empty()).await;
    }
}

async fn a_missing_topic_has_no_configs(subject: &Subject) {
    let name = topic_name("contract");
    subject.refuse(alter(&name, &[("retention.ms", "1")], &[]), "UNKNOWN_TOPIC_OR_PARTITION").await;
    subject.refuse(alter(&name, &[], &["retention.ms"]), "UNKNOWN_TOPIC_OR_PARTITION").await;
}

async fn a_topic_is_deleted_once(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    let id = subject.topic_when(&name, |_| true).await.id;
    subject.accept(delete(&name, id)).await;
    subject.gone(&name).await;
    subject.refuse(delete(&name, id), "UNKNOWN_TOPIC_ID").await;
    subject.refuse(delete(&name, None), "UNKNOWN_TOPIC_OR_PARTITION").await;
    let name = subject.with_topic(&[]).await;
    subject.accept(delete(&name, None)).await;
    subject.gone(&name).await;
}

async fn a_deletion_by_id_takes_no_other_topic(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    let first = subject.topic_when(&name, |_| true).await.id;
    subject.accept(delete(&name, first)).await;
    subject.gone(&name).await;
    subject.accept(create(&name, 1, 1, &[])).await;
    let second = subject.topic_when(&name, |topic| topic.id != first).await.id;
    assert!(first.is_some() && second.is_some());
    subject.refuse(delete(&name, first), "UNKNOWN_TOPIC_ID").await;
    subject.topic_when(&name, |topic| topic.id == second).await;
}

async fn a_new_topic_holds_nothing(subject: &Subject) {
    let (name, missing) = (subject.with_topic(&[]).await, topic_name("contract"));
    let asked = BTreeSet::from([name.clone(), missing.clone()]);
    let evidence = subject.cluster.evidence(&asked).await.expect("asked");
    assert!(!evidence.contains_key(&missing));
    // The directory cluster does not know, and says so by leaving the topic out.
    if let Some(evidence) = evidence.get(&name) {
        assert_eq!(evidence.records.unwrap_or(0), 0);
        assert!(evidence.active_groups.as_ref().is_none_or(BTreeSet::is_empty));
    }
}

async fn what_is_not_there_is_absent_and_not_unknown(subject: &Subject) {
    let missing = topic_name("contract");
    let everything = Interest::Everything { topics: BTreeSet::from([missing.clone()]), brokers: BTreeSet::new() };
    for interest in [everything, of_topic(&missing)] {
        let state = subject.cluster.observe(&interest).await.expect("observed");
        assert!(!state.topics.contains_key(&missing) && !state.unknown_topics.contains_key(&missing));
    }
}

async fn only_what_was_asked_for_is_known(subject: &Subject) {
    let (name, other) = (subject.with_topic(&[]).await, subject.with_topic(&[]).await);
    let state = subject.cluster.observe(&of_topic(&name)).await.expect("observed");
    assert!(state.topics.contains_key(&name) && !state.topics.contains_key(&other));
    assert!(state.users.known().is_none() && state.acls.known().is_none() && state.quotas.known().is_none());
    assert!(state.broker_configs.is_empty());
    let parts = only(BTreeSet::new(), "users acls quotas broker-configs");
    let state = subject.cluster.observe(&parts).await.expect("observed");
    assert!(state.users.known().is_some() && state.acls.known().is_some() && state.quotas.known().is_some());
    assert_eq!(state.broker_configs.len(), 2);
}

async fn a_dry_run_answers_in_order_and_changes_nothing(subject: &Subject) {
    let (there, other) = (subject.with_topic(&[]).await, subject.with_topic(&[]).await);
    let (new, bad) = (topic_name("contract"), topic_name("contract"));
    let entity = QuotaEntity::User(QuotaName::Named(unique_name("contract")));
    let user = UserName::parse(&unique_name("contract")).expect("valid");
    let operations = [
        alter(&there, &[("retention.ms", "5")], &[]),
        create(&new, 1, 1, &[]),
        delete(&there, None),
        create(&bad, 1, 1, &[("retention.ms", "x")]),
        Operation::AddPartitions { topic: there.clone(), total: 1 },
        quota(&QuotaEntity::User(QuotaName::Named(unique_name("u"))), &[(QuotaKey::ProducerByteRate, -1.0)], &[]),
        alter(&other, &[("nope", "5")], &[]),
        Operation::AddPartitions { topic: other.clone(), total: 2 },
        Operation::DeleteScram { user, mechanism: ScramMechanism::Sha256 },
        quota(&entity, &[(QuotaKey::ProducerByteRate, 5.0)], &[]),
    ];
    let answers = subject.cluster.dry_run(&operations).await.expect("answered");
    let codes: Vec<&str> = answers
        .iter()
        .map(|answer| match answer {
            DryRun::Accepted => "accepted",
            DryRun::Refused(error) => &error.code,
            DryRun::NotChecked(_) => "not checked",
        })
        .collect();
    let expected = [
        "accepted",
        "accepted",
        "not checked",
        "INVALID_CONFIG",
        "INVALID_PARTITIONS",
        "INVALID_REQUEST",
        "INVALID_CONFIG",
        "accepted",
        "not checked",
        "accepted",
    ];
    assert_eq!(codes, expected);
    for name in [&there, &other] {
        let topic = subject.topic_when(name, |_| true).await;
        assert!(topic.overrides.is_empty() && topic.partitions == 1);
    }
    subject.gone(&new).await;
    until_quota(subject, &entity, &[]).await;
}

fn upsert(user: &UserName, mechanism: ScramMechanism, iterations: i32) -> Operation {
    Operation::UpsertScram { user: user.clone(), mechanism, iterations, password: password() }
}

fn user_name() -> UserName {
    UserName::parse(&unique_name("CN=Ünï,OU=\"x\" *")).expect("valid")
}

async fn credentials_of_both_mechanisms_come_and_go(subject: &Subject) {
    let user = user_name();
    let has = async |expected: &[(ScramMechanism, i32)]| {
        let expected: BTreeMap<ScramMechanism, i32> = expected.iter().copied().collect();
        let users = only(BTreeSet::new(), "users");
        let holds = |state: &ObservedState| {
            let users = state.users.known().expect("known");
            users.get(&user).cloned().unwrap_or_default() == expected
        };
        subject.until(&users, user.as_str(), holds).await
    };
    subject.accept(upsert(&user, ScramMechanism::Sha256, 4096)).await;
    subject.accept(upsert(&user, ScramMechanism::Sha512, 16384)).await;
    has(&[(ScramMechanism::Sha256, 4096), (ScramMechanism::Sha512, 16384)]).await;
    subject.accept(upsert(&user, ScramMechanism::Sha256, 8192)).await;
    has(&[(ScramMechanism::Sha256, 8192), (ScramMechanism::Sha512, 16384)]).await;
    for mechanism in ScramMechanism::ALL {
        let remove = Operation::DeleteScram { user: user.clone(), mechanism };
        subject.accept(remove.clone()).await;
        subject.refuse(remove, "RESOURCE_NOT_FOUND").await;
    }
    let state = has(&[]).await;
    assert!(!state.users.known().expect("known").contains_key(&user));
}

async fn credentials_out_of_bounds_are_refused(subject: &Subject) {
    for iterations in [4095, 16385, 0, -1] {
        subject.refuse(upsert(&user_name(), ScramMechanism::Sha256, iterations), "UNACCEPTABLE_CREDENTIAL").await;
    }
}

async fn a_user_is_altered_once_in_a_request(subject: &Subject) {
    let (user, other) = (user_name(), user_name());
    let batch = [
        upsert(&user, ScramMechanism::Sha256, 4096),
        upsert(&other, ScramMechanism::Sha256, 4096),
        upsert(&user, ScramMechanism::Sha512, 4096),
    ];
    let results = subject.perform(&batch).await;
    let codes: Vec<&str> = results.iter().map(code).collect();
    // Kafka answers once for each user, so of the second one it may be all that is known that it failed.
    assert_eq!(codes[..2], ["DUPLICATE_RESOURCE", ""]);
    assert!(results[2].is_err());
    let users = only(BTreeSet::new(), "users");
    let state = subject.until(&users, "other", |state| state.users.known().expect("known").contains_key(&other)).await;
    assert!(!state.users.known().expect("known").contains_key(&user));
    subject.accept(Operation::DeleteScram { user: other, mechanism: ScramMechanism::Sha256 }).await;
}

async fn a_credential_needs_its_password(subject: &Subject) {
    let (user, other) = (user_name(), user_name());
    let missing = Operation::UpsertScram {
        user,
        mechanism: ScramMechanism::Sha512,
        iterations: 4096,
        password: SecretReference { name: "another".into(), key: "password".into() },
    };
    let results = subject.perform(&[missing, upsert(&other, ScramMechanism::Sha512, 4096)]).await;
    assert_eq!(results.iter().map(code).collect::<Vec<_>>(), ["SECRET_MISSING", ""]);
}

fn binding(principal: &str, resource_type: AclResourceType, name: &str, operation: AclOperation) -> AclBinding {
    AclBinding {
        principal: Principal::parse(principal).expect("valid"),
        permission: AclPermission::Allow,
        operation,
        resource_type,
        pattern_type: PatternType::Literal,
        resource_name: name.to_owned(),
        host: "*".to_owned(),
    }
}

fn bindings_of<'a>(state: &'a ObservedState, principal: &Principal) -> BTreeSet<&'a AclBinding> {
    state.acls.known().expect("known").iter().filter(|acl| acl.principal == *principal).collect()
}

async fn until_bindings(subject: &Subject, principal: &str, expected: &[AclBinding]) {
    let principal = Principal::parse(principal).expect("valid");
    let expected: BTreeSet<&AclBinding> = expected.iter().collect();
    let acls = only(BTreeSet::new(), "acls");
    subject.until(&acls, principal.as_str(), |state| bindings_of(state, &principal) == expected).await;
}

async fn bindings_of_every_shape_come_and_go(subject: &Subject) {
    let principal = format!("User:{}", user_name());
    let mut acls: Vec<AclBinding> = AclOperation::ALL
        .iter()
        // Since Kafka 4.1.
        .filter(|operation| **operation != AclOperation::TwoPhaseCommit)
        .map(|operation| binding(&principal, AclResourceType::Topic, "*", *operation))
        .collect();
    for resource_type in AclResourceType::ALL {
        let name = if *resource_type == AclResourceType::Cluster { "kafka-cluster" } else { "a/b: ü*" };
        let acl = binding(&principal, *resource_type, name, AclOperation::Describe);
        acls.push(AclBinding { permission: AclPermission::Deny, ..acl.clone() });
        acls.push(AclBinding { host: "10.0.0.1".into(), ..acl.clone() });
        if *resource_type != AclResourceType::Cluster {
            acls.push(AclBinding { pattern_type: PatternType::Prefixed, ..acl.clone() });
        }
        acls.push(acl);
    }
    // Neither a name nor, before Kafka 4.4, a range of addresses ever matches; both are accepted.
    acls.push(AclBinding {
        host: "10.0.0.0/8".into(),
        ..binding(&principal, AclResourceType::Group, "g", AclOperation::Write)
    });
    acls.push(AclBinding {
        host: "client.example".into(),
        ..binding(&principal, AclResourceType::Group, "g", AclOperation::Write)
    });
    let batch: Vec<Operation> = acls.iter().cloned().map(Operation::CreateAcl).collect();
    assert!(subject.perform(&batch).await.iter().all(Result::is_ok));
    until_bindings(subject, &principal, &acls).await;
    let batch: Vec<Operation> = acls.iter().cloned().map(Operation::DeleteAcl).collect();
    assert!(subject.perform(&batch).await.iter().all(Result::is_ok));
    until_bindings(subject, &principal, &[]).await;
}

async fn a_binding_that_is_there_is_made_again_with_success(subject: &Subject) {
    let principal = format!("User:{}", user_name());
    let acl = binding(&principal, AclResourceType::Topic, "t", AclOperation::Read);
    subject.accept(Operation::CreateAcl(acl.clone())).await;
    subject.accept(Operation::CreateAcl(acl.clone())).await;
    until_bindings(subject, &principal, std::slice::from_ref(&acl)).await;
    subject.accept(Operation::DeleteAcl(acl.clone())).await;
    subject.accept(Operation::DeleteAcl(acl)).await;
    until_bindings(subject, &principal, &[]).await;
}

async fn exactly_one_binding_is_deleted(subject: &Subject) {
    let principal = format!("User:{}", user_name());
    let acl = binding(&principal, AclResourceType::Topic, "t", AclOperation::Read);
    let others = [
        AclBinding { pattern_type: PatternType::Prefixed, ..acl.clone() },
        AclBinding { permission: AclPermission::Deny, ..acl.clone() },
        AclBinding { host: "10.0.0.1".into(), ..acl.clone() },
        AclBinding { resource_name: "*".into(), ..acl.clone() },
        AclBinding { resource_type: AclResourceType::Group, ..acl.clone() },
        AclBinding { operation: AclOperation::All, ..acl.clone() },
    ];
    let batch: Vec<Operation> = others.iter().chain([&acl]).cloned().map(Operation::CreateAcl).collect();
    assert!(subject.perform(&batch).await.iter().all(Result::is_ok));
    subject.accept(Operation::DeleteAcl(acl)).await;
    until_bindings(subject, &principal, &others).await;
}

async fn impossible_bindings_are_refused(subject: &Subject) {
    let principal = format!("User:{}", user_name());
    let good = binding(&principal, AclResourceType::Topic, "t", AclOperation::Read);
    let bad = [
        binding(&principal, AclResourceType::Topic, "", AclOperation::Read),
        binding(&principal, AclResourceType::Cluster, "another-cluster", AclOperation::Create),
    ];
    let batch = [
        Operation::CreateAcl(bad[0].clone()),
        Operation::CreateAcl(good.clone()),
        Operation::CreateAcl(bad[1].clone()),
    ];
    let results = subject.perform(&batch).await;
    let codes: Vec<&str> = results.iter().map(code).collect();
    assert_eq!(codes, ["INVALID_REQUEST", "", "INVALID_REQUEST"]);
    until_bindings(subject, &principal, &[good]).await;
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

async fn quotas_of_every_entity_come_and_go(subject: &Subject) {
    let named = || QuotaName::Named(unique_name("ü*/\"x\" ="));
    let default = || QuotaName::Default;
    for entity in [
        QuotaEntity::User(named()),
        QuotaEntity::User(default()),
        QuotaEntity::ClientId(named()),
        QuotaEntity::ClientId(default()),
        QuotaEntity::UserClientId(named(), named()),
        QuotaEntity::UserClientId(named(), default()),
        QuotaEntity::UserClientId(default(), named()),
        QuotaEntity::UserClientId(default(), default()),
        QuotaEntity::Ip(QuotaName::Named("10.1.2.3".into())),
        QuotaEntity::Ip(default()),
    ] {
        let limits: Vec<(QuotaKey, f64)> = entity
            .keys()
            .iter()
            .map(|key| match key {
                QuotaKey::RequestPercentage | QuotaKey::ControllerMutationRate => (*key, 0.5),
                QuotaKey::ProducerByteRate | QuotaKey::ConsumerByteRate => (*key, 9_007_199_254_740_992.0),
                QuotaKey::ConnectionCreationRate => (*key, 2_147_483_647.0),
            })
            .collect();
        subject.accept(quota(&entity, &limits, &[])).await;
        until_quota(subject, &entity, &limits).await;
        subject.accept(quota(&entity, &[], entity.keys())).await;
        until_quota(subject, &entity, &[]).await;
    }
}

async fn limits_of_an_entity_are_set_and_unset(subject: &Subject) {
    let entity = QuotaEntity::User(QuotaName::Named(unique_name("contract")));
    let (produce, consume) = (QuotaKey::ProducerByteRate, QuotaKey::ConsumerByteRate);
    subject.accept(quota(&entity, &[(produce, 1024.0), (consume, 2048.0)], &[])).await;
    until_quota(subject, &entity, &[(produce, 1024.0), (consume, 2048.0)]).await;
    subject.accept(quota(&entity, &[(produce, 4096.0)], &[consume])).await;
    until_quota(subject, &entity, &[(produce, 4096.0)]).await;
    subject.accept(quota(&entity, &[], &[consume])).await;
    until_quota(subject, &entity, &[(produce, 4096.0)]).await;
    subject.accept(quota(&entity, &[], &[produce])).await;
    until_quota(subject, &entity, &[]).await;
}

async fn impossible_quotas_are_refused(subject: &Subject) {
    let user = QuotaEntity::User(QuotaName::Named(unique_name("contract")));
    let ip = QuotaEntity::Ip(QuotaName::Named("10.1.2.4".into()));
    let host = QuotaEntity::Ip(QuotaName::Named("no.such.host.invalid".into()));
    let empty = QuotaEntity::User(QuotaName::Named(String::new()));
    for (entity, key, value) in [
        (&user, QuotaKey::ProducerByteRate, 0.0),
        (&user, QuotaKey::ProducerByteRate, -1.0),
        (&user, QuotaKey::RequestPercentage, 0.0),
        (&user, QuotaKey::ProducerByteRate, 1.5),
        (&user, QuotaKey::ProducerByteRate, 1e19),
        (&user, QuotaKey::ConnectionCreationRate, 5.0),
        (&ip, QuotaKey::ProducerByteRate, 5.0),
        (&ip, QuotaKey::ConnectionCreationRate, 0.5),
        (&ip, QuotaKey::ConnectionCreationRate, 2_147_483_648.0),
        (&host, QuotaKey::ConnectionCreationRate, 5.0),
        (&empty, QuotaKey::ProducerByteRate, 5.0),
    ] {
        subject.refuse(quota(entity, &[(key, value)], &[]), "INVALID_REQUEST").await;
    }
    // All or nothing, as for configs.
    let mixed = [(QuotaKey::ProducerByteRate, 5.0), (QuotaKey::ConsumerByteRate, 0.0)];
    subject.refuse(quota(&user, &mixed, &[]), "INVALID_REQUEST").await;
    until_quota(subject, &user, &[]).await;
}

async fn one_bad_quota_of_a_batch_does_not_stop_the_others(subject: &Subject) {
    let entity = |_| QuotaEntity::ClientId(QuotaName::Named(unique_name("contract")));
    let [left, bad, right] = [0, 1, 2].map(entity);
    let batch = [
        quota(&left, &[(QuotaKey::ProducerByteRate, 5.0)], &[]),
        quota(&bad, &[(QuotaKey::ProducerByteRate, -5.0)], &[]),
        quota(&right, &[(QuotaKey::ProducerByteRate, 5.0)], &[]),
    ];
    let results = subject.perform(&batch).await;
    assert_eq!(results.iter().map(code).collect::<Vec<_>>(), ["", "INVALID_REQUEST", ""]);
    until_quota(subject, &left, &[(QuotaKey::ProducerByteRate, 5.0)]).await;
    until_quota(subject, &right, &[(QuotaKey::ProducerByteRate, 5.0)]).await;
    until_quota(subject, &bad, &[]).await;
}

fn broker_config(scope: BrokerConfigScope, set: &[(&str, &str)], unset: &[&str]) -> Operation {
    Operation::AlterBrokerConfig { scope, set: map(set), unset: keys(unset) }
}

async fn until_broker_config(subject: &Subject, scope: BrokerConfigScope, key: &str, expected: Option<&str>) {
    let interest = only(BTreeSet::new(), "broker-configs");
    let holds = |state: &ObservedState| match &state.broker_configs[&scope] {
        Knowledge::Known(configs) => configs.get(key).map(Option::as_deref) == expected.map(Some),
        Knowledge::Unknown(reason) => panic!("{scope}: {reason}"),
    };
    subject.until(&interest, &format!("{scope}: {key}={expected:?}"), holds).await;
}

async fn broker_configs_of_both_scopes_come_and_go(subject: &Subject) {
    let key = "log.cleaner.backoff.ms";
    let (all, one) = (BrokerConfigScope::Default, BrokerConfigScope::Broker(1));
    let results = subject
        .perform(&[broker_config(all, &[(key, "16000")], &[]), broker_config(one, &[(key, " 17000 ")], &[])])
        .await;
    assert_eq!(results, [Ok(()), Ok(())]);
    until_broker_config(subject, all, key, Some("16000")).await;
    until_broker_config(subject, one, key, Some("17000")).await;
    subject.accept(broker_config(one, &[], &[key])).await;
    // What holds for all is not said again for each.
    until_broker_config(subject, one, key, None).await;
    until_broker_config(subject, all, key, Some("16000")).await;
    subject.accept(broker_config(all, &[], &[key])).await;
    subject.accept(broker_config(all, &[], &[key, "num.partitions", "nope"])).await;
    until_broker_config(subject, all, key, None).await;
}

async fn a_broker_config_that_is_not_known_is_set_and_not_shown(subject: &Subject) {
    let (all, key) = (BrokerConfigScope::Default, "plugin.of.nobody");
    subject.accept(broker_config(all, &[(key, "planted")], &[])).await;
    let interest = only(BTreeSet::new(), "broker-configs");
    let value = |state: &ObservedState| state.broker_configs[&all].known().expect("known").get(key).cloned();
    subject.until(&interest, key, |state| value(state) == Some(None)).await;
    subject.accept(broker_config(all, &[], &[key])).await;
    subject.until(&interest, key, |state| value(state).is_none()).await;
}

async fn impossible_broker_configs_are_refused(subject: &Subject) {
    for scope in [BrokerConfigScope::Default, BrokerConfigScope::Broker(1)] {
        for (key, value) in [
            ("num.partitions", "3"),
            ("auto.create.topics.enable", "false"),
            ("default.replication.factor", "3"),
            ("log.cleaner.backoff.ms", "abc"),
            ("log.cleaner.backoff.ms", "-1"),
            ("num.io.threads", "0"),
            ("ssl.keystore.location", "/nowhere"),
        ] {
            subject.refuse(broker_config(scope, &[(key, value)], &[]), "INVALID_REQUEST").await;
        }
    }
    let mixed =
        broker_config(BrokerConfigScope::Default, &[("log.cleaner.backoff.ms", "1"), ("num.partitions", "2")], &[]);
    subject.refuse(mixed, "INVALID_REQUEST").await;
    until_broker_config(subject, BrokerConfigScope::Default, "log.cleaner.backoff.ms", None).await;
    let gone = broker_config(BrokerConfigScope::Broker(99), &[("log.cleaner.backoff.ms", "1")], &[]);
    let results = subject.perform(&[gone]).await;
    let error = results[0].as_ref().expect_err("there is no broker 99");
    assert!(error.unchanged, "{error}");
}

async fn defaults_follow_the_broker_configs(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    let all = BrokerConfigScope::Default;
    subject
        .accept(broker_config(
            all,
            &[("log.retention.ms", "86400000"), ("unclean.leader.election.enable", "TRUE")],
            &[],
        ))
        .await;
    let everything = Interest::Everything { topics: BTreeSet::from([name.clone()]), brokers: BTreeSet::new() };
    let expected = BTreeSet::from(["86400000".to_owned()]);
    let state = subject
        .until(&everything, "retention.ms", |state| {
            let guards =
                state.cluster.brokers.values().all(|broker| {
                    broker.configs.get("unclean.leader.election.enable").map(String::as_str) == Some("true")
                });
            state.topic_defaults.get("retention.ms") == Some(&expected) && guards
        })
        .await;
    assert!(state.topics[&name].overrides.is_empty());
    subject.accept(broker_config(all, &[], &["log.retention.ms", "unclean.leader.election.enable"])).await;
    subject
        .until(&everything, "retention.ms again", |state| {
            state.topic_defaults.get("retention.ms") == Some(&BTreeSet::from(["604800000".to_owned()]))
        })
        .await;
}

async fn an_empty_batch_is_nothing(subject: &Subject) {
    assert!(subject.perform(&[]).await.is_empty());
    assert_eq!(subject.cluster.dry_run(&[]).await.expect("answered"), []);
}
