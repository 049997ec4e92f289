//! Confirmation and contest, check by check.

use super::*;
use crate::domain::observed::Knowledge;
use crate::plan::input::DriftCorrection;
use crate::plan::testing::{World, topic_name};
use crate::plan::types::Status;

/// A cluster, an agent's memory, and a clock.
struct Watched {
    world: World,
    memory: DriftMemory,
    now: Timestamp,
    confirmations: u32,
}

impl Watched {
    fn new(confirmations: u32) -> Self {
        let mut world = World::new();
        world.want_topic("orders", 6, 3, &[("retention.ms", "86400000")]);
        world.apply();
        let now = "2026-06-01T12:00:00Z".parse().expect("a time");
        Self { world, memory: DriftMemory::default(), now, confirmations }
    }

    fn drift(&mut self, retention: &str) -> &mut Self {
        let topic = self.world.observed.topics.get_mut(&topic_name("orders")).expect("there");
        topic.overrides.insert("retention.ms".into(), Some(retention.into()));
        self
    }

    fn git(&mut self, retention: &str) -> &mut Self {
        self.world.want_topic("orders", 6, 3, &[("retention.ms", retention)]);
        self
    }

    /// Makes a check so many seconds later, and applies what it plans. Says what became of each action.
    fn check(&mut self, seconds: i64) -> String {
        self.now = self.now.saturating_add(SignedDuration::from_secs(seconds)).expect("in time");
        self.world.options.watch = watch(&self.memory, self.confirmations, self.now);
        let plan = self.world.plan();
        seen(&mut self.memory, &plan, self.now);
        if plan.actions.iter().any(|action| action.status == Status::Planned) {
            let done = self.world.apply();
            let result = |action: &Action| crate::plan::apply_report::ActionResult {
                action_id: action.id.clone(),
                outcome: match action.status {
                    Status::Planned => Outcome::Applied,
                    Status::Held | Status::Blocked => Outcome::Skipped { status: action.status, reason: None },
                },
            };
            let report = ApplyReport {
                plan_id: done.id.clone(),
                environment: done.environment.clone(),
                results: done.actions.iter().map(result).collect(),
                interrupted: false,
            };
            applied(&mut self.memory, &done, &report, self.now);
        }
        let word = |action: &Action| match (action.status, action.hold) {
            (Status::Held, Some(Hold::DriftUnconfirmed)) => "unconfirmed",
            (Status::Held, Some(Hold::Contested)) => "contested",
            (Status::Held, Some(Hold::DriftNotCorrected)) => "not-corrected",
            (Status::Held, None) => "held",
            (Status::Planned, _) => "done",
            (Status::Blocked, _) => "blocked",
        };
        if plan.actions.is_empty() { "quiet".to_owned() } else { plan.actions.iter().map(word).collect() }
    }
}

#[test]
fn drift_counts_when_it_was_seen_in_two_checks_in_a_row() {
    let mut watched = Watched::new(2);
    assert_eq!(watched.check(0), "quiet");
    assert_eq!(watched.drift("1000").check(600), "unconfirmed");
    // Another value is drift all the same: what never rests must not be hidden for ever.
    assert_eq!(watched.drift("2000").check(600), "done");
    assert_eq!(watched.check(600), "quiet");
    // Gone in between: it begins anew.
    assert_eq!(watched.drift("1000").check(600), "unconfirmed");
    assert_eq!(watched.drift("86400000").check(600), "quiet");
    assert_eq!(watched.drift("1000").check(600), "unconfirmed");
    assert_eq!(watched.check(600), "done");
}

#[test]
fn one_confirmation_is_none_and_more_can_be_asked_for() {
    assert_eq!(Watched::new(1).drift("1000").check(0), "done");
    let mut patient = Watched::new(3);
    patient.drift("1000");
    assert_eq!([patient.check(0), patient.check(60), patient.check(60)], ["unconfirmed", "unconfirmed", "done"]);
}

#[test]
fn looks_that_are_too_near_are_one_check() {
    let mut watched = Watched::new(2);
    assert_eq!(watched.drift("1000").check(0), "unconfirmed");
    assert_eq!(watched.check(1), "unconfirmed");
    assert_eq!(watched.check(8), "unconfirmed");
    assert_eq!(watched.check(1), "done");
}

