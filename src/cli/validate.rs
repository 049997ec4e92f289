//! `driftless validate`: every problem of the repository, without a cluster.

use super::arguments::{ProblemFormat, RepositoryArgs};
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;

/// Check every file and run policy on what they declare; needs no cluster
///
/// Loads every file of every environment, or of one, and shows every problem at once. Exits with 0 when there is none,
/// with 1 when a file is wrong, and with 3 when policy refuses.
#[derive(Debug, clap::Args)]
pub(super) struct ValidateArgs {
    #[command(flatten)]
    pub(super) repository: RepositoryArgs,
    /// Only this environment [default: all]
    #[arg(short, long, value_name = "ENV")]
    pub(super) environment: Option<String>,
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: ProblemFormat,
}

pub(super) fn run(_arguments: &ValidateArgs, _console: &Console) -> Result<Exit, CommandError> {
    Err(super::not_wired())
}
