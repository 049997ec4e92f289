//! `driftless agent`: follows the config repository of one environment.

mod daemon;
mod events;
mod lease;
mod pull_requests;
mod rest;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use self::events::Telling;
use super::arguments::{RuleArgs, load_settings};
use super::clock::SystemClock;
use super::cluster::{self, Attached};
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use super::interrupt::Shutdown;
use super::passwords::{self, Need};
use super::{desired, repository, session, surroundings};
use crate::agent::metrics::Metrics;
use crate::agent::{
    AgentPass, Conclusion, Counted, Known, Look, PassResult, Unloadable, Wanted, WhatToDo, hooks, is_unchanged,
    run_pass,
};
use crate::apply::{NoProgress, Progress, StopFlag};
use crate::config::secrets::{self, SecretOptions};
use crate::config::settings::{AgentSettings, ApplyMode, RuleSettings, VerifyMode};
use crate::domain::snapshot::Snapshot;
use crate::git::{self, GitReportBranch, Mirror, MirrorSettings, SigningKey, TrustedKeys};
use crate::manifest::content_digest;
use crate::messaging::ReadProperties;
use crate::plan::input::{DriftCorrection, DriftWatch, PlanOptions, Prune};
use crate::ports::{Access, Lease, ReportBranch, Tally};
use crate::report::commit::{RecordedApply, recorded_apply};
use crate::report::{self, Detail, Style};
use crate::state::{FileAgentMemory, StateDirectory, StateLock};

/// Keep a cluster equal to its branch of the config repository
///
/// Pulls the repository that the settings name, makes the same pass as `driftless apply`, and pushes what it saw to the
/// branch driftless/ENV.
#[derive(Debug, clap::Args)]
pub(super) struct AgentArgs {
    /// Agent settings
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Make one pass and exit with its result
    #[arg(long)]
    pub(super) once: bool,
}

pub(super) async fn run(arguments: &AgentArgs, console: &Console) -> Result<Exit, CommandError> {
    let settings = Arc::new(load_settings(&absolute(&arguments.config)?)?);
    refuse_what_is_not_built(&settings)?;
    check_files(&settings)?;
    daemon::pace(&settings)?;
    if !arguments.once {
        return daemon::run(&arguments.config, settings, console).await;
    }
    let current = Current::new(Arc::clone(&settings));
    let metrics = Arc::new(Metrics::new(&settings.environment));
    let agent = Agent::open(&settings, Arc::clone(&metrics) as _)?;
    let _lock = agent.lock()?;
    let shutdown = Shutdown::watch(console);
    let telling = Telling::open(&current, &metrics)?;
    let lease = lease::open(&current)?;
    lease::wait_for(lease.as_ref(), &settings.environment).await;
    let result = agent.pass(&shutdown.ended, &lease, &NoProgress).await;
    lease.give_up().await;
    let result = result?;
    telling.pass(&settings.environment, &result, &result.status(&settings.environment)).await;
    telling.close().await;
    show(&result, console)?;
    Ok(match result.conclusion(agent.what_to_do()) {
        Conclusion::Done => Exit::Done,
        Conclusion::Failed => Exit::Failed,
        Conclusion::Refused => Exit::Refused,
        Conclusion::SettingsInvalid => Exit::Usage,
    })
}

/// Makes the path absolute, so that those in the file are too: git takes relative ones as relative to a repository.
fn absolute(path: &Path) -> Result<PathBuf, CommandError> {
    std::path::absolute(path)
        .map_err(|error| CommandError::usage(format!("`{}` is no path", path.display())).because(error))
}

/// Refuses every setting that would be ignored. Silently leaving out a lease is worse than not starting.
fn refuse_what_is_not_built(settings: &AgentSettings) -> Result<(), CommandError> {
    let not_built = [(
        matches!(settings.rules, Some(RuleSettings::Ruler { .. })),
        "rules.ruler",
        "Rules go into a directory that Prometheus loads: `rules.directory`.",
    )];
    for (is_set, setting, why) in not_built {
        if is_set {
            return Err(CommandError::usage(format!("the setting `{setting}` is not built yet"))
                .hint(format!("{why} Take it out of the settings. Nothing was started.")));
        }
    }
    Ok(())
}

/// Reads the keys whose signatures count. They are read for every pass, so that a key that was removed counts no more.
fn trusted_keys(settings: &AgentSettings) -> Result<TrustedKeys, CommandError> {
    let verify = &settings.source.verify;
    match verify.mode {
        VerifyMode::None => Ok(TrustedKeys::default()),
        VerifyMode::Head | VerifyMode::EveryCommit => {
            TrustedKeys::read(&verify.keys).map_err(|error| CommandError::usage(error.message).maybe_hint(error.hint))
        }
    }
}

