//! The loop: one pass at a time, and what starts the next one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use super::pass::PassResult;
use super::schedule::{Next, Pace, after, next};
use crate::ports::Clock;

/// How long the process goes on after it was told to end, for what is in flight.
pub const LONGEST_END: Duration = Duration::from_secs(20);

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
    /// Somebody wants a pass now; the settings are what they were.
    pub pass: Arc<Notify>,
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
    /// The next pass is to be made at once. [`follow`] itself makes it, and never returns this.
    Pass,
}

/// Makes passes until something else is wanted. The first one is made at once.
pub async fn follow(following: &dyn Following, pace: &Pace, clock: &dyn Clock, wakes: &Wakes) -> Woken {
    let mut retries = Pace::retries();
    loop {
        let Some(result) = pass_or_end(following, clock, wakes).await else { return Woken::End };
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
                until_something_changes(following, pace, clock, wakes, result.revision.as_deref(), None).await
            }
            Next::LookAgainSoon => {
                retries = Pace::retries();
                let soon = Some(Pace::soon());
                until_something_changes(following, pace, clock, wakes, result.revision.as_deref(), soon).await
            }
        };
        match woken {
            Some(woken @ (Woken::End | Woken::Look)) => return woken,
            Some(Woken::Pass) | None => {}
        }
    }
}

/// Makes a pass. One that does not come to its end in time when the process is to end is left as it is: what it had sent is
/// in the journal.
async fn pass_or_end(following: &dyn Following, clock: &dyn Clock, wakes: &Wakes) -> Option<PassResult> {
    let patience = async {
        wakes.end().await;
        clock.sleep(LONGEST_END).await;
    };
    tokio::select! {
        biased;
        result = following.pass() => Some(result),
        () = patience => None,
    }
}

