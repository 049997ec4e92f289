//! The same verdicts as the real opa and conftest.
//!
//! The built-in pack is compared with `opa eval` on the inputs of its cases, packs in the style of conftest with `conftest
//! test --all-namespaces --show-builtin-errors` on manifests and on generated documents. driftless refuses wherever conftest
//! stops with an error; where conftest passes over a result that is no finding (`deny := "text"`), driftless refuses as well:
//! such packs are in `tests/packs/stricter`, and only there may it say more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use driftless::domain::desired::{DesiredState, Document};
use driftless::domain::diagnostic::{Location, Severity};
use driftless::plan::types::Finding;
use driftless::policy::{self, Pack, PolicyInput, cases};
use jiff::civil::date;
use serde_json::{Value, json};

use crate::support::oracles::{Verdict, Verdicts, oracles, read_pack};

fn root(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn directories(below: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(below).expect("can be listed").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// Judges documents with driftless, which takes each by itself, as conftest does.
fn judged(pack: &Pack, documents: &[Value]) -> Verdicts {
    let packs = [pack.clone()];
    let files: BTreeSet<&str> = pack.files.iter().chain(&pack.data).map(|(path, _)| path.as_str()).collect();
    let name = |index: usize| format!("inputs/{index:05}.json");
    let all = documents.iter().enumerate();
    let documents = all.map(|(index, json)| Document::new(json, Location::new(name(index), 1, 1))).collect();
    let desired = DesiredState { environment: "test".into(), documents, ..DesiredState::default() };
    let input = PolicyInput { desired: &desired, plan: None, observed: None, packs: &packs, today: date(2026, 1, 1) };
    let findings = policy::judge(&input);
    if let Some(error) = findings.iter().find(|finding| finding.code == "policy-error") {
        return Err(error.message.clone());
    }
    let mut verdicts = vec![Vec::new(); desired.documents.len()];
    for finding in findings.into_iter().filter(|finding| finding.waived.is_none()) {
        let file = finding.rule.as_deref().and_then(|rule| rule.rsplit_once(':')).map(|(file, _)| file);
        let place = finding.location.map(|place| place.file).unwrap_or_default();
        let index = place.strip_prefix("inputs/").and_then(|name| name.strip_suffix(".json")?.parse::<usize>().ok());
        if let (true, Some(index)) = (file.is_some_and(|file| files.contains(file)), index) {
            verdicts[index].push((finding.severity == Severity::Deny, finding.message));
        }
    }
    verdicts.iter_mut().for_each(|verdicts| verdicts.sort());
    Ok(verdicts)
}

/// Compares what driftless and conftest say of every document. Identical findings of one document are one for driftless.
fn differences(pack: &Pack, ours: &Verdicts, theirs: &Verdicts, documents: &[Value]) -> Vec<String> {
    let deduplicated = |verdicts: &[Verdict]| verdicts.iter().cloned().collect::<BTreeSet<_>>();
    match (ours, theirs) {
        (Err(_), Err(_)) => Vec::new(),
        (Ok(ours), Ok(theirs)) => {
            let differ = ours
                .iter()
                .zip(theirs)
                .zip(documents)
                .filter(|((ours, theirs), _)| deduplicated(ours) != deduplicated(theirs));
            differ
                .map(|((ours, theirs), document)| format!("driftless: {ours:?}\nconftest: {theirs:?}\non {document}"))
                .collect()
        }
        (Err(error), Ok(theirs)) => {
            let n_findings: usize = theirs.iter().map(Vec::len).sum();
            vec![format!("driftless refuses to judge ({n_findings} findings of conftest in {}): {error}", pack.name)]
        }
        (Ok(ours), Err(error)) => {
            let n_findings: usize = ours.iter().map(Vec::len).sum();
            vec![format!("conftest refuses to judge ({n_findings} findings of driftless): {error}")]
        }
    }
}

/// Documents that every pack is tried on.
fn manifests() -> Vec<Value> {
    let text = std::fs::read_to_string(root("tests/packs/manifests.json")).expect("is there");
    let Ok(Value::Array(mut documents)) = serde_json::from_str(&text) else { panic!("a list") };
    documents.extend(generated(120));
    documents
}

/// Documents of about the right shape with something wrong in most of them; the same on every run.
fn generated(count: u64) -> Vec<Value> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let scalars = [
        json!(1),
        json!(3),
        json!(0),
        json!(-1),
        json!(2.5),
        json!("3"),
        json!("a-topic"),
        json!(""),
        json!(true),
        json!(false),
        json!(null),
        json!([]),
        json!({}),
        json!(["a", "b"]),
        json!(7),
        json!("Ünï"),
    ];
    (0..count)
        .map(|_| {
            let mut scalar = || scalars[next(scalars.len())].clone();
            let (labels, config) = (
                json!({"owner": scalar(), "tier": scalar()}),
                json!({"retention.ms": scalar(), "cleanup.policy": scalar(), "min.insync.replicas": scalar()}),
            );
            let (name, partitions, replicas) = (scalar(), scalar(), scalar());
            let kind = ["KafkaTopic", "KafkaUser", "KafkaAcl", "PrometheusRule"][next(4)];
            let mut document = json!({
                "apiVersion": "kafka.strimzi.io/v1", "kind": kind,
                "metadata": {"name": name, "labels": labels},
                "spec": {"partitions": partitions, "replicas": replicas, "config": config},
            });
            for path in ["/metadata/labels", "/spec/config", "/spec", "/metadata"] {
                if next(6) == 0 {
                    let (above, key) = path.rsplit_once('/').expect("has one");
                    if let Some(Value::Object(above)) = document.pointer_mut(above) {
                        above.remove(key);
                    }
                }
            }
            document
        })
        .collect()
}

fn compare(packs: &[PathBuf]) -> Vec<String> {
    let Some(oracles) = oracles() else { return Vec::new() };
    let documents = manifests();
    let mut different = Vec::new();
    for directory in packs {
        let pack = read_pack(directory);
        let own = directory.join("inputs.json");
        let documents = match std::fs::read_to_string(&own) {
            Ok(text) => serde_json::from_str(&text).expect("a list of documents"),
            Err(_) => documents.clone(),
        };
        let (ours, theirs) = (judged(&pack, &documents), oracles.conftest(&pack, &documents));
        let found = differences(&pack, &ours, &theirs, &documents);
        different.extend(found.into_iter().take(3).map(|found| format!("{}\n{found}\n", directory.display())));
    }
    different
}

#[test]
fn packs_get_the_verdicts_of_conftest() {
    let different = compare(&directories(&root("tests/packs/conftest")));
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn where_conftest_passes_over_a_result_driftless_refuses() {
    let Some(oracles) = oracles() else { return };
    let documents = [json!({"kind": "KafkaTopic", "metadata": {"name": "orders"}})];
    for directory in directories(&root("tests/packs/stricter")) {
        let pack = read_pack(&directory);
        let theirs = oracles.conftest(&pack, &documents);
        assert_eq!(theirs, Ok(vec![vec![]]), "{}", directory.display());
        let refuses = match judged(&pack, &documents) {
            Ok(verdicts) => verdicts.iter().flatten().any(|(refuses, _)| *refuses),
            Err(_) => true,
        };
        assert!(refuses, "{}", directory.display());
    }
}

/// `DRIFTLESS_TEST_PACKS=DIR` names packs from elsewhere, one in each directory below; `inputs.json` is what they judge.
#[test]
fn packs_from_elsewhere_get_the_verdicts_of_conftest() {
    let Some(directory) = std::env::var_os("DRIFTLESS_TEST_PACKS") else { return };
    let different = compare(&directories(Path::new(&directory)));
    assert!(different.is_empty(), "{} differ\n{}", different.len(), different.join("\n"));
}

#[test]
fn the_built_in_pack_gets_the_verdicts_of_opa() {
    let Some(oracles) = oracles() else { return };
    let whole = policy::builtin_pack();
    let mut different = Vec::new();
    for (path, text) in &whole.cases {
        let all = cases::parse(text).expect("cases");
        let inputs: Vec<Value> = all.iter().map(cases::Case::whole_input).collect();
        let query = "[verdict | some i; item := input[i]; verdict := data.driftless with input as item]";
        let rules = path.replace("policy/cases/", "policy/").replace(".yaml", ".rego");
        let pack = cases::subject(&whole, &rules);
        let answer = oracles.opa(&pack, &json!(inputs), query).unwrap_or_else(|error| panic!("{path}: {error}"));
        let answers = answer.as_array().expect("a list");
        assert_eq!(answers.len(), all.len(), "{path}");
        for (case, answer) in all.iter().zip(answers) {
            let mut theirs = BTreeSet::new();
            collect(answer, &mut theirs);
            let json = |finding: &Finding| json!({"code": finding.code, "resource": finding.resource, "message": finding.message});
            let found = cases::judge(&pack, case);
            let ours: BTreeSet<String> =
                found.iter().map(|finding| shown(&json(finding), finding.severity == Severity::Deny)).collect();
            if ours != theirs {
                different.push(format!("{}\ndriftless: {ours:#?}\nopa: {theirs:#?}", case.name));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Gathers what every rule set below `data.driftless` holds.
fn collect(package: &Value, found: &mut BTreeSet<String>) {
    for (name, value) in package.as_object().into_iter().flatten() {
        let kind = name.split('_').next().unwrap_or_default();
        match (kind, value) {
            ("deny" | "violation" | "warn", Value::Array(items)) => {
                found.extend(items.iter().map(|item| shown(item, kind != "warn")));
            }
            (_, Value::Object(_)) => collect(value, found),
            _ => {}
        }
    }
}

fn shown(finding: &Value, refuses: bool) -> String {
    let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    format!("{refuses} {} {} {}", text("code"), text("resource"), text("message"))
}
