//! The inventory after an apply: what we own now, and what we last wrote.

use crate::domain::desired::DesiredState;
use crate::domain::inventory::{Inventory, LastApplied};
use crate::domain::observed::ObservedState;
use crate::domain::resource::ResourceId;

use super::apply_report::{ApplyReport, Outcome};
use super::fields::{self, Fields, PARTITIONS, REPLICATION_FACTOR, Seen};
use super::types::{Action, ActionKind, FieldValue, Plan};

/// Returns the inventory after a plan was applied and the cluster was read again.
///
/// Only what was done is recorded: an action that failed leaves what stood there before, so that the next plan still tells
/// a change from drift. Of actions that may or may not have landed, the prior record stays too.
///
/// `desired` is what the plan was made from, where it is at hand; without it (a saved plan) an adopted broker config goes
/// on record at the next apply of the repository, because its own keys cannot be told from Kafka's.
pub fn inventory_after(
    prior: &Inventory,
    plan: &Plan,
    report: &ApplyReport,
    observed: &ObservedState,
    desired: Option<&DesiredState>,
) -> Inventory {
    let same_cluster = prior.cluster_id.as_ref().is_none_or(|id| *id == observed.cluster.id);
    let mut inventory = if same_cluster { prior.clone() } else { Inventory::default() };
    inventory.cluster_id = Some(observed.cluster.id.clone());
    for id in &plan.adopted {
        if let Seen::Present(found) = fields::observed_fields(observed, id) {
            let prior = inventory.resources.get(id).cloned().unwrap_or_default();
            let wanted = desired.and_then(|desired| fields::desired_fields(desired, id));
            inventory.resources.insert(id.clone(), adopted(id, &found, wanted.as_ref(), prior, observed));
        }
    }
    for (action, result) in plan.actions.iter().zip(&report.results) {
        match &result.outcome {
            Outcome::Applied | Outcome::AppliedUnconfirmed { .. } => note_done(&mut inventory, action, observed),
            Outcome::Failed { .. } | Outcome::NotAttempted { .. } | Outcome::Skipped { .. } => {}
        }
    }
    forget_what_is_gone(&mut inventory, plan, observed);
    inventory
}

fn texts(found: &Fields) -> impl Iterator<Item = (String, String)> + '_ {
    found.iter().filter_map(|(path, value)| value.text().map(|text| (path.clone(), text.to_owned())))
}

fn adopted(
    id: &ResourceId,
    found: &Fields,
    wanted: Option<&Fields>,
    mut prior: LastApplied,
    observed: &ObservedState,
) -> LastApplied {
    match id {
        // Only the keys that git has or had are ours; Kafka sets some by itself.
        ResourceId::BrokerConfig(_) => {
            let is_ours = |path: &String| {
                prior.fields.contains_key(path) || wanted.is_some_and(|wanted| wanted.contains_key(path))
            };
            let ours: Vec<_> = texts(found).filter(|(path, _)| is_ours(path)).collect();
            prior.fields = ours.into_iter().collect();
        }
        ResourceId::Topic(_)
        | ResourceId::User(_)
        | ResourceId::Acl(_)
        | ResourceId::Quota(_)
        | ResourceId::RuleGroup(_) => {
            prior.fields = texts(found).collect();
        }
    }
    prior.topic_id = topic_id(id, observed);
    prior
}

fn topic_id(id: &ResourceId, observed: &ObservedState) -> Option<uuid::Uuid> {
    match id {
        ResourceId::Topic(name) => observed.topics.get(name).and_then(|topic| topic.id),
        ResourceId::User(_)
        | ResourceId::Acl(_)
        | ResourceId::Quota(_)
        | ResourceId::BrokerConfig(_)
        | ResourceId::RuleGroup(_) => None,
    }
}

fn note_done(inventory: &mut Inventory, action: &Action, observed: &ObservedState) {
    let Some(id) = action.resource() else { return };
    if action.action == ActionKind::Delete {
        inventory.resources.remove(&id);
        return;
    }
    let before = inventory.resources.remove(&id).unwrap_or_default();
    // What was made anew has nothing of what stood there before.
    let mut last = if action.action == ActionKind::Create { LastApplied::default() } else { before };
    if let Seen::Present(found) = fields::observed_fields(observed, &id) {
        match &id {
            // What an adopted topic, quota or user already had right is ours from now on as well.
            ResourceId::Topic(_) | ResourceId::User(_) | ResourceId::Quota(_) | ResourceId::RuleGroup(_) => {
                let untouched =
                    texts(&found).filter(|(path, _)| !action.fields.iter().any(|field| field.path == *path));
                last.fields.extend(untouched.collect::<Vec<_>>());
            }
            ResourceId::Acl(_) | ResourceId::BrokerConfig(_) => {}
        }
        for path in [PARTITIONS, REPLICATION_FACTOR] {
            if let Some(FieldValue::Text(text)) = found.get(path) {
                last.fields.insert(path.to_owned(), text.clone());
            }
        }
    }
    for field in &action.fields {
        match &field.desired {
            Some(FieldValue::Text(text)) => {
                last.fields.insert(field.path.clone(), text.clone());
            }
            Some(FieldValue::Secret(_)) => {}
            None => {
                last.fields.remove(&field.path);
            }
        }
    }
    last.topic_id = topic_id(&id, observed);
    inventory.resources.insert(id, last);
}

/// Drops what nobody declares any more and what is not there any more, and topics that are no longer the ones we made.
fn forget_what_is_gone(inventory: &mut Inventory, plan: &Plan, observed: &ObservedState) {
    let pending: std::collections::BTreeSet<ResourceId> = plan.actions.iter().filter_map(Action::resource).collect();
    let unmanaged: std::collections::BTreeSet<&ResourceId> = plan.unmanaged.iter().collect();
    inventory.resources.retain(|id, _| {
        let absent = matches!(fields::observed_fields(observed, id), Seen::Absent);
        !unmanaged.contains(id) && (!absent || pending.contains(id))
    });
}
