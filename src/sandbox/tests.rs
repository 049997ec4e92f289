//! What is the directory's own: files, processes, faults. What it shares with real clusters is in `tests/it/contract.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;
use crate::domain::names::{TopicName, UserName};
use crate::domain::observed::{Interest, Knowledge, ObservedState};
use crate::domain::operation::{Operation, OperationKind, Passwords};
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::domain::secret::Secret;
use crate::domain::user::{ScramMechanism, SecretReference};
use crate::ports::{Access, Cluster as _, ClusterErrorKind, DryRun, ResourceError};

const PLANTED: &str = "planted-password-4711";

fn open(directory: &Path) -> DirectoryCluster {
    DirectoryCluster::open(directory, Access::ReadWrite).expect("opened")
}

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).expect("valid")
}

fn create(name: &str) -> Operation {
    Operation::CreateTopic {
        topic: topic(name),
        partitions: Some(1),
        replication_factor: Some(1),
        config: BTreeMap::from([("retention.ms".into(), "0100".into())]),
    }
}

fn upsert(name: &str) -> Operation {
    Operation::UpsertScram {
        user: UserName::parse(name).expect("valid"),
        mechanism: ScramMechanism::Sha512,
        iterations: 4096,
        password: SecretReference { name: "a".into(), key: "b".into() },
    }
}

fn passwords() -> Passwords {
    let mut passwords = Passwords::default();
    passwords.insert(SecretReference { name: "a".into(), key: "b".into() }, Secret::new(PLANTED));
    passwords
}

async fn perform(cluster: &DirectoryCluster, batch: &[Operation]) -> Vec<Result<(), ResourceError>> {
    cluster.perform(batch, &passwords()).await
}

async fn everything(cluster: &DirectoryCluster) -> ObservedState {
    let topics = BTreeSet::from([topic("asked-for")]);
    cluster.observe(&Interest::Everything { topics, brokers: BTreeSet::from([1]) }).await.expect("observed")
}

fn codes(results: &[Result<(), ResourceError>]) -> Vec<&str> {
    results.iter().map(|result| result.as_ref().map_or_else(|error| error.code.as_str(), |()| "")).collect()
}

#[tokio::test]
async fn an_empty_directory_becomes_a_cluster_and_stays_the_same_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let inner = directory.path().join("not/yet/there");
    let first = everything(&open(&inner)).await;
    assert_eq!(first.cluster.brokers.len(), 3);
    assert!(first.topics.is_empty() && first.users.known().is_some_and(BTreeMap::is_empty));
    assert_eq!(everything(&open(&inner)).await, first);
    let other = tempfile::tempdir().expect("a directory");
    assert_ne!(everything(&open(other.path())).await.cluster.id, first.cluster.id);
}

