//! The agent's part in pull requests: the plan of each one's merge as comment and commit status, and after the merge what
//! was applied.
//!
//! Runs beside the passes and never in their way. It only reads the cluster, resolves no secret, and runs nothing of what a pull
//! request holds. What is planned comes from the merge result, what judges it from the base (`docs/adr/0007-pull-requests.md`).
//! `judge` decides, pure; the texts are those of [`crate::report`]; [`Round`] asks the ports; [`poll`] says when.

mod applied;
mod judge;
mod memory;
mod poll;
mod round;
mod telling;
#[cfg(test)]
mod tests;
mod watch;

pub use applied::{PassNote, note};
pub use judge::{Admission, Verdict};
pub use memory::Memory;
pub use poll::{Heard, PollWakes, Polling, poll};
pub use round::{BadFiles, Proposed, ProposedFiles, Round, RoundProblem};
pub use telling::{annotate, plan_context};
pub use watch::{Opened, Rounds, Surroundings};
