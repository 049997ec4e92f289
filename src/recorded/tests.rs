//! What the format promises: reading gives back what was written, files are stable and small, people can read them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::domain::acl::{AclBinding, AclOperation, AclPermission, AclResourceType, PatternType};
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::ignore::IgnoreRules;
use crate::domain::names::{Principal, TopicName, UserName};
use crate::domain::observed::{
    BrokerFacts, ClusterFacts, Knowledge, ObservedReplication, ObservedState, ObservedTopic, SecurityProtocol,
};
use crate::domain::quota::{QuotaEntity, QuotaName, QuotaValues};
use crate::domain::rule::{Rule, RuleGroup, RuleGroupId, RuleKind};
use crate::domain::user::ScramMechanism;

/// Any text, with what YAML and file systems treat specially among it more often than chance would have it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "yes",
            "1e3",
            "*",
            "~",
            "",
            "null",
            "0o17",
            "1_000",
            "2026-01-01",
            "!x",
            " a",
            "a\nb",
            "a/b%2F",
            "Ü",
            "#",
            "Orders",
            "orders",
            "ORDERS",
            "a.b",
            "_x",
            ".x",
            "con",
            "<<",
            "CN=a,OU=\"b\"",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z0-9._-]{1,20}",
        proptest::collection::vec(any::<char>(), 0..8).prop_map(|characters| characters.into_iter().collect()),
    ]
}

fn name() -> impl Strategy<Value = String> {
    text().prop_filter("names are not empty", |text| !text.is_empty())
}

fn knowledge<T: std::fmt::Debug>(known: impl Strategy<Value = T>) -> impl Strategy<Value = Knowledge<T>> {
    prop_oneof![4 => known.prop_map(Knowledge::Known), 1 => text().prop_map(Knowledge::Unknown)]
}

fn map<K: Ord + std::fmt::Debug, V: std::fmt::Debug>(
    key: impl Strategy<Value = K>,
    value: impl Strategy<Value = V>,
) -> impl Strategy<Value = BTreeMap<K, V>> {
    proptest::collection::btree_map(key, value, 0..4)
}

fn topic_name() -> impl Strategy<Value = TopicName> {
    text().prop_filter_map("topic names follow a rule", |text| TopicName::parse(&text).ok())
}

fn topic() -> impl Strategy<Value = ObservedTopic> {
    let replication = prop_oneof![
        any::<i16>().prop_map(ObservedReplication::Uniform),
        (0..9i16, 0..99i16).prop_map(|(least, most)| ObservedReplication::Mixed(least, most)),
    ];
    let id = proptest::option::of(any::<u128>().prop_map(uuid::Uuid::from_u128));
    let overrides = map(text(), proptest::option::of(text()));
    (id, any::<i32>(), replication, any::<bool>(), overrides, proptest::option::of(text())).prop_map(
        |(id, partitions, replication, internal, overrides, overrides_unknown)| ObservedTopic {
            id,
            partitions,
            replication,
            internal,
            overrides,
            overrides_unknown,
        },
    )
}

fn acl() -> impl Strategy<Value = AclBinding> {
    (
        (name(), name()).prop_map(|(kind, name)| format!("{kind}:{name}")),
        proptest::sample::select(AclPermission::ALL),
        proptest::sample::select(AclOperation::ALL),
        proptest::sample::select(AclResourceType::ALL),
        proptest::sample::select(PatternType::ALL),
        prop_oneof![Just("kafka-cluster".to_owned()), Just("*".to_owned()), text()],
        text(),
    )
        .prop_filter_map(
            "principals follow a rule",
            |(principal, permission, operation, resource_type, pattern_type, resource_name, host)| {
                let principal = Principal::parse(&principal).ok()?;
                let (resource_name, host) = (resource_name.into(), host.into());
                Some(AclBinding { principal, permission, operation, resource_type, pattern_type, resource_name, host })
            },
        )
}

fn quota_entity() -> impl Strategy<Value = QuotaEntity> {
    let name = || {
        prop_oneof![
            Just(QuotaName::Default),
            text()
                .prop_filter_map("not the default", |text| { (text != "<default>").then_some(QuotaName::Named(text)) })
        ]
    };
    prop_oneof![
        name().prop_map(QuotaEntity::User),
        name().prop_map(QuotaEntity::ClientId),
        name().prop_map(QuotaEntity::Ip),
        (name(), name()).prop_map(|(user, client)| QuotaEntity::UserClientId(user, client)),
    ]
}

fn quotas() -> impl Strategy<Value = BTreeMap<QuotaEntity, QuotaValues>> {
    let value = prop_oneof![
        (1..=i64::MAX).prop_map(|value| value as f64),
        1e-9..1e300f64,
        proptest::num::f64::NORMAL,
        Just(9_007_199_254_740_993.0),
    ];
    map(quota_entity(), map(proptest::sample::select(crate::domain::quota::QuotaKey::ALL.to_vec()), value))
}

