//! Trying packs out: their cases, their `test_` rules, and which rules neither of them ever made find something.

use std::collections::BTreeSet;

use regorus::Value;

use super::Pack;
use super::cases::{self, Case, CaseResult};
use super::engine::PackEngine;
use super::error::survived;
use super::limits::Budget;
use super::rules::{Definition, RuleSet};

/// What came of trying packs out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trial {
    /// Cases that hold.
    pub cases_passed: usize,
    /// `test_` rules that are true.
    pub tests_passed: usize,
    /// Everything that failed.
    pub failures: Vec<Failure>,
    /// Rules that no case and no test made find something.
    pub never_fired: Vec<Unfired>,
}

/// A case or a test that failed, or a pack that cannot be tried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `FILE` or `FILE:LINE`.
    pub place: String,
    /// What was tried.
    pub name: String,
    /// What is different, a line each.
    pub details: Vec<String>,
}

/// A rule that never found anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfired {
    /// `FILE:LINE`.
    pub place: String,
    /// Name of the rule.
    pub name: String,
    /// Code of its findings.
    pub code: String,
}

/// Tries packs out, together, as they are evaluated.
pub fn run(packs: &[&Pack]) -> Trial {
    let mut trial = Trial::default();
    let mut engine = PackEngine::load(packs.iter().copied());
    for finding in std::mem::take(&mut engine.errors) {
        let place = finding.rule.unwrap_or_default();
        trial.failures.push(Failure {
            place,
            name: "the pack cannot be evaluated".to_owned(),
            details: vec![finding.message],
        });
    }
    let mut fired = BTreeSet::new();
    for (path, text) in packs.iter().flat_map(|pack| &pack.cases) {
        match cases::parse(text) {
            Ok(cases) => trial.add_cases(path, &cases, &mut engine, &mut fired),
            Err(message) => {
                let details = message.lines().take(1).map(str::to_owned).collect();
                trial.failures.push(Failure {
                    place: path.clone(),
                    name: "the cases cannot be read".to_owned(),
                    details,
                });
            }
        }
    }
    let covered = trial.add_tests(&mut engine);
    let finds = |definition: &&Definition| matches!(definition.set, RuleSet::Finds(_));
    for definition in engine.definitions().filter(finds) {
        if !fired.contains(&definition.place()) && !covered.contains(&definition.place()) {
            let unfired = Unfired { place: definition.place(), name: definition.name.clone(), code: definition.code() };
            trial.never_fired.push(unfired);
        }
    }
    trial
}

/// Tries the built-in pack out: the cases of a subject with the rules of that subject, which is what they are about.
pub fn built_in() -> Trial {
    let pack = super::builtin_pack();
    let mut all = Trial::default();
    for (path, text) in &pack.cases {
        let rules = path.replace("policy/cases/", "policy/").replace(".yaml", ".rego");
        let subject = Pack { cases: vec![(path.clone(), text.clone())], ..cases::subject(&pack, &rules) };
        let trial = run(&[&subject]);
        all.cases_passed += trial.cases_passed;
        all.tests_passed += trial.tests_passed;
        all.failures.extend(trial.failures);
        let own = trial.never_fired.into_iter().filter(|unfired| unfired.place.starts_with(&format!("{rules}:")));
        all.never_fired.extend(own);
    }
    all
}

impl Trial {
    fn add_cases(&mut self, path: &str, cases: &[Case], engine: &mut PackEngine, fired: &mut BTreeSet<String>) {
        for case in cases {
            let result: CaseResult = cases::run_one(engine, case);
            if result.holds() {
                self.cases_passed += 1;
            } else {
                let missing = result.missing.iter().map(|finding| format!("missing: {finding}"));
                let unexpected = result.unexpected.iter().map(|finding| format!("not expected: {finding}"));
                let details = missing.chain(unexpected).collect();
                self.failures.push(Failure { place: path.to_owned(), name: result.name.clone(), details });
            }
            fired.extend(result.fired);
        }
    }

