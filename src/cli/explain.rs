//! `driftless explain`: what a code means.

use std::path::PathBuf;

use super::arguments::{RepositoryArgs, RevisionArgs};
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use super::policy::PackArgs;
use crate::apply;
use crate::config;
use crate::domain::code_doc::CodeDoc;
use crate::domain::nearest::nearest;
use crate::kafka::{self, properties};
use crate::manifest;
use crate::plan;
use crate::policy::{self, Guide};
use crate::recorded;
use crate::report::{clean, status};

/// Say what a code or a word of a report means and what to do about it
///
/// Words are those of plans and statuses, such as `held`, `drift` or `SourceUntrusted`. Codes of the rules of a config repository are explained from their METADATA and their cases.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// Code of a diagnostic, a finding or a reason, or another word of a report, such as `unknown-setting`
    #[arg(value_name = "CODE")]
    pub(super) code: String,
    /// Directory of the config repository whose own rules are explained too
    #[arg(default_value = ".", value_name = "PATH")]
    pub(super) path: PathBuf,
}

/// Every table of codes and words.
const TABLES: &[&[CodeDoc]] = &[
    manifest::CODES,
    policy::CODES,
    plan::CODES,
    config::CODES,
    recorded::CODES,
    properties::CODES,
    apply::CODES,
    plan::WORDS,
    status::WORDS,
];

/// Returns the explanation of every code and word.
pub(super) fn all_codes() -> Vec<CodeDoc> {
    TABLES.iter().flat_map(|table| table.iter().copied()).collect()
}

/// What makes a word the same as another: `DriftNotCorrected` and `not pruned` are codes too.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
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
    let meant = letters(&wanted);
    match known().find(|doc| letters(doc.code) == meant) {
        Some(doc) => Ok(format!("{}: {}\n\n{}\n\n{}\n", doc.code, doc.title, doc.explanation, doc.fix)),
        None if kafka::error_code(&wanted.to_ascii_uppercase()).is_some() => Ok(format!(
            "{}: an answer of Kafka's brokers\n\nThe words beside it are the broker's own. driftless shows them, and does nothing that depends on them.\n\nDo what the broker says, and plan again.\n",
            wanted.to_ascii_uppercase()
        )),
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
    use std::path::Path;

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
        let codes: Vec<String> = all_codes().iter().map(|doc| letters(doc.code)).collect();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
    }

    /// The texts of the sources, without tests.
    fn sources(directory: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()) {
            let name = entry.file_name().expect("a name").to_string_lossy().into_owned();
            if entry.is_dir() && name != "tests" {
                sources(&entry, found);
            } else if name.ends_with(".rs") && !name.contains("test") && name != "samples.rs" {
                let text = std::fs::read_to_string(&entry).expect("a source");
                found.push(text.split("#[cfg(test)]\nmod").next().unwrap_or_default().to_owned());
            }
        }
    }

    /// The variants of an enum whose names are shown.
    fn variants(source: &str, name: &str) -> Vec<String> {
        let body = source.split(&format!("pub enum {name} {{\n")).nth(1).and_then(|rest| rest.split("\n}\n").next());
        let lines = body.expect("the enum").lines().filter_map(|line| line.strip_prefix("    "));
        let named = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
        named.map(|line| line.trim_end_matches([',', '{', ' ']).to_owned()).collect()
    }

    #[test]
    fn every_code_status_and_reason_that_is_shown_can_be_asked_for() {
        let mut shown: Vec<String> = Vec::new();
        let (types, result) = (include_str!("../plan/types.rs"), include_str!("../plan/apply_report.rs"));
        let state = include_str!("../report/status.rs");
        for (source, name) in [
            (types, "Status"),
            (types, "Origin"),
            (types, "Risk"),
            (types, "Hold"),
            (types, "Reason"),
            (result, "Outcome"),
            (state, "ProblemReason"),
            (state, "SyncState"),
        ] {
            let found = variants(source, name);
            assert!(found.len() >= 3, "{name}: {found:?}");
            shown.extend(found);
        }
        let mut texts = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
        let patterns = [
            r#"Diagnostic::(?:error|warning)\(\s*"([a-z-]+)""#,
            r#"(?:about\(\w+, |denies\(\s*|\bcode: |_ERROR: &str = |CODE: &str = )"([a-z]+(?:-[a-z]+)+)""#,
            r#"(?:not_sent\(|code: |=> \(|= \()"([A-Z]+(?:_[A-Z]+)+)""#,
            r#"condition\("(\w+)""#,
            r#"reason: "(\w+)""#,
        ];
        for pattern in patterns.map(|pattern| regex::Regex::new(pattern).expect("a pattern")) {
            let before = shown.len();
            let found = texts.iter().flat_map(|text| pattern.captures_iter(text)).map(|found| found[1].to_owned());
            shown.extend(found);
            assert!(shown.len() > before, "{pattern}");
        }
        let verdict = regex::Regex::new(r#""([A-Z][a-z]+[A-Za-z]*)""#).expect("a pattern");
        let verdicts =
            verdict.captures_iter(include_str!("../report/status/verdict.rs")).map(|found| found[1].to_owned());
        shown.extend(verdicts.filter(|word| !["True", "False"].contains(&word.as_str())));
        let unexplained: Vec<&String> = shown.iter().filter(|word| explain(word, TABLES, &[]).is_err()).collect();
        assert!(unexplained.is_empty(), "{unexplained:?} of {}", shown.len());
    }

    #[test]
    fn words_are_found_as_they_are_shown() {
        for (word, wanted) in [
            ("held", "held: a status: it waits"),
            ("DriftNotCorrected", "drift-not-corrected: "),
            ("not pruned", "not-pruned: "),
            ("SECRET_MISSING", "SECRET_MISSING: the password could not be had"),
            ("TOPIC_AUTHORIZATION_FAILED", "TOPIC_AUTHORIZATION_FAILED: an answer of Kafka's brokers"),
            ("Unknown", "unknown: something that could not be read"),
        ] {
            let text = explain(word, TABLES, &[]).expect(word);
            assert!(text.starts_with(wanted), "{text}");
        }
    }
}
