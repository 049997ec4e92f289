//! Connections: how many there may be, how long each may take, and how they end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use openssl::ssl::Ssl;
use openssl::x509::X509VerifyResult;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_openssl::SslStream;

use super::login::Peer;
use super::tls::Certificates;

/// More wait in the system's queue.
const MOST_CONNECTIONS: u32 = 64;
const MOST_HEADERS: usize = 64;
/// The request line and the headers together, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// The time for the TLS handshake, for a request's headers, and between two requests of a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time for all requests of a connection: who reads slowly gives the place to others.
const LONGEST_CONNECTION: Duration = Duration::from_secs(120);
/// The time for answers in flight when the process is to end.
const GRACE: Duration = Duration::from_secs(5);

/// Answers until the process is to end.
pub(super) async fn answer(
    listener: TcpListener,
    mut certificates: Option<Certificates>,
    router: Router,
    mut ended: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS as usize));
    loop {
        let accepted = tokio::select! {
            biased;
            // A sender that is gone can ask for nothing any more.
            _ = ended.wait_for(|ended| *ended) => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, slot)) = accepted else { continue };
        let session = match certificates.as_mut().map(Certificates::session).transpose() {
            Ok(session) => session,
            Err(error) => {
                tracing::error!(problem = %error, "OpenSSL starts no session");
                continue;
            }
        };
        let (router, ended) = (router.clone(), ended.clone());
        tokio::spawn(async move {
            let outcome = timeout(LONGEST_CONNECTION, serve(stream, session, router, ended)).await;
            if let Ok(Err(problem)) = outcome {
                tracing::debug!(%problem, "a connection ended badly");
            }
            drop(slot);
        });
    }
    // Whoever is still there after that is cut off.
    let _ = timeout(GRACE, slots.acquire_many(MOST_CONNECTIONS)).await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    // It is closed by nobody.
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            // Too many open files, mostly; or the other end was gone at once.
            tracing::warn!(problem = %error, "a connection could not be taken");
            tokio::time::sleep(Duration::from_millis(200)).await;
            None
        }
    }
}

async fn serve(
    stream: TcpStream,
    session: Option<Ssl>,
    router: Router,
    ended: watch::Receiver<bool>,
) -> Result<(), String> {
    let Some(session) = session else { return converse(stream, router, false, ended).await };
    let mut stream = SslStream::new(session, stream).map_err(|error| error.to_string())?;
    match timeout(PATIENCE, Pin::new(&mut stream).accept()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(format!("TLS: {error}")),
        Err(_) => return Err("TLS: no handshake in time".to_owned()),
    }
    let is_certified =
        stream.ssl().peer_certificate().is_some() && stream.ssl().verify_result() == X509VerifyResult::OK;
    converse(stream, router, is_certified, ended).await
}

async fn converse<S>(
    stream: S,
    router: Router,
    is_certified: bool,
    mut ended: watch::Receiver<bool>,
) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = TowerToHyperService::new(router.layer(Extension(Peer { is_certified })));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.max_headers(MOST_HEADERS).max_buf_size(LONGEST_HEAD);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        outcome = connection.as_mut() => return outcome.map_err(|error| error.to_string()),
        _ = ended.wait_for(|ended| *ended) => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await.map_err(|error| error.to_string())
}
