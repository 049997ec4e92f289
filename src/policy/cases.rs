//! Cases of a pack: data that says which findings a rule gives for which input.
//!
//! A case file is YAML: a list of cases. `input` is laid over an environment `test` without anything in it, so a case says
//! only what it is about; `manifest` is one manifest, for rules that see one at a time.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Pack;
use super::access;
use super::engine::PackEngine;
use super::input;
use super::limits::Budget;
use crate::domain::desired::{DesiredState, Document};
use crate::domain::diagnostic::Location;
use crate::plan::types::Finding;

/// One case.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, as a sentence.
    pub name: String,
    /// What differs from an empty environment without a cluster (JSON Merge Patch); rules over the whole judge it.
    #[serde(default)]
    pub input: Option<Value>,
    /// A manifest; rules on single manifests judge it.
    #[serde(default)]
    pub manifest: Option<Value>,
    /// The findings, as `CODE RESOURCE` or, when they are about no resource, `CODE`.
    #[serde(default)]
    pub findings: BTreeSet<String>,
}

impl Case {
    /// Says whether a code is among the findings.
    pub fn expects(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.split(' ').next() == Some(code))
    }

    /// Returns what rules over the whole see as `input`.
    pub fn whole_input(&self) -> Value {
        let mut input = json!({
            "environment": {"name": "test", "parameters": {}},
            "today": "2026-01-01",
            "desired": {"topics": [], "users": [], "acls": [], "quotas": [], "brokerConfigs": [], "ruleGroups": []},
            "plan": null,
            "cluster": null,
        });
        if let Some(patch) = &self.input {
            merge(&mut input, patch);
        }
        if let Some(desired) = input.get_mut("desired").and_then(Value::as_object_mut) {
            follow(desired);
        }
        input
    }
}

/// Adds what follows from the rest, unless the case says it.
fn follow(desired: &mut Map<String, Value>) {
    if let Some(acls) = desired.get("acls").and_then(Value::as_array)
        && !desired.contains_key("grants")
    {
        let grants = access::gather(acls);
        desired.insert("grants".to_owned(), grants.into());
    }
    for (all, by, gather) in
        [("topics", "topicsBy", input::topics_by as fn(&_, &mut _) -> _), ("grants", "grantsBy", input::grants_by)]
    {
        if let Some(all) = desired.get(all)
            && !desired.contains_key(by)
        {
            let found = gather(&regorus::Value::from(all.clone()), &mut input::Values::default());
            desired.insert(by.to_owned(), json!(found));
        }
    }
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
    /// The rules that gave a finding, as `FILE:LINE`.
    pub fired: BTreeSet<String>,
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

/// Evaluates the rules of a pack for each case.
pub fn run(pack: &Pack, cases: &[Case]) -> Vec<CaseResult> {
    results(pack, cases).collect()
}

/// Evaluates the rules case by case, as far as somebody wants to know.
pub(super) fn results(pack: &Pack, cases: &[Case]) -> impl Iterator<Item = CaseResult> {
    let mut engine = PackEngine::load([pack]);
    cases.iter().map(move |case| run_one(&mut engine, case))
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
    Pack { name: pack.name.clone(), files, ..Pack::default() }
}

/// Evaluates the rules of a pack for a case, and returns what they find.
pub fn judge(pack: &Pack, case: &Case) -> Vec<Finding> {
    judge_with(&mut PackEngine::load([pack]), case)
}

fn judge_with(engine: &mut PackEngine, case: &Case) -> Vec<Finding> {
    let budget = Budget::start(super::TIME_LIMIT);
    let mut desired = DesiredState { environment: "test".to_owned(), ..DesiredState::default() };
    let mut judged: Vec<_> = engine.errors.iter().cloned().map(|finding| (Default::default(), finding)).collect();
    if case.input.is_some() || case.manifest.is_none() {
        judged.extend(engine.judge_whole(regorus::Value::from(case.whole_input()), &desired, &budget));
    }
    if let Some(manifest) = &case.manifest {
        desired.documents = vec![Document::new(manifest, Location::new("manifest.yaml", 1, 1))];
        judged.extend(engine.judge_documents(&desired.documents, &desired, &budget));
    }
    judged.into_iter().map(|(_, finding)| finding).filter(|finding| finding.waived.is_none()).collect()
}

pub(super) fn run_one(engine: &mut PackEngine, case: &Case) -> CaseResult {
    let findings = judge_with(engine, case);
    let found: BTreeSet<String> = findings.iter().map(shown).collect();
    CaseResult {
        name: case.name.clone(),
        missing: case.findings.difference(&found).cloned().collect(),
        unexpected: found.difference(&case.findings).cloned().collect(),
        fired: findings.into_iter().filter_map(|finding| finding.rule).collect(),
    }
}

fn shown(finding: &Finding) -> String {
    match &finding.resource {
        Some(resource) => format!("{} {resource}", finding.code),
        None => finding.code.clone(),
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
