//! What a CI job says about itself: variables and the event's file, as GitHub Actions, Gitea and Forgejo Actions, and GitLab CI
//! set them (docs.github.com "Variables", docs.gitlab.com "Predefined CI/CD variables reference").

use std::path::Path;

use serde::Deserialize;

use super::super::error::CommandError;
use super::CommentArgs;
use crate::config::Surroundings;
use crate::forge::{ForgeCredential, ForgeKind, Secret};

/// Where to write, and as whom.
pub(super) struct Job {
    pub(super) kind: ForgeKind,
    pub(super) api_url: Option<String>,
    pub(super) repository: String,
    pub(super) pull_request: u64,
    pub(super) commit: String,
    pub(super) base: Option<String>,
    pub(super) credential: ForgeCredential,
    pub(super) author: Option<String>,
}

#[derive(Deserialize, Default)]
struct Event {
    #[serde(default)]
    pull_request: Option<EventPull>,
}

#[derive(Deserialize)]
struct EventPull {
    number: u64,
    head: EventEnd,
    base: EventEnd,
}

#[derive(Deserialize)]
struct EventEnd {
    sha: String,
}

/// A variable that is set to something.
type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Job {
    /// Joins options and variables; options win. Every missing thing is named at once.
    pub(super) fn new(arguments: &CommentArgs, surroundings: &Surroundings<'_>) -> Result<Self, CommandError> {
        let variable = |name: &str| (surroundings.environment)(name).filter(|value| !value.is_empty());
        let kind = kind(arguments, &variable)?;
        let event = match (kind, variable("GITHUB_EVENT_PATH")) {
            (ForgeKind::GitHub | ForgeKind::Gitea, Some(path)) => event(&path, surroundings)?,
            (ForgeKind::GitHub | ForgeKind::Gitea | ForgeKind::GitLab, _) => Event::default(),
        };
        let pull = event.pull_request.as_ref();
        let named = |name: &str| variable(name);
        let (api_url, repository, pull_request, commit, base) = match kind {
            ForgeKind::GitHub | ForgeKind::Gitea => (
                named("GITHUB_API_URL"),
                named("GITHUB_REPOSITORY"),
                pull.map(|pull| pull.number),
                // GITHUB_SHA is the commit of a merge that nobody sees.
                pull.map(|pull| pull.head.sha.clone()),
                pull.map(|pull| pull.base.sha.clone()),
            ),
            ForgeKind::GitLab => (
                named("CI_API_V4_URL"),
                named("CI_MERGE_REQUEST_PROJECT_PATH")
                    .or_else(|| named("CI_PROJECT_PATH"))
                    .or_else(|| named("CI_PROJECT_ID")),
                named("CI_MERGE_REQUEST_IID").and_then(|iid| iid.parse().ok()),
                // Set in pipelines for merged results only, where CI_COMMIT_SHA is a merge that nobody sees.
                named("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA").or_else(|| named("CI_COMMIT_SHA")),
                named("CI_MERGE_REQUEST_DIFF_BASE_SHA"),
            ),
        };
        let credential = credential(arguments, kind, &variable);
        let mut missing = Missing(Vec::new());
        let repository = missing.or(
            arguments.repository.clone().or(repository),
            "--repository",
            match kind {
                ForgeKind::GitHub | ForgeKind::Gitea => "GITHUB_REPOSITORY",
                ForgeKind::GitLab => "CI_PROJECT_PATH",
            },
        );
        let pull_request = missing.or(
            arguments.pull_request.or(pull_request),
            "--pull-request",
            match kind {
                ForgeKind::GitHub | ForgeKind::Gitea => "GITHUB_EVENT_PATH of a pull request",
                ForgeKind::GitLab => "CI_MERGE_REQUEST_IID, which only merge request pipelines have",
            },
        );
        let commit = missing.or(
            arguments.commit.clone().or(commit),
            "--commit",
            match kind {
                ForgeKind::GitHub | ForgeKind::Gitea => "GITHUB_EVENT_PATH of a pull request",
                ForgeKind::GitLab => "CI_COMMIT_SHA",
            },
        );
        let credential = missing.or(
            credential,
            "--token-file",
            match kind {
                ForgeKind::GitHub => "GITHUB_TOKEN",
                ForgeKind::GitLab => "GITLAB_TOKEN or CI_JOB_TOKEN",
                ForgeKind::Gitea => "GITEA_TOKEN or GITHUB_TOKEN",
            },
        );
        let (Some(repository), Some(pull_request), Some(commit), Some(credential)) =
            (repository, pull_request, commit, credential)
        else {
            return Err(missing.error());
        };
        if !matches!(commit.len(), 40 | 64) || !commit.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(CommandError::usage("the commit of the pull request is not a full commit id")
                .hint("Give all 40 hexadecimal digits with `--commit`."));
        }
        let author = arguments.author.clone().or_else(|| author(kind, &credential));
        let api_url = arguments.api_url.clone().or(api_url);
        let base = arguments.base.clone().or(base);
        Ok(Self { kind, api_url, repository, pull_request, commit, base, credential, author })
    }
}

