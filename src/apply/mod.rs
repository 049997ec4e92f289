//! Performs a plan, action by action; never decides.
//!
//! What the plan lists is cut into batches of one request kind each, in safe order: what adds before what takes away. Before
//! each batch the journal is written and the stop flag read; after each, every resource's own result is noted. What was
//! accepted is read back until the cluster shows it. Dependencies: ports and the plan; no adapter.

mod batches;
mod confirm;
mod run;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::operation::Passwords;
use crate::ports::{Clock, Cluster, Journal, RuleStore};

pub use run::apply;

/// The world that a plan is performed on.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The cluster.
    pub cluster: &'a dyn Cluster,
    /// Where rule groups go; without it they are not attempted.
    pub rules: Option<&'a dyn RuleStore>,
    /// The passwords that the plan's users need, as far as they can be had.
    pub passwords: &'a Passwords,
    /// What was done, for the case that this process ends before it can say so.
    pub journal: Option<&'a dyn Journal>,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Who watches.
    pub progress: &'a dyn Progress,
    /// Whether to stop after the batch in flight.
    pub stop: &'a StopFlag,
}

/// Watches an apply.
pub trait Progress: Send + Sync {
    /// So many of so many operations are through, and these are next.
    fn advance(&self, done: usize, total: usize, what: &str);
}

/// Watches nothing.
pub struct NoProgress;

impl Progress for NoProgress {
    fn advance(&self, _done: usize, _total: usize, _what: &str) {}
}

/// Set by Ctrl-C or SIGTERM: the batch in flight is finished, and nothing is begun after it.
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks to stop.
    pub fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Says whether somebody asked to stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
