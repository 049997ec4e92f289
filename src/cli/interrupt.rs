//! Ctrl-C: the first lets the batch in flight end, the second ends the process.

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
