//! What the passes came to, for whoever asks over HTTP. Passes write it, the server reads it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::metrics::Metrics;
use super::pass::{PassResult, WhatToDo};
use super::schedule::{Next, next};
use crate::apply::Progress;
use crate::plan::apply_report::{ActionResult, ApplyReport, Outcome};
use crate::report::commit::RecordedApply;
use crate::report::page::{About, Leadership, PastApply, PastPass, PastPlan, StatusPage, status_page};
use crate::report::plan_json;
use crate::report::status::{StatusReport, is_drift, status_json};

/// Passes of the history.
const MOST_PASSES: usize = 50;
/// The longest problem that is kept, in characters.
const LONGEST_DETAILS: usize = 100_000;

/// A pass that ended.
pub struct EndedPass<'a> {
    /// What it came to.
    pub result: &'a PassResult,
    /// The same as a status.
    pub status: &'a StatusReport,
    /// Whether it could write.
    pub what_to_do: WhatToDo,
    /// When it ended.
    pub ended: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// The last apply that the report branch tells of.
    pub recorded: Option<(RecordedApply, Timestamp)>,
}

/// What is shown.
struct Shown {
    about: About,
    leadership: Leadership,
    status: Option<StatusReport>,
    /// How far an apply has come that is under way.
    applying: Option<String>,
    hint: Option<String>,
    details: Option<String>,
    /// The last plan that was made; it stays until another is made.
    plan: Option<Arc<PastPlan>>,
    apply: Option<Arc<PastApply>>,
    recorded: Option<(RecordedApply, Timestamp)>,
    drift_since: BTreeMap<String, Timestamp>,
    passes: VecDeque<PastPass>,
    /// Whether the last pass is to be tried again.
    is_retried: bool,
}

impl Shown {
    /// Returns the status of the last pass, unless an apply is under way: then that no longer holds.
    fn current(&self) -> Option<StatusReport> {
        let status = self.status.as_ref()?;
        Some(self.applying.as_ref().map_or_else(|| status.clone(), |message| status.applying(message)))
    }
}

/// The metrics, and what the last passes came to.
pub struct Board {
    /// The metrics.
    pub metrics: Arc<Metrics>,
    shown: Mutex<Shown>,
}

