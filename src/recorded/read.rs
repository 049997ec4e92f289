//! The observed state from files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;

use super::documents::{
    AclRule, AclSpec, BrokerConfigSpec, CONFIG_HIDDEN, CONFIG_UNKNOWN, ClusterDocument, INTERNAL, Manifest,
    PROMETHEUS_GROUP, QuotaSpec, REPLICATION, RulesSpec, STRIMZI_GROUP, TopicSpec, UnknownForm, UserSpec,
};
use super::forms::split_keys;
use super::{ACLS, BROKER_CONFIGS_FILE, CLUSTER_FILE, EVIDENCE_FILE, QUOTAS, RULES, TOPICS, USERS, rule_forms, yaml};
use crate::domain::API_VERSION;
use crate::domain::acl::{
    AclBinding, AclOperation, AclPermission, AclResourceType, CLUSTER_RESOURCE_NAME, PatternType,
};
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::diagnostic::{Diagnostic, Location};
use crate::domain::names::{Principal, TopicName, UserName};
use crate::domain::observed::{
    BrokerFacts, ClusterFacts, Knowledge, ObservedReplication, ObservedState, ObservedTopic,
};
use crate::domain::quota::{QuotaEntity, QuotaKey, QuotaName, QuotaValues};
use crate::domain::rule::{RuleGroup, RuleGroupId};
use crate::domain::user::{ITERATIONS_ANNOTATION, MECHANISMS_ANNOTATION, ScramMechanism};

/// Reads recorded state; all problems at once. Files that are no YAML, and hidden ones, are passed over.
pub fn read(files: &BTreeMap<String, Vec<u8>>) -> Result<ObservedState, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    let Some(cluster) = files.get(CLUSTER_FILE) else {
        return Err(vec![
            Diagnostic::error(
                "recorded-state-missing",
                Some(Location::new(CLUSTER_FILE, 1, 1)),
                format!("this is no recorded state: there is no `{CLUSTER_FILE}`"),
            )
            .help("name a directory that holds `cluster.yaml`, such as `observed` of the environment's branch"),
        ]);
    };
    let cluster: Option<ClusterDocument> = reader.document(CLUSTER_FILE, cluster);
    for (path, bytes) in files {
        reader.file(path, bytes);
    }
    let state = cluster.and_then(|document| reader.assemble(document));
    match state {
        Some(state) if reader.problems.is_empty() => Ok(state),
        Some(_) | None => Err(reader.problems),
    }
}

#[derive(Default)]
struct Reader {
    problems: Vec<Diagnostic>,
    topics: BTreeMap<TopicName, ObservedTopic>,
    users: BTreeMap<UserName, BTreeMap<ScramMechanism, i32>>,
    acls: BTreeSet<AclBinding>,
    quotas: BTreeMap<QuotaEntity, QuotaValues>,
    broker_configs: BTreeMap<BrokerConfigScope, BTreeMap<String, Option<String>>>,
    rule_groups: BTreeMap<RuleGroupId, RuleGroup>,
}

/// Why a document was refused; its place is the document.
type Refusal = String;

impl Reader {
    fn document<T: DeserializeOwned>(&mut self, path: &str, bytes: &[u8]) -> Option<T> {
        yaml::read(path, bytes).map_err(|problem| self.problems.push(problem)).ok()
    }

    fn refuse(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(
            Diagnostic::error("recorded-state-invalid", Some(Location::new(path, 1, 1)), message)
                .help("restore the file from git, or record the cluster again"),
        );
    }

    fn file(&mut self, path: &str, bytes: &[u8]) {
        if !path.ends_with(".yaml") || path.split('/').any(|part| part.starts_with('.')) {
            return;
        }
        match path.split_once('/').map_or(path, |(directory, _)| directory) {
            CLUSTER_FILE | EVIDENCE_FILE => {}
            BROKER_CONFIGS_FILE => self.add(path, bytes, API_VERSION, "KafkaClusterConfig", Self::add_broker_configs),
            TOPICS => self.add(path, bytes, STRIMZI_GROUP, "KafkaTopic", Self::add_topic),
            USERS => self.add(path, bytes, STRIMZI_GROUP, "KafkaUser", Self::add_user),
            ACLS => self.add(path, bytes, API_VERSION, "KafkaAcl", Self::add_acls),
            QUOTAS => self.add(path, bytes, API_VERSION, "KafkaQuota", Self::add_quota),
            RULES => self.add(path, bytes, PROMETHEUS_GROUP, "PrometheusRule", Self::add_rules),
            _ => self.refuse(path, "this file is no part of recorded state"),
        }
    }

