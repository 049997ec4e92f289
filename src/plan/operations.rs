//! From an action to the writes that perform it. The fields that people were shown are all that it reads.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::operation::Operation;
use crate::domain::quota::{QuotaKey, QuotaValues};
use crate::domain::resource::ResourceId;
use crate::domain::rule::{RuleGroup, RuleGroupId};
use crate::domain::user::SecretReference;

use super::fields::{self, PARTITIONS, PASSWORD, REPLICATION_FACTOR, RULES};
use super::types::{Action, ActionKind, FieldChange, FieldValue};

/// What performs an action.
#[derive(Debug, Clone, PartialEq)]
pub enum Performance {
    /// Writes to the cluster: one, or several of different kinds.
    Cluster(Vec<Operation>),
    /// A rule group that is written, or with `None` removed.
    Rules(RuleGroupId, Option<RuleGroup>),
}

/// Says why an action cannot be performed as it stands: a saved plan that was edited, for example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the action `{action}` cannot be performed: {problem}")]
pub struct Unperformable {
    /// The action's id.
    pub action: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Returns the writes of an action.
pub fn performance(action: &Action, topic_id: Option<uuid::Uuid>) -> Result<Performance, Unperformable> {
    let problem = |problem: String| Unperformable { action: action.id.clone(), problem };
    let id = action.resource().ok_or_else(|| problem("it names no resource".to_owned()))?;
    if action.id != format!("{id}/{}", action.action.as_str()) {
        return Err(problem(format!("its id does not fit the resource `{id}`")));
    }
    let operations = match (&id, action.action) {
        (ResourceId::Topic(topic), ActionKind::Delete) => {
            vec![Operation::DeleteTopic { topic: topic.clone(), id: topic_id }]
        }
        (ResourceId::Topic(topic), ActionKind::Create) => vec![Operation::CreateTopic {
            topic: topic.clone(),
            partitions: number(action, PARTITIONS).map_err(problem)?,
            replication_factor: number(action, REPLICATION_FACTOR).map_err(problem)?,
            config: configs(action).map_err(problem)?.0,
        }],
        (ResourceId::Topic(topic), ActionKind::Update) => {
            let mut operations = Vec::new();
            if action.fields.iter().any(|field| field.path == REPLICATION_FACTOR) {
                return Err(problem("a replication factor cannot be changed".to_owned()));
            }
            if let Some(total) = number(action, PARTITIONS).map_err(problem)? {
                operations.push(Operation::AddPartitions { topic: topic.clone(), total });
            }
            let (set, unset) = configs(action).map_err(problem)?;
            if !set.is_empty() || !unset.is_empty() {
                operations.push(Operation::AlterTopicConfig { topic: topic.clone(), set, unset });
            }
            operations
        }
        (ResourceId::User(_), _) => scram(&id, action).map_err(problem)?,
        (ResourceId::Acl(binding), ActionKind::Create) => vec![Operation::CreateAcl(binding.clone())],
        (ResourceId::Acl(binding), ActionKind::Delete) => vec![Operation::DeleteAcl(binding.clone())],
        (ResourceId::Acl(_), ActionKind::Update) => return Err(problem("a binding cannot be updated".to_owned())),
        (ResourceId::Quota(entity), _) => {
            let (set, unset) = quotas(action).map_err(problem)?;
            vec![Operation::AlterQuota { entity: entity.clone(), set, unset }]
        }
        (ResourceId::BrokerConfig(scope), _) => {
            let (set, unset) = configs(action).map_err(problem)?;
            vec![Operation::AlterBrokerConfig { scope: *scope, set, unset }]
        }
        (ResourceId::RuleGroup(group), ActionKind::Delete) => return Ok(Performance::Rules(group.clone(), None)),
        (ResourceId::RuleGroup(group), ActionKind::Create | ActionKind::Update) => {
            let rules = action.fields.iter().find(|field| field.path == RULES).and_then(|field| desired_text(field));
            let rules =
                rules.and_then(fields::parse_group).ok_or_else(|| problem("its rules cannot be read".to_owned()))?;
            return Ok(Performance::Rules(group.clone(), Some(rules)));
        }
    };
    if operations.is_empty() {
        return Err(problem("it changes nothing".to_owned()));
    }
    Ok(Performance::Cluster(operations))
}

/// Returns the secrets that an action needs.
pub fn secret(action: &Action) -> Option<&SecretReference> {
    action.fields.iter().find_map(|field| match &field.desired {
        Some(FieldValue::Secret(reference)) => reference.as_ref(),
        Some(FieldValue::Text(_)) | None => None,
    })
}

fn desired_text(field: &FieldChange) -> Option<&str> {
    field.desired.as_ref().and_then(FieldValue::text)
}

fn number<T: std::str::FromStr>(action: &Action, path: &str) -> Result<Option<T>, String> {
    let Some(field) = action.fields.iter().find(|field| field.path == path) else { return Ok(None) };
    let raw = desired_text(field).ok_or_else(|| format!("`{path}` has no value"))?;
    raw.parse().map(Some).map_err(|_| format!("`{path}` is not a number: `{raw}`"))
}

type SetAndUnset = (BTreeMap<String, String>, BTreeSet<String>);

fn configs(action: &Action) -> Result<SetAndUnset, String> {
    let (mut set, mut unset) = (BTreeMap::new(), BTreeSet::new());
    for field in &action.fields {
        let Some(key) = fields::config_key(&field.path) else { continue };
        match &field.desired {
            Some(FieldValue::Text(value)) => {
                set.insert(key.to_owned(), value.clone());
            }
            Some(FieldValue::Secret(_)) => return Err(format!("the value of `{}` is hidden", field.path)),
            None => {
                unset.insert(key.to_owned());
            }
        }
    }
    Ok((set, unset))
}

fn quotas(action: &Action) -> Result<(QuotaValues, BTreeSet<QuotaKey>), String> {
    let (mut set, mut unset) = (QuotaValues::new(), BTreeSet::new());
    for field in &action.fields {
        let key = QuotaKey::parse(&field.path).ok_or_else(|| format!("`{}` is not a quota", field.path))?;
        match desired_text(field) {
            Some(raw) => {
                let value = raw.parse().map_err(|_| format!("`{}` is not a number: `{raw}`", field.path))?;
                set.insert(key, value);
            }
            None => {
                unset.insert(key);
            }
        }
    }
    Ok((set, unset))
}

fn scram(id: &ResourceId, action: &Action) -> Result<Vec<Operation>, String> {
    let ResourceId::User(user) = id else { return Err("it is no user".to_owned()) };
    let mut operations = Vec::new();
    let password = secret(action).cloned();
    for field in action.fields.iter().filter(|field| field.path != PASSWORD) {
        let mechanism =
            fields::scram_mechanism(&field.path).ok_or_else(|| format!("`{}` is not a credential", field.path))?;
        match desired_text(field) {
            None => operations.push(Operation::DeleteScram { user: user.clone(), mechanism }),
            Some(raw) => operations.push(Operation::UpsertScram {
                user: user.clone(),
                mechanism,
                iterations: raw.parse().map_err(|_| format!("`{}` is not a number: `{raw}`", field.path))?,
                password: password.clone().ok_or_else(|| "it names no password".to_owned())?,
            }),
        }
    }
    Ok(operations)
}