/// Makes sure that the files which the settings name can be used now, before anything is started with them.
fn check_files(settings: &AgentSettings) -> Result<(), CommandError> {
    trusted_keys(settings)?;
    if let Some(file) = &settings.report.signing_key_file {
        SigningKey::read(file).map_err(|error| CommandError::usage(error.message).maybe_hint(error.hint))?;
    }
    if let Some(file) = settings.http.as_ref().and_then(|http| http.webhook_secret_file.as_deref()) {
        hooks::read_secret(file).map_err(|problem| {
            CommandError::usage(format!("`http.webhookSecretFile`: {problem}"))
                .hint("It holds the secret that the forge signs webhooks with.")
        })?;
    }
    for auth in [Some(&settings.source.auth), settings.report.auth.as_ref()].into_iter().flatten() {
        for file in [&auth.password_file, &auth.ssh_key_passphrase_file].into_iter().flatten() {
            secrets::read(surroundings::surroundings(), file)
                .map_err(|error| CommandError::usage(format!("failed to read `{}`", file.display())).because(error))?;
        }
    }
    Ok(())
}

/// The settings as they are now. What is started once and runs for months asks here for its credentials, so that renewed ones
/// count.
#[derive(Clone)]
struct Current(Arc<RwLock<Arc<AgentSettings>>>);

impl Current {
    fn new(settings: Arc<AgentSettings>) -> Self {
        Self(Arc::new(RwLock::new(settings)))
    }

    fn get(&self) -> Arc<AgentSettings> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, settings: Arc<AgentSettings>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// How librdkafka connects to the cluster. What cannot be used is an error now, and only a warning when it becomes so later.
    fn properties(&self) -> Result<ReadProperties, CommandError> {
        cluster::librdkafka(&self.get().cluster.access)?;
        let current = self.clone();
        Ok(Box::new(move || {
            cluster::librdkafka(&current.get().cluster.access).map_err(|error| error.message().to_owned())
        }))
    }
}

/// The adapters of an agent's settings.
struct Agent<'a> {
    settings: &'a AgentSettings,
    source: Counted<Mirror>,
    branch: Arc<Counted<GitReportBranch>>,
    tally: Arc<dyn Tally>,
    memory: FileAgentMemory,
    local: StateDirectory,
    options: PlanOptions,
    secrets: SecretOptions,
}

impl<'a> Agent<'a> {
    /// Opens everything but the cluster. Connects to nothing yet.
    fn open(settings: &'a AgentSettings, tally: Arc<dyn Tally>) -> Result<Self, CommandError> {
        let root =
            settings.state_directory.clone().or_else(surroundings::default_state_directory).ok_or_else(|| {
                CommandError::usage("there is no directory for what the agent remembers").hint("Set `stateDirectory`.")
            })?;
        let memory = FileAgentMemory::new(&root, &settings.environment);
        let source = Mirror::new(
            memory.directory(),
            MirrorSettings {
                url: settings.source.url.expose().to_owned(),
                branch: settings.source.branch.clone(),
                path: settings.source.path.clone(),
                access: repository::remote_access(&settings.source.auth),
            },
        );
        let source = Counted::new(source, Arc::clone(&tally));
        let mut branch = repository::branch_settings(Some(settings));
        branch.remote.get_or_insert_with(|| settings.source.url.expose().to_owned());
        let reports = git::report_repository(memory.directory())?;
        let branch = GitReportBranch::open(&reports, &settings.environment, branch)?;
        let branch = Arc::new(Counted::new(branch, Arc::clone(&tally)));
        let options = Self::options(settings);
        let secrets = SecretOptions {
            directory: settings.secrets.directory.clone(),
            age_identity_file: settings.secrets.age_identity_file.clone(),
        };
        Ok(Self { settings, source, branch, tally, memory, local: StateDirectory::new(root), options, secrets })
    }

    /// What the settings decide about a pass.
    fn options(settings: &AgentSettings) -> PlanOptions {
        PlanOptions {
            prune: if settings.apply.prune { Prune::OwnedOnly } else { Prune::Never },
            max_deletions: settings.apply.max_deletions,
            drift: if settings.apply.correct_drift { DriftCorrection::Correct } else { DriftCorrection::Hold },
            watch: DriftWatch::new(settings.drift.confirmations),
            accepted_cluster: settings.cluster.cluster_id.clone(),
        }
    }

    /// Makes sure that no other agent works with the same directory, and clears away what a killed one left.
    fn lock(&self) -> Result<StateLock, CommandError> {
        let lock = self.memory.lock()?;
        git::remove_stale_locks(self.memory.directory());
        Ok(lock)
    }

    /// Says whether a head that moved means nothing to the environment; remembers it then.
    fn is_unchanged(&self, head: &str, known: &Known) -> Result<bool, CommandError> {
        let keys = trusted_keys(self.settings)?;
        let source = self.source.clone().map(|mirror| mirror.trusting(keys));
        let look = Look {
            source: &source,
            memory: &self.memory,
            accept_revision: self.settings.source.accept_revision.as_deref(),
            verify: self.settings.source.verify.mode,
            clock: &SystemClock,
            content: &|snapshot| Some(content_digest(snapshot, &self.settings.environment)),
        };
        Ok(is_unchanged(&look, head, known))
    }