impl Board {
    /// Makes an empty board.
    pub fn new(metrics: Metrics, about: About) -> Self {
        let shown = Shown {
            about,
            leadership: Leadership::default(),
            status: None,
            applying: None,
            hint: None,
            details: None,
            plan: None,
            apply: None,
            recorded: None,
            drift_since: BTreeMap::new(),
            passes: VecDeque::new(),
            is_retried: false,
        };
        Self { metrics: Arc::new(metrics), shown: Mutex::new(shown) }
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what the settings are after they were read again.
    pub fn describe(&self, about: About) {
        self.shown().about = about;
    }

    /// Says who may act.
    pub fn lead(&self, leadership: Leadership) {
        self.shown().leadership = leadership;
    }

    /// Notes a pass.
    pub fn note(&self, pass: &EndedPass<'_>) {
        self.metrics.note(pass.result, pass.what_to_do, pass.took, pass.ended.as_second());
        let plan = pass.result.plan.as_ref().map(|plan| {
            Arc::new(PastPlan { plan: plan.clone(), applied: pass.result.apply.clone(), ended: pass.ended })
        });
        // A pass that found nothing to do is no apply: people look for the last one that did something.
        let apply = pass.result.apply.as_ref().filter(|report| report.results.iter().any(is_tried)).map(|report| {
            let revision = pass.result.revision.clone();
            Arc::new(PastApply { report: report.clone(), revision, ended: pass.ended })
        });
        let details = pass.result.details.as_deref().map(|details| {
            let plain = anstream::adapter::strip_str(details).to_string();
            plain.chars().take(LONGEST_DETAILS).collect()
        });
        let mut shown = self.shown();
        let trigger = trigger(pass.result, &shown);
        shown.is_retried = next(pass.result) == Next::Retry;
        let past = past_pass(pass, trigger);
        shown.passes.push_front(past);
        shown.passes.truncate(MOST_PASSES);
        shown.status = Some(pass.status.clone());
        shown.applying = None;
        shown.hint = pass.result.hint.clone();
        shown.details = details;
        if let Some(plan) = plan {
            note_drift(&mut shown.drift_since, &plan, &pass.result.drift_since);
            shown.plan = Some(plan);
        }
        if apply.is_some() {
            shown.apply = apply;
        }
        if pass.recorded.is_some() {
            shown.recorded.clone_from(&pass.recorded);
        }
    }

    /// Notes a head of the branch that changes nothing of the environment, so that no pass is made for it.
    pub fn see(&self, revision: &str) {
        self.metrics.see(revision);
        if let Some(status) = &mut self.shown().status {
            status.last_attempted_revision = Some(revision.to_owned());
        }
    }

    /// Says whether there is anything to see: a pass has ended, whatever it came to, or another agent acts.
    pub fn is_ready(&self) -> bool {
        let shown = self.shown();
        shown.status.is_some() || shown.leadership == Leadership::Standby
    }

    /// Returns `status.json` of the last pass, or of an apply that is under way.
    pub fn status(&self) -> Option<String> {
        self.shown().current().as_ref().map(status_json)
    }

    /// Returns the last plan that was made.
    pub fn plan(&self) -> Option<String> {
        let plan = self.shown().plan.clone();
        plan.map(|past| plan_json(&past.plan))
    }

    /// Returns the status page as it is now.
    pub fn page(&self, now: Timestamp, refresh: Option<u32>) -> String {
        let shown = self.shown();
        let (about, leadership, status) = (shown.about.clone(), shown.leadership.clone(), shown.current());
        let (hint, details, recorded) = (shown.hint.clone(), shown.details.clone(), shown.recorded.clone());
        let (plan, apply, drift_since) = (shown.plan.clone(), shown.apply.clone(), shown.drift_since.clone());
        let passes: Vec<PastPass> = shown.passes.iter().cloned().collect();
        // Nobody waits for the lock while the page is written.
        drop(shown);
        status_page(&StatusPage {
            about: &about,
            leadership: &leadership,
            status: status.as_ref(),
            hint: hint.as_deref(),
            details: details.as_deref(),
            plan: plan.as_deref(),
            apply: apply.as_deref(),
            recorded: recorded.as_ref(),
            drift_since: &drift_since,
            passes: &passes,
            now,
            refresh,
        })
    }
}

fn past_pass(pass: &EndedPass<'_>, trigger: &'static str) -> PastPass {
    let ready = pass.status.conditions.first();
    PastPass {
        ended: pass.ended,
        milliseconds: u64::try_from(pass.took.as_millis()).unwrap_or(u64::MAX),
        trigger,
        revision: pass.result.revision.clone(),
        reason: ready.map(|condition| condition.reason.clone()).unwrap_or_default(),
        message: ready.map(|condition| condition.message.clone()).unwrap_or_default(),
        ready: ready.is_some_and(|condition| condition.status == "True"),
        applied: pass.status.counts.applied,
    }
}

/// What started a pass, as far as one can see it from what it found.
fn trigger(result: &PassResult, shown: &Shown) -> &'static str {
    let before = shown.passes.iter().find_map(|pass| pass.revision.as_deref());
    match (before, result.revision.as_deref()) {
        _ if shown.passes.is_empty() => "start",
        (Some(before), Some(now)) if before != now => "new commit",
        _ if shown.is_retried => "another try",
        _ => "drift check",
    }
}

impl Progress for Board {
    fn advance(&self, done: usize, total: usize, what: &str) {
        let message = format!("Applying: {done} of {total} operations are through; next: {what}.");
        self.shown().applying = Some(message);
    }
}

