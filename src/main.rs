//! The `driftless` binary.

use std::process::ExitCode;

use driftless::cli::{self, Exit};

fn main() -> ExitCode {
    keep_pages_small();
    run().unwrap_or_else(|exit| exit).into()
}

fn run() -> Result<Exit, Exit> {
    let cli = cli::parse(std::env::args_os())?;
    let console = cli.prepare()?;
    Ok(cli.run(&console))
}

/// Asks the kernel for pages of the common size. The allocator asks for huge ones, of 2 MiB, which are never all used: they make an
/// agent at rest twice as large (docs/adr/0015-memory-and-processor-at-rest.md). A kernel that cannot do it is as good.
fn keep_pages_small() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