fn rule_group() -> impl Strategy<Value = RuleGroup> {
    let alerting = (text(), 0..9_000_000_000_000u64, 0..9_000_000_000_000u64, map(text(), text())).prop_map(
        |(alert, for_ms, keep_firing_for_ms, annotations)| RuleKind::Alerting {
            alert,
            for_ms,
            keep_firing_for_ms,
            annotations,
        },
    );
    let kind = prop_oneof![alerting, text().prop_map(|record| RuleKind::Recording { record })];
    let rule = (kind, text(), map(text(), text())).prop_map(|(kind, expr, labels)| Rule { kind, expr, labels });
    let duration = || proptest::option::of(0..1_000_000_000u64);
    (duration(), duration(), 0..5u64, map(text(), text()), proptest::collection::vec(rule, 0..3)).prop_map(
        |(interval_ms, query_offset_ms, limit, labels, rules)| RuleGroup {
            interval_ms,
            query_offset_ms,
            limit,
            labels,
            rules,
        },
    )
}

fn facts() -> impl Strategy<Value = ClusterFacts> {
    let hidden = proptest::collection::btree_set(text(), 0..3);
    let broker = (proptest::option::of(text()), map(text(), text()), hidden, proptest::option::of(text())).prop_map(
        |(rack, configs, configs_hidden, configs_unknown)| BrokerFacts {
            rack,
            configs,
            configs_hidden,
            configs_unknown,
        },
    );
    let principal = proptest::option::of(name().prop_map(|name| Principal::user(&name)));
    let protocol =
        proptest::option::of((any::<bool>(), any::<bool>()).prop_map(|(tls, sasl)| SecurityProtocol::of(tls, sasl)));
    (text(), map(any::<i32>(), broker), any::<Option<i16>>(), principal, protocol, map(text(), text())).prop_map(
        |(id, brokers, metadata_version, own_principal, security_protocol, lacking)| ClusterFacts {
            id,
            brokers,
            metadata_version,
            own_principal,
            security_protocol,
            lacking,
        },
    )
}

fn state() -> impl Strategy<Value = ObservedState> {
    let scope = prop_oneof![Just(BrokerConfigScope::Default), any::<i32>().prop_map(BrokerConfigScope::Broker)];
    let user = name().prop_map(|name| UserName::parse(&name).expect("not empty"));
    let credentials = map(proptest::sample::select(ScramMechanism::ALL.to_vec()), 1..99_999i32);
    let group = (text(), text()).prop_map(|(namespace, group)| RuleGroupId { namespace, group });
    let topics = (
        map(topic_name(), topic()),
        map(topic_name(), text()),
        proptest::option::of(text()),
        map(text(), proptest::collection::btree_set(text(), 0..3)),
    );
    let access = (
        knowledge(map(user, credentials)),
        knowledge(proptest::collection::btree_set(acl(), 0..6)),
        0..3usize,
        knowledge(quotas()),
    );
    let rest = (map(scope, knowledge(map(text(), proptest::option::of(text())))), knowledge(map(group, rule_group())));
    (facts(), topics, access, rest).prop_map(
        |(cluster, (topics, mut unknown_topics, topics_incomplete, topic_defaults), access, rest)| {
            unknown_topics.retain(|name, _| !topics.contains_key(name));
            let (users, acls, acls_skipped, quotas) = access;
            let (broker_configs, rule_groups) = rest;
            ObservedState {
                cluster,
                topics,
                unknown_topics,
                topics_incomplete,
                topic_defaults,
                users,
                acls,
                acls_skipped,
                quotas,
                broker_configs,
                rule_groups,
            }
        },
    )
}

