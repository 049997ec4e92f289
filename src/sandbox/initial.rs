//! The cluster that an empty directory becomes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::configs;
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::names::Principal;
use crate::domain::observed::{BrokerFacts, ClusterFacts, Knowledge, ObservedState, SecurityProtocol};

/// `metadata.version` 4.3-IV0.
const METADATA_VERSION: i16 = 30;

/// What a sanely run production cluster says of itself.
const GUARDS: [(&str, &str); 9] = [
    ("allow.everyone.if.no.acl.found", "false"),
    ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
    ("auto.create.topics.enable", "false"),
    ("default.replication.factor", "3"),
    ("delete.topic.enable", "true"),
    ("min.insync.replicas", "2"),
    ("num.partitions", "1"),
    ("super.users", "User:admin"),
    ("unclean.leader.election.enable", "false"),
];

/// Makes a cluster of three brokers without topics, users, ACLs or quotas, and with an id of its own.
pub(crate) fn cluster() -> ObservedState {
    let configs: BTreeMap<String, String> =
        GUARDS.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let broker =
        |id: i32| (id, BrokerFacts { rack: Some(format!("r{id}")), configs: configs.clone(), configs_unknown: None });
    let facts = ClusterFacts {
        id: URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes()),
        brokers: (1..=3).map(broker).collect(),
        metadata_version: Some(METADATA_VERSION),
        own_principal: Some(Principal::user("admin")),
        security_protocol: Some(SecurityProtocol::SaslSsl),
        lacking: BTreeMap::new(),
    };
    ObservedState {
        topic_defaults: configs::topic_defaults(),
        users: Knowledge::Known(BTreeMap::new()),
        acls: Knowledge::Known(std::collections::BTreeSet::new()),
        quotas: Knowledge::Known(BTreeMap::new()),
        broker_configs: BTreeMap::from([(BrokerConfigScope::Default, Knowledge::Known(BTreeMap::new()))]),
        ..ObservedState::nothing(facts, "")
    }
}
