//! Performs a plan, action by action; never decides.
//!
//! What the plan lists is cut into batches of one request kind each, in safe order: what adds before what takes away. Before
//! each batch the journal is written and the stop flag read; after each, every resource's own result is noted. What was
//! accepted is read back until the cluster shows it. Dependencies: ports and the plan; no adapter.

mod codes;
mod confirm;
mod run;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::operation::Passwords;
use crate::ports::{Clock, Cluster, Journal, RuleStore};

pub use codes::CODES;
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

/// Set by Ctrl-C or SIGTERM, or by a lease that was lost: the batch in flight is finished, and nothing is begun after it.
#[derive(Clone, Default)]
pub struct StopFlag {
    asked: Arc<AtomicBool>,
    may_write: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl StopFlag {
    /// Also asks, before every batch, whether this process may still write.
    pub fn while_holding(may_write: Arc<dyn Fn() -> bool + Send + Sync>) -> Self {
        Self { asked: Arc::default(), may_write: Some(may_write) }
    }

    /// Asks to stop.
    pub fn stop(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Says whether somebody asked to stop, or this process may not write any more.
    pub fn is_set(&self) -> bool {
        self.asked.load(Ordering::SeqCst) || !self.may_write()
    }

    /// Says whether this process may write: to the cluster, the rules and the report branch.
    pub fn may_write(&self) -> bool {
        self.may_write.as_ref().is_none_or(|may_write| may_write())
    }
}
