//! One of each mistake that needs no cluster to be seen: exactly one finding for each, where it stands; none once repaired.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cli_support::Desk;

/// File, line and code of a finding.
type Found = (String, usize, String);

fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/mistakes");
    let mut files = vec![("driftless.yaml".to_owned(), read(&root.join("driftless.yaml")))];
    for layer in ["plain", "strict"] {
        for entry in std::fs::read_dir(root.join(layer)).expect("the layer is there") {
            let path = entry.expect("readable").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
            files.push((format!("{layer}/{name}"), read(&path)));
        }
    }
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("is text")
}

fn expected(files: &[(String, String)]) -> BTreeSet<Found> {
    let marked = |(file, text): &(String, String)| -> Vec<Found> {
        let lines = text.lines().enumerate();
        let code = |line: &str| line.split_once("  # finding: ").map(|(_, code)| code.trim().to_owned());
        lines.filter_map(|(index, line)| Some((file.clone(), index + 1, code(line)?))).collect()
    };
    files.iter().filter(|(file, _)| file != "driftless.yaml").flat_map(marked).collect()
}

fn repaired(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let content = line.trim_start();
        let indent = &line[..line.len() - content.len()];
        let new = match (content.strip_prefix("# instead: "), content.strip_prefix("# added: ")) {
            (Some(new), _) => {
                lines.pop();
                new
            }
            (None, Some(new)) => new,
            (None, None) => content,
        };
        if new != "-" {
            lines.push(format!("{indent}{new}"));
        }
    }
    lines.join("\n")
}

fn findings(files: &[(String, String)]) -> Vec<Found> {
    let desk = files.iter().fold(Desk::new(), |desk, (path, text)| desk.file(path, text));
    let outcome = desk.run("validate -o json");
    let answer: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(answer["diagnostics"], serde_json::json!([]), "the files are good as manifests");
    let environments = answer["environments"].as_array().expect("a list");
    let all = environments.iter().flat_map(|environment| environment["findings"].as_array().expect("a list"));
    let mut found: Vec<Found> = all
        .map(|finding| {
            let place = &finding["location"];
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let line = place["line"].as_u64().and_then(|line| usize::try_from(line).ok()).unwrap_or_default();
            (text(&place["file"]), line, text(&finding["code"]))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn each_mistake_has_exactly_one_finding_in_its_place() {
    let files = files();
    let expected = expected(&files);
    assert!(expected.len() >= 50, "{}", expected.len());
    assert_eq!(findings(&files), expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn the_repaired_repository_has_none() {
    let files: Vec<(String, String)> = files()
        .into_iter()
        .map(|(path, text)| if path == "driftless.yaml" { (path, text) } else { (path, repaired(&text)) })
        .collect();
    assert_eq!(findings(&files), Vec::<Found>::new());
}
