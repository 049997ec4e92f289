//! Import, load, plan: what a cluster holds becomes manifests from which nothing is to be done.

use std::collections::{BTreeMap, BTreeSet};

use driftless::domain::acl::{AclBinding, AclOperation, AclPermission, AclResourceType, PatternType};
use driftless::domain::broker_config::BrokerConfigScope;
use driftless::domain::desired::Management;
use driftless::domain::ignore::IgnoreRules;
use driftless::domain::inventory::Inventory;
use driftless::domain::names::{Principal, TopicName, UserName};
use driftless::domain::observed::{
    BrokerFacts, ClusterFacts, Knowledge, ObservedReplication, ObservedState, ObservedTopic,
};
use driftless::domain::quota::{QuotaEntity, QuotaKey, QuotaName, QuotaValues};
use driftless::domain::rule::{Rule, RuleGroup, RuleGroupId, RuleKind};
use driftless::domain::snapshot::{Snapshot, SnapshotFile};
use driftless::domain::user::ScramMechanism;
use driftless::manifest::{Documents, load};
use driftless::plan::diff::plan;
use driftless::plan::input::{PasswordStates, PlanInput, PlanOptions, Prune};
use driftless::plan::types::PlanSource;
use driftless::recorded::{ImportOptions, import};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "yes",
            "1e3",
            "*",
            "~",
            "null",
            "0o17",
            "2026-01-01",
            "!x",
            "Ü",
            "CN=a,OU=b",
            "Alice",
            "alice"
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z0-9._-]{1,20}",
    ]
}

fn topics() -> impl Strategy<Value = BTreeMap<TopicName, ObservedTopic>> {
    let key = name().prop_filter_map("topic names follow a rule", |raw| TopicName::parse(&raw).ok());
    let replication = prop_oneof![
        4 => (1..4i16).prop_map(ObservedReplication::Uniform),
        1 => Just(ObservedReplication::Mixed(1, 3)),
    ];
    let overrides = proptest::sample::subsequence(
        vec![
            ("cleanup.policy", Some("compact,delete")),
            ("retention.ms", Some("-1")),
            ("min.cleanable.dirty.ratio", Some("1.0E-4")),
            ("preallocate", Some("true")),
            ("leader.replication.throttled.replicas", Some("0:1,1:2")),
            ("segment.bytes", Some("1048576")),
            ("vendor.key", None),
        ],
        0..4,
    );
    let topic =
        (1..50i32, replication, overrides, any::<bool>()).prop_map(|(partitions, replication, overrides, readable)| {
            ObservedTopic {
                id: Some(uuid::Uuid::from_u128(7)),
                partitions,
                replication,
                internal: false,
                overrides: overrides
                    .into_iter()
                    .filter(|_| readable)
                    .map(|(key, value)| (key.to_owned(), value.map(str::to_owned)))
                    .collect(),
                overrides_unknown: (!readable).then(|| "no: right\nto".to_owned()),
            }
        });
    proptest::collection::btree_map(key, topic, 0..6).prop_map(|topics| {
        // Kafka holds no two topics whose names collide, save those made in one request.
        let mut seen = BTreeSet::new();
        topics.into_iter().filter(|(name, _)| seen.insert(name.collision_key())).collect()
    })
}

fn acls() -> impl Strategy<Value = BTreeSet<AclBinding>> {
    let shapes = vec![
        (AclResourceType::Topic, AclOperation::Read),
        (AclResourceType::Topic, AclOperation::Describe),
        (AclResourceType::Topic, AclOperation::All),
        (AclResourceType::Group, AclOperation::Read),
        (AclResourceType::Cluster, AclOperation::IdempotentWrite),
        (AclResourceType::TransactionalId, AclOperation::Write),
        (AclResourceType::DelegationToken, AclOperation::Describe),
        (AclResourceType::User, AclOperation::CreateTokens),
    ];
    let acl = (
        prop_oneof![4 => name().prop_map(|name| format!("User:{name}")), 1 => Just("Group:ops".to_owned())],
        proptest::sample::select(shapes),
        proptest::sample::select(AclPermission::ALL),
        proptest::sample::select(PatternType::ALL),
        name(),
        proptest::sample::select(vec!["*", "10.0.0.1"]),
    )
        .prop_map(|(principal, (resource_type, operation), permission, pattern_type, resource_name, host)| {
            let whole = resource_type == AclResourceType::Cluster;
            AclBinding {
                principal: Principal::parse(&principal).expect("valid"),
                permission,
                operation,
                resource_type,
                pattern_type: if whole { PatternType::Literal } else { pattern_type },
                resource_name: if whole { "kafka-cluster".into() } else { resource_name.into() },
                host: host.into(),
            }
        });
    proptest::collection::btree_set(acl, 0..12)
}

fn quotas() -> impl Strategy<Value = BTreeMap<QuotaEntity, QuotaValues>> {
    let part = || prop_oneof![Just(QuotaName::Default), name().prop_map(QuotaName::Named)];
    let rates = proptest::sample::subsequence(
        vec![
            (QuotaKey::ProducerByteRate, 1_048_576.0),
            (QuotaKey::ConsumerByteRate, 9_007_199_254_740_992.0),
            (QuotaKey::RequestPercentage, 12.5),
            (QuotaKey::ControllerMutationRate, 0.1),
        ],
        1..4,
    )
    .prop_map(|rates| rates.into_iter().collect::<QuotaValues>());
    let entity = prop_oneof![
        part().prop_map(QuotaEntity::User),
        part().prop_map(QuotaEntity::ClientId),
        (part(), part()).prop_map(|(user, client)| QuotaEntity::UserClientId(user, client)),
    ];
    let ip = proptest::option::of(proptest::sample::select(vec![
        QuotaEntity::Ip(QuotaName::Default),
        QuotaEntity::Ip(QuotaName::Named("10.0.0.1".into())),
    ]));
    (proptest::collection::btree_map(entity, rates, 0..6), ip).prop_map(|(mut quotas, ip)| {
        quotas.extend(ip.map(|ip| (ip, QuotaValues::from([(QuotaKey::ConnectionCreationRate, 5.0)]))));
        quotas
    })
}

