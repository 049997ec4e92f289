//! `driftless apply`: performs a plan.

use std::path::PathBuf;

use super::arguments::{OutputFormat, PruneArgs, RevisionArgs, RuleArgs, SecretArgs, StateArgs, WritableClusterArgs};
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;

/// Make the cluster equal to git: perform a saved plan, or plan, show, ask and perform
///
/// Performs exactly what the plan lists, in a safe order, and reads back what it wrote. Ctrl-C ends after the batch in
/// flight; the next apply goes on. Exits with 0 when everything was done, with 1 when something was not, and with 3 when
/// policy refuses: then nothing was changed.
#[derive(Debug, clap::Args)]
pub(super) struct ApplyArgs {
    /// A plan saved with `driftless plan --out`, or the directory of the config repository
    #[arg(default_value = ".", value_name = "PLAN.json|PATH")]
    pub(super) target: PathBuf,
    #[command(flatten)]
    pub(super) revision: RevisionArgs,
    /// Environment of driftless.yaml [default: that of the plan or of --config]
    #[arg(short, long, value_name = "ENV")]
    pub(super) environment: Option<String>,
    #[command(flatten)]
    pub(super) cluster: WritableClusterArgs,
    #[command(flatten)]
    pub(super) secrets: SecretArgs,
    #[command(flatten)]
    pub(super) rules: RuleArgs,
    #[command(flatten)]
    pub(super) prune: PruneArgs,
    #[command(flatten)]
    pub(super) state: StateArgs,
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: OutputFormat,
    /// Do not ask; needed when there is no terminal
    #[arg(long)]
    pub(super) yes: bool,
}

/// What an apply starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A saved plan.
    SavedPlan(PathBuf),
    /// A config repository.
    Repository(PathBuf),
}

impl ApplyArgs {
    /// Says what the first argument is: a file is a plan, a directory is a repository.
    pub(super) fn target(&self) -> Result<Target, CommandError> {
        let path = self.target.clone();
        if path.is_dir() {
            return Ok(Target::Repository(path));
        }
        if !path.exists() {
            return Err(CommandError::usage(format!("there is no plan and no directory `{}`", path.display()))
                .hint("Save a plan with `driftless plan --out FILE`."));
        }
        if self.revision.revision.is_some() {
            return Err(CommandError::usage("a saved plan has its own revision").hint("Leave out `--revision`."));
        }
        Ok(Target::SavedPlan(path))
    }

    /// Makes sure that somebody agrees or can be asked, before anything is read from the cluster.
    pub(super) fn check_consent(&self, console: &Console) -> Result<(), CommandError> {
        if self.yes || console.can_ask() {
            return Ok(());
        }
        Err(CommandError::usage("nobody is there to answer whether to apply the plan")
            .hint("Give `--yes` to apply without asking, or run `driftless plan` to only look."))
    }
}

pub(super) async fn run(arguments: &ApplyArgs, console: &Console) -> Result<Exit, CommandError> {
    let target = arguments.target()?;
    arguments.check_consent(console)?;
    let choice = arguments.cluster.clone().general().choose()?;
    if let Target::Repository(_) = target {
        let _environment = choice.environment(arguments.environment.as_deref())?;
    }
    Err(super::not_wired())
}
