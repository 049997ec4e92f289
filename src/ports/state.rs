//! driftless' own directory on this machine.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::drift_memory::DriftMemory;
use crate::domain::names::UserName;
use crate::domain::resource::ResourceId;
use crate::domain::secret::Secret;
use crate::domain::user::ScramMechanism;

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
    /// Digest of the inventory on the report branch when the run began. When the branch has another one by now, another agent
    /// may have gone on, and what this run did may not be what was last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<String>,
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

    /// Reads what earlier checks saw of drift; empty when there is nothing, or nothing that can be understood.
    fn drift(&self) -> DriftMemory;

    /// Replaces what [`AgentMemory::drift`] reads. Does nothing when it is that already.
    fn remember_drift(&self, memory: &DriftMemory) -> Result<(), StateError>;
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
