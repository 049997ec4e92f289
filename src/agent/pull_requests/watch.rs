//! The rounds of an agent: what passes told, and what is remembered from one round to the next.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::applied::Notes;
use super::judge::{Admission, Verdict};
use super::memory::Memory;
use super::poll::{Heard, Polling};
use super::round::{ProposedFiles, Round, RoundProblem};
use crate::config::settings::VerifyMode;
use crate::plan::input::PlanOptions;
use crate::ports::{Clock, Cluster, CommitState, Forge, PullRequestSource, ReportBranch, RuleStore};

/// The cluster of one round, opened for reading.
pub struct Opened {
    /// The cluster. It refuses writes.
    pub cluster: Box<dyn Cluster>,
    /// Its id, when this agent was in contact with it before.
    pub cluster_id: Option<String>,
    /// Where rule groups live.
    pub rules: Option<Box<dyn RuleStore>>,
    /// What the settings decided; the same as for the passes.
    pub options: PlanOptions,
}

/// Everything that does not change between rounds.
pub struct Surroundings {
    /// The environment.
    pub environment: String,
    /// The branch that is followed.
    pub branch: String,
    /// Which commits of it must be signed.
    pub verify: VerifyMode,
    /// The forge.
    pub forge: Box<dyn Forge>,
    /// The pull requests as git has them.
    pub source: Arc<dyn PullRequestSource>,
    /// Which are planned.
    pub admission: Admission,
    /// How files become what they mean.
    pub files: Arc<dyn ProposedFiles>,
    /// The report branch, as the passes left it here.
    pub report_branch: Arc<dyn ReportBranch>,
    /// Opens the cluster anew, so that renewed credentials count.
    pub open: Box<dyn Fn() -> Result<Opened, RoundProblem> + Send + Sync>,
    /// Time.
    pub clock: Box<dyn Clock>,
    /// The longest that one pull request may take.
    pub longest: Duration,
    /// Whether the process is to end.
    pub ended: watch::Receiver<bool>,
    /// Whether this agent is the one that writes; another may hold the lease.
    pub may_write: watch::Receiver<bool>,
}

/// The rounds of an agent.
pub struct Rounds {
    surroundings: Surroundings,
    memory: Memory,
    notes: Notes,
    begun: Option<String>,
    n_passes: u64,
    is_ready: bool,
}

impl Rounds {
    /// Starts without a memory.
    pub fn new(surroundings: Surroundings) -> Self {
        Self {
            surroundings,
            memory: Memory::default(),
            notes: Notes::default(),
            begun: None,
            n_passes: 0,
            is_ready: false,
        }
    }

    async fn tell_begun(&mut self) -> Result<(), RoundProblem> {
        let Some(revision) = &self.begun else { return Ok(()) };
        let context = format!("driftless/apply/{}", self.surroundings.environment);
        let status = Verdict::new(CommitState::Pending, "Being applied.").status(&context, None);
        self.surroundings.forge.set_status(revision, &status).await?;
        self.begun = None;
        Ok(())
    }
}

#[async_trait]
impl Polling for Rounds {
    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Begun(revision) => self.begun = Some(revision),
            Heard::Ended { note, is_ready } => {
                self.n_passes += 1;
                self.is_ready = is_ready;
                if let Some(note) = note {
                    if self.begun.as_ref() == Some(&note.revision) {
                        self.begun = None; // What it came to says more.
                    }
                    self.notes.push(note);
                }
            }
        }
    }

    async fn round(&mut self) -> Result<(), RoundProblem> {
        if !*self.surroundings.may_write.borrow() {
            return Ok(());
        }
        self.tell_begun().await?;
        let Surroundings { environment, forge, source, .. } = &self.surroundings;
        self.notes.tell(environment, forge.as_ref(), source).await?;
        if !self.is_ready {
            return Ok(());
        }
        let surroundings = &self.surroundings;
        let opened = (surroundings.open)()?;
        let stopped = || *surroundings.ended.borrow() || !*surroundings.may_write.borrow();
        let round = Round {
            environment: &surroundings.environment,
            branch: &surroundings.branch,
            verify: surroundings.verify,
            forge: surroundings.forge.as_ref(),
            source: Arc::clone(&surroundings.source),
            admission: &surroundings.admission,
            files: Arc::clone(&surroundings.files),
            cluster: opened.cluster.as_ref(),
            cluster_id: opened.cluster_id.as_deref(),
            rules: opened.rules.as_deref(),
            report_branch: Arc::clone(&surroundings.report_branch),
            options: &opened.options,
            clock: surroundings.clock.as_ref(),
            n_passes: self.n_passes,
            longest: surroundings.longest,
            stopped: &stopped,
        };
        round.run(&mut self.memory).await
    }
}
