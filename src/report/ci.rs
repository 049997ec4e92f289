//! Problems in the forms in which CI systems show them beside the lines.

use serde_json::json;

use super::escape::clean;
use super::validation::ValidationReport;
use crate::domain::diagnostic::{Diagnostic, Location, Severity};
use crate::domain::digest::sha256;
use crate::plan::types::Finding;

/// One problem at a line.
struct Problem<'a> {
    severity: Severity,
    code: &'a str,
    message: String,
    location: Option<&'a Location>,
}

fn problems(report: &ValidationReport) -> Vec<Problem<'_>> {
    let mut problems: Vec<Problem<'_>> = report.diagnostics.iter().map(of_diagnostic).collect();
    for environment in &report.environments {
        let open = environment.findings.iter().filter(|finding| finding.waived.is_none());
        problems.extend(open.map(|finding| of_finding(&environment.name, finding)));
    }
    problems
}

fn with_help(message: &str, help: Option<&str>) -> String {
    let help = help.map(|help| format!(" (help: {help})")).unwrap_or_default();
    clean(&format!("{message}{help}"))
}

fn of_diagnostic(diagnostic: &Diagnostic) -> Problem<'_> {
    Problem {
        severity: diagnostic.severity,
        code: &diagnostic.code,
        message: with_help(&diagnostic.message, diagnostic.help.as_deref()),
        location: diagnostic.location.as_ref(),
    }
}

fn of_finding<'a>(environment: &str, finding: &'a Finding) -> Problem<'a> {
    Problem {
        severity: finding.severity,
        code: &finding.code,
        message: with_help(&format!("{environment}: {}", finding.message), finding.help.as_deref()),
        location: finding.location.as_ref(),
    }
}

/// Writes problems as workflow commands, which GitHub Actions shows beside the lines (docs.github.com, "Workflow commands").
pub fn validation_github(report: &ValidationReport) -> String {
    let mut out = String::new();
    for problem in problems(report) {
        let command = match problem.severity {
            Severity::Deny => "error",
            Severity::Warn => "warning",
        };
        let place = problem.location.map(|location| {
            format!("file={},line={},col={},", property(&location.file), location.line, location.column)
        });
        out.push_str(&format!(
            "::{command} {}title={}::{}\n",
            place.unwrap_or_default(),
            property(problem.code),
            data(&problem.message)
        ));
    }
    out.push_str(&format!("{}\n", data(&report.verdict())));
    out
}

/// Line breaks and what escapes them. A text that begins with `::` cannot be a command: it stands behind one.
fn data(text: &str) -> String {
    clean(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Writes problems as GitLab's code quality report (docs.gitlab.com, "Code Quality", "Code Quality report format"). A problem
/// without a place stands at the first line of `driftless.yaml`, because GitLab passes over those without one.
pub fn validation_codequality(report: &ValidationReport) -> String {
    let nowhere = Location::new("driftless.yaml", 1, 1);
    let entries: Vec<serde_json::Value> = problems(report)
        .iter()
        .map(|problem| {
            let location = problem.location.unwrap_or(&nowhere);
            let content = format!("{}\0{}\0{}\0{}", problem.code, location.file, location.line, problem.message);
            json!({
                "check_name": problem.code,
                "description": problem.message,
                "fingerprint": sha256(&content),
                "severity": match problem.severity { Severity::Deny => "critical", Severity::Warn => "minor" },
                "location": {"path": location.file, "lines": {"begin": location.line}},
            })
        })
        .collect();
    super::json(&entries)
}
