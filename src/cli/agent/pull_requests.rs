//! The thread that looks at pull requests, and the adapters that it uses.
//!
//! A thread of its own with a runtime of its own: whatever a pull request costs, the passes do not wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use super::Agent;
use crate::agent::pull_requests::{
    Admission, BadFiles, Heard, Opened, PollWakes, Proposed, ProposedFiles, RoundProblem, Rounds, Surroundings, note,
    poll,
};
use crate::agent::{PassResult, WhatToDo};
use crate::cli::arguments::RuleArgs;
use crate::cli::clock::SystemClock;
use crate::cli::cluster::{self, Attached};
use crate::cli::error::CommandError;
use crate::cli::{desired, repository, session};
use crate::config::settings::{AgentSettings, ForgeLogin, ForgeSettings, ForgeType};
use crate::domain::snapshot::Snapshot;
use crate::forge::{ForgeCredential, ForgeKind, ForgeOptions, connect};
use crate::git::{MirrorSettings, PullRequests};
use crate::manifest;
use crate::plan::input::{DriftWatch, PlanOptions};
use crate::ports::{Access, AgentMemory, Forge, ReportBranch, Tally};
use crate::report::status::ProblemReason;
use crate::state::FileAgentMemory;

/// What the passes tell waits in a queue of this length; what does not fit is told by the next pass.
const LONGEST_QUEUE: usize = 16;
/// The longest that one pull request may take: loading and planning 10,000 topics takes a few seconds.
const LONGEST: Duration = Duration::from_secs(60);

/// The side of the passes.
pub(super) struct PullRequestWatch {
    passes: mpsc::Sender<Heard>,
    what_to_do: WhatToDo,
    begun: std::sync::Mutex<Option<String>>,
}

