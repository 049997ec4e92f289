//! The Rego engine: evaluates the rules of packs, and turns everything that goes wrong into a finding that denies.

use std::collections::{BTreeMap, BTreeSet};

use regorus::{Engine, Value};
use serde_json::json;

use super::error::{PackError, survived};
use super::finding::{self, Judged, Subject};
use super::limits::Budget;
use super::reading::Reading;
use super::rules::{Definition, RuleSet, Scope, TestRule};
use crate::domain::desired::{DesiredState, Document};
use crate::domain::diagnostic::Location;
use crate::plan::types::Finding;

/// Rules that are evaluated together. No rule of one engine can see or change those of another.
#[derive(Clone)]
pub(super) struct PackEngine {
    pub(super) engine: Engine,
    /// By `data.PACKAGE.NAME`.
    pub(super) definitions: BTreeMap<String, Vec<Definition>>,
    pub(super) tests: Vec<TestRule>,
    pub(super) errors: Vec<Finding>,
    /// Which parts of the whole the rules read.
    pub(super) reading: Reading,
    /// What the data files of the packs hold.
    pub(super) data: Value,
    /// Whether some file mentions `data.conftest`, so that every manifest needs data of its own.
    pub(super) wants_file: bool,
    /// Whether the modules do not fit together: then no rule can be evaluated, and the error already denies.
    pub(super) broken: bool,
}

/// A finding, with what exceptions know it by.
pub(super) type Judgement = (Subject, Finding);

impl PackEngine {
    /// Hands over what went wrong while loading.
    pub(super) fn take_errors(&mut self) -> Vec<Judgement> {
        std::mem::take(&mut self.errors).into_iter().map(|finding| (Subject::default(), finding)).collect()
    }

    fn paths(&self, scope: Scope, sets: impl Fn(RuleSet) -> bool) -> Vec<String> {
        let wanted = |definition: &Definition| !self.broken && definition.scope == scope && sets(definition.set);
        let paths = self.definitions.iter().filter(|(_, found)| found.first().is_some_and(wanted));
        paths.map(|(path, _)| path.clone()).collect()
    }

    /// Says whether there are rules over the whole.
    pub(super) fn judges_whole(&self) -> bool {
        !self.paths(Scope::Whole, |_| true).is_empty()
    }

    /// Evaluates the rules over the whole.
    pub(super) fn judge_whole(&mut self, input: Value, desired: &DesiredState, budget: &Budget) -> Vec<Judgement> {
        self.engine.set_input(input);
        let judged = Judged { desired, document: None };
        let paths = self.paths(Scope::Whole, |_| true);
        let mut findings = Vec::new();
        for (path, value) in self.evaluate(&paths, budget) {
            findings.extend(self.findings(&path, value, &judged, &BTreeSet::new()));
        }
        findings
    }

    /// Evaluates the rules on single manifests, each by itself.
    pub(super) fn judge_documents(
        &mut self,
        documents: &[Document],
        desired: &DesiredState,
        budget: &Budget,
    ) -> Vec<Judgement> {
        let paths = self.paths(Scope::Document, |_| true);
        let mut findings = Vec::new();
        if paths.is_empty() {
            return findings;
        }
        for document in documents {
            let judged = Judged { desired, document: Some(document) };
            if let Err(message) = self.show(document) {
                let error = PackError { place: Some(document.location.clone()), message };
                findings.push((Subject::default(), finding::pack_error(&error)));
                continue;
            }
            findings.extend(self.judge_document(&paths, &judged, budget));
        }
        // Ten thousand manifests make one mistake of a rule no worse.
        let mut seen = BTreeSet::new();
        findings.retain(|(_, finding)| {
            finding.code != finding::POLICY_ERROR || seen.insert((finding.rule.clone(), finding.message.clone()))
        });
        findings
    }

