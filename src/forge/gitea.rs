//! The REST API of Gitea, which Forgejo has kept where it is used here (its own description: `/swagger.v1.json`).

use async_trait::async_trait;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::comments::{Author, Comments, Posted, Writer, description};
use super::http::Http;
use super::issues::{self, in_repository, state};
use super::request::Request;
use crate::ports::{Annotation, Comment, CommitStatus, Forge, ForgeError, ForgeErrorKind, PullRequest};

/// The longest pages that Gitea gives unless its settings say otherwise.
const PAGE: usize = 50;
const MOST_STATUS_PAGES: usize = 20;
/// Gitea itself has no limit; nobody reads more than GitHub takes.
const LONGEST_COMMENT: usize = 65_536;

pub(super) struct Gitea {
    http: Http,
    writer: Writer,
}

#[derive(Deserialize)]
struct RawPull {
    number: u64,
    html_url: String,
    head: RawEnd,
    base: RawEnd,
    #[serde(default)]
    labels: Option<Vec<RawLabel>>,
    #[serde(default)]
    merged: bool,
    #[serde(default)]
    merge_commit_sha: Option<String>,
}

#[derive(Deserialize)]
struct RawEnd {
    sha: String,
    #[serde(rename = "ref")]
    reference: String,
    repo_id: i64,
}

#[derive(Deserialize)]
struct RawLabel {
    name: String,
}

#[derive(Deserialize)]
struct RawComment {
    id: u64,
    html_url: String,
    body: String,
    user: RawUser,
}

#[derive(Deserialize)]
struct RawUser {
    id: i64,
    login: String,
}

#[derive(Deserialize)]
struct RawCombined {
    /// `null` when there is none.
    #[serde(default)]
    statuses: Option<Vec<RawStatus>>,
}

#[derive(Deserialize)]
struct RawStatus {
    context: String,
    status: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    target_url: String,
}

impl From<RawPull> for PullRequest {
    fn from(raw: RawPull) -> Self {
        Self {
            number: raw.number,
            head_reference: format!("refs/pull/{}/head", raw.number),
            is_fork: raw.head.repo_id != raw.base.repo_id,
            head: raw.head.sha,
            base_branch: raw.base.reference,
            labels: raw.labels.unwrap_or_default().into_iter().map(|label| label.name).collect(),
            url: raw.html_url,
        }
    }
}

impl From<RawComment> for Posted {
    fn from(raw: RawComment) -> Self {
        Self { id: raw.id, author_id: raw.user.id, author_login: raw.user.login, text: raw.body, url: raw.html_url }
    }
}

impl Gitea {
    pub(super) fn new(http: Http, author: Option<String>) -> Self {
        Self { http, writer: Writer::new(author) }
    }

    async fn status(&self, revision: &str, context: &str) -> Result<Option<RawStatus>, ForgeError> {
        for page in 1..=MOST_STATUS_PAGES {
            let request =
                Request::get(&in_repository(&self.http, &["commits", revision, "status"])).query("limit", PAGE);
            let combined: RawCombined = self.http.json(&request.query("page", page)).await?;
            let statuses = combined.statuses.unwrap_or_default();
            // A server whose pages are shorter is asked until there is nothing.
            let is_last = statuses.is_empty();
            let found = statuses.into_iter().find(|status| status.context == context);
            if found.is_some() || is_last {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Comments for Gitea {
    async fn who_am_i(&self) -> Result<Author, ForgeError> {
        let asked: Result<RawUser, ForgeError> = self.http.json(&Request::get(&["user"])).await;
        asked.map(|user| Author::Id(user.id)).map_err(|mut error| {
            if error.kind == ForgeErrorKind::Authentication {
                let hint = "Give the token the scope `read:user`, or name the author under which it writes.";
                error.hint = Some(hint.to_owned());
            }
            error
        })
    }

    async fn list(&self, pull_request: u64) -> Result<Vec<Posted>, ForgeError> {
        // There are no pages here: Gitea gives all comments at once.
        let request = Request::get(&in_repository(&self.http, &["issues", &pull_request.to_string(), "comments"]));
        let raw: Vec<RawComment> = self.http.json(&request).await?;
        Ok(raw.into_iter().map(Posted::from).collect())
    }

    async fn create(&self, pull_request: u64, text: &str) -> Result<Posted, ForgeError> {
        issues::create::<RawComment>(&self.http, pull_request, text).await
    }

    async fn edit(&self, _: u64, id: u64, text: &str) -> Result<Posted, ForgeError> {
        issues::edit::<RawComment>(&self.http, id, text).await
    }

    async fn delete(&self, _: u64, id: u64) -> Result<(), ForgeError> {
        issues::delete(&self.http, id).await
    }
}

#[async_trait]
impl Forge for Gitea {
    async fn open_pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError> {
        let request =
            Request::get(&in_repository(&self.http, &["pulls"])).query("state", "open").query("sort", "oldest");
        let raw: Vec<RawPull> = self.http.pages(&request, "limit", PAGE).await?;
        Ok(super::by_number(raw.into_iter().map(PullRequest::from)))
    }

    async fn merged_as(&self, revision: &str) -> Result<Option<PullRequest>, ForgeError> {
        let request = Request::get(&in_repository(&self.http, &["commits", revision, "pull"]));
        let raw: Option<RawPull> = self.http.json_unless(&request, &[StatusCode::NOT_FOUND]).await?;
        let is_merge = |pull: &RawPull| pull.merged && pull.merge_commit_sha.as_deref() == Some(revision);
        Ok(raw.filter(is_merge).map(PullRequest::from))
    }

    fn longest_comment(&self) -> usize {
        LONGEST_COMMENT
    }

    async fn put_comment(&self, pull_request: u64, marker: &str, text: &str) -> Result<Comment, ForgeError> {
        self.writer.put(&self.http, self, pull_request, marker, text).await
    }

    async fn comment(&self, pull_request: u64, marker: &str) -> Result<Option<Comment>, ForgeError> {
        self.writer.find(&self.http, self, pull_request, marker).await
    }

    async fn set_status(&self, revision: &str, status: &CommitStatus) -> Result<(), ForgeError> {
        let description = description(&status.description);
        let target_url = status.target_url.as_deref().unwrap_or_default();
        let is_set = self.status(revision, &status.context).await?.is_some_and(|held| {
            held.status == state(status.state) && held.description == description && held.target_url == target_url
        });
        if is_set {
            return Ok(());
        }
        let body = json!({
            "state": state(status.state),
            "context": status.context,
            "description": description,
            "target_url": target_url,
        });
        self.http.done(&Request::post(&in_repository(&self.http, &["statuses", revision]), body)).await
    }

    /// Gitea and Forgejo have nothing of the kind.
    async fn annotate(&self, _: &str, _: &str, _: &[Annotation]) -> Result<(), ForgeError> {
        Ok(())
    }
}