#[test]
fn a_clock_that_jumps_neither_confirms_too_early_nor_waits_for_ever() {
    let mut watched = Watched::new(2);
    assert_eq!(watched.drift("1000").check(0), "unconfirmed");
    assert_eq!(watched.check(-3600), "unconfirmed");
    assert_eq!(watched.check(10), "done");
    assert_eq!(watched.drift("1000").check(3600), "unconfirmed");
    assert_eq!(watched.check(-7200), "unconfirmed");
    assert_eq!(watched.check(10), "done");
}

#[test]
fn a_check_that_could_not_look_is_none() {
    let acl = "acl/User:alice/allow/Read/topic/literal/orders/*";
    let mut watched = Watched::new(2);
    watched.world.want_acl(acl);
    watched.world.apply();
    let known = std::mem::replace(&mut watched.world.observed.acls, Knowledge::Known(BTreeSet::new()));
    assert_eq!(watched.check(600), "unconfirmed");
    watched.world.observed.acls = Knowledge::Unknown("not allowed".to_owned());
    assert_eq!(watched.check(600), "quiet");
    watched.world.observed.acls = Knowledge::Known(BTreeSet::new());
    assert_eq!(watched.check(600), "done");
    drop(known);
}

#[test]
fn what_git_moves_waits_for_no_confirmation() {
    let mut watched = Watched::new(2);
    assert_eq!(watched.git("90000000").check(0), "done");
    assert_eq!(watched.drift("1000").git("95000000").check(600), "done");
    // A grant that is missing does not delay what git takes away: it is given back at once.
    let [read, write] = ["Read", "Write"].map(|word| format!("acl/User:alice/allow/{word}/topic/literal/orders/*"));
    watched.world.want_acl(&read).want_acl(&write);
    watched.world.apply();
    watched.world.desired.acls.remove(&crate::plan::testing::acl(&write));
    if let Knowledge::Known(acls) = &mut watched.world.observed.acls {
        acls.remove(&crate::plan::testing::acl(&read));
    }
    assert_eq!(watched.check(600), "donedone");
}

#[test]
fn three_corrections_within_an_hour_are_enough_until_an_hour_was_quiet() {
    let mut watched = Watched::new(1);
    for _ in 0..3 {
        assert_eq!(watched.drift("1000").check(600), "done");
    }
    assert_eq!(watched.drift("1000").check(600), "contested");
    // Whoever it is goes on: no end.
    for _ in 0..20 {
        assert_eq!(watched.drift("2000").check(600), "contested");
        assert_eq!(watched.drift("1000").check(600), "contested");
    }
    for _ in 0..5 {
        assert_eq!(watched.check(600), "contested");
    }
    assert_eq!(watched.check(600), "done");
    assert_eq!(watched.check(600), "quiet");
    assert_eq!(watched.check(3600), "quiet");
    assert_eq!(watched.memory, DriftMemory::default());
}

#[test]
fn corrections_that_are_far_apart_are_no_contest() {
    let mut watched = Watched::new(1);
    for _ in 0..20 {
        assert_eq!(watched.drift("1000").check(1801), "done");
    }
}

#[test]
fn a_change_in_git_ends_a_contest() {
    let contested = || {
        let mut watched = Watched::new(1);
        (0..3).for_each(|_| assert_eq!(watched.drift("1000").check(60), "done"));
        assert_eq!(watched.drift("1000").check(60), "contested");
        watched
    };
    let mut overruled = contested();
    assert_eq!(overruled.git("90000000").check(60), "done");
    assert_eq!(overruled.drift("1000").check(60), "done");
    let mut accepted = contested();
    assert_eq!(accepted.git("1000").check(60), "quiet");
    accepted.world.apply();
    // Less than git wants: what is put right cuts nothing.
    assert_eq!(accepted.drift("500").check(60), "done");
}

#[test]
fn where_drift_is_only_reported_nothing_is_ever_contested() {
    let mut watched = Watched::new(2);
    watched.world.options.drift = DriftCorrection::Hold;
    let words: Vec<String> = (0..10).map(|_| watched.drift("1000").check(60)).collect();
    assert_eq!(words[0], "unconfirmed");
    assert!(words[1..].iter().all(|word| word == "not-corrected"), "{words:?}");
}
