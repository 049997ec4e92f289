//! Cases of a pack: data that says which findings a rule gives for which input.
//!
//! A case file is YAML: a list of cases. `input` is laid over an environment `test` without anything in it, so a case says
//! only what it is about.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Pack;
use super::engine::{Budget, PackEngine};
use crate::domain::desired::DesiredState;

/// One case.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, as a sentence.
    pub name: String,
    /// What differs from an empty environment without a cluster (JSON Merge Patch).
    pub input: Value,
    /// The findings, as `CODE RESOURCE` or, when they are about no resource, `CODE`.
    #[serde(default)]
    pub findings: BTreeSet<String>,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// The case's name.
    pub name: String,
    /// Findings that were expected and did not come.
    pub missing: BTreeSet<String>,
    /// Findings that came and were not expected.
    pub unexpected: BTreeSet<String>,
}

impl CaseResult {
    /// Says whether the case holds.
    pub fn holds(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty()
    }
}

/// Reads a case file. The error is a sentence for people.
pub fn parse(text: &str) -> Result<Vec<Case>, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

/// Evaluates the rules over the whole of a pack for each case.
pub fn run(pack: &Pack, cases: &[Case]) -> Vec<CaseResult> {
    results(pack, cases).collect()
}

/// Evaluates the rules case by case, as far as somebody wants to know.
pub(super) fn results(pack: &Pack, cases: &[Case]) -> impl Iterator<Item = CaseResult> {
    let mut engine = PackEngine::load(&pack.files);
    let errors: BTreeSet<String> = engine.take_errors().into_iter().map(|(_, finding)| shown(finding)).collect();
    cases.iter().map(move |case| run_one(&mut engine, &errors, case))
}

/// Returns the file of one subject and those that it imports: what the cases of that subject are about. Rules of other
/// subjects may have more to say about the same input, and are not asked.
pub fn subject(pack: &Pack, file: &str) -> Pack {
    let mut files: Vec<(String, String)> = Vec::new();
    let mut wanted = vec![file.to_owned()];
    while let Some(path) = wanted.pop() {
        if files.iter().any(|(taken, _)| *taken == path) {
            continue;
        }
        let Some(found) = pack.files.iter().find(|(name, _)| *name == path) else { continue };
        let imported = |package: &str| {
            found.1.lines().any(|line| line.strip_prefix("import data.").is_some_and(|name| name.trim() == package))
        };
        for (name, text) in &pack.files {
            if text
                .lines()
                .find_map(|line| line.strip_prefix("package "))
                .is_some_and(|package| imported(package.trim()))
            {
                wanted.push(name.clone());
            }
        }
        files.push(found.clone());
    }
    Pack { name: pack.name.clone(), files }
}

fn run_one(engine: &mut PackEngine, errors: &BTreeSet<String>, case: &Case) -> CaseResult {
    let mut input = json!({
        "environment": {"name": "test", "parameters": {}},
        "today": "2026-01-01",
        "desired": {"topics": [], "users": [], "acls": [], "quotas": [], "brokerConfigs": [], "ruleGroups": []},
        "plan": null,
        "cluster": null,
    });
    merge(&mut input, &case.input);
    let desired = DesiredState::default();
    let findings = engine.judge_whole(&regorus::Value::from(input), &desired, &Budget::start(super::TIME_LIMIT));
    let found: BTreeSet<String> =
        findings.into_iter().map(|(_, finding)| shown(finding)).chain(errors.iter().cloned()).collect();
    CaseResult {
        name: case.name.clone(),
        missing: case.findings.difference(&found).cloned().collect(),
        unexpected: found.difference(&case.findings).cloned().collect(),
    }
}

fn shown(finding: crate::plan::types::Finding) -> String {
    match finding.resource {
        Some(resource) => format!("{} {resource}", finding.code),
        None => finding.code,
    }
}

fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    target.remove(key);
                } else {
                    merge(target.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}
