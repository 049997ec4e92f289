//! Forges: GitHub, GitLab, and Gitea with Forgejo, through their REST interfaces.
//!
//! One client (`http.rs`) has the manners that all of them ask for: conditional requests, rate limits, bounded answers and
//! times, retries of what may be repeated, no redirects. One flow (`comments.rs`) keeps the promise of one comment per marker.
//! A file per forge says only how its interface names things.
//!
//! Nothing here is told to do more than read pull requests, write comments and set statuses, and no function could.

mod answers;
mod cache;
mod comments;
mod credential;
mod gitea;
mod github;
mod github_app;
mod gitlab;
mod http;
mod issues;
mod limits;
mod request;

use std::collections::BTreeMap;
use std::path::PathBuf;

use reqwest::Url;

pub use crate::domain::secret::Secret;
use crate::ports::{Forge, ForgeError, ForgeErrorKind, PullRequest};

/// The kinds of forges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeKind {
    /// GitHub, also Enterprise Server.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea and Forgejo, whose interfaces are the same where they are used here.
    Gitea,
}

/// What proves to the forge who is asking.
pub enum ForgeCredential {
    /// A file with a token, read again for every request, so that a token may be replaced at any time.
    TokenFile(PathBuf),
    /// A token.
    Token(Secret),
    /// The token of a GitLab CI job (`CI_JOB_TOKEN`), which GitLab lets do less than others.
    JobToken(Secret),
    /// A GitHub app.
    App {
        /// Its id, or its client id.
        app_id: String,
        /// Its installation; without it the one that the repository has is asked for.
        installation_id: Option<u64>,
        /// Its private key (PEM, RSA), read again for every token that is made with it: about once an hour.
        private_key_file: PathBuf,
    },
}

/// Which forge, which repository, and as whom.
pub struct ForgeOptions {
    /// The kind.
    pub kind: ForgeKind,
    /// Address of its API, such as `https://github.example.org/api/v3`; without it the public one. Gitea has none.
    pub api_url: Option<String>,
    /// `owner/name`; at GitLab the path with its groups, or the project's number.
    pub repository: String,
    /// What proves who is asking.
    pub credential: ForgeCredential,
    /// The user name under which the credential writes, for credentials that may not ask for it (the `GITHUB_TOKEN` of
    /// GitHub Actions is `github-actions[bot]`). Without it the forge is asked.
    pub author: Option<String>,
}

/// Opens a forge. Sends nothing yet. Fails when the options cannot be right.
pub fn connect(options: ForgeOptions) -> Result<Box<dyn Forge>, ForgeError> {
    let repository = Repository::parse(options.kind, &options.repository)?;
    let credential = credential::Credential::new(options.kind, options.credential)?;
    let base = api_url(options.kind, options.api_url.as_deref())?;
    let http = http::Http::new(options.kind, base, credential, repository)?;
    Ok(match options.kind {
        ForgeKind::GitHub => Box::new(github::GitHub::new(http, options.author)),
        ForgeKind::GitLab => Box::new(gitlab::GitLab::new(http, options.author)),
        ForgeKind::Gitea => Box::new(gitea::Gitea::new(http, options.author)),
    })
}

/// The parts of a repository's name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Repository(Vec<String>);

impl Repository {
    fn parse(kind: ForgeKind, raw: &str) -> Result<Self, ForgeError> {
        let parts: Vec<String> = raw.split('/').map(str::to_owned).collect();
        let is_name = |part: &String| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        let fits = match kind {
            ForgeKind::GitHub | ForgeKind::Gitea => parts.len() == 2,
            ForgeKind::GitLab => parts.len() >= 2 || parts.iter().all(|part| part.chars().all(|c| c.is_ascii_digit())),
        };
        if fits && parts.iter().all(is_name) {
            return Ok(Self(parts));
        }
        Err(unusable(format!("`{}` is no repository of the forge", raw.escape_debug()), "Write it as `owner/name`."))
    }

    fn path(&self) -> String {
        self.0.join("/")
    }
}

fn api_url(kind: ForgeKind, given: Option<&str>) -> Result<Url, ForgeError> {
    let raw = match (given, kind) {
        (Some(given), _) => given,
        (None, ForgeKind::GitHub) => "https://api.github.com",
        (None, ForgeKind::GitLab) => "https://gitlab.com/api/v4",
        (None, ForgeKind::Gitea) => {
            let hint = "Give your server's, as in `https://git.example.org/api/v1`.";
            return Err(unusable("Gitea and Forgejo have no public API address".to_owned(), hint));
        }
    };
    // What was given is not repeated: it may hold a password.
    let wrong = |reason: &str| unusable(format!("the address of the forge's API {reason}"), EXAMPLE);
    let mut url = Url::parse(raw).map_err(|cause| wrong(&format!("is not a URL: {cause}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user name or a password"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

const EXAMPLE: &str = "It is such as `https://api.github.com`, `https://github.example.org/api/v3`, \
                       `https://gitlab.example.org/api/v4`, `https://git.example.org/api/v1`.";

/// The error of options that cannot be right.
fn unusable(message: String, hint: &str) -> ForgeError {
    ForgeError { message, kind: ForgeErrorKind::Protocol, hint: Some(hint.to_owned()) }
}

/// Sorts pull requests, of which a page may repeat some when others are closed in between.
fn by_number(found: impl Iterator<Item = PullRequest>) -> Vec<PullRequest> {
    let by_number: BTreeMap<u64, PullRequest> = found.map(|pull| (pull.number, pull)).collect();
    by_number.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_a_name_and_nothing_that_leads_elsewhere() {
        for (kind, raw, fits) in [
            (ForgeKind::GitHub, "org/kafka", true),
            (ForgeKind::GitHub, "org/sub/kafka", false),
            (ForgeKind::GitHub, "org/..", false),
            (ForgeKind::GitHub, "org/a b", false),
            (ForgeKind::GitHub, "org/a?x=1", false),
            (ForgeKind::GitHub, "kafka", false),
            (ForgeKind::GitLab, "group/sub/kafka", true),
            (ForgeKind::GitLab, "4711", true),
            (ForgeKind::GitLab, "kafka", false),
            (ForgeKind::Gitea, "org/", false),
        ] {
            assert_eq!(Repository::parse(kind, raw).is_ok(), fits, "{raw}");
        }
    }

    #[test]
    fn an_address_with_a_password_is_refused_without_repeating_it() {
        let error = api_url(ForgeKind::Gitea, Some("https://user:hunter2@git.example.org")).expect_err("is refused");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        for bad in ["", "ftp://git.example.org", "git.example.org/api"] {
            assert!(api_url(ForgeKind::Gitea, Some(bad)).is_err(), "{bad}");
        }
        assert!(api_url(ForgeKind::Gitea, None).is_err());
        assert_eq!(api_url(ForgeKind::GitHub, None).expect("public").as_str(), "https://api.github.com/");
    }
}
