//! `POST /hooks/git`: a forge tells that something was pushed. All that it ever does is let the agent fetch, as it would have
//! done by itself later; what the request says beyond its signature is not looked at.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use ring::hmac;
use tokio::sync::Notify;

use crate::domain::secret::Secret;

/// The largest request. Pushes of many commits make large ones; none needs to be read for its content.
const LARGEST_BODY: usize = 1 << 20;
/// How long a request may take to arrive.
const LONGEST_ARRIVAL: Duration = Duration::from_secs(10);
/// The largest secret that is read.
const LARGEST_SECRET: u64 = 64 << 10;
/// The headers with the HMAC-SHA-256 of the body, in hexadecimal: GitHub's, which Gitea and Forgejo send too, with `sha256=` in
/// front; Gitea's and Forgejo's own, without.
const SIGNATURES: [&str; 3] = ["x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature"];
/// GitLab's header, with the secret itself.
const TOKEN: &str = "x-gitlab-token";

/// What the route needs.
#[derive(Clone)]
pub struct Hooks {
    /// The file with the secret that forge and agent share. Read for every request, so that a renewed one counts.
    pub secret_file: PathBuf,
    /// Told when the branch, or a pull request, may have moved.
    pub told: Vec<Arc<Notify>>,
}

/// Reads the secret: the file's text without the line break at its end. The error is a sentence without it.
pub fn read_secret(file: &std::path::Path) -> Result<Secret, String> {
    let failed = |why: &dyn std::fmt::Display| format!("`{}` cannot be used: {why}", file.display());
    let size = std::fs::metadata(file).map_err(|error| failed(&error.kind()))?.len();
    if size > LARGEST_SECRET {
        return Err(failed(&format!("it has more than {LARGEST_SECRET} bytes")));
    }
    let bytes = std::fs::read(file).map_err(|error| failed(&error.kind()))?;
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    // Anybody can sign with nothing.
    if text.is_empty() { Err(failed(&"it is empty")) } else { Ok(Secret::new(text)) }
}

/// Returns the route; none without a secret.
pub fn routes(hooks: Option<Hooks>) -> Router {
    match hooks {
        Some(hooks) => Router::new()
            .route("/hooks/git", post(receive))
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .with_state(Arc::new(hooks)),
        None => Router::new(),
    }
}

async fn receive(State(hooks): State<Arc<Hooks>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let body = match tokio::time::timeout(LONGEST_ARRIVAL, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) => return rejection.status().into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let secret = match read_secret(&hooks.secret_file) {
        Ok(secret) => secret,
        Err(problem) => {
            tracing::error!(%problem, "a webhook cannot be checked");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    if !is_signed(&secret, &headers, &body) {
        // Why is nobody's business who does not know the secret.
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // One permit at most waits at each: a burst is one fetch.
    for told in &hooks.told {
        told.notify_one();
    }
    StatusCode::ACCEPTED.into_response()
}

fn is_signed(secret: &Secret, headers: &HeaderMap, body: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    let fits = |value: &[u8]| {
        let digits = value.strip_prefix(b"sha256=").unwrap_or(value);
        bytes_of_hex(digits).is_some_and(|signature| hmac::verify(&key, body, &signature).is_ok())
    };
    let is_hmac = SIGNATURES.iter().filter_map(|name| headers.get(*name)).any(|value| fits(value.as_bytes()));
    // Compared through a keyed digest, so that the time tells nothing about the secret.
    let expected = hmac::sign(&key, secret.expose());
    let is_token =
        headers.get(TOKEN).is_some_and(|token| hmac::verify(&key, token.as_bytes(), expected.as_ref()).is_ok());
    is_hmac || is_token
}

fn bytes_of_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = digits.chunks(2);
    pairs.map(|pair| Some(value(*pair.first()?)? << 4 | value(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    /// `printf '{"ref":"refs/heads/main"}' | openssl dgst -sha256 -hmac secret`.
    const BODY: &[u8] = br#"{"ref":"refs/heads/main"}"#;

    fn signed(name: &'static str, value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header"));
        is_signed(&Secret::new("secret"), &headers, BODY)
    }

    #[test]
    fn each_forge_is_believed_by_its_own_header_only() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let hex = crate::domain::digest::hex(hmac::sign(&key, BODY));
        let other = hex.replacen(&hex[..1], if hex.starts_with('0') { "1" } else { "0" }, 1);
        for (name, value, believed) in [
            ("x-hub-signature-256", format!("sha256={hex}"), true),
            ("x-gitea-signature", hex.clone(), true),
            ("x-forgejo-signature", hex.to_uppercase(), true),
            ("x-gitlab-token", "secret".to_owned(), true),
            ("x-hub-signature-256", format!("sha256={other}"), false),
            ("x-hub-signature-256", format!("sha1={hex}"), false),
            ("x-hub-signature-256", format!("sha256={}", &hex[..62]), false),
            ("x-hub-signature-256", format!("sha256={}", &hex[..63]), false),
            ("x-hub-signature-256", String::new(), false),
            ("x-gitea-signature", "secret".to_owned(), false),
            ("x-gitlab-token", "Secret".to_owned(), false),
            ("x-gitlab-token", String::new(), false),
            ("x-gitlab-token", hex.clone(), false),
            ("x-other", hex.clone(), false),
        ] {
            assert_eq!(signed(name, &value), believed, "{name}: {value}");
        }
    }

    #[test]
    fn an_empty_secret_is_none() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for (content, usable) in [("", false), ("\n", false), ("secret\n", true), ("secret", true)] {
            std::fs::write(file.path(), content).expect("written");
            assert_eq!(read_secret(file.path()).is_ok(), usable, "{content:?}");
        }
        assert!(read_secret(file.path()).is_ok_and(|secret| secret.expose() == b"secret"));
    }
}