#[tokio::test]
async fn what_one_process_writes_another_one_reads() {
    let directory = tempfile::tempdir().expect("a directory");
    let (left, right) = (open(directory.path()), open(directory.path()));
    assert_eq!(codes(&perform(&left, &[create("a"), upsert("alice")]).await), ["INVALID_REQUEST", "INVALID_REQUEST"]);
    assert_eq!(codes(&perform(&left, &[create("a"), create("b")]).await), ["", ""]);
    assert_eq!(codes(&perform(&right, &[create("a")]).await), ["TOPIC_ALREADY_EXISTS"]);
    assert_eq!(everything(&right).await, everything(&left).await);
    let reopened = everything(&open(directory.path())).await;
    assert_eq!(reopened.topics[&topic("b")].overrides["retention.ms"].as_deref(), Some("100"));
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_the_same_time_lose_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let cluster = open(directory.path());
            tokio::spawn(async move {
                for index in 0..10 {
                    assert_eq!(codes(&perform(&cluster, &[create(&format!("t{writer}-{index}"))]).await), [""]);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("ended");
    }
    assert_eq!(everything(&open(directory.path())).await.topics.len(), 40);
}

#[tokio::test]
async fn a_password_never_reaches_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let cluster = open(directory.path());
    assert_eq!(codes(&perform(&cluster, &[upsert("alice")]).await), [""]);
    let files = read_directory(directory.path()).expect("read");
    assert!(files.keys().any(|path| path.starts_with("users/")));
    for (path, bytes) in files {
        let text = String::from_utf8(bytes).expect("UTF-8");
        for trace in [PLANTED, "salt", "stored", "server", "password"] {
            assert!(!text.contains(trace), "{trace} in {path}: {text}");
        }
    }
}

#[tokio::test]
async fn files_that_people_wrote_by_hand_are_the_cluster_and_take_their_own_place_at_the_next_write() {
    let directory = tempfile::tempdir().expect("a directory");
    let cluster = open(directory.path());
    let by_hand = directory.path().join("topics/by-hand.yaml");
    std::fs::create_dir_all(directory.path().join("topics")).expect("made");
    let text = "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: by-hand}\n\
                spec: {partitions: 2, replicas: 3, config: {retention.ms: 5}}\n";
    std::fs::write(&by_hand, text).expect("written");
    assert_eq!(everything(&cluster).await.topics[&topic("by-hand")].partitions, 2);
    assert_eq!(codes(&perform(&cluster, &[Operation::DeleteTopic { topic: topic("by-hand"), id: None }]).await), [""]);
    assert!(!by_hand.exists());
    assert!(everything(&cluster).await.topics.is_empty());
}

#[tokio::test]
async fn what_a_killed_process_left_behind_does_no_harm() {
    let directory = tempfile::tempdir().expect("a directory");
    let cluster = open(directory.path());
    assert_eq!(codes(&perform(&cluster, &[create("a")]).await), [""]);
    for file in ["topics/.new-6", ".new-12"] {
        std::fs::write(directory.path().join(file), "half a fi").expect("written");
    }
    assert_eq!(everything(&cluster).await.topics.len(), 1);
    assert_eq!(codes(&perform(&cluster, &[create("b")]).await), [""]);
}

#[tokio::test]
async fn broken_files_are_an_error_that_names_each() {
    let directory = tempfile::tempdir().expect("a directory");
    let cluster = open(directory.path());
    assert_eq!(codes(&perform(&cluster, &[create("a"), create("b")]).await), ["", ""]);
    for (path, bytes) in read_directory(directory.path()).expect("read") {
        if path.starts_with("topics/") {
            std::fs::write(directory.path().join(path), &bytes[..bytes.len() / 2]).expect("written");
        }
    }
    let interest = Interest::Everything { topics: BTreeSet::new(), brokers: BTreeSet::new() };
    let error = cluster.observe(&interest).await.expect_err("broken");
    assert!(error.message.contains("/a.yaml:") && error.message.contains("/b.yaml:"), "{error}");
    assert_eq!(error.kind, ClusterErrorKind::Settings);
    let results = perform(&cluster, &[create("c")]).await;
    assert_eq!(codes(&results), ["NOT_SENT"]);
    assert!(results[0].as_ref().is_err_and(|error| error.unchanged));
}

#[tokio::test]
async fn recorded_state_is_only_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let written = open(directory.path());
    assert_eq!(codes(&perform(&written, &[create("a")]).await), [""]);
    let before = read_directory(directory.path()).expect("read");
    let opened = DirectoryCluster::open(directory.path(), Access::ReadOnly).expect("opened");
    let taken = DirectoryCluster::from_files(before.clone(), "driftless/prod").expect("taken");
    for cluster in [opened, taken] {
        assert_eq!(codes(&perform(&cluster, &[create("b")]).await), ["READ_ONLY"]);
        let seen = everything(&cluster).await;
        assert_eq!(seen.topics, everything(&written).await.topics);
        // Nobody recorded the configs of broker 1, and that is not the same as having none.
        let scope = crate::domain::broker_config::BrokerConfigScope::Broker(1);
        assert!(matches!(seen.broker_configs[&scope], Knowledge::Unknown(_)));
        let answers = cluster.dry_run(&[create("b")]).await.expect("answered");
        assert!(matches!(answers[0], DryRun::NotChecked(_)));
    }
    // Who may not write is still told what a broker would say.
    let asked = DirectoryCluster::guarded(directory.path()).expect("opened");
    assert_eq!(codes(&perform(&asked, &[create("b")]).await), ["READ_ONLY"]);
    assert_eq!(everything(&asked).await, everything(&written).await);
    let answers = asked.dry_run(&[create("a"), create("b")]).await.expect("answered");
    assert!(matches!(answers.as_slice(), [DryRun::Refused(_), DryRun::Accepted]), "{answers:?}");
    assert_eq!(read_directory(directory.path()).expect("read"), before);
    let empty = tempfile::tempdir().expect("a directory");
    for path in [empty.path(), &empty.path().join("missing")] {
        for opened in [DirectoryCluster::open(path, Access::ReadOnly), DirectoryCluster::guarded(path)] {
            assert_eq!(opened.err().expect("no cluster there").kind, ClusterErrorKind::Settings);
        }
    }
}

