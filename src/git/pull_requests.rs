//! Pull requests of the config repository: fetched into a repository of their own, and merged in memory.
//!
//! Whoever may open a pull request decides what is fetched here, so nothing of it touches the mirror that the agent
//! follows, and each costs bounded time, memory and disk. The repository is bare and has no index, so no `.gitattributes` of
//! anybody's is read; libgit2 runs no hooks, filters or merge drivers of the user's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use git2::{Delta, ErrorCode, MergeOptions, ObjectType, Oid, Repository, Sort, Tree};
use tracing::warn;

use super::ReadLimits;
use super::error::{explain, source_error};
use super::mirror::{MirrorSettings, is_local, make_directory};
use super::remote::BranchRemote;
use super::revision::{RevisionSource, files_of};
use crate::domain::snapshot::Snapshot;
use crate::ports::{Merge, PullRequestSource, Source, SourceError};

const REPOSITORY: &str = "pull-requests.git";
/// The file with the size that the repository had when it was made, in bytes.
const FIRST_SIZE: &str = "driftless-first-size";
const MOST_CONFLICTS: usize = 100;
/// A blob up to this size is compared with others to find what was renamed.
const RENAME_BYTES: u64 = 1 << 20;
/// As many renames as the forges look for at least.
const MOST_RENAMES: u32 = 200;
/// Histories that were merged into each other this often are nobody's honest work.
const MOST_MERGE_BASES: usize = 8;

/// What one pull request may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeLimits {
    /// Bytes over the network.
    pub fetched_bytes: usize,
    /// Objects: commits, directories, files.
    pub fetched_objects: usize,
    /// Time to fetch.
    pub fetch_time: Duration,
    /// Files and directories of its head.
    pub entries: u64,
    /// Size of a file that both sides changed.
    pub merged_file_bytes: u64,
    /// How much the repository may grow before it is made anew.
    pub growth_bytes: u64,
}

impl Default for MergeLimits {
    fn default() -> Self {
        Self {
            fetched_bytes: 64 << 20,
            fetched_objects: 100_000,
            fetch_time: Duration::from_secs(30),
            entries: 1_000_000,
            merged_file_bytes: 16 << 20,
            growth_bytes: 512 << 20,
        }
    }
}

/// The pull requests of one branch.
#[derive(Clone)]
pub struct PullRequests {
    directory: PathBuf,
    settings: MirrorSettings,
    limits: MergeLimits,
}

/// Why a pull request is not merged here.
enum Stopped {
    Because(Merge),
    Git(git2::Error),
    Source(SourceError),
}

impl From<git2::Error> for Stopped {
    fn from(error: git2::Error) -> Self {
        Self::Git(error)
    }
}

impl From<SourceError> for Stopped {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

fn unusable<T>(why: impl Into<String>) -> Result<T, Stopped> {
    Err(Stopped::Because(Merge::Unusable(why.into())))
}

impl PullRequests {
    /// Names the repository below the agent's directory. Reads and writes nothing yet.
    pub fn new(directory: &Path, settings: MirrorSettings) -> Self {
        Self { directory: directory.to_owned(), settings, limits: MergeLimits::default() }
    }

    /// Changes the bounds.
    #[must_use]
    pub fn with_limits(mut self, limits: MergeLimits) -> Self {
        self.limits = limits;
        self
    }

    fn path(&self) -> PathBuf {
        self.directory.join(REPOSITORY)
    }

    fn below(&self) -> &str {
        if self.settings.path == "." { "" } else { self.settings.path.as_str() }
    }

    fn open(&self) -> Result<Repository, SourceError> {
        Repository::open_bare(self.path()).map_err(|error| explain("open the repository of pull requests", &error))
    }

    fn remote<'a>(&'a self, repository: &'a Repository) -> Result<BranchRemote<'a>, SourceError> {
        let MirrorSettings { url, branch, access, .. } = &self.settings;
        let remote = BranchRemote::find(repository, branch, Some(url), access)?;
        remote.ok_or_else(|| source_error("the source has no address", "Set `source.url`."))
    }

