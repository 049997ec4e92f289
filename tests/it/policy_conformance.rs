//! OPA's own cases of conformance: driftless gives the value that the case wants, or refuses to judge. Another value is a defect.
//!
//! `dev/oracles` puts the cases beside opa. One of four is tried; `DRIFTLESS_TEST_OPA_CASES=all` tries all and prints the figures that
//! `docs/reference/policy-input.md` has.

use std::path::{Path, PathBuf};

use driftless::policy::{Pack, cases};
use serde_json::{Value, json};

use crate::support::oracles::oracles;

/// Directories about what no policy over manifests can meet: other worlds, and functions that are refused as a whole.
const OTHER_WORLDS: [&str; 9] =
    ["crypto", "graphql", "jwt", "netlookup", "providers", "rand", "regometadata", "regoparsemodule", "planner-ir"];

/// What is known to be different: nearly all in how a value is written or rounded.
const DIFFERENT: [(&str, &str); 15] = [
    ("casts/to_number", "a number is not written as it was read (`-42.0`)"),
    ("objectunionn/merge objects extended", "a number is not written as it was read"),
    ("comparisonexpr/decimals are the same number as a set member, object key and sort position", "as before"),
    ("sprintf/big_int", "integers above 64 bits are rounded"),
    ("sprintf/big_int/max_cert_serial_number", "integers above 64 bits are rounded"),
    ("sprintf/float/exponent", "`%f` of a number without a fraction"),
    ("aggregates/bignum exact (>64-bit integers through sum and product)", "integers above 64 bits are rounded"),
    (
        "aggregates/sum integer fast-path overflow (elements fit int64, sum does not)",
        "integers above 64 bits are rounded",
    ),
    ("arithmetic/bignum exact (>64-bit integers through plus, minus, multiply)", "as before"),
    ("arithmetic/int32 window edges (results crossing into wider integers)", "as before"),
    ("jsonbuiltins/yaml is_valid unreachable content", "a tab in a second document is let pass"),
    (
        "negation/not-body: negated and non-negated unification on same var, calls, rearranged",
        "a variable that is bound behind the negation",
    ),
    ("json_verify_schema/invalid schema string", "what is wrong with a schema is said in other words"),
    ("json_verify_schema/invalid schema object", "what is wrong with a schema is said in other words"),
    ("defaultkeyword/function with var arg, ref head", "a package that has functions alone is empty as a whole"),
];

struct Case {
    note: String,
    modules: Vec<String>,
    data: Value,
    input: Value,
    /// What is asked for, such as `data.test.p`.
    asked: String,
    /// The value; `None` where the case wants an error.
    wanted: Option<Vec<Value>>,
}

fn files(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).expect("can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
}

fn read(case: &Value) -> Option<Case> {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let asked = text("query").strip_suffix(" = x")?.trim();
    let is_path = asked.strip_prefix("data.").is_some_and(|path| {
        path.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '_' | '[' | ']' | '"'))
    });
    let modules = case["modules"].as_array()?.iter().map(|module| module.as_str().map(str::to_owned));
    let input = match (&case["input"], case["input_term"].as_str()) {
        (Value::Null, Some(term)) => serde_json::from_str(term).ok()?,
        (Value::Null, None) => json!({}),
        (input, _) => input.clone(),
    };
    // Here there is an input always.
    let has_none = case["input"].is_null() && case["input_term"].is_null();
    if has_none
        && case["modules"].as_array()?.iter().any(|module| module.as_str().is_some_and(|text| text.contains("input")))
    {
        return None;
    }
    let wants_error = ["want_error", "want_error_code"].iter().any(|key| !case[*key].is_null());
    let wanted = match &case["want_result"] {
        _ if wants_error => None,
        Value::Array(bindings) => Some(bindings.iter().map(|binding| binding["x"].clone()).collect()),
        _ => return None,
    };
    is_path.then_some(Case {
        note: text("note").to_owned(),
        modules: modules.collect::<Option<_>>()?,
        data: if case["data"].is_null() { json!({}) } else { case["data"].clone() },
        input,
        asked: asked.to_owned(),
        wanted,
    })
}

