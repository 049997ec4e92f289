//! What Gitea took over from GitHub's interface, name by name: a pull request is an issue, and has an issue's comments.

use serde::de::DeserializeOwned;
use serde_json::json;

use super::comments::Posted;
use super::http::Http;
use super::request::Request;
use crate::ports::{CommitState, ForgeError};

/// Returns the path of something in the repository.
pub(super) fn in_repository<'a>(http: &'a Http, rest: &[&'a str]) -> Vec<&'a str> {
    ["repos"].into_iter().chain(http.repository.0.iter().map(String::as_str)).chain(rest.iter().copied()).collect()
}

/// Returns the word for a commit's state.
pub(super) fn state(state: CommitState) -> &'static str {
    match state {
        CommitState::Pending => "pending",
        CommitState::Success => "success",
        CommitState::Failure => "failure",
    }
}

/// Writes a new comment; `C` is how the forge answers.
pub(super) async fn create<C>(http: &Http, pull_request: u64, text: &str) -> Result<Posted, ForgeError>
where
    C: DeserializeOwned + Into<Posted>,
{
    let number = pull_request.to_string();
    let path = in_repository(http, &["issues", &number, "comments"]);
    let raw: C = http.json(&Request::post(&path, json!({"body": text}))).await?;
    Ok(raw.into())
}

/// Replaces the text of a comment; `C` is how the forge answers.
pub(super) async fn edit<C>(http: &Http, id: u64, text: &str) -> Result<Posted, ForgeError>
where
    C: DeserializeOwned + Into<Posted>,
{
    let id = id.to_string();
    let path = in_repository(http, &["issues", "comments", &id]);
    let raw: C = http.json(&Request::patch(&path, json!({"body": text}))).await?;
    Ok(raw.into())
}

/// Deletes a comment.
pub(super) async fn delete(http: &Http, id: u64) -> Result<(), ForgeError> {
    let id = id.to_string();
    http.done(&Request::delete(&in_repository(http, &["issues", "comments", &id]))).await
}
