//! `status.json`: what the last pass came to. No times in it, so it changes only when something did.

mod verdict;
mod words;

use serde::{Deserialize, Serialize};

use crate::domain::API_VERSION;
use crate::plan::apply_report::ApplyReport;
use crate::plan::types::{Action, Hold, Origin, Plan};

pub use words::WORDS;

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
        let counts = verdict::counts(pass);
        let sync = verdict::sync(pass, &counts);
        Self {
            api_version: API_VERSION.to_owned(),
            kind: "Status".to_owned(),
            environment: pass.environment.to_owned(),
            cluster_id: pass.cluster_id.map(str::to_owned),
            standby: pass.standby,
            sync,
            conditions: verdict::conditions(pass, &counts, sync),
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
