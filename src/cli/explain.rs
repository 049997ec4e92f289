//! `driftless explain`: what a code means.

use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use crate::config;
use crate::domain::code_doc::CodeDoc;
use crate::manifest;
use crate::plan;
use crate::policy;

/// Say what a code means and what to do about it
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// Code of a diagnostic, a finding or a reason, such as `unknown-setting`
    #[arg(value_name = "CODE")]
    pub(super) code: String,
}

/// Every table of codes.
const TABLES: &[&[CodeDoc]] = &[manifest::CODES, policy::CODES, plan::CODES, config::CODES];

/// Returns the explanation of every code.
pub(super) fn all_codes() -> Vec<CodeDoc> {
    TABLES.iter().flat_map(|table| table.iter().copied()).collect()
}

pub(super) fn run(arguments: &ExplainArgs, console: &Console) -> Result<Exit, CommandError> {
    console.data(&explain(&arguments.code, TABLES)?)?;
    Ok(Exit::Done)
}

fn explain(code: &str, tables: &[&[CodeDoc]]) -> Result<String, CommandError> {
    let known = || tables.iter().flat_map(|table| table.iter());
    // People copy codes with what stands around them: `error[unknown-setting]:`.
    let wanted = code.trim_start_matches("error").trim_start_matches("warning");
    let wanted = wanted.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
    match known().find(|doc| doc.code == wanted) {
        Some(doc) => Ok(format!("{}: {}\n\n{}\n\n{}\n", doc.code, doc.title, doc.explanation, doc.fix)),
        None => {
            let error = CommandError::usage(format!("there is no code `{code}`"));
            Err(match config::nearest(&wanted, known().map(|doc| doc.code)) {
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
            let text = explain(code, TABLES).expect(code);
            assert!(text.starts_with("unknown-setting: there is no such setting\n\n"), "{text}");
        }
        let error = explain("unknown-seting", TABLES).expect_err("misspelt");
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
