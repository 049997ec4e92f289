//! `driftless policy`: what the rules are, and whether they do what their cases say.

use std::collections::BTreeSet;

use super::arguments::RepositoryArgs;
use super::console::Console;
use super::desired;
use super::error::CommandError;
use super::exit::Exit;
use crate::domain::diagnostic::Severity;
use crate::manifest;
use crate::policy::{Pack, RuleDoc, rules, trial};
use crate::report::clean;

/// Look at policy, and try it out
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
    List(PackArgs),
    /// Run the cases and the `test_` rules of the packs
    ///
    /// A case file is a list of cases with `name`, `manifest` or `input`, and `findings` (`CODE RESOURCE`), in a directory
    /// `cases` of the pack or called `…_cases.yaml`. Exits with 1 when something fails. Rules that no case and no test makes
    /// find something are listed.
    Test(PackArgs),
}

/// Which packs, beside the built-in one.
#[derive(Debug, clap::Args)]
pub(super) struct PackArgs {
    #[command(flatten)]
    pub(super) repository: RepositoryArgs,
    /// Only the packs of this environment [default: all]
    #[arg(short, long, value_name = "ENV")]
    pub(super) environment: Option<String>,
}

pub(super) fn run(arguments: &PolicyArgs, console: &Console) -> Result<Exit, CommandError> {
    match &arguments.command {
        PolicyCommand::List(arguments) => {
            console.data(&table(&rules(&packs(arguments)?)))?;
            Ok(Exit::Done)
        }
        PolicyCommand::Test(arguments) => test(arguments, console),
    }
}

/// Reads the packs of a config repository, or a directory that is a pack itself. A directory that is neither has none.
pub(super) fn packs(arguments: &PackArgs) -> Result<Vec<Pack>, CommandError> {
    let snapshot = arguments.repository.open()?.snapshot()?;
    if !snapshot.files.contains_key(manifest::REPOSITORY_FILE) {
        if let Some(environment) = &arguments.environment {
            return Err(CommandError::usage(format!(
                "there is no environment `{environment}` without a `driftless.yaml`"
            )));
        }
        let has_rules = snapshot.files.keys().any(|path| path.ends_with(".rego"));
        return if has_rules { desired::packs(&snapshot, &[".".to_owned()]) } else { Ok(Vec::new()) };
    }
    let (file, diagnostics) = manifest::environments(&snapshot);
    let Some(file) = file else {
        return Err(CommandError::failed("`driftless.yaml` cannot be used").diagnostics(diagnostics));
    };
    let mut directories = BTreeSet::new();
    match &arguments.environment {
        Some(name) => {
            let known: Vec<&str> = file.environments.keys().map(String::as_str).collect();
            let Some(environment) = file.environments.get(name) else {
                return Err(CommandError::usage(format!("driftless.yaml has no environment `{name}`"))
                    .hint(format!("Its environments are {}.", known.join(", "))));
            };
            directories.extend(environment.policies.iter().cloned());
        }
        None => directories.extend(file.environments.values().flat_map(|environment| environment.policies.clone())),
    }
    desired::packs(&snapshot, &directories.into_iter().collect::<Vec<_>>())
}

fn test(arguments: &PackArgs, console: &Console) -> Result<Exit, CommandError> {
    let packs = packs(arguments)?;
    let mut trials = vec![("built-in".to_owned(), trial::built_in())];
    if !packs.is_empty() {
        let names: Vec<&str> = packs.iter().map(|pack| pack.name.as_str()).collect();
        trials.push((names.join(", "), trial::run(&packs.iter().collect::<Vec<_>>())));
    }
    for (name, trial) in &trials {
        console.data(&result(name, trial))?;
    }
    let failed = trials.iter().any(|(_, trial)| !trial.failures.is_empty());
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn result(name: &str, trial: &trial::Trial) -> String {
    let failed = match trial.failures.len() {
        0 => String::new(),
        n_failures => format!(", {n_failures} failed"),
    };
    let mut out =
        format!("{}: {} cases and {} tests passed{failed}\n", clean(name), trial.cases_passed, trial.tests_passed);
    for failure in &trial.failures {
        out.push_str(&format!("  failed: {}: {}\n", clean(&failure.place), clean(&failure.name)));
        out.extend(failure.details.iter().map(|detail| format!("    {}\n", clean(detail))));
    }
    for unfired in &trial.never_fired {
        let (place, rule, code) = (clean(&unfired.place), clean(&unfired.name), clean(&unfired.code));
        out.push_str(&format!("  never fired: {place}: `{rule}` ({code}) is in no case and no test\n"));
    }
    out
}

/// Writes one line per rule, in columns.
fn table(rules: &[RuleDoc]) -> String {
    let mut rows = vec![["CODE", "SEVERITY", "PACK", "TITLE"].map(str::to_owned)];
    rows.extend(rules.iter().map(|rule| {
        let severity = match rule.severity {
            Severity::Deny => "deny",
            Severity::Warn => "warn",
        };
        [clean(&rule.code), severity.to_owned(), clean(&rule.pack), clean(&rule.title)]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (code, severity, pack) = (width(0), width(1), width(2));
    let line = |row: &[String; 4]| {
        let line = format!("{:code$}  {:severity$}  {:pack$}  {}", row[0], row[1], row[2], row[3]);
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_rules_are_listed() {
        insta::assert_snapshot!(table(&rules(&[])));
    }
}
