//! Applying a plan, and writing back what was done and seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::apply::{self, Progress, StopFlag, World};
use crate::domain::desired::DesiredState;
use crate::domain::digest::hex;
use crate::domain::inventory::Inventory;
use crate::domain::names::UserName;
use crate::domain::observed::{Interest, ObservedState};
use crate::domain::operation::Operation;
use crate::domain::resource::ResourceId;
use crate::plan::apply_report::{ApplyReport, Outcome};
use crate::plan::operations::{Performance, performance};
use crate::plan::record::inventory_after;
use crate::plan::seal;
use crate::plan::types::{ActionKind, Plan};
use crate::plan::watch;
use crate::ports::{BranchChange, Clock, CredentialId, JournalRun, LocalClusterState, ReportBranch};
use crate::recorded;
use crate::report::commit::{Trailers, apply_message, drift_message, status_message};
use crate::report::drift::{DriftReport, drift_json, drift_markdown};
use crate::report::status::{PassOutcome, StatusReport, status_json};

use super::PassError;
use super::history::{self, History, INVENTORY_FILE, STATUS_FILE, fold_journal};
use super::pass::{Pass, Planned, interest};

/// The directory of the report branch that holds the live state.
const OBSERVED_DIRECTORY: &str = "observed";

/// What came of an apply.
pub struct Applied {
    /// Action by action.
    pub report: ApplyReport,
    /// The commit on the report branch, if there was anything to write.
    pub commit: Option<String>,
    /// What could not be recorded after the apply itself was through; the apply stands all the same.
    pub not_recorded: Vec<PassError>,
}

/// Whether a commit of the report branch is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// It stays local.
    No,
    /// It goes to the remote.
    Yes,
}

/// What a commit of the report branch writes.
struct Files {
    files: BTreeMap<String, Vec<u8>>,
    exact_directories: Vec<String>,
}

