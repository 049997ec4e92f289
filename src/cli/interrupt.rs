//! Ctrl-C: the first lets the batch in flight end, the second ends the process.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

use super::console::Console;
use super::exit::Exit;
use crate::apply::StopFlag;

/// Watches for Ctrl-C and a request to end. Needs a running tokio; watches until that ends.
pub(super) fn watch(console: &Console) -> StopFlag {
    let flag = StopFlag::default();
    let (watched, console) = (flag.clone(), console.clone());
    tokio::spawn(async move {
        while request_to_end().await {
            if watched.is_set() {
                // Everything that must outlive this was flushed before each batch was sent.
                std::process::exit(i32::from(Exit::Failed.code()));
            }
            watched.stop();
            console.note("Stopping after the batch in flight. Press Ctrl-C again to stop at once.");
        }
    });
    flag
}

/// Asks of the system to an agent: SIGTERM and Ctrl-C end it, SIGHUP lets it read its settings again.
pub(super) struct Shutdown {
    /// Whether it is to end.
    pub(super) ended: watch::Receiver<bool>,
    /// Somebody wants a pass now.
    pub(super) look: Arc<Notify>,
}

impl Shutdown {
    /// Watches as long as the running tokio.
    pub(super) fn watch(console: &Console) -> Self {
        let (sender, ended) = watch::channel(false);
        let (look, console) = (Arc::new(Notify::new()), console.clone());
        tokio::spawn(async move {
            while request_to_end().await {
                if sender.send_replace(true) {
                    // Everything that must outlive this was flushed before each batch was sent.
                    std::process::exit(i32::from(Exit::Failed.code()));
                }
                console.note("Ending after the batch in flight. The next request ends at once.");
            }
        });
        watch_hang_up(Arc::clone(&look));
        Self { ended, look }
    }
}

#[cfg(unix)]
fn watch_hang_up(look: Arc<Notify>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return };
    tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            look.notify_one();
        }
    });
}

#[cfg(not(unix))]
fn watch_hang_up(_look: Arc<Notify>) {}

/// Waits for one request; `false` when this system cannot tell.
#[cfg(unix)]
async fn request_to_end() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return tokio::signal::ctrl_c().await.is_ok() };
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome.is_ok(),
        received = terminate.recv() => received.is_some(),
    }
}

#[cfg(not(unix))]
async fn request_to_end() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}