    /// Opens the repository; one that cannot be used, or has grown too much, is made anew.
    fn open_or_make(&self) -> Result<Repository, SourceError> {
        match Repository::open_bare(self.path()) {
            Ok(repository) if !self.has_grown() => return Ok(repository),
            Ok(_) => warn!("the repository of pull requests has grown too large and is fetched anew"),
            Err(error) if error.code() == ErrorCode::NotFound => {}
            Err(error) => warn!(problem = %error, "the repository of pull requests is damaged and fetched anew"),
        }
        self.make()
    }

    fn make(&self) -> Result<Repository, SourceError> {
        let failed = |error: std::io::Error| {
            let message =
                format!("failed to make the repository of pull requests below `{}`: {error}", self.directory.display());
            source_error(message, "driftless keeps it there; `stateDirectory` names another directory.")
        };
        let path = self.path();
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(failed)?;
        }
        make_directory(&self.directory).map_err(failed)?;
        Repository::init_bare(&path).map_err(|error| explain("make the repository of pull requests", &error))
    }

    fn has_grown(&self) -> bool {
        let first = std::fs::read_to_string(self.path().join(FIRST_SIZE)).ok();
        let Some(first) = first.and_then(|text| text.trim().parse::<u64>().ok()) else { return false };
        pack_bytes(&self.path()) > first.saturating_mul(2).saturating_add(self.limits.growth_bytes)
    }

    fn update_base(&self, repository: &Repository) -> Result<Result<String, SourceError>, git2::Error> {
        let remote = match self.remote(repository) {
            Ok(remote) => remote,
            Err(error) => return Ok(Err(error)),
        };
        match remote.try_fetch() {
            Err(error) if is_local(&error) => return Err(error),
            Err(error) => return Ok(Err(remote.explain("fetch from", &error))),
            Ok(()) => {}
        }
        match repository.find_reference(&remote.tracking) {
            Ok(reference) => {
                let commit = reference.peel_to_commit()?;
                commit.tree()?;
                Ok(Ok(commit.id().to_string()))
            }
            Err(error) if error.code() == ErrorCode::NotFound => {
                let message = format!("`{}` has no branch `{}`", remote.shown(), self.settings.branch);
                Ok(Err(source_error(message, "Check `source.branch`.")))
            }
            Err(error) => Err(error),
        }
    }

