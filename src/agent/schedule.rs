//! When the next pass is made.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::str::FromStr;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use chrono::{DateTime, FixedOffset, Offset, Utc};
use chrono_tz::Tz;
use jiff::{SignedDuration, Timestamp};

use super::pass::PassResult;
use crate::plan::watch;
use crate::report::status::ProblemReason;

/// The first wait after a failure that passes by itself.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest one.
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// How soon that is. A little longer than what makes two looks at a drift two checks.
const SOON: Duration = Duration::from_secs(15);

/// What a pass means for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing is to be done before the branch moves, or the drift check is due.
    WhenSomethingChanges,
    /// As before, and the cluster is looked at again soon: a drift is not confirmed yet, or another agent has something to do.
    LookAgainSoon,
    /// The same may succeed later.
    Retry,
}

/// Says what a pass means for the next one.
pub fn next(result: &PassResult) -> Next {
    let incomplete = result.apply.as_ref().is_some_and(|report| report.not_done() > 0 || report.interrupted);
    match &result.problem {
        Some(problem) if !problem.reason.stalls() => Next::Retry,
        None if incomplete => Next::Retry,
        None if result.plan.as_ref().is_some_and(watch::awaits_confirmation) => Next::LookAgainSoon,
        None if result.standby && result.plan.as_ref().is_some_and(|plan| plan.summary.is_open()) => {
            Next::LookAgainSoon
        }
        Some(_) | None => Next::WhenSomethingChanges,
    }
}

/// The settings about time.
pub struct Pace {
    interval: Duration,
    drift_checks: cron::Schedule,
    time_zone: Tz,
}

impl Pace {
    /// Takes the time between two looks at the branch, and a cron expression with seconds and its time zone. The error is
    /// about the expression.
    pub fn new(interval: Duration, drift_checks: &str, time_zone: Tz) -> Result<Self, String> {
        let drift_checks = cron::Schedule::from_str(drift_checks).map_err(|error| error.to_string())?;
        Ok(Self { interval, drift_checks, time_zone })
    }

    /// Returns the time until the next look: the interval, give or take a tenth, so that many agents do not fetch at once.
    pub(super) fn until_look(&self) -> Duration {
        let random = RandomState::new().build_hasher().finish() % 201;
        self.interval * (900 + u32::try_from(random).unwrap_or(100)) / 1000
    }

    /// Returns the time until the next drift check; `None` when there never is one.
    ///
    /// A check is due whenever the wall clock of the time zone shows what the expression says. Where the clock is put forward
    /// an hour is left out, and so are its checks; where it is put back an hour comes twice, and so do its checks.
    pub(super) fn until_drift_check(&self, now: Timestamp) -> Option<Duration> {
        let now =
            DateTime::<Utc>::from_timestamp(now.as_second(), u32::try_from(now.subsec_nanosecond()).unwrap_or(0))?;
        let (mut from, mut after) = (now, now);
        // Each round is one change of the offset; a schedule that is never due ends them by itself.
        loop {
            let offset = self.offset(from);
            let due = self.drift_checks.after(&after.with_timezone(&offset)).next()?.with_timezone(&Utc);
            if self.offset(due) == offset {
                return (due - now).to_std().ok();
            }
            from = self.first_with_another_offset(from, due);
            // The schedule leaves out the second that it is asked about.
            after = from - chrono::TimeDelta::seconds(1);
        }
    }

    fn offset(&self, at: DateTime<Utc>) -> FixedOffset {
        at.with_timezone(&self.time_zone).offset().fix()
    }

    /// Returns a second at which the offset is another than at `from`, and was the same a second before. `until` has another.
    fn first_with_another_offset(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> DateTime<Utc> {
        let (mut same, mut other) = (from, until);
        while other - same > chrono::TimeDelta::seconds(1) {
            let middle = same + (other - same) / 2;
            if self.offset(middle) == self.offset(from) { same = middle } else { other = middle }
        }
        other
    }

    /// Returns the time until a look that is wanted soon.
    pub(super) fn soon() -> Duration {
        SOON
    }

    /// Shortens the wait after a failure to the interval when only the report could not be pushed: commits are followed as
    /// before.
    pub(super) fn until_retry(&self, result: &PassResult, wait: Duration) -> Duration {
        let is_unreported =
            result.problem.as_ref().is_some_and(|problem| problem.reason == ProblemReason::ReportFailed);
        if is_unreported && result.plan.is_some() { wait.min(self.until_look()) } else { wait }
    }

    /// Returns the waits after failures, each longer than the one before and none exact.
    pub(super) fn retries() -> ExponentialBackoff {
        ExponentialBuilder::default()
            .with_min_delay(FIRST_RETRY)
            .with_max_delay(LONGEST_RETRY)
            .with_factor(2.0)
            .with_jitter()
            .without_max_times()
            .build()
    }

    /// The wait when a builder gives none any more, which it never should.
    pub(super) fn longest_retry() -> Duration {
        LONGEST_RETRY
    }
}

/// Adds a wait to a time.
pub(super) fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::status::Problem;

