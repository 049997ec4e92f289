//! A Kafka cluster.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::domain::names::TopicName;
use crate::domain::observed::{Interest, ObservedState, TopicEvidence};
use crate::domain::operation::{Operation, Passwords};

/// Why the cluster as a whole could not be used. Problems of single resources are [`ResourceError`]s.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ClusterError {
    /// What went wrong, as a lowercase fragment with the addresses involved.
    pub message: String,
    /// Which kind of failure it is: the pass maps it to a condition and to when to try again.
    pub kind: ClusterErrorKind,
    /// What the person can do.
    pub hint: Option<String>,
}

/// Kinds of cluster failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterErrorKind {
    /// Nobody answers, or not in time. Worth another try.
    Unreachable,
    /// The cluster refuses the credentials or the TLS hand-shake.
    Authentication,
    /// The settings are wrong; nothing was tried.
    Settings,
    /// The answer makes no sense, or the version is not one that driftless speaks.
    Protocol,
    /// The adapter may only read.
    ReadOnly,
}

/// Why one resource's operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ResourceError {
    /// Kafka's name of the error, such as `INVALID_CONFIG`; or `TIMED_OUT`, `NOT_SENT`, `SECRET_MISSING` of our own.
    pub code: String,
    /// The broker's own words, or ours.
    pub message: String,
    /// Whether it is known that nothing was changed. After a time-out or a lost connection it is not.
    pub unchanged: bool,
}

/// What the broker said when it was asked to check an operation without doing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryRun {
    /// The broker would accept it.
    Accepted,
    /// The broker would refuse it.
    Refused(ResourceError),
    /// Kafka has no dry run for this kind of operation, or it could not be asked; with the reason.
    NotChecked(String),
}

/// What an adapter may do with its cluster. A second wall behind the one in the commands: a plan cannot write by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads and dry runs only; every write is answered with `READ_ONLY`.
    ReadOnly,
    /// Everything.
    ReadWrite,
}

/// A Kafka cluster: the real one, the directory cluster, or recorded state.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Reads the live state. Fails only when nothing useful can be said; parts that cannot be read are unknown in it.
    async fn observe(&self, interest: &Interest) -> Result<ObservedState, ClusterError>;

    /// Reads what can be told of topics before something irreversible. Topics without an entry are not known.
    async fn evidence(&self, topics: &BTreeSet<TopicName>) -> Result<BTreeMap<TopicName, TopicEvidence>, ClusterError>;

    /// Asks the broker whether it would accept each operation; changes nothing. One answer per operation, in order.
    /// Operations may be of any kinds, and as many as a plan holds.
    async fn dry_run(&self, operations: &[Operation]) -> Result<Vec<DryRun>, ClusterError>;

    /// Performs one batch: operations of one kind, on different resources, within the bounds of
    /// [`crate::domain::operation`]. One result per operation, in order; never fails as a whole, because then too each
    /// resource needs its result.
    async fn perform(&self, batch: &[Operation], passwords: &Passwords) -> Vec<Result<(), ResourceError>>;
}