impl PullRequestWatch {
    /// Starts the thread, when the settings name a forge. It ends with the process, or when this value is dropped.
    pub(super) fn start(
        settings: &Arc<AgentSettings>,
        tally: Arc<dyn Tally>,
        ended: &watch::Receiver<bool>,
        look: &Arc<Notify>,
        may_write: &watch::Receiver<bool>,
    ) -> Result<Option<Self>, CommandError> {
        let Some(forge) = &settings.forge else { return Ok(None) };
        let agent = Agent::open(settings, tally)?;
        let what_to_do = agent.what_to_do();
        let directory = agent.memory.directory().to_owned();
        let source = PullRequests::new(
            &directory,
            MirrorSettings {
                url: settings.source.url.expose().to_owned(),
                branch: settings.source.branch.clone(),
                path: settings.source.path.clone(),
                access: repository::remote_access(&settings.source.auth),
            },
        )
        .trusting(settings.source.verify.keys.clone());
        let (passes, receiver) = mpsc::channel(LONGEST_QUEUE);
        let surroundings = Surroundings {
            environment: settings.environment.clone(),
            branch: settings.source.branch.clone(),
            verify: settings.source.verify.mode,
            forge: open_forge(forge)?,
            source: Arc::new(source),
            admission: Admission { forks: forge.forks, label: forge.label.clone() },
            files: Arc::new(Files { environment: settings.environment.clone() }),
            report_branch: Arc::clone(&agent.branch) as Arc<dyn ReportBranch>,
            open: opener(settings, agent.memory),
            clock: Box::new(SystemClock),
            longest: LONGEST,
            ended: ended.clone(),
            may_write: may_write.clone(),
        };
        let mut wakes = PollWakes { ended: ended.clone(), look: Arc::clone(look), passes: receiver };
        let interval = forge.interval;
        let failed = |error| CommandError::failed("failed to start looking at pull requests").because(error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let run = move || {
            runtime.block_on(poll(&mut Rounds::new(surroundings), interval, &SystemClock, &mut wakes));
            // A merge that is still computed is worth nothing any more.
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("pull-requests".to_owned()).spawn(run).map_err(failed)?;
        Ok(Some(Self { passes, what_to_do, begun: std::sync::Mutex::default() }))
    }

    /// Tells that the branch is at this revision and will be applied.
    pub(super) fn begin(&self, revision: &str) {
        let mut begun = self.begun.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_first = begun.is_none();
        if begun.as_deref() != Some(revision) {
            *begun = Some(revision.to_owned());
            // What the branch is at when the agent starts was most likely applied before.
            if self.what_to_do == WhatToDo::Apply && !is_first {
                self.send(Heard::Begun(revision.to_owned()));
            }
        }
    }

    /// Tells how a pass ended. Never waits.
    pub(super) fn end(&self, result: &PassResult) {
        if let Some(revision) = &result.revision {
            *self.begun.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(revision.clone());
        }
        let is_ready = result.problem.as_ref().is_none_or(|problem| is_ready(problem.reason));
        self.send(Heard::Ended { note: note(result, self.what_to_do), is_ready });
    }

    fn send(&self, heard: Heard) {
        if self.passes.try_send(heard).is_err() {
            tracing::warn!("pull requests are not looked at fast enough, and a pass is not told of");
        }
    }
}

/// Says whether a pass with this problem came far enough that the branch is trusted and what is ours is known.
fn is_ready(reason: ProblemReason) -> bool {
    !matches!(
        reason,
        ProblemReason::SourceFailed
            | ProblemReason::SourceUntrusted
            | ProblemReason::StateFailed
            | ProblemReason::RecordDamaged
            | ProblemReason::ClusterChanged
            | ProblemReason::SettingsInvalid
    )
}

fn open_forge(settings: &ForgeSettings) -> Result<Box<dyn Forge>, CommandError> {
    let kind = match settings.forge_type {
        ForgeType::GitHub => ForgeKind::GitHub,
        ForgeType::GitLab => ForgeKind::GitLab,
        ForgeType::Gitea => ForgeKind::Gitea,
    };
    let credential = match &settings.login {
        ForgeLogin::TokenFile(path) => ForgeCredential::TokenFile(path.clone()),
        ForgeLogin::App { id, installation_id, private_key_file } => ForgeCredential::App {
            app_id: id.clone(),
            installation_id: *installation_id,
            private_key_file: private_key_file.clone(),
        },
    };
    let options = ForgeOptions {
        kind,
        api_url: settings.api_url.clone(),
        repository: settings.repository.clone(),
        credential,
        author: None,
    };
    connect(options).map_err(|error| CommandError::usage(error.message).maybe_hint(error.hint))
}

/// Returns what opens the cluster for reading only: the adapter refuses writes.
fn opener(
    settings: &Arc<AgentSettings>,
    memory: FileAgentMemory,
) -> Box<dyn Fn() -> Result<Opened, RoundProblem> + Send + Sync> {
    let settings = Arc::clone(settings);
    Box::new(move || {
        let open = || -> Result<Opened, CommandError> {
            let no_options = RuleArgs { rules_directory: None, rules_reload_url: None };
            Ok(Opened {
                cluster: cluster::open_for_agent(&settings.cluster.access, Access::ReadOnly, Attached::default())?,
                cluster_id: memory.read()?.cluster_id,
                rules: no_options.directory(Some(&settings))?.map(session::open_rules).transpose()?,
                // What earlier checks saw is the pass's business; a plan for reviewers shows all drift.
                options: PlanOptions { watch: DriftWatch::default(), ..Agent::options(&settings) },
            })
        };
        open().map_err(|error| RoundProblem { message: error.message().to_owned(), hint: None, wait: None })
    })
}

/// How files become what they mean.
struct Files {
    environment: String,
}

impl ProposedFiles for Files {
    fn digest(&self, files: &Snapshot) -> String {
        manifest::content_digest(files, &self.environment)
    }

    fn load(&self, merged: &Snapshot, base: &Snapshot) -> Result<Proposed, BadFiles> {
        desired::load_proposed(merged, base, &self.environment)
            .map_err(|error| BadFiles { message: error.message().to_owned(), diagnostics: error.problems().to_vec() })
    }
}