/// What driftless says: values as JSON, or why it refuses.
fn judged(case: &Case) -> Result<Vec<Value>, String> {
    let files = case.modules.iter().enumerate();
    let mut files: Vec<(String, String)> =
        files.map(|(index, module)| (format!("policy/{index}.rego"), module.clone())).collect();
    let shown = format!(
        "package zz_shown\n\nimport rego.v1\n\ndeny contains json.marshal({{\"x\": x}}) if x := {}\n",
        case.asked
    );
    files.push(("policy/zz.rego".to_owned(), shown));
    let data = vec![("policy/data.json".to_owned(), case.data.to_string())];
    let pack = Pack { name: "policy".to_owned(), files, data, cases: Vec::new() };
    let manifest = Some(case.input.clone());
    let tried = cases::Case { name: case.note.clone(), input: None, manifest, findings: Default::default() };
    let found = cases::judge(&pack, &tried);
    if let Some(error) = found.iter().find(|finding| finding.code == "policy-error") {
        return Err(error.message.clone());
    }
    let own = found.iter().filter(|finding| finding.rule.as_deref().is_some_and(|rule| rule.starts_with("policy/zz")));
    Ok(own.map(|finding| serde_json::from_str::<Value>(&finding.message).expect("JSON")["x"].clone()).collect())
}

/// Compares values. JSON has no sets, so lists are compared without their order, and numbers as numbers.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().all(|item| right.iter().any(|other| same(item, other)))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        (left, right) => left == right,
    }
}

#[derive(Default)]
struct Tally {
    equal: usize,
    refused: usize,
    both_refuse: usize,
    different: Vec<String>,
}

fn tally(all: &[Case]) -> Tally {
    let mut tally = Tally::default();
    for case in all {
        match (judged(case), &case.wanted) {
            (Err(_), None) => tally.both_refuse += 1,
            (Err(_), Some(_)) => tally.refused += 1,
            (Ok(found), Some(wanted))
                if found.len() == wanted.len()
                    && found.iter().all(|value| wanted.iter().any(|other| same(value, other))) =>
            {
                tally.equal += 1;
            }
            (Ok(found), wanted) => {
                if !DIFFERENT.iter().any(|(note, _)| case.note.ends_with(note)) {
                    tally.different.push(format!("{}\ndriftless: {found:?}\nwanted: {wanted:?}", case.note));
                }
            }
        }
    }
    tally
}

#[test]
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "whoever runs the tests says how many to try")]
fn no_case_of_opa_gets_another_value() {
    let Some(oracles) = oracles() else { return };
    let all_of_them = std::env::var("DRIFTLESS_TEST_OPA_CASES").is_ok_and(|which| which == "all");
    let mut paths = Vec::new();
    files(&oracles.cases(), &mut paths);
    let world = |path: &PathBuf| {
        let below = path.strip_prefix(oracles.cases()).expect("stands below");
        OTHER_WORLDS.iter().any(|world| below.to_string_lossy().starts_with(world))
    };
    let texts = paths.iter().filter(|path| !world(path)).map(|path| std::fs::read_to_string(path).expect("UTF-8"));
    let parsed = texts.filter_map(|text| serde_saphyr::from_str::<Value>(&text).ok());
    let found: Vec<Case> = parsed
        .flat_map(|file| file["cases"].as_array().into_iter().flatten().filter_map(read).collect::<Vec<_>>())
        .collect();
    assert!(found.len() > 1_000, "{}", found.len());
    let chosen: Vec<Case> = found
        .into_iter()
        .enumerate()
        .filter(|(index, _)| all_of_them || index % 4 == 0)
        .map(|(_, case)| case)
        .collect();
    let result = tally(&chosen);
    eprintln!(
        "{} cases: {} equal, {} refused by both, {} refused here alone, {} different",
        chosen.len(),
        result.equal,
        result.both_refuse,
        result.refused,
        result.different.len()
    );
    assert!(result.different.is_empty(), "{}", result.different.join("\n"));
    assert!(result.equal * 3 > chosen.len() * 2, "most cases are judged");
}
