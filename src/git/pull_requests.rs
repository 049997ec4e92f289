//! Pull requests of the config repository: fetched into a repository of their own, and merged in memory.
//!
//! Whoever may open a pull request decides what is fetched here, so nothing of it touches the mirror that the agent
//! follows, and each costs bounded time, memory and disk. The repository is bare and has no index, so no `.gitattributes` of
//! anybody's is read; libgit2 runs no hooks, filters or merge drivers of the user's.

mod merge;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use git2::{ErrorCode, Oid, Repository, Sort};
use jiff::Timestamp;
use tracing::warn;

use super::error::{explain, source_error};
use super::local_push::local_path;
use super::mirror::{MirrorSettings, is_local, make_directory};
use super::remote::BranchRemote;
use super::revision::RevisionSource;
use super::signature::{self, TrustedKeys};
use crate::domain::snapshot::Snapshot;
use crate::ports::{CommitDistrust, Merge, PullRequestSource, SignedCommits, Source, SourceError};

const REPOSITORY: &str = "pull-requests.git";
/// How many packs the repository may have before it is made anew. Each fetch leaves one.
const MOST_PACKS: usize = 2_000;
/// The file with the size that the repository had when it was made, in bytes.
const FIRST_SIZE: &str = "driftless-first-size";

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
    trusted: Vec<PathBuf>,
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
        Self { directory: directory.to_owned(), settings, limits: MergeLimits::default(), trusted: Vec::new() }
    }

    /// Changes the bounds.
    #[must_use]
    pub fn with_limits(mut self, limits: MergeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Names the files of the keys whose signatures count. They are read each time, so that a key that was removed counts no more.
    #[must_use]
    pub fn trusting(self, trusted: Vec<PathBuf>) -> Self {
        Self { trusted, ..self }
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
        let repository =
            Repository::init_bare(&path).map_err(|error| explain("make the repository of pull requests", &error))?;
        self.borrow_objects(&repository).map_err(failed)?;
        Ok(repository)
    }

    /// A source on this machine is read where it lies (gitrepository-layout(5), `objects/info/alternates`): copying costs libgit2
    /// as much memory as the objects have bytes, and it counts none of them.
    fn borrow_objects(&self, repository: &Repository) -> std::io::Result<()> {
        let Some(path) = local_path(repository, &self.settings.url) else { return Ok(()) };
        // What cannot be opened is explained when it is fetched from.
        let Ok(source) = Repository::open(path) else { return Ok(()) };
        let objects = source.commondir().join("objects").canonicalize()?;
        match objects.to_str() {
            Some(line) if !line.contains('\n') => {
                std::fs::write(repository.path().join("objects/info/alternates"), format!("{line}\n"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn has_grown(&self) -> bool {
        let first = std::fs::read_to_string(self.path().join(FIRST_SIZE)).ok();
        let Some(first) = first.and_then(|text| text.trim().parse::<u64>().ok()) else { return false };
        let (files, bytes) = packs(&self.path());
        // A pack has an index beside it.
        files > 2 * MOST_PACKS || bytes > first.saturating_mul(2).saturating_add(self.limits.growth_bytes)
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
            drop(std::fs::write(size_file, packs(&self.path()).1.to_string()));
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

    fn distrusted(
        &self,
        head: &str,
        commits: &SignedCommits<'_>,
        now: Timestamp,
    ) -> Result<Option<CommitDistrust>, SourceError> {
        signature::distrusted(&self.open()?, &TrustedKeys::read(&self.trusted)?, head, commits, now)
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

/// The number of files of packs, and their bytes.
fn packs(repository: &Path) -> (usize, u64) {
    let Ok(entries) = std::fs::read_dir(repository.join("objects/pack")) else { return (0, 0) };
    let sizes = entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len());
    sizes.fold((0, 0), |(count, sum), size| (count + 1, sum + size))
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