fn state() -> impl Strategy<Value = ObservedState> {
    let credentials = proptest::collection::btree_map(
        proptest::sample::select(ScramMechanism::ALL.to_vec()),
        proptest::sample::select(vec![4096, 8192, 16384]),
        1..3,
    );
    let user = name().prop_map(|name| UserName::parse(&name).expect("not empty"));
    let users = proptest::collection::btree_map(user, credentials, 0..5);
    (topics(), users, acls(), quotas(), any::<bool>()).prop_map(|(topics, users, acls, quotas, known)| {
        let broker = BrokerFacts::default();
        let cluster = ClusterFacts {
            id: "id".into(),
            brokers: (1..=3).map(|id| (id, broker.clone())).collect(),
            metadata_version: Some(30),
            own_principal: None,
            security_protocol: Some(driftless::domain::observed::SecurityProtocol::SaslSsl),
            lacking: BTreeMap::new(),
        };
        let configs = |pairs: &[(&str, Option<&str>)]| {
            Knowledge::Known(
                pairs
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)))
                    .collect::<BTreeMap<_, _>>(),
            )
        };
        let rule = Rule {
            kind: RuleKind::Alerting {
                alert: "Late".into(),
                for_ms: 90_000,
                keep_firing_for_ms: 0,
                annotations: BTreeMap::from([("summary".into(), "{{ $value }}: late\nreally".into())]),
            },
            expr: "sum by (topic) (lag) > 5".into(),
            labels: BTreeMap::from([("severity".into(), "on".into())]),
        };
        let record = Rule {
            kind: RuleKind::Recording { record: "a:b".into() },
            expr: "vector(1)".into(),
            labels: BTreeMap::new(),
        };
        let group = RuleGroup {
            interval_ms: Some(60_000),
            query_offset_ms: None,
            limit: 5,
            labels: BTreeMap::new(),
            rules: vec![rule, record],
        };
        ObservedState {
            topics,
            users: if known { Knowledge::Known(users) } else { Knowledge::Unknown("no".into()) },
            acls: Knowledge::Known(acls),
            quotas: Knowledge::Known(quotas),
            broker_configs: BTreeMap::from([
                (BrokerConfigScope::Default, configs(&[("log.cleaner.threads", Some("2")), ("nope", None)])),
                (BrokerConfigScope::Broker(1), configs(&[("log.cleaner.threads", Some("4"))])),
                (BrokerConfigScope::Broker(2), configs(&[])),
            ]),
            rule_groups: Knowledge::Known(BTreeMap::from([(
                RuleGroupId { namespace: "alerts/shop".into(), group: "a b".into() },
                group,
            )])),
            ..ObservedState::nothing(cluster, "")
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_plan_made_from_an_import_does_nothing(state in state()) {
        let options = ImportOptions {
            environment: "prod".into(),
            layer: "environments/prod".into(),
            ignore: IgnoreRules::default(),
        };
        let imported = import(&state, &options);
        let mut files: BTreeMap<String, SnapshotFile> =
            imported.files.iter().map(|(path, bytes)| (path.clone(), SnapshotFile::Content(bytes.clone()))).collect();
        files.insert("driftless.yaml".into(), SnapshotFile::Content(imported.repository_file.clone().into_bytes()));
        let snapshot = Snapshot { revision: None, dirty: false, files };
        let (desired, problems) = load(&snapshot, "prod", Documents::Keep);
        let text = || imported.files.values().map(|bytes| String::from_utf8_lossy(bytes)).collect::<Vec<_>>().join("---\n");
        let Some(desired) = desired else {
            return Err(TestCaseError::fail(format!("{problems:#?}\n{}", text())));
        };
        if desired.is_empty() {
            return Ok(());
        }
        let planned = plan(PlanInput {
            desired: &desired,
            observed: &state,
            inventory: &Inventory::default(),
            passwords: &PasswordStates::new(),
            source: &PlanSource::default(),
            options: &PlanOptions { prune: Prune::OwnedOnly, max_deletions: 100, ..PlanOptions::default() },
            today: jiff::civil::date(2026, 1, 1),
        });
        prop_assert_eq!(desired.acls.keys().cloned().collect::<BTreeSet<_>>(), state.acls.known().cloned().unwrap_or_default());
        prop_assert_eq!(desired.users.len(), state.users.known().map_or(0, BTreeMap::len));
        prop_assert_eq!(desired.quotas.len(), state.quotas.known().map_or(0, BTreeMap::len));
        let ignored = state.topics.keys().filter(|name| desired.ignore.ignores_topic(name)).count();
        prop_assert_eq!(desired.topics.len(), state.topics.len() - ignored);
        let managed = desired.topics.values().filter(|topic| topic.management == Management::Managed).count();
        // Everything that is managed is taken over as it is.
        prop_assert_eq!(planned.adopted.len(), desired.len() - desired.topics.len() + managed);
        prop_assert!(planned.actions.is_empty(), "{:#?}\n{}", planned.actions, text());
    }
}
