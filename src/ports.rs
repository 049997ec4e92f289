//! The few traits through which the core reaches the world. Adapters implement them; only `cli` picks which.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::domain::names::TopicName;
use crate::domain::observed::{Interest, ObservedState, TopicEvidence};
use crate::domain::operation::{Operation, Passwords};
use crate::domain::rule::{RuleGroup, RuleGroupId};
use crate::domain::snapshot::Snapshot;

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

/// Why the rule store could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RuleStoreError {
    /// What went wrong.
    pub message: String,
    /// What the person can do.
    pub hint: Option<String>,
}

/// Where alert rules live: a directory that Prometheus loads.
#[async_trait]
pub trait RuleStore: Send + Sync {
    /// Reads every namespace that driftless wrote (files with its marker); files of others are not touched or shown.
    async fn observe(&self) -> Result<BTreeMap<RuleGroupId, RuleGroup>, RuleStoreError>;

    /// Replaces the groups of one namespace, and returns when Prometheus has loaded them. An empty map removes the
    /// namespace. When Prometheus refuses, what was there before is put back, and the error says why.
    async fn replace(&self, namespace: &str, groups: &BTreeMap<String, RuleGroup>) -> Result<(), RuleStoreError>;
}

/// Why the source or the report branch could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What went wrong.
    pub message: String,
    /// What the person can do.
    pub hint: Option<String>,
}

/// Where the config repository comes from.
pub trait Source: Send + Sync {
    /// Reads all files: of the work tree, or of a revision.
    fn snapshot(&self) -> Result<Snapshot, SourceError>;
}

/// The branch `driftless/ENV`: what the agent wrote back.
pub trait ReportBranch: Send + Sync {
    /// Reads the branch's files below `prefix` (all with ""), path to bytes; empty when there is no branch yet.
    fn read(&self, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, SourceError>;

    /// Writes the given files over what the branch holds and commits, without a work tree, when that changes anything.
    /// Returns the new commit id, or `None` when there was nothing to commit.
    fn commit(&self, change: &BranchChange) -> Result<Option<String>, SourceError>;

    /// Pushes the branch; on rejection fetches, writes `change` again on top, and retries.
    fn push(&self, change: &BranchChange) -> Result<(), SourceError>;
}

/// One change of the report branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchChange {
    /// Files to write, path to bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Directories that hold only what `files` says: anything else below them is removed.
    pub exact_directories: Vec<String>,
    /// The commit's subject and trailers.
    pub message: String,
    /// Seconds since 1970 for author and committer.
    pub timestamp: i64,
}

/// The only source of time for the core.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> jiff::Timestamp;
    /// Waits.
    fn sleep(&self, duration: std::time::Duration) -> futures::future::BoxFuture<'_, ()>;
}
