//! What of a judgement needs neither a plan nor a cluster.

use std::time::Duration;

use jiff::civil::Date;

use super::access::Access;
use super::builtin;
use super::engine::{Judgement, PackEngine};
use super::exceptions;
use super::finding;
use super::input::{self, Values};
use super::limits::{Budget, STACK};
use super::parameters;
use super::reading::Reading;
use super::{Pack, PolicyInput, TIME_LIMIT};
use crate::domain::desired::DesiredState;
use crate::domain::observed::ObservedState;
use crate::plan::types::{Finding, Plan};

/// What git wants, as rules see it, and the rules of the repository's own packs.
pub struct Prepared<'a> {
    desired: &'a DesiredState,
    packs: &'a [Pack],
    own: PackEngine,
    /// What the rules of all engines read.
    reading: Reading,
    wanted: regorus::Value,
    access: Access<'a>,
    values: Values,
}

/// Prepares a judgement while `meanwhile` runs: that takes as long as comparing git with the cluster.
pub fn prepare_while<'a, T>(
    desired: &'a DesiredState,
    packs: &'a [Pack],
    meanwhile: impl FnOnce() -> T,
) -> (Prepared<'a>, T) {
    std::thread::scope(|scope| {
        let prepared = spawn(scope, || Prepared::of(desired, packs));
        let done = meanwhile();
        (joined(prepared), done)
    })
}

impl<'a> Prepared<'a> {
    fn of(desired: &'a DesiredState, packs: &'a [Pack]) -> Self {
        builtin::read_built_in_rules();
        let own = PackEngine::load(packs).with_unknown_fields();
        let built_in = builtin::ENGINES.iter().map(|engine| &engine.reading);
        let reading = built_in.fold(own.reading.clone(), |all, reading| all.and(reading));
        let access = Access::of(desired);
        let mut values = Values::default();
        let wanted = input::desired(desired, access.gathered(), (&reading, own.judges_whole()), &mut values);
        Self { desired, packs, own, reading, wanted, access, values }
    }

    /// Judges, and returns every finding: those that deny first, then by resource, code and message. Waived findings are
    /// among them, marked as such. Same input, same findings in the same order. Arguments are as in [`PolicyInput`].
    pub fn judge(self, plan: Option<&Plan>, observed: Option<&ObservedState>, today: Date) -> Vec<Finding> {
        self.judge_within(plan, observed, today, TIME_LIMIT)
    }

    /// Judges within another time limit.
    pub(super) fn judge_within(
        self,
        plan: Option<&Plan>,
        observed: Option<&ObservedState>,
        today: Date,
        limit: Duration,
    ) -> Vec<Finding> {
        let Self { desired, packs, own, reading, wanted, access, values } = self;
        let input = PolicyInput { desired, plan, observed, packs, today };
        let budget = Budget::start(limit);
        let (parameters, mut findings) = parameters::checked(desired);
        let (whole, mut judged) = match input::whole(&input, &parameters, (wanted, access), &reading, values) {
            Ok(whole) => (Some(whole), Vec::new()),
            Err(error) => (None, vec![finding::broken_input(&error)]),
        };
        // Each with an engine of its own, and on a thread of its own.
        let judge = |engine| judge_by(engine, whole.as_ref(), desired, &budget);
        std::thread::scope(|scope| {
            let built_in = builtin::ENGINES.iter().map(|engine| spawn(scope, move || judge(PackEngine::clone(engine))));
            let threads: Vec<_> = built_in.chain([spawn(scope, move || judge(own))]).collect();
            judged.extend(threads.into_iter().flat_map(joined));
        });
        findings.extend(exceptions::waive(judged, &input));
        findings.sort_by(|left, right| super::order(left).cmp(&super::order(right)));
        findings.dedup();
        findings
    }
}

/// Judges by the rules of one engine.
fn judge_by(
    mut engine: PackEngine,
    whole: Option<&regorus::Value>,
    desired: &DesiredState,
    budget: &Budget,
) -> Vec<Judgement> {
    let mut judged = engine.take_errors();
    if let Some(whole) = whole.filter(|_| engine.judges_whole()) {
        judged.extend(engine.judge_whole(whole.clone(), desired, budget));
    }
    judged.extend(engine.judge_documents(&desired.documents, desired, budget));
    judged
}

/// Starts a thread that has the stack that the engine needs.
fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> std::thread::ScopedJoinHandle<'scope, T> {
    let thread = std::thread::Builder::new().name("policy".to_owned()).stack_size(STACK);
    thread.spawn_scoped(scope, work).expect("the system has a thread for policy")
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