    fn judge_document(&mut self, paths: &[String], judged: &Judged<'_>, budget: &Budget) -> Vec<Judgement> {
        let mut findings = Vec::new();
        // By package, as every package has exceptions of its own.
        let mut exempt: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut found = Vec::new();
        for (path, value) in self.evaluate(paths, budget) {
            match self.definitions.get(&path).and_then(|definitions| definitions.first()) {
                Some(definition) if definition.set == RuleSet::Exempts => match value {
                    Ok(value) => {
                        exempt.entry(definition.package.clone()).or_default().extend(finding::exempted(&value));
                    }
                    Err(error) => findings.push((Subject::default(), finding::pack_error(&error))),
                },
                Some(definition) => found.push((definition.package.clone(), path, value)),
                None => {}
            }
        }
        for (package, path, value) in found {
            let exempt = exempt.get(&package).cloned().unwrap_or_default();
            findings.extend(self.findings(&path, value, judged, &exempt));
        }
        findings
    }

    /// Makes a manifest the input, and its file what conftest calls `data.conftest.file`.
    fn show(&mut self, document: &Document) -> Result<(), String> {
        let input: Value = serde_json::from_value(document.json())
            .map_err(|error| format!("the manifest cannot be given to policy: {error}"))?;
        if self.wants_file {
            let (dir, name) = document.location.file.rsplit_once('/').unwrap_or((".", &document.location.file));
            let file = Value::from(json!({"conftest": {"file": {"name": name, "dir": dir}}}));
            self.engine.clear_data();
            self.engine.add_data(self.data.clone()).map_err(|error| error.to_string())?;
            self.engine.add_data(file).map_err(|error| error.to_string())?;
        }
        self.engine.set_input(input);
        Ok(())
    }

    fn findings(
        &self,
        path: &str,
        value: Result<Value, PackError>,
        judged: &Judged<'_>,
        exempt: &BTreeSet<String>,
    ) -> Vec<Judgement> {
        let definitions = self.definitions.get(path).map(Vec::as_slice).unwrap_or_default();
        match value {
            Ok(value) => finding::of_value(&value, definitions, judged, exempt),
            Err(error) => vec![(Subject::default(), finding::pack_error(&error))],
        }
    }

    /// Evaluates rules: all of them in one evaluation, so that what several of them use is worked out once. When that fails,
    /// one after the other, so that the rule that fails is known and the others still judge.
    fn evaluate(&mut self, paths: &[String], budget: &Budget) -> Vec<(String, Result<Value, PackError>)> {
        match self.evaluate_together(paths, budget) {
            Some(values) => paths.iter().cloned().zip(values.into_iter().map(Ok)).collect(),
            None => paths.iter().map(|path| (path.clone(), self.evaluate_one(path, budget))).collect(),
        }
    }

    fn evaluate_together(&mut self, paths: &[String], budget: &Budget) -> Option<Vec<Value>> {
        if paths.len() < 2 {
            return None;
        }
        // A rule that is undefined must not make the whole undefined: each is a list of at most one value.
        let parts: Vec<String> = paths.iter().map(|path| format!("[value | value := {path}]")).collect();
        self.engine.set_execution_timer_config(budget.timer());
        let query = format!("[{}]", parts.join(", "));
        let results = survived(|| self.engine.eval_query(query, false)).ok()?;
        let all = results.result.first()?.expressions.first()?.value.clone();
        let all = all.as_array().ok()?;
        let values = all.iter().map(|part| {
            let part = part.as_array().ok()?;
            Some(part.iter().next().cloned().unwrap_or(Value::Undefined))
        });
        values.collect::<Option<Vec<Value>>>().filter(|values| values.len() == paths.len())
    }

    fn evaluate_one(&mut self, path: &str, budget: &Budget) -> Result<Value, PackError> {
        let definition = self.definitions.get(path).and_then(|found| found.first());
        let place = definition.map(|found| Location::new(found.file.as_str(), found.line, 1));
        let late = || PackError {
            place: place.clone(),
            message: format!("policy took longer than {} s", budget.limit().as_secs_f64()),
        };
        if budget.left().is_zero() {
            return Err(late());
        }
        self.engine.set_execution_timer_config(budget.timer());
        survived(|| self.engine.eval_rule(path.to_owned())).map_err(|mut error| {
            if budget.left().is_zero() {
                return late();
            }
            error.place = error.place.or(place.clone());
            error
        })
    }
}
