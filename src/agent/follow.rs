//! The loop: one pass at a time, and what starts the next one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use super::pass::PassResult;
use super::schedule::{Next, Pace, after, next};
use crate::ports::Clock;

/// What the loop follows.
#[async_trait]
pub trait Following: Send + Sync {
    /// Returns the head of the branch; `None` when it cannot be had, which the next pass says better.
    async fn head(&self) -> Option<String>;

    /// Makes one pass, and tells whoever wants to know what it came to.
    async fn pass(&self) -> PassResult;
}

/// What may end a wait early.
#[derive(Clone)]
pub struct Wakes {
    /// Whether the process is to end.
    pub ended: watch::Receiver<bool>,
    /// Somebody wants a pass now, with the settings as they are now.
    pub look: Arc<Notify>,
    /// Somebody tells that the branch may have moved.
    pub fetch: Arc<Notify>,
}

impl Wakes {
    async fn end(&self) {
        let mut ended = self.ended.clone();
        // A sender that is gone can ask for nothing any more: whoever held it has ended.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

/// How long what tells that the branch moved is gathered: a burst of it is one fetch.
const GATHER: Duration = Duration::from_millis(300);

/// Why the loop came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The process is to end.
    End,
    /// The settings are to be read again.
    Look,
}

/// Makes passes until something else is wanted. The first one is made at once.
pub async fn follow(following: &dyn Following, pace: &Pace, clock: &dyn Clock, wakes: &Wakes) -> Woken {
    let mut retries = Pace::retries();
    loop {
        let result = following.pass().await;
        if *wakes.ended.borrow() {
            return Woken::End;
        }
        let woken = match next(&result) {
            Next::Retry => {
                let longest = Pace::longest_retry();
                let wait = pace.until_retry(&result, retries.next().unwrap_or(longest));
                until_retry(following, clock, wait, wakes, result.revision.as_deref()).await
            }
            Next::WhenSomethingChanges => {
                retries = Pace::retries();
                until_something_changes(following, pace, clock, wakes, result.revision.as_deref()).await
            }
        };
        if let Some(woken) = woken {
            return woken;
        }
    }
}

/// Looks at the branch at every interval, and waits until it moved or the drift check is due.
async fn until_something_changes(
    following: &dyn Following,
    pace: &Pace,
    clock: &dyn Clock,
    wakes: &Wakes,
    revision: Option<&str>,
) -> Option<Woken> {
    let started = clock.now();
    let drift_check = pace.until_drift_check(started).map(|wait| after(started, wait));
    loop {
        let until_drift =
            drift_check.map(|due| Duration::try_from(due.duration_since(clock.now())).unwrap_or_default());
        let look = pace.until_look();
        let is_drift_first = until_drift.is_some_and(|until| until <= look);
        let wait = if is_drift_first { until_drift.unwrap_or(look) } else { look };
        match pause(clock, wait, wakes).await {
            Ended::Woken(woken) => return Some(woken),
            Ended::Time if is_drift_first => return None,
            Ended::Time => {}
            Ended::Fetch => clock.sleep(GATHER).await,
        }
        if following.head().await.as_deref() != revision {
            return None;
        }
    }
}

/// Waits before a pass that failed is made again, or until a look that somebody asked for finds that the branch moved.
async fn until_retry(
    following: &dyn Following,
    clock: &dyn Clock,
    wait: Duration,
    wakes: &Wakes,
    revision: Option<&str>,
) -> Option<Woken> {
    let due = after(clock.now(), wait);
    loop {
        let left = Duration::try_from(due.duration_since(clock.now())).unwrap_or_default();
        match pause(clock, left.min(wait), wakes).await {
            Ended::Woken(woken) => return Some(woken),
            Ended::Time => return None,
            Ended::Fetch => clock.sleep(GATHER).await,
        }
        let head = following.head().await;
        if head.is_some() && head.as_deref() != revision {
            return None;
        }
    }
}

/// What ended a wait.
enum Ended {
    Time,
    Fetch,
    Woken(Woken),
}

async fn pause(clock: &dyn Clock, wait: Duration, wakes: &Wakes) -> Ended {
    tokio::select! {
        biased;
        () = wakes.end() => Ended::Woken(Woken::End),
        () = wakes.look.notified() => Ended::Woken(Woken::Look),
        () = wakes.fetch.notified() => Ended::Fetch,
        () = clock.sleep(wait) => Ended::Time,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::future::BoxFuture;
    use jiff::Timestamp;

    use super::*;
    use crate::report::status::{Problem, ProblemReason};

    /// A clock that jumps instead of waiting.
    struct Jumping(Mutex<Timestamp>);

    impl Clock for Jumping {
        fn now(&self) -> Timestamp {
            *self.0.lock().expect("not poisoned")
        }

        fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()> {
            let mut now = self.0.lock().expect("not poisoned");
            *now = after(*now, wait);
            Box::pin(std::future::ready(()))
        }
    }

    struct Fake<'a> {
        clock: &'a Jumping,
        end: watch::Sender<bool>,
        until: Timestamp,
        passes: Mutex<Vec<Timestamp>>,
        looks: Mutex<usize>,
        /// What every pass runs into.
        reason: Option<ProblemReason>,
        /// When the branch moves.
        moves_at: Option<Timestamp>,
    }

    impl Fake<'_> {
        fn now_head(&self) -> String {
            if self.moves_at.is_some_and(|moves| self.clock.now() >= moves) { "b".into() } else { "a".into() }
        }
    }

