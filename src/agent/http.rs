//! The HTTP server: health, metrics, and what the last pass came to. It changes nothing and triggers nothing.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::metrics::Metrics;

/// What the server shows. A pass replaces it as a whole.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// `status.json` of the last pass.
    pub status: Option<String>,
    /// The plan of the last pass that came so far.
    pub plan: Option<String>,
}

/// What passes write and the server reads.
pub struct Board {
    /// The metrics.
    pub metrics: Metrics,
    view: Mutex<View>,
}

impl Board {
    /// Makes an empty board.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics, view: Mutex::new(View::default()) }
    }

    /// Shows a pass. A plan stays until another is made.
    pub fn show(&self, status: String, plan: Option<String>) {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        view.status = Some(status);
        if plan.is_some() {
            view.plan = plan;
        }
    }

    fn view(&self) -> View {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Opens the port. Only loopback: there is no login yet, and plans name what a cluster holds.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers until the process is to end.
pub async fn serve(listener: TcpListener, board: Arc<Board>, mut ended: watch::Receiver<bool>) {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/plan", get(plan))
        .with_state(board);
    let end = async move {
        // A sender that is gone can ask for nothing any more.
        let _ = ended.wait_for(|ended| *ended).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(end).await {
        tracing::error!(problem = %error, "the HTTP server ended");
    }
}

/// Ready once the first pass has ended, whatever it came to: git or Kafka being down is no reason to restart an agent.
async fn ready(State(board): State<Arc<Board>>) -> Response {
    match board.view().status {
        Some(_) => (StatusCode::OK, "ready\n").into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the first pass has not ended yet\n").into_response(),
    }
}

async fn metrics(State(board): State<Arc<Board>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], board.metrics.text()).into_response()
}

async fn status(State(board): State<Arc<Board>>) -> Response {
    document(board.view().status)
}

async fn plan(State(board): State<Arc<Board>>) -> Response {
    document(board.view().plan)
}

const JSON: [(HeaderName, &str); 2] =
    [(header::CONTENT_TYPE, "application/json"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];

fn document(text: Option<String>) -> Response {
    match text {
        Some(text) => (JSON, text).into_response(),
        None => (StatusCode::NOT_FOUND, JSON, "{\"error\": \"no pass came so far yet\"}\n").into_response(),
    }
}
