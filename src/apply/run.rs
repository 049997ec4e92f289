//! The one linear story of an apply.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::names::Principal;
use crate::domain::operation::{Operation, OperationKind, requests};
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::domain::rule::{RuleGroup, RuleGroupId};
use crate::plan::apply_report::{ActionResult, ApplyReport, Outcome};
use crate::plan::fields::PASSWORD;
use crate::plan::operations::{Performance, performance};
use crate::plan::types::{Action, ActionKind, Phase, Plan, Status};
use crate::ports::{JournalEntry, JournalPhase, ResourceError};

use super::World;
use super::confirm::{Standing, confirm};

/// Performs exactly what the plan lists as planned, and says for each action what became of it.
///
/// Where it may stop: before a batch (the stop flag), never inside one. Deletions wait until everything before them has
/// succeeded; revokes of a principal wait until its grants have.
pub async fn apply(plan: &Plan, world: &World<'_>) -> ApplyReport {
    let mut run = Run::new(plan);
    run.operations(world).await;
    run.confirm(world).await;
    run.report()
}

/// What is known of one action while the apply runs.
#[derive(Debug, Clone, PartialEq)]
enum State {
    /// Not every operation of it was sent.
    Waiting,
    /// Every operation was accepted.
    Accepted,
    /// It failed, and the failure is final.
    Failed(ResourceError),
    /// It is not going to be tried.
    NotAttempted(String),
    /// The plan does not want it done.
    Skipped(Status),
}

/// One operation of one action.
struct Step {
    /// Index of the action in the plan.
    action: usize,
    operation: Operation,
}

