//! The client that all forges share: conditional requests, rate limits, bounded answers and times, retries of what may be
//! repeated, and no redirects, which could carry the credential elsewhere.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use reqwest::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, Method, Response, StatusCode, Url, redirect};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::answers::{LONGEST_WORDS, more, words};
use super::cache::{Cache, Kept};
use super::credential::Credential;
use super::request::Request;
use super::{ForgeKind, Repository, Secret, limits, unusable};
use crate::ports::{ForgeError, ForgeErrorKind};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(30);
/// A page of pull requests holds their descriptions, which others write: 100 with 65,536 characters, written as escapes.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;
const MOST_PAGES: usize = 200;
const MOST_TRIES: usize = 3;
/// A limit that ends sooner is waited for; the caller plans longer ones.
const SHORT_LIMIT: Duration = Duration::from_secs(5);

/// What the forge answered.
struct Answer {
    status: StatusCode,
    body: Arc<[u8]>,
    /// Whether it said that there is another page; `None` when it did not say.
    more: Option<bool>,
}

/// One forge, as one credential sees it.
pub(super) struct Http {
    client: Client,
    kind: ForgeKind,
    base: Url,
    pub(super) credential: Credential,
    pub(super) repository: Repository,
    cache: Mutex<Cache>,
    /// Until when the forge does not want to be asked.
    silent_until: Mutex<Option<Instant>>,
}

