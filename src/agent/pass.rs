//! One pass of the agent: fetch, trust, load, observe, plan, and what the settings let it do.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::apply::{Progress, StopFlag};
use crate::config::settings::VerifyMode;
use crate::domain::desired::DesiredState;
use crate::domain::drift_memory::DriftMemory;
use crate::domain::snapshot::Snapshot;
use crate::plan::apply_report::ApplyReport;
use crate::plan::input::{PlanOptions, Prune};
use crate::plan::types::{Plan, PlanSource, Status};
use crate::plan::watch;
use crate::policy::Pack;
use crate::ports::{
    AgentMemory, AgentRecord, Clock, Cluster, LocalState, ReportBranch, RuleStore, SourceError, SourceMirror,
};
use crate::reconcile::{Decision, History, Pass, PassError, Planned, Push, Secrets, observe, record_problem};
use crate::report::status::{PassOutcome, Problem, ProblemReason, StatusReport};

use super::trust::{self, Trust};

/// What git wants of this environment.
pub struct Wanted {
    /// The desired state.
    pub desired: DesiredState,
    /// The repository's own policy packs.
    pub packs: Vec<Pack>,
    /// The passwords that could be had.
    pub secrets: Secrets,
    /// A digest of all files that can mean something to the environment.
    pub content: Option<String>,
}

/// Why the files of a revision cannot be used.
pub struct Unloadable {
    /// In one sentence.
    pub message: String,
    /// Every problem, for people.
    pub details: String,
}

/// Whether the cluster may be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhatToDo {
    /// What differs is only shown.
    Observe,
    /// It is applied.
    Apply,
    /// Nothing is written anywhere but in the agent's own directory: another agent acts.
    Standby,
}

/// The world of one pass of the agent.
pub struct AgentPass<'a> {
    /// The environment.
    pub environment: &'a str,
    /// The branch that is followed.
    pub source: &'a dyn SourceMirror,
    /// The revision that the settings accept although it does not descend from the last applied one.
    pub accept_revision: Option<&'a str>,
    /// Which commits must be signed.
    pub verify: VerifyMode,
    /// Loads the files of the environment; does no more than that.
    pub load: &'a (dyn Fn(&Snapshot) -> Result<Wanted, Unloadable> + Sync),
    /// The report branch.
    pub branch: Arc<dyn ReportBranch>,
    /// What this machine remembers.
    pub memory: &'a dyn AgentMemory,
    /// The cluster. Where nothing may be written, the adapter must refuse it too.
    pub cluster: &'a dyn Cluster,
    /// Where rule groups live.
    pub rules: Option<&'a dyn RuleStore>,
    /// driftless' own directory.
    pub local: &'a dyn LocalState,
    /// Time.
    pub clock: &'a dyn Clock,
    /// What the settings decided.
    pub options: &'a PlanOptions,
    /// Whether the cluster may be written to.
    pub what_to_do: WhatToDo,
    /// Who watches the apply.
    pub progress: &'a dyn Progress,
    /// Whether to stop after the batch in flight.
    pub stop: &'a StopFlag,
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Everything was done, or nothing was to be done.
    Done,
    /// Something failed or is left.
    Failed,
    /// Policy refuses, or all that is left is held.
    Refused,
    /// The settings are wrong.
    SettingsInvalid,
}

/// What a pass came to.
#[derive(Default)]
pub struct PassResult {
    /// The head of the branch, as far as it is known.
    pub revision: Option<String>,
    /// The revision that was last applied without a failure.
    pub last_applied: Option<String>,
    /// A digest of all files that can mean something to the environment, when they could be loaded.
    pub content: Option<String>,
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The plan, when the pass came so far.
    pub plan: Option<Plan>,
    /// Since when each drift of the plan was seen, by the id of the action that repairs it.
    pub drift_since: BTreeMap<String, Timestamp>,
    /// What was applied.
    pub apply: Option<ApplyReport>,
    /// Whether another agent acts, and this pass only looked.
    pub standby: bool,
    /// What kept the pass from being finished, or its result from being recorded.
    pub problem: Option<Problem>,
    /// What a person can do about the problem.
    pub hint: Option<String>,
    /// The problem at length, when it is one of files.
    pub details: Option<String>,
    /// Why the report branch could not be fetched, so that the pass relied on what this machine has of it.
    pub unfetched: Option<SourceError>,
}

impl PassResult {
    /// Returns the status as the API and the report branch show it.
    pub fn status(&self, environment: &str) -> StatusReport {
        StatusReport::new(&PassOutcome {
            environment,
            cluster_id: self.cluster_id.as_deref(),
            plan: self.plan.as_ref(),
            apply: self.apply.as_ref(),
            problem: self.problem.as_ref(),
            standby: self.standby,
            last_attempted_revision: self.revision.as_deref(),
            last_applied_revision: self.last_applied.as_deref(),
        })
    }

