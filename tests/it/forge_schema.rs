//! The forges' own descriptions of their APIs, and whether a request keeps to them.
//!
//! GitHub's (OpenAPI 3) and Gitea's (Swagger 2) are fetched by `dev/forge-schemas`. GitLab's stands in its repository
//! (`doc/api/openapi/openapi_v3.yaml`) and in no package registry that was found in November 2026 (looked for at npm and
//! PyPI; its repository is no Go module). What it accepts is written down here from docs.gitlab.com/api
//! (`merge_requests`, `notes`, `commits`, `users`, `jobs`), only for what is used.

use std::path::PathBuf;

use driftless::forge::ForgeKind;
use serde_json::{Map, Value, json};

/// One forge's description.
pub(crate) struct Schema {
    document: Value,
    base: &'static str,
}

/// What was asked.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// Percent-decoded part by part, below the address of the API.
    pub(crate) path: &'a [String],
    pub(crate) query: &'a [(String, String)],
    pub(crate) body: Option<&'a Value>,
}

/// Returns the directory with the descriptions, or says why the test is skipped.
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "whoever runs the tests says where they are")]
fn directory() -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os("DRIFTLESS_TEST_FORGE_SCHEMAS") {
        return Some(directory.into());
    }
    let in_ci = std::env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false");
    assert!(!in_ci, "DRIFTLESS_TEST_FORGE_SCHEMAS is not set, and CI must not skip tests (see dev/forge-schemas)");
    eprintln!(
        "skipped: DRIFTLESS_TEST_FORGE_SCHEMAS is not set (`dev/forge-schemas` fetches them and prints where they are)"
    );
    None
}

impl Schema {
    /// Loads the description of a forge; `None` when the test is skipped.
    pub(crate) fn load(kind: ForgeKind) -> Option<Self> {
        let read = |name: &str| -> Option<Value> {
            let text = std::fs::read(directory()?.join(name)).expect("dev/forge-schemas made it");
            Some(serde_json::from_slice(&text).expect("JSON"))
        };
        Some(match kind {
            ForgeKind::GitHub => Self { document: read("github.json")?, base: "" },
            // Its paths stand below `/api/v1`, as the address of the API does.
            ForgeKind::Gitea => Self { document: read("gitea.json")?, base: "" },
            ForgeKind::GitLab => Self { document: gitlab(), base: "" },
        })
    }

    /// Returns an example of an answer that the description has.
    pub(crate) fn example(&self, name: &str) -> Value {
        let value = &self.document["components"]["examples"][name]["value"];
        assert!(!value.is_null(), "there is no example {name}");
        value.clone()
    }

    /// Says what is wrong with a request.
    pub(crate) fn check(&self, asked: &Asked<'_>) -> Result<(), String> {
        let shown = format!("{} /{}", asked.method, asked.path.join("/"));
        let paths = self.document["paths"].as_object().expect("paths");
        let operation = paths
            .iter()
            .filter(|(template, _)| self.matches(template, asked.path))
            // A literal part is meant before one that stands for anything.
            .max_by_key(|(template, _)| template.split('/').filter(|part| !part.starts_with('{')).count())
            .and_then(|(_, methods)| methods.get(asked.method.to_ascii_lowercase()))
            .ok_or_else(|| format!("{shown} is no operation of the API"))?;
        let parameters: Vec<Value> =
            operation["parameters"].as_array().into_iter().flatten().map(|raw| self.inline(raw, 0)).collect();
        let in_query =
            |name: &str| parameters.iter().find(|parameter| parameter["in"] == "query" && parameter["name"] == name);
        for (name, value) in asked.query {
            let parameter = in_query(name).ok_or_else(|| format!("{shown} has no query parameter `{name}`"))?;
            let schema = parameter.get("schema").unwrap_or(parameter);
            valid(&simple(schema), &typed(schema, value))
                .map_err(|error| format!("{shown}?{name}={value}: {error}"))?;
        }
        let body_schema = match operation.pointer("/requestBody/content/application~1json/schema") {
            Some(schema) => Some(self.inline(schema, 0)),
            None => parameters
                .iter()
                .find(|parameter| parameter["in"] == "body")
                .map(|parameter| parameter["schema"].clone()),
        };
        match (asked.body, body_schema) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(format!("{shown} takes no body")),
            (Some(body), Some(schema)) => {
                valid(&closed(schema), body).map_err(|error| format!("{shown}: {error}\n{body}"))
            }
        }
    }

    fn matches(&self, template: &str, path: &[String]) -> bool {
        let Some(template) = template.strip_prefix(self.base) else { return false };
        let parts: Vec<&str> = template.trim_matches('/').split('/').collect();
        parts.len() == path.len() && parts.iter().zip(path).all(|(part, given)| part.starts_with('{') || part == given)
    }

    /// Puts what is referred to in its place.
    fn inline(&self, value: &Value, depth: usize) -> Value {
        if depth > 12 {
            return json!({});
        }
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let found = self.document.pointer(reference.trim_start_matches('#')).expect("refers to something");
                    return self.inline(found, depth + 1);
                }
                let inlined = fields.iter().filter(|(name, _)| *name != "example" && *name != "examples");
                Value::Object(inlined.map(|(name, value)| (name.clone(), self.inline(value, depth + 1))).collect())
            }
            Value::Array(values) => values.iter().map(|value| self.inline(value, depth + 1)).collect(),
            other => other.clone(),
        }
    }
}