    #[async_trait]
    impl Following for Fake<'_> {
        async fn head(&self) -> Option<String> {
            *self.looks.lock().expect("not poisoned") += 1;
            Some(self.now_head())
        }

        async fn pass(&self) -> PassResult {
            self.passes.lock().expect("not poisoned").push(self.clock.now());
            if self.clock.now() >= self.until {
                self.end.send(true).expect("somebody listens");
            }
            let problem = self.reason.map(|reason| Problem { reason, message: "So.".to_owned() });
            PassResult { revision: Some(self.now_head()), problem, ..PassResult::default() }
        }
    }

    /// Follows for a day from noon; returns when passes were made, in seconds, and how often the branch was looked at.
    fn day(reason: Option<ProblemReason>, moves_after: Option<u64>, schedule: &str) -> (Vec<i64>, usize) {
        let noon: Timestamp = "2026-06-01T12:00:00Z".parse().expect("a time");
        let clock = Jumping(Mutex::new(noon));
        let (end, ended) = watch::channel(false);
        let fake = Fake {
            clock: &clock,
            end,
            until: after(noon, Duration::from_secs(24 * 3600)),
            passes: Mutex::new(Vec::new()),
            looks: Mutex::new(0),
            reason,
            moves_at: moves_after.map(|seconds| after(noon, Duration::from_secs(seconds))),
        };
        let wakes = Wakes { ended, look: Arc::new(Notify::new()), fetch: Arc::new(Notify::new()) };
        let pace = Pace::new(Duration::from_secs(60), schedule).expect("valid");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(follow(&fake, &pace, &clock, &wakes)), Woken::End);
        let passes = fake.passes.lock().expect("not poisoned");
        let looks = *fake.looks.lock().expect("not poisoned");
        (passes.iter().map(|pass| pass.as_second() - noon.as_second()).collect(), looks)
    }

    #[test]
    fn a_quiet_day_has_one_pass_per_drift_check_and_a_look_per_interval() {
        let (passes, looks) = day(None, None, "0 */10 * * * *");
        assert_eq!(passes, (0..=144).map(|check| check * 600).collect::<Vec<i64>>());
        assert!((1250..=1450).contains(&looks), "{looks}");
    }

    #[test]
    fn a_commit_is_noticed_within_the_interval() {
        let (passes, _) = day(None, Some(4000), "0 0 */6 * * *");
        assert_eq!((passes[0], passes.len()), (0, 6), "{passes:?}");
        assert!((4000..=4066).contains(&passes[1]), "{passes:?}");
    }

    #[test]
    fn what_needs_a_person_waits_for_a_commit_and_what_does_not_is_tried_more_and_more_seldom() {
        let (stalled, _) = day(Some(ProblemReason::ManifestsInvalid), None, "0 0 */6 * * *");
        assert_eq!(stalled, [0, 6, 12, 18, 24].map(|hour| hour * 3600));
        let (retried, looks) = day(Some(ProblemReason::SourceFailed), None, "0 0 */6 * * *");
        assert_eq!(looks, 0);
        assert!(retried[1] <= 2 && retried[2] <= 6, "{retried:?}");
        assert!((100..=350).contains(&retried.len()), "{}", retried.len());
    }
}
