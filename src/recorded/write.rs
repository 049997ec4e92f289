//! The observed state as files.

use std::collections::BTreeMap;

use super::documents::{BrokerForm, ClusterDocument, UnknownForm};
use super::{ACLS, BROKER_CONFIGS_FILE, CLUSTER_FILE, QUOTAS, RULES, TOPICS, USERS, forms, place, yaml};
use crate::domain::API_VERSION;
use crate::domain::acl::AclBinding;
use crate::domain::names::Principal;
use crate::domain::observed::{Knowledge, ObservedState};
use crate::domain::rule::RuleGroup;

/// Writes the state as files, path below the directory to bytes. The same state always gives the same bytes; no time,
/// place or machine is in them.
pub fn write(state: &ObservedState) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::from([(CLUSTER_FILE.to_owned(), yaml::write(&cluster_document(state)))]);
    for (name, topic) in &state.topics {
        let path = place::sharded(TOPICS, name.as_str(), &place::stem(name.as_str()));
        files.insert(path, yaml::write(&forms::topic(name, topic)));
    }
    for (name, credentials) in state.users.known().into_iter().flatten() {
        let path = place::sharded(USERS, name.as_str(), &place::stem(name.as_str()));
        files.insert(path, yaml::write(&forms::user(name, credentials, None)));
    }
    for (principal, bindings) in by_principal(state) {
        let path = place::sharded(ACLS, principal.as_str(), &place::principal_stem(principal.as_str()));
        files.insert(path, yaml::write(&forms::acls(principal, bindings.into_iter())));
    }
    for (entity, values) in state.quotas.known().into_iter().flatten() {
        let name = entity.to_string();
        files.insert(place::sharded(QUOTAS, &name, &place::stem(&name)), yaml::write(&forms::quota(entity, values)));
    }
    for (namespace, groups) in by_namespace(state) {
        let path = place::sharded(RULES, namespace, &place::stem(namespace));
        files.insert(path, yaml::write(&forms::rules(namespace, groups.into_iter())));
    }
    let scopes: forms::BrokerConfigs<'_> =
        state.broker_configs.iter().filter_map(|(scope, configs)| Some((*scope, configs.known()?))).collect();
    if !scopes.is_empty() {
        files.insert(BROKER_CONFIGS_FILE.to_owned(), yaml::write(&forms::broker_configs(&scopes)));
    }
    files
}

/// Gathers the bindings of each principal.
pub(crate) fn by_principal(state: &ObservedState) -> BTreeMap<&Principal, Vec<&AclBinding>> {
    let mut principals: BTreeMap<&Principal, Vec<&AclBinding>> = BTreeMap::new();
    for acl in state.acls.known().into_iter().flatten() {
        principals.entry(&acl.principal).or_default().push(acl);
    }
    principals
}

/// Gathers the groups of each namespace.
pub(crate) fn by_namespace(state: &ObservedState) -> BTreeMap<&str, Vec<(&str, &RuleGroup)>> {
    let mut namespaces: BTreeMap<&str, Vec<(&str, &RuleGroup)>> = BTreeMap::new();
    for (id, group) in state.rule_groups.known().into_iter().flatten() {
        namespaces.entry(&id.namespace).or_default().push((&id.group, group));
    }
    namespaces
}

fn cluster_document(state: &ObservedState) -> ClusterDocument {
    let facts = &state.cluster;
    let brokers = facts.brokers.iter().map(|(id, broker)| {
        let form = BrokerForm {
            rack: broker.rack.clone(),
            configs: broker.configs.clone(),
            configs_hidden: broker.configs_hidden.clone(),
            configs_unknown: broker.configs_unknown.clone(),
        };
        (id.to_string(), form)
    });
    ClusterDocument {
        api_version: API_VERSION.to_owned(),
        kind: "RecordedCluster".to_owned(),
        id: facts.id.clone(),
        metadata_version: facts.metadata_version,
        own_principal: facts.own_principal.as_ref().map(ToString::to_string),
        brokers: brokers.collect(),
        security_protocol: facts.security_protocol,
        lacking: facts.lacking.clone(),
        topic_defaults: state.topic_defaults.clone(),
        acls_skipped: (state.acls_skipped > 0).then_some(state.acls_skipped),
        unknown: unknown_form(state),
    }
}

fn unknown_form(state: &ObservedState) -> UnknownForm {
    let unknown_scopes = state
        .broker_configs
        .iter()
        .filter_map(|(scope, configs)| Some((scope.to_string(), configs.unknown()?.to_owned())));
    UnknownForm {
        topics: state.unknown_topics.iter().map(|(name, reason)| (name.to_string(), reason.clone())).collect(),
        other_topics: state.topics_incomplete.clone(),
        users: reason(&state.users),
        acls: reason(&state.acls),
        quotas: reason(&state.quotas),
        broker_configs: unknown_scopes.collect(),
        rule_groups: reason(&state.rule_groups),
    }
}

fn reason<T>(knowledge: &Knowledge<T>) -> Option<String> {
    knowledge.unknown().map(str::to_owned)
}
