//! Where events and alerts go.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::event::Event;

/// Why something could not be delivered.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// What went wrong. Never holds a credential; an address only without its path, which may be one.
    pub message: String,
    /// Whether the same may succeed later.
    pub is_retryable: bool,
}

/// Takes events. May be slow or away: whoever calls it does so beside the passes.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// A word for metrics and logs.
    fn name(&self) -> &'static str;

    /// Delivers one event; it has arrived when this returns `Ok`. After an error it may have arrived, and is sent again with
    /// the same id.
    async fn deliver(&self, event: &Event) -> Result<(), SinkError>;
}

/// An alert, as Alertmanager knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The label `alertname`.
    pub name: &'static str,
    /// The label `environment`.
    pub environment: String,
    /// Since when it is so.
    pub starts_at: Timestamp,
    /// Until when it holds unless it is told again; in the past when it is over.
    pub ends_at: Timestamp,
    /// What is wrong, as a sentence.
    pub summary: String,
}

/// Takes alerts.
#[async_trait]
pub trait AlertSink: Send + Sync {
    /// Tells the state of these alerts.
    async fn tell(&self, alerts: &[Alert]) -> Result<(), SinkError>;
}
