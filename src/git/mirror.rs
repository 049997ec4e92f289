//! The config repository of an agent: a bare mirror of one branch, in the agent's own directory.
//!
//! It can always be made again. A mirror that git cannot read is cloned anew beside the old one, which is replaced only when
//! the new one is whole; so a killed process leaves a mirror or none, never half of one that is taken for whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{ErrorClass, ErrorCode, ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};
use jiff::Timestamp;
use tracing::warn;

use super::credentials::RemoteAccess;
use super::error::{explain, explain_open, source_error};
use super::remote::BranchRemote;
use super::revision::RevisionSource;
use super::signature::{self, TrustedKeys};
use super::tidy;
use crate::domain::snapshot::Snapshot;
use crate::ports::{CommitDistrust, SignedCommits, Source, SourceError, SourceMirror};

pub(super) const MIRROR: &str = "source.git";
/// What the system says when a write fails for want of something: ENOSPC, EDQUOT, EFBIG, EROFS, EMFILE, ENFILE.
const WITHOUT_ROOM: [&str; 5] = [
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "Read-only file system",
    "Too many open files",
];
const UNFINISHED: &str = "source.git.new-";
pub(super) const REPORTS: &str = "reports.git";

/// Which branch of which repository.
#[derive(Clone)]
pub struct MirrorSettings {
    /// Its address. May hold a password.
    pub url: String,
    /// The branch.
    pub branch: String,
    /// The directory in the repository; `.` is its root.
    pub path: String,
    /// How to log in.
    pub access: RemoteAccess,
}

/// A mirror of one branch.
#[derive(Clone)]
pub struct Mirror {
    directory: PathBuf,
    settings: MirrorSettings,
    keys: Arc<TrustedKeys>,
}

/// Why the mirror could not be brought up to date.
enum Failure {
    /// The mirror itself cannot be read.
    Damaged(SourceError),
    /// Anything else.
    Other(SourceError),
}

impl Mirror {
    /// Names the mirror below the agent's directory. Reads and writes nothing yet.
    pub fn new(directory: &Path, settings: MirrorSettings) -> Self {
        Self { directory: directory.to_owned(), settings, keys: Arc::default() }
    }

    /// Names the keys whose signatures count. Without any, no signature does.
    #[must_use]
    pub fn trusting(self, keys: TrustedKeys) -> Self {
        Self { keys: Arc::new(keys), ..self }
    }

    fn path(&self) -> PathBuf {
        self.directory.join(MIRROR)
    }

    fn remote<'a>(&'a self, repository: &'a Repository) -> Result<BranchRemote<'a>, SourceError> {
        let MirrorSettings { url, branch, access, .. } = &self.settings;
        let remote = BranchRemote::find(repository, branch, Some(url), access)?;
        remote.ok_or_else(|| source_error("the source has no address", "Set `source.url`."))
    }

    fn open(&self) -> Result<Option<Repository>, Failure> {
        match Repository::open_bare(self.path()) {
            Ok(repository) => Ok(Some(repository)),
            Err(_) if !self.path().exists() => Ok(None),
            Err(error) if error.code() == ErrorCode::Owner => Err(Failure::Other(explain_open(&self.path(), &error))),
            Err(error) => Err(Failure::Damaged(explain_open(&self.path(), &error))),
        }
    }

    fn update(&self, repository: &Repository) -> Result<String, Failure> {
        let remote = self.remote(repository).map_err(Failure::Damaged)?;
        remote.try_fetch().map_err(|error| {
            let explained = remote.explain("fetch from", &error);
            if is_local(&error) { Failure::Damaged(explained) } else { Failure::Other(explained) }
        })?;
        let head = match repository.find_reference(&remote.tracking) {
            Ok(reference) => reference.target(),
            Err(error) if error.code() == ErrorCode::NotFound => None,
            Err(error) => return Err(Failure::Damaged(explain("read the mirror", &error))),
        };
        let Some(head) = head else {
            let message = format!("`{}` has no branch `{}`", remote.shown(), self.settings.branch);
            return Err(Failure::Other(source_error(message, "Check `source.branch`.")));
        };
        match repository.find_commit(head).and_then(|commit| commit.tree()) {
            Ok(_) => Ok(head.to_string()),
            Err(error) => Err(Failure::Damaged(explain("read the mirror", &error))),
        }
    }