    #[test]
    fn what_needs_a_person_is_not_tried_again_and_what_passes_by_itself_is() {
        for (reason, expected) in [
            (None, Next::WhenSomethingChanges),
            (Some(ProblemReason::SourceFailed), Next::Retry),
            (Some(ProblemReason::ClusterUnreachable), Next::Retry),
            (Some(ProblemReason::ReportFailed), Next::Retry),
            (Some(ProblemReason::PlanStale), Next::Retry),
            (Some(ProblemReason::ManifestsInvalid), Next::WhenSomethingChanges),
            (Some(ProblemReason::SourceUntrusted), Next::WhenSomethingChanges),
            (Some(ProblemReason::ClusterChanged), Next::WhenSomethingChanges),
            (Some(ProblemReason::AuthenticationFailed), Next::WhenSomethingChanges),
        ] {
            let problem = reason.map(|reason| Problem { reason, message: "It is so.".to_owned() });
            assert_eq!(next(&PassResult { problem, ..PassResult::default() }), expected, "{reason:?}");
        }
    }

    #[test]
    fn waits_after_failures_grow_up_to_a_bound() {
        let waits: Vec<Duration> = Pace::retries().take(20).collect();
        assert_eq!(waits.len(), 20);
        assert!(waits[0] >= FIRST_RETRY && waits[0] <= FIRST_RETRY * 2, "{waits:?}");
        assert!(waits[19] >= LONGEST_RETRY && waits[19] <= LONGEST_RETRY * 2, "{waits:?}");
    }

    #[test]
    fn drift_checks_follow_the_wall_clock_of_their_time_zone() {
        let berlin = |schedule: &str| Pace::new(Duration::from_secs(60), schedule, Tz::Europe__Berlin).expect("valid");
        for (schedule, now, due) in [
            // In summer 3 o'clock in Berlin is 1 o'clock UTC, in winter 2 o'clock.
            ("0 0 3 * * *", "2026-06-01T00:00:00Z", "2026-06-01T01:00:00Z"),
            ("0 0 3 * * *", "2026-12-01T00:00:00Z", "2026-12-01T02:00:00Z"),
            ("0 0 3 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
            ("0 0 3 * * *", "2026-10-24T12:00:00Z", "2026-10-25T02:00:00Z"),
            ("0 0 0 1 7 *", "2026-01-01T12:00:00Z", "2026-06-30T22:00:00Z"),
            ("0 0 0 1 12 *", "2026-01-01T12:00:00Z", "2026-11-30T23:00:00Z"),
            // 2:30 is left out on the day when clocks go forward, and comes twice when they go back.
            ("0 30 2 * * *", "2026-03-29T00:00:00Z", "2026-03-30T00:30:00Z"),
            ("0 30 2 * * *", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"),
            ("0 30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
            ("0 30 2 * * *", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"),
            // What is often has no gap.
            ("0 */10 * * * *", "2026-03-29T00:55:00Z", "2026-03-29T01:00:00Z"),
            ("0 */10 * * * *", "2026-10-25T00:55:00Z", "2026-10-25T01:00:00Z"),
            ("0 */10 * * * *", "2026-10-25T01:00:00Z", "2026-10-25T01:10:00Z"),
        ] {
            let now: Timestamp = now.parse().expect("a time");
            let wait = berlin(schedule).until_drift_check(now).expect("due some time");
            assert_eq!(after(now, wait).to_string(), due, "{schedule} after {now}");
        }
        assert_eq!(berlin("0 0 0 1 1 * 2020").until_drift_check("2026-06-01T00:00:00Z".parse().expect("a time")), None);
    }

    #[test]
    fn drift_checks_follow_the_cron_expression() {
        let pace = Pace::new(Duration::from_secs(60), "0 */10 * * * *", Tz::UTC).expect("valid");
        let at = |text: &str| pace.until_drift_check(text.parse().expect("a time"));
        assert_eq!(at("2026-06-01T12:00:00Z"), Some(Duration::from_secs(600)));
        assert_eq!(at("2026-06-01T12:09:58Z"), Some(Duration::from_secs(2)));
        assert!(Pace::new(Duration::from_secs(60), "99 * * * * *", Tz::UTC).is_err());
        for _ in 0..100 {
            let look = pace.until_look();
            assert!(look >= Duration::from_secs(54) && look <= Duration::from_secs(66), "{look:?}");
        }
    }
}
