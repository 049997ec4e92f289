//! `driftless policy`: what the rules are.

use super::arguments::RepositoryArgs;
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use crate::domain::diagnostic::Severity;
use crate::policy::{RuleDoc, rules};

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

pub(super) fn run(arguments: &PolicyArgs, console: &Console) -> Result<Exit, CommandError> {
    match &arguments.command {
        PolicyCommand::List(_) => console.data(&table(&rules(&[])))?,
    }
    Ok(Exit::Done)
}

/// Writes one line per rule, in columns.
fn table(rules: &[RuleDoc]) -> String {
    let mut rows = vec![["CODE", "SEVERITY", "PACK", "TITLE"].map(str::to_owned)];
    rows.extend(rules.iter().map(|rule| {
        let severity = match rule.severity {
            Severity::Deny => "deny",
            Severity::Warn => "warn",
        };
        [rule.code.clone(), severity.to_owned(), rule.pack.clone(), rule.title.clone()]
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
