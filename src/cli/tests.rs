//! The command line as a whole: help texts, and which arguments go together.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn outcome(line: &str) -> Result<Cli, ErrorKind> {
    Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.kind())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_help_text_is_as_it_was_reviewed() {
    let mut command = Cli::command().term_width(100);
    command.build();
    insta::assert_snapshot!("help", command.render_long_help().to_string());
    for subcommand in command.get_subcommands_mut() {
        let name = format!("help-{}", subcommand.get_name());
        insta::assert_snapshot!(name, subcommand.render_long_help().to_string());
    }
}

#[test]
fn exactly_one_cluster_is_chosen() {
    for line in [
        "driftless plan -e dev --sandbox x",
        "driftless plan repo -e dev --observed main --revision HEAD~1",
        "driftless plan -e dev --bootstrap-server a:1,b:2 --command-config c --cluster-id x",
        "driftless plan --config agent.yaml",
        "driftless apply plan.json --sandbox x --yes",
        "driftless apply . -e dev --config x --prune --max-deletions 0",
        "driftless drift -e dev --sandbox x --commit --push",
        "driftless import -e dev --bootstrap-server a:1",
        "driftless -vv plan -e dev --sandbox x -o json --log-format json",
    ] {
        assert!(outcome(line).is_ok(), "{line}");
    }
    for (line, kind) in [
        ("driftless plan -e dev", ErrorKind::MissingRequiredArgument),
        ("driftless plan --sandbox x", ErrorKind::MissingRequiredArgument),
        ("driftless plan -e dev --sandbox x --observed y", ErrorKind::ArgumentConflict),
        ("driftless plan -e dev --sandbox x --bootstrap-server y", ErrorKind::ArgumentConflict),
        ("driftless plan -e dev --config x --sandbox y", ErrorKind::ArgumentConflict),
        ("driftless apply -e dev --observed x", ErrorKind::UnknownArgument),
        ("driftless apply --yes", ErrorKind::MissingRequiredArgument),
        ("driftless drift -e dev --sandbox x --push", ErrorKind::MissingRequiredArgument),
        ("driftless plan -e dev --sandbox x -o sarif", ErrorKind::InvalidValue),
        ("driftless plan -e dev --sandbox x --max-deletions -1", ErrorKind::UnknownArgument),
        ("driftless -v -q policy list", ErrorKind::ArgumentConflict),
        ("driftless comment --no-status", ErrorKind::MissingRequiredArgument),
        ("driftless comment --problems x.json -e dev", ErrorKind::MissingRequiredArgument),
        ("driftless publish plan.json", ErrorKind::InvalidSubcommand),
    ] {
        match outcome(line) {
            Ok(_) => panic!("{line} was taken"),
            Err(found) => assert_eq!(found, kind, "{line}"),
        }
    }
}
