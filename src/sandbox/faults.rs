//! Faults on demand: what tests and the demo let a directory cluster do wrong.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::operation::{Operation, OperationKind};
use crate::domain::resource::{ResourceId, ResourceKind};

/// The file of a directory cluster that holds its [`Faults`], for tests that run the program as a process.
pub const FAULTS_FILE: &str = "faults.yaml";

/// What goes wrong. Nothing does by default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Faults {
    /// Kinds that the principal may not read: they are unknown in what is observed, topics asked for by name included.
    pub denied_reads: BTreeSet<ResourceKind>,
    /// Kinds that the principal may not change: writes fail with Kafka's authorization errors.
    pub denied_writes: BTreeSet<ResourceKind>,
    /// Operations that are refused, and changed nothing.
    pub refuse: Vec<Refusal>,
    /// Operations that are done, and answered with `TIMED_OUT`.
    pub time_out_after_write: Vec<Matching>,
    /// In every batch, only this many operations are done; then the connection is lost, and the rest was not.
    pub lose_connection_after: Option<usize>,
    /// How many reads after each write show the state before it.
    pub stale_reads: usize,
    /// Nobody answers at all.
    pub unreachable: bool,
    /// How long every batch takes, in milliseconds.
    pub delay_ms: u64,
}

/// Operations that are refused, with which error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    /// Which operations.
    #[serde(default)]
    pub matching: Matching,
    /// Kafka's name of the error.
    pub code: String,
    /// The broker's words.
    pub message: String,
    /// How often; absent for always. Counted in each process.
    #[serde(default)]
    pub times: Option<usize>,
}

/// Picks operations; what is absent matches all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Matching {
    /// The kind of operation.
    pub operation: Option<OperationName>,
    /// The resource, as in action ids: `topic/orders`.
    pub resource: Option<ResourceId>,
}

impl Matching {
    /// Picks every operation of a kind.
    pub fn kind(kind: OperationKind) -> Self {
        Self { operation: Some(OperationName(kind)), resource: None }
    }

    /// Picks every operation on a resource.
    pub fn resource(resource: ResourceId) -> Self {
        Self { operation: None, resource: Some(resource) }
    }

    /// Says whether an operation is picked.
    pub fn matches(&self, operation: &Operation) -> bool {
        self.operation.is_none_or(|name| name.0 == operation.kind())
            && self.resource.as_ref().is_none_or(|resource| *resource == operation.resource())
    }
}

/// A kind of operation by its name in files, such as `create-topic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationName(pub OperationKind);

impl OperationName {
    fn as_str(self) -> &'static str {
        match self.0 {
            OperationKind::CreateTopic => "create-topic",
            OperationKind::AddPartitions => "add-partitions",
            OperationKind::AlterTopicConfig => "alter-topic-config",
            OperationKind::UpsertScram => "upsert-scram",
            OperationKind::CreateAcl => "create-acl",
            OperationKind::AlterQuota => "alter-quota",
            OperationKind::AlterBrokerConfig => "alter-broker-config",
            OperationKind::DeleteAcl => "delete-acl",
            OperationKind::DeleteScram => "delete-scram",
            OperationKind::DeleteTopic => "delete-topic",
        }
    }
}

impl fmt::Display for OperationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for OperationName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for OperationName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = String::deserialize(deserializer)?;
        OperationKind::ALL
            .into_iter()
            .map(Self)
            .find(|name| name.as_str() == raw)
            .ok_or_else(|| serde::de::Error::custom(format!("`{raw}` is no kind of operation")))
    }
}
