//! SARIF 2.1.0 (OASIS), the form in which forges take results of static analysis.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::escape::{clean, closed};
use crate::domain::code_doc::CodeDoc;
use crate::domain::diagnostic::{Diagnostic, Location, Severity};
use crate::plan::types::{Finding, Waiver};

/// Characters of a relative URI's path that need no encoding.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// One result.
pub(super) struct Entry<'a> {
    code: &'a str,
    severity: Severity,
    message: String,
    location: Option<&'a Location>,
    waiver: Option<&'a Waiver>,
}

impl<'a> Entry<'a> {
    pub(super) fn of_diagnostic(diagnostic: &'a Diagnostic) -> Self {
        Self {
            code: &diagnostic.code,
            severity: diagnostic.severity,
            message: sentence(&diagnostic.message, diagnostic.help.as_deref()),
            location: diagnostic.location.as_ref(),
            waiver: None,
        }
    }

    pub(super) fn of_finding(environment: &str, finding: &'a Finding) -> Self {
        let message = format!("{environment}: {}", finding.message);
        Self {
            code: &finding.code,
            severity: finding.severity,
            message: sentence(&message, finding.help.as_deref()),
            location: finding.location.as_ref(),
            waiver: finding.waived.as_ref(),
        }
    }
}

fn sentence(message: &str, help: Option<&str>) -> String {
    let help = help.map(|help| format!(" Help: {}", closed(help))).unwrap_or_default();
    clean(&format!("{}{help}", closed(message)))
}

/// Returns the whole log.
pub(super) fn log(entries: &[Entry<'_>], docs: &[CodeDoc]) -> Value {
    let codes: Vec<&str> = entries.iter().map(|entry| entry.code).collect::<BTreeSet<_>>().into_iter().collect();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code, docs)).collect();
    let results: Vec<Value> = entries.iter().map(|entry| result(entry, &codes)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "driftless",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &str, docs: &[CodeDoc]) -> Value {
    match docs.iter().find(|doc| doc.code == code) {
        Some(doc) => json!({
            "id": code,
            "shortDescription": {"text": doc.title},
            "fullDescription": {"text": doc.explanation},
            "help": {"text": doc.fix},
        }),
        None => json!({"id": code}),
    }
}

fn result(entry: &Entry<'_>, codes: &[&str]) -> Value {
    let level = match entry.severity {
        Severity::Deny => "error",
        Severity::Warn => "warning",
    };
    let mut result = json!({
        "ruleId": entry.code,
        "ruleIndex": codes.binary_search(&entry.code).unwrap_or_default(),
        "level": level,
        "message": {"text": entry.message},
        "locations": entry.location.map(location).into_iter().collect::<Vec<_>>(),
    });
    if let Some(waiver) = entry.waiver {
        let why = clean(&waiver.sentence());
        result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": why}]);
    }
    result
}

fn location(location: &Location) -> Value {
    json!({"physicalLocation": {
        "artifactLocation": {
            "uri": utf8_percent_encode(&location.file, PATH).to_string(),
            "uriBaseId": "%SRCROOT%",
        },
        "region": {"startLine": location.line.max(1), "startColumn": location.column.max(1)},
    }})
}
