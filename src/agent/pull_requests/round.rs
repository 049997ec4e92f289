//! One look at every open pull request.

use std::sync::Arc;
use std::time::Duration;

use super::judge::{Admission, Verdict};
use super::memory::{Base, Holds, Memory, Said, Seen, ThisRound};
use crate::config::settings::VerifyMode;
use crate::domain::desired::DesiredState;
use crate::domain::diagnostic::Diagnostic;
use crate::domain::snapshot::Snapshot;
use crate::plan::input::PlanOptions;
use crate::plan::types::{Plan, PlanSource};
use crate::policy::Pack;
use crate::ports::{
    Clock, Cluster, CommitDistrust, CommitState, Forge, ForgeError, ForgeErrorKind, Merge, PullRequest,
    PullRequestSource, ReportBranch, RuleStore, SignedCommits, SourceError,
};
use crate::reconcile::{Observation, Pass, Secrets, observe};
use crate::report::comment::{
    CommentContext, Distrust, bad_files_comment, conflict_comment, not_planned_comment, plan_comment, unchanged_comment,
};
use crate::report::{clean, plan_json};

/// What the merge of a pull request wants of the environment, and the packs of the base that judge it.
pub struct Proposed {
    /// The desired state after the merge, with the base's parameters of policy.
    pub desired: DesiredState,
    /// The policy packs of the base.
    pub packs: Vec<Pack>,
}

/// Why the files of a merge cannot be used.
pub struct BadFiles {
    /// In one sentence without its period.
    pub message: String,
    /// Every problem.
    pub diagnostics: Vec<Diagnostic>,
}

/// How files become what they mean.
pub trait ProposedFiles: Send + Sync {
    /// Digests what of the files counts for this environment.
    fn digest(&self, files: &Snapshot) -> String;

    /// Loads the environment after a merge, to be judged by the base's policy.
    fn load(&self, merged: &Snapshot, base: &Snapshot) -> Result<Proposed, BadFiles>;
}

/// The world of a round.
pub struct Round<'a> {
    /// The environment.
    pub environment: &'a str,
    /// The branch that is followed; pull requests to others are nobody's business here.
    pub branch: &'a str,
    /// Which commits of the branch must be signed.
    pub verify: VerifyMode,
    /// The forge.
    pub forge: &'a dyn Forge,
    /// The pull requests as git has them.
    pub source: Arc<dyn PullRequestSource>,
    /// Which are planned.
    pub admission: &'a Admission,
    /// How files become what they mean.
    pub files: Arc<dyn ProposedFiles>,
    /// The cluster, opened for reading only.
    pub cluster: &'a dyn Cluster,
    /// The cluster's id, when this agent was in contact with it before.
    pub cluster_id: Option<&'a str>,
    /// Where rule groups live.
    pub rules: Option<&'a dyn RuleStore>,
    /// The report branch, as the passes left it here. It is only read.
    pub report_branch: Arc<dyn ReportBranch>,
    /// What the settings decided; the same as for the passes.
    pub options: &'a PlanOptions,
    /// Time.
    pub clock: &'a dyn Clock,
    /// How many passes the agent has made: after each the cluster may be another.
    pub n_passes: u64,
    /// The longest that one pull request may take.
    pub longest: Duration,
    /// Whether to stop before the next pull request: the process is to end, or another agent holds the lease.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

/// Why a round could not be finished. It is made again.
#[derive(Debug)]
pub struct RoundProblem {
    /// What went wrong.
    pub message: String,
    /// What the person can do.
    pub hint: Option<String>,
    /// How long the forge wants to be left alone.
    pub wait: Option<Duration>,
}

impl From<ForgeError> for RoundProblem {
    fn from(error: ForgeError) -> Self {
        let wait = if let ForgeErrorKind::RateLimited(wait) = error.kind { Some(wait) } else { None };
        Self { message: error.message, hint: error.hint, wait }
    }
}

impl From<SourceError> for RoundProblem {
    fn from(error: SourceError) -> Self {
        Self { message: error.message, hint: error.hint, wait: None }
    }
}

