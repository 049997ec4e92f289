//! GitHub's REST API, version 2022-11-28 (docs.github.com/rest), also of Enterprise Server.

use async_trait::async_trait;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::comments::{Author, Comments, Posted, Writer, description};
use super::http::Http;
use super::issues::{self, in_repository, state};
use super::request::Request;
use crate::domain::diagnostic::Severity;
use crate::domain::digest::sha256;
use crate::ports::{Annotation, Comment, CommitStatus, Forge, ForgeError, ForgeErrorKind, PullRequest};

/// The longest pages that GitHub gives.
const PAGE: usize = 100;
/// GitHub refuses comments of more characters.
const LONGEST_COMMENT: usize = 65_536;
/// The most annotations of one request; more are added to the same check run by further ones.
const ANNOTATIONS: usize = 50;
/// More would bury the files; the comment has all.
const MOST_ANNOTATIONS: usize = 200;
const LONGEST_MESSAGE: usize = 4_000;

pub(super) struct GitHub {
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
    labels: Vec<RawLabel>,
    #[serde(default)]
    merged_at: Option<String>,
    #[serde(default)]
    merge_commit_sha: Option<String>,
}

#[derive(Deserialize)]
struct RawEnd {
    sha: String,
    #[serde(rename = "ref")]
    reference: String,
    /// Absent when the fork was deleted.
    #[serde(default)]
    repo: Option<RawId>,
}

#[derive(Deserialize)]
struct RawId {
    id: i64,
}

#[derive(Deserialize)]
struct RawLabel {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct RawComment {
    id: u64,
    html_url: String,
    #[serde(default)]
    body: Option<String>,
    /// Absent when the account was deleted.
    #[serde(default)]
    user: Option<RawUser>,
}

#[derive(Deserialize)]
struct RawUser {
    id: i64,
    login: String,
}

#[derive(Deserialize)]
struct RawCombined {
    statuses: Vec<RawStatus>,
}

#[derive(Deserialize)]
struct RawStatus {
    context: String,
    state: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    target_url: Option<String>,
}

#[derive(Deserialize)]
struct RawCheckRuns {
    check_runs: Vec<RawCheckRun>,
}

#[derive(Deserialize)]
struct RawCheckRun {
    id: u64,
    #[serde(default)]
    external_id: Option<String>,
}

impl From<RawPull> for PullRequest {
    fn from(raw: RawPull) -> Self {
        let same = |id: &RawId| raw.base.repo.as_ref().is_some_and(|base| base.id == id.id);
        Self {
            number: raw.number,
            head_reference: format!("refs/pull/{}/head", raw.number),
            is_fork: !raw.head.repo.as_ref().is_some_and(same),
            head: raw.head.sha,
            base_branch: raw.base.reference,
            labels: raw.labels.into_iter().filter_map(|label| label.name).collect(),
            url: raw.html_url,
        }
    }
}

impl From<RawComment> for Posted {
    fn from(raw: RawComment) -> Self {
        // GitHub gives its user `ghost` for deleted ones; a number that nobody has does as well.
        let user = raw.user.unwrap_or(RawUser { id: -1, login: String::new() });
        Self {
            id: raw.id,
            author_id: user.id,
            author_login: user.login,
            text: raw.body.unwrap_or_default(),
            url: raw.html_url,
        }
    }
}

impl GitHub {
    pub(super) fn new(http: Http, author: Option<String>) -> Self {
        Self { http, writer: Writer::new(author) }
    }

    async fn status(&self, revision: &str, context: &str) -> Result<Option<RawStatus>, ForgeError> {
        let mut page = 1;
        loop {
            let request =
                Request::get(&in_repository(&self.http, &["commits", revision, "status"])).query("per_page", PAGE);
            let combined: RawCombined = self.http.json(&request.query("page", page)).await?;
            let is_last = combined.statuses.len() < PAGE;
            let found = combined.statuses.into_iter().find(|status| status.context == context);
            // GitHub takes no more than 1,000 statuses for a commit.
            if found.is_some() || is_last || page == 10 {
                return Ok(found);
            }
            page += 1;
        }
    }

    /// Check runs are for apps; the tokens of their installations begin with `ghs_`, that of GitHub Actions too.
    async fn is_app(&self) -> Result<bool, ForgeError> {
        Ok(self.http.credential.app().is_some() || self.http.token().await?.expose().starts_with(b"ghs_"))
    }
}

#[async_trait]
impl Comments for GitHub {
    async fn who_am_i(&self) -> Result<Author, ForgeError> {
        if let Some(app) = self.http.credential.app() {
            return app.login(&self.http).await.map(Author::Login);
        }
        let asked: Result<RawUser, ForgeError> = self.http.json(&Request::get(&["user"])).await;
        asked.map(|user| Author::Id(user.id)).map_err(|mut error| {
            if error.kind == ForgeErrorKind::Authentication {
                let hint = "The token of an installation may not ask who it is: name the author under which it writes, \
                            such as `github-actions[bot]`.";
                error.hint = Some(hint.to_owned());
            }
            error
        })
    }

