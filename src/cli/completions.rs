//! `driftless completions`: completion for shells.

use clap::CommandFactory;

use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;

/// Write shell completion to standard output
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

pub(super) fn run(arguments: &CompletionsArgs, console: &Console) -> Result<Exit, CommandError> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Cli::command(), "driftless", &mut text);
    console.data(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}