    /// Evaluates the tests, and returns the rules that came to their end in one of them.
    fn add_tests(&mut self, engine: &mut PackEngine) -> BTreeSet<String> {
        if engine.broken {
            return BTreeSet::new();
        }
        engine.engine.set_enable_coverage(true);
        engine.engine.set_input(Value::Undefined);
        for test in engine.tests.clone() {
            engine.engine.set_execution_timer_config(Budget::start(super::TIME_LIMIT).timer());
            let details = match survived(|| engine.engine.eval_rule(test.path.clone())) {
                Ok(Value::Bool(true)) => {
                    self.tests_passed += 1;
                    continue;
                }
                Ok(_) => vec!["it is not true".to_owned()],
                Err(error) => vec![error.message],
            };
            let name = test.path.trim_start_matches("data.").to_owned();
            self.failures.push(Failure { place: format!("{}:{}", test.file, test.line), name, details });
        }
        let report = engine.engine.get_coverage_report();
        engine.engine.set_enable_coverage(false);
        let Ok(report) = report else { return BTreeSet::new() };
        let reached = |definition: &&Definition| {
            let Some(file) = report.files.iter().find(|file| file.path == definition.file) else { return false };
            let lines = definition.line..=definition.end;
            // What stands last is evaluated when everything before it holds.
            let last = file.covered.range(lines.clone()).chain(file.not_covered.range(lines)).max();
            last.is_some_and(|last| file.covered.contains(last))
        };
        engine.definitions().filter(reached).map(Definition::place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"package main

deny_owner contains msg if {
	input.kind == "KafkaTopic"
	not input.metadata.labels.owner
	msg := "no owner"
}

warn contains msg if {
	input.kind == "KafkaUser"
	msg := "a user"
}

deny_case contains "by a case" if input.kind == "KafkaAcl"
"#;

    fn tried(tests: &str, cases: &str) -> Trial {
        let files = vec![
            ("policy/rules.rego".to_owned(), RULES.to_owned()),
            ("policy/rules_test.rego".to_owned(), format!("package main_test\n\nimport data.main\n\n{tests}\n")),
        ];
        let cases = vec![("policy/cases/all.yaml".to_owned(), cases.to_owned())];
        run(&[&Pack { name: "policy".to_owned(), files, cases, ..Pack::default() }])
    }

    #[test]
    fn cases_and_tests_are_counted_and_rules_that_never_fire_are_named() {
        let trial = tried(
            "test_owner if count(main.deny_owner) == 1 with input as {\"kind\": \"KafkaTopic\"}",
            "- {name: acls, manifest: {kind: KafkaAcl, metadata: {name: a}}, findings: [deny-case KafkaAcl/a]}",
        );
        assert_eq!((trial.cases_passed, trial.tests_passed), (0, 1));
        assert_eq!(trial.failures[0].details, ["missing: deny-case KafkaAcl/a", "not expected: deny-case"]);
        let places: Vec<&str> = trial.never_fired.iter().map(|unfired| unfired.place.as_str()).collect();
        assert_eq!(places, ["policy/rules.rego:9"]);
    }

    #[test]
    fn what_fails_is_named_with_its_place() {
        let trial = tried("test_false if count(main.deny_owner) == 7\n\ntest_error if to_number(\"x\") == 1", "[");
        let shown: Vec<(&str, &str)> =
            trial.failures.iter().map(|failure| (failure.place.as_str(), failure.name.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("policy/cases/all.yaml", "the cases cannot be read"),
                ("policy/rules_test.rego:5", "main_test.test_false"),
                ("policy/rules_test.rego:7", "main_test.test_error"),
            ]
        );
    }

    #[test]
    fn the_built_in_pack_passes_its_cases_and_every_rule_fires() {
        let trial = built_in();
        assert_eq!((trial.failures, trial.never_fired), (Vec::new(), Vec::new()));
        assert!(trial.cases_passed > 30);
    }
}
