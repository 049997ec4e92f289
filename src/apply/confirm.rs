//! Reads back what was written, until the cluster shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::observed::{Interest, Knowledge, ObservedState};
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::plan::fields::{self, PARTITIONS, PASSWORD, Seen};
use crate::plan::types::{Action, ActionKind};

use super::World;

/// How an action stands on the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// The cluster shows it.
    Seen,
    /// The cluster shows something else, or it could not be read: what.
    NotSeen(String),
}

/// Polls until all given actions are seen or time is up. After writes a broker may show the old state for seconds, and for
/// the topics of a large creation for more than a minute, because it makes their log directories first; everything that was
/// written after them waits with them.
pub(super) async fn confirm(world: &World<'_>, actions: &BTreeMap<usize, &Action>) -> BTreeMap<usize, Standing> {
    let patience = Duration::from_secs(30) + Duration::from_millis(25) * n_new_directories(actions);
    let deadline =
        world.clock.now() + jiff::SignedDuration::try_from(patience).unwrap_or(jiff::SignedDuration::from_secs(600));
    let mut standings: BTreeMap<usize, Standing> = BTreeMap::new();
    let mut pending: BTreeMap<usize, &Action> = actions.clone();
    let mut pause = Duration::from_millis(50);
    while !pending.is_empty() {
        let looks = look(world, &pending).await;
        for (index, standing) in looks {
            if standing == Standing::Seen {
                pending.remove(&index);
            }
            standings.insert(index, standing);
        }
        if pending.is_empty() || world.clock.now() >= deadline {
            break;
        }
        world.clock.sleep(pause).await;
        // Reading everything costs the brokers CPU that they need to get done: look ever more slowly.
        pause = (pause * 2).min(Duration::from_secs(3));
    }
    standings
}

/// Counts the log directories that the actions make, which is one for each partition.
fn n_new_directories(actions: &BTreeMap<usize, &Action>) -> u32 {
    let topics = actions.values().filter(|action| action.kind == ResourceKind::Topic);
    let partitions = topics.map(|action| {
        let field = action.fields.iter().find(|field| field.path == PARTITIONS);
        field.and_then(|field| field.desired.as_ref()?.text()?.parse().ok()).unwrap_or(1_u32)
    });
    partitions.fold(0, u32::saturating_add)
}

async fn look(world: &World<'_>, pending: &BTreeMap<usize, &Action>) -> BTreeMap<usize, Standing> {
    let ids: BTreeSet<ResourceId> = pending.values().filter_map(|action| action.resource()).collect();
    let mut observed = match world.cluster.observe(&Interest::in_resources(&ids)).await {
        Ok(observed) => observed,
        Err(error) => {
            let standing = Standing::NotSeen(format!("it could not be read back: {error}"));
            return pending.keys().map(|index| (*index, standing.clone())).collect();
        }
    };
    if let Some(rules) = world.rules
        && ids.iter().any(|id| id.kind() == ResourceKind::RuleGroup)
    {
        observed.rule_groups = match rules.observe().await {
            Ok(groups) => Knowledge::Known(groups),
            Err(error) => Knowledge::Unknown(error.to_string()),
        };
    }
    pending.iter().map(|(index, action)| (*index, standing(action, &observed))).collect()
}

/// Compares one action with what was read.
pub(super) fn standing(action: &Action, observed: &ObservedState) -> Standing {
    let Some(id) = action.resource() else { return Standing::NotSeen("it names no resource".to_owned()) };
    match (fields::observed_fields(observed, &id), action.action) {
        (Seen::Unknown(reason), _) => Standing::NotSeen(format!("it could not be read back: {reason}")),
        (Seen::Absent, ActionKind::Delete) => Standing::Seen,
        // An ACL has no fields, so what it lacks must not count as seen.
        (Seen::Absent, ActionKind::Create) => Standing::NotSeen("the cluster does not show it".to_owned()),
        (Seen::Absent, ActionKind::Update) => {
            if action.fields.iter().all(|field| field.desired.is_none()) {
                Standing::Seen
            } else {
                Standing::NotSeen("the cluster does not show it".to_owned())
            }
        }
        (Seen::Present(found), ActionKind::Delete) => {
            let left: Vec<&str> = action
                .fields
                .iter()
                .map(|field| field.path.as_str())
                .filter(|path| found.contains_key(*path))
                .collect();
            // Of a broker config only our own keys are removed; of everything else the whole.
            if id.kind() == ResourceKind::BrokerConfig && left.is_empty() {
                Standing::Seen
            } else {
                Standing::NotSeen("the cluster still shows it".to_owned())
            }
        }
        (Seen::Present(found), ActionKind::Create | ActionKind::Update) => {
            let differs = action.fields.iter().filter(|field| field.path != PASSWORD).find(|field| {
                match (&field.desired, found.get(&field.path)) {
                    (Some(desired), Some(found)) => !fields::same_value(action.kind, &field.path, desired, found),
                    (Some(_), None) | (None, Some(_)) => true,
                    (None, None) => false,
                }
            });
            match differs {
                None => Standing::Seen,
                Some(field) => {
                    let shown = found.get(&field.path).and_then(|value| value.text()).unwrap_or("nothing");
                    Standing::NotSeen(format!("the cluster shows `{shown}` for `{}`", field.path))
                }
            }
        }
    }
}
