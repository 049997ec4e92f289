//! `driftless policy`: what the rules are.

use super::arguments::RepositoryArgs;
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;

/// Look at policy
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct PolicyArgs {
    #[command(subcommand)]
    pub(super) command: PolicyCommand,
}

/// What to do with policy.
#[derive(Debug, clap::Subcommand)]
pub(super) enum PolicyCommand {
    /// List the rules: code, severity, title
    List(ListArgs),
}

/// Which rules are listed.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) repository: RepositoryArgs,
    /// Only the packs of this environment [default: all]
    #[arg(short, long, value_name = "ENV")]
    pub(super) environment: Option<String>,
}

pub(super) fn run(arguments: &PolicyArgs, _console: &Console) -> Result<Exit, CommandError> {
    match &arguments.command {
        PolicyCommand::List(_) => Err(super::not_wired()),
    }
}
