//! `driftless show`: a saved plan again.

use std::path::PathBuf;

use super::arguments::OutputFormat;
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use super::plan::render;
use super::saved_plan;
use crate::report::Detail;

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

pub(super) fn run(arguments: &ShowArgs, console: &Console) -> Result<Exit, CommandError> {
    let plan = saved_plan::read(&arguments.plan)?;
    console.data(&render(&plan, arguments.output, Detail::Full))?;
    Ok(Exit::Done)
}
