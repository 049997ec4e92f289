//! `status.json`: what the last pass came to. No times in it, so it changes only when something did.

use serde::{Deserialize, Serialize};

use super::counted;
use crate::plan::apply_report::ApplyReport;
use crate::plan::types::{Action, Hold, Origin, Plan, Status};

/// Whether the cluster is what git says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncState {
    /// It is, and everything could be looked at.
    Synced,
    /// It is not.
    OutOfSync,
    /// Nobody knows.
    Unknown,
}

impl SyncState {
    /// Returns the word of `status.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "Synced",
            Self::OutOfSync => "OutOfSync",
            Self::Unknown => "Unknown",
        }
    }
}

/// Why a pass could not be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProblemReason {
    /// The config repository cannot be read. Tried again.
    SourceFailed,
    /// Files of the repository are wrong. Waits for another revision.
    ManifestsInvalid,
    /// The cluster does not answer. Tried again.
    ClusterUnreachable,
    /// The cluster refuses the credentials. Waits for a person.
    AuthenticationFailed,
    /// The settings are wrong, or it is another cluster than they say. Waits for a person.
    SettingsInvalid,
    /// The cluster speaks in a way that driftless does not understand. Waits for a person.
    ProtocolError,
    /// The report branch cannot be read or written. Tried again.
    ReportFailed,
    /// The branch does not descend from what was last applied. Waits for `source.acceptRevision`.
    SourceUntrusted,
    /// It is another cluster than at first contact. Waits for a person.
    ClusterChanged,
    /// What stands on the report branch, or in the agent's own record, makes no sense. Waits for a person.
    RecordDamaged,
    /// The cluster moved between plan and apply. Tried again with a new plan.
    PlanStale,
    /// The agent's own directory cannot be used. Tried again.
    StateFailed,
    /// The alert rules cannot be read. Tried again.
    RulesFailed,
    /// The lease was lost in the middle of an apply; another agent goes on. This one follows again.
    LeaseLost,
}

impl ProblemReason {
    /// Returns the CamelCase reason of a condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SourceFailed => "SourceFailed",
            Self::ManifestsInvalid => "ManifestsInvalid",
            Self::ClusterUnreachable => "ClusterUnreachable",
            Self::AuthenticationFailed => "AuthenticationFailed",
            Self::SettingsInvalid => "SettingsInvalid",
            Self::ProtocolError => "ProtocolError",
            Self::ReportFailed => "ReportFailed",
            Self::SourceUntrusted => "SourceUntrusted",
            Self::ClusterChanged => "ClusterChanged",
            Self::RecordDamaged => "RecordDamaged",
            Self::PlanStale => "PlanStale",
            Self::StateFailed => "StateFailed",
            Self::RulesFailed => "RulesFailed",
            Self::LeaseLost => "LeaseLost",
        }
    }

    /// Says whether trying again is of no use before somebody does something.
    pub fn stalls(self) -> bool {
        match self {
            Self::ManifestsInvalid
            | Self::AuthenticationFailed
            | Self::SettingsInvalid
            | Self::ProtocolError
            | Self::SourceUntrusted
            | Self::ClusterChanged
            | Self::RecordDamaged => true,
            Self::SourceFailed
            | Self::ClusterUnreachable
            | Self::ReportFailed
            | Self::PlanStale
            | Self::StateFailed
            | Self::RulesFailed
            | Self::LeaseLost => false,
        }
    }
}

/// What kept a pass from being finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which kind of problem.
    pub reason: ProblemReason,
    /// What happened, as a sentence.
    pub message: String,
}

/// What is known at the end of a pass.
#[derive(Debug, Clone, Copy)]
pub struct PassOutcome<'a> {
    /// The environment.
    pub environment: &'a str,
    /// Kafka's cluster id, when it is known.
    pub cluster_id: Option<&'a str>,
    /// The plan as it was before the apply, when the pass came so far.
    pub plan: Option<&'a Plan>,
    /// What came of applying it, when something was applied.
    pub apply: Option<&'a ApplyReport>,
    /// What kept the pass from being finished.
    pub problem: Option<&'a Problem>,
    /// Whether another agent acts, and this one only looks.
    pub standby: bool,
    /// The revision that this pass looked at.
    pub last_attempted_revision: Option<&'a str>,
    /// The revision that was last applied without a failure, this time or before.
    pub last_applied_revision: Option<&'a str>,
}

/// `status.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// `driftless.dev/v1`.
    pub api_version: String,
    /// `Status`.
    pub kind: String,
    /// The environment.
    pub environment: String,
    /// Kafka's cluster id.
    pub cluster_id: Option<String>,
    /// Whether another agent of this environment acts, and this one only looks. Never on the report branch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub standby: bool,
    /// Whether the cluster is what git says.
    pub sync: SyncState,
    /// Ready, Reconciling, Stalled, in this order.
    pub conditions: Vec<Condition>,
    /// The revision that was last looked at.
    pub last_attempted_revision: Option<String>,
    /// The revision that was last applied.
    pub last_applied_revision: Option<String>,
    /// Id of the last plan.
    pub last_plan: Option<String>,
    /// Counts of the last plan, and of what became of it.
    pub counts: StatusCounts,
}