    fn add<Spec: DeserializeOwned>(
        &mut self,
        path: &str,
        bytes: &[u8],
        api_version: &str,
        kind: &str,
        take: fn(&mut Self, Manifest<Spec>) -> Result<(), Refusal>,
    ) {
        let Some(document) = self.document::<Manifest<Spec>>(path, bytes) else { return };
        if document.api_version != api_version || document.kind != kind {
            let found = format!("`{}` of `{}`", document.kind, document.api_version);
            self.refuse(path, format!("a `{kind}` of `{api_version}` belongs here, and not a {found}"));
        } else if let Err(message) = take(self, document) {
            self.refuse(path, message);
        }
    }

    fn add_topic(&mut self, document: Manifest<TopicSpec>) -> Result<(), Refusal> {
        let Manifest { metadata, spec, status, .. } = document;
        let name = spec.topic_name.unwrap_or(metadata.name);
        let name = TopicName::parse(&name).map_err(|error| error.to_string())?;
        let mut internal = false;
        let mut overrides_unknown = None;
        let mut replication = spec.replicas.map(ObservedReplication::Uniform);
        let mut overrides: BTreeMap<String, Option<String>> =
            spec.config.into_iter().map(|(key, value)| (key, Some(value))).collect();
        for (annotation, text) in metadata.annotations {
            match annotation.as_str() {
                INTERNAL => internal = text == "true",
                CONFIG_UNKNOWN => overrides_unknown = Some(text),
                CONFIG_HIDDEN => overrides.extend(split_keys(&text).into_iter().map(|key| (key, None))),
                REPLICATION => replication = Some(parse_mixed(&text)?),
                _ => return Err(format!("the annotation `{annotation}` is no part of a recorded topic")),
            }
        }
        let replication = replication
            .ok_or_else(|| format!("the topic has neither `spec.replicas` nor the annotation `{REPLICATION}`"))?;
        let id = status.map(|status| parse_topic_id(&status.topic_id)).transpose()?;
        let topic =
            ObservedTopic { id, partitions: spec.partitions, replication, internal, overrides, overrides_unknown };
        insert_once(&mut self.topics, name, topic, |name| format!("the topic `{name}`"))
    }

    fn add_user(&mut self, document: Manifest<UserSpec>) -> Result<(), Refusal> {
        let Manifest { mut metadata, spec, .. } = document;
        if spec.authentication.kind != "scram-sha-512" {
            return Err("only users with `authentication.type: scram-sha-512` have credentials in Kafka".to_owned());
        }
        let name = UserName::parse(&metadata.name).map_err(|error| error.to_string())?;
        let mechanisms =
            metadata.annotations.remove(MECHANISMS_ANNOTATION).unwrap_or_else(|| ScramMechanism::Sha512.to_string());
        let iterations = metadata.annotations.remove(ITERATIONS_ANNOTATION).unwrap_or_else(|| "4096".to_owned());
        let credentials = parse_credentials(&mechanisms, &iterations)?;
        insert_once(&mut self.users, name, credentials, |name| format!("the user `{name}`"))
    }

    fn add_acls(&mut self, document: Manifest<AclSpec>) -> Result<(), Refusal> {
        for principal in &document.spec.principals {
            let principal = Principal::parse(principal).map_err(|error| error.to_string())?;
            for rule in &document.spec.rules {
                self.acls.extend(parse_rule(&principal, rule)?);
            }
        }
        Ok(())
    }

    fn add_quota(&mut self, document: Manifest<QuotaSpec>) -> Result<(), Refusal> {
        let form = document.spec.entity;
        let name = |text: String| QuotaName::parse(&text);
        let entity = match (form.user, form.client_id, form.ip) {
            (Some(user), None, None) => QuotaEntity::User(name(user)),
            (None, Some(client), None) => QuotaEntity::ClientId(name(client)),
            (Some(user), Some(client), None) => QuotaEntity::UserClientId(name(user), name(client)),
            (None, None, Some(ip)) => QuotaEntity::Ip(name(ip)),
            (None, None, None) | (_, _, Some(_)) => {
                return Err("an entity is `user`, `clientId`, both, or `ip` alone".to_owned());
            }
        };
        let mut values = QuotaValues::new();
        for (key, number) in document.spec.quotas {
            let key = QuotaKey::ALL
                .into_iter()
                .find(|known| known.manifest_key() == key)
                .ok_or_else(|| format!("`{key}` is no quota of Kafka"))?;
            values.insert(key, number.0);
        }
        insert_once(&mut self.quotas, entity, values, |entity| format!("the quota of `{entity}`"))
    }