/// Keeps when each drift was first seen, as long as it is there. What was remembered of it may be older than this process.
fn note_drift(since: &mut BTreeMap<String, Timestamp>, past: &PastPlan, remembered: &BTreeMap<String, Timestamp>) {
    let done: BTreeSet<&str> = past.applied.iter().flat_map(done).collect();
    let moved = past.plan.actions.iter().filter(|action| is_drift(action)).map(|action| action.id.as_str());
    let drifted: BTreeSet<&str> = moved.filter(|id| !done.contains(id)).collect();
    since.retain(|id, _| drifted.contains(id.as_str()));
    for id in drifted {
        since.entry(id.to_owned()).or_insert_with(|| remembered.get(id).copied().unwrap_or(past.ended));
    }
}

fn done(report: &ApplyReport) -> impl Iterator<Item = &str> {
    report.results.iter().filter(|result| is_done(&result.outcome)).map(|result| result.action_id.as_str())
}

fn is_tried(result: &ActionResult) -> bool {
    match &result.outcome {
        Outcome::Skipped { .. } => false,
        Outcome::Applied
        | Outcome::AppliedUnconfirmed { .. }
        | Outcome::Failed { .. }
        | Outcome::NotAttempted { .. } => true,
    }
}

fn is_done(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Applied | Outcome::AppliedUnconfirmed { .. } => true,
        Outcome::Failed { .. } | Outcome::NotAttempted { .. } | Outcome::Skipped { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::types::{Plan, Status};
    use crate::report::status::{Problem, ProblemReason};

    fn board() -> Board {
        let about = About {
            environment: "prod".to_owned(),
            source: "/srv/kafka.git".to_owned(),
            branch: "main".to_owned(),
            observes: false,
            version: "1.2.3",
            started: time(0),
        };
        Board::new(Metrics::new("prod"), about)
    }

    fn time(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + seconds).expect("a time")
    }

    fn note(board: &Board, result: &PassResult, seconds: i64) {
        let status = result.status("prod");
        let what_to_do = WhatToDo::Apply;
        let (ended, took, recorded) = (time(seconds), Duration::ZERO, None);
        board.note(&EndedPass { result, status: &status, what_to_do, ended, took, recorded });
    }

    fn at(revision: &str) -> PassResult {
        PassResult { revision: Some(revision.to_owned()), ..PassResult::default() }
    }

    /// A plan that finds these topics changed on the cluster.
    fn plan(drifted: &[&str]) -> Plan {
        let action = |name: &&str| {
            serde_json::json!({
                "id": format!("topic/{name}/update"), "kind": "topic", "name": name, "action": "update", "origin": "drift",
                "reason": "config-differs", "risk": "low", "status": "planned", "fields": [],
            })
        };
        let plan = serde_json::json!({
            "apiVersion": "driftless.dev/v1", "kind": "Plan", "id": "sha256:00", "environment": "prod",
            "cluster": {"id": "c", "brokers": 3}, "source": {"revision": "a", "base": "a"},
            "summary": {"create": 0, "update": drifted.len(), "delete": 0, "held": 0, "blocked": 0, "unmanaged": 0},
            "preconditions": {"clusterId": "c", "observedFingerprint": "sha256:00"},
            "actions": drifted.iter().map(action).collect::<Vec<_>>(), "unmanaged": [], "unknown": [], "findings": [],
        });
        serde_json::from_value(plan).expect("a plan")
    }

    #[test]
    fn the_history_says_what_started_each_pass_and_forgets_the_oldest() {
        let board = board();
        let failed = |reason| Some(Problem { reason, message: "So.".to_owned() });
        let passes = [
            (at("a"), "start"),
            (at("a"), "drift check"),
            (PassResult { problem: failed(ProblemReason::SourceFailed), ..PassResult::default() }, "drift check"),
            (PassResult { problem: failed(ProblemReason::ClusterUnreachable), ..at("a") }, "another try"),
            (PassResult { problem: failed(ProblemReason::ManifestsInvalid), ..at("a") }, "another try"),
            (at("a"), "drift check"),
            (at("b"), "new commit"),
        ];
        for (index, (result, _)) in passes.iter().enumerate() {
            note(&board, result, i64::try_from(index).expect("few"));
        }
        let triggers: Vec<&str> = board.shown().passes.iter().rev().map(|pass| pass.trigger).collect();
        assert_eq!(triggers, passes.each_ref().map(|(_, trigger)| *trigger));
        for second in 10..100 {
            note(&board, &at("b"), second);
        }
        assert_eq!(board.shown().passes.len(), MOST_PASSES);
    }

    #[test]
    fn the_last_apply_is_the_last_that_did_something() {
        let board = board();
        let applied = |outcome: Option<Outcome>| {
            let result = |outcome| ActionResult { action_id: "topic/orders/update".to_owned(), outcome };
            let results = outcome.into_iter().map(result).collect();
            let (plan_id, environment) = ("sha256:00".to_owned(), "prod".to_owned());
            PassResult { apply: Some(ApplyReport { plan_id, environment, results, interrupted: false }), ..at("a") }
        };
        let last = |board: &Board| board.shown().apply.as_ref().map(|apply| apply.ended);
        note(&board, &applied(None), 1);
        assert_eq!(last(&board), None);
        note(&board, &applied(Some(Outcome::Applied)), 2);
        note(&board, &applied(None), 3);
        note(&board, &applied(Some(Outcome::Skipped { status: Status::Held, reason: None })), 4);
        assert_eq!(last(&board), Some(time(2)));
    }

    #[test]
    fn drift_is_shown_since_it_was_first_seen_until_it_is_gone() {
        let board = board();
        let (in_sync, drifted) = (plan(&[]), plan(&["orders"]));
        let with = |plan: &Plan| PassResult { plan: Some(plan.clone()), ..at("a") };
        let since = |board: &Board| board.shown().drift_since.values().copied().collect::<Vec<_>>();
        note(&board, &with(&in_sync), 1);
        assert_eq!(since(&board), []);
        note(&board, &with(&drifted), 2);
        note(&board, &with(&drifted), 3);
        assert_eq!(since(&board), [time(2)]);
        // What could not be looked at is as it was.
        note(&board, &at("a"), 4);
        assert_eq!(since(&board), [time(2)]);
        note(&board, &with(&in_sync), 5);
        assert_eq!(since(&board), []);
        note(&board, &with(&drifted), 6);
        assert_eq!(since(&board), [time(6)]);
        // After a restart, what this machine remembers counts.
        let restarted = super::tests::board();
        let drift_since = BTreeMap::from([("topic/orders/update".to_owned(), time(6))]);
        note(&restarted, &PassResult { drift_since, ..with(&drifted) }, 9);
        assert_eq!(since(&restarted), [time(6)]);
    }

    #[test]
    fn an_apply_that_is_under_way_is_not_in_sync_whatever_the_pass_before_came_to() {
        let board = board();
        let sync = |board: &Board| -> String {
            let status: StatusReport = serde_json::from_str(&board.status().expect("a status")).expect("JSON");
            format!("{} {}", status.sync.as_str(), status.conditions[0].reason)
        };
        let in_sync = PassResult { plan: Some(plan(&[])), ..at("a") };
        note(&board, &in_sync, 1);
        assert_eq!(sync(&board), "Synced Synced");
        board.advance(0, 1200, "new topics");
        assert_eq!(sync(&board), "OutOfSync Applying");
        note(&board, &in_sync, 2);
        assert_eq!(sync(&board), "Synced Synced");
    }

    #[test]
    fn an_agent_is_ready_when_a_pass_ended_or_another_one_acts() {
        let (first, second) = (board(), board());
        assert!(!first.is_ready());
        note(&first, &PassResult::default(), 1);
        assert!(first.is_ready());
        second.lead(Leadership::Standby);
        assert!(second.is_ready() && second.status().is_none());
    }
}
