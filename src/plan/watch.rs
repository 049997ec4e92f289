//! How often a drift was seen, and how often it was put right: what a plan may be told of earlier checks.
//!
//! Pure: the memory, a plan, a report and the time go in, the next memory comes out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::drift_memory::{DriftMemory, DriftRecord};
use crate::domain::resource::ResourceId;

use super::apply_report::{ApplyReport, Outcome};
use super::input::DriftWatch;
use super::seal;
use super::types::{Action, Hold, Origin, Plan};

/// Two looks nearer than this are one check: brokers learn of changes one after the other, and a commit may start a second
/// pass at once.
const BETWEEN_CHECKS: SignedDuration = SignedDuration::from_secs(10);
/// So many corrections within [`QUIET`] are enough.
const MOST_CORRECTIONS: usize = 3;
/// After this time without any move of the cluster's side a contest is over.
pub const QUIET: SignedDuration = SignedDuration::from_hours(1);

/// Says what a check made now is to know.
pub fn watch(memory: &DriftMemory, confirmations: u32, now: Timestamp) -> DriftWatch {
    let mut watch = DriftWatch::new(confirmations);
    for (id, record) in &memory.resources {
        watch.checks.insert(id.clone(), record.checks + u32::from(counts(record, now)));
        if record.contested && !is_quiet(record, now) {
            watch.contested.insert(id.clone());
        }
    }
    watch
}

/// Says whether a look now is another check than the last one. A clock that was set back starts anew.
fn counts(record: &DriftRecord, now: Timestamp) -> bool {
    record.checks == 0 || record.last_check.is_none_or(|last| now.duration_since(last) >= BETWEEN_CHECKS)
}

fn is_quiet(record: &DriftRecord, now: Timestamp) -> bool {
    record.last_move.is_none_or(|last| now.duration_since(last) >= QUIET)
}

/// Takes a check into the memory. What could not be looked at stays as it was.
pub fn seen(memory: &mut DriftMemory, plan: &Plan, now: Timestamp) {
    let mut drifted = BTreeSet::new();
    for (id, action) in drifts(plan) {
        let record = memory.resources.entry(id.clone()).or_default();
        settle_times(record, now);
        if counts(record, now) {
            record.checks = record.checks.saturating_add(1);
            record.first_check.get_or_insert(now);
            record.last_check = Some(now);
        }
        note_move(record, Some(seal::observed_digest(action)), now);
        drifted.insert(id);
    }
    let adopted: BTreeSet<&ResourceId> = plan.adopted.iter().collect();
    for (id, record) in &mut memory.resources {
        if drifted.contains(id) || is_unknown(plan, id) {
            continue;
        }
        settle_times(record, now);
        forget_checks(record);
        note_move(record, None, now);
        if adopted.contains(id) {
            // Git took over what the cluster has: there is nothing to fight about any more.
            *record = DriftRecord::default();
        }
    }
    forget_what_is_over(memory, now);
}

/// Takes corrections into the memory. What git moved ends a contest, whoever won it.
pub fn applied(memory: &mut DriftMemory, plan: &Plan, report: &ApplyReport, now: Timestamp) {
    for (action, result) in plan.actions.iter().zip(&report.results) {
        let done = matches!(result.outcome, Outcome::Applied | Outcome::AppliedUnconfirmed { .. });
        let Some(id) = action.resource().filter(|_| done) else { continue };
        match action.origin {
            Origin::Change | Origin::Conflict | Origin::Adopt => {
                memory.resources.remove(&id);
            }
            Origin::Drift => {
                let record = memory.resources.entry(id).or_default();
                settle_times(record, now);
                record.corrections.push(now);
                record.contested = record.corrections.len() >= MOST_CORRECTIONS;
                (record.last_move, record.observed) = (Some(now), None);
                // What drifts after this is another drift.
                forget_checks(record);
            }
        }
    }
    forget_what_is_over(memory, now);
}

/// Returns since when each drift of the plan was seen, by the id of the action that repairs it.
pub fn since(memory: &DriftMemory, plan: &Plan) -> BTreeMap<String, Timestamp> {
    let first =
        |(id, action): (ResourceId, &Action)| Some((action.id.clone(), memory.resources.get(&id)?.first_check?));
    drifts(plan).filter_map(first).collect()
}

fn forget_checks(record: &mut DriftRecord) {
    (record.checks, record.first_check, record.last_check) = (0, None, None);
}

/// The drift of a plan that only the cluster made.
fn drifts(plan: &Plan) -> impl Iterator<Item = (ResourceId, &Action)> {
    let of_cluster = plan.actions.iter().filter(|action| match action.origin {
        Origin::Drift => true,
        Origin::Change | Origin::Conflict | Origin::Adopt => false,
    });
    of_cluster.filter_map(|action| Some((action.resource()?, action)))
}

/// Says whether the plan could not look at a resource.
fn is_unknown(plan: &Plan, id: &ResourceId) -> bool {
    let (whole, kind) = (id.to_string(), id.kind().to_string());
    plan.unknown.iter().any(|unknown| unknown.resource == whole || unknown.resource == kind)
}

fn note_move(record: &mut DriftRecord, observed: Option<String>, now: Timestamp) {
    if record.observed != observed {
        (record.observed, record.last_move) = (observed, Some(now));
    }
}

/// Drops corrections that were long ago, and times that a clock gave which was ahead.
fn settle_times(record: &mut DriftRecord, now: Timestamp) {
    if record.contested && is_quiet(record, now) {
        (record.contested, record.corrections) = (false, Vec::new());
    }
    let recent = |at: &Timestamp| *at <= now && now.duration_since(*at) < QUIET;
    record.corrections.retain(recent);
    record.last_move = record.last_move.map(|at| at.min(now));
    record.first_check = record.first_check.map(|at| at.min(now));
    record.last_check = record.last_check.map(|at| at.min(now));
}

fn forget_what_is_over(memory: &mut DriftMemory, now: Timestamp) {
    memory.resources.retain(|_, record| {
        record.checks > 0
            || (record.contested && !is_quiet(record, now))
            || record.corrections.iter().any(|at| now.duration_since(*at) < QUIET)
    });
}

/// Says whether the plan holds drift that a check soon will confirm or not.
pub fn awaits_confirmation(plan: &Plan) -> bool {
    plan.actions.iter().any(|action| action.hold == Some(Hold::DriftUnconfirmed))
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
