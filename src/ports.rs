//! The few traits through which the core reaches the world. Adapters implement them; only `cli` picks which.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use serde::{Deserialize, Serialize};

use crate::domain::names::{TopicName, UserName};
use crate::domain::observed::{Interest, ObservedState, TopicEvidence};
use crate::domain::operation::{Operation, Passwords};
use crate::domain::resource::ResourceId;
use crate::domain::rule::{RuleGroup, RuleGroupId};
use crate::domain::secret::Secret;
use crate::domain::snapshot::Snapshot;
use crate::domain::user::ScramMechanism;

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

/// One branch of a remote config repository, mirrored on this machine: what an agent follows.
pub trait SourceMirror: Send + Sync {
    /// Learns what the remote's branch holds, and returns the full id of its head. A mirror that is damaged is made anew.
    fn fetch(&self) -> Result<String, SourceError>;

    /// Reads all files of that commit below the configured directory.
    fn snapshot(&self, revision: &str) -> Result<Snapshot, SourceError>;

    /// Says whether `newer` is `older` or descends from it. An `older` that nobody has any more is no ancestor.
    fn descends(&self, newer: &str, older: &str) -> Result<bool, SourceError>;
}

/// The branch `driftless/ENV`: what the agent wrote back.
pub trait ReportBranch: Send + Sync {
    /// Reads the branch's files below `prefix` (all with ""), path to bytes; empty when there is no branch yet.
    fn read(&self, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, SourceError>;

    /// Writes the given files over what the branch holds and commits, without a work tree, when that changes anything.
    /// Returns the new commit id, or `None` when there was nothing to commit.
    fn commit(&self, change: &BranchChange) -> Result<Option<String>, SourceError>;

    /// Learns where the branch is at the remote. Does nothing where there is none.
    fn fetch(&self) -> Result<(), SourceError> {
        Ok(())
    }

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
    /// Today, in UTC: the day that approvals and exceptions are looked at.
    fn today(&self) -> jiff::civil::Date {
        self.now().to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    /// Waits.
    fn sleep(&self, duration: std::time::Duration) -> futures::future::BoxFuture<'_, ()>;
}

/// Why driftless' own directory on this machine could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StateError {
    /// What went wrong, with the path.
    pub message: String,
    /// What the person can do.
    pub hint: Option<String>,
    /// The cause.
    #[source]
    pub source: Option<std::io::Error>,
}

/// What is remembered of one credential's password. Whatever it says is about the password that was last *written from
/// here*: Kafka never tells which password a credential holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordKnowledge {
    /// It is the password that was last written.
    Verified,
    /// Another password was last written.
    Changed,
    /// Nothing is known: it was never written from here, or the memory was lost.
    Unknown,
}

/// A credential that a password belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CredentialId {
    /// The user.
    pub user: UserName,
    /// The mechanism.
    pub mechanism: ScramMechanism,
    /// PBKDF2 iterations. Another count is another credential: its password is not known.
    pub iterations: i32,
}

/// Remembers which passwords were last written to one cluster, without holding them. Losing it costs one rewrite.
pub trait PasswordMemory: Send + Sync {
    /// Says whether `password` is the one that was last written.
    fn verify(&self, credential: &CredentialId, password: &Secret) -> PasswordKnowledge;

    /// Remembers passwords that the cluster accepted. All of them are stored when this returns `Ok`.
    fn record(&self, written: &[(CredentialId, Secret)]) -> Result<(), StateError>;

    /// Forgets a user's passwords, because the credential was deleted or a write may or may not have landed.
    fn forget(&self, users: &BTreeSet<UserName>) -> Result<(), StateError>;
}

/// How far one action came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalPhase {
    /// It is about to be sent; whether it landed is not known.
    Intended,
    /// The cluster accepted it.
    Done,
    /// The cluster refused it, or nothing is known of its result.
    Failed,
}

/// One line of the journal: an action, and how far it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JournalEntry {
    /// The action's id.
    pub action_id: String,
    /// The resource.
    pub resource: ResourceId,
    /// What is written, by the plan's field paths; `None` unsets. Never a secret.
    pub fields: BTreeMap<String, Option<String>>,
    /// How far it came.
    pub phase: JournalPhase,
    /// Kafka's id of the topic, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<uuid::Uuid>,
}

/// Which plan a run of the journal belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JournalRun {
    /// The plan's id.
    pub plan_id: String,
    /// The environment.
    pub environment: String,
    /// Kafka's cluster id.
    pub cluster_id: String,
}

/// What the journal holds: everything since it was last cleared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalContents {
    /// The runs, oldest first, each with its entries in the order in which they were written. Of several entries for one
    /// action in a run the last one counts.
    pub runs: Vec<(JournalRun, Vec<JournalEntry>)>,
}

/// What an apply to one cluster did and has not yet put into the inventory: it outlives a kill. Every method that
/// writes returns only when the disk has it.
pub trait Journal: Send + Sync {
    /// Reads everything. A last line that was cut off by a crash is left out.
    fn read(&self) -> Result<JournalContents, StateError>;

    /// Starts a run.
    fn begin(&self, run: &JournalRun) -> Result<(), StateError>;

    /// Notes a batch before it is sent.
    fn before(&self, batch: &[JournalEntry]) -> Result<(), StateError>;

    /// Notes a batch's results.
    fn after(&self, batch: &[JournalEntry]) -> Result<(), StateError>;

    /// Empties the journal, once the inventory holds what it says.
    fn clear(&self) -> Result<(), StateError>;
}

/// What an agent remembers of its environment on its own machine, where nobody who may write to git can change it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentRecord {
    /// The id of the cluster at first contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// The revision that this agent last applied without a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_applied_revision: Option<String>,
}

/// Keeps the [`AgentRecord`].
pub trait AgentMemory: Send + Sync {
    /// Reads it; empty when there is none yet. One that cannot be understood is an error, never an empty one.
    fn read(&self) -> Result<AgentRecord, StateError>;

    /// Replaces it, durably.
    fn write(&self, record: &AgentRecord) -> Result<(), StateError>;
}

/// driftless' own directory on this machine.
pub trait LocalState: Send + Sync {
    /// Opens the part that belongs to one environment on one cluster.
    fn open(&self, environment: &str, cluster_id: &str) -> Result<Box<dyn LocalClusterState>, StateError>;
}

/// What this machine remembers of one environment on one cluster. Losing it is never dangerous.
pub trait LocalClusterState: Send + Sync {
    /// Makes sure that only one apply at a time writes to this cluster from here, until the returned value is dropped.
    fn lock(&self) -> Result<Box<dyn Send>, StateError>;

    /// The journal.
    fn journal(&self) -> &dyn Journal;

    /// The memory of passwords.
    fn passwords(&self) -> &dyn PasswordMemory;
}