struct Run<'a> {
    plan: &'a Plan,
    states: Vec<State>,
    /// Operations that are still to be accepted, by action.
    open: Vec<usize>,
    steps: BTreeMap<OperationKind, Vec<Step>>,
    rules: BTreeMap<String, Vec<(usize, RuleGroupId, Option<RuleGroup>)>>,
    standings: BTreeMap<usize, Standing>,
    interrupted: bool,
    done: usize,
    total: usize,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        let count = plan.actions.len();
        let mut run = Self {
            plan,
            states: vec![State::Waiting; count],
            open: vec![0; count],
            steps: BTreeMap::new(),
            rules: BTreeMap::new(),
            standings: BTreeMap::new(),
            interrupted: false,
            done: 0,
            total: 0,
        };
        for (index, action) in plan.actions.iter().enumerate() {
            run.enlist(index, action);
        }
        run
    }

    fn enlist(&mut self, index: usize, action: &Action) {
        match action.status {
            Status::Planned => {}
            Status::Held | Status::Blocked => {
                self.states[index] = State::Skipped(action.status);
                return;
            }
        }
        let topic_id = self.plan.preconditions.topic_ids.get(&action.name).and_then(|id| id.parse().ok());
        match performance(action, topic_id) {
            Err(error) => {
                let (code, unchanged) = ("INVALID_PLAN".to_owned(), true);
                self.states[index] = State::Failed(ResourceError { code, message: error.to_string(), unchanged });
            }
            Ok(Performance::Rules(id, group)) => {
                self.rules.entry(id.namespace.clone()).or_default().push((index, id, group));
                self.open[index] = 1;
                self.total += 1;
            }
            Ok(Performance::Cluster(operations)) => {
                self.open[index] = operations.len();
                self.total += operations.len();
                for operation in operations {
                    self.steps.entry(operation.kind()).or_default().push(Step { action: index, operation });
                }
            }
        }
    }

    async fn operations(&mut self, world: &World<'_>) {
        for kind in OperationKind::ALL {
            if kind == OperationKind::DeleteAcl {
                // Rules after everything that adds, before everything that takes away.
                self.rule_groups(world).await;
            }
            let steps = self.steps.remove(&kind).unwrap_or_default();
            let operations: Vec<&Operation> = steps.iter().map(|step| &step.operation).collect();
            for request in requests(&operations) {
                self.batch(world, kind, &steps[request]).await;
            }
        }
    }

    /// Takes out of a batch what must not be tried any more.
    fn still_wanted<'s>(&mut self, batch: &'s [Step]) -> Vec<&'s Step> {
        let refused = self.principals_with_failed_grants();
        let writes_failed = self.writes_failed();
        batch.iter().filter(|step| self.may_go_on(step.action, &refused, writes_failed)).collect()
    }

    fn may_go_on(&mut self, index: usize, refused: &BTreeSet<Principal>, writes_failed: bool) -> bool {
        if self.states[index] != State::Waiting {
            return false;
        }
        let action = &self.plan.actions[index];
        let reason = match action.phase() {
            Phase::Write => None,
            Phase::Revoke => match action.resource() {
                Some(ResourceId::Acl(binding)) if refused.contains(&binding.principal) => Some(format!(
                    "a grant of `{}` failed, and nothing is taken from it before that is done",
                    binding.principal
                )),
                Some(_) | None => None,
            },
            Phase::Delete if writes_failed => Some("something before it failed, and deletions come last".to_owned()),
            Phase::Delete => None,
        };
        match reason {
            None => true,
            Some(reason) => {
                self.states[index] = State::NotAttempted(reason);
                false
            }
        }
    }

    fn writes_failed(&self) -> bool {
        let failed =
            |(action, state): (&Action, &State)| action.phase() == Phase::Write && matches!(state, State::Failed(_));
        self.plan.actions.iter().zip(&self.states).any(failed)
    }

    fn principals_with_failed_grants(&self) -> BTreeSet<Principal> {
        let failed = self.plan.actions.iter().zip(&self.states).filter(|(action, state)| {
            action.kind == ResourceKind::Acl && action.action == ActionKind::Create && matches!(state, State::Failed(_))
        });
        failed
            .filter_map(|(action, _)| match action.resource() {
                Some(ResourceId::Acl(binding)) => Some(binding.principal),
                Some(_) | None => None,
            })
            .collect()
    }

    fn stopped(&mut self, world: &World<'_>) -> bool {
        if world.stop.is_set() {
            self.interrupted = true;
        }
        self.interrupted
    }

    async fn batch(&mut self, world: &World<'_>, kind: OperationKind, batch: &[Step]) {
        let batch = self.still_wanted(batch);
        if batch.is_empty() || self.stopped(world) {
            return;
        }
        world.progress.advance(self.done, self.total, describe(kind));
        if let Err(error) = self.note_before(world, batch.iter().map(|step| step.action)) {
            self.fail_all(&batch, &error);
            return;
        }
        let operations: Vec<Operation> = batch.iter().map(|step| step.operation.clone()).collect();
        let results = world.cluster.perform(&operations, world.passwords).await;
        for (index, step) in batch.iter().enumerate() {
            let result = results.get(index).cloned().unwrap_or_else(|| Err(no_answer()));
            self.note_result(step.action, result);
        }
        self.done += batch.len();
        self.note_after(world, batch.iter().map(|step| step.action));
    }

    async fn rule_groups(&mut self, world: &World<'_>) {
        let namespaces = std::mem::take(&mut self.rules);
        for (namespace, changes) in namespaces {
            if self.stopped(world) {
                return;
            }
            world.progress.advance(self.done, self.total, "rule groups");
            let result = match self.note_before(world, changes.iter().map(|(index, _, _)| *index)) {
                Err(error) => Err(error),
                Ok(()) => replace_namespace(world, &namespace, &changes).await,
            };
            for (index, _, _) in &changes {
                self.note_result(*index, result.clone());
            }
            self.done += changes.len();
            self.note_after(world, changes.iter().map(|(index, _, _)| *index));
        }
    }

    fn note_result(&mut self, index: usize, result: Result<(), ResourceError>) {
        match result {
            Ok(()) => {
                self.open[index] = self.open[index].saturating_sub(1);
                if self.open[index] == 0 && self.states[index] == State::Waiting {
                    self.states[index] = State::Accepted;
                }
            }
            Err(error) => {
                let begun = self.open[index] < operations_of(&self.plan.actions[index]);
                // A first half that landed is a change, whatever became of the second.
                let unchanged = error.unchanged && !begun;
                self.states[index] = State::Failed(ResourceError { unchanged, ..error });
            }
        }
    }

    fn fail_all(&mut self, batch: &[&Step], error: &ResourceError) {
        for step in batch {
            self.states[step.action] = State::Failed(error.clone());
        }
    }

    fn entries(&self, indexes: impl Iterator<Item = usize>, before: bool) -> Vec<JournalEntry> {
        let entry = |index: usize| {
            let action = &self.plan.actions[index];
            let phase = match (&self.states[index], before) {
                (_, true) | (State::Waiting, false) => JournalPhase::Intended,
                (State::Accepted, false) => JournalPhase::Done,
                (State::Failed(_) | State::NotAttempted(_) | State::Skipped(_), false) => JournalPhase::Failed,
            };
            let fields = action.fields.iter().filter(|field| field.path != PASSWORD);
            Some(JournalEntry {
                action_id: action.id.clone(),
                resource: action.resource()?,
                fields: fields
                    .map(|field| (field.path.clone(), field.desired.as_ref().and_then(|v| v.text()).map(str::to_owned)))
                    .collect(),
                phase,
                topic_id: None,
            })
        };
        indexes.filter_map(entry).collect()
    }

    fn note_before(&self, world: &World<'_>, indexes: impl Iterator<Item = usize>) -> Result<(), ResourceError> {
        let Some(journal) = world.journal else { return Ok(()) };
        journal.before(&self.entries(indexes, true)).map_err(|error| ResourceError {
            code: "NOT_SENT".to_owned(),
            message: format!("the journal could not be written, so nothing was sent: {error}"),
            unchanged: true,
        })
    }

    fn note_after(&self, world: &World<'_>, indexes: impl Iterator<Item = usize>) {
        if let Some(journal) = world.journal
            && let Err(error) = journal.after(&self.entries(indexes, false))
        {
            // What was intended is on disk; the next run finds out by itself whether it landed.
            tracing::warn!(%error, "journal not written");
        }
    }

    async fn confirm(&mut self, world: &World<'_>) {
        let looked_at = |state: &State| match state {
            State::Accepted => true,
            State::Failed(error) => !error.unchanged,
            State::Waiting | State::NotAttempted(_) | State::Skipped(_) => false,
        };
        let indexes = self.states.iter().enumerate().filter(|(_, state)| looked_at(state)).map(|(index, _)| index);
        let actions: BTreeMap<usize, &Action> = indexes.map(|index| (index, &self.plan.actions[index])).collect();
        if actions.is_empty() {
            return;
        }
        world.progress.advance(self.done, self.total, "reading back");
        self.standings = confirm(world, &actions).await;
    }

    fn report(self) -> ApplyReport {
        let waiting = if self.interrupted { "stopped before it" } else { "an operation before it failed" };
        let results = self.plan.actions.iter().zip(&self.states).enumerate().map(|(index, (action, state))| {
            let outcome = match (state, self.standings.get(&index)) {
                (State::Skipped(status), _) => Outcome::Skipped { status: *status, reason: action.note.clone() },
                (State::NotAttempted(reason), _) => Outcome::NotAttempted { reason: reason.clone() },
                (State::Waiting, _) => Outcome::NotAttempted { reason: waiting.to_owned() },
                (State::Accepted, Some(Standing::Seen)) => Outcome::Applied,
                (State::Accepted, Some(Standing::NotSeen(message))) => {
                    Outcome::AppliedUnconfirmed { message: message.clone() }
                }
                (State::Accepted, None) => Outcome::AppliedUnconfirmed { message: "it was not read back".to_owned() },
                // The answer was lost, and yet the cluster shows all of it. A password does not show.
                (State::Failed(error), Some(Standing::Seen)) if !error.unchanged && !writes_password(action) => {
                    Outcome::Applied
                }
                (State::Failed(error), _) => Outcome::Failed {
                    code: error.code.clone(),
                    message: error.message.clone(),
                    unchanged: error.unchanged,
                },
            };
            ActionResult { action_id: action.id.clone(), outcome }
        });
        ApplyReport {
            plan_id: self.plan.id.clone(),
            environment: self.plan.environment.clone(),
            results: results.collect(),
            interrupted: self.interrupted,
        }
    }
}

