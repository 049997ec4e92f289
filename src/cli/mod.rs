//! The command line: one file per command, one error, one place that ends the process.
//!
//! The only module that picks adapters. It decides nothing about clusters: it turns arguments into the values that the pass
//! takes, and what comes back into text and an exit code.

mod agent;
mod apply;
mod arguments;
mod clock;
mod cluster;
mod comment;
mod completions;
mod console;
mod desired;
mod drift;
mod error;
mod exit;
mod explain;
mod import;
mod interrupt;
mod passwords;
mod plan;
mod policy;
mod repository;
mod saved_plan;
mod session;
mod show;
mod status;
mod surroundings;
mod validate;

use std::ffi::OsString;
use std::future::Future;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use console::{Bar, Colour, Console};
pub use error::{CommandError, ErrorKind};
pub use exit::Exit;

use crate::telemetry::{self, LineWriter, LogFormat, LogOptions, Verbosity};

/// Keeps Apache Kafka clusters equal to a git repository of topics, users, ACLs, quotas and alert rules
#[derive(Debug, Parser)]
#[command(name = "driftless", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done or in sync, 1 failed, 2 differences (with --detailed-exitcode), 3 refused by \
                          policy or held, 64 usage.";

/// Options of every command.
#[derive(Debug, Args)]
struct GlobalArgs {
    /// Say more on standard error; twice and thrice for more still. RUST_LOG works too
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global")]
    verbose: u8,
    /// Say only errors on standard error
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global")]
    quiet: bool,
    /// Form of the log
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", help_heading = "Global")]
    log_format: LogFormat,
    /// When to use colours; NO_COLOR works too
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Global")]
    color: Colour,
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Text => PossibleValue::new("text").help("Lines for people"),
            Self::Json => PossibleValue::new("json").help("One JSON object per line"),
        })
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::ValidateArgs),
    Plan(plan::PlanArgs),
    Apply(apply::ApplyArgs),
    Drift(drift::DriftArgs),
    Agent(agent::AgentArgs),
    Status(status::StatusArgs),
    Import(import::ImportArgs),
    Show(show::ShowArgs),
    Comment(comment::CommentArgs),
    Policy(policy::PolicyArgs),
    Explain(explain::ExplainArgs),
    Completions(completions::CompletionsArgs),
}

/// Parses arguments. The error is how the process ends: help and version were asked for, everything else is usage.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
    Cli::try_parse_from(arguments).map_err(|error| {
        // When the help cannot be written, whoever asked for it is gone.
        let _ = error.print();
        if error.use_stderr() { Exit::Usage } else { Exit::Done }
    })
}

impl Cli {
    /// Sets up colours and logs. Called once, first.
    pub fn prepare(&self) -> Result<Console, Exit> {
        self.global.color.install();
        let console = Console::new(self.global.quiet, self.global.log_format == LogFormat::Json);
        let options = LogOptions {
            format: self.global.log_format,
            // An agent has nothing but its log to be seen by.
            verbosity: Verbosity { verbose: self.global.verbose + u8::from(self.is_agent()), quiet: self.global.quiet },
            filter: surroundings::environment("RUST_LOG"),
            // Colours are taken out again where nobody would see them.
            colour: true,
        };
        let writer = console.clone();
        telemetry::init(&options, LineWriter(move |line: &[u8]| writer.log(line))).map_err(|message| {
            console.error(&CommandError::usage(message));
            Exit::Usage
        })?;
        Ok(console)
    }

    fn is_agent(&self) -> bool {
        matches!(&self.command, Command::Agent(arguments) if !arguments.once)
    }

    /// Runs the command and says how the process ends. Prints the error, if there is one.
    pub fn run(&self, console: &Console) -> Exit {
        self.dispatch(console).unwrap_or_else(|error| {
            console.error(&error);
            error.exit()
        })
    }

    fn dispatch(&self, console: &Console) -> Result<Exit, CommandError> {
        match &self.command {
            Command::Validate(arguments) => validate::run(arguments, console),
            Command::Plan(arguments) => block_on(plan::run(arguments, console)),
            Command::Apply(arguments) => block_on(apply::run(arguments, console)),
            Command::Drift(arguments) => block_on(drift::run(arguments, console)),
            Command::Agent(arguments) => block_on(agent::run(arguments, console)),
            Command::Status(arguments) => block_on(status::run(arguments, console)),
            Command::Import(arguments) => block_on(import::run(arguments, console)),
            Command::Show(arguments) => show::run(arguments, console),
            Command::Comment(arguments) => block_on(comment::run(arguments, console)),
            Command::Policy(arguments) => policy::run(arguments, console),
            Command::Explain(arguments) => explain::run(arguments, console),
            Command::Completions(arguments) => completions::run(arguments, console),
        }
    }
}

/// Threads that wait for the network and take answers apart. On a machine with many cores more of them would only hold memory.
const MOST_THREADS: usize = 4;

/// How long a thread for blocking work waits for more of it. What such a thread gave free goes back to the system when it ends.
const THREAD_KEEP_ALIVE: Duration = Duration::from_millis(10);

/// Runs a command that talks to a cluster.
fn block_on(command: impl Future<Output = Result<Exit, CommandError>>) -> Result<Exit, CommandError> {
    let threads = std::thread::available_parallelism().map_or(MOST_THREADS, |cores| cores.get().min(MOST_THREADS));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .enable_all()
        .build()
        .map_err(|error| CommandError::failed("failed to start").because(error))?;
    let outcome = runtime.block_on(command);
    // Connections and signal handlers may still wait; nothing of theirs is worth waiting for.
    runtime.shutdown_background();
    outcome
}

#[cfg(test)]
mod tests;
