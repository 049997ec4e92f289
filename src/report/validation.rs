//! What `driftless validate` found: diagnostics of files, findings of policy, and what was loaded.

use std::collections::BTreeMap;

use serde::Serialize;

use super::escape::{clean, markdown_code};
use super::findings::{diagnostics_markdown, findings_markdown};
use super::{GREEN, RED, Style, counted, diagnostics_text, findings_text, sarif};
use crate::domain::code_doc::CodeDoc;
use crate::domain::desired::DesiredState;
use crate::domain::diagnostic::Diagnostic;
use crate::domain::resource::ResourceKind;
use crate::plan::types::Finding;

/// What validating a repository found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationReport {
    /// Problems in files, sorted, each once however many environments read the file.
    pub diagnostics: Vec<Diagnostic>,
    /// The environments that could be loaded, in order of their names.
    pub environments: Vec<EnvironmentReport>,
}

/// What one environment holds, and what policy says of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentReport {
    /// Its name.
    pub name: String,
    /// Declared resources by kind.
    pub loaded: BTreeMap<ResourceKind, usize>,
    /// Documents that were passed over because their kind is of another group, by `apiVersion/kind`.
    pub passed_over: BTreeMap<String, usize>,
    /// Findings of policy.
    pub findings: Vec<Finding>,
}

impl EnvironmentReport {
    /// Makes the report of an environment that was loaded.
    pub fn new(desired: &DesiredState, findings: Vec<Finding>) -> Self {
        Self {
            name: desired.environment.clone(),
            loaded: ResourceKind::ALL.into_iter().map(|kind| (kind, desired.count(kind))).collect(),
            passed_over: desired.passed_over.clone(),
            findings,
        }
    }
}

impl ValidationReport {
    /// Gathers what was found. Diagnostics that several environments share are shown once.
    pub fn new(mut diagnostics: Vec<Diagnostic>, mut environments: Vec<EnvironmentReport>) -> Self {
        diagnostics.sort();
        diagnostics.dedup();
        environments.sort_by(|left, right| left.name.cmp(&right.name));
        Self { diagnostics, environments }
    }

    /// Counts what stops plan and apply in files.
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count()
    }

    /// Counts the findings that stop plan and apply.
    pub fn denials(&self) -> usize {
        self.environments
            .iter()
            .flat_map(|environment| &environment.findings)
            .filter(|finding| finding.denies())
            .count()
    }

    fn warnings(&self) -> usize {
        let findings = self.environments.iter().flat_map(|environment| &environment.findings);
        self.diagnostics.iter().filter(|diagnostic| !diagnostic.is_error()).count()
            + findings.filter(|finding| !finding.denies() && finding.waived.is_none()).count()
    }

    /// Says in one sentence what was found.
    pub(super) fn verdict(&self) -> String {
        if self.errors() + self.denials() == 0 {
            return format!("Valid, with {}.", counted(self.warnings(), "warning", "warnings"));
        }
        format!(
            "Not valid: {}, {}, {}.",
            counted(self.errors(), "error", "errors"),
            counted(self.denials(), "finding denies", "findings deny"),
            counted(self.warnings(), "warning", "warnings")
        )
    }
}

fn loaded(environment: &EnvironmentReport) -> String {
    let count = |kind| environment.loaded.get(&kind).copied().unwrap_or(0);
    [
        counted(count(ResourceKind::Topic), "topic", "topics"),
        counted(count(ResourceKind::User), "user", "users"),
        counted(count(ResourceKind::Acl), "ACL", "ACLs"),
        counted(count(ResourceKind::Quota), "quota", "quotas"),
        counted(count(ResourceKind::BrokerConfig), "broker config", "broker configs"),
        counted(count(ResourceKind::RuleGroup), "rule group", "rule groups"),
    ]
    .join(", ")
}

fn passed_over(environment: &EnvironmentReport) -> Option<String> {
    let total: usize = environment.passed_over.values().sum();
    let kinds: Vec<String> =
        environment.passed_over.iter().map(|(kind, count)| format!("{count} {}", clean(kind))).collect();
    (total > 0).then(|| format!("passed over {}: {}", counted(total, "document", "documents"), kinds.join(", ")))
}

/// Writes the report for a terminal.
pub fn validation_text(report: &ValidationReport, style: Style) -> String {
    let mut blocks = Vec::new();
    if !report.diagnostics.is_empty() {
        blocks.push(diagnostics_text(&report.diagnostics, style));
    }
    for environment in &report.environments {
        let mut block = format!("{}: {}\n", clean(&environment.name), loaded(environment));
        block.extend(passed_over(environment).map(|line| format!("  {line}\n")));
        if !environment.findings.is_empty() {
            block.push_str(&format!("\n{}", findings_text(&environment.findings, style)));
        }
        blocks.push(block);
    }
    let colour = if report.errors() + report.denials() == 0 { GREEN } else { RED };
    blocks.push(format!("{}\n", style.paint(colour, &report.verdict())));
    blocks.join("\n")
}

/// Writes the report as Markdown.
pub fn validation_markdown(report: &ValidationReport) -> String {
    let mut out = format!("### Validation\n\n{}\n", report.verdict());
    if !report.diagnostics.is_empty() {
        out.push_str(&format!("\n#### Files\n\n{}", diagnostics_markdown(&report.diagnostics)));
    }
    for environment in &report.environments {
        out.push_str(&format!("\n#### {}\n\n{}\n", markdown_code(&environment.name), loaded(environment)));
        out.extend(passed_over(environment).map(|line| format!("\n{}\n", markdown_code(&line))));
        if !environment.findings.is_empty() {
            out.push_str(&format!("\n{}", findings_markdown(&environment.findings, usize::MAX)));
        }
    }
    out
}

/// Writes the report as JSON: `diagnostics` and `environments`.
pub fn validation_json(report: &ValidationReport) -> String {
    super::json(report)
}

/// Writes the report as SARIF 2.1.0, for code-scanning views. `docs` explains the codes; codes without one are listed bare.
pub fn validation_sarif(report: &ValidationReport, docs: &[CodeDoc]) -> String {
    let mut results: Vec<sarif::Entry<'_>> = report.diagnostics.iter().map(sarif::Entry::of_diagnostic).collect();
    for environment in &report.environments {
        results.extend(environment.findings.iter().map(|finding| sarif::Entry::of_finding(&environment.name, finding)));
    }
    super::json(&sarif::log(&results, docs))
}
