//! Git: the config repository's files, and the branch that driftless writes back.
//!
//! The only place that imports `git2`. Nothing in here ever touches a work tree, an index or `HEAD`: files are read
//! from the work tree or the object database, and the report branch is written as objects and one reference.
//! Repositories are opened anew for every call, because a handle must not be shared between threads.

mod credentials;
mod error;
mod local_push;
mod mirror;
mod open;
mod pull_requests;
mod remote;
mod report_branch;
mod revision;
mod server_trust;
mod signature;
mod tidy;
mod timeouts;
mod tree_edit;
mod work_tree;

pub use credentials::RemoteAccess;
pub use mirror::{Mirror, MirrorSettings, remove_stale_locks, report_repository};
pub use open::state_directory;
pub use pull_requests::{MergeLimits, PullRequests};
pub use report_branch::{GitReportBranch, ReportBranchSettings};
pub use revision::RevisionSource;
pub use signature::{SigningKey, TrustedKeys};
pub use tidy::tidy;
pub use work_tree::WorkTreeSource;

/// Bounds of what is read from a repository, so that a hostile one costs bounded memory and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Largest file that is read, in bytes; larger ones are listed as too large.
    pub file_bytes: u64,
    /// Largest sum of all files read, in bytes; more is an error.
    pub total_bytes: u64,
    /// Most directory entries that are looked at; more is an error.
    pub entries: usize,
    /// Most directories inside each other; deeper ones are listed as unreadable.
    pub depth: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { file_bytes: 16 << 20, total_bytes: 512 << 20, entries: 1_000_000, depth: 100 }
    }
}

/// Says whether a file of that name can mean anything to driftless. Others are not read and not part of a snapshot.
fn is_relevant(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, kind)| matches!(kind, "yaml" | "yml" | "rego" | "json" | "age"))
}

/// Joins a directory's path below the root (`""` is the root itself) and a name.
fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}
