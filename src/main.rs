//! The `driftless` binary.

use std::process::ExitCode;

use driftless::cli::{self, Exit};

fn main() -> ExitCode {
    run().unwrap_or_else(|exit| exit).into()
}

fn run() -> Result<Exit, Exit> {
    let cli = cli::parse(std::env::args_os())?;
    let console = cli.prepare()?;
    Ok(cli.run(&console))
}