impl Pass<'_> {
    /// Reads what a saved plan needs, and refuses the plan when what it relies on no longer holds.
    pub async fn resume(&self, plan: Plan) -> Result<Planned, PassError> {
        let mut broken = Vec::new();
        if seal::content_id(&plan) != plan.id {
            broken.push("its content does not fit its id: the file was changed after it was made".to_owned());
            return Err(PassError::Stale(broken));
        }
        let history = History::read(self.branch)?;
        let nothing = DesiredState::default();
        let Interest::Everything { mut topics, mut brokers } = interest(&nothing, &history.inventory) else {
            return Err(PassError::Stale(broken));
        };
        for id in seal::touched(&plan) {
            match id {
                ResourceId::Topic(name) => {
                    topics.insert(name);
                }
                ResourceId::BrokerConfig(crate::domain::broker_config::BrokerConfigScope::Broker(broker)) => {
                    brokers.insert(broker);
                }
                ResourceId::BrokerConfig(crate::domain::broker_config::BrokerConfigScope::Default)
                | ResourceId::User(_)
                | ResourceId::Acl(_)
                | ResourceId::Quota(_)
                | ResourceId::RuleGroup(_) => {}
            }
        }
        let observed = self.observe(&Interest::Everything { topics, brokers }).await?;
        let broken = seal::broken_preconditions(&plan, &observed);
        if !broken.is_empty() {
            return Err(PassError::Stale(broken));
        }
        let local = self.open_local(&plan.environment, &observed)?;
        let (mut inventory, recorded) = (history.inventory, history.recorded);
        fold_journal(&mut inventory, local.as_deref(), &observed, &recorded)?;
        Ok(Planned { plan, observed, inventory, recorded, local })
    }

    /// Performs the plan, reads the cluster again, and writes inventory, status, drift and live state to the branch.
    ///
    /// The caller has made sure that nothing denies the plan. What it relies on is looked at once more first. An error means
    /// that nothing was sent.
    pub async fn apply(
        &self,
        planned: &Planned,
        desired: Option<&DesiredState>,
        progress: &dyn Progress,
        stop: &StopFlag,
        push: Push,
    ) -> Result<Applied, PassError> {
        let local = planned.local.as_deref();
        let _lock = local.map(LocalClusterState::lock).transpose().map_err(PassError::State)?;
        // Between the plan and now somebody may have thought it over, or another apply may have run.
        let touched = seal::touched(&planned.plan);
        if !touched.is_empty() {
            let now = self.observe(&Interest::in_resources(&touched)).await?;
            let broken = seal::broken_preconditions(&planned.plan, &now);
            if !broken.is_empty() {
                return Err(PassError::Stale(broken));
            }
        }
        // A pass with nothing to do leaves no line: while reports cannot be pushed, nothing clears the journal.
        if let Some(local) = local.filter(|_| !touched.is_empty()) {
            let run = JournalRun {
                plan_id: planned.plan.id.clone(),
                environment: planned.plan.environment.clone(),
                cluster_id: planned.observed.cluster.id.clone(),
                recorded: Some(planned.recorded.clone()),
            };
            local.journal().begin(&run).map_err(PassError::State)?;
        }
        let world = World {
            cluster: self.cluster,
            rules: self.rules,
            passwords: &self.secrets.passwords,
            journal: local.map(|local| local.journal()),
            clock: self.clock,
            progress,
            stop,
        };
        let report = apply::apply(&planned.plan, &world).await;
        let mut applied = Applied { report, commit: None, not_recorded: Vec::new() };
        if let Err(error) = self.remember_passwords(planned, &applied.report) {
            applied.not_recorded.push(error);
        }
        let recorded = if stop.may_write() {
            self.record_apply(planned, desired, &applied.report, push).await
        } else {
            // Whoever acts now finds what was done here on the cluster, and reports it.
            Err(PassError::LeaseLost)
        };
        match recorded {
            Ok(commit) => {
                applied.commit = commit;
                // The branch holds it now; without a branch nothing ever will.
                if let Some(local) = local
                    && let Err(error) = local.journal().clear()
                {
                    applied.not_recorded.push(PassError::State(error));
                }
            }
            Err(error) => applied.not_recorded.push(error),
        }
        Ok(applied)
    }

    fn remember_passwords(&self, planned: &Planned, report: &ApplyReport) -> Result<(), PassError> {
        let Some(local) = planned.local.as_deref() else { return Ok(()) };
        let (mut written, mut doubtful) = (Vec::new(), BTreeSet::<UserName>::new());
        for (action, result) in planned.plan.actions.iter().zip(&report.results) {
            let Some(ResourceId::User(user)) = action.resource() else { continue };
            let Ok(Performance::Cluster(operations)) = performance(action, None) else { continue };
            match &result.outcome {
                Outcome::Applied | Outcome::AppliedUnconfirmed { .. } => {
                    if action.action == ActionKind::Delete {
                        doubtful.insert(user);
                        continue;
                    }
                    for operation in operations {
                        let Operation::UpsertScram { user, mechanism, iterations, password } = operation else {
                            continue;
                        };
                        if let Some(secret) = self.secrets.passwords.get(&password) {
                            written.push((CredentialId { user, mechanism, iterations }, secret.clone()));
                        }
                    }
                }
                Outcome::Failed { unchanged: false, .. } => {
                    doubtful.insert(user);
                }
                Outcome::Failed { unchanged: true, .. } | Outcome::NotAttempted { .. } | Outcome::Skipped { .. } => {}
            }
        }
        let memory = local.passwords();
        if !doubtful.is_empty() {
            memory.forget(&doubtful).map_err(PassError::State)?;
        }
        if !written.is_empty() {
            memory.record(&written).map_err(PassError::State)?;
        }
        Ok(())
    }

    async fn record_apply(
        &self,
        planned: &Planned,
        desired: Option<&DesiredState>,
        report: &ApplyReport,
        push: Push,
    ) -> Result<Option<String>, PassError> {
        if self.branch.is_none() {
            return Ok(None);
        }
        let nothing = DesiredState::default();
        let mut known = planned.inventory.clone();
        known.resources.extend(seal::touched(&planned.plan).into_iter().map(|id| (id, Default::default())));
        let observed = self.observe(&interest(desired.unwrap_or(&nothing), &known)).await?;
        let inventory = inventory_after(&planned.inventory, &planned.plan, report, &observed, desired);
        let rest = match desired {
            Some(desired) => {
                let local = planned.local.as_deref();
                self.compare(desired, &observed, &inventory, local, &planned.plan.source)
            }
            None => without_done(&planned.plan, report),
        };
        let drift = DriftReport::new(&rest, &inventory);
        let source = &planned.plan.source;
        let all_done = report.not_done() == 0 && !report.interrupted;
        let status = StatusReport::new(&PassOutcome {
            environment: &planned.plan.environment,
            cluster_id: Some(&observed.cluster.id),
            // What is left, so that a later look that finds the same writes the same bytes.
            plan: Some(&rest),
            apply: (!all_done).then_some(report),
            problem: None,
            standby: false,
            last_attempted_revision: source.revision.as_deref(),
            last_applied_revision: if all_done { source.revision.as_deref() } else { source.base.as_deref() },
        });
        let files = branch_files(&status, &drift, &observed, desired, Some((&inventory, &planned.plan.environment)));
        let message = apply_message(report, &trailers(&planned.plan, &files));
        self.write(Files { files, exact_directories: vec![OBSERVED_DIRECTORY.to_owned()] }, message, push)
    }

    /// Writes the drift report, the status and the live state of a pass that applied nothing; only the status while a drift
    /// is not confirmed.
    pub fn record_drift(
        &self,
        planned: &Planned,
        desired: &DesiredState,
        push: Push,
    ) -> Result<Option<String>, PassError> {
        let drift = DriftReport::new(&planned.plan, &planned.inventory);
        let status = StatusReport::new(&PassOutcome {
            environment: &planned.plan.environment,
            cluster_id: Some(&planned.observed.cluster.id),
            plan: Some(&planned.plan),
            apply: None,
            problem: None,
            standby: false,
            last_attempted_revision: planned.plan.source.revision.as_deref(),
            last_applied_revision: planned.plan.source.base.as_deref(),
        });
        let files = branch_files(&status, &drift, &planned.observed, Some(desired), None);
        let all = Files { files, exact_directories: vec![OBSERVED_DIRECTORY.to_owned()] };
        let written = if watch::awaits_confirmation(&planned.plan) {
            // Not drift yet, and not its absence either: of the report nothing is known to have changed.
            let files = all.files.into_iter().filter(|(path, _)| path == STATUS_FILE).collect();
            Files { files, exact_directories: Vec::new() }
        } else {
            all
        };
        let trailers = trailers(&planned.plan, &written.files);
        let message = match written.exact_directories.is_empty() {
            true => status_message(&status, &trailers),
            false => drift_message(&drift, &trailers),
        };
        self.write(written, message, push)
    }

    fn write(&self, written: Files, message: String, push: Push) -> Result<Option<String>, PassError> {
        let Some(branch) = self.branch else { return Ok(None) };
        let change = BranchChange {
            files: written.files,
            exact_directories: written.exact_directories,
            message,
            timestamp: self.clock.now().as_second(),
        };
        let commit = branch.commit(&change).map_err(PassError::Branch)?;
        match push {
            Push::Yes => branch.push(&change).map_err(PassError::Branch)?,
            Push::No => {}
        }
        Ok(commit)
    }
}