    /// Makes sure that the head is here.
    fn fetch_head(&self, repository: &Repository, number: u64, reference: &str, head: Oid) -> Result<(), Stopped> {
        if repository.find_commit(head).is_ok() {
            return Ok(());
        }
        if !is_head_reference(reference) {
            return unusable(format!("has its head at `{}`, where none is looked for", reference.escape_debug()));
        }
        let here = format!("refs/driftless/pull-requests/{number}");
        let remote = self.remote(repository)?;
        let crossed: RefCell<Option<String>> = RefCell::new(None);
        let started = now();
        let goes_on = |progress: &git2::Progress<'_>| {
            let reason = self.crossed(progress, started.elapsed());
            let goes_on = reason.is_none();
            *crossed.borrow_mut() = reason;
            goes_on
        };
        let fetched = remote.fetch_bounded(reference, &here, goes_on);
        match (fetched, crossed.into_inner()) {
            (_, Some(reason)) => return unusable(reason),
            (Err(error), None) if error.code() == ErrorCode::NotFound => return Err(Stopped::Because(Merge::Moved)),
            (Err(error), None) => return Err(remote.explain("fetch a pull request from", &error).into()),
            (Ok(()), None) => {}
        }
        match repository.find_commit(head) {
            Ok(_) => Ok(()),
            Err(_) => Err(Stopped::Because(Merge::Moved)),
        }
    }

    fn crossed(&self, progress: &git2::Progress<'_>, took: Duration) -> Option<String> {
        let MergeLimits { fetched_bytes, fetched_objects, fetch_time, .. } = self.limits;
        if progress.received_bytes() > fetched_bytes {
            return Some(format!("brings more than {} MiB", fetched_bytes >> 20));
        }
        if progress.total_objects() > fetched_objects {
            return Some(format!("brings more than {fetched_objects} commits, directories and files"));
        }
        (took > fetch_time).then(|| format!("takes longer than {} s to fetch", fetch_time.as_secs()))
    }

    fn try_merge(&self, base: &str, number: u64, reference: &str, head: &str) -> Result<Merge, Stopped> {
        let repository = self.open()?;
        let (base_id, head_id) = (Oid::from_str(base)?, Oid::from_str(head)?);
        self.fetch_head(&repository, number, reference, head_id)?;
        // What the merge makes is never written to the disk.
        let objects = repository.odb()?;
        let _memory = objects.add_new_mempack_backend(1000)?;
        let (ours, theirs) = (repository.find_commit(base_id)?, repository.find_commit(head_id)?);
        let mut counted = BTreeMap::new();
        if count_entries(&repository, &theirs.tree()?, 0, &mut counted)? > self.limits.entries {
            return unusable(format!("has more than {} files and directories", self.limits.entries));
        }
        let bases = match repository.merge_bases(base_id, head_id) {
            Ok(bases) => bases,
            Err(error) if error.code() == ErrorCode::NotFound => return unusable("shares no history with its base"),
            Err(error) => return Err(error.into()),
        };
        let [nearest, ..] = &*bases else { return unusable("shares no history with its base") };
        if bases.len() > MOST_MERGE_BASES {
            return unusable("has been merged with its base crosswise too often");
        }
        let ancestor = repository.find_commit(*nearest)?.tree()?;
        let finds_renames = self.weigh(&repository, &ancestor, &ours.tree()?, &theirs.tree()?)?;
        let mut options = MergeOptions::new();
        options.find_renames(finds_renames).target_limit(MOST_RENAMES).recursion_limit(4).skip_reuc(true);
        let mut index = repository.merge_commits(&ours, &theirs, Some(&options))?;
        if index.has_conflicts() {
            return Ok(Merge::Conflict(conflicts(&index)?));
        }
        let root = repository.find_tree(index.write_tree_to(&repository)?)?;
        let files = files_of(&repository, &root, self.below(), head, ReadLimits::default());
        match files {
            Ok(files) => Ok(Merge::Merged(Snapshot { revision: Some(head.to_owned()), dirty: false, files })),
            Err(error) => unusable(format!("cannot be read: {}", error.message)),
        }
    }

    /// Refuses what would be dear to merge. Says whether looking for renames is cheap.
    fn weigh(
        &self,
        repository: &Repository,
        ancestor: &Tree<'_>,
        ours: &Tree<'_>,
        theirs: &Tree<'_>,
    ) -> Result<bool, Stopped> {
        let objects = repository.odb()?;
        let mut changed_by_us: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        let mut finds_renames = true;
        for (tree, is_ours) in [(ours, true), (theirs, false)] {
            let diff = repository.diff_tree_to_tree(Some(ancestor), Some(tree), None)?;
            for delta in diff.deltas() {
                let file = if delta.status() == Delta::Deleted { delta.old_file() } else { delta.new_file() };
                if file.mode() == git2::FileMode::Commit {
                    continue; // A submodule: its commit is not here.
                }
                let (size, _) = objects.read_header(file.id())?;
                let size = size as u64;
                finds_renames &= size <= RENAME_BYTES;
                let path = file.path_bytes().unwrap_or_default().to_vec();
                if is_ours {
                    changed_by_us.insert(path, size);
                } else if let Some(other) = changed_by_us.get(&path)
                    && size.max(*other) > self.limits.merged_file_bytes
                {
                    let name = String::from_utf8_lossy(&path).escape_debug().to_string();
                    return unusable(format!(
                        "changes `{name}`, which its base changed too and which is too large to merge"
                    ));
                }
            }
        }
        Ok(finds_renames)
    }
}

impl PullRequestSource for PullRequests {
    fn fetch_base(&self) -> Result<String, SourceError> {
        let repository = self.open_or_make()?;
        let outcome = match self.update_base(&repository) {
            Ok(outcome) => outcome,
            Err(error) => {
                warn!(problem = %error, "the repository of pull requests is damaged and fetched anew");
                drop(repository);
                let repository = self.make()?;
                self.update_base(&repository).unwrap_or_else(|error| Err(explain("read the source", &error)))
            }
        };
        let size_file = self.path().join(FIRST_SIZE);
        if outcome.is_ok() && !size_file.exists() {
            // Without it the repository only may grow without bound, until the next attempt.
            drop(std::fs::write(size_file, pack_bytes(&self.path()).to_string()));
        }
        outcome
    }

