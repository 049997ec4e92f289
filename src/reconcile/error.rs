//! Why a pass could not be made.

use crate::ports::{ClusterError, ClusterErrorKind, RuleStoreError, SourceError, StateError};
use crate::report::status::ProblemReason;

/// Why a pass could not be made, whichever port failed.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The cluster could not be read.
    #[error("failed to read the cluster")]
    Cluster(#[source] ClusterError),
    /// The report branch could not be read or written.
    #[error("failed to use the report branch")]
    Branch(#[source] SourceError),
    /// What stands on the report branch makes no sense, so that it is not known what we own.
    #[error("failed to read `{file}` on the report branch: {problem}")]
    History {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The rule store could not be used.
    #[error("failed to read the alert rules")]
    Rules(#[source] RuleStoreError),
    /// The directory on this machine could not be used.
    #[error("failed to use driftless' own directory")]
    State(#[source] StateError),
    /// What a saved plan relies on no longer holds.
    #[error("the plan no longer fits the cluster: {}", first(.0))]
    Stale(Vec<String>),
    /// Another agent acts now.
    #[error("the lease was lost, and another agent goes on")]
    LeaseLost,
}

/// The most broken preconditions that are named: what people need is a new plan.
const MOST_BROKEN: usize = 8;

fn first(broken: &[String]) -> String {
    let more = broken.len().saturating_sub(MOST_BROKEN);
    let shown = broken[..broken.len() - more].join("; ");
    if more == 0 { shown } else { format!("{shown}; and {more} more") }
}

impl PassError {
    /// Returns what the person can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Cluster(error) => error.hint.clone(),
            Self::Branch(error) => error.hint.clone(),
            Self::Rules(error) => error.hint.clone(),
            Self::State(error) => error.hint.clone(),
            Self::History { .. } => Some(
                "Restore the file on the branch, or delete the branch to start without owning anything.".to_owned(),
            ),
            Self::LeaseLost => None,
            Self::Stale(_) => Some("Make a new plan, look at it, and apply that one.".to_owned()),
        }
    }

    /// Returns the reason that conditions show.
    pub fn reason(&self) -> ProblemReason {
        match self {
            Self::Cluster(error) => match error.kind {
                ClusterErrorKind::Unreachable => ProblemReason::ClusterUnreachable,
                ClusterErrorKind::Authentication => ProblemReason::AuthenticationFailed,
                ClusterErrorKind::Settings | ClusterErrorKind::ReadOnly => ProblemReason::SettingsInvalid,
                ClusterErrorKind::Protocol => ProblemReason::ProtocolError,
            },
            Self::Branch(_) => ProblemReason::ReportFailed,
            Self::Rules(_) => ProblemReason::RulesFailed,
            Self::State(_) => ProblemReason::StateFailed,
            Self::History { .. } => ProblemReason::RecordDamaged,
            Self::Stale(_) => ProblemReason::PlanStale,
            Self::LeaseLost => ProblemReason::LeaseLost,
        }
    }

    /// Says whether the same pass may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Cluster(error) => match error.kind {
                ClusterErrorKind::Unreachable => true,
                ClusterErrorKind::Authentication
                | ClusterErrorKind::Settings
                | ClusterErrorKind::Protocol
                | ClusterErrorKind::ReadOnly => false,
            },
            Self::Branch(_) | Self::Rules(_) | Self::State(_) | Self::LeaseLost => true,
            Self::History { .. } | Self::Stale(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_plan_names_what_moved_and_not_ten_thousand_of_it() {
        let broken =
            |count: usize| PassError::Stale((0..count).map(|index| format!("`topic/{index}` moved")).collect());
        assert!(broken(8).to_string().ends_with("`topic/6` moved; `topic/7` moved"));
        assert!(broken(10).to_string().ends_with("`topic/7` moved; and 2 more"));
    }
}
