//! Reports in forms that others define are judged by the others' schemas: SARIF 2.1.0, and JUnit XML as Jenkins takes it.

use std::process::Command;

use serde_json::Value;

use crate::cli_support::Desk;
use crate::deploy_support::{given, program, root, says};

/// Repositories with findings of every sort: none but waived ones, many refusals, files that cannot be read.
fn reports(form: &str) -> Vec<String> {
    let broken = Desk::new()
        .file(
            "driftless.yaml",
            "apiVersion: driftless.dev/v1\nkind: Repository\nenvironments: {prod: {layers: [base]}}\n",
        )
        .file(
            "base/ä ö%.yaml",
            "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: 'a<b>&\"c\"'}\nspec: {partitons: 3}\n",
        )
        .file("base/broken.yaml", "a: [\u{1}\n")
        .file("base/rules.yaml", "groups: [{name: g, rules: [{alert: A, expr: 'sum('}]}]\n");
    let repositories = [
        root("example-repo"),
        root("tests/cases/mistakes"),
        broken.path().to_owned(),
        root("tests/cases/no-such-directory"),
    ];
    let written = repositories.iter().map(|repository| {
        let output = broken.command().arg("validate").arg(repository).args(["-o", form]).output().expect("runs");
        String::from_utf8(output.stdout).expect("UTF-8")
    });
    let written: Vec<String> = written.filter(|text| !text.is_empty()).collect();
    assert!(written.len() >= 3, "there are reports to look at");
    written
}

#[test]
fn sarif_is_what_its_schema_says() {
    let Some(schemas) = given("DRIFTLESS_TEST_SCHEMAS") else { return };
    let text = std::fs::read_to_string(schemas.join("sarif-2.1.0.json")).expect("is there");
    // A bracket too many in one of its regular expressions, which readers that are less strict take as itself.
    let text = text.replace("{2}]?$", "{2}\\\\]?$");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    let mut n_results = 0;
    for report in reports("sarif") {
        let report: Value = serde_json::from_str(&report).expect("JSON");
        let problems: Vec<String> =
            validator.iter_errors(&report).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(problems, Vec::<String>::new());
        n_results += report["runs"][0]["results"].as_array().map_or(0, Vec::len);
        let mut wrong = report.clone();
        wrong["runs"][0]["results"] = "none".into();
        assert!(!validator.is_valid(&wrong), "the schema can refuse");
    }
    assert!(n_results > 50, "{n_results}");
}

/// `file` and `line` of a case, and the message of a skipped one, are not in the schema. GitLab, CircleCI and pytest have the
/// first two, Maven's Surefire and pytest the third, and Jenkins shows it.
fn without_extensions(line: &str) -> String {
    let mut line = line.to_owned();
    for (element, attribute) in [("<testcase ", " file=\""), ("<testcase ", " line=\""), ("<skipped ", " message=\"")] {
        if !line.trim_start().starts_with(element) {
            continue;
        }
        if let Some(at) = line.find(attribute) {
            let end = line[at + attribute.len()..].find('"').expect("a closing quote") + at + attribute.len() + 1;
            line.replace_range(at..end, "");
        }
    }
    line
}

#[test]
fn junit_is_what_its_schema_says_apart_from_three_attributes_that_all_readers_know() {
    let Some(schemas) = given("DRIFTLESS_TEST_SCHEMAS") else { return };
    let Some(_) = program("xmllint") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("report.xml");
    let judge = |text: &str| {
        std::fs::write(&file, text).expect("is written");
        says(Command::new("xmllint").args(["--noout", "--nonet", "--schema"]).arg(schemas.join("junit.xsd")).arg(&file))
    };
    for report in reports("junit") {
        let strict: String = report.lines().map(|line| format!("{}\n", without_extensions(line))).collect();
        let (valid, said) = judge(&strict);
        assert!(valid, "{said}\n{strict}");
        let (valid, said) = judge(&report.replace("<testcase ", "<tetscase "));
        assert!(!valid, "the schema can refuse: {said}");
    }
}