    fn add_broker_configs(&mut self, document: Manifest<BrokerConfigSpec>) -> Result<(), Refusal> {
        let Manifest { mut metadata, spec, .. } = document;
        let shown = |configs: BTreeMap<String, String>| -> BTreeMap<String, Option<String>> {
            configs.into_iter().map(|(key, value)| (key, Some(value))).collect()
        };
        if let Some(configs) = spec.default {
            self.broker_configs.insert(BrokerConfigScope::Default, shown(configs));
        }
        for (broker, configs) in spec.brokers {
            let scope = BrokerConfigScope::Broker(parse_broker_id(&broker)?);
            insert_once(&mut self.broker_configs, scope, shown(configs), |scope| format!("broker {scope}"))?;
        }
        for key in metadata.annotations.remove(CONFIG_HIDDEN).iter().flat_map(|text| split_keys(text)) {
            let (scope, key) = key.split_once('/').ok_or_else(|| format!("`{key}` names no broker config"))?;
            let scope = BrokerConfigScope::parse(scope).ok_or_else(|| format!("`{scope}` is no broker"))?;
            self.broker_configs.entry(scope).or_default().insert(key.to_owned(), None);
        }
        Ok(())
    }

    fn add_rules(&mut self, document: Manifest<RulesSpec>) -> Result<(), Refusal> {
        let namespace = document.metadata.name;
        for form in document.spec.groups {
            let id = RuleGroupId { namespace: namespace.clone(), group: form.name.clone() };
            insert_once(&mut self.rule_groups, id, rule_forms::rule_group(form)?, |id| {
                format!("the rule group `{}` of `{}`", id.group, id.namespace)
            })?;
        }
        Ok(())
    }

    /// Puts the parts together. A part is known unless `cluster.yaml` says that it is not.
    fn assemble(&mut self, document: ClusterDocument) -> Option<ObservedState> {
        if document.api_version != API_VERSION || document.kind != "RecordedCluster" {
            self.refuse(CLUSTER_FILE, format!("a `RecordedCluster` of `{API_VERSION}` belongs here"));
            return None;
        }
        let facts = self.facts(&document)?;
        let UnknownForm { topics, other_topics, users, acls, quotas, broker_configs, rule_groups } = document.unknown;
        let mut unknown_topics = BTreeMap::new();
        for (name, reason) in topics {
            match TopicName::parse(&name) {
                Ok(name) => drop(unknown_topics.insert(name, reason)),
                Err(error) => self.refuse(CLUSTER_FILE, error.to_string()),
            }
        }
        if let Some(both) = unknown_topics.keys().find(|name| self.topics.contains_key(*name)).cloned() {
            self.refuse(CLUSTER_FILE, format!("the topic `{both}` is recorded as known and as unknown"));
        }
        let mut configs: BTreeMap<BrokerConfigScope, Knowledge<_>> = std::mem::take(&mut self.broker_configs)
            .into_iter()
            .map(|(scope, configs)| (scope, Knowledge::Known(configs)))
            .collect();
        for (scope, reason) in broker_configs {
            match BrokerConfigScope::parse(&scope) {
                Some(scope) => drop(configs.insert(scope, Knowledge::Unknown(reason))),
                None => self.refuse(CLUSTER_FILE, format!("`{scope}` is no broker")),
            }
        }
        Some(ObservedState {
            cluster: facts,
            topics: std::mem::take(&mut self.topics),
            unknown_topics,
            topics_incomplete: other_topics,
            topic_defaults: document.topic_defaults,
            users: knowledge(users, std::mem::take(&mut self.users)),
            acls: knowledge(acls, std::mem::take(&mut self.acls)),
            acls_skipped: document.acls_skipped.unwrap_or(0),
            quotas: knowledge(quotas, std::mem::take(&mut self.quotas)),
            broker_configs: configs,
            rule_groups: knowledge(rule_groups, std::mem::take(&mut self.rule_groups)),
        })
    }

