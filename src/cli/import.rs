//! `driftless import`: manifests for what a cluster holds.

use std::path::PathBuf;

use super::arguments::{ClusterArgs, RuleArgs};
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;

/// Write manifests for what the cluster holds; a plan made from them is empty
///
/// Files that are there are never overwritten. System topics are left out.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// Directory of the config repository to write into; made when it is not there
    #[arg(default_value = ".", value_name = "PATH")]
    pub(super) path: PathBuf,
    /// Environment to write the manifests for [default: that of --config]
    #[arg(short, long, value_name = "ENV", required_unless_present = "config")]
    pub(super) environment: Option<String>,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
    #[command(flatten)]
    pub(super) rules: RuleArgs,
}

pub(super) async fn run(arguments: &ImportArgs, _console: &Console) -> Result<Exit, CommandError> {
    let choice = arguments.cluster.choose()?;
    let _environment = choice.environment(arguments.environment.as_deref())?;
    Err(super::not_wired())
}