/// A field that the description does not have is a mistake, though servers would pass over it.
fn closed(mut schema: Value) -> Value {
    if let Some(fields) =
        schema.as_object_mut().filter(|fields| fields.contains_key("properties") && !fields.contains_key("oneOf"))
    {
        fields.insert("additionalProperties".to_owned(), json!(false));
    }
    schema
}

/// The keywords that say something about a value in a query.
fn simple(schema: &Value) -> Value {
    let kept = ["type", "enum", "minimum", "maximum"];
    let fields: Map<String, Value> =
        kept.iter().filter_map(|name| schema.get(*name).map(|value| ((*name).to_owned(), value.clone()))).collect();
    Value::Object(fields)
}

fn typed(schema: &Value, value: &str) -> Value {
    match schema["type"].as_str() {
        Some("integer" | "number") => value.parse::<i64>().map_or(json!(value), |number| json!(number)),
        Some("boolean") => json!(value == "true"),
        _ => json!(value),
    }
}

fn valid(schema: &Value, value: &Value) -> Result<(), String> {
    let validator = jsonschema::validator_for(schema).map_err(|error| format!("the description itself: {error}"))?;
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

/// What GitLab's documentation says of what is used.
fn gitlab() -> Value {
    let query = |name: &str, schema: Value| json!({"in": "query", "name": name, "schema": schema});
    let text = || json!({"type": "string"});
    let page = || {
        [
            query("page", json!({"type": "integer", "minimum": 1})),
            query("per_page", json!({"type": "integer", "minimum": 1, "maximum": 100})),
        ]
    };
    let with_page = |more: Vec<Value>| -> Value { more.into_iter().chain(page()).collect() };
    let note = || {
        json!({"content": {"application/json": {"schema": {
            "type": "object",
            "required": ["body"],
            "properties": {"body": {"type": "string", "minLength": 1, "maxLength": 1_000_000}, "internal": {"type": "boolean"}},
        }}}})
    };
    let status = json!({"content": {"application/json": {"schema": {
        "type": "object",
        "required": ["state"],
        "properties": {
            "state": {"enum": ["pending", "running", "success", "failed", "canceled", "skipped"]},
            "ref": text(), "name": text(), "context": text(), "target_url": text(),
            "description": {"type": "string", "maxLength": 255}, "coverage": {"type": "number"}, "pipeline_id": {"type": "integer"},
        },
    }}}});
    let sort = || query("sort", json!({"enum": ["asc", "desc"]}));
    let notes_order = query("order_by", json!({"enum": ["created_at", "updated_at"]}));
    let order = query(
        "order_by",
        json!({"enum": ["created_at", "label_priority", "merged_at", "milestone_due", "popularity", "priority", "title", "updated_at"]}),
    );
    let state = query("state", json!({"enum": ["opened", "closed", "locked", "merged", "all"]}));
    json!({"paths": {
        "/user": {"get": {}},
        "/job": {"get": {}},
        "/projects/{id}/merge_requests": {"get": {"parameters": with_page(vec![state, order, sort()])}},
        "/projects/{id}/merge_requests/{iid}/notes": {
            "get": {"parameters": with_page(vec![sort(), notes_order])},
            "post": {"requestBody": note()},
        },
        "/projects/{id}/merge_requests/{iid}/notes/{note_id}": {"put": {"requestBody": note()}, "delete": {}},
        "/projects/{id}/repository/commits/{sha}/merge_requests": {"get": {"parameters": with_page(vec![])}},
        "/projects/{id}/repository/commits/{sha}/statuses": {"get": {"parameters": with_page(vec![
            query("name", text()), query("ref", text()), query("stage", text()), query("all", json!({"type": "boolean"})),
        ])}},
        "/projects/{id}/statuses/{sha}": {"post": {"requestBody": status}},
    }})
}