    /// Returns the last apply that the report branch tells of, as far as this machine knows the branch.
    fn recorded_apply(&self) -> Option<(RecordedApply, Timestamp)> {
        let (message, seconds) = self.branch.newest(&|message| recorded_apply(message).is_some()).ok()??;
        Some((recorded_apply(&message)?, Timestamp::from_second(seconds).ok()?))
    }

    fn what_to_do(&self) -> WhatToDo {
        match self.settings.apply.mode {
            ApplyMode::Observe => WhatToDo::Observe,
            ApplyMode::Apply => WhatToDo::Apply,
        }
    }

    /// Makes one pass. The cluster is opened anew for each, so that renewed credentials count.
    async fn pass(
        &self,
        ended: &watch::Receiver<bool>,
        lease: &Arc<dyn Lease>,
        progress: &dyn Progress,
    ) -> Result<PassResult, CommandError> {
        let environment = self.settings.environment.clone();
        let (what_to_do, _acting) = if lease.holds(&environment) {
            (self.what_to_do(), Some(lease.acting()))
        } else {
            (WhatToDo::Standby, None)
        };
        let holder = Arc::clone(lease);
        let may_write: Arc<dyn Fn() -> bool + Send + Sync> = Arc::new(move || holder.holds(&environment));
        let flag = StopFlag::while_holding(Arc::clone(&may_write));
        let limit = Limit::start(flag, self.settings.apply.timeout, ended.clone());
        let stop = &limit.stop;
        let (writes, need) = match what_to_do {
            WhatToDo::Observe | WhatToDo::Standby => (Access::ReadOnly, Need::Optional),
            WhatToDo::Apply => (Access::ReadWrite, Need::Required),
        };
        let may_write = (writes == Access::ReadWrite).then_some(may_write);
        let attached = Attached { tally: Some(Arc::clone(&self.tally)), may_write };
        let cluster = cluster::open_for_agent(&self.settings.cluster.access, writes, attached)?;
        let no_options = RuleArgs { rules_directory: None, rules_reload_url: None };
        let rules = no_options.directory(Some(self.settings))?.map(session::open_rules).transpose()?;
        let load = |snapshot: &Snapshot| self.load(snapshot, need);
        let keys = trusted_keys(self.settings)?;
        let source = self.source.clone().map(|mirror| mirror.trusting(keys));
        let result = run_pass(&AgentPass {
            environment: &self.settings.environment,
            source: &source,
            accept_revision: self.settings.source.accept_revision.as_deref(),
            verify: self.settings.source.verify.mode,
            load: &load,
            branch: Arc::clone(&self.branch) as _,
            memory: &self.memory,
            cluster: cluster.as_ref(),
            rules: rules.as_deref(),
            local: &self.local,
            clock: &SystemClock,
            options: &self.options,
            what_to_do,
            progress,
            stop,
        })
        .await;
        if !stop.is_set() {
            git::tidy(self.memory.directory());
        }
        Ok(result)
    }

    fn load(&self, snapshot: &Snapshot, need: Need) -> Result<Wanted, Unloadable> {
        let loaded = desired::load(snapshot, &self.settings.environment)
            .map_err(|error| Unloadable { message: error.message().to_owned(), details: error.render() })?;
        let secrets = passwords::of_desired(&self.secrets, snapshot, &loaded.desired, need);
        let content = Some(content_digest(snapshot, &self.settings.environment));
        Ok(Wanted { desired: loaded.desired, packs: loaded.packs, secrets, content })
    }
}

/// Stops an apply after the batch in flight: when its time is up, or when the process is to end.
struct Limit {
    stop: StopFlag,
    watcher: tokio::task::JoinHandle<()>,
}

impl Limit {
    fn start(stop: StopFlag, timeout: Duration, mut ended: watch::Receiver<bool>) -> Self {
        let flag = stop.clone();
        let watcher = tokio::spawn(async move {
            tokio::select! {
                // A sender that is gone belongs to a process that ends.
                _ = ended.wait_for(|ended| *ended) => {}
                () = tokio::time::sleep(timeout) => {}
            }
            flag.stop();
        });
        Self { stop, watcher }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

/// Shows a pass: plan and result as data, what went wrong as an error.
fn show(result: &PassResult, console: &Console) -> Result<(), CommandError> {
    if let Some(plan) = &result.plan {
        console.data(&report::plan_text(plan, Style::Colour, Detail::Short))?;
    }
    if let Some(applied) = &result.apply {
        console.data(&report::apply_text(applied, Style::Colour))?;
    }
    if let Some(problem) = &result.problem {
        match &result.details {
            Some(details) => console.show(details),
            None => console.error(
                &CommandError::failed(format!("{}: {}", problem.reason.as_str(), problem.message))
                    .maybe_hint(result.hint.clone()),
            ),
        }
    }
    Ok(())
}
