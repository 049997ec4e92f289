//! The shapes of answers: text for people and probes, JSON for programs.

use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::domain::digest::sha256;

/// For what is true only now, and only for whoever asked.
pub(super) const UNSTORED: [(HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

const JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
const TEXT: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];

/// Answers with a line of text.
pub(super) fn text(status: StatusCode, line: &str) -> Response {
    (status, TEXT, UNSTORED, format!("{line}\n")).into_response()
}

/// Answers with a problem: as JSON below `/api/`, as a line of text elsewhere.
pub(super) fn problem(uri: &Uri, status: StatusCode, message: &str) -> Response {
    if uri.path().starts_with("/api/") { error(status, message) } else { text(status, message) }
}

fn error(status: StatusCode, message: &str) -> Response {
    let body = serde_json::json!({"error": message}).to_string();
    (status, JSON, UNSTORED, format!("{body}\n")).into_response()
}

/// Answers with a JSON document, or says that it has not changed since it was last asked for.
pub(super) fn document(json: Option<String>, asked: &HeaderMap) -> Response {
    let Some(json) = json else { return error(StatusCode::NOT_FOUND, "no pass came so far yet") };
    // Half of the digits are enough to tell two documents apart.
    let tag = format!("\"{:.32}\"", sha256(&json));
    let headers = [
        (header::ETAG, tag.as_str()),
        // It may be kept, and must be asked for again each time.
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    if is_known(asked, &tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (JSON, headers, json).into_response()
}

/// Reads `If-None-Match` (RFC 9110, section 13.1.2), in which weak tags count too.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let lists = asked.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    tags.any(|known| known == tag || known == "*")
}
