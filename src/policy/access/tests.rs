//! What the facts say of single worlds; `property` compares the overlaps with an authorizer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::input::{self, Values};
use super::super::reading::Reading;
use super::*;
use crate::domain::acl::{AclOperation, AclPermission, AclResourceType, PatternType};
use crate::domain::desired::Declared;
use crate::domain::diagnostic::Location;
use crate::domain::names::{Principal, TopicName};
use crate::domain::observed::{BrokerFacts, Knowledge, ObservedReplication, ObservedTopic};
use crate::domain::quota::{QuotaEntity, QuotaKey, QuotaName};
use crate::domain::rule::{Rule, RuleGroup, RuleGroupId, RuleKind};
use crate::plan::types::Plan;

/// Reads `principal allow|deny Operation type literal|prefixed name`, with any host.
fn acl(text: &str) -> AclBinding {
    let parts: Vec<&str> = text.split(' ').collect();
    let [principal, permission, operation, resource_type, pattern_type, name] = parts.as_slice() else {
        panic!("{text} has six parts")
    };
    AclBinding {
        principal: Principal::parse(principal).expect("valid"),
        permission: AclPermission::parse(permission).expect("valid"),
        operation: AclOperation::parse(operation).expect("valid"),
        resource_type: AclResourceType::parse(resource_type).expect("valid"),
        pattern_type: PatternType::parse(pattern_type).expect("valid"),
        resource_name: (*name).into(),
        host: "*".into(),
    }
}

fn acls(texts: &[&str]) -> BTreeSet<AclBinding> {
    texts.iter().map(|text| acl(text)).collect()
}

fn grants(acls: &BTreeSet<AclBinding>) -> Vec<Grant<'_>> {
    acls.iter().map(|binding| Grant { binding, judged: true }).collect()
}

