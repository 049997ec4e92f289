//! The HTTP server: health, metrics, the status page, and what the last pass came to. It changes nothing.

mod answers;
mod connections;
mod login;
mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use login::Login;
use tls::Certificates;

use super::board::Board;
use crate::config::settings::HttpSettings;
use crate::ports::Clock;
use crate::report::page::STYLE;

/// The time for one request.
const LONGEST_REQUEST: Duration = Duration::from_secs(30);

/// How often a page may ask to be asked for again, in seconds.
const REFRESH: std::ops::RangeInclusive<u32> = 5..=3600;

/// What the server answers from.
#[derive(Clone)]
pub struct Server {
    /// What the passes came to.
    pub board: Arc<Board>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Who may come in: the login and the certificates of the settings.
pub struct Door {
    login: Login,
    certificates: Option<Certificates>,
}

impl Door {
    /// Reads the files that the settings name. The error says which of them cannot be used, and holds nothing of it.
    pub fn open(settings: &HttpSettings) -> Result<Self, String> {
        let login = Login::open(settings)?;
        let certificates = settings.tls.as_ref().map(Certificates::open).transpose()?;
        if settings.token_file.is_some() && certificates.is_none() && !settings.listen.ip().is_loopback() {
            tracing::warn!("the token and every answer go over the network as they are; `http.tls` encrypts them");
        }
        Ok(Self { login, certificates })
    }
}

/// Opens the port.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers until the process is to end.
pub async fn serve(listener: TcpListener, door: Door, server: Server, hooks: Router, ended: watch::Receiver<bool>) {
    let guarded = router(server)
        .merge(hooks)
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn_with_state(door.login, login::check));
    connections::answer(listener, door.certificates, guarded, ended).await;
}

/// Ends a request whose body does not come, or whose answer is not made.
async fn in_time(request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    match tokio::time::timeout(LONGEST_REQUEST, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => answers::problem(&uri, StatusCode::REQUEST_TIMEOUT, "the request took too long"),
    }
}

fn router(server: Server) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/healthz", get(|| async { answers::text(StatusCode::OK, "ok") }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/plan", get(plan))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .with_state(server)
}

/// Ready once the first pass has ended, whatever it came to: git or Kafka being down is no reason to restart an agent.
async fn ready(State(server): State<Server>) -> Response {
    if server.board.is_ready() {
        answers::text(StatusCode::OK, "ready")
    } else {
        answers::text(StatusCode::SERVICE_UNAVAILABLE, "the first pass has not ended yet")
    }
}

async fn metrics(State(server): State<Server>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], answers::UNSTORED, server.board.metrics.text()).into_response()
}

async fn page(State(server): State<Server>, uri: Uri) -> Response {
    let mut query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    // What makes no sense is as if it were not there: a page must come.
    let refresh: Option<u32> = query.find(|(key, _)| key == "refresh").and_then(|(_, text)| text.parse().ok());
    let refresh = refresh.filter(|seconds| REFRESH.contains(seconds));
    let html = server.board.page(server.clock.now(), refresh);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, content_security_policy()),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, answers::UNSTORED, html).into_response()
}

/// Allows the page its own stylesheet and its icon, and nothing else: no script, no form, no frame, nothing from elsewhere.
fn content_security_policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        use base64::Engine;
        let digest = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
        let hash = base64::engine::general_purpose::STANDARD.encode(digest);
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    })
}

async fn status(State(server): State<Server>, headers: HeaderMap) -> Response {
    answers::document(server.board.status(), &headers)
}

async fn plan(State(server): State<Server>, headers: HeaderMap) -> Response {
    answers::document(server.board.plan(), &headers)
}

async fn not_found(uri: Uri) -> Response {
    answers::problem(&uri, StatusCode::NOT_FOUND, "there is nothing here; the status page is at /")
}

async fn not_allowed(method: Method, uri: Uri) -> Response {
    let message = format!("{method} means nothing here; use GET");
    answers::problem(&uri, StatusCode::METHOD_NOT_ALLOWED, &message)
}