    /// Says how the pass ended, by the rules of `driftless apply`, or of `driftless plan` where nothing may be written.
    pub fn conclusion(&self, what_to_do: WhatToDo) -> Conclusion {
        if let Some(problem) = &self.problem {
            let settings = problem.reason == ProblemReason::SettingsInvalid;
            return if settings { Conclusion::SettingsInvalid } else { Conclusion::Failed };
        }
        let Some(plan) = &self.plan else { return Conclusion::Failed };
        if self.standby {
            return Conclusion::Done;
        }
        match (Decision::of(plan), what_to_do) {
            (Decision::Denied(_), _) => Conclusion::Refused,
            (_, WhatToDo::Observe | WhatToDo::Standby) => Conclusion::Done,
            (Decision::Held(_), WhatToDo::Apply) => Conclusion::Refused,
            (Decision::Blocked(_), WhatToDo::Apply) => Conclusion::Failed,
            (Decision::Perform, WhatToDo::Apply) => {
                let all_done = |report: &ApplyReport| report.not_done() == 0 && !report.interrupted;
                let none_left = plan.actions.iter().all(|action| action.status == Status::Planned);
                if none_left && self.apply.as_ref().is_some_and(all_done) {
                    Conclusion::Done
                } else {
                    Conclusion::Failed
                }
            }
        }
    }

    fn stop(&mut self, reason: ProblemReason, message: impl Into<String>, hint: Option<String>) {
        self.problem = Some(Problem { reason, message: sentence(&message.into()) });
        self.hint = hint;
    }
}

/// Makes one pass. Never fails as a whole: what went wrong is part of the result.
pub async fn run_pass(world: &AgentPass<'_>) -> PassResult {
    let standby = match world.what_to_do {
        WhatToDo::Standby => true,
        WhatToDo::Observe | WhatToDo::Apply => false,
    };
    let mut result = PassResult { standby, ..PassResult::default() };
    if let Err(stopped) = attempt(world, &mut result).await {
        let Stopped { reason, message, hint, details } = stopped;
        result.stop(reason, message, hint);
        result.details = details;
        // What passes by itself makes no commits, and a standby none at all.
        if reason.stalls() && reason != ProblemReason::RecordDamaged && !standby && world.stop.may_write() {
            record_stall(world, &mut result).await;
        }
    }
    result
}

/// Why a pass ends early.
struct Stopped {
    reason: ProblemReason,
    message: String,
    hint: Option<String>,
    details: Option<String>,
}

impl Stopped {
    fn new(reason: ProblemReason, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { reason, message: message.into(), hint, details: None }
    }
}

impl From<PassError> for Stopped {
    fn from(error: PassError) -> Self {
        let (reason, hint) = (error.reason(), error.hint());
        Self::new(reason, with_causes(&error), hint)
    }
}

async fn attempt(world: &AgentPass<'_>, result: &mut PassResult) -> Result<(), Stopped> {
    let wanted = follow_source(world, result)?;
    result.content = wanted.content.clone();
    let record = remembered(world)?;
    let observation = observe(world.cluster, world.rules, Some(Arc::clone(&world.branch))).await?;
    let cluster_id = observation.observed.cluster.id.clone();
    result.cluster_id = Some(cluster_id.clone());
    let configured = world.options.accepted_cluster.as_deref();
    if let Some(message) = trust::foreign_cluster(&cluster_id, configured, record.cluster_id.as_deref()) {
        return Err(Stopped::new(ProblemReason::ClusterChanged, message, None));
    }
    if record.cluster_id.as_deref() != Some(cluster_id.as_str()) {
        remember(world, &AgentRecord { cluster_id: Some(cluster_id), ..record.clone() })?;
    }
    let mut drift = world.memory.drift();
    let patience = watch::watch(&drift, world.options.watch.confirmations, world.clock.now());
    // What another agent deleted, and somebody made anew, may still look like ours on an old branch.
    let prune = if result.unfetched.is_some() { Prune::Never } else { world.options.prune };
    let options = PlanOptions { prune, watch: patience, ..world.options.clone() };
    let pass = Pass {
        cluster: world.cluster,
        rules: world.rules,
        branch: Some(world.branch.as_ref()),
        local: Some(world.local),
        secrets: &wanted.secrets,
        packs: &wanted.packs,
        clock: world.clock,
        options: &options,
    };
    let source = PlanSource { revision: result.revision.clone(), dirty: false, base: None };
    let planned = pass.plan(observation, &wanted.desired, &source).await?;
    result.plan = Some(planned.plan.clone());
    watch::seen(&mut drift, &planned.plan, world.clock.now());
    result.drift_since = watch::since(&drift, &planned.plan);
    remember_drift(world, &drift)?;
    match (world.what_to_do, Decision::of(&planned.plan)) {
        (WhatToDo::Apply, Decision::Perform) if !world.stop.is_set() => {
            let outcome = apply(world, &pass, &planned, &wanted.desired, result).await;
            if let Some(report) = &result.apply {
                watch::applied(&mut drift, &planned.plan, report, world.clock.now());
            }
            outcome.and(remember_drift(world, &drift))
        }
        (WhatToDo::Standby, _) => Ok(()),
        (WhatToDo::Apply | WhatToDo::Observe, _) if !world.stop.may_write() => Err(PassError::LeaseLost.into()),
        (WhatToDo::Apply | WhatToDo::Observe, _) => {
            pass.record_drift(&planned, &wanted.desired, Push::Yes)?;
            Ok(())
        }
    }?;
    match result.unfetched.take() {
        Some(error) => Err(PassError::Branch(error).into()),
        None => Ok(()),
    }
}

