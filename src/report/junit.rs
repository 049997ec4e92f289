//! JUnit XML, the form in which CI systems take results of tests.

use super::escape::clean;
use super::validation::ValidationReport;
use crate::domain::diagnostic::{Diagnostic, Location, Severity};
use crate::plan::types::Finding;

/// What became of one test case.
enum Verdict {
    Passed,
    /// Passed, with something to say.
    Warned(String),
    Failed(String),
    /// Waived, and why.
    Skipped(String),
}

struct TestCase {
    name: String,
    /// The code, which CI systems show as the kind of the failure.
    code: String,
    location: Option<Location>,
    verdict: Verdict,
}

/// Writes the report as JUnit XML: a suite for the files and one for each environment, a case for each problem. What denies is
/// a failure, a warning is a case that passed with output, and a waived finding is skipped. A suite without problems has one
/// case that passed, because CI systems take an empty report for a broken one.
pub fn validation_junit(report: &ValidationReport) -> String {
    let mut suites = vec![("files".to_owned(), report.diagnostics.iter().map(of_diagnostic).collect::<Vec<_>>())];
    for environment in &report.environments {
        suites.push((environment.name.clone(), environment.findings.iter().map(of_finding).collect()));
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = || suites.iter().flat_map(|(_, cases)| cases);
    let empty = suites.iter().filter(|(_, cases)| cases.is_empty()).count();
    // The usual schema has no number of skipped cases here.
    out.push_str(&format!("<testsuites name=\"driftless\"{}>\n", counts(all(), empty).0));
    for (name, cases) in &suites {
        let passed =
            [TestCase { name: "no problem".into(), code: String::new(), location: None, verdict: Verdict::Passed }];
        let cases = if cases.is_empty() { passed.as_slice() } else { cases };
        let (run, skipped) = counts(cases.iter(), 0);
        out.push_str(&format!("  <testsuite name={}{run}{skipped}>\n", quoted(name)));
        cases.iter().for_each(|case| out.push_str(&written(name, case)));
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn of_diagnostic(diagnostic: &Diagnostic) -> TestCase {
    let text = with_help(&diagnostic.message, diagnostic.help.as_deref());
    TestCase {
        name: diagnostic.code.clone(),
        code: diagnostic.code.clone(),
        location: diagnostic.location.clone(),
        verdict: verdict(diagnostic.severity, text),
    }
}

fn of_finding(finding: &Finding) -> TestCase {
    let text = with_help(&finding.message, finding.help.as_deref());
    let verdict = match &finding.waived {
        Some(waiver) => Verdict::Skipped(format!("waived by {}. {text}", waiver.sentence().trim_end_matches('.'))),
        None => verdict(finding.severity, text),
    };
    TestCase {
        name: format!("{} {}", finding.code, finding.resource.as_deref().unwrap_or("cluster")),
        code: finding.code.clone(),
        location: finding.location.clone(),
        verdict,
    }
}

fn verdict(severity: Severity, text: String) -> Verdict {
    match severity {
        Severity::Deny => Verdict::Failed(text),
        Severity::Warn => Verdict::Warned(text),
    }
}

fn with_help(message: &str, help: Option<&str>) -> String {
    help.map_or_else(|| message.to_owned(), |help| format!("{message}. Help: {help}"))
}

/// Counts cases: how many were run with what result, and apart from that how many were skipped.
fn counts<'a>(cases: impl Iterator<Item = &'a TestCase>, passed: usize) -> (String, String) {
    let (mut tests, mut failures, mut skipped) = (passed, 0, 0);
    for case in cases {
        tests += 1;
        match case.verdict {
            Verdict::Failed(_) => failures += 1,
            Verdict::Skipped(_) => skipped += 1,
            Verdict::Passed | Verdict::Warned(_) => {}
        }
    }
    (format!(" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\""), format!(" skipped=\"{skipped}\""))
}

fn written(suite: &str, case: &TestCase) -> String {
    let place = case.location.as_ref();
    let file = place.map(|place| format!(" file={} line=\"{}\"", quoted(&place.file), place.line.max(1)));
    let open = format!(
        "    <testcase classname={} name={}{}",
        quoted(&format!("driftless.{suite}")),
        quoted(&case.name),
        file.unwrap_or_default()
    );
    let at = place.map(|place| format!("{}\n", clean(&place.to_string()))).unwrap_or_default();
    match &case.verdict {
        Verdict::Passed => format!("{open}/>\n"),
        Verdict::Warned(text) => {
            let text = escaped(&format!("{at}warning: {}", clean(text)));
            format!("{open}>\n      <system-out>{text}</system-out>\n    </testcase>\n")
        }
        Verdict::Failed(text) => format!(
            "{open}>\n      <failure message={} type={}>{}</failure>\n    </testcase>\n",
            quoted(text),
            quoted(&case.code),
            escaped(&format!("{at}{}", clean(text)))
        ),
        Verdict::Skipped(text) => {
            format!("{open}>\n      <skipped message={}/>\n    </testcase>\n", quoted(text))
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(&clean(text)))
}

/// Escapes what XML reads as markup. Control characters, which XML cannot hold at all, are gone already.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
