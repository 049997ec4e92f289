//! `driftless drift`: what the cluster changed since the last apply.

use super::arguments::{ClusterArgs, OutputFormat, RepositoryArgs, RuleArgs, SecretArgs, StateArgs};
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;

/// Show what was changed on the cluster behind git's back since the last apply
///
/// Changes nothing on the cluster. With --commit the report is written to the branch driftless/ENV, when it changed.
#[derive(Debug, clap::Args)]
pub(super) struct DriftArgs {
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
    pub(super) state: StateArgs,
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: OutputFormat,
    /// Exit with 2 when there is drift
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
    /// Commit the report to the branch driftless/ENV
    #[arg(long)]
    pub(super) commit: bool,
    /// Also push that branch
    #[arg(long, requires = "commit")]
    pub(super) push: bool,
}

pub(super) async fn run(arguments: &DriftArgs, _console: &Console) -> Result<Exit, CommandError> {
    let choice = arguments.cluster.choose()?;
    let _environment = choice.environment(arguments.environment.as_deref())?;
    let _rules = arguments.rules.directory(choice.settings())?;
    Err(super::not_wired())
}
