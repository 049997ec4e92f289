//! Which of several agents acts.

use std::collections::BTreeSet;

use async_trait::async_trait;
use tokio::sync::watch;

/// Chooses one of the agents that keep the same environments. At any time at most one of them holds an environment; only that
/// one writes to its cluster, its report branch and its rules.
#[async_trait]
pub trait Lease: Send + Sync {
    /// Says whether this agent may act for the environment at this moment. Asks nobody, so it is cheap enough for every batch;
    /// `false` as soon as it is not certain.
    fn holds(&self, environment: &str) -> bool;

    /// The environments that are this agent's, as they change.
    fn mine(&self) -> watch::Receiver<BTreeSet<String>>;

    /// Tells that something is being written until the value is dropped: a hand-over that was asked for waits for it, for a
    /// few seconds.
    fn acting(&self) -> Box<dyn Send>;

    /// Gives everything up, so that another agent takes over at once. Takes a few seconds at most, whoever is away.
    async fn give_up(&self);
}

/// The lease of an agent that is alone: it always holds everything.
pub struct NoLease(watch::Sender<BTreeSet<String>>);

impl NoLease {
    /// Holds these environments.
    pub fn of(environments: impl IntoIterator<Item = String>) -> Self {
        Self(watch::Sender::new(environments.into_iter().collect()))
    }
}

#[async_trait]
impl Lease for NoLease {
    fn holds(&self, environment: &str) -> bool {
        self.0.borrow().contains(environment)
    }

    fn mine(&self) -> watch::Receiver<BTreeSet<String>> {
        self.0.subscribe()
    }

    fn acting(&self) -> Box<dyn Send> {
        Box::new(())
    }

    async fn give_up(&self) {}
}
