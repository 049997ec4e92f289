//! The few traits through which the core reaches the world. Adapters implement them; only `cli` picks which.

mod clock;
mod cluster;
mod events;
mod forge;
mod git;
mod lease;
mod rules;
mod state;
mod tally;

pub use clock::Clock;
pub use cluster::{Access, Cluster, ClusterError, ClusterErrorKind, DryRun, ResourceError};
pub use events::{Alert, AlertSink, EventSink, SinkError};
pub use forge::{Annotation, Comment, CommitState, CommitStatus, Forge, ForgeError, ForgeErrorKind, PullRequest};
pub use git::{
    BranchChange, CommitDistrust, Merge, PullRequestSource, ReportBranch, SignedCommits, Source, SourceError,
    SourceMirror,
};
pub use lease::{Lease, NoLease};
pub use rules::{RuleStore, RuleStoreError};
pub use state::{
    AgentMemory, AgentRecord, CredentialId, Journal, JournalContents, JournalEntry, JournalPhase, JournalRun,
    LocalClusterState, LocalState, PasswordKnowledge, PasswordMemory, StateError,
};
pub use tally::Tally;