impl Http {
    pub(super) fn new(
        kind: ForgeKind,
        base: Url,
        credential: Credential,
        repository: Repository,
    ) -> Result<Self, ForgeError> {
        let is_loopback = matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("driftless/", env!("CARGO_PKG_VERSION")));
        if is_loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|cause| {
            let message = format!("failed to prepare for requests to the forge: {}", cause.without_url());
            unusable(message, "Check the certificates and the proxy of this machine.")
        })?;
        let (cache, silent_until) = Default::default();
        Ok(Self { client, kind, base, credential, repository, cache, silent_until })
    }

    /// Returns the address of the pages that people look at, without a slash at its end.
    pub(super) fn web(&self) -> String {
        let api = self.base.as_str().trim_end_matches('/');
        let api = api.strip_suffix("/api/v4").or_else(|| api.strip_suffix("/api/v1")).unwrap_or(api);
        api.to_owned()
    }

    /// Returns the token that requests carry now.
    pub(super) async fn token(&self) -> Result<Secret, ForgeError> {
        match (self.credential.token()?, self.credential.app()) {
            (Some(token), _) => Ok(token),
            (None, Some(app)) => app.token(self).await,
            (None, None) => Err(unusable("there is no credential for the forge".to_owned(), "Name a token.")),
        }
    }

    /// Sends a request and reads what comes back.
    pub(super) async fn json<T: DeserializeOwned>(&self, request: &Request) -> Result<T, ForgeError> {
        let answer = self.send(request).await?;
        self.parse(request, &answer)
    }

    /// As [`Self::json`], but with one of these answers there is nothing.
    pub(super) async fn json_unless<T: DeserializeOwned>(
        &self,
        request: &Request,
        nothing: &[StatusCode],
    ) -> Result<Option<T>, ForgeError> {
        match self.attempt(request).await {
            Ok(answer) => self.parse(request, &answer).map(Some),
            Err(failure) if failure.status.is_some_and(|status| nothing.contains(&status)) => Ok(None),
            Err(failure) => Err(failure.error),
        }
    }

    /// Sends a request of which nothing but its success is of interest.
    pub(super) async fn done(&self, request: &Request) -> Result<(), ForgeError> {
        self.send(request).await.map(drop)
    }

    /// Reads all pages of a list. `size` names the parameter of their length.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        request: &Request,
        size: &'static str,
        length: usize,
    ) -> Result<Vec<T>, ForgeError> {
        let mut all = Vec::new();
        let (mut length, mut page) = (length, 1_usize);
        for _ in 0..MOST_PAGES {
            let paged = request.clone().query(size, length).query("page", page);
            let answer = match self.attempt(&paged).await {
                Ok(answer) => answer,
                // One entry that somebody made huge must not hide the others: they are asked for one by one.
                Err(failure) if failure.too_long && length > 1 => {
                    (page, length) = ((page - 1) * length + 1, 1);
                    continue;
                }
                Err(failure) => return Err(failure.error),
            };
            let entries: Vec<T> = self.parse(&paged, &answer)?;
            let full = entries.len() >= length;
            all.extend(entries);
            if !answer.more.unwrap_or(full) {
                return Ok(all);
            }
            page += 1;
        }
        Err(self.error(request, ForgeErrorKind::Protocol, &format!("has more than {MOST_PAGES} pages")))
    }

    async fn send(&self, request: &Request) -> Result<Answer, ForgeError> {
        self.attempt(request).await.map_err(|failure| failure.error)
    }

    async fn attempt(&self, request: &Request) -> Result<Answer, Failure> {
        if !request.may_be_repeated {
            return self.once(request).await;
        }
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(300))
            .with_max_delay(Duration::from_secs(5))
            .with_max_times(MOST_TRIES - 1)
            .with_jitter();
        (|| self.once(request))
            .retry(pauses)
            .when(|failure: &Failure| match failure.error.kind {
                ForgeErrorKind::Unreachable => true,
                ForgeErrorKind::RateLimited(wait) => wait <= SHORT_LIMIT,
                ForgeErrorKind::Authentication | ForgeErrorKind::NotFound | ForgeErrorKind::Protocol => false,
            })
            .adjust(|failure, planned| match failure.error.kind {
                ForgeErrorKind::RateLimited(wait) => planned.map(|pause| pause.max(wait)),
                ForgeErrorKind::Unreachable
                | ForgeErrorKind::Authentication
                | ForgeErrorKind::NotFound
                | ForgeErrorKind::Protocol => planned,
            })
            .await
    }

    async fn once(&self, request: &Request) -> Result<Answer, Failure> {
        let token = self.token().await?;
        let answer = self.deliver(request, self.credential.header(&token)?, &token).await;
        let refused = answer
            .as_ref()
            .is_err_and(|failure| failure.status.is_some_and(|status| status == StatusCode::UNAUTHORIZED));
        if let (true, Some(app)) = (refused, self.credential.app()) {
            app.forget().await;
        }
        answer
    }

    /// Sends a request once with that header and reads what comes back. The secret is what must not stand in an error.
    pub(super) async fn exchange<T: DeserializeOwned>(
        &self,
        request: &Request,
        header: (HeaderName, HeaderValue),
        secret: &Secret,
    ) -> Result<T, ForgeError> {
        let answer = self.deliver(request, header, secret).await.map_err(|failure| failure.error)?;
        self.parse(request, &answer)
    }

    async fn deliver(
        &self,
        request: &Request,
        header: (HeaderName, HeaderValue),
        secret: &Secret,
    ) -> Result<Answer, Failure> {
        let silent_for = lock(&self.silent_until).map(|until| until.saturating_duration_since(Instant::now()));
        if let Some(wait) = silent_for.filter(|wait| !wait.is_zero()) {
            return Err(self.limited(request, wait).into());
        }
        let url = self.url(request);
        let kept = (request.method == Method::GET).then(|| lock(&self.cache).get(url.as_str())).flatten();
        let mut builder = self.client.request(request.method.clone(), url.clone()).header(header.0, header.1);
        for (name, value) in self.headers() {
            builder = builder.header(*name, *value);
        }
        if let Some(kept) = &kept {
            builder = builder.header(IF_NONE_MATCH, &kept.etag);
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let response = builder.send().await.map_err(|cause| self.unreachable(request, cause))?;
        let (status, headers) = (response.status(), response.headers().clone());
        self.note_limits(&headers);
        if let (StatusCode::NOT_MODIFIED, Some(kept)) = (status, kept) {
            return Ok(Answer { status, body: kept.body, more: kept.more });
        }
        let body = self.body(request, response).await?;
        if !status.is_success() {
            return Err(self.failure(request, status, &headers, &body, secret));
        }
        let answer = Answer { status, body: body.into(), more: more(&headers) };
        let etag = headers.get(ETAG).and_then(|etag| etag.to_str().ok());
        if let (Some(etag), true) = (etag, request.method == Method::GET) {
            let kept = Kept { etag: etag.to_owned(), body: Arc::clone(&answer.body), more: answer.more };
            lock(&self.cache).put(url.to_string(), kept);
        }
        Ok(answer)
    }

    /// Names and values that every request carries.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self.kind {
            ForgeKind::GitHub => &[("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")],
            ForgeKind::GitLab | ForgeKind::Gitea => &[("accept", "application/json")],
        }
    }

    fn url(&self, request: &Request) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        url
    }

    async fn body(&self, request: &Request, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|cause| self.unreachable(request, cause))? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                let words = format!("is longer than {} MiB", LONGEST_ANSWER / 1024 / 1024);
                let error = self.error(request, ForgeErrorKind::Protocol, &words);
                return Err(Failure { error, status: None, too_long: true });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn note_limits(&self, headers: &HeaderMap) {
        if let Some(wait) = limits::spent(headers, now()) {
            *lock(&self.silent_until) = Some(Instant::now() + wait);
        }
    }

    fn parse<T: DeserializeOwned>(&self, request: &Request, answer: &Answer) -> Result<T, ForgeError> {
        serde_json::from_slice(&answer.body).map_err(|cause| {
            let words = format!("is not what the API promises ({}): {cause}", answer.status.as_u16());
            self.error(request, ForgeErrorKind::Protocol, &words)
        })
    }

    fn failure(
        &self,
        request: &Request,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        secret: &Secret,
    ) -> Failure {
        let words = words(body, secret);
        if let Some(wait) = limits::refused(status, headers, &words, now()) {
            *lock(&self.silent_until) = Some(Instant::now() + wait);
            return Failure { error: self.limited(request, wait), status: Some(status), too_long: false };
        }
        let (kind, hint) = match status {
            StatusCode::UNAUTHORIZED => {
                (ForgeErrorKind::Authentication, "Give a token that is valid; its file is read again each time.")
            }
            StatusCode::FORBIDDEN => (
                ForgeErrorKind::Authentication,
                "The token may not do this: it needs to read pull requests, to comment, and to set commit statuses.",
            ),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                (ForgeErrorKind::NotFound, "Check the repository's name, and that the token may see it.")
            }
            StatusCode::REQUEST_TIMEOUT => (ForgeErrorKind::Unreachable, "It is tried again."),
            status if status.is_redirection() => {
                (ForgeErrorKind::Protocol, "The repository or the forge moved: give its new name or address.")
            }
            status if status.is_server_error() => (ForgeErrorKind::Unreachable, "It is tried again."),
            _ => (ForgeErrorKind::Protocol, "Check the kind of the forge and the address of its API."),
        };
        let mut error = self.error(request, kind, &format!("is {status}: {words}"));
        error.hint = Some(hint.to_owned());
        Failure { error, status: Some(status), too_long: false }
    }

    fn limited(&self, request: &Request, wait: Duration) -> ForgeError {
        let kind = ForgeErrorKind::RateLimited(wait);
        self.error(request, kind, &format!("is that it wants fewer requests, for {} s", wait.as_secs().max(1)))
    }

    fn unreachable(&self, request: &Request, cause: reqwest::Error) -> Failure {
        let what = if cause.is_timeout() { "did not come in time" } else { "did not come" };
        let mut words = cause.without_url().to_string();
        words.truncate(words.floor_char_boundary(LONGEST_WORDS));
        self.error(request, ForgeErrorKind::Unreachable, &format!("{what}: {words}")).into()
    }

    /// Makes an error. The address is shown without its query, and never holds a credential: see `api_url`.
    fn error(&self, request: &Request, kind: ForgeErrorKind, words: &str) -> ForgeError {
        let mut url = self.url(request);
        url.set_query(None);
        ForgeError { message: format!("the answer to `{} {url}` {words}", request.method), kind, hint: None }
    }
}

/// A failure with what the callers in this file need to know of it.
struct Failure {
    error: ForgeError,
    status: Option<StatusCode>,
    too_long: bool,
}

impl From<ForgeError> for Failure {
    fn from(error: ForgeError) -> Self {
        Self { error, status: None, too_long: false }
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
