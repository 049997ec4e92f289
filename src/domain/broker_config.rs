//! Dynamic broker configs: cluster-wide defaults and single brokers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which brokers a dynamic config holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BrokerConfigScope {
    /// All brokers (Kafka's BROKER resource with an empty name).
    Default,
    /// One broker, by its id.
    Broker(i32),
}

impl fmt::Display for BrokerConfigScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::Broker(id) => write!(formatter, "{id}"),
        }
    }
}

impl BrokerConfigScope {
    /// Reads what `Display` writes.
    pub fn parse(raw: &str) -> Option<Self> {
        if raw == "default" { Some(Self::Default) } else { raw.parse().ok().map(Self::Broker) }
    }
}