    /// Clones under a temporary name, and puts the result in the place of what was there.
    fn clone_anew(&self) -> Result<String, SourceError> {
        let failed = |what: &str, error: std::io::Error| {
            let message = format!("failed to {what} below `{}`: {error}", self.directory.display());
            source_error(message, "driftless keeps its mirror there; `stateDirectory` names another directory.")
        };
        make_directory(&self.directory).map_err(|error| failed("make a directory", error))?;
        self.remove_unfinished();
        let fresh = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&self.directory)
            .map_err(|error| failed("make a directory", error))?;
        let repository = Repository::init_bare(fresh.path()).map_err(|error| explain("make the mirror", &error))?;
        let head = self.update(&repository).map_err(|failure| match failure {
            Failure::Damaged(error) | Failure::Other(error) => error,
        })?;
        tidy::keep_large(&repository)?;
        drop(repository);
        let old = self.path();
        if old.exists() {
            let aside = tempfile::Builder::new()
                .prefix(UNFINISHED)
                .tempdir_in(&self.directory)
                .map_err(|error| failed("make a directory", error))?;
            std::fs::rename(&old, aside.path().join("old")).map_err(|error| failed("move the old mirror", error))?;
        }
        std::fs::rename(fresh.keep(), &old).map_err(|error| failed("move the new mirror", error))?;
        Ok(head)
    }

    /// Removes what clones left behind that were killed. What cannot be removed only takes room.
    fn remove_unfinished(&self) {
        let Ok(entries) = std::fs::read_dir(&self.directory) else { return };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                drop(std::fs::remove_dir_all(entry.path()));
            }
        }
    }

    fn read(&self, revision: &str) -> Result<Snapshot, SourceError> {
        let source = RevisionSource::new(self.path(), revision);
        let below = if self.settings.path == "." { "" } else { self.settings.path.as_str() };
        source.below(below).snapshot()
    }

    /// Says whether every object of a commit's tree can be read; git compares each with its own hash.
    fn is_whole(&self, revision: &str) -> bool {
        let check = || -> Result<bool, git2::Error> {
            let repository = Repository::open_bare(self.path())?;
            let (tree, odb) = (repository.find_commit(Oid::from_str(revision)?)?.tree()?, repository.odb()?);
            let mut whole = true;
            tree.walk(TreeWalkMode::PreOrder, |_, entry| match entry.kind() {
                Some(ObjectType::Blob) if odb.read(entry.id()).is_err() => {
                    whole = false;
                    TreeWalkResult::Abort
                }
                Some(_) | None => TreeWalkResult::Ok,
            })?;
            Ok(whole)
        };
        check().unwrap_or(false)
    }
}

impl SourceMirror for Mirror {
    fn fetch(&self) -> Result<String, SourceError> {
        let outcome = match self.open() {
            Ok(Some(repository)) => self.update(&repository),
            Ok(None) => return self.clone_anew(),
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(head) => Ok(head),
            Err(Failure::Other(error)) => Err(error),
            Err(Failure::Damaged(error)) => {
                warn!(problem = %error, "the mirror of the source is damaged and cloned again");
                self.clone_anew()
            }
        }
    }

    fn snapshot(&self, revision: &str) -> Result<Snapshot, SourceError> {
        match self.read(revision) {
            Ok(snapshot) => Ok(snapshot),
            Err(error) if self.is_whole(revision) => Err(error),
            Err(error) => {
                warn!(problem = %error, "the mirror of the source is damaged and cloned again");
                self.clone_anew()?;
                self.read(revision)
            }
        }
    }

    fn descends(&self, newer: &str, older: &str) -> Result<bool, SourceError> {
        if newer == older {
            return Ok(true);
        }
        match self.looks_descended(newer, older) {
            Ok(true) => Ok(true),
            found if self.has_whole_history(newer) => found,
            // A "no" because of a hole in the mirror would accuse the branch of what the disk did.
            Ok(_) | Err(_) => {
                warn!("the mirror of the source is damaged and cloned again");
                self.clone_anew()?;
                self.looks_descended(newer, older)
            }
        }
    }

    fn distrusted(
        &self,
        head: &str,
        commits: &SignedCommits<'_>,
        now: Timestamp,
    ) -> Result<Option<CommitDistrust>, SourceError> {
        self.in_whole_history(head, |repository| signature::distrusted(repository, &self.keys, head, commits, now))
    }

