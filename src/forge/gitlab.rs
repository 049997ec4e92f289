//! GitLab's REST API, version 4 (docs.gitlab.com/api): merge requests, notes and commit statuses.

use async_trait::async_trait;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::comments::{Author, Comments, Posted, Writer, description};
use super::http::Http;
use super::request::Request;
use crate::ports::{Annotation, Comment, CommitState, CommitStatus, Forge, ForgeError, ForgeErrorKind, PullRequest};

/// GitLab would give 100, but a description or a note may have a megabyte there.
const PAGE: usize = 50;
const NOTES: usize = 20;
/// GitLab refuses longer notes.
const LONGEST_COMMENT: usize = 1_000_000;

pub(super) struct GitLab {
    http: Http,
    writer: Writer,
}

#[derive(Deserialize)]
struct RawMergeRequest {
    iid: u64,
    /// Absent while there is no commit yet.
    #[serde(default)]
    sha: Option<String>,
    target_branch: String,
    target_project_id: i64,
    /// Absent when the fork was deleted.
    #[serde(default)]
    source_project_id: Option<i64>,
    #[serde(default)]
    labels: Vec<String>,
    web_url: String,
    state: String,
    #[serde(default)]
    merge_commit_sha: Option<String>,
    #[serde(default)]
    squash_commit_sha: Option<String>,
}

#[derive(Deserialize)]
struct RawNote {
    id: u64,
    body: String,
    author: RawUser,
}

#[derive(Deserialize)]
struct RawUser {
    id: i64,
    username: String,
}

#[derive(Deserialize)]
struct RawJob {
    user: RawUser,
}

#[derive(Deserialize)]
struct RawStatus {
    id: u64,
    name: String,
    status: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    target_url: Option<String>,
}

impl RawMergeRequest {
    fn is_merge(&self, revision: &str) -> bool {
        // Without a merge commit and without squashing the branch was moved to the head itself.
        self.state == "merged"
            && [&self.merge_commit_sha, &self.squash_commit_sha, &self.sha]
                .into_iter()
                .any(|commit| commit.as_deref() == Some(revision))
    }

    fn into_pull_request(self) -> Option<PullRequest> {
        Some(PullRequest {
            number: self.iid,
            head: self.sha?,
            head_reference: format!("refs/merge-requests/{}/head", self.iid),
            base_branch: self.target_branch,
            is_fork: self.source_project_id != Some(self.target_project_id),
            labels: self.labels.into_iter().collect(),
            url: self.web_url,
        })
    }
}

fn state(state: CommitState) -> &'static str {
    match state {
        CommitState::Pending => "pending",
        CommitState::Success => "success",
        CommitState::Failure => "failed",
    }
}

impl GitLab {
    pub(super) fn new(http: Http, author: Option<String>) -> Self {
        Self { http, writer: Writer::new(author) }
    }

    fn path<'a>(project: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
        ["projects", project].into_iter().chain(rest.iter().copied()).collect()
    }

    /// A path with its groups is one part here: its slashes are encoded.
    fn project(&self) -> String {
        self.http.repository.path()
    }

    fn posted(&self, pull_request: u64, raw: RawNote) -> Posted {
        let (web, project) = (self.http.web(), self.project());
        let url = if project.contains('/') {
            format!("{web}/{project}/-/merge_requests/{pull_request}#note_{}", raw.id)
        } else {
            format!("{web}/projects/{project}")
        };
        Posted { id: raw.id, author_id: raw.author.id, author_login: raw.author.username, text: raw.body, url }
    }

    /// GitLab lets a job's token do little; people then need another.
    fn explain(&self, mut error: ForgeError) -> ForgeError {
        if self.http.credential.is_job() && error.kind != ForgeErrorKind::Unreachable {
            let hint = "GitLab does not let a job's token comment on merge requests: set GITLAB_TOKEN to a project access \
                        token with the scope `api`.";
            error.hint = Some(hint.to_owned());
        }
        error
    }
}

#[async_trait]
impl Comments for GitLab {
    async fn who_am_i(&self) -> Result<Author, ForgeError> {
        // A job's token may only ask for its job, which names the user.
        if self.http.credential.is_job() {
            let job: RawJob = self.http.json(&Request::get(&["job"])).await?;
            return Ok(Author::Id(job.user.id));
        }
        let user: RawUser = self.http.json(&Request::get(&["user"])).await?;
        Ok(Author::Id(user.id))
    }