fn writes_password(action: &Action) -> bool {
    action.fields.iter().any(|field| field.path == PASSWORD)
}

fn operations_of(action: &Action) -> usize {
    match performance(action, None) {
        Ok(Performance::Cluster(operations)) => operations.len(),
        Ok(Performance::Rules(..)) => 1,
        Err(_) => 0,
    }
}

fn no_answer() -> ResourceError {
    ResourceError {
        code: "NO_ANSWER".to_owned(),
        message: "the cluster gave no result for it".to_owned(),
        unchanged: false,
    }
}

fn describe(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::CreateTopic => "new topics",
        OperationKind::AddPartitions => "new partitions",
        OperationKind::AlterTopicConfig => "topic configs",
        OperationKind::UpsertScram => "credentials",
        OperationKind::CreateAcl => "grants",
        OperationKind::AlterQuota => "quotas",
        OperationKind::AlterBrokerConfig => "broker configs",
        OperationKind::DeleteAcl => "revokes",
        OperationKind::DeleteScram => "credentials to remove",
        OperationKind::DeleteTopic => "topics to delete",
    }
}

async fn replace_namespace(
    world: &World<'_>,
    namespace: &str,
    changes: &[(usize, RuleGroupId, Option<RuleGroup>)],
) -> Result<(), ResourceError> {
    let failed =
        |message: String, unchanged: bool| ResourceError { code: "RULES_NOT_LOADED".to_owned(), message, unchanged };
    let Some(rules) = world.rules else {
        return Err(failed("no rule directory is configured (`--rules-directory`)".to_owned(), true));
    };
    let present = rules.observe().await.map_err(|error| failed(error.to_string(), true))?;
    let mut groups: BTreeMap<String, RuleGroup> =
        present.into_iter().filter(|(id, _)| id.namespace == namespace).map(|(id, group)| (id.group, group)).collect();
    for (_, id, group) in changes {
        match group {
            Some(group) => groups.insert(id.group.clone(), group.clone()),
            None => groups.remove(&id.group),
        };
    }
    // On refusal the store puts the last good file back.
    rules.replace(namespace, &groups).await.map_err(|error| failed(error.to_string(), true))
}
