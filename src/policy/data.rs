//! Data files of a pack: YAML and JSON beside the rules, as `conftest --data` reads it.

use serde_json::{Map, Value};

use super::Pack;
use super::error::PackError;

/// Directories that hold inputs and cases for trying rules out, not data of rules.
const NOT_DATA: [&str; 6] = ["cases", "examples", "fixtures", "test", "testdata", "tests"];

/// Says whether a file below a pack's directory, named by its path there, can be data. Whether it is one depends on what it
/// holds.
pub fn is_data_path(below: &str) -> bool {
    let Some((_, "yaml" | "yml" | "json")) = below.rsplit_once('.') else { return false };
    let parts: Vec<&str> = below.split('/').collect();
    let directories = &parts[..parts.len() - 1];
    !is_case_path(below)
        && !parts.iter().any(|part| part.starts_with(['.', '_']))
        && !directories.iter().any(|directory| NOT_DATA.contains(directory))
}

/// Says whether a file below a pack's directory holds cases: YAML in a directory `cases`, or called `cases.yaml` or
/// `…_cases.yaml`.
pub fn is_case_path(below: &str) -> bool {
    let Some((stem, "yaml" | "yml")) = below.rsplit_once('.') else { return false };
    let mut parts = stem.rsplit('/');
    let name = parts.next().unwrap_or_default();
    name == "cases" || name.ends_with("_cases") || parts.any(|directory| directory == "cases")
}

/// Reads the data files. Each becomes a document below the names of its directories, as OPA has it; a directory `data` at the
/// top of the pack adds no name, so that `conftest --data DIRECTORY/data` and driftless see the same.
pub(super) fn documents(pack: &Pack) -> (Vec<(String, Value)>, Vec<PackError>) {
    let (mut documents, mut errors) = (Vec::new(), Vec::new());
    for (path, text) in &pack.data {
        let below = path.strip_prefix(&format!("{}/", pack.name)).unwrap_or(path);
        let is_named = ["data.yaml", "data.yml", "data.json"].iter().any(|name| below.rsplit('/').next() == Some(name));
        match parse(path, text) {
            // Lists and manifests are inputs for trying rules out, unless the file is called data.
            Ok(document) if !is_named && !is_document(&document) => {}
            Ok(Value::Null) => {}
            Ok(document @ Value::Object(_)) => documents.push((path.clone(), mounted(below, document))),
            Ok(_) => errors.push(PackError::at(path, 1, "data must be a mapping at its top")),
            Err(error) => errors.push(error),
        }
    }
    (documents, errors)
}

fn is_document(document: &Value) -> bool {
    document.as_object().is_some_and(|object| !(object.contains_key("kind") && object.contains_key("apiVersion")))
}

fn parse(path: &str, text: &str) -> Result<Value, PackError> {
    if path.ends_with(".json") {
        return serde_json::from_str(text).map_err(|error| {
            PackError::at(path, u32::try_from(error.line()).unwrap_or(1), format!("the data cannot be read: {error}"))
        });
    }
    let mut found: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| {
        let line = error.location().map_or(1, |location| u32::try_from(location.line()).unwrap_or(1));
        let first = error.to_string().lines().next().unwrap_or_default().to_owned();
        PackError::at(path, line, format!("the data cannot be read: {first}"))
    })?;
    // Several documents in a file are manifests.
    Ok(if found.len() == 1 { found.remove(0) } else { Value::Array(found) })
}

fn mounted(below: &str, document: Value) -> Value {
    let mut directories: Vec<&str> = below.split('/').collect();
    directories.pop();
    if directories.first() == Some(&"data") {
        directories.remove(0);
    }
    directories
        .into_iter()
        .rev()
        .fold(document, |inner, name| Value::Object(Map::from_iter([(name.to_owned(), inner)])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_stands_below_its_directories() {
        for (path, text, expected) in [
            ("policy/data.yaml", "teams: [a]", Some(json!({"teams": ["a"]}))),
            ("policy/data.json", "{\"teams\": [1]}", Some(json!({"teams": [1]}))),
            ("policy/teams.yml", "teams: [a]", Some(json!({"teams": ["a"]}))),
            ("policy/kafka/data.yaml", "teams: [a]", Some(json!({"kafka": {"teams": ["a"]}}))),
            ("policy/data/teams.yaml", "teams: [a]", Some(json!({"teams": ["a"]}))),
            ("policy/data/eu/teams.yaml", "teams: [a]", Some(json!({"eu": {"teams": ["a"]}}))),
            ("policy/topic.yaml", "apiVersion: v1\nkind: KafkaTopic", None),
            ("policy/list.yaml", "[1, 2]", None),
            ("policy/two.yaml", "a: 1\n---\nb: 2", None),
        ] {
            let pack = Pack { name: "policy".into(), data: vec![(path.into(), text.into())], ..Pack::default() };
            let (found, errors) = documents(&pack);
            assert_eq!(errors, [], "{path}");
            assert_eq!(found.into_iter().map(|(_, document)| document).next(), expected, "{path}");
        }
    }

    #[test]
    fn data_that_cannot_be_used_is_an_error_with_its_place() {
        for (path, text, line) in [
            ("policy/data.yaml", "[1]", 1),
            ("policy/data.json", "{\n\"a\": ", 2),
            ("policy/other.yaml", "a: 1\nb: [", 2),
        ] {
            let pack = Pack { name: "policy".into(), data: vec![(path.into(), text.into())], ..Pack::default() };
            let (found, errors) = documents(&pack);
            assert_eq!((found.len(), errors.len()), (0, 1), "{path}");
            assert!(errors[0].line() >= line, "{path}: {errors:?}");
        }
    }

    #[test]
    fn cases_and_hidden_files_are_no_data() {
        for (path, expected) in [
            ("data.yaml", true),
            ("a/teams.json", true),
            ("a.rego", false),
            ("cases/a.yaml", false),
            ("tests/a.yaml", false),
            ("topics_cases.yaml", false),
            (".x.yaml", false),
            ("_x/data.yaml", false),
        ] {
            assert_eq!(is_data_path(path), expected, "{path}");
            assert!(!(is_data_path(path) && is_case_path(path)), "{path}");
        }
    }
}