/// Looks at the branch at every interval, and waits until it moved or the drift check is due: the one of the schedule, or one
/// that is wanted soon.
async fn until_something_changes(
    following: &dyn Following,
    pace: &Pace,
    clock: &dyn Clock,
    wakes: &Wakes,
    revision: Option<&str>,
    soon: Option<Duration>,
) -> Option<Woken> {
    let due_next = |soon: Option<Duration>| {
        let now = clock.now();
        let wait = pace.until_drift_check(now).into_iter().chain(soon).min();
        wait.map(|wait| after(now, wait))
    };
    let mut due = due_next(soon);
    loop {
        // A clock that was put back makes the next check of the schedule nearer than it was.
        due = due.into_iter().chain(due_next(None)).min();
        let until_drift = due.map(|due| Duration::try_from(due.duration_since(clock.now())).unwrap_or_default());
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
        () = wakes.pass.notified() => Ended::Woken(Woken::Pass),
        () = wakes.fetch.notified() => Ended::Fetch,
        () = clock.sleep(wait) => Ended::Time,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chrono_tz::Tz;
    use futures::future::BoxFuture;
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::domain::drift_memory::DriftMemory;
    use crate::plan::types::{Hold, Plan};
    use crate::report::status::{Problem, ProblemReason};

    /// A clock that jumps instead of waiting. Once somebody sets it.
    struct Jumping {
        now: Mutex<Timestamp>,
        jump: Mutex<Option<(Timestamp, SignedDuration)>>,
    }

    impl Clock for Jumping {
        fn now(&self) -> Timestamp {
            *self.now.lock().expect("not poisoned")
        }

        fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()> {
            let mut now = self.now.lock().expect("not poisoned");
            *now = after(*now, wait);
            let mut jump = self.jump.lock().expect("not poisoned");
            if let Some((_, by)) = jump.take_if(|(when, _)| *now >= *when) {
                *now = now.saturating_add(by).expect("in time");
            }
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
        /// From when on the cluster differs, and what was remembered of that.
        drifts_at: Option<Timestamp>,
        memory: Mutex<DriftMemory>,
        /// When drift was called drift.
        reported: Mutex<Vec<Timestamp>>,
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
            let now = self.clock.now();
            self.passes.lock().expect("not poisoned").push(now);
            if now >= self.until {
                self.end.send(true).expect("somebody listens");
            }
            let problem = self.reason.map(|reason| Problem { reason, message: "So.".to_owned() });
            let plan = self.drifts_at.filter(|at| now >= *at).map(|_| self.check(now));
            PassResult { revision: Some(self.now_head()), plan, problem, ..PassResult::default() }
        }
    }

    impl Fake<'_> {
        /// Looks at a cluster that drifted, as a pass does.
        fn check(&self, now: Timestamp) -> Plan {
            let mut memory = self.memory.lock().expect("not poisoned");
            let mut plan = crate::plan::testing::drifted("orders");
            let watch = crate::plan::watch::watch(&memory, 2, now);
            let id = plan.actions[0].resource().expect("a resource");
            if watch.is_confirmed(&id) {
                self.reported.lock().expect("not poisoned").push(now);
            } else {
                plan.actions[0].hold = Some(Hold::DriftUnconfirmed);
            }
            crate::plan::watch::seen(&mut memory, &plan, now);
            plan
        }
    }

    /// A day of an agent: from when, and what happens in it, in seconds from its start.
    struct Day {
        start: &'static str,
        reason: Option<ProblemReason>,
        moves_after: Option<u64>,
        drifts_after: Option<u64>,
        jump: Option<(u64, i64)>,
        schedule: &'static str,
        time_zone: Tz,
    }

    const QUIET: Day = Day {
        start: "2026-06-01T12:00:00Z",
        reason: None,
        moves_after: None,
        drifts_after: None,
        jump: None,
        schedule: "0 */10 * * * *",
        time_zone: Tz::UTC,
    };

    /// What was seen of a day, in seconds from its start.
    struct Seen {
        passes: Vec<i64>,
        reported: Vec<i64>,
        looks: usize,
    }

    impl Day {
        /// Follows for 24 hours.
        fn follow(&self) -> Seen {
            let start: Timestamp = self.start.parse().expect("a time");
            let at = |seconds: u64| after(start, Duration::from_secs(seconds));
            let jump = self.jump.map(|(when, by)| (at(when), SignedDuration::from_secs(by)));
            let clock = Jumping { now: Mutex::new(start), jump: Mutex::new(jump) };
            let (end, ended) = watch::channel(false);
            let fake = Fake {
                clock: &clock,
                end,
                until: at(24 * 3600),
                passes: Mutex::new(Vec::new()),
                looks: Mutex::new(0),
                reason: self.reason,
                moves_at: self.moves_after.map(at),
                drifts_at: self.drifts_after.map(at),
                memory: Mutex::new(DriftMemory::default()),
                reported: Mutex::new(Vec::new()),
            };
            let wakes = Wakes {
                ended,
                look: Arc::new(Notify::new()),
                pass: Arc::new(Notify::new()),
                fetch: Arc::new(Notify::new()),
            };
            let pace = Pace::new(Duration::from_secs(60), self.schedule, self.time_zone).expect("valid");
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            assert_eq!(runtime.block_on(follow(&fake, &pace, &clock, &wakes)), Woken::End);
            let since_start = |times: &Mutex<Vec<Timestamp>>| -> Vec<i64> {
                let times = times.lock().expect("not poisoned");
                times.iter().map(|time| time.as_second() - start.as_second()).collect()
            };
            let looks = *fake.looks.lock().expect("not poisoned");
            Seen { passes: since_start(&fake.passes), reported: since_start(&fake.reported), looks }
        }
    }

    #[test]
    fn a_quiet_day_has_one_pass_per_drift_check_and_a_look_per_interval() {
        let seen = QUIET.follow();
        assert_eq!(seen.passes, (0..=144).map(|check| check * 600).collect::<Vec<i64>>());
        assert!((1250..=1450).contains(&seen.looks), "{}", seen.looks);
    }

    #[test]
    fn a_commit_is_noticed_within_the_interval() {
        let passes = Day { moves_after: Some(4000), schedule: "0 0 */6 * * *", ..QUIET }.follow().passes;
        assert_eq!((passes[0], passes.len()), (0, 6), "{passes:?}");
        assert!((4000..=4066).contains(&passes[1]), "{passes:?}");
    }

    #[test]
    fn what_needs_a_person_waits_for_a_commit_and_what_does_not_is_tried_more_and_more_seldom() {
        let invalid = Some(ProblemReason::ManifestsInvalid);
        let stalled = Day { reason: invalid, schedule: "0 0 */6 * * *", ..QUIET }.follow().passes;
        assert_eq!(stalled, [0, 6, 12, 18, 24].map(|hour| hour * 3600));
        let failing = Some(ProblemReason::SourceFailed);
        let Seen { passes: retried, looks, .. } = Day { reason: failing, ..QUIET }.follow();
        assert_eq!(looks, 0);
        assert!(retried[1] <= 2 && retried[2] <= 6, "{retried:?}");
        assert!((100..=350).contains(&retried.len()), "{}", retried.len());
    }

    #[test]
    fn a_drift_is_looked_at_again_soon_and_called_drift_when_it_was_seen_twice() {
        let seen = Day { drifts_after: Some(1000), ..QUIET }.follow();
        assert_eq!(seen.passes[..5], [0, 600, 1200, 1215, 1800]);
        assert_eq!(seen.reported[..2], [1215, 1800]);
    }

    #[test]
    fn a_clock_that_jumps_an_hour_neither_stops_the_checks_nor_makes_many() {
        for by in [3600, -3600] {
            let seen = Day { jump: Some((7300, by)), drifts_after: Some(7200), ..QUIET }.follow();
            let gaps: Vec<i64> = seen.passes.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let odd: Vec<&i64> = gaps.iter().filter(|gap| **gap != 600).collect();
            // The jump itself, the way back to the schedule, and the second look at the drift.
            assert!(odd.len() <= 4, "{by}: {odd:?}");
            assert!(gaps.iter().all(|gap| *gap <= 600 + by.max(0)), "{by}: {gaps:?}");
            assert_eq!(seen.reported.first(), Some(&7215), "{by}");
            let expected = 145 - by / 600;
            assert!((expected - 1..=expected + 3).contains(&i64::try_from(seen.passes.len()).expect("few")), "{by}");
        }
    }

    #[test]
    fn days_of_23_and_25_hours_have_no_gap() {
        for start in ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"] {
            let passes = Day { start, time_zone: Tz::Europe__Berlin, ..QUIET }.follow().passes;
            assert_eq!(passes, (0..=144).map(|check| check * 600).collect::<Vec<i64>>(), "{start}");
        }
        let nightly = Day { schedule: "0 0 3 * * *", time_zone: Tz::Europe__Berlin, ..QUIET };
        let at = |start: &'static str| Day { start, ..nightly }.follow().passes[1] / 3600;
        assert_eq!([at("2026-03-28T12:00:00Z"), at("2026-10-24T12:00:00Z")], [13, 14]);
    }
}
