//! `json.match_schema` and `json.verify_schema` as OPA has them: the errors are a list of objects (the engine gives one text, so that
//! `errors[_].error` is nothing, and the rule that asks for it never fires), formats are checked, and a schema that does not say its draft
//! is of draft 7.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use regorus::Value;
use serde_json::{Value as Json, json};

/// Functions and the number of their arguments.
pub(super) const FUNCTIONS: [(&str, u8); 2] = [("json.match_schema", 2), ("json.verify_schema", 1)];

/// Compiled schemas by their text. Rules have few of them, and ask for each with every manifest.
static COMPILED: LazyLock<Mutex<BTreeMap<String, Arc<Validator>>>> = LazyLock::new(|| Mutex::new(BTreeMap::new()));

/// The most schemas that are kept: a rule may make schemas of what it reads.
const MOST_KEPT: usize = 16;

/// Calls one of them. The error fits behind the function's name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let answer = match (name, arguments) {
        ("json.verify_schema", [schema]) => match document(schema).and_then(|schema| compiled(&schema)) {
            Ok(_) => json!([true, null]),
            Err(problem) => json!([false, format!("jsonschema: {problem}")]),
        },
        ("json.match_schema", [instance, schema]) => {
            let (instance, schema) = (document(instance)?, compiled(&document(schema)?)?);
            let errors: Vec<Json> = schema.iter_errors(&instance).flat_map(|error| described(&error)).collect();
            json!([errors.is_empty(), errors])
        }
        _ => return Err("expects other arguments".to_owned()),
    };
    Ok(Value::from(answer))
}

/// A document or a schema: an object, an array, or JSON as text.
fn document(value: &Value) -> Result<Json, String> {
    match value {
        Value::String(text) => serde_json::from_str(text).map_err(|_| "got a text that is no JSON".to_owned()),
        Value::Object(_) | Value::Array(_) => {
            serde_json::to_value(value).map_err(|error| format!("got what is no JSON: {error}"))
        }
        _ => Err("expects objects, arrays, or JSON as text".to_owned()),
    }
}

fn compiled(schema: &Json) -> Result<Arc<Validator>, String> {
    let text = schema.to_string();
    let mut kept = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(validator) = kept.get(&text) {
        return Ok(validator.clone());
    }
    let draft = match schema.get("$schema").and_then(Json::as_str) {
        Some(named) if named.contains("draft-04") => Draft::Draft4,
        Some(named) if named.contains("draft-06") => Draft::Draft6,
        Some(_) | None => Draft::Draft7,
    };
    let options = jsonschema::options().with_draft(draft).should_validate_formats(true);
    let validator = options.with_pattern_options(PatternOptions::regex()).build(schema);
    let validator = Arc::new(validator.map_err(|error| format!("got a schema that is not good: {error}"))?);
    if kept.len() >= MOST_KEPT {
        kept.clear();
    }
    kept.insert(text, validator.clone());
    Ok(validator)
}

/// Describes an error with the fields that OPA gives, in its words where they are simple.
fn described(error: &ValidationError<'_>) -> Vec<Json> {
    let path = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    let field = if path.is_empty() { "(Root)".to_owned() } else { path.replace("~1", "/").replace("~0", "~") };
    let one = |kind: &str, text: String| json!({"desc": text, "error": format!("{field}: {text}"), "field": field, "type": kind});
    let listed = |options: &Json| {
        let options = options.as_array().into_iter().flatten().map(Json::to_string);
        options.collect::<Vec<_>>().join(", ")
    };
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            vec![one("required", format!("{} is required", property.as_str().unwrap_or_default()))]
        }
        ValidationErrorKind::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => {
                    format!("[{}]", kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(","))
                }
            };
            let given = type_of(error.instance());
            vec![one("invalid_type", format!("Invalid type. Expected: {expected}, given: {given}"))]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| one("additional_property_not_allowed", format!("Additional property {name} is not allowed")))
            .collect(),
        ValidationErrorKind::Enum { options } => {
            vec![one("enum", format!("{field} must be one of the following: {}", listed(options)))]
        }
        ValidationErrorKind::Pattern { pattern } => {
            vec![one("pattern", format!("Does not match pattern '{pattern}'"))]
        }
        ValidationErrorKind::Format { format } => vec![one("format", format!("Does not match format '{format}'"))],
        ValidationErrorKind::Minimum { limit } => {
            vec![one("number_gte", format!("Must be greater than or equal to {limit}"))]
        }
        ValidationErrorKind::Maximum { limit } => {
            vec![one("number_lte", format!("Must be less than or equal to {limit}"))]
        }
        other => vec![one(other.keyword(), error.to_string())],
    }
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(document: Json, schema: Json) -> Vec<String> {
        let answer = call("json.match_schema", &[Value::from(document), Value::from(schema)]).expect("an answer");
        let answer = serde_json::to_value(&answer).expect("JSON");
        let errors = answer[1].as_array().expect("a list");
        let text = |error: &Json, key: &str| error[key].as_str().expect("a text").to_owned();
        assert_eq!(answer[0], json!(errors.is_empty()));
        errors.iter().map(|error| text(error, "type") + " " + &text(error, "error")).collect()
    }

    #[test]
    fn errors_are_a_list_of_objects() {
        let schema = json!({
            "type": "object", "required": ["name"], "additionalProperties": false,
            "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}, "n": {"minimum": 2, "maximum": 3},
                "kind": {"enum": ["a", 1]}, "at": {"format": "ipv4"}, "deep": {"items": {"type": "integer"}}},
        });
        for (document, expected) in [
            (json!({"name": "a", "n": 2}), vec![]),
            (json!({}), vec!["required (Root): name is required"]),
            (json!({"name": 1}), vec!["invalid_type name: Invalid type. Expected: string, given: integer"]),
            (json!({"name": "A"}), vec!["pattern name: Does not match pattern '^[a-z]+$'"]),
            (json!({"name": "a", "n": 1}), vec!["number_gte n: Must be greater than or equal to 2"]),
            (json!({"name": "a", "n": 4}), vec!["number_lte n: Must be less than or equal to 3"]),
            (json!({"name": "a", "kind": "b"}), vec!["enum kind: kind must be one of the following: \"a\", 1"]),
            (json!({"name": "a", "at": "x"}), vec!["format at: Does not match format 'ipv4'"]),
            (
                json!({"name": "a", "deep": [1, "x"]}),
                vec!["invalid_type deep.1: Invalid type. Expected: integer, given: string"],
            ),
            (
                json!({"name": "a", "x": 1, "y": 1}),
                vec![
                    "additional_property_not_allowed (Root): Additional property x is not allowed",
                    "additional_property_not_allowed (Root): Additional property y is not allowed",
                ],
            ),
        ] {
            assert_eq!(errors(document.clone(), schema.clone()), expected, "{document}");
        }
    }

    #[test]
    fn schemas_that_are_not_good_are_said() {
        let verified =
            |schema: Json| serde_json::to_value(call("json.verify_schema", &[Value::from(schema)])).expect("JSON");
        assert_eq!(verified(json!({"type": "object"}))["Ok"], json!([true, null]));
        assert_eq!(verified(json!("{"))["Ok"][0], json!(false));
        assert_eq!(verified(json!({"type": "nothing"}))["Ok"][0], json!(false));
        assert!(call("json.match_schema", &[Value::from(json!({})), Value::from(json!({"type": "nothing"}))]).is_err());
        assert!(call("json.match_schema", &[Value::from(1), Value::from(json!({}))]).is_err());
    }
}
