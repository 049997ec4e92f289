//! When a round is made.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{Notify, mpsc, watch};

use super::applied::PassNote;
use super::round::RoundProblem;
use crate::agent::schedule::Pace;
use crate::ports::Clock;

/// What the passes tell the rounds.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A pass begins that follows this revision for the first time.
    Begun(String),
    /// A pass ended. The cluster may be another.
    Ended {
        /// What is to be told of it.
        note: Option<PassNote>,
        /// Whether the branch is trusted and what is ours is known: without that there is nothing to plan from.
        is_ready: bool,
    },
}

/// What is done in a round, and with what the passes tell.
#[async_trait]
pub trait Polling: Send {
    /// Takes what a pass tells. Asks nobody yet.
    fn hear(&mut self, heard: Heard);

    /// Looks at every pull request, and tells what is to be told.
    async fn round(&mut self) -> Result<(), RoundProblem>;
}

/// What ends a wait early.
pub struct PollWakes {
    /// Whether the process is to end.
    pub ended: watch::Receiver<bool>,
    /// A webhook came in.
    pub look: Arc<Notify>,
    /// What the passes tell.
    pub passes: mpsc::Receiver<Heard>,
}

/// Makes rounds until the process is to end. One at a time; after a failure the waits grow, and what the forge asks for is
/// obeyed.
pub async fn poll(polling: &mut dyn Polling, interval: Duration, clock: &dyn Clock, wakes: &mut PollWakes) {
    let mut retries = Pace::retries();
    let mut last_problem = None;
    loop {
        loop {
            match wakes.passes.try_recv() {
                Ok(heard) => polling.hear(heard),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        let mut ended = wakes.ended.clone();
        let outcome = tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => return,
            outcome = polling.round() => outcome,
        };
        let (wait, may_hurry) = match outcome {
            Ok(()) => {
                if last_problem.take().is_some() {
                    tracing::info!("pull requests can be looked at again");
                }
                retries = Pace::retries();
                (interval, true)
            }
            Err(problem) => {
                if last_problem.as_ref() != Some(&problem.message) {
                    let hint = problem.hint.as_deref().unwrap_or_default();
                    tracing::warn!(problem = %problem.message, %hint, "pull requests cannot be looked at");
                }
                let backoff = retries.next().unwrap_or_else(Pace::longest_retry).max(interval);
                last_problem = Some(problem.message);
                (problem.wait.unwrap_or_default().max(backoff), problem.wait.is_none())
            }
        };
        if pause(polling, wait, may_hurry, clock, wakes).await {
            return;
        }
    }
}

/// Waits; `true` when the process is to end.
async fn pause(
    polling: &mut dyn Polling,
    wait: Duration,
    may_hurry: bool,
    clock: &dyn Clock,
    wakes: &mut PollWakes,
) -> bool {
    let PollWakes { ended, look, passes } = wakes;
    let mut time_is_up = clock.sleep(wait);
    loop {
        tokio::select! {
            biased;
            // A sender that is gone belongs to a process that ends.
            _ = ended.wait_for(|ended| *ended) => return true,
            heard = passes.recv() => match heard {
                Some(heard) => {
                    polling.hear(heard);
                    if may_hurry {
                        return false;
                    }
                }
                None => return true,
            },
            () = look.notified(), if may_hurry => return false,
            () = &mut time_is_up => return false,
        }
    }
}
