//! What a principal with few rights sees and may do, on real brokers; and what is known of topics before they go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use driftless::domain::names::{Principal, TopicName};
use driftless::domain::observed::{Interest, Knowledge, ObservedState};
use driftless::domain::operation::{Operation, Passwords};
use driftless::domain::quota::{QuotaEntity, QuotaKey, QuotaName};
use driftless::domain::resource::ResourceId;
use driftless::kafka::KafkaCluster;
use driftless::ports::{Access, Cluster, DryRun};

use crate::kafka_support::connect;
use crate::support::brokers::{self, Client, KafkaVersion, unique_name};

fn topic(prefix: &str) -> TopicName {
    TopicName::parse(&unique_name(prefix)).expect("valid")
}

async fn accept(cluster: &KafkaCluster, operation: Operation) {
    let results = cluster.perform(std::slice::from_ref(&operation), &Passwords::default()).await;
    assert_eq!(results, [Ok(())], "{operation:?}");
}

async fn create(cluster: &KafkaCluster, topic: &TopicName, partitions: i32) {
    let operation = Operation::CreateTopic {
        topic: topic.clone(),
        partitions: Some(partitions),
        replication_factor: Some(2),
        config: BTreeMap::from([("retention.ms".to_owned(), "1000000".to_owned())]),
    };
    accept(cluster, operation).await;
}

/// Grants `operation/type/pattern/name` to a principal.
async fn grant(admin: &KafkaCluster, principal: &Principal, what: &str) {
    let [operation, rest] = what.splitn(2, '/').collect::<Vec<_>>()[..] else { panic!("{what}") };
    let Some(ResourceId::Acl(binding)) = ResourceId::parse(&format!("acl/{principal}/allow/{operation}/{rest}/*"))
    else {
        panic!("{what}")
    };
    accept(admin, Operation::CreateAcl(binding)).await;
}