fn show(files: &BTreeMap<String, Vec<u8>>) -> String {
    files.iter().map(|(path, bytes)| format!("== {path}\n{}", String::from_utf8_lossy(bytes))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn reading_gives_back_the_state_that_was_written(state in state()) {
        let files = write(&state);
        let again = read(&files);
        prop_assert_eq!(again.as_ref(), Ok(&state), "{}", show(&files));
        prop_assert_eq!(write(&state), files);
    }

    #[test]
    fn no_two_files_are_one_on_a_file_system_that_ignores_case(state in state()) {
        let files = write(&state);
        let paths: BTreeSet<String> = files.keys().map(|path| path.to_lowercase()).collect();
        prop_assert_eq!(paths.len(), files.len());
        for path in files.keys() {
            prop_assert!(path.is_ascii() && path.split('/').all(|part| part.len() <= 255 && !part.starts_with(['.', '_'])));
            prop_assert!(is_recorded_path(path));
        }
    }

    #[test]
    fn an_import_declares_exactly_what_was_observed(state in state()) {
        let options = ImportOptions { environment: "prod".into(), layer: "environments/prod".into(), ignore: IgnoreRules::default() };
        let imported = import(&state, &options);
        let mut files: BTreeMap<String, Vec<u8>> = imported.files.iter()
            .map(|(path, bytes)| (path.strip_prefix("environments/prod/").expect("in the layer").to_owned(), bytes.clone()))
            .collect();
        let empty = ObservedState { rule_groups: Knowledge::Unknown(String::new()), ..ObservedState::nothing(state.cluster.clone(), "") };
        files.insert(CLUSTER_FILE.into(), write(&empty).remove(CLUSTER_FILE).expect("written"));
        // Annotations of an import that the record does not know, and what it leaves out on purpose, are not compared.
        files.retain(|_, bytes| !String::from_utf8_lossy(bytes).contains("\n# Not managed") && !String::from_utf8_lossy(bytes).starts_with("# "));
        let mut cluster = String::from_utf8(files[CLUSTER_FILE].clone()).expect("UTF-8");
        cluster.truncate(cluster.find("unknown:").unwrap_or(cluster.len()));
        files.insert(CLUSTER_FILE.into(), cluster.into_bytes());
        let again = read(&files).map_err(|problems| TestCaseError::fail(format!("{problems:?}\n{}", show(&files))))?;
        prop_assert_eq!(again.acls.known().cloned().unwrap_or_default(), state.acls.known().cloned().unwrap_or_default());
        for (name, topic) in &again.topics {
            let expected = ObservedTopic { id: None, internal: false, ..state.topics[name].clone() };
            prop_assert_eq!(topic, &expected);
        }
        let users = state.users.known().cloned().unwrap_or_default().into_iter().filter(|(_, credentials)| !credentials.is_empty());
        prop_assert_eq!(again.users.known().cloned().unwrap_or_default(), users.collect::<BTreeMap<_, _>>());
        let quotas = state.quotas.known().cloned().unwrap_or_default().into_iter().filter(|(_, values)| !values.is_empty());
        prop_assert_eq!(again.quotas.known().cloned().unwrap_or_default(), quotas.collect::<BTreeMap<_, _>>());
        prop_assert_eq!(again.rule_groups.known().cloned().unwrap_or_default(), state.rule_groups.known().cloned().unwrap_or_default());
    }
}

fn example() -> ObservedState {
    let broker = |rack: &str| BrokerFacts {
        rack: Some(rack.into()),
        configs: BTreeMap::from([("auto.create.topics.enable".into(), "false".into())]),
        configs_hidden: BTreeSet::new(),
        configs_unknown: None,
    };
    let cluster = ClusterFacts {
        id: "MkU3OEVBNTcwNTJENDM2Qg".into(),
        brokers: BTreeMap::from([(1, broker("r1")), (2, broker("r2"))]),
        metadata_version: Some(25),
        own_principal: None,
        security_protocol: Some(crate::domain::observed::SecurityProtocol::SaslSsl),
        lacking: BTreeMap::new(),
    };
    let mut state = ObservedState::nothing(cluster, "CLUSTER_AUTHORIZATION_FAILED: no");
    let topic = ObservedTopic {
        id: Some(uuid::Uuid::from_u128(1)),
        partitions: 6,
        replication: ObservedReplication::Uniform(3),
        internal: false,
        overrides: BTreeMap::from([
            ("cleanup.policy".into(), Some("compact,delete".into())),
            ("retention.ms".into(), Some("604800000".into())),
        ]),
        overrides_unknown: None,
    };
    let mixed = ObservedTopic {
        id: None,
        replication: ObservedReplication::Mixed(1, 3),
        overrides: BTreeMap::from([("vendor.key".into(), None)]),
        ..topic.clone()
    };
    let name = |raw: &str| TopicName::parse(raw).expect("valid");
    state.topics = BTreeMap::from([
        (name("orders.v1"), topic.clone()),
        (name("Orders_v2"), mixed),
        (name("__consumer_offsets"), ObservedTopic { internal: true, ..topic }),
    ]);
    state.topic_defaults = BTreeMap::from([("retention.ms".into(), BTreeSet::from(["604800000".into()]))]);
    let alice = UserName::parse("alice").expect("valid");
    let credentials = BTreeMap::from([(ScramMechanism::Sha256, 4096), (ScramMechanism::Sha512, 8192)]);
    state.users = Knowledge::Known(BTreeMap::from([(alice, credentials)]));
    let acl = |operation, host: &str| AclBinding {
        principal: Principal::parse("User:CN=etl,OU=data").expect("valid"),
        permission: AclPermission::Allow,
        operation,
        resource_type: AclResourceType::Topic,
        pattern_type: PatternType::Prefixed,
        resource_name: "llm-".into(),
        host: host.into(),
    };
    state.acls = Knowledge::Known(BTreeSet::from([
        acl(AclOperation::Read, "*"),
        acl(AclOperation::Describe, "*"),
        acl(AclOperation::Read, "10.0.0.1"),
    ]));
    let secret =
        BTreeMap::from([("ssl.keystore.password".into(), None), ("log.cleaner.threads".into(), Some("2".into()))]);
    state.broker_configs = BTreeMap::from([
        (BrokerConfigScope::Default, Knowledge::Known(secret)),
        (BrokerConfigScope::Broker(1), Knowledge::Unknown("not asked".into())),
    ]);
    state
}

#[test]
fn the_files_are_what_people_would_write() {
    insta::assert_snapshot!("files", show(&write(&example())));
}

#[test]
fn an_import_is_what_people_would_write() {
    let options =
        ImportOptions { environment: "prod".into(), layer: "environments/prod".into(), ignore: IgnoreRules::default() };
    let imported = import(&example(), &options);
    let text = format!(
        "{}== driftless.yaml\n{}== notes\n{}",
        show(&imported.files),
        imported.repository_file,
        imported.notes.join("\n")
    );
    insta::assert_snapshot!("import", text);
}

#[test]
fn everything_wrong_with_the_files_is_said_at_once() {
    let mut files = write(&example());
    files.retain(|path, _| !path.starts_with("topics/"));
    for (path, text) in [
        (
            "topics/aa/a.yaml",
            "apiVersion: kafka.strimzi.io/v1\nkind: KafkaUser\nmetadata: {name: a}\nspec: {partitions: 1, replicas: 1}\n",
        ),
        (
            "topics/aa/b.yaml",
            "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: b}\nspec:\n  partitions: 1\n  partitions: 2\n",
        ),
        (
            "topics/aa/c.yaml",
            "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: 'c c'}\nspec: {partitions: 1, replicas: 1}\n",
        ),
        (
            "topics/aa/d.yaml",
            "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: d}\nspec: {partitions: 1, replicas: 1}\n",
        ),
        (
            "topics/bb/d.yaml",
            "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: d}\nspec: {partitions: 2, replicas: 1}\n",
        ),
        ("topics/aa/e.yaml", "---\n{}\n---\n{}\n"),
        ("other.yaml", "{}"),
        ("README.md", "not YAML, and nobody's business"),
        ("topics/aa/f.yaml", ""),
    ] {
        files.insert(path.into(), text.into());
    }
    let problems = read(&files).expect_err("refused");
    let text: Vec<String> = problems
        .iter()
        .map(|problem| {
            format!("{}: {}", problem.location.as_ref().map(ToString::to_string).unwrap_or_default(), problem.message)
        })
        .collect();
    insta::assert_snapshot!("problems", text.join("\n"));
}

#[test]
fn a_directory_without_the_cluster_is_not_an_empty_cluster() {
    let problems = read(&BTreeMap::new()).expect_err("refused");
    assert_eq!(problems[0].code, "recorded-state-missing");
}

/// The bytes of git's tree objects above a file, before compression: a commit that changes the file stores them again.
fn trees_above(files: &BTreeMap<String, Vec<u8>>, path: &str) -> usize {
    let entry = |name: &str| "100644 ".len() + name.len() + 1 + 20;
    let mut bytes = 0;
    let mut rest = path;
    while let Some((parent, _)) = rest.rsplit_once('/') {
        let children: BTreeSet<&str> =
            files.keys().filter_map(|other| other.strip_prefix(parent)?.strip_prefix('/')?.split('/').next()).collect();
        bytes += children.into_iter().map(entry).sum::<usize>();
        rest = parent;
    }
    bytes
}

#[test]
fn one_drifted_topic_of_ten_thousand_costs_git_little() {
    let mut state = example();
    let topic = state.topics.values().next().expect("one").clone();
    for index in 0..10_000 {
        let name = TopicName::parse(&format!("team-{}.service-{index}.events.v1", index % 50)).expect("valid");
        state.topics.insert(name, topic.clone());
    }
    let before = write(&state);
    let name = TopicName::parse("team-7.service-7.events.v1").expect("valid");
    state.topics.get_mut(&name).expect("there").overrides.insert("retention.ms".into(), Some("1".into()));
    let after = write(&state);
    let changed: Vec<&String> =
        after.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes)).map(|(path, _)| path).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    let cost = after[changed[0]].len() + trees_above(&after, changed[0]);
    assert!(cost < 20_000, "{cost} bytes");
}