/// What neither an option nor a variable says.
struct Missing(Vec<String>);

impl Missing {
    fn or<T>(&mut self, value: Option<T>, option: &str, variable: &str) -> Option<T> {
        if value.is_none() {
            self.0.push(format!("`{option}` (in CI: {variable})"));
        }
        value
    }

    fn error(&self) -> CommandError {
        CommandError::usage(format!("missing is what {} would say", self.0.join(", ")))
            .hint("Nothing was written. Run it in a job for a pull request, or give the options.")
    }
}

fn kind(arguments: &CommentArgs, variable: &Variables<'_>) -> Result<ForgeKind, CommandError> {
    // Gitea and Forgejo set GitHub's variables too, so they are asked for first.
    let detected = || {
        if variable("GITEA_ACTIONS").is_some() || variable("FORGEJO_ACTIONS").is_some() {
            Some(ForgeKind::Gitea)
        } else if variable("GITLAB_CI").is_some() {
            Some(ForgeKind::GitLab)
        } else if variable("GITHUB_ACTIONS").is_some() {
            Some(ForgeKind::GitHub)
        } else {
            None
        }
    };
    arguments.forge.or_else(detected).ok_or_else(|| {
        CommandError::usage("this is no job of GitHub Actions, GitLab CI, Gitea or Forgejo Actions").hint(
            "Name the forge with `--forge`, and with `--repository`, `--pull-request`, `--commit` where to write.",
        )
    })
}

fn event(path: &str, surroundings: &Surroundings<'_>) -> Result<Event, CommandError> {
    let failed = || CommandError::usage(format!("failed to read the event of the job from `{path}`"));
    let bytes = (surroundings.read_file)(Path::new(path)).map_err(|error| failed().because(error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        failed().because(error).hint("Give `--pull-request` and `--commit`, and unset GITHUB_EVENT_PATH.")
    })
}

fn credential(arguments: &CommentArgs, kind: ForgeKind, variable: &Variables<'_>) -> Option<ForgeCredential> {
    if let Some(file) = &arguments.token_file {
        return Some(ForgeCredential::TokenFile(file.clone()));
    }
    let names: &[&str] = match kind {
        ForgeKind::GitHub => &["GITHUB_TOKEN", "GH_TOKEN"],
        ForgeKind::GitLab => &["GITLAB_TOKEN"],
        ForgeKind::Gitea => &["GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN"],
    };
    let token = names.iter().find_map(|name| variable(name)).map(|token| ForgeCredential::Token(Secret::new(token)));
    let job = || variable("CI_JOB_TOKEN").map(|token| ForgeCredential::JobToken(Secret::new(token)));
    match kind {
        ForgeKind::GitLab => token.or_else(job),
        ForgeKind::GitHub | ForgeKind::Gitea => token,
    }
}

/// The token that GitHub gives to a job may not ask who it is.
fn author(kind: ForgeKind, credential: &ForgeCredential) -> Option<String> {
    let is_of_an_installation = match credential {
        ForgeCredential::Token(token) => token.expose().starts_with(b"ghs_"),
        ForgeCredential::TokenFile(_) | ForgeCredential::JobToken(_) | ForgeCredential::App { .. } => false,
    };
    (kind == ForgeKind::GitHub && is_of_an_installation).then(|| "github-actions[bot]".to_owned())
}
