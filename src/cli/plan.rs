//! `driftless plan`: what an apply would do.

use std::path::PathBuf;

use super::arguments::{ClusterArgs, OutputFormat, PruneArgs, RepositoryArgs, RuleArgs, SecretArgs, StateArgs};
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;

/// Show what differs between git and the cluster, and what an apply would do
///
/// Changes nothing. Exits with 0; with 2 when there are differences and --detailed-exitcode is given; with 3 when policy
/// refuses.
#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) repository: RepositoryArgs,
    /// Environment of driftless.yaml [default: that of --config]
    #[arg(short, long, value_name = "ENV", required_unless_present = "config")]
    pub(super) environment: Option<String>,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
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
    /// Also save the plan, for `driftless apply FILE` and `driftless show FILE`
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Exit with 2 when there are differences
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

pub(super) async fn run(arguments: &PlanArgs, _console: &Console) -> Result<Exit, CommandError> {
    let choice = arguments.cluster.choose()?;
    let _environment = choice.environment(arguments.environment.as_deref())?;
    let _rules = arguments.rules.directory(choice.settings())?;
    Err(super::not_wired())
}