    async fn list(&self, pull_request: u64) -> Result<Vec<Posted>, ForgeError> {
        let project = self.project();
        let request = Request::get(&Self::path(&project, &["merge_requests", &pull_request.to_string(), "notes"]))
            .query("sort", "asc")
            .query("order_by", "created_at");
        let raw: Vec<RawNote> =
            self.http.pages(&request, "per_page", NOTES).await.map_err(|error| self.explain(error))?;
        Ok(raw.into_iter().map(|note| self.posted(pull_request, note)).collect())
    }

    async fn create(&self, pull_request: u64, text: &str) -> Result<Posted, ForgeError> {
        let project = self.project();
        let path = ["merge_requests", &pull_request.to_string(), "notes"];
        let request = Request::post(&Self::path(&project, &path), json!({"body": text}));
        let raw: RawNote = self.http.json(&request).await.map_err(|error| self.explain(error))?;
        Ok(self.posted(pull_request, raw))
    }

    async fn edit(&self, pull_request: u64, id: u64, text: &str) -> Result<Posted, ForgeError> {
        let project = self.project();
        let path = ["merge_requests", &pull_request.to_string(), "notes", &id.to_string()];
        let raw: RawNote = self.http.json(&Request::put(&Self::path(&project, &path), json!({"body": text}))).await?;
        Ok(self.posted(pull_request, raw))
    }

    async fn delete(&self, pull_request: u64, id: u64) -> Result<(), ForgeError> {
        let project = self.project();
        let path = ["merge_requests", &pull_request.to_string(), "notes", &id.to_string()];
        self.http.done(&Request::delete(&Self::path(&project, &path))).await
    }
}

#[async_trait]
impl Forge for GitLab {
    async fn open_pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError> {
        let project = self.project();
        let request = Request::get(&Self::path(&project, &["merge_requests"]))
            .query("state", "opened")
            .query("order_by", "created_at")
            .query("sort", "asc");
        let raw: Vec<RawMergeRequest> = self.http.pages(&request, "per_page", PAGE).await?;
        Ok(super::by_number(raw.into_iter().filter_map(RawMergeRequest::into_pull_request)))
    }

    async fn merged_as(&self, revision: &str) -> Result<Option<PullRequest>, ForgeError> {
        let project = self.project();
        let path = ["repository", "commits", revision, "merge_requests"];
        let request = Request::get(&Self::path(&project, &path));
        let raw: Option<Vec<RawMergeRequest>> = self.http.json_unless(&request, &[StatusCode::NOT_FOUND]).await?;
        let merged = raw.unwrap_or_default().into_iter().find(|merge_request| merge_request.is_merge(revision));
        Ok(merged.and_then(RawMergeRequest::into_pull_request))
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
        let project = self.project();
        let description = description(&status.description);
        let path = ["repository", "commits", revision, "statuses"];
        let request = Request::get(&Self::path(&project, &path)).query("name", &status.context);
        let held: Vec<RawStatus> = self.http.pages(&request, "per_page", PAGE).await?;
        let latest = held.into_iter().filter(|held| held.name == status.context).max_by_key(|held| held.id);
        let is_set = latest.is_some_and(|held| {
            let same_words = held.description.as_deref().unwrap_or_default() == description
                && held.target_url.as_deref().unwrap_or_default() == status.target_url.as_deref().unwrap_or_default();
            // GitLab refuses to make a pending status pending again, so it keeps its words.
            held.status == state(status.state) && (same_words || status.state == CommitState::Pending)
        });
        if is_set {
            return Ok(());
        }
        let mut body = json!({"state": state(status.state), "name": status.context, "description": description});
        if let (Some(url), Some(fields)) = (&status.target_url, body.as_object_mut()) {
            fields.insert("target_url".to_owned(), json!(url));
        }
        self.http.done(&Request::post(&Self::path(&project, &["statuses", revision]), body)).await
    }

    /// GitLab shows findings beside lines from a report of a CI job (`validate -o gitlab-codequality`); its API has no way.
    async fn annotate(&self, _: &str, _: &str, _: &[Annotation]) -> Result<(), ForgeError> {
        Ok(())
    }
}