/// Observes until something holds: brokers learn of grants one after the other.
async fn until(cluster: &KafkaCluster, interest: &Interest, holds: impl Fn(&ObservedState) -> bool) -> ObservedState {
    for _ in 0..100 {
        let state = cluster.observe(interest).await.expect("observed");
        if holds(&state) {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it never held: {:#?}", cluster.observe(interest).await)
}

fn everything(topics: &[&TopicName]) -> Interest {
    Interest::Everything { topics: topics.iter().map(|name| (*name).clone()).collect(), brokers: BTreeSet::new() }
}

#[tokio::test]
async fn what_the_principal_may_not_see_is_unknown_and_never_absent() {
    for version in KafkaVersion::ALL {
        let Some(kafka) = brokers::kafka(version) else { return };
        let admin = connect(&kafka, Client::Admin, Access::ReadWrite);
        let (seen, hidden, missing) = (topic("rights-seen"), topic("rights-hidden"), topic("rights-missing"));
        create(&admin, &seen, 1).await;
        create(&admin, &hidden, 1).await;
        let principal = Principal::parse("User:CN=driftless-mtls").expect("valid");
        grant(&admin, &principal, &format!("Describe/topic/literal/{seen}")).await;
        let limited = connect(&kafka, Client::Mtls, Access::ReadWrite);

        let interest = everything(&[&seen, &hidden, &missing]);
        let state = until(&limited, &interest, |state| state.topics.contains_key(&seen)).await;
        assert!(state.unknown_topics[&hidden].starts_with("TOPIC_AUTHORIZATION_FAILED"), "{state:#?}");
        // Without the right to describe it, nobody can tell whether it is there.
        assert!(state.unknown_topics.contains_key(&missing) && !state.topics.contains_key(&missing));
        assert!(state.topics_incomplete.is_some());
        let unknown = state.topics[&seen].overrides_unknown.as_ref().expect("configs are a right of their own");
        assert!(unknown.starts_with("TOPIC_AUTHORIZATION_FAILED"), "{unknown}");
        for (api, reason) in [
            ("DescribeAcls", state.acls.unknown()),
            ("DescribeUserScramCredentials", state.users.unknown()),
            ("DescribeClientQuotas", state.quotas.unknown()),
        ] {
            assert!(
                reason.is_some_and(|reason| reason.starts_with("CLUSTER_AUTHORIZATION_FAILED")),
                "{api}: {reason:?}"
            );
            assert!(state.cluster.lacking.contains_key(api), "{api}");
        }
        assert!(state.broker_configs.values().all(|configs| matches!(configs, Knowledge::Unknown(_))));
        assert!(state.cluster.brokers.values().all(|broker| broker.configs_unknown.is_some()));
        // The same question has the same answer: it becomes part of reports.
        let again = until(&limited, &interest, |state| state.topics.contains_key(&seen)).await;
        let unknown = |state: ObservedState| (state.cluster.lacking, state.unknown_topics, state.topics_incomplete);
        assert_eq!(unknown(again), unknown(state));
    }
}

#[tokio::test]
async fn who_may_not_alter_hears_it_per_resource_and_nothing_changes() {
    for version in KafkaVersion::ALL {
        let Some(kafka) = brokers::kafka(version) else { return };
        let admin = connect(&kafka, Client::Admin, Access::ReadWrite);
        let (mine, other) = (topic("rights-mine"), topic("rights-other"));
        create(&admin, &mine, 1).await;
        create(&admin, &other, 1).await;
        let principal = Principal::user("plain-user");
        for what in ["Describe", "DescribeConfigs"] {
            grant(&admin, &principal, &format!("{what}/topic/prefixed/rights-")).await;
        }
        grant(&admin, &principal, &format!("AlterConfigs/topic/literal/{mine}")).await;
        let limited = connect(&kafka, Client::Plain, Access::ReadWrite);
        let interest = everything(&[&mine, &other]);
        until(&limited, &interest, |state| state.topics.get(&mine).is_some_and(|topic| topic.overrides.len() == 1))
            .await;

        let alter = |name: &TopicName| Operation::AlterTopicConfig {
            topic: name.clone(),
            set: BTreeMap::from([("retention.ms".to_owned(), "7".to_owned())]),
            unset: BTreeSet::new(),
        };
        let batch = [alter(&other), alter(&mine)];
        let verdicts = limited.dry_run(&batch).await.expect("answered");
        assert!(matches!(&verdicts[..], [DryRun::NotChecked(_), DryRun::Accepted]), "{verdicts:?}");
        let results = limited.perform(&batch, &Passwords::default()).await;
        let error = results[0].as_ref().expect_err("refused");
        assert_eq!((error.code.as_str(), error.unchanged), ("TOPIC_AUTHORIZATION_FAILED", true));
        assert_eq!(results[1], Ok(()));
        for operation in [
            Operation::DeleteTopic { topic: mine.clone(), id: None },
            Operation::AddPartitions { topic: mine.clone(), total: 5 },
        ] {
            let results = limited.perform(&[operation], &Passwords::default()).await;
            assert_eq!(results[0].as_ref().expect_err("refused").code, "TOPIC_AUTHORIZATION_FAILED");
        }
        let state =
            until(&admin, &interest, |state| state.topics[&mine].overrides["retention.ms"].as_deref() == Some("7"))
                .await;
        assert_eq!(state.topics[&other].overrides["retention.ms"].as_deref(), Some("1000000"));
        assert_eq!(state.topics[&mine].partitions, 1);
    }
}

#[tokio::test]
async fn evidence_counts_records_bytes_and_active_groups() {
    for version in KafkaVersion::ALL {
        let Some(kafka) = brokers::kafka(version) else { return };
        let admin = connect(&kafka, Client::Admin, Access::ReadWrite);
        let (full, empty) = (topic("evidence-full"), topic("evidence-empty"));
        create(&admin, &full, 3).await;
        create(&admin, &empty, 2).await;
        until(&admin, &everything(&[]), |state| state.topics.contains_key(&full)).await;
        kafka.produce(full.as_str(), &["one", "two", "three"]);
        let names = BTreeSet::from([full.clone(), empty.clone(), topic("evidence-missing")]);
        let evidence = admin.evidence(&names).await.expect("read");
        assert_eq!(evidence.len(), 2, "{evidence:?}");
        assert_eq!(evidence[&full].records, Some(3));
        assert!(evidence[&full].bytes.is_some_and(|bytes| bytes > 10), "{evidence:?}");
        assert_eq!((evidence[&empty].records, evidence[&empty].bytes), (Some(0), Some(0)));
        assert_eq!(evidence[&empty].active_groups, Some(BTreeSet::new()));

        // A consumer that waits for more records than there are stays a member until it gives up.
        let group = unique_name("evidence-group");
        let consume = {
            let (group, full) = (group.clone(), full.to_string());
            tokio::task::spawn_blocking(move || {
                let kafka = brokers::kafka(version).expect("it is there");
                let args =
                    ["consumer", "--topic", &full, "--group", &group, "--from-beginning", "--timeout-ms", "12000"];
                drop(kafka.try_tool(&args));
            })
        };
        let mut groups = None;
        for _ in 0..100 {
            groups = admin.evidence(&names).await.expect("read")[&full].active_groups.clone();
            if groups.as_ref().is_some_and(|groups| groups.contains(&group)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(groups, Some(BTreeSet::from([group])));
        consume.await.expect("it ended");

        let limited = connect(&kafka, Client::Mtls, Access::ReadOnly);
        assert!(limited.evidence(&names).await.expect("read").values().all(|known| known.active_groups.is_none()));
    }
}

#[tokio::test]
async fn a_dry_run_of_a_quota_writes_nothing() {
    for version in KafkaVersion::ALL {
        let Some(kafka) = brokers::kafka(version) else { return };
        let admin = connect(&kafka, Client::Admin, Access::ReadOnly);
        let entity = QuotaEntity::User(QuotaName::Named(unique_name("dry")));
        let operation = Operation::AlterQuota {
            entity: entity.clone(),
            set: BTreeMap::from([(QuotaKey::ProducerByteRate, 5.0)]),
            unset: BTreeSet::new(),
        };
        assert_eq!(admin.dry_run(&[operation]).await.expect("answered"), [DryRun::Accepted]);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let state = admin.observe(&everything(&[])).await.expect("observed");
        assert!(!state.quotas.known().expect("known").contains_key(&entity));
    }
}

#[tokio::test]
async fn a_cluster_of_many_topics_is_read_from_all_brokers() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let admin = connect(&kafka, Client::Plaintext, Access::ReadWrite);
    let prefix = unique_name("many");
    let names: BTreeSet<TopicName> =
        (0..1_200).map(|number| TopicName::parse(&format!("{prefix}-{number}")).expect("valid")).collect();
    let batch: Vec<Operation> = names
        .iter()
        .map(|name| Operation::CreateTopic {
            topic: name.clone(),
            partitions: Some(1),
            replication_factor: Some(1),
            config: BTreeMap::from([("retention.ms".to_owned(), "5000".to_owned())]),
        })
        .collect();
    assert!(admin.perform(&batch, &Passwords::default()).await.iter().all(Result::is_ok));
    let complete = |state: &ObservedState| {
        names.iter().all(|name| {
            state.topics.get(name).is_some_and(|topic| topic.overrides.len() == 1 && topic.overrides_unknown.is_none())
        })
    };
    let state = until(&admin, &everything(&[]), complete).await;
    assert!(
        state.topic_defaults.contains_key("min.insync.replicas") && state.topic_defaults.contains_key("segment.ms")
    );
    let batch: Vec<Operation> =
        names.iter().map(|name| Operation::DeleteTopic { topic: name.clone(), id: state.topics[name].id }).collect();
    assert!(admin.perform(&batch, &Passwords::default()).await.iter().all(Result::is_ok));
}
