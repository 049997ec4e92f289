//! Helpers for the planner's tests: small worlds in few words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::acl::AclBinding;
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::desired::{Approval, Declared, DesiredState, Management};
use crate::domain::diagnostic::Location;
use crate::domain::inventory::Inventory;
use crate::domain::names::{TopicName, UserName};
use crate::domain::observed::{
    BrokerFacts, ClusterFacts, Knowledge, ObservedReplication, ObservedState, ObservedTopic,
};
use crate::domain::quota::{QuotaEntity, QuotaKey};
use crate::domain::resource::ResourceId;
use crate::domain::topic::Topic;
use crate::domain::user::{ScramMechanism, SecretReference, User};

use super::apply_report::{ActionResult, ApplyReport, Outcome};
use super::diff::plan;
use super::input::{PasswordState, PasswordStates, PlanInput, PlanOptions, Prune};
use super::operations::{Performance, performance};
use super::record::inventory_after;
use super::types::{Action, FieldValue, Plan, PlanSource, Status};
use crate::domain::operation::Operation;

/// A whole world: what git wants, what the cluster has, what we last wrote.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct World {
    pub(super) desired: DesiredState,
    pub(super) observed: ObservedState,
    pub(super) inventory: Inventory,
    pub(super) passwords: PasswordStates,
    pub(super) options: PlanOptions,
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName::parse(name).expect("a valid topic name")
}

pub(super) fn acl(id: &str) -> AclBinding {
    match ResourceId::parse(id) {
        Some(ResourceId::Acl(binding)) => binding,
        other => panic!("{id} is no ACL: {other:?}"),
    }
}

fn declared<T>(value: T, line: u32) -> Declared<T> {
    Declared {
        value,
        location: Location::new("base/all.yaml", line, 1),
        fields: BTreeMap::new(),
        management: Management::Managed,
        labels: Arc::default(),
    }
}

