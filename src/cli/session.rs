//! Everything that a command opens before its pass, in one value: cluster, rule store, report branch, state, secrets.

use std::sync::Arc;

use super::arguments::{ClusterArgs, PruneArgs, RuleArgs, RuleDirectory, SecretArgs, StateArgs};
use super::clock::SystemClock;
use super::cluster;
use super::console::Console;
use super::desired::{self, Loaded};
use super::error::CommandError;
use super::passwords::{self, Need};
use super::repository::Repository;
use crate::git::GitReportBranch;
use crate::plan::input::{DriftCorrection, DriftWatch, PlanOptions, Prune};
use crate::plan::types::PlanSource;
use crate::policy::Pack;
use crate::ports::{Access, Cluster, LocalState, ReportBranch, RuleStore};
use crate::prometheus;
use crate::reconcile::{self, Observation, Pass, Secrets};
use crate::state::StateDirectory;

/// What a command gave.
pub(super) struct SessionArgs<'a> {
    /// The cluster.
    pub(super) cluster: &'a ClusterArgs,
    /// The environment, unless the settings or the plan say it.
    pub(super) environment: Option<&'a str>,
    /// Where rules go.
    pub(super) rules: &'a RuleArgs,
    /// What may be deleted; absent for commands that delete nothing.
    pub(super) prune: Option<&'a PruneArgs>,
    /// Where state is kept.
    pub(super) state: &'a StateArgs,
}

/// What git brings to a pass.
pub(super) struct Wanted {
    /// Manifests and policy packs.
    pub(super) loaded: Loaded,
    /// The passwords of the users in them.
    pub(super) secrets: Secrets,
    /// Where they come from. What was last applied is added by the pass.
    pub(super) source: PlanSource,
}

/// The opened world of one command.
pub(super) struct Session {
    /// The environment.
    pub(super) environment: String,
    /// The sources of secrets, of options and settings together.
    pub(super) settings: Option<Box<crate::config::settings::AgentSettings>>,
    cluster: Box<dyn Cluster>,
    rules: Option<Box<dyn RuleStore>>,
    branch: Option<Arc<GitReportBranch>>,
    local: StateDirectory,
    options: PlanOptions,
    clock: SystemClock,
}

impl Session {
    /// Opens everything. Connects to nothing yet.
    pub(super) fn open(
        arguments: &SessionArgs<'_>,
        repository: &Repository,
        access: Access,
    ) -> Result<Self, CommandError> {
        let choice = arguments.cluster.choose()?;
        let environment = choice.environment(arguments.environment)?;
        let settings = choice.settings();
        let rules = arguments.rules.directory(settings)?.map(open_rules).transpose()?;
        let branch = repository.report_branch(&environment, settings)?.map(Arc::new);
        let local = StateDirectory::new(arguments.state.directory(settings, repository.state_directory()?)?);
        let options = PlanOptions {
            prune: match arguments.prune {
                Some(PruneArgs { prune: true, .. }) => Prune::OwnedOnly,
                Some(PruneArgs { prune: false, .. }) | None => Prune::Never,
            },
            // A person who applies looks at the plan; only the agent has a setting for it.
            drift: DriftCorrection::Correct,
            watch: DriftWatch::default(),
            max_deletions: arguments.prune.map_or(0, |prune| prune.max_deletions),
            accepted_cluster: arguments.cluster.cluster_id(&choice),
        };
        let cluster = cluster::open(&choice, repository, access)?;
        let settings = choice.into_settings();
        Ok(Self { environment, settings, cluster, rules, branch, local, options, clock: SystemClock })
    }

    /// Says whether there is a report branch: outside git there is none.
    pub(super) fn has_branch(&self) -> bool {
        self.branch.is_some()
    }

    /// Says where earlier applies may be on record, when this clone has nothing of it: without it all looks as if it were new.
    pub(super) fn note_missing_record(&self, console: &Console) -> Result<(), CommandError> {
        let Some(branch) = &self.branch else { return Ok(()) };
        if let Some(name) = branch.may_be_at_origin()? {
            console.note(&format!(
                "This clone has no branch `{name}`, where applies are on record. If there was one, fetch it: `git fetch origin +refs/heads/{name}:refs/remotes/origin/{name}`."
            ));
        }
        Ok(())
    }

    /// Loads the files while the cluster is read. Problems of the files come first: no cluster is needed to repair them.
    pub(super) async fn prepare(
        &self,
        repository: &Repository,
        secrets: &SecretArgs,
        need: Need,
    ) -> Result<(Wanted, Observation), CommandError> {
        let (repository, environment) = (repository.clone(), self.environment.clone());
        let options = secrets.options(self.settings.as_deref());
        let loading = tokio::task::spawn_blocking(move || -> Result<Wanted, CommandError> {
            let snapshot = repository.snapshot()?;
            let loaded = desired::load(&snapshot, &environment)?;
            let secrets = passwords::of_desired(&options, &snapshot, &loaded.desired, need);
            let source = PlanSource { revision: snapshot.revision.clone(), dirty: snapshot.dirty, base: None };
            Ok(Wanted { loaded, secrets, source })
        });
        let wanted = async { loading.await.unwrap_or_else(|stopped| std::panic::resume_unwind(stopped.into_panic())) };
        let branch = self.branch.clone().map(|branch| branch as Arc<dyn ReportBranch>);
        let observation = reconcile::observe(self.cluster.as_ref(), self.rules.as_deref(), branch);
        let (wanted, observation) = futures::try_join!(wanted, async { Ok(observation.await) })?;
        Ok((wanted, observation?))
    }

    /// Returns the pass of this world.
    pub(super) fn pass<'a>(&'a self, secrets: &'a Secrets, packs: &'a [Pack]) -> Pass<'a> {
        Pass {
            cluster: self.cluster.as_ref(),
            rules: self.rules.as_deref(),
            branch: self.branch.as_deref().map(|branch| branch as &dyn ReportBranch),
            local: Some(&self.local as &dyn LocalState),
            secrets,
            packs,
            clock: &self.clock,
            options: &self.options,
        }
    }
}

pub(super) fn open_rules(rules: RuleDirectory) -> Result<Box<dyn RuleStore>, CommandError> {
    Ok(Box::new(prometheus::RuleDirectory::new(rules.directory, rules.reload_url)?))
}