/// Writes the status of a pass that could not be finished, and nothing else: what was seen and what is owned stay as they
/// were.
pub fn record_problem(
    branch: &dyn ReportBranch,
    clock: &dyn Clock,
    outcome: &PassOutcome<'_>,
    push: Push,
) -> Result<Option<String>, PassError> {
    let status = StatusReport::new(outcome);
    let files = BTreeMap::from([(STATUS_FILE.to_owned(), status_json(&status).into_bytes())]);
    let reason = status.conditions.first().map_or("", |condition| condition.reason.as_str());
    let mut message = format!("status({}): {reason}\n\nDriftless-Environment: {0}\n", outcome.environment);
    if let Some(revision) = outcome.last_attempted_revision {
        message.push_str(&format!("Driftless-Revision: {revision}\n"));
    }
    let change = BranchChange { files, exact_directories: Vec::new(), message, timestamp: clock.now().as_second() };
    let commit = branch.commit(&change).map_err(PassError::Branch)?;
    match push {
        Push::Yes => branch.push(&change).map_err(PassError::Branch)?,
        Push::No => {}
    }
    Ok(commit)
}

fn trailers(plan: &Plan, files: &BTreeMap<String, Vec<u8>>) -> Trailers {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for (path, bytes) in files {
        context.update(path.as_bytes());
        context.update(&[0]);
        context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(bytes);
    }
    let digest = format!("sha256:{}", hex(context.finish()));
    Trailers {
        environment: plan.environment.clone(),
        cluster_id: plan.cluster.id.clone(),
        revision: plan.source.revision.clone(),
        plan: Some(plan.id.clone()),
        digest: Some(digest),
    }
}

/// The plan without what was done: what a saved plan leaves.
fn without_done(plan: &Plan, report: &ApplyReport) -> Plan {
    let mut rest = plan.clone();
    let done: BTreeSet<&str> = report
        .results
        .iter()
        .filter(|result| matches!(result.outcome, Outcome::Applied | Outcome::AppliedUnconfirmed { .. }))
        .map(|result| result.action_id.as_str())
        .collect();
    rest.actions.retain(|action| !done.contains(action.id.as_str()));
    rest
}

fn branch_files(
    status: &StatusReport,
    drift: &DriftReport,
    observed: &ObservedState,
    desired: Option<&DesiredState>,
    inventory: Option<(&Inventory, &str)>,
) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::from([
        (STATUS_FILE.to_owned(), status_json(status).into_bytes()),
        ("drift.json".to_owned(), drift_json(drift).into_bytes()),
        ("drift.md".to_owned(), drift_markdown(drift).into_bytes()),
    ]);
    if let Some((inventory, environment)) = inventory {
        files.insert(INVENTORY_FILE.to_owned(), history::render_inventory(inventory, environment));
    }
    let mut shown = observed.clone();
    if let Some(desired) = desired {
        // Topics that are nobody's business come and go; they would only make commits.
        shown.topics.retain(|name, topic| {
            desired.topics.contains_key(name) || !(topic.internal || desired.ignore.ignores_topic(name))
        });
    }
    let recorded = recorded::write(&shown).into_iter();
    files.extend(recorded.map(|(path, bytes)| (format!("{OBSERVED_DIRECTORY}/{path}"), bytes)));
    files
}
