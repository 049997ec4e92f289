//! A GitHub app: its private key signs a short-lived token of its own, with which it asks for one of its installation.
//!
//! docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App" and "Authenticating as a GitHub App installation".

use std::path::PathBuf;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::header::AUTHORIZATION;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::credential;
use super::http::Http;
use super::request::Request;
use super::{Secret, unusable};
use crate::ports::{ForgeError, ForgeErrorKind};

/// GitHub wants at most ten minutes; a minute in the past allows for clocks that differ.
const BACKDATED: i64 = 60;
const LIFETIME: i64 = 9 * 60;
/// A token is not used in its last minutes: the request could arrive too late.
const SPARE: i64 = 5 * 60;

pub(super) struct App {
    id: String,
    installation: Option<u64>,
    key_file: PathBuf,
    /// One at a time asks for a new token; it lives an hour.
    token: tokio::sync::Mutex<Option<InstallationToken>>,
}

struct InstallationToken {
    token: Secret,
    /// Seconds since 1970.
    expires: i64,
}

#[derive(Serialize)]
struct Claims<'a> {
    iat: i64,
    exp: i64,
    iss: &'a str,
}

#[derive(Deserialize)]
struct RawToken {
    token: String,
    /// RFC 3339.
    expires_at: String,
}

#[derive(Deserialize)]
struct RawInstallation {
    id: u64,
}

#[derive(Deserialize)]
struct RawApp {
    slug: String,
}

impl App {
    pub(super) fn new(id: String, installation: Option<u64>, key_file: PathBuf) -> Self {
        Self { id, installation, key_file, token: tokio::sync::Mutex::default() }
    }

    /// Returns a token of the installation for this repository only, asking for a new one when the last is about to end.
    pub(super) async fn token(&self, http: &Http) -> Result<Secret, ForgeError> {
        let mut held = self.token.lock().await;
        let now = jiff::Timestamp::now().as_second();
        if let Some(last) = held.as_ref().filter(|last| last.expires - SPARE > now) {
            return Ok(last.token.clone());
        }
        let [owner, name] = http.repository.0.as_slice() else {
            return Err(unusable("the repository has no owner".to_owned(), "Write it as `owner/name`."));
        };
        let installation = match self.installation {
            Some(id) => id,
            None => {
                let request = Request::get(&["repos", owner, name, "installation"]);
                self.ask::<RawInstallation>(http, now, &request).await?.id
            }
        };
        let path = ["app", "installations", &installation.to_string(), "access_tokens"];
        let raw: RawToken = self.ask(http, now, &Request::post(&path, json!({"repositories": [name]}))).await?;
        let token = Secret::new(raw.token);
        // A time that cannot be read means that the token is used once, and a new one asked for the next time.
        let expires = raw.expires_at.parse::<jiff::Timestamp>().map_or(now, jiff::Timestamp::as_second);
        *held = Some(InstallationToken { token: token.clone(), expires });
        Ok(token)
    }

    async fn ask<T: DeserializeOwned>(&self, http: &Http, now: i64, request: &Request) -> Result<T, ForgeError> {
        let proof = self.proof(now)?;
        http.exchange(request, (AUTHORIZATION, credential::sensitive("Bearer ", &proof)?), &proof).await
    }

    /// Forgets the token: it was refused.
    pub(super) async fn forget(&self) {
        *self.token.lock().await = None;
    }

    /// Returns the name under which the app writes.
    pub(super) async fn login(&self, http: &Http) -> Result<String, ForgeError> {
        let app: RawApp = self.ask(http, jiff::Timestamp::now().as_second(), &Request::get(&["app"])).await?;
        Ok(format!("{}[bot]", app.slug))
    }

    fn proof(&self, now: i64) -> Result<Secret, ForgeError> {
        let key = credential::read(&self.key_file, "private key")?;
        // The cause is left out: it could say something about the key.
        let unusable = |_| ForgeError {
            message: format!("`{}` holds no RSA private key in PEM form", self.key_file.display()),
            kind: ForgeErrorKind::Authentication,
            hint: Some("Download a key from the settings of the GitHub app.".to_owned()),
        };
        let encoding = EncodingKey::from_rsa_pem(key.expose()).map_err(unusable)?;
        let claims = Claims { iat: now - BACKDATED, exp: now + LIFETIME, iss: &self.id };
        encode(&Header::new(Algorithm::RS256), &claims, &encoding).map(Secret::new).map_err(unusable)
    }
}