    fn replaces(&self, head: &str, replaced: &str, now: Timestamp) -> Result<bool, SourceError> {
        self.in_whole_history(head, |repository| signature::replaces(repository, &self.keys, head, replaced, now))
    }
}

impl Mirror {
    /// Reads the history; when that fails because of a hole in it, once more from a new clone.
    fn in_whole_history<T>(
        &self,
        head: &str,
        read: impl Fn(&Repository) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let open = || Repository::open_bare(self.path()).map_err(|error| explain_open(&self.path(), &error));
        match open().and_then(|repository| read(&repository)) {
            Err(error) if !self.has_whole_history(head) => {
                warn!(problem = %error, "the mirror of the source is damaged and cloned again");
                self.clone_anew()?;
                read(&open()?)
            }
            done_or_failed => done_or_failed,
        }
    }

    fn has_whole_history(&self, revision: &str) -> bool {
        let check = || -> Result<(), git2::Error> {
            let repository = Repository::open_bare(self.path())?;
            let mut walk = repository.revwalk()?;
            walk.push(Oid::from_str(revision)?)?;
            for commit in walk {
                repository.find_commit(commit?)?;
            }
            Ok(())
        };
        check().is_ok()
    }

    fn looks_descended(&self, newer: &str, older: &str) -> Result<bool, SourceError> {
        let failed = |error: git2::Error| explain("read the history of the source", &error);
        let repository = Repository::open_bare(self.path()).map_err(failed)?;
        let newer = Oid::from_str(newer).map_err(failed)?;
        let Ok(older) = Oid::from_str(older) else { return Ok(false) };
        if repository.find_commit(older).is_err() {
            return Ok(false);
        }
        repository.graph_descendant_of(newer, older).map_err(failed)
    }
}

/// Says whether an error may be about the repository on this machine and not about the remote. Where it was the remote after all, a
/// new clone fails too, and the mirror stays.
pub(super) fn is_local(error: &git2::Error) -> bool {
    let of_connection = matches!(
        error.class(),
        ErrorClass::Net | ErrorClass::Http | ErrorClass::Ssh | ErrorClass::Ssl | ErrorClass::Callback
    );
    let of_remote =
        matches!(error.code(), ErrorCode::Auth | ErrorCode::Certificate | ErrorCode::Eof | ErrorCode::Timeout);
    // A clone would need more of what there is none of, each time that it is tried.
    let of_machine = WITHOUT_ROOM.iter().any(|words| error.message().contains(words));
    !of_connection && !of_remote && !of_machine
}

/// Removes what a killed process left in the repositories below the agent's directory: files that it was writing, and locks of the
/// report branch. Only for who holds the agent's own lock: then nobody else can be at work there.
pub fn remove_stale_locks(directory: &Path) {
    [MIRROR, REPORTS].iter().for_each(|name| tidy::remove_unfinished(&directory.join(name)));
    let repository = directory.join(REPORTS);
    let mut ahead = vec![repository.join("refs")];
    let mut found = vec![repository.join("packed-refs.lock"), repository.join("config.lock")];
    while let Some(directory) = ahead.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                ahead.push(path);
            } else if path.extension().is_some_and(|extension| extension == "lock") {
                found.push(path);
            }
        }
    }
    for lock in found {
        if std::fs::remove_file(&lock).is_ok() {
            warn!(lock = %lock.display(), "a lock that a killed process left is removed");
        }
    }
}

/// Makes sure that there is a bare repository for the report branch below the agent's directory, and returns its path. Unlike the
/// mirror it is never thrown away: it may hold reports that could not be pushed yet.
pub fn report_repository(directory: &Path) -> Result<PathBuf, SourceError> {
    let path = directory.join(REPORTS);
    if !path.exists() {
        make_directory(directory).map_err(|error| {
            let message = format!("failed to make the directory `{}`: {error}", directory.display());
            source_error(message, "driftless keeps its reports there; `stateDirectory` names another directory.")
        })?;
        Repository::init_bare(&path).map_err(|error| explain("make the repository of the reports", &error))?;
    }
    Repository::open_bare(&path).map_err(|error| {
        let hint = format!("If nothing in it is missed, remove `{}`: it is fetched again.", path.display());
        SourceError { hint: Some(hint), ..explain_open(&path, &error) }
    })?;
    Ok(path)
}

#[cfg(unix)]
pub(super) fn make_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
pub(super) fn make_directory(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)
}