/// Fetches both branches, and loads the files of a head that is trusted.
fn follow_source(world: &AgentPass<'_>, result: &mut PassResult) -> Result<Wanted, Stopped> {
    let failed = |error: SourceError| Stopped::new(ProblemReason::SourceFailed, error.message, error.hint);
    let head = world.source.fetch().map_err(failed)?;
    result.revision = Some(head.clone());
    let unfetched = world.branch.fetch().err();
    let history = History::read(Some(world.branch.as_ref()))?;
    if let Some(error) = unfetched {
        // Planning without knowing what is ours would forget it. What this machine knows of the branch is enough to go on.
        if history == History::default() {
            return Err(PassError::Branch(error).into());
        }
        result.unfetched = Some(error);
    }
    let record = remembered(world)?;
    result.last_applied = history.last_applied_revision.clone();
    let own_last_applied = record.last_applied_revision.as_deref();
    let last_applied = [history.last_applied_revision.as_deref(), own_last_applied].into_iter().flatten().collect();
    let trust = Trust {
        last_applied,
        own_last_applied,
        accepted: world.accept_revision,
        verify: world.verify,
        now: world.clock.now(),
    };
    if let Some(message) = trust::untrusted(world.source, &head, &trust).map_err(failed)? {
        return Err(Stopped::new(ProblemReason::SourceUntrusted, message, None));
    }
    let snapshot = world.source.snapshot(&head).map_err(failed)?;
    (world.load)(&snapshot).map_err(|unloadable| Stopped {
        details: Some(unloadable.details),
        ..Stopped::new(ProblemReason::ManifestsInvalid, unloadable.message, None)
    })
}

async fn apply(
    world: &AgentPass<'_>,
    pass: &Pass<'_>,
    planned: &Planned,
    desired: &DesiredState,
    result: &mut PassResult,
) -> Result<(), Stopped> {
    let applied = pass.apply(planned, Some(desired), world.progress, world.stop, Push::Yes).await?;
    let all_done = applied.report.not_done() == 0 && !applied.report.interrupted;
    result.apply = Some(applied.report);
    if all_done {
        result.last_applied = result.revision.clone();
        let record = remembered(world)?;
        remember(world, &AgentRecord { last_applied_revision: result.revision.clone(), ..record })?;
    }
    match applied.not_recorded.into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

fn remembered(world: &AgentPass<'_>) -> Result<AgentRecord, Stopped> {
    world.memory.read().map_err(|error| {
        let reason = if error.source.is_some() { ProblemReason::StateFailed } else { ProblemReason::RecordDamaged };
        let hint = error.hint.clone();
        Stopped::new(reason, with_causes(&error), hint)
    })
}

fn remember(world: &AgentPass<'_>, record: &AgentRecord) -> Result<(), Stopped> {
    world.memory.write(record).map_err(|error| Stopped::from(PassError::State(error)))
}

fn remember_drift(world: &AgentPass<'_>, drift: &DriftMemory) -> Result<(), Stopped> {
    world.memory.remember_drift(drift).map_err(|error| Stopped::from(PassError::State(error)))
}

/// Puts a problem that waits for a person onto the report branch. That this fails too is only logged: the problem itself is
/// what people must see.
async fn record_stall(world: &AgentPass<'_>, result: &mut PassResult) {
    let outcome = PassOutcome {
        environment: world.environment,
        cluster_id: result.cluster_id.as_deref(),
        plan: result.plan.as_ref(),
        apply: None,
        problem: result.problem.as_ref(),
        standby: false,
        last_attempted_revision: result.revision.as_deref(),
        last_applied_revision: result.last_applied.as_deref(),
    };
    if let Err(error) = record_problem(world.branch.as_ref(), world.clock, &outcome, Push::Yes) {
        tracing::warn!(problem = %with_causes(&error), "the problem could not be put onto the report branch");
    }
}

/// Writes an error with its causes, each once.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

/// Makes a sentence of an error's fragment.
fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    let mut text: String = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    text.push_str(letters.as_str());
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}
