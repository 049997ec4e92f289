//! Whether a plan is performed at all.

use crate::plan::types::{Finding, Plan, Status};

/// Whether a plan is performed. The command line and the agent ask the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// What is planned is performed; that may be nothing.
    Perform,
    /// So many findings deny it.
    Denied(usize),
    /// Nothing is planned, and so many actions are held.
    Held(usize),
    /// Nothing is planned, nothing is held, and so many actions are blocked.
    Blocked(usize),
}

impl Decision {
    /// Decides.
    pub fn of(plan: &Plan) -> Self {
        let n_denials = plan.findings.iter().filter(|finding| Finding::denies(finding)).count();
        let n_with = |status: Status| plan.actions.iter().filter(|action| action.status == status).count();
        match (n_denials, n_with(Status::Planned), n_with(Status::Held), n_with(Status::Blocked)) {
            (0, 0, 0, 0) => Self::Perform,
            (0, 0, 0, blocked) => Self::Blocked(blocked),
            (0, 0, held, _) => Self::Held(held),
            (0, _, _, _) => Self::Perform,
            (denials, ..) => Self::Denied(denials),
        }
    }
}
