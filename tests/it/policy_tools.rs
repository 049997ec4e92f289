//! `driftless policy`, `explain` and the forms of `validate`, as a person meets them.

use crate::cli_support::Desk;

const REPOSITORY: &str = "apiVersion: driftless.dev/v1
kind: Repository
environments:
  prod: {layers: [base], policies: [policy]}
";
const TOPIC: &str = "apiVersion: kafka.strimzi.io/v1
kind: KafkaTopic
metadata: {name: orders, labels: {owner: nobody}}
spec: {partitions: 3, replicas: 3, config: {min.insync.replicas: 2}}
";
const RULE: &str = "package main

# METADATA
# title: Everything has an owner
# description: The teams are in data.yaml.
# custom: {waivable: false}
deny_owner contains msg if {
	not input.metadata.labels.owner in data.teams
	msg := sprintf(\"%s has no owner\", [input.metadata.name])
}

deny_never contains \"never\" if input.kind == \"Nothing\"
";
const CASES: &str = "- name: an unknown team
  manifest: {kind: KafkaTopic, metadata: {name: a, labels: {owner: x}}}
  findings: [deny-owner topic/a]
- name: a team
  manifest: {kind: KafkaTopic, metadata: {name: a, labels: {owner: shop}}}
";

fn desk() -> Desk {
    Desk::new()
        .file("driftless.yaml", REPOSITORY)
        .file("base/topics.yaml", TOPIC)
        .file("policy/owner.rego", RULE)
        .file("policy/data.yaml", "teams: [shop]")
        .file("policy/cases/owner.yaml", CASES)
}

#[test]
fn cases_are_run_and_rules_without_one_are_named() {
    let said = desk().run("policy test").done();
    assert!(said.contains("policy: 2 cases and 0 tests passed\n"), "{said}");
    assert!(said.contains("never fired: policy/owner.rego:12: `deny_never` (deny-never)"), "{said}");
    assert!(!said.contains("deny_owner"), "{said}");
}

#[test]
fn a_case_that_fails_ends_with_1() {
    let desk = desk()
        .file(
            "policy/cases/owner.yaml",
            "- {name: wrong, manifest: {kind: KafkaTopic, metadata: {name: a, labels: {owner: x}}}}",
        )
        .file("policy/owner_test.rego", "package main_test\n\ntest_wrong if data.main.deny_never[\"never\"]\n");
    let outcome = desk.run("policy test");
    assert_eq!(outcome.code, 1, "{outcome:?}");
    for part in [
        "failed: policy/cases/owner.yaml: wrong",
        "not expected: deny-owner topic/a",
        "failed: policy/owner_test.rego:3: main_test.test_wrong",
    ] {
        assert!(outcome.stdout.contains(part), "{}", outcome.stdout);
    }
}

#[test]
fn a_directory_of_rules_is_a_pack() {
    let desk = Desk::new().file(
        "rules/a.rego",
        "package main\n\ndeny contains \"x\" if input.a\n\ntest_a if deny[\"x\"] with input as {\"a\": 1}\n",
    );
    assert!(desk.run("policy test rules").done().contains("0 cases and 1 tests passed"));
    assert!(desk.run("policy list rules").done().contains("deny "));
}

#[test]
fn own_rules_are_listed_and_explained() {
    let desk = desk();
    let said = desk.run("policy list -e prod").done();
    assert!(said.contains("Everything has an owner") && said.contains("replication-below-minimum"), "{said}");
    let said = desk.run("explain deny-owner").done();
    for part in [
        "deny-owner: Everything has an owner",
        "deny policy/owner.rego:7",
        "The teams are in",
        "Example: an unknown team",
        "nobody may waive",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let said = desk.run("explain replication-below-minimum").done();
    for part in ["Example: ", "Without a finding: ", "kind: PolicyException", "rules: [replication-below-minimum]"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn an_exception_for_what_nobody_may_waive_does_not_hold() {
    let exception = "apiVersion: driftless.dev/v1
kind: PolicyException
metadata: {name: later}
spec: {rules: [deny-owner], resources: [topic/orders], reason: later, expires: 2999-01-01}
";
    let outcome = desk().file("base/exception.yaml", exception).run("validate");
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(
        outcome.stdout.contains("error[deny-owner]") && outcome.stdout.contains("warning[exception-not-allowed]"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_rule_that_eats_memory_refuses_and_is_named() {
    let rule = "package driftless.hungry

grow(text) := concat(\"\", [text, text, text, text, text, text, text, text])

deny contains msg if {
	a := grow(\"0123456789012345678901234567890123456789012345678901234567890123\")
	b := grow(grow(grow(grow(a))))
	c := [concat(\"\", [b, format_int(number, 10)]) | some number in numbers.range(1, 100000)]
	msg := c[0]
}
";
    let outcome = desk().file("policy/hungry.rego", rule).run("validate");
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("error[policy-error]") && outcome.stdout.contains("policy/hungry.rego:"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("needs more memory than it may have"), "{}", outcome.stdout);
}

#[test]
fn findings_can_be_read_as_results_of_tests() {
    let outcome = desk().run("validate -o junit");
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(
        outcome.stdout.starts_with("<?xml") && outcome.stdout.contains("<failure message=\"orders has no owner"),
        "{}",
        outcome.stdout
    );
}

/// The engine's own `json.match_schema` says whether what rules see has the documented shape, for every kind of resource.
#[test]
fn the_example_has_the_documented_shape() {
    fn copy(from: &std::path::Path, to: &std::path::Path) {
        std::fs::create_dir_all(to).expect("is made");
        for entry in std::fs::read_dir(from).expect("can be listed") {
            let path = entry.expect("an entry").path();
            let target = to.join(path.file_name().expect("a name"));
            if path.is_dir() {
                copy(&path, &target);
            } else {
                std::fs::copy(&path, &target).expect("is copied");
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let rule = "package driftless.shape\n\nwarn_shape contains sprintf(\"%v\", [problems]) if {\n\t[fits, problems] := json.match_schema(input, data.schema)\n\tnot fits\n}\n";
    let schema = std::fs::read_to_string(root.join("docs/reference/policy-input.schema.json")).expect("is there");
    let desk = Desk::new();
    copy(&root.join("example-repo"), desk.path());
    let desk = desk.file("policy/shape.rego", rule).file("policy/shape.json", &format!("{{\"schema\": {schema}}}"));
    let outcome = desk.run("validate");
    assert!(outcome.code == 0 && !outcome.stdout.contains("[warn-shape]"), "{}", outcome.stdout);
}
