//! The plan's id, counts and preconditions.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::domain::digest::sha256;
use crate::domain::observed::ObservedState;
use crate::domain::resource::ResourceId;

use super::fields::{self, Seen};
use super::types::{Action, ActionKind, Plan, Preconditions, Status, Summary};

/// Computes counts and id. Called again whenever evidence or a dry run changed an action.
pub fn seal(plan: &mut Plan) {
    plan.summary = summary(plan);
    plan.id = content_id(plan);
}

fn summary(plan: &Plan) -> Summary {
    let mut summary = Summary { unmanaged: plan.unmanaged.len(), ..Summary::default() };
    for action in &plan.actions {
        match (action.status, action.action) {
            (Status::Held, _) => summary.held += 1,
            (Status::Blocked, _) => summary.blocked += 1,
            (Status::Planned, ActionKind::Create) => summary.create += 1,
            (Status::Planned, ActionKind::Update) => summary.update += 1,
            (Status::Planned, ActionKind::Delete) => summary.delete += 1,
        }
    }
    summary
}

/// What the id is a digest of: everything that an apply does or relies on; no commit, no place in a file, and nothing that
/// only a live cluster can say, so that the plan against recorded state is the same plan.
#[derive(Serialize)]
struct Content<'a> {
    environment: &'a str,
    preconditions: &'a Preconditions,
    actions: Vec<Action>,
    adopted: &'a [ResourceId],
    /// What denies the plan: a saved plan whose findings were taken out is another plan.
    denied: Vec<(&'a str, Option<&'a str>)>,
}

/// Returns the digest of the plan's content, `sha256:` and 64 hexadecimal digits.
pub fn content_id(plan: &Plan) -> String {
    let actions = plan
        .actions
        .iter()
        .map(|action| Action { location: None, evidence: None, note: None, validated: false, ..action.clone() })
        .collect();
    digest(&Content {
        environment: &plan.environment,
        preconditions: &plan.preconditions,
        actions,
        adopted: &plan.adopted,
        denied: plan
            .findings
            .iter()
            .filter(|finding| finding.denies())
            .map(|finding| (finding.code.as_str(), finding.resource.as_deref()))
            .collect(),
    })
}

fn digest(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("plans hold only texts, numbers and ordered maps");
    format!("sha256:{}", sha256(json))
}

/// Returns a digest of what the cluster has of an action's resource, as far as it differs.
pub(super) fn observed_digest(action: &Action) -> String {
    digest(&(action.action, action.fields.iter().map(|field| (&field.path, &field.observed)).collect::<Vec<_>>()))
}

/// Returns every resource that a plan touches or adopts.
pub fn touched(plan: &Plan) -> BTreeSet<ResourceId> {
    plan.actions.iter().filter_map(Action::resource).chain(plan.adopted.iter().cloned()).collect()
}

/// Returns what must still hold for a plan to be applied.
pub fn preconditions(plan: &Plan, observed: &ObservedState) -> Preconditions {
    let touched = touched(plan);
    let topic_ids = touched.iter().filter_map(|id| match id {
        ResourceId::Topic(name) => {
            let topic_id = observed.topics.get(name)?.id?;
            Some((name.to_string(), topic_id.to_string()))
        }
        ResourceId::User(_)
        | ResourceId::Acl(_)
        | ResourceId::Quota(_)
        | ResourceId::BrokerConfig(_)
        | ResourceId::RuleGroup(_) => None,
    });
    Preconditions {
        cluster_id: observed.cluster.id.clone(),
        topic_ids: topic_ids.collect(),
        observed_fingerprint: fingerprint(&touched, observed),
    }
}

fn fingerprint(touched: &BTreeSet<ResourceId>, observed: &ObservedState) -> String {
    let seen: BTreeMap<&ResourceId, Option<fields::Fields>> = touched
        .iter()
        .map(|id| match fields::observed_fields(observed, id) {
            Seen::Present(fields) => (id, Some(fields)),
            Seen::Absent | Seen::Unknown(_) => (id, None),
        })
        .collect();
    digest(&seen)
}

/// Says what no longer holds of a saved plan, one sentence each; empty when it may be applied.
pub fn broken_preconditions(plan: &Plan, observed: &ObservedState) -> Vec<String> {
    let mut broken = Vec::new();
    let wanted = &plan.preconditions;
    if wanted.cluster_id != observed.cluster.id {
        broken.push(format!(
            "the plan is for cluster `{}`, and this is cluster `{}`",
            wanted.cluster_id, observed.cluster.id
        ));
        return broken;
    }
    let now = preconditions(plan, observed);
    for (topic, id) in &wanted.topic_ids {
        match now.topic_ids.get(topic) {
            Some(now) if now == id => {}
            Some(_) => broken.push(format!("`topic/{topic}` was deleted and made again")),
            None => broken.push(format!("`topic/{topic}` is gone")),
        }
    }
    for action in &plan.actions {
        broken.extend(moved(action, observed));
    }
    if broken.is_empty() && now.observed_fingerprint != wanted.observed_fingerprint {
        broken.push("the observed state of what the plan touches is another than when it was made".to_owned());
    }
    broken.sort();
    broken.dedup();
    broken
}

fn moved(action: &Action, observed: &ObservedState) -> Vec<String> {
    let Some(id) = action.resource() else { return vec![format!("`{}` names no resource", action.id)] };
    let found = match fields::observed_fields(observed, &id) {
        Seen::Unknown(reason) => return vec![format!("`{id}` can no longer be read: {reason}")],
        Seen::Absent => None,
        Seen::Present(found) => Some(found),
    };
    match (action.action, &found) {
        (ActionKind::Create, Some(_)) => return vec![format!("`{id}` exists by now")],
        (ActionKind::Update | ActionKind::Delete, None) => return vec![format!("`{id}` is gone")],
        (ActionKind::Create, None) | (ActionKind::Update | ActionKind::Delete, Some(_)) => {}
    }
    let Some(found) = found else { return Vec::new() };
    let differs = action
        .fields
        .iter()
        .filter(|field| field.path != fields::PASSWORD && found.get(&field.path) != field.observed.as_ref());
    differs.map(|field| format!("`{}` of `{id}` is another than when the plan was made", field.path)).collect()
}
