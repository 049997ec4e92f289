//! What proves to a forge who is asking.

use std::io::Read;
use std::path::{Path, PathBuf};

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::github_app::App;
use super::{ForgeCredential, ForgeKind, unusable};
use crate::domain::secret::Secret;
use crate::ports::{ForgeError, ForgeErrorKind};

/// Tokens have less than 2,000 characters, keys less than 10,000.
const LONGEST_FILE: u64 = 64 * 1024;

pub(super) enum Credential {
    File { kind: ForgeKind, path: PathBuf },
    Token { kind: ForgeKind, token: Secret },
    Job(Secret),
    App(App),
}

impl Credential {
    pub(super) fn new(kind: ForgeKind, given: ForgeCredential) -> Result<Self, ForgeError> {
        Ok(match (given, kind) {
            (ForgeCredential::TokenFile(path), _) => Self::File { kind, path },
            (ForgeCredential::Token(token), _) => Self::Token { kind, token },
            (ForgeCredential::JobToken(token), ForgeKind::GitLab) => Self::Job(token),
            (ForgeCredential::App { app_id, installation_id, private_key_file }, ForgeKind::GitHub) => {
                Self::App(App::new(app_id, installation_id, private_key_file))
            }
            (ForgeCredential::JobToken(_), ForgeKind::GitHub | ForgeKind::Gitea) => {
                return Err(unusable("only GitLab has job tokens".to_owned(), "Use a token."));
            }
            (ForgeCredential::App { .. }, ForgeKind::GitLab | ForgeKind::Gitea) => {
                return Err(unusable("only GitHub has apps".to_owned(), "Use a token."));
            }
        })
    }

    /// Returns the app, when it is one.
    pub(super) fn app(&self) -> Option<&App> {
        match self {
            Self::App(app) => Some(app),
            Self::File { .. } | Self::Token { .. } | Self::Job(_) => None,
        }
    }

    /// Says whether it is a job's token of GitLab.
    pub(super) fn is_job(&self) -> bool {
        matches!(self, Self::Job(_))
    }

    /// Returns the token as it is now; `None` for an app, whose tokens are made by asking.
    pub(super) fn token(&self) -> Result<Option<Secret>, ForgeError> {
        match self {
            Self::File { path, .. } => read(path, "token").map(Some),
            Self::Token { token, .. } | Self::Job(token) => Ok(Some(token.clone())),
            Self::App(_) => Ok(None),
        }
    }

    /// Returns the header that carries a token.
    pub(super) fn header(&self, token: &Secret) -> Result<(HeaderName, HeaderValue), ForgeError> {
        let (name, scheme) = match self {
            // Gitea calls the scheme `token`; the others take any kind of token as a bearer.
            Self::File { kind: ForgeKind::Gitea, .. } | Self::Token { kind: ForgeKind::Gitea, .. } => {
                (AUTHORIZATION, "token ")
            }
            Self::File { .. } | Self::Token { .. } | Self::App(_) => (AUTHORIZATION, "Bearer "),
            Self::Job(_) => (HeaderName::from_static("job-token"), ""),
        };
        sensitive(scheme, token).map(|value| (name, value))
    }
}

/// Puts a secret into the value of a header, which then is not shown by anything that shows headers.
pub(super) fn sensitive(scheme: &str, secret: &Secret) -> Result<HeaderValue, ForgeError> {
    let mut bytes = scheme.as_bytes().to_vec();
    bytes.extend_from_slice(secret.expose());
    let value = HeaderValue::from_bytes(&bytes);
    bytes.fill(0);
    let mut value = value.map_err(|_| ForgeError {
        message: "the token of the forge holds characters that no token has".to_owned(),
        kind: ForgeErrorKind::Authentication,
        hint: Some("Check that the file or the variable holds the token, and nothing else.".to_owned()),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads a file with a secret, without the blanks around it.
pub(super) fn read(path: &Path, what: &str) -> Result<Secret, ForgeError> {
    let failed = |reason: String| ForgeError {
        message: format!("failed to read the {what} of the forge from `{}`: {reason}", path.display()),
        kind: ForgeErrorKind::Authentication,
        hint: Some("It is read again for the next request.".to_owned()),
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut bytes))
        .map_err(|cause| failed(cause.to_string()))?;
    let secret = Secret::new(bytes.trim_ascii());
    bytes.fill(0);
    if secret.is_empty() { Err(failed("it is empty".to_owned())) } else { Ok(secret) }
}