    fn base(&self, revision: &str) -> Result<Snapshot, SourceError> {
        RevisionSource::new(self.path(), revision).below(self.below()).snapshot()
    }

    fn merge(&self, base: &str, number: u64, head_reference: &str, head: &str) -> Result<Merge, SourceError> {
        match self.try_merge(base, number, head_reference, head) {
            Ok(merge) | Err(Stopped::Because(merge)) => Ok(merge),
            Err(Stopped::Source(error)) => Err(error),
            Err(Stopped::Git(error)) => Err(explain(&format!("merge pull request {number}"), &error)),
        }
    }

    fn landed(&self, older: &str, newer: &str, most: usize) -> Result<Vec<String>, SourceError> {
        let failed = |error: git2::Error| explain("read the history of the source", &error);
        let repository = self.open()?;
        let mut walk = repository.revwalk().map_err(failed)?;
        walk.set_sorting(Sort::TOPOLOGICAL).and_then(|()| walk.simplify_first_parent()).map_err(failed)?;
        walk.push(Oid::from_str(newer).map_err(failed)?).map_err(failed)?;
        if let Ok(older) = Oid::from_str(older)
            && repository.find_commit(older).is_ok()
        {
            walk.hide(older).map_err(failed)?;
        } else {
            return Ok(vec![newer.to_owned()]);
        }
        walk.take(most).map(|id| id.map(|id| id.to_string()).map_err(failed)).collect()
    }
}

/// The forges keep heads at `refs/pull/N/head` and `refs/merge-requests/N/head`.
fn is_head_reference(reference: &str) -> bool {
    let number = reference.strip_prefix("refs/pull/").or_else(|| reference.strip_prefix("refs/merge-requests/"));
    number.and_then(|rest| rest.strip_suffix("/head")).is_some_and(|number| {
        !number.is_empty() && number.len() < 20 && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Counts what a tree holds when it is written out. A directory that stands in many places is looked at once, so a few small
/// objects that unfold into millions of files cost nothing.
fn count_entries(
    repository: &Repository,
    tree: &Tree<'_>,
    depth: usize,
    counted: &mut BTreeMap<Oid, u64>,
) -> Result<u64, Stopped> {
    if let Some(count) = counted.get(&tree.id()) {
        return Ok(*count);
    }
    if depth > ReadLimits::default().depth {
        return unusable("has too many directories inside each other");
    }
    let mut count = tree.len() as u64;
    for entry in tree.iter().filter(|entry| entry.kind() == Some(ObjectType::Tree)) {
        let below = count_entries(repository, &repository.find_tree(entry.id())?, depth + 1, counted)?;
        count = count.saturating_add(below);
    }
    counted.insert(tree.id(), count);
    Ok(count)
}

fn conflicts(index: &git2::Index) -> Result<Vec<String>, git2::Error> {
    let mut paths = std::collections::BTreeSet::new();
    for conflict in index.conflicts()?.take(MOST_CONFLICTS) {
        let conflict = conflict?;
        let entry = conflict.our.or(conflict.their).or(conflict.ancestor);
        paths.extend(entry.map(|entry| String::from_utf8_lossy(&entry.path).into_owned()));
    }
    Ok(paths.into_iter().collect())
}

fn pack_bytes(repository: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(repository.join("objects/pack")) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a fetch takes is measured here, and nothing is decided by the date"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_of_forges_are_fetched() {
        for (reference, is_one) in [
            ("refs/pull/7/head", true),
            ("refs/merge-requests/12/head", true),
            ("refs/heads/main", false),
            ("refs/pull/7/merge", false),
            ("refs/pull//head", false),
            ("refs/pull/7/head:refs/heads/main", false),
            ("+refs/pull/*/head", false),
            ("refs/pull/*/head", false),
            ("refs/pull/7\n/head", false),
            ("refs/pull/../heads/main/head", false),
        ] {
            assert_eq!(is_head_reference(reference), is_one, "{reference:?}");
        }
    }
}