fn without_topic(grants: &[Grant<'_>], topics: &BTreeSet<&str>, unknown: &BTreeSet<&str>) -> Vec<Fact<'static>> {
    topics::without_topic(grants, &Index::of(grants, AclPermission::Allow), topics, unknown)
}

fn live(topics: &[&str]) -> ObservedState {
    let cluster = serde_json::from_value(json!({"id": "c", "brokers": {}})).expect("are facts of a cluster");
    let topic = ObservedTopic {
        id: None,
        partitions: 1,
        replication: ObservedReplication::Uniform(1),
        internal: false,
        overrides: BTreeMap::new(),
        overrides_unknown: None,
    };
    let named = |name: &&str| (TopicName::parse(name).expect("valid"), topic.clone());
    ObservedState { topics: topics.iter().map(named).collect(), ..ObservedState::nothing(cluster, "not asked") }
}

/// The names of the resources at the positions that facts give.
fn names(facts: &[Fact<'_>], grants: &[Grant<'_>]) -> Vec<String> {
    facts.iter().map(|fact| grants[fact.acl].binding.resource_name.to_string()).collect()
}

#[test]
fn grants_on_topics_that_do_not_exist_are_found() {
    let acls = acls(&[
        "User:a allow Read topic literal orders",
        "User:a allow Read topic literal gone",
        "User:a allow Describe topic literal gone",
        "User:a allow Read topic prefixed ord",
        "User:a allow Read topic prefixed pay",
        "User:a allow Read topic literal hidden",
        "User:a allow Read topic prefixed hid",
        "User:a allow Read topic literal *",
        "User:a allow Read topic literal pay*",
        "User:a allow Read group literal gone",
        "User:a deny Read topic literal never",
        "User:b allow Read topic literal later",
        "User:b allow Create topic prefixed la",
        "User:c allow All topic prefixed stream-",
        "User:c allow All topic literal typo",
        "User:d allow Read topic literal anything",
        "User:d allow Create cluster literal kafka-cluster",
    ]);
    let grants = grants(&acls);
    let (topics, unknown) = (BTreeSet::from(["orders"]), BTreeSet::from(["hidden"]));
    let found = without_topic(&grants, &topics, &unknown);
    assert_eq!(names(&found, &grants), ["gone", "pay", "typo"]);
    assert_eq!(found[0].operations, ["Read", "Describe"]);
    let unjudged: Vec<Grant<'_>> = grants.iter().map(|grant| Grant { judged: false, ..*grant }).collect();
    assert_eq!(without_topic(&unjudged, &topics, &unknown), []);
}

#[test]
fn without_any_topic_a_grant_on_all_of_them_is_a_grant_on_none_of_ours() {
    let acls = acls(&["User:a allow Read topic literal *"]);
    assert_eq!(without_topic(&grants(&acls), &BTreeSet::new(), &BTreeSet::new()), []);
}

#[test]
fn the_first_acl_on_something_is_found() {
    for (live_acls, wanted, expected) in [
        (&[][..], "User:a allow Read topic literal orders", &["orders"][..]),
        (&[], "User:a deny Read topic literal orders", &["orders"]),
        (&[], "User:a allow Read topic literal planned", &[]),
        (&[], "User:a allow Read topic prefixed ord", &["ord"]),
        (&[], "User:a allow Read topic prefixed planned", &[]),
        (&[], "User:a allow Read topic literal *", &["*"]),
        (&[], "User:a allow Read group literal readers", &["readers"]),
        (&[], "User:a allow Create cluster literal kafka-cluster", &["kafka-cluster"]),
        (&[], "User:* allow All topic literal orders", &[]),
        (&[], "User:* allow Read topic literal orders", &["orders"]),
        (&["User:a allow Read topic literal orders"], "User:a allow Read topic literal orders", &[]),
        (&["User:b deny Write topic literal orders"], "User:a allow Read topic literal orders", &[]),
        (&["User:b allow Read group literal orders"], "User:a allow Read topic literal orders", &["orders"]),
        (&["User:b allow Read topic prefixed ord"], "User:a allow Read topic literal orders", &[]),
        (&["User:b allow Read topic prefixed orders"], "User:a allow Read topic prefixed ord", &[]),
        (&["User:b allow Read topic literal orders"], "User:a allow Read topic literal *", &["*"]),
        (&["User:b allow Read topic literal *"], "User:a allow Read topic prefixed ord", &[]),
        (&["User:b allow Read group prefixed read"], "User:a allow Read group literal readers", &[]),
        (&["User:b allow Read group literal readers"], "User:a allow Read group literal readers", &[]),
        (&["User:b allow Read group literal readers"], "User:a allow Read group prefixed readers", &["readers"]),
        (&["User:b allow Read group prefixed *"], "User:a allow Read group literal *", &["*"]),
    ] {
        let (live_acls, wanted_acls) = (acls(live_acls), acls(&[wanted]));
        let grants = grants(&wanted_acls);
        let observed = live(&["orders", "users"]);
        let found = topics::first_on_resource(&grants, &live_acls, &observed);
        assert_eq!(names(&found, &grants), expected, "{wanted} after {live_acls:?}");
    }
}

#[test]
fn one_name_is_first_once() {
    let wanted = acls(&["User:a allow Read topic prefixed u", "User:b allow Read topic prefixed u"]);
    let observed = live(&["orders", "users"]);
    let found = topics::first_on_resource(&grants(&wanted), &BTreeSet::new(), &observed);
    assert_eq!(found, [Fact { acl: 0, operations: vec!["Read"], example: Some("users") }]);
}

fn declared<T>(value: T) -> Declared<T> {
    let location = Location::new("base/acls.yaml", 7, 3);
    Declared { value, location, fields: BTreeMap::new(), management: Management::Managed, labels: Arc::default() }
}

/// Judges ACLs of git, and returns codes and resources of what is found about access.
fn judged(acls: &[&str], observed: Option<&ObservedState>, plan: Option<&Plan>) -> Vec<String> {
    let desired = DesiredState {
        environment: "prod".to_owned(),
        acls: acls.iter().map(|text| (acl(text), declared(()))).collect(),
        quotas: BTreeMap::from([(
            QuotaEntity::User(QuotaName::parse("carol")),
            declared(BTreeMap::from([(QuotaKey::ProducerByteRate, 1.0)])),
        )]),
        rule_groups: BTreeMap::from([(
            RuleGroupId { namespace: "n".to_owned(), group: "g".to_owned() },
            declared(alerts("kafka_lag{topic=\"users\",group=\"readers\"} > 5")),
        )]),
        ..DesiredState::default()
    };
    let input = PolicyInput { desired: &desired, plan, observed, packs: &[], today: jiff::civil::date(2026, 6, 1) };
    let findings = super::super::judge(&input);
    let about_access = findings
        .into_iter()
        .filter(|finding| ["acl-", "quota-", "alert-", "policy-"].iter().any(|start| finding.code.starts_with(start)));
    about_access.map(|finding| format!("{} {}", finding.code, finding.resource.unwrap_or_default())).collect()
}

fn alerts(expr: &str) -> RuleGroup {
    let kind =
        RuleKind::Alerting { alert: "Lag".to_owned(), for_ms: 1, keep_firing_for_ms: 0, annotations: BTreeMap::new() };
    let labels = BTreeMap::from([("severity".to_owned(), "critical".to_owned())]);
    let rules = vec![Rule { kind, expr: expr.to_owned(), labels }];
    RuleGroup { interval_ms: None, query_offset_ms: None, limit: 0, labels: BTreeMap::new(), rules }
}

const GIT: [&str; 5] = [
    "User:a allow All topic prefixed orders",
    "User:a allow Read group literal readers2",
    "User:a allow Write topic literal orders.v1",
    "User:b allow Write topic literal gone",
    "User:b deny Write topic literal *",
];

#[test]
fn rules_find_by_the_facts_what_overlaps() {
    assert_eq!(
        judged(&GIT, None, None),
        [
            "acl-redundant acl/User:a/allow/Write/topic/literal/orders.v1/*",
            "acl-denied acl/User:b/allow/Write/topic/literal/gone/*",
            "quota-for-nobody quota/user=carol",
        ]
    );
}

#[test]
fn rules_find_by_the_facts_what_is_not_on_the_cluster() {
    let mut observed = live(&["orders.v1", "users"]);
    let overlaps = [
        "acl-redundant acl/User:a/allow/Write/topic/literal/orders.v1/*",
        "acl-denied acl/User:b/allow/Write/topic/literal/gone/*",
    ];
    let with = |more: &[&str]| {
        let mut all: Vec<String> = overlaps.iter().chain(more).map(|text| (*text).to_owned()).collect();
        // By resource, as findings are sorted.
        all.sort_by_key(|text| {
            let (code, resource) = text.split_once(' ').expect("both");
            (resource.to_owned(), code.to_owned())
        });
        all
    };
    let (nobody, gone) =
        ("quota-for-nobody quota/user=carol", "acl-without-topic acl/User:b/allow/Write/topic/literal/gone/*");
    assert_eq!(judged(&GIT, Some(&observed), None), with(&[gone, nobody]));

    observed.topics_incomplete = Some("not all".to_owned());
    assert_eq!(judged(&GIT, Some(&observed), None), with(&[nobody]));
    observed.topics_incomplete = None;

    observed.acls = Knowledge::Known(acls(&["User:carol allow Read group literal other"]));
    assert_eq!(judged(&GIT, Some(&observed), None), with(&[gone, "alert-without-group rule-group/n/g"]));
    observed.acls = Knowledge::Known(acls(&["User:carol allow All group prefixed read"]));
    assert_eq!(judged(&GIT, Some(&observed), None), with(&[gone]));

    let open = BTreeMap::from([("allow.everyone.if.no.acl.found".to_owned(), "True".to_owned())]);
    observed.cluster.brokers.insert(1, BrokerFacts { configs: open, ..BrokerFacts::default() });
    observed.acls = Knowledge::Known(acls(&["User:carol allow All group prefixed read", GIT[0], GIT[4]]));
    assert_eq!(judged(&GIT, Some(&observed), None), with(&[gone]));
    observed.acls = Knowledge::Known(acls(&["User:carol allow All group prefixed read", GIT[4]]));
    assert_eq!(judged(&GIT, Some(&observed), None), with(&[gone]));
    observed.acls = Knowledge::Known(acls(&["User:carol allow All group prefixed read", GIT[3]]));
    let first = [
        gone,
        "acl-first-on-open-resource acl/User:a/allow/All/topic/prefixed/orders/*",
        "acl-first-on-open-resource acl/User:a/allow/Write/topic/literal/orders.v1/*",
        "acl-first-on-open-resource acl/User:b/deny/Write/topic/literal/*/*",
    ];
    assert_eq!(judged(&GIT, Some(&observed), None), with(&first));
}

#[test]
fn a_topic_that_the_plan_deletes_will_not_be_there() {
    let observed = live(&["users"]);
    for (action, status, gone) in [
        ("delete", "planned", true),
        ("delete", "held", false),
        ("delete", "blocked", false),
        ("update", "planned", false),
    ] {
        let plan: Plan = serde_json::from_value(json!({
            "apiVersion": "driftless.dev/v1", "kind": "Plan", "id": "sha256:0", "environment": "prod",
            "cluster": {"id": "c", "brokers": 3}, "source": {"revision": null, "base": null},
            "summary": {"create": 0, "update": 0, "delete": 1, "held": 0, "blocked": 0, "unmanaged": 0},
            "preconditions": {"clusterId": "c", "observedFingerprint": ""}, "unmanaged": [], "unknown": [],
            "findings": [],
            "actions": [{"id": "topic/users/delete", "kind": "topic", "name": "users", "action": action,
                "origin": "change", "reason": "removed-from-git", "risk": "irreversible", "status": status, "fields": []}],
        }))
        .expect("is a plan");
        let found = judged(&["User:carol allow Write topic literal users"], Some(&observed), Some(&plan));
        let acl = "acl-without-topic acl/User:carol/allow/Write/topic/literal/users/*";
        let expected: &[&str] = if gone { &[acl, "alert-without-topic rule-group/n/g"] } else { &[] };
        assert_eq!(found, expected, "{action} {status}");
    }
}

#[test]
fn grants_are_the_acls_with_their_operations_together() {
    let mut desired = DesiredState::default();
    let texts = [
        ("User:a allow Read topic literal orders", Management::Managed),
        ("User:a allow Write topic literal orders", Management::Managed),
        ("User:a allow Alter topic literal orders", Management::Unmanaged),
        ("User:a deny Read topic literal orders", Management::Managed),
        ("User:a allow Read topic prefixed orders", Management::Managed),
        ("User:b allow Read topic literal orders", Management::Managed),
        ("User:a allow Read group literal orders", Management::Managed),
    ];
    for (text, management) in texts {
        let declared = Declared {
            value: (),
            location: Location::new("a.yaml", 1, 1),
            fields: BTreeMap::new(),
            management,
            labels: Arc::default(),
        };
        desired.acls.insert(acl(text), declared);
    }
    let json = |value: &regorus::Value| serde_json::to_value(value).expect("it is JSON");
    let mut values = Values::default();
    let grants = json(&Gathered::of(&desired).value(&mut values));
    let grants = grants.as_array().expect("an array");
    assert_eq!(grants.len(), 6, "{grants:#?}");
    let both = grants.iter().find(|grant| grant["operations"]["Write"].is_string()).expect("one has Write");
    let id = |operation: &str| format!("acl/User:a/allow/{operation}/topic/literal/orders/*");
    assert_eq!(both["operations"], json!({"Read": id("Read"), "Write": id("Write")}));
    let reading = Reading::of(["package a\nx := input.desired.acls"]);
    let all = json(&input::desired(&desired, &Gathered::of(&desired), (&reading, true), &mut values));
    let acls = all["acls"].as_array().expect("an array");
    assert_eq!(gather(acls), *grants, "cases see what the whole has");
}