impl Round<'_> {
    /// Looks at every open pull request. What goes wrong with one does not keep the others from being looked at.
    pub async fn run(&self, memory: &mut Memory) -> Result<(), RoundProblem> {
        let mut open = self.forge.open_pull_requests().await?;
        open.retain(|pull_request| pull_request.base_branch == self.branch);
        memory.told.retain(|number, _| open.iter().any(|pull_request| pull_request.number == *number));
        if open.is_empty() {
            return Ok(());
        }
        let base = self.base_revision().await?;
        memory.this_round = ThisRound::default();
        let outcome = self.look_at_all(open, &base, memory).await;
        memory.this_round = ThisRound::default();
        outcome
    }

    async fn look_at_all(
        &self,
        mut open: Vec<PullRequest>,
        base: &str,
        memory: &mut Memory,
    ) -> Result<(), RoundProblem> {
        // What took long before goes last, so that nobody waits for it.
        open.sort_by_key(|pull_request| {
            let took = memory.told.get(&pull_request.number).map_or(Duration::ZERO, |told| told.took);
            (took.as_secs(), pull_request.number)
        });
        let mut first = None;
        for pull_request in &open {
            if (self.stopped)() {
                break;
            }
            let started = self.clock.now();
            let done = self.look(pull_request, base, memory).await;
            let took = Duration::try_from(self.clock.now().duration_since(started)).unwrap_or_default();
            if let Some(told) = memory.told.get_mut(&pull_request.number) {
                told.took = told.took.max(took);
            }
            match done {
                Ok(()) => {}
                Err(problem) if problem.wait.is_some() => return Err(problem),
                Err(problem) => first = first.or(Some(problem)),
            }
        }
        first.map_or(Ok(()), Err)
    }

    async fn base_revision(&self) -> Result<String, RoundProblem> {
        let source = Arc::clone(&self.source);
        Ok(blocking(move || source.fetch_base()).await?)
    }

    /// Reads the files of the base, once in a round.
    async fn base(&self, revision: &str, memory: &mut Memory) -> Result<Arc<Base>, RoundProblem> {
        if let Some(base) = &memory.this_round.base {
            return Ok(Arc::clone(base));
        }
        let (source, files, revision) = (Arc::clone(&self.source), Arc::clone(&self.files), revision.to_owned());
        let read = move || -> Result<Arc<Base>, SourceError> {
            let snapshot = source.base(&revision)?;
            let digest = files.digest(&snapshot);
            Ok(Arc::new(Base { files: snapshot, digest }))
        };
        let base = blocking(read).await?;
        memory.this_round.base = Some(Arc::clone(&base));
        Ok(base)
    }

    async fn look(&self, pull_request: &PullRequest, base: &str, memory: &mut Memory) -> Result<(), RoundProblem> {
        let admitted = self.admission.admits(pull_request);
        let told = memory.told.get(&pull_request.number);
        let stands =
            told.is_some_and(|told| told.base == base && told.head == pull_request.head && told.admitted == admitted);
        let holds = told.filter(|_| stands).map(|told| told.holds.clone());
        let still_holds = match holds {
            None => false,
            Some(Holds::Always) => true,
            Some(Holds::UntilPass(pass)) => pass == self.n_passes,
            Some(Holds::While { seen, day }) => seen == self.see(memory).await?.digest && day == self.clock.today(),
        };
        if still_holds {
            return Ok(());
        }
        if !admitted {
            let label = &self.admission.label;
            let words = format!("Of a fork: the label {label} lets it be planned.");
            let said = Said { verdict: Verdict::new(CommitState::Pending, words), comment: None, holds: Holds::Always };
            return self.tell(pull_request, base, memory, said, admitted).await;
        }
        let within_time = tokio::select! {
            biased;
            said = self.assess(pull_request, base, memory) => Some(said),
            () = self.clock.sleep(self.longest) => None,
        };
        let said = match within_time {
            Some(said) => said,
            None => {
                let words = format!("takes longer than {} s to plan", self.longest.as_secs());
                Ok(Some(self.not_planned(pull_request, base, memory, &words)))
            }
        };
        match said {
            Ok(Some(said)) => self.tell(pull_request, base, memory, said, admitted).await,
            // It moved meanwhile; the next round sees where to.
            Ok(None) => Ok(()),
            Err(problem) => {
                self.mark_stale(pull_request, memory, &problem).await?;
                Err(problem)
            }
        }
    }

    /// Finds out what is to be said; `None` when the pull request moved meanwhile.
    async fn assess(
        &self,
        pull_request: &PullRequest,
        base: &str,
        memory: &mut Memory,
    ) -> Result<Option<Said>, RoundProblem> {
        let merged = match self.merge(pull_request, base).await? {
            Merge::Merged(merged) => merged,
            Merge::Moved => return Ok(None),
            Merge::Unusable(why) => return Ok(Some(self.not_planned(pull_request, base, memory, &why))),
            Merge::Conflict(paths) => {
                let text = |cluster: &str, context: &CommentContext<'_>| {
                    conflict_comment(self.environment, cluster, &paths, context)
                };
                let comment = self.comment(pull_request, base, memory, text);
                let first = paths.first().map(|path| format!(" in {}", clean(path))).unwrap_or_default();
                let verdict = Verdict::new(CommitState::Failure, format!("Conflicts with its base{first}."));
                return Ok(Some(Said { verdict, comment, holds: Holds::Always }));
            }
        };
        let (files, of_base) = (Arc::clone(&self.files), self.base(base, memory).await?);
        let load = move || (files.digest(&merged) != of_base.digest).then(|| files.load(&merged, &of_base.files));
        let Some(loaded) = blocking(load).await else {
            let verdict = Verdict::new(CommitState::Success, "Merging this does not change the environment.");
            let text =
                |cluster: &str, context: &CommentContext<'_>| unchanged_comment(self.environment, cluster, context);
            let comment = self.comment(pull_request, base, memory, text);
            return Ok(Some(Said { verdict, comment, holds: Holds::Always }));
        };
        self.announce(pull_request, memory).await?;
        let observation = self.observation(memory).await?;
        let seen = self.see(memory).await?;
        Ok(Some(match loaded {
            Err(bad) => {
                let text = |cluster: &str, context: &CommentContext<'_>| {
                    bad_files_comment(self.environment, cluster, &bad.diagnostics, context)
                };
                let comment = self.comment(pull_request, base, memory, text).map(|(text, _)| (text, true));
                Said { verdict: Verdict::of_files(&bad.message, &bad.diagnostics), comment, holds: Holds::Always }
            }
            Ok(proposed) => {
                let plan = self.plan(pull_request, Observation::clone(&observation), &proposed).await?;
                if tracing::enabled!(tracing::Level::DEBUG) {
                    tracing::debug!(pull_request = pull_request.number, plan = %plan_json(&plan), "planned");
                }
                let distrust = self.distrust(pull_request, base).await?;
                let distrust = distrust.as_ref().map(|found| Distrust { commit: &found.commit, words: &found.words });
                let text = |_: &str, context: &CommentContext<'_>| {
                    plan_comment(&plan, &CommentContext { distrust, ..*context })
                };
                // A plan without anything in it does not start a comment.
                let says_something = !(plan.actions.is_empty() && plan.findings.is_empty() && plan.unknown.is_empty());
                let comment = self.comment(pull_request, base, memory, text).map(|(text, _)| (text, says_something));
                let holds = Holds::While { seen: seen.digest, day: self.clock.today() };
                Said { verdict: Verdict::of_plan(&plan), comment, holds }
            }
        }))
    }

    async fn merge(&self, pull_request: &PullRequest, base: &str) -> Result<Merge, RoundProblem> {
        let (source, base, pull_request) = (Arc::clone(&self.source), base.to_owned(), pull_request.clone());
        let merge = move || {
            let PullRequest { number, head_reference, head, .. } = &pull_request;
            source.merge(&base, *number, head_reference, head)
        };
        Ok(blocking(merge).await?)
    }

    /// Finds what of the head would keep the agent from following it, were it merged as it is.
    async fn distrust(&self, pull_request: &PullRequest, base: &str) -> Result<Option<CommitDistrust>, RoundProblem> {
        let (source, now, verify) = (Arc::clone(&self.source), self.clock.now(), self.verify);
        let (head, base) = (pull_request.head.clone(), base.to_owned());
        let check = move || match verify {
            VerifyMode::None => Ok(None),
            VerifyMode::Head => source.distrusted(&head, &SignedCommits::Head, now),
            VerifyMode::EveryCommit => {
                source.distrusted(&head, &SignedCommits::EveryOneSince(vec![base.as_str()]), now)
            }
        };
        Ok(blocking(check).await?)
    }

    /// The same plan as the command line's and the passes', of files that are not on the branch yet.
    async fn plan(
        &self,
        pull_request: &PullRequest,
        observation: Observation,
        proposed: &Proposed,
    ) -> Result<Plan, RoundProblem> {
        let secrets = Secrets::default();
        let pass = Pass {
            cluster: self.cluster,
            rules: self.rules,
            branch: None,
            local: None,
            secrets: &secrets,
            packs: &proposed.packs,
            clock: self.clock,
            options: self.options,
        };
        let source = PlanSource { revision: Some(pull_request.head.clone()), dirty: false, base: None };
        let planned = pass.plan(observation, &proposed.desired, &source).await;
        Ok(planned.map_err(pass_problem)?.plan)
    }

    /// Returns what was seen of the cluster; looks again only when a pass was made since.
    async fn see(&self, memory: &mut Memory) -> Result<Seen, RoundProblem> {
        if let Some(seen) = memory.seen.as_ref().filter(|seen| seen.n_passes == self.n_passes) {
            return Ok(seen.clone());
        }
        let observation = self.observation(memory).await?;
        let cluster_id = observation.observed.cluster.id.clone();
        let seen = Seen { n_passes: self.n_passes, digest: observation.digest(), cluster_id, at: self.clock.now() };
        memory.seen = Some(seen.clone());
        Ok(seen)
    }

    /// Reads the cluster, once in a round.
    async fn observation(&self, memory: &mut Memory) -> Result<Arc<Observation>, RoundProblem> {
        if let Some(observation) = &memory.this_round.observation {
            return Ok(Arc::clone(observation));
        }
        if let Some((message, hint)) = memory.this_round.unseen.clone() {
            return Err(RoundProblem { message, hint, wait: None });
        }
        match observe(self.cluster, self.rules, Some(Arc::clone(&self.report_branch))).await.map_err(pass_problem) {
            Ok(observation) => {
                let observation = Arc::new(observation);
                memory.seen = None; // What is seen now counts.
                memory.this_round.observation = Some(Arc::clone(&observation));
                Ok(observation)
            }
            Err(problem) => {
                memory.this_round.unseen = Some((problem.message.clone(), problem.hint.clone()));
                Err(problem)
            }
        }
    }

    fn not_planned(&self, pull_request: &PullRequest, base: &str, memory: &Memory, why: &str) -> Said {
        let words = format!("Not planned: the pull request {}.", clean(why));
        let text = |cluster: &str, context: &CommentContext<'_>| {
            not_planned_comment(self.environment, cluster, &format!("the pull request {why}."), context)
        };
        let comment = self.comment(pull_request, base, memory, text);
        Said { verdict: Verdict::new(CommitState::Failure, words), comment, holds: Holds::UntilPass(self.n_passes) }
    }
}

fn pass_problem(error: crate::reconcile::PassError) -> RoundProblem {
    let hint = error.hint();
    RoundProblem { message: crate::agent::pass::with_causes(&error), hint, wait: None }
}

/// Runs what computes or waits for git where it holds nothing up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|stopped| std::panic::resume_unwind(stopped.into_panic()))
}
