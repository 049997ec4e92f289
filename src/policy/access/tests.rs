//! What the facts say of single worlds; `property` compares the overlaps with an authorizer.

use std::collections::BTreeMap;

use super::*;
use crate::domain::acl::{AclOperation, AclPermission, AclResourceType, PatternType};
use crate::domain::names::{Principal, TopicName};
use crate::domain::observed::{ObservedReplication, ObservedTopic};

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
        resource_name: (*name).to_owned(),
        host: "*".to_owned(),
    }
}

fn acls(texts: &[&str]) -> BTreeSet<AclBinding> {
    texts.iter().map(|text| acl(text)).collect()
}

fn grants(acls: &BTreeSet<AclBinding>) -> Vec<Grant<'_>> {
    acls.iter().map(|binding| Grant { binding, judged: true }).collect()
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
fn names(facts: &[Value], grants: &[Grant<'_>]) -> Vec<String> {
    let name = |fact: &Value| {
        let position = fact["acl"].as_u64().expect("a position");
        grants[usize::try_from(position).expect("small")].binding.resource_name.clone()
    };
    facts.iter().map(name).collect()
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
    let found = topics::without_topic(&grants, &topics, &unknown);
    assert_eq!(names(&found, &grants), ["gone", "pay", "typo"]);
    assert_eq!(found[0]["operations"], json!(["Read", "Describe"]));
    let unjudged: Vec<Grant<'_>> = grants.iter().map(|grant| Grant { judged: false, ..*grant }).collect();
    assert_eq!(topics::without_topic(&unjudged, &topics, &unknown), Vec::<Value>::new());
}

#[test]
fn without_any_topic_a_grant_on_all_of_them_is_a_grant_on_none_of_ours() {
    let acls = acls(&["User:a allow Read topic literal *"]);
    assert_eq!(topics::without_topic(&grants(&acls), &BTreeSet::new(), &BTreeSet::new()), Vec::<Value>::new());
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
        let found = topics::first_on_resource(&grants, &live_acls, &live(&["orders", "users"]));
        assert_eq!(names(&found, &grants), expected, "{wanted} after {live_acls:?}");
    }
}

#[test]
fn one_name_is_first_once() {
    let wanted = acls(&["User:a allow Read topic prefixed u", "User:b allow Read topic prefixed u"]);
    let found = topics::first_on_resource(&grants(&wanted), &BTreeSet::new(), &live(&["orders", "users"]));
    assert_eq!(found, [json!({"acl": 0, "example": "users"})]);
}
