//! What a pass came to: one state, one reason, one sentence.

use super::{Condition, PassOutcome, Problem, ProblemReason, StatusCounts, SyncState, is_drift};
use crate::plan::types::{Action, Hold, Status};
use crate::report::counted;

pub(super) fn counts(pass: &PassOutcome<'_>) -> StatusCounts {
    let mut counts = StatusCounts::default();
    if let Some(plan) = pass.plan {
        let with = |test: &dyn Fn(&Action) -> bool| plan.actions.iter().filter(|action| test(action)).count();
        counts.planned = with(&|action| action.status == Status::Planned);
        counts.unconfirmed = with(&|action| action.hold == Some(Hold::DriftUnconfirmed));
        counts.contested = with(&|action| action.hold == Some(Hold::Contested));
        counts.held = with(&|action| action.status == Status::Held) - counts.unconfirmed;
        counts.blocked = with(&|action| action.status == Status::Blocked);
        counts.drifted = with(&is_drift);
        counts.unmanaged = plan.unmanaged.len();
        counts.unpruned = plan.unpruned.len();
        counts.paused = plan.paused.len();
        counts.unknown = plan.unknown.len();
        counts.denied = plan.findings.iter().filter(|finding| finding.denies()).count();
    }
    if let Some(apply) = pass.apply {
        counts.applied = apply.applied();
        counts.failed = apply.not_done();
    }
    counts
}

pub(super) fn sync(pass: &PassOutcome<'_>, counts: &StatusCounts) -> SyncState {
    let Some(plan) = pass.plan.filter(|_| unfinished(pass).is_none()) else { return SyncState::Unknown };
    let applied_all = pass.apply.is_some_and(|apply| apply.not_done() == 0 && !apply.interrupted);
    let open = counts.held + counts.blocked + if applied_all { 0 } else { counts.planned };
    if open + counts.paused + counts.unpruned > 0 {
        return SyncState::OutOfSync;
    }
    // Once seen is neither drift nor its absence.
    if counts.unknown + counts.unconfirmed > 0 || plan.says_nothing().is_some() {
        SyncState::Unknown
    } else {
        SyncState::Synced
    }
}

/// Returns the problem that kept the pass from being finished. What was seen and done, and only could not be written down,
/// stands all the same.
fn unfinished<'a>(pass: &PassOutcome<'a>) -> Option<&'a Problem> {
    let is_unreported = |problem: &Problem| problem.reason == ProblemReason::ReportFailed && pass.plan.is_some();
    pass.problem.filter(|problem| !is_unreported(problem))
}

/// Maps what happened to one reason, in one place: what a person must do about comes first.
fn verdict(pass: &PassOutcome<'_>, counts: &StatusCounts, sync: SyncState) -> (&'static str, String) {
    if let Some(problem) = unfinished(pass) {
        return (problem.reason.as_str(), problem.message.clone());
    }
    let (reason, message) = verdict_of_plan(pass, counts, sync);
    match pass.problem {
        None => (reason, message),
        Some(unreported) => {
            let reason = if sync == SyncState::Synced { unreported.reason.as_str() } else { reason };
            (reason, format!("{message} {}", unreported.message))
        }
    }
}

fn verdict_of_plan(pass: &PassOutcome<'_>, counts: &StatusCounts, sync: SyncState) -> (&'static str, String) {
    if pass.plan.is_none() {
        return ("NotPlanned", "No plan was made yet.".to_owned());
    }
    if pass.standby {
        let open = counts.planned + counts.held + counts.blocked + counts.unconfirmed;
        return (
            "Standby",
            format!("Another agent of this environment acts; {}.", counted(open, "action is open", "actions are open")),
        );
    }
    if counts.denied > 0 {
        return (
            "PolicyDenied",
            format!("{}; nothing was applied.", counted(counts.denied, "finding denies", "findings deny")),
        );
    }
    if counts.failed > 0 {
        return ("ApplyFailed", format!("Applied {}, and {} failed.", counts.applied, counts.failed));
    }
    if pass.apply.is_some_and(|apply| apply.interrupted) {
        return ("Interrupted", format!("Applied {}, then it was interrupted.", counts.applied));
    }
    if counts.blocked > 0 {
        return ("ActionsBlocked", format!("{} be done.", counted(counts.blocked, "action cannot", "actions cannot")));
    }
    if counts.contested > 0 {
        return (
            "DriftContested",
            format!(
                "{} corrected again and again, and somebody else keeps changing it back; it is left alone until that ends.",
                counted(counts.contested, "resource was", "resources were")
            ),
        );
    }
    let not_corrected = |action: &&Action| action.hold == Some(Hold::DriftNotCorrected);
    let as_drift = pass.plan.map_or(0, |plan| plan.actions.iter().filter(not_corrected).count());
    if as_drift > 0 && as_drift == counts.held {
        return (
            "DriftNotCorrected",
            format!(
                "{} correct drift, which the settings do not allow.",
                counted(as_drift, "action would", "actions would")
            ),
        );
    }
    if counts.held > 0 {
        let waiting = counts.held.saturating_sub(as_drift);
        return ("ActionsHeld", format!("{} for an approval.", counted(waiting, "action waits", "actions wait")));
    }
    if counts.unconfirmed > 0 && counts.planned == 0 {
        return (
            "DriftUnconfirmed",
            format!(
                "{}; the next check, soon, says whether that is drift.",
                counted(counts.unconfirmed, "resource differs", "resources differ")
            ),
        );
    }
    match sync {
        SyncState::Synced => match pass.plan.map_or(0, |plan| plan.not_compared.len()) {
            0 => ("Synced", "The cluster is what git says.".to_owned()),
            count => {
                let passwords = counted(count, "password, which was", "passwords, which were");
                ("Synced", format!("The cluster is what git says, but for {passwords} not compared."))
            }
        },
        SyncState::Unknown => {
            ("PartlyUnknown", format!("{} not be read.", counted(counts.unknown, "thing could", "things could")))
        }
        SyncState::OutOfSync if counts.planned > 0 => {
            let planned = counted(counts.planned, "action is", "actions are");
            ("OutOfSync", format!("{planned} to be done, {} because of drift.", counts.drifted))
        }
        SyncState::OutOfSync if counts.unpruned > 0 => {
            let left = counted(
                counts.unpruned,
                "resource is not in git any more and stays",
                "resources are not in git any more and stay",
            );
            ("NotPruned", format!("{left}, because prune is off."))
        }
        SyncState::OutOfSync => ("Paused", "Resources differ, and their manifests pause them.".to_owned()),
    }
}

pub(super) fn conditions(pass: &PassOutcome<'_>, counts: &StatusCounts, sync: SyncState) -> Vec<Condition> {
    let (reason, message) = verdict(pass, counts, sync);
    let stalls = match unfinished(pass) {
        Some(problem) => problem.reason.stalls(),
        None => !pass.standby && (counts.denied > 0 || counts.held + counts.blocked > 0),
    };
    let ready = match (sync, pass.problem) {
        (SyncState::Synced, None) if counts.denied == 0 && counts.failed == 0 => "True",
        (SyncState::Unknown, None) if counts.denied == 0 && counts.failed == 0 => "Unknown",
        (SyncState::Synced | SyncState::OutOfSync | SyncState::Unknown, _) => "False",
    };
    let reconciling = ready != "True" && !stalls;
    let condition = |kind: &str, status: &str| Condition {
        kind: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.clone(),
    };
    let truth = |value: bool| if value { "True" } else { "False" };
    vec![condition("Ready", ready), condition("Reconciling", truth(reconciling)), condition("Stalled", truth(stalls))]
}
