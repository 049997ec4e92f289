//! Client quotas: entities and limits.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One part of an entity: a name, or Kafka's default entity of that type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum QuotaName {
    /// Kafka's default entity, written `<default>`.
    Default,
    /// A name, raw as the Kafka API takes it.
    Named(String),
}

impl QuotaName {
    /// Reads a name of a manifest, where `<default>` is the default entity.
    pub fn parse(raw: &str) -> Self {
        if raw == "<default>" { Self::Default } else { Self::Named(raw.to_owned()) }
    }

    /// Returns the name as manifests write it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Default => "<default>",
            Self::Named(name) => name,
        }
    }
}

/// Whom a quota limits (KIP-546): a user, a client id, both together, or an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum QuotaEntity {
    /// Every client of one user.
    User(QuotaName),
    /// Every connection with one client id.
    ClientId(QuotaName),
    /// One client id of one user.
    UserClientId(QuotaName, QuotaName),
    /// Connections from one address.
    Ip(QuotaName),
}

impl fmt::Display for QuotaEntity {
    /// Writes the entity as action ids do: `user=alice,client-id=etl`. `%`, `/`, `,` and `=` inside names are percent-encoded.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = |name: &QuotaName| {
            name.as_str().replace('%', "%25").replace('/', "%2F").replace(',', "%2C").replace('=', "%3D")
        };
        match self {
            Self::User(user) => write!(formatter, "user={}", encode(user)),
            Self::ClientId(client) => write!(formatter, "client-id={}", encode(client)),
            Self::UserClientId(user, client) => write!(formatter, "user={},client-id={}", encode(user), encode(client)),
            Self::Ip(ip) => write!(formatter, "ip={}", encode(ip)),
        }
    }
}

impl QuotaEntity {
    /// Reads what `Display` writes.
    pub fn parse(raw: &str) -> Option<Self> {
        let decode = |part: &str| {
            QuotaName::parse(&part.replace("%3D", "=").replace("%2C", ",").replace("%2F", "/").replace("%25", "%"))
        };
        let parts: Vec<(&str, &str)> = raw.split(',').map(|part| part.split_once('=')).collect::<Option<_>>()?;
        match parts.as_slice() {
            [("user", user)] => Some(Self::User(decode(user))),
            [("client-id", client)] => Some(Self::ClientId(decode(client))),
            [("user", user), ("client-id", client)] => Some(Self::UserClientId(decode(user), decode(client))),
            [("ip", ip)] => Some(Self::Ip(decode(ip))),
            _ => None,
        }
    }

    /// Returns the limits that Kafka knows for this kind of entity.
    pub fn keys(&self) -> &'static [QuotaKey] {
        match self {
            Self::User(_) | Self::ClientId(_) | Self::UserClientId(..) => &[
                QuotaKey::ProducerByteRate,
                QuotaKey::ConsumerByteRate,
                QuotaKey::RequestPercentage,
                QuotaKey::ControllerMutationRate,
            ],
            Self::Ip(_) => &[QuotaKey::ConnectionCreationRate],
        }
    }
}

/// A limit (Kafka: `server-common/.../config/QuotaConfig.java`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum QuotaKey {
    /// Bytes per second that each broker accepts; a whole number.
    #[serde(rename = "producer_byte_rate")]
    ProducerByteRate,
    /// Bytes per second that each broker sends; a whole number.
    #[serde(rename = "consumer_byte_rate")]
    ConsumerByteRate,
    /// Percent of a broker's request threads.
    #[serde(rename = "request_percentage")]
    RequestPercentage,
    /// Partition mutations per second that the controller accepts.
    #[serde(rename = "controller_mutation_rate")]
    ControllerMutationRate,
    /// New connections per second from an address; a whole number.
    #[serde(rename = "connection_creation_rate")]
    ConnectionCreationRate,
}

impl QuotaKey {
    /// Every limit.
    pub const ALL: [Self; 5] = [
        Self::ProducerByteRate,
        Self::ConsumerByteRate,
        Self::RequestPercentage,
        Self::ControllerMutationRate,
        Self::ConnectionCreationRate,
    ];

    /// Returns Kafka's key on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProducerByteRate => "producer_byte_rate",
            Self::ConsumerByteRate => "consumer_byte_rate",
            Self::RequestPercentage => "request_percentage",
            Self::ControllerMutationRate => "controller_mutation_rate",
            Self::ConnectionCreationRate => "connection_creation_rate",
        }
    }

    /// Returns the key of manifests.
    pub fn manifest_key(self) -> &'static str {
        match self {
            Self::ProducerByteRate => "producerByteRate",
            Self::ConsumerByteRate => "consumerByteRate",
            Self::RequestPercentage => "requestPercentage",
            Self::ControllerMutationRate => "controllerMutationRate",
            Self::ConnectionCreationRate => "connectionCreationRate",
        }
    }

    /// Reads Kafka's key; `None` for limits of other vendors.
    pub fn parse(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.as_str() == raw)
    }
}

impl fmt::Display for QuotaKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The limits of one entity. Kafka carries all of them as 64-bit floating point numbers, and compares them so.
pub type QuotaValues = BTreeMap<QuotaKey, f64>;

/// Writes a limit as text: whole numbers without a fraction.
pub fn format_quota(value: f64) -> String {
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_survive_their_text() {
        let named = |name: &str| QuotaName::Named(name.into());
        for entity in [
            QuotaEntity::User(named("alice")),
            QuotaEntity::User(QuotaName::Default),
            QuotaEntity::ClientId(named("a,b=c/d%2F")),
            QuotaEntity::UserClientId(QuotaName::Default, named("x")),
            QuotaEntity::Ip(named("10.0.0.1")),
        ] {
            assert_eq!(QuotaEntity::parse(&entity.to_string()), Some(entity));
        }
        assert_eq!(QuotaEntity::parse("team=a"), None);
    }
}