/// One condition, as Kubernetes tools know them, without times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `Ready`, `Reconciling` or `Stalled`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in CamelCase.
    pub reason: String,
    /// Why, as a sentence.
    pub message: String,
}

/// Counts of `status.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusCounts {
    /// Actions that an apply does.
    pub planned: usize,
    /// Actions that are held: for an approval, as drift that is not corrected, or as contested.
    pub held: usize,
    /// Actions that cannot be done.
    pub blocked: usize,
    /// Resources that the cluster changed since the last apply.
    pub drifted: usize,
    /// Resources that differ and were not seen so in enough checks in a row to be called drifted.
    #[serde(default)]
    pub unconfirmed: usize,
    /// Resources that somebody else keeps changing back.
    #[serde(default)]
    pub contested: usize,
    /// Resources on the cluster that are not ours.
    pub unmanaged: usize,
    /// Resources of ours that left git and stay because prune is off.
    pub unpruned: usize,
    /// Resources that differ while their manifests pause them.
    pub paused: usize,
    /// Things that could not be read.
    pub unknown: usize,
    /// Findings that deny.
    pub denied: usize,
    /// Actions that were applied.
    pub applied: usize,
    /// Actions that failed, were not tried or were not confirmed.
    pub failed: usize,
}

impl StatusReport {
    /// Returns the one condition of the three that counts: `Stalled`, else `Ready`, else `Reconciling`.
    pub fn condition(&self) -> &'static str {
        let is_true = |kind: &str| self.conditions.iter().any(|found| found.kind == kind && found.status == "True");
        match (is_true("Stalled"), is_true("Ready")) {
            (true, _) => "Stalled",
            (false, true) => "Ready",
            (false, false) => "Reconciling",
        }
    }

    /// Returns the status while a pass applies: what the last one came to no longer holds.
    #[must_use]
    pub fn applying(&self, message: &str) -> Self {
        let condition = |kind: &str, status: &str| Condition {
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: "Applying".to_owned(),
            message: message.to_owned(),
        };
        let conditions =
            vec![condition("Ready", "False"), condition("Reconciling", "True"), condition("Stalled", "False")];
        Self { sync: SyncState::OutOfSync, conditions, ..self.clone() }
    }

    /// Says what a pass came to.
    pub fn new(pass: &PassOutcome<'_>) -> Self {
        let counts = counts(pass);
        let sync = sync(pass, &counts);
        Self {
            api_version: "driftless.dev/v1".to_owned(),
            kind: "Status".to_owned(),
            environment: pass.environment.to_owned(),
            cluster_id: pass.cluster_id.map(str::to_owned),
            standby: pass.standby,
            sync,
            conditions: conditions(pass, &counts, sync),
            last_attempted_revision: pass.last_attempted_revision.map(str::to_owned),
            last_applied_revision: pass.last_applied_revision.map(str::to_owned),
            last_plan: pass.plan.map(|plan| plan.id.clone()),
            counts,
        }
    }
}

/// Writes `status.json`.
pub fn status_json(report: &StatusReport) -> String {
    super::json(report)
}

fn counts(pass: &PassOutcome<'_>) -> StatusCounts {
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

/// Says whether an action is there because the cluster moved, as far as that was confirmed.
pub fn is_drift(action: &Action) -> bool {
    moved(action.origin) && action.hold != Some(Hold::DriftUnconfirmed)
}

/// Says whether the cluster moved since the last apply.
pub fn moved(origin: Origin) -> bool {
    match origin {
        Origin::Drift | Origin::Conflict => true,
        Origin::Change | Origin::Adopt => false,
    }
}

fn sync(pass: &PassOutcome<'_>, counts: &StatusCounts) -> SyncState {
    if unfinished(pass).is_some() || pass.plan.is_none() {
        return SyncState::Unknown;
    }
    let applied_all = pass.apply.is_some_and(|apply| apply.not_done() == 0 && !apply.interrupted);
    let open = counts.held + counts.blocked + if applied_all { 0 } else { counts.planned };
    if open + counts.paused + counts.unpruned > 0 {
        return SyncState::OutOfSync;
    }
    // Once seen is neither drift nor its absence.
    if counts.unknown + counts.unconfirmed > 0 { SyncState::Unknown } else { SyncState::Synced }
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
        SyncState::Synced => ("Synced", "The cluster is what git says.".to_owned()),
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

fn conditions(pass: &PassOutcome<'_>, counts: &StatusCounts, sync: SyncState) -> Vec<Condition> {
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
