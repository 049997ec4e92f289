//! `driftless validate`: every problem of the repository, without a cluster.

use super::arguments::{ProblemFormat, RepositoryArgs};
use super::clock::SystemClock;
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use super::{desired, explain};
use crate::manifest::{self, Documents};
use crate::policy::{self, PolicyInput};
use crate::ports::Clock;
use crate::report::validation::{EnvironmentReport, ValidationReport};
use crate::report::{self, Style};

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

pub(super) fn run(arguments: &ValidateArgs, console: &Console) -> Result<Exit, CommandError> {
    let snapshot = arguments.repository.open()?.snapshot()?;
    let (file, mut diagnostics) = manifest::environments(&snapshot);
    let declared: Vec<String> = file.map(|file| file.environments.into_keys().collect()).unwrap_or_default();
    let wanted = match &arguments.environment {
        // A name that is not declared is among the diagnostics of loading it.
        Some(environment) => vec![environment.clone()],
        None => declared,
    };
    let mut environments = Vec::new();
    for environment in &wanted {
        let (desired, problems) = manifest::load(&snapshot, environment, Documents::Keep);
        diagnostics.extend(problems);
        if let Some(desired) = desired {
            let packs = desired::packs(&snapshot, &desired.policy_directories)?;
            let input = PolicyInput {
                desired: &desired,
                plan: None,
                observed: None,
                packs: &packs,
                today: SystemClock.today(),
            };
            environments.push(EnvironmentReport::new(&desired, policy::judge(&input)));
        }
    }
    let report = ValidationReport::new(diagnostics, environments);
    console.data(&match arguments.output {
        ProblemFormat::Text => report::validation_text(&report, Style::Colour),
        ProblemFormat::Json => report::validation_json(&report),
        ProblemFormat::Markdown => report::validation_markdown(&report),
        ProblemFormat::Junit => report::validation_junit(&report),
        ProblemFormat::GitHub => report::validation_github(&report),
        ProblemFormat::GitLabCodeQuality => report::validation_codequality(&report),
        ProblemFormat::Sarif => report::validation_sarif(&report, &explain::all_codes()),
    })?;
    Ok(match (report.errors(), report.denials()) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::Refused,
        (_, _) => Exit::Failed,
    })
}