pub(super) fn config(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

impl World {
    pub(super) fn new() -> Self {
        let cluster = ClusterFacts {
            id: "cluster-a".to_owned(),
            brokers: (1..=3).map(|id| (id, BrokerFacts::default())).collect(),
            metadata_version: None,
            own_principal: None,
            security_protocol: Some(crate::domain::observed::SecurityProtocol::SaslSsl),
            lacking: BTreeMap::new(),
        };
        let mut observed = ObservedState::nothing(cluster, "");
        observed.users = Knowledge::Known(BTreeMap::new());
        observed.acls = Knowledge::Known(BTreeSet::new());
        observed.quotas = Knowledge::Known(BTreeMap::new());
        observed.rule_groups = Knowledge::Known(BTreeMap::new());
        observed.broker_configs.insert(BrokerConfigScope::Default, Knowledge::Known(BTreeMap::new()));
        for (key, value) in [("retention.ms", "604800000"), ("retention.bytes", "-1"), ("cleanup.policy", "delete")] {
            observed.topic_defaults.insert(key.to_owned(), BTreeSet::from([value.to_owned()]));
        }
        Self {
            desired: DesiredState { environment: "prod".to_owned(), ..DesiredState::default() },
            observed,
            inventory: Inventory::default(),
            passwords: PasswordStates::new(),
            options: PlanOptions { max_deletions: 5, ..PlanOptions::default() },
        }
    }

    pub(super) fn want_topic(&mut self, name: &str, partitions: i32, factor: i16, pairs: &[(&str, &str)]) -> &mut Self {
        let name = topic_name(name);
        let topic = Topic {
            name: name.clone(),
            partitions: Some(partitions),
            replication_factor: Some(factor),
            config: config(pairs),
        };
        let line = u32::try_from(self.desired.topics.len()).expect("small") + 1;
        self.desired.topics.insert(name, declared(topic, line));
        self
    }

    pub(super) fn has_topic(&mut self, name: &str, partitions: i32, factor: i16, pairs: &[(&str, &str)]) -> &mut Self {
        let topic = ObservedTopic {
            id: Some(uuid::Uuid::from_u128(name.bytes().fold(7, |sum, byte| sum * 31 + u128::from(byte)))),
            partitions,
            replication: ObservedReplication::Uniform(factor),
            internal: false,
            overrides: config(pairs).into_iter().map(|(key, value)| (key, Some(value))).collect(),
            overrides_unknown: None,
        };
        self.observed.topics.insert(topic_name(name), topic);
        self
    }

    pub(super) fn topic(&mut self, name: &str) -> &mut ObservedTopic {
        self.observed.topics.get_mut(&topic_name(name)).expect("the topic is there")
    }

    pub(super) fn want_acl(&mut self, id: &str) -> &mut Self {
        let binding = acl(id);
        self.desired.acl_principals.insert(binding.principal.clone(), Location::new("base/acls.yaml", 1, 1));
        self.desired.acls.insert(binding, declared((), 1));
        self
    }

    pub(super) fn has_acl(&mut self, id: &str) -> &mut Self {
        if let Knowledge::Known(acls) = &mut self.observed.acls {
            acls.insert(acl(id));
        }
        self
    }

    pub(super) fn want_user(&mut self, name: &str, credentials: &[(ScramMechanism, i32)]) -> &mut Self {
        let name = UserName::parse(name).expect("valid");
        let password = SecretReference { name: name.to_string(), key: "password".to_owned() };
        let user = User { name: name.clone(), credentials: credentials.iter().copied().collect(), password };
        self.desired.users.insert(name, declared(user, 1));
        self
    }

    pub(super) fn has_user(&mut self, name: &str, credentials: &[(ScramMechanism, i32)]) -> &mut Self {
        if let Knowledge::Known(users) = &mut self.observed.users {
            users.insert(UserName::parse(name).expect("valid"), credentials.iter().copied().collect());
        }
        self
    }

    pub(super) fn password(&mut self, name: &str, mechanism: ScramMechanism, state: PasswordState) -> &mut Self {
        self.passwords.insert((UserName::parse(name).expect("valid"), mechanism), state);
        self
    }

    pub(super) fn want_quota(&mut self, entity: &str, values: &[(QuotaKey, f64)]) -> &mut Self {
        let entity = QuotaEntity::parse(entity).expect("valid");
        self.desired.quotas.insert(entity, declared(values.iter().copied().collect(), 1));
        self
    }

    pub(super) fn has_quota(&mut self, entity: &str, values: &[(QuotaKey, f64)]) -> &mut Self {
        if let Knowledge::Known(quotas) = &mut self.observed.quotas {
            quotas.insert(QuotaEntity::parse(entity).expect("valid"), values.iter().copied().collect());
        }
        self
    }

    pub(super) fn want_broker_config(&mut self, scope: &str, pairs: &[(&str, &str)]) -> &mut Self {
        let scope = BrokerConfigScope::parse(scope).expect("valid");
        self.desired.broker_configs.insert(scope, declared(config(pairs), 1));
        self
    }

    pub(super) fn has_broker_config(&mut self, scope: &str, pairs: &[(&str, &str)]) -> &mut Self {
        let scope = BrokerConfigScope::parse(scope).expect("valid");
        let values = config(pairs).into_iter().map(|(key, value)| (key, Some(value))).collect();
        self.observed.broker_configs.insert(scope, Knowledge::Known(values));
        self
    }

    pub(super) fn approve(&mut self, action: &str, expires: jiff::civil::Date) -> &mut Self {
        self.desired.approvals.push(Approval {
            name: "let-it".to_owned(),
            actions: BTreeSet::from([action.to_owned()]),
            reason: "moved".to_owned(),
            expires,
            location: Location::new("base/approvals.yaml", 1, 1),
        });
        self
    }

    pub(super) fn prune(&mut self) -> &mut Self {
        self.options.prune = Prune::OwnedOnly;
        self
    }

    pub(super) fn plan(&self) -> Plan {
        plan(PlanInput {
            desired: &self.desired,
            observed: &self.observed,
            inventory: &self.inventory,
            passwords: &self.passwords,
            source: &PlanSource::default(),
            options: &self.options,
            today: jiff::civil::date(2026, 6, 1),
        })
    }

    /// Performs the plan on the observed state as a perfect cluster would, and records it.
    pub(super) fn apply(&mut self) -> Plan {
        let made = self.plan();
        for action in made.actions.iter().filter(|action| action.status == Status::Planned) {
            match performance(action, None).expect("plans of the planner can be performed") {
                Performance::Cluster(operations) => operations.iter().for_each(|operation| self.perform(operation)),
                Performance::Rules(id, group) => {
                    let Knowledge::Known(groups) = &mut self.observed.rule_groups else { continue };
                    match group {
                        Some(group) => groups.insert(id, group),
                        None => groups.remove(&id),
                    };
                }
            }
        }
        let report = ApplyReport {
            plan_id: made.id.clone(),
            environment: made.environment.clone(),
            results: made.actions.iter().map(result).collect(),
            interrupted: false,
        };
        self.inventory = inventory_after(&self.inventory, &made, &report, &self.observed, Some(&self.desired));
        made
    }

    fn perform(&mut self, operation: &Operation) {
        match operation {
            Operation::CreateTopic { topic, partitions, replication_factor, config } => {
                let pairs: Vec<(&str, &str)> = config.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                self.has_topic(topic.as_str(), partitions.unwrap_or(1), replication_factor.unwrap_or(1), &pairs);
            }
            Operation::AddPartitions { topic, total } => {
                assert!(*total > self.topic(topic.as_str()).partitions, "partitions never shrink");
                self.topic(topic.as_str()).partitions = *total;
            }
            Operation::AlterTopicConfig { topic, set, unset } => {
                let overrides = &mut self.topic(topic.as_str()).overrides;
                overrides.extend(set.iter().map(|(key, value)| (key.clone(), Some(value.clone()))));
                overrides.retain(|key, _| !unset.contains(key));
            }
            Operation::DeleteTopic { topic, .. } => {
                self.observed.topics.remove(topic);
            }
            Operation::UpsertScram { user, mechanism, iterations, .. } => {
                let Knowledge::Known(users) = &mut self.observed.users else { panic!("users are not known") };
                users.entry(user.clone()).or_default().insert(*mechanism, *iterations);
                self.passwords.insert((user.clone(), *mechanism), PasswordState::Verified);
            }
            Operation::DeleteScram { user, mechanism } => {
                let Knowledge::Known(users) = &mut self.observed.users else { panic!("users are not known") };
                let mechanisms = users.get_mut(user).expect("only what is there is deleted");
                mechanisms.remove(mechanism);
                users.retain(|_, mechanisms| !mechanisms.is_empty());
            }
            Operation::CreateAcl(binding) => {
                let Knowledge::Known(acls) = &mut self.observed.acls else { panic!("ACLs are not known") };
                acls.insert(binding.clone());
            }
            Operation::DeleteAcl(binding) => {
                let Knowledge::Known(acls) = &mut self.observed.acls else { panic!("ACLs are not known") };
                assert!(acls.remove(binding), "only what is there is removed");
            }
            Operation::AlterQuota { entity, set, unset } => {
                let Knowledge::Known(quotas) = &mut self.observed.quotas else { panic!("quotas are not known") };
                let values = quotas.entry(entity.clone()).or_default();
                values.extend(set.clone());
                values.retain(|key, _| !unset.contains(key));
                quotas.retain(|_, values| !values.is_empty());
            }
            Operation::AlterBrokerConfig { scope, set, unset } => {
                let Some(Knowledge::Known(values)) = self.observed.broker_configs.get_mut(scope) else {
                    panic!("broker configs are not known")
                };
                values.extend(set.iter().map(|(key, value)| (key.clone(), Some(value.clone()))));
                values.retain(|key, _| !unset.contains(key));
            }
        }
    }
}

/// A plan that corrects the drift of one topic.
pub(crate) fn drifted(topic: &str) -> Plan {
    let mut world = World::new();
    world.want_topic(topic, 6, 3, &[("retention.ms", "86400000")]);
    world.apply();
    world.topic(topic).overrides.insert("retention.ms".into(), Some("1000".into()));
    world.plan()
}

fn result(action: &Action) -> ActionResult {
    let outcome = match action.status {
        Status::Planned => Outcome::Applied,
        Status::Held | Status::Blocked => Outcome::Skipped { status: action.status, reason: action.note.clone() },
    };
    ActionResult { action_id: action.id.clone(), outcome }
}

/// Writes a plan in a few lines: what the tests state.
pub(super) fn summary(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for action in &plan.actions {
        let text = |value: &Option<FieldValue>| match value {
            Some(FieldValue::Text(text)) => text.clone(),
            Some(FieldValue::Secret(_)) => "(secret)".to_owned(),
            None => "unset".to_owned(),
        };
        let fields: Vec<String> = action
            .fields
            .iter()
            .map(|field| format!(" {}:{}→{}", field.path, text(&field.observed), text(&field.desired)))
            .collect();
        let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let words = [
            word(serde_json::to_value(action.status).expect("a word")),
            word(serde_json::to_value(action.origin).expect("a word")),
            word(serde_json::to_value(action.reason).expect("a word")),
            word(serde_json::to_value(action.risk).expect("a word")),
        ];
        lines.push(format!("{} {}{}", words.join(" "), action.id, fields.concat()));
    }
    let list = |name: &str, ids: &[ResourceId]| ids.iter().map(|id| format!("{name} {id}")).collect::<Vec<_>>();
    lines.extend(list("adopted", &plan.adopted));
    lines.extend(list("paused", &plan.paused));
    lines.extend(list("unpruned", &plan.unpruned));
    lines.extend(list("unmanaged", &plan.unmanaged));
    lines.extend(list("not-compared", &plan.not_compared));
    lines.extend(plan.unknown.iter().map(|unknown| format!("unknown {}: {}", unknown.resource, unknown.reason)));
    lines.extend(plan.findings.iter().map(|finding| format!("finding {}", finding.code)));
    lines.join("\n")
}
