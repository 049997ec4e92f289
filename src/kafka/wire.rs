//! Small conversions between our values and those of the wire.

use kafka_protocol::protocol::StrBytes;

use crate::domain::names::TopicName;
use crate::domain::user::ScramMechanism;

/// Kafka's `ConfigResource.Type.TOPIC`.
pub(super) const RESOURCE_TOPIC: i8 = 2;

/// Kafka's `ConfigResource.Type.BROKER`.
pub(super) const RESOURCE_BROKER: i8 = 4;

pub(super) fn text(raw: &str) -> StrBytes {
    StrBytes::from_string(raw.to_owned())
}

pub(super) fn topic(name: &TopicName) -> kafka_protocol::messages::TopicName {
    text(name.as_str()).into()
}

/// Reads a mechanism's id (KIP-554).
pub(super) fn scram_mechanism(id: i8) -> Option<ScramMechanism> {
    match id {
        1 => Some(ScramMechanism::Sha256),
        2 => Some(ScramMechanism::Sha512),
        _ => None,
    }
}

/// Returns a mechanism's id (KIP-554).
pub(super) fn scram_mechanism_id(mechanism: ScramMechanism) -> i8 {
    match mechanism {
        ScramMechanism::Sha256 => 1,
        ScramMechanism::Sha512 => 2,
    }
}