    fn facts(&mut self, document: &ClusterDocument) -> Option<ClusterFacts> {
        let mut brokers = BTreeMap::new();
        for (id, form) in &document.brokers {
            let facts = BrokerFacts {
                rack: form.rack.clone(),
                configs: form.configs.clone(),
                configs_hidden: form.configs_hidden.clone(),
                configs_unknown: form.configs_unknown.clone(),
            };
            if let Err(message) =
                parse_broker_id(id).and_then(|id| insert_once(&mut brokers, id, facts, |id| format!("broker {id}")))
            {
                self.refuse(CLUSTER_FILE, message);
            }
        }
        let own_principal = match document.own_principal.as_deref().map(Principal::parse).transpose() {
            Ok(principal) => principal,
            Err(error) => {
                self.refuse(CLUSTER_FILE, error.to_string());
                return None;
            }
        };
        Some(ClusterFacts {
            id: document.id.clone(),
            brokers,
            metadata_version: document.metadata_version,
            own_principal,
            security_protocol: document.security_protocol,
            lacking: document.lacking.clone(),
        })
    }
}

fn knowledge<T>(unknown: Option<String>, known: T) -> Knowledge<T> {
    unknown.map_or(Knowledge::Known(known), Knowledge::Unknown)
}

/// Adds a value; the same value twice is fine (a file that is being renamed), another one is not.
fn insert_once<K: Ord, V: PartialEq>(
    map: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    what: impl FnOnce(&K) -> String,
) -> Result<(), Refusal> {
    match map.get(&key) {
        Some(present) if *present != value => Err(format!("{} is recorded twice, and differently", what(&key))),
        Some(_) => Ok(()),
        None => {
            map.insert(key, value);
            Ok(())
        }
    }
}

fn parse_broker_id(text: &str) -> Result<i32, Refusal> {
    text.parse().map_err(|_| format!("`{text}` is no broker id"))
}

fn parse_topic_id(text: &str) -> Result<uuid::Uuid, Refusal> {
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| uuid::Uuid::from_slice(&bytes).ok())
        .ok_or_else(|| format!("`{text}` is no topic id"))
}

fn parse_mixed(text: &str) -> Result<ObservedReplication, Refusal> {
    text.split_once('-')
        .and_then(|(least, most)| Some(ObservedReplication::Mixed(least.parse().ok()?, most.parse().ok()?)))
        .ok_or_else(|| format!("`{text}` is no range of replication factors"))
}

fn parse_credentials(mechanisms: &str, iterations: &str) -> Result<BTreeMap<ScramMechanism, i32>, Refusal> {
    let mut credentials = BTreeMap::new();
    for name in mechanisms.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let mechanism = ScramMechanism::parse(name).ok_or_else(|| format!("`{name}` is no SCRAM mechanism"))?;
        let count = iterations
            .split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
            .unwrap_or(iterations);
        let count = count.trim().parse().map_err(|_| format!("`{iterations}` is no iteration count"))?;
        credentials.insert(mechanism, count);
    }
    Ok(credentials)
}

fn parse_rule(principal: &Principal, rule: &AclRule) -> Result<Vec<AclBinding>, Refusal> {
    let permission = AclPermission::parse(&rule.permission)
        .ok_or_else(|| format!("`{}` is neither `allow` nor `deny`", rule.permission))?;
    let resource_type = AclResourceType::parse(&rule.resource.kind)
        .ok_or_else(|| format!("`{}` is no resource type", rule.resource.kind))?;
    let pattern_type = match rule.resource.pattern_type.as_deref() {
        None | Some("literal") => PatternType::Literal,
        Some("prefix") => PatternType::Prefixed,
        Some(other) => return Err(format!("`{other}` is no pattern type")),
    };
    let resource_name: Arc<str> = match (&rule.resource.name, resource_type) {
        (Some(name), _) => name.as_str().into(),
        (None, AclResourceType::Cluster) => CLUSTER_RESOURCE_NAME.into(),
        (
            None,
            AclResourceType::Topic
            | AclResourceType::Group
            | AclResourceType::TransactionalId
            | AclResourceType::DelegationToken
            | AclResourceType::User,
        ) => return Err(format!("a rule on a {resource_type} needs `resource.name`")),
    };
    let mut bindings = Vec::new();
    for host in &rule.hosts {
        for operation in &rule.operations {
            let operation = AclOperation::parse(operation).ok_or_else(|| format!("`{operation}` is no operation"))?;
            bindings.push(AclBinding {
                principal: principal.clone(),
                permission,
                operation,
                resource_type,
                pattern_type,
                resource_name: resource_name.clone(),
                host: host.as_str().into(),
            });
        }
    }
    Ok(bindings)
}