#[tokio::test]
async fn unknown_stays_unknown_and_is_not_written_over() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(open(directory.path()));
    let file = directory.path().join("cluster.yaml");
    let text = std::fs::read_to_string(&file).expect("read");
    let unknown = "unknown:\n  users: no right to\n  acls: no right to\n  topics: {hidden: no right to}\n";
    let start = text.find("unknown:").expect("rule groups are unknown");
    std::fs::write(&file, format!("{}{unknown}", &text[..start])).expect("written");
    let cluster = open(directory.path());
    let seen = everything(&cluster).await;
    assert_eq!(seen.users, Knowledge::Unknown("no right to".into()));
    assert!(seen.unknown_topics.contains_key(&topic("hidden")));
    let acl = crate::domain::acl::AclBinding {
        principal: crate::domain::names::Principal::user("a"),
        permission: crate::domain::acl::AclPermission::Allow,
        operation: crate::domain::acl::AclOperation::Read,
        resource_type: crate::domain::acl::AclResourceType::Topic,
        pattern_type: crate::domain::acl::PatternType::Literal,
        resource_name: "a".into(),
        host: "*".into(),
    };
    assert_eq!(codes(&perform(&cluster, &[upsert("alice")]).await), ["CLUSTER_AUTHORIZATION_FAILED"]);
    assert_eq!(codes(&perform(&cluster, &[Operation::CreateAcl(acl)]).await), ["CLUSTER_AUTHORIZATION_FAILED"]);
    assert_eq!(codes(&perform(&cluster, &[create("hidden"), create("a")]).await), ["TOPIC_AUTHORIZATION_FAILED", ""]);
    assert_eq!(everything(&cluster).await.users, seen.users);
}

#[tokio::test]
async fn evidence_is_what_the_file_says_and_goes_with_its_topic() {
    let directory = tempfile::tempdir().expect("a directory");
    let cluster = open(directory.path());
    assert_eq!(codes(&perform(&cluster, &[create("a"), create("b")]).await), ["", ""]);
    let file = directory.path().join("evidence.yaml");
    std::fs::write(&file, "a: {records: 12, bytes: 34, activeGroups: [billing]}\ngone: {records: 1}\n")
        .expect("written");
    let asked = BTreeSet::from([topic("a"), topic("b"), topic("gone")]);
    let evidence = cluster.evidence(&asked).await.expect("asked");
    assert_eq!(evidence.keys().collect::<Vec<_>>(), [&topic("a")]);
    assert_eq!(evidence[&topic("a")].records, Some(12));
    assert_eq!(codes(&perform(&cluster, &[Operation::DeleteTopic { topic: topic("a"), id: None }]).await), [""]);
    assert_eq!(codes(&perform(&cluster, &[create("a")]).await), [""]);
    assert!(cluster.evidence(&asked).await.expect("asked").is_empty());
}

