//! `driftless show`: a saved plan again.

use std::path::PathBuf;

use super::arguments::OutputFormat;
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use super::saved_plan;

/// Show a saved plan again, in any form
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// A plan saved with `driftless plan --out`
    #[arg(value_name = "PLAN.json")]
    pub(super) plan: PathBuf,
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: OutputFormat,
}

pub(super) fn run(arguments: &ShowArgs, _console: &Console) -> Result<Exit, CommandError> {
    let _plan = saved_plan::read(&arguments.plan)?;
    Err(super::not_wired())
}
