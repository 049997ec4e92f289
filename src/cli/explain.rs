//! `driftless explain`: what a code means.

use std::path::PathBuf;

use super::arguments::{RepositoryArgs, RevisionArgs};
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use super::policy::PackArgs;
use crate::config;
use crate::domain::code_doc::CodeDoc;
use crate::domain::nearest::nearest;
use crate::manifest;
use crate::plan;
use crate::policy::{self, Guide};
use crate::report::clean;

/// Say what a code means and what to do about it
///
/// Codes of the rules of a config repository are explained from their METADATA and their cases.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// Code of a diagnostic, a finding or a reason, such as `unknown-setting`
    #[arg(value_name = "CODE")]
    pub(super) code: String,
    /// Directory of the config repository whose own rules are explained too
    #[arg(default_value = ".", value_name = "PATH")]
    pub(super) path: PathBuf,
}

/// Every table of codes.
const TABLES: &[&[CodeDoc]] = &[manifest::CODES, policy::CODES, plan::CODES, config::CODES];

/// Returns the explanation of every code.
pub(super) fn all_codes() -> Vec<CodeDoc> {
    TABLES.iter().flat_map(|table| table.iter().copied()).collect()
}

pub(super) fn run(arguments: &ExplainArgs, console: &Console) -> Result<Exit, CommandError> {
    let repository = RepositoryArgs { path: arguments.path.clone(), revision: RevisionArgs { revision: None } };
    // A repository that cannot be read explains nothing of its own, and keeps nobody from the rest.
    let is_repository = arguments.path.join(manifest::REPOSITORY_FILE).is_file();
    let packs = match is_repository {
        true => super::policy::packs(&PackArgs { repository, environment: None }).unwrap_or_default(),
        false => Vec::new(),
    };
    console.data(&explain(&arguments.code, TABLES, &policy::guides(&packs))?)?;
    Ok(Exit::Done)
}

fn explain(code: &str, tables: &[&[CodeDoc]], guides: &[Guide]) -> Result<String, CommandError> {
    let known = || tables.iter().flat_map(|table| table.iter());
    // People copy codes with what stands around them: `error[unknown-setting]:`.
    let wanted = code.trim_start_matches("error").trim_start_matches("warning");
    let wanted = wanted.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
    if let Some(guide) = guides.iter().find(|guide| guide.code == wanted) {
        // A pack is somebody's text: line by line, so that nothing in it controls the terminal.
        return Ok(guide.text().lines().map(|line| format!("{}\n", clean(line))).collect());
    }
    match known().find(|doc| doc.code == wanted) {
        Some(doc) => Ok(format!("{}: {}\n\n{}\n\n{}\n", doc.code, doc.title, doc.explanation, doc.fix)),
        None => {
            let error = CommandError::usage(format!("there is no code `{code}`"));
            let codes = known().map(|doc| doc.code).chain(guides.iter().map(|guide| guide.code.as_str()));
            Err(match nearest(&wanted, codes) {
                Some(near) => error.hint(format!("Did you mean `{near}`?")),
                None => error.hint("Codes stand in brackets in messages, as in `error[unknown-setting]`."),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_code_is_found_however_it_was_copied() {
        for code in ["unknown-setting", "error[unknown-setting]", "[unknown-setting]:", "Unknown-Setting"] {
            let text = explain(code, TABLES, &[]).expect(code);
            assert!(text.starts_with("unknown-setting: there is no such setting\n\n"), "{text}");
        }
        let error = explain("unknown-seting", TABLES, &[]).expect_err("misspelt");
        assert!(error.render().contains("Did you mean `unknown-setting`?"));
    }

    #[test]
    fn no_code_means_two_things_or_nothing() {
        for doc in TABLES.iter().flat_map(|table| table.iter()) {
            assert!(!doc.title.is_empty() && doc.explanation.ends_with('.') && doc.fix.ends_with('.'), "{}", doc.code);
        }
        let codes: Vec<&str> = TABLES.iter().flat_map(|table| table.iter()).map(|doc| doc.code).collect();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
    }
}