    async fn list(&self, pull_request: u64) -> Result<Vec<Posted>, ForgeError> {
        let request = Request::get(&in_repository(&self.http, &["issues", &pull_request.to_string(), "comments"]));
        let raw: Vec<RawComment> = self.http.pages(&request, "per_page", PAGE).await?;
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
impl Forge for GitHub {
    async fn open_pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError> {
        let request = Request::get(&in_repository(&self.http, &["pulls"]))
            .query("state", "open")
            .query("sort", "created")
            .query("direction", "asc");
        let raw: Vec<RawPull> = self.http.pages(&request, "per_page", PAGE).await?;
        Ok(super::by_number(raw.into_iter().map(PullRequest::from)))
    }

    async fn merged_as(&self, revision: &str) -> Result<Option<PullRequest>, ForgeError> {
        let request = Request::get(&in_repository(&self.http, &["commits", revision, "pulls"])).query("per_page", PAGE);
        // A commit that GitHub does not know is 422 there.
        let unknown = [StatusCode::NOT_FOUND, StatusCode::UNPROCESSABLE_ENTITY];
        let raw: Vec<RawPull> = self.http.json_unless(&request, &unknown).await?.unwrap_or_default();
        let is_merge = |pull: &RawPull| pull.merged_at.is_some() && pull.merge_commit_sha.as_deref() == Some(revision);
        Ok(raw.into_iter().find(is_merge).map(PullRequest::from))
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
        let is_set = self.status(revision, &status.context).await?.is_some_and(|held| {
            held.state == state(status.state)
                && held.description.as_deref().unwrap_or_default() == description
                && held.target_url.as_deref().unwrap_or_default() == status.target_url.as_deref().unwrap_or_default()
        });
        if is_set {
            return Ok(());
        }
        let mut body = json!({"state": state(status.state), "context": status.context, "description": description});
        if let (Some(url), Some(fields)) = (&status.target_url, body.as_object_mut()) {
            fields.insert("target_url".to_owned(), json!(url));
        }
        self.http.done(&Request::post(&in_repository(&self.http, &["statuses", revision]), body)).await
    }

    async fn annotate(&self, revision: &str, context: &str, annotations: &[Annotation]) -> Result<(), ForgeError> {
        if !self.is_app().await? {
            return Ok(());
        }
        let shown: Vec<Value> = annotations.iter().take(MOST_ANNOTATIONS).map(annotation).collect();
        // The digest of what is shown tells whether it is there already.
        let digest = sha256(Value::from(shown.clone()).to_string());
        let request =
            Request::get(&in_repository(&self.http, &["commits", revision, "check-runs"])).query("check_name", context);
        let known: RawCheckRuns = self.http.json(&request).await?;
        let is_shown = known.check_runs.iter().any(|run| run.external_id.as_deref() == Some(&digest));
        if is_shown || (shown.is_empty() && known.check_runs.is_empty()) {
            return Ok(());
        }
        let denies = annotations.iter().any(|annotation| annotation.severity == Severity::Deny);
        let conclusion = match (annotations.is_empty(), denies) {
            (true, _) => "success",
            (false, true) => "failure",
            (false, false) => "neutral",
        };
        let mut chunks = shown.chunks(ANNOTATIONS);
        let body = json!({
            "name": context,
            "head_sha": revision,
            "status": "completed",
            "conclusion": conclusion,
            "external_id": digest,
            "output": output(annotations.len(), chunks.next().unwrap_or_default()),
        });
        let run: RawCheckRun =
            self.http.json(&Request::post(&in_repository(&self.http, &["check-runs"]), body)).await?;
        for chunk in chunks {
            let body = json!({"output": output(annotations.len(), chunk)});
            // Adding annotations twice would show them twice, so a lost answer is not repeated.
            self.http
                .done(&Request::patch_once(&in_repository(&self.http, &["check-runs", &run.id.to_string()]), body))
                .await?;
        }
        Ok(())
    }
}

fn output(count: usize, annotations: &[Value]) -> Value {
    let title = match count {
        0 => "Nothing to say".to_owned(),
        1 => "1 annotation".to_owned(),
        count => format!("{count} annotations"),
    };
    let summary = if count > MOST_ANNOTATIONS {
        format!("The first {MOST_ANNOTATIONS} are shown; the comment of the pull request says more.")
    } else {
        "What driftless found, beside the lines.".to_owned()
    };
    json!({"title": title, "summary": summary, "annotations": annotations})
}

fn annotation(annotation: &Annotation) -> Value {
    let level = match annotation.severity {
        Severity::Deny => "failure",
        Severity::Warn => "warning",
    };
    let line = annotation.location.line.max(1);
    let message: String = annotation.message.chars().take(LONGEST_MESSAGE).collect();
    json!({
        "path": annotation.location.file,
        "start_line": line,
        "end_line": line,
        "annotation_level": level,
        "title": annotation.code,
        "message": message,
    })
}