#[tokio::test]
async fn faults_are_what_they_say() {
    let directory = tempfile::tempdir().expect("a directory");
    let cluster = open(directory.path());
    let fault = |text: &str| {
        std::fs::write(directory.path().join(FAULTS_FILE), text).expect("written");
    };
    let batch = |prefix: &str| ["1", "2", "3"].map(|number| create(&format!("{prefix}-{number}")));
    let made = async |prefix: &str| {
        std::fs::write(directory.path().join(FAULTS_FILE), "{}").expect("written");
        let topics = everything(&cluster).await.topics;
        topics.keys().filter(|name| name.as_str().starts_with(prefix)).count()
    };

    fault(
        "refuse: [{matching: {operation: create-topic, resource: topic/a-2}, code: POLICY_VIOLATION, message: no, times: 1}]",
    );
    assert_eq!(codes(&perform(&cluster, &batch("a")).await), ["", "POLICY_VIOLATION", ""]);
    assert_eq!(codes(&perform(&cluster, &[create("a-2")]).await), [""]);

    fault("timeOutAfterWrite: [{resource: topic/b-1}]");
    let results = perform(&cluster, &batch("b")).await;
    assert_eq!(codes(&results), ["TIMED_OUT", "", ""]);
    assert!(results[0].as_ref().is_err_and(|error| !error.unchanged));
    assert_eq!(made("b").await, 3);

    fault("loseConnectionAfter: 1");
    let results = perform(&cluster, &batch("c")).await;
    assert_eq!(codes(&results), ["", "NETWORK_EXCEPTION", "NETWORK_EXCEPTION"]);
    assert!(results[1].as_ref().is_err_and(|error| !error.unchanged));
    assert_eq!(made("c").await, 1);

    fault("deniedWrites: [topic, user]");
    assert_eq!(codes(&perform(&cluster, &batch("d")).await), ["TOPIC_AUTHORIZATION_FAILED"; 3]);
    assert_eq!(codes(&perform(&cluster, &[upsert("a")]).await), ["CLUSTER_AUTHORIZATION_FAILED"]);
    let answers = cluster.dry_run(&[create("d")]).await.expect("answered");
    assert!(matches!(&answers[0], DryRun::Refused(error) if error.code == "TOPIC_AUTHORIZATION_FAILED"));
    assert_eq!(made("d").await, 0);

    fault("deniedReads: [topic, user, acl, quota, broker-config]");
    let seen = everything(&cluster).await;
    assert!(seen.topics.is_empty() && seen.topics_incomplete.is_some());
    assert!(seen.unknown_topics.contains_key(&topic("asked-for")));
    assert!(seen.users.known().is_none() && seen.acls.known().is_none() && seen.quotas.known().is_none());
    assert!(seen.broker_configs.values().all(|configs| configs.known().is_none()));
    assert!(seen.cluster.brokers.values().all(|broker| broker.configs_unknown.is_some()));

    fault("staleReads: 2");
    assert_eq!(codes(&perform(&cluster, &[create("e")]).await), [""]);
    let counts = [everything(&cluster).await, everything(&cluster).await, everything(&cluster).await]
        .map(|state| state.topics.contains_key(&topic("e")));
    assert_eq!(counts, [false, false, true]);

    fault("unreachable: true");
    let error = DirectoryCluster::open(directory.path(), Access::ReadWrite).err().expect("nobody answers");
    assert_eq!(error.kind, ClusterErrorKind::Unreachable);
    assert_eq!(codes(&perform(&cluster, &[create("f")]).await), ["NOT_SENT"]);

    fault("unreachabel: true");
    assert!(DirectoryCluster::open(directory.path(), Access::ReadWrite).is_err());
}

#[tokio::test]
async fn faults_can_be_set_from_tests_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let cluster = open(directory.path());
    let error = |matching| Refusal { matching, code: "INVALID_CONFIG".into(), message: "no".into(), times: None };
    cluster.set_faults(Faults {
        refuse: vec![
            error(Matching::resource(ResourceId::Topic(topic("a")))),
            error(Matching::kind(OperationKind::UpsertScram)),
        ],
        denied_reads: BTreeSet::from([ResourceKind::Acl]),
        ..Faults::default()
    });
    assert_eq!(codes(&perform(&cluster, &[create("a"), create("b")]).await), ["INVALID_CONFIG", ""]);
    assert_eq!(codes(&perform(&cluster, &[upsert("a")]).await), ["INVALID_CONFIG"]);
    assert!(everything(&cluster).await.acls.known().is_none());
    cluster.set_faults(Faults::default());
    assert_eq!(codes(&perform(&cluster, &[create("a")]).await), [""]);
}
