//! A forge: where people review changes of the config repository as pull requests.

use async_trait::async_trait;

use crate::domain::diagnostic::{Location, Severity};

/// Why the forge could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ForgeError {
    /// What went wrong, with the address. Never holds a credential.
    pub message: String,
    /// Which kind of failure it is: it decides when to try again.
    pub kind: ForgeErrorKind,
    /// What the person can do.
    pub hint: Option<String>,
}

/// Kinds of forge failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeErrorKind {
    /// Nobody answers, not in time, or with a failure of the server. Worth another try.
    Unreachable,
    /// The forge wants fewer requests; it named the time to wait.
    RateLimited(std::time::Duration),
    /// The credential is refused, or may not do this.
    Authentication,
    /// There is no such repository, pull request or commit, or the credential may not see it.
    NotFound,
    /// The answer makes no sense.
    Protocol,
}

/// An open pull request (GitLab: merge request), or one that was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number in the repository (GitLab: `iid`).
    pub number: u64,
    /// The commit id of its head.
    pub head: String,
    /// The git reference of the base repository that holds the head, such as `refs/pull/7/head`.
    pub head_reference: String,
    /// The branch that it is to be merged into, without `refs/heads/`.
    pub base_branch: String,
    /// Whether the head lives in another repository: its author need not be trusted by this one.
    pub is_fork: bool,
    /// Its labels. Only people who may maintain the repository can set them.
    pub labels: std::collections::BTreeSet<String>,
    /// Where people look at it.
    pub url: String,
}

/// What a commit status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitState {
    /// Not known yet.
    Pending,
    /// It may be merged; it was applied.
    Success,
    /// Policy refuses, files are bad, something could not be applied.
    Failure,
}

/// The status of one commit in one context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    /// Such as `driftless/plan/prod`.
    pub context: String,
    /// What it says.
    pub state: CommitState,
    /// One line for people, at most 140 characters (GitHub's bound).
    pub description: String,
    /// Where to read more.
    pub target_url: Option<String>,
}

/// A comment of ours on a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its text as the forge has it, with `\n` between lines and no blank at its end.
    pub text: String,
    /// Where people read it.
    pub url: String,
}

/// A finding or diagnostic at a line of the pull request's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The place, in the repository.
    pub location: Location,
    /// Whether it stops the change.
    pub severity: Severity,
    /// The stable code.
    pub code: String,
    /// The message, plain text.
    pub message: String,
}

/// Reads pull requests and tells people about them. It may comment and set statuses, and nothing else.
#[async_trait]
pub trait Forge: Send + Sync {
    /// Lists the open pull requests, all pages, by number.
    async fn open_pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError>;

    /// Returns the pull request whose merge put `revision` onto its base branch; `None` when there is none.
    async fn merged_as(&self, revision: &str) -> Result<Option<PullRequest>, ForgeError>;

    /// Returns how many bytes a comment may have. At least 60,000.
    fn longest_comment(&self) -> usize;

    /// Makes sure that the pull request has exactly one comment of ours whose first line is `marker`, with this text (which
    /// starts with the marker). Edits it in place; does not write when it reads the same already. Comments of others are never touched,
    /// whatever marker they carry. When two writers raced, the oldest of ours stays and the others are deleted.
    async fn put_comment(&self, pull_request: u64, marker: &str, text: &str) -> Result<Comment, ForgeError>;

    /// Returns our comment with this marker; `None` when there is none yet.
    async fn comment(&self, pull_request: u64, marker: &str) -> Result<Option<Comment>, ForgeError>;

    /// Sets a commit's status, when it is not that already. A description that is too long is cut.
    async fn set_status(&self, revision: &str, status: &CommitStatus) -> Result<(), ForgeError>;

    /// Shows annotations beside the lines, under this context, where the forge can; does nothing elsewhere.
    async fn annotate(&self, revision: &str, context: &str, annotations: &[Annotation]) -> Result<(), ForgeError>;
}
