//! Diagnostics and findings, in the one shape that every message has.

use super::escape::{clean, cut, markdown_code, markdown_prose, within};
use super::{BOLD, DIM, RED, Style, YELLOW};
use crate::domain::diagnostic::{Diagnostic, Location, Severity};
use crate::plan::types::Finding;

/// The most characters of one sentence in Markdown.
const LONGEST: usize = 600;

/// What diagnostics and findings have in common.
struct Message<'a> {
    severity: Severity,
    waived: bool,
    code: &'a str,
    text: &'a str,
    location: Option<&'a Location>,
    notes: Vec<(&'static str, String)>,
}

impl<'a> Message<'a> {
    fn of_diagnostic(diagnostic: &'a Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity,
            waived: false,
            code: &diagnostic.code,
            text: &diagnostic.message,
            location: diagnostic.location.as_ref(),
            notes: diagnostic.help.iter().map(|help| ("help", help.clone())).collect(),
        }
    }

    fn of_finding(finding: &'a Finding) -> Self {
        let mut notes = Vec::new();
        notes.extend(finding.rule.iter().map(|rule| ("rule", rule.clone())));
        notes.extend(finding.waived.iter().map(|waiver| ("waived by", waiver.sentence())));
        notes.extend(finding.help.iter().filter(|_| finding.waived.is_none()).map(|help| ("help", help.clone())));
        Self {
            severity: finding.severity,
            waived: finding.waived.is_some(),
            code: &finding.code,
            text: &finding.message,
            location: finding.location.as_ref(),
            notes,
        }
    }

    fn label(&self) -> &'static str {
        match (self.waived, self.severity) {
            (true, _) => "waived",
            (false, Severity::Deny) => "error",
            (false, Severity::Warn) => "warning",
        }
    }

    fn text(&self, style: Style) -> String {
        let colour = match (self.waived, self.severity) {
            (true, _) => DIM,
            (false, Severity::Deny) => RED,
            (false, Severity::Warn) => YELLOW,
        };
        let label = style.paint(colour, &format!("{}[{}]", self.label(), clean(self.code)));
        let mut out = format!("{label}: {}\n", style.paint(BOLD, &clean(self.text)));
        if let Some(location) = self.location {
            out.push_str(&format!("  {} {}\n", style.paint(DIM, "-->"), clean(&location.to_string())));
        }
        for (name, note) in &self.notes {
            out.push_str(&format!("   {} {name}: {}\n", style.paint(DIM, "="), clean(note)));
        }
        out
    }

    fn markdown(&self) -> String {
        let place = self.location.map(|location| format!(" ({})", markdown_code(&cut(&location.to_string(), LONGEST))));
        let mut out = format!(
            "- **{}** {}: {}{}\n",
            self.label(),
            markdown_code(&cut(self.code, LONGEST)),
            markdown_prose(&cut(self.text, LONGEST)),
            place.unwrap_or_default()
        );
        for (name, note) in &self.notes {
            let note = cut(note, LONGEST);
            let note = if *name == "rule" { markdown_code(&note) } else { markdown_prose(&note) };
            out.push_str(&format!("  - {name}: {note}\n"));
        }
        out
    }
}

/// Writes diagnostics, one block each.
pub fn diagnostics_text(diagnostics: &[Diagnostic], style: Style) -> String {
    blocks(diagnostics.iter().map(|diagnostic| Message::of_diagnostic(diagnostic).text(style)))
}

/// Writes findings, one block each. Waived ones, which ask for nothing, come last in a line each.
pub fn findings_text(findings: &[Finding], style: Style) -> String {
    let open = findings.iter().filter(|finding| finding.waived.is_none());
    let mut sections = vec![blocks(open.map(|finding| Message::of_finding(finding).text(style)))];
    sections.push(findings.iter().filter_map(|finding| waived_line(finding, style)).collect());
    sections.retain(|section| !section.is_empty());
    sections.join("\n")
}

fn waived_line(finding: &Finding, style: Style) -> Option<String> {
    let waiver = finding.waived.as_ref()?;
    let label = style.paint(DIM, &format!("waived[{}]", clean(&finding.code)));
    let about = finding.resource.as_deref().unwrap_or("the cluster");
    let line = format!("by {}", waiver.sentence());
    Some(format!("{label}: {} {}\n", clean(about), clean(&line)))
}

fn blocks(blocks: impl Iterator<Item = String>) -> String {
    blocks.collect::<Vec<_>>().join("\n")
}

/// Writes one diagnostic as an entry of a Markdown list.
pub(super) fn diagnostic_markdown(diagnostic: &Diagnostic) -> String {
    Message::of_diagnostic(diagnostic).markdown()
}

/// Writes one finding as an entry of a Markdown list.
pub(super) fn finding_markdown(finding: &Finding) -> String {
    Message::of_finding(finding).markdown()
}

/// Writes diagnostics as a Markdown list.
pub(super) fn diagnostics_markdown(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(diagnostic_markdown).collect()
}

/// Writes findings as a Markdown list of at most about `most` bytes. Those that deny come first in what policy returns.
pub(super) fn findings_markdown(findings: &[Finding], most: usize) -> String {
    within(findings.iter().map(|finding| Message::of_finding(finding).markdown()), most)
}
