//! The adapter for what goes through Kafka as records, and to whoever listens to HTTP: the lease of a consumer group,
//! events, alerts; and an agent's own status.
//!
//! librdkafka speaks the former; its settings come as properties in its own words (`kafka::properties` writes them).

mod agent_api;
mod group_lease;
mod kafka_events;
mod webhook;

use std::collections::BTreeMap;

pub use agent_api::{TlsAddress, agent_status, agent_status_over_tls};
pub use group_lease::{GroupLease, GroupLeaseSettings};
pub use kafka_events::KafkaEvents;
pub use webhook::{Alertmanager, Webhook, WebhookFormat};

use crate::domain::secret::Secret;

/// Reads librdkafka's properties; they may be others than before, when a password was renewed.
pub type ReadProperties = Box<dyn Fn() -> Result<BTreeMap<String, Secret>, String> + Send>;
