//! The config repository, and the branch that reports are written to.

use std::collections::BTreeMap;

use crate::domain::snapshot::Snapshot;

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

    /// Says which of these commits is not signed by a trusted key that counts at that time; `None` when all are.
    fn distrusted(
        &self,
        head: &str,
        commits: &SignedCommits<'_>,
        now: jiff::Timestamp,
    ) -> Result<Option<CommitDistrust>, SourceError>;

    /// Says whether a commit of `head`'s history that `replaced` does not have says, signed by a trusted key, that its
    /// branch replaces `replaced` (trailer `Driftless-Replaces: ID`). Never without trusted keys.
    fn replaces(&self, head: &str, replaced: &str, now: jiff::Timestamp) -> Result<bool, SourceError>;
}

/// Which commits must be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedCommits<'a> {
    /// The head.
    Head,
    /// The head, and every commit that is reachable from it and from none of these.
    EveryOneSince(Vec<&'a str>),
}

/// A commit whose signature does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitDistrust {
    /// Its full id.
    pub commit: String,
    /// Why, with the key's fingerprint; fits after "the commit `ID` ".
    pub words: String,
}

/// What merging a pull request would make of the config repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// The files after the merge, below the configured directory. `revision` is the pull request's head: the merge has no
    /// commit.
    Merged(Snapshot),
    /// Both sides changed these files; at most a hundred are named.
    Conflict(Vec<String>),
    /// It cannot be looked at, for everybody's sake: a fragment that fits after "the pull request".
    Unusable(String),
    /// It is at another commit by now.
    Moved,
}

/// The pull requests of the config repository, as git has them. Bounded in what one of them can cost; runs no filter, hook or
/// merge driver, whatever the repository holds.
pub trait PullRequestSource: Send + Sync {
    /// Learns what the remote's branch holds, and returns the full id of its head.
    fn fetch_base(&self) -> Result<String, SourceError>;

    /// Reads all files of that commit of the branch below the configured directory.
    fn base(&self, revision: &str) -> Result<Snapshot, SourceError>;

    /// Merges a head into a commit of the branch, and writes it nowhere. `head_reference` is where the remote keeps the
    /// head, such as `refs/pull/7/head`.
    fn merge(&self, base: &str, number: u64, head_reference: &str, head: &str) -> Result<Merge, SourceError>;

    /// Says which of these commits of a head that was merged is not signed by a trusted key that counts at that time; `None`
    /// when all are. Fails without trusted keys.
    fn distrusted(
        &self,
        head: &str,
        commits: &SignedCommits<'_>,
        now: jiff::Timestamp,
    ) -> Result<Option<CommitDistrust>, SourceError>;

    /// Lists the commits that came onto the branch after `older`, newest first, at most so many; those that a merge brought
    /// in are left out.
    fn landed(&self, older: &str, newer: &str, most: usize) -> Result<Vec<String>, SourceError>;
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

    /// Returns the newest commit whose message is such a one, among the last thousand: the message, and the seconds since 1970
    /// of its author.
    fn newest(&self, _is_wanted: &dyn Fn(&str) -> bool) -> Result<Option<(String, i64)>, SourceError> {
        Ok(None)
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
