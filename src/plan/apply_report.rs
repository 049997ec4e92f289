//! What became of a plan, action by action.

use serde::{Deserialize, Serialize};

/// The result of an apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyReport {
    /// The plan that was applied.
    pub plan_id: String,
    /// The environment.
    pub environment: String,
    /// One result per action of the plan, in the plan's order.
    pub results: Vec<ActionResult>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

/// The result of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionResult {
    /// The action's id.
    pub action_id: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "result")]
pub enum Outcome {
    /// Done, and read back.
    Applied,
    /// The cluster accepted it, and it could not be seen there in time.
    AppliedUnconfirmed {
        /// What was seen instead.
        message: String,
    },
    /// It failed.
    Failed {
        /// Kafka's name of the error, or one of ours.
        code: String,
        /// The broker's own words, or ours.
        message: String,
        /// Whether it is known that nothing was changed.
        unchanged: bool,
    },
    /// It was not tried.
    NotAttempted {
        /// Why.
        reason: String,
    },
    /// The plan held or blocked it.
    Skipped {
        /// `held` or `blocked`.
        status: super::types::Status,
        /// Why, in the plan's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl ApplyReport {
    /// Counts the actions that were done.
    pub fn applied(&self) -> usize {
        self.results
            .iter()
            .filter(|result| matches!(result.outcome, Outcome::Applied | Outcome::AppliedUnconfirmed { .. }))
            .count()
    }

    /// Counts the actions that were to be done: all but those that wait for an approval.
    pub fn wanted(&self) -> usize {
        let waits = |outcome: &Outcome| matches!(outcome, Outcome::Skipped { status: super::types::Status::Held, .. });
        self.results.iter().filter(|result| !waits(&result.outcome)).count()
    }

    /// Counts the actions that failed, were not tried, or could not be confirmed.
    pub fn not_done(&self) -> usize {
        self.results
            .iter()
            .filter(|result| !matches!(result.outcome, Outcome::Applied | Outcome::Skipped { .. }))
            .count()
    }
}
