//! Users that hold SCRAM credentials.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::names::UserName;

/// A SCRAM mechanism of Kafka (wire ids 1 and 2, KIP-554).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    Sha256,
    /// SCRAM-SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    Sha512,
}

impl ScramMechanism {
    /// All mechanisms.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// Returns the name on the wire and in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// Reads the name.
    pub fn parse(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.as_str() == raw)
    }
}

impl fmt::Display for ScramMechanism {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The iteration counts that Kafka accepts, both ends included (Kafka: `metadata/.../ScramControlManager.java`).
pub const SCRAM_ITERATIONS: std::ops::RangeInclusive<i32> = 4096..=16384;

/// The annotation of a `KafkaUser` that names the mechanisms of its credentials, with commas between them.
pub const MECHANISMS_ANNOTATION: &str = "driftless.dev/scram-mechanisms";

/// The annotation of a `KafkaUser` with one iteration count for all mechanisms, or `SCRAM-SHA-256=4096,SCRAM-SHA-512=8192`.
pub const ITERATIONS_ANNOTATION: &str = "driftless.dev/scram-iterations";

/// Where a password is to be had: a secret's name and a key in it. Never the value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SecretReference {
    /// Name of the secret.
    pub name: String,
    /// Key inside the secret.
    pub key: String,
}

impl fmt::Display for SecretReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.name, self.key)
    }
}

/// A user with SCRAM credentials as manifests declare it. Users of TLS have no object in Kafka, and so none here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The SCRAM user name.
    pub name: UserName,
    /// Mechanisms with their iteration counts; not empty.
    pub credentials: BTreeMap<ScramMechanism, i32>,
    /// Where the password comes from.
    pub password: SecretReference,
}
