//! The files of a commit, read from the object database.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository, Tree};

use super::error::{explain, source_error};
use super::open::{Located, locate_required};
use super::{ReadLimits, is_relevant, join};
use crate::domain::snapshot::{Snapshot, SnapshotFile};
use crate::ports::{Source, SourceError};

const LINK: i32 = 0o120_000;
/// As many links as Linux follows in one path.
const MAX_LINKS: usize = 40;
const MAX_LINK_BYTES: usize = 4096;

/// Reads the files of a revision below a path, as [`super::WorkTreeSource`] reads them after a checkout of it.
/// Works in bare repositories too. Submodules are left out.
#[derive(Debug, Clone)]
pub struct RevisionSource {
    path: PathBuf,
    revision: String,
    below: String,
    limits: ReadLimits,
}

impl RevisionSource {
    /// Will read `revision` (anything that `git rev-parse` takes for a commit) of the repository that holds `path`,
    /// and of that only what lies below `path`, which need not exist in the work tree.
    pub fn new(path: impl Into<PathBuf>, revision: impl Into<String>) -> Self {
        Self { path: path.into(), revision: revision.into(), below: String::new(), limits: ReadLimits::default() }
    }

    /// Reads only a directory further below, such as `observed`; paths are then relative to it.
    #[must_use]
    pub fn below(mut self, directory: impl Into<String>) -> Self {
        self.below = directory.into().trim_matches('/').to_owned();
        self
    }

    /// Changes the bounds.
    #[must_use]
    pub fn with_limits(mut self, limits: ReadLimits) -> Self {
        self.limits = limits;
        self
    }
}

impl Source for RevisionSource {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        let Located { repository, prefix } = locate_required(&self.path)?;
        let commit =
            repository.revparse_single(&self.revision).and_then(|object| object.peel_to_commit()).map_err(|error| {
                let action = format!("find the commit `{}`", self.revision);
                let hint =
                    "Name a branch, a tag or a commit of this repository; `git fetch` brings what only the remote has.";
                SourceError { hint: Some(hint.to_owned()), ..explain(&action, &error) }
            })?;
        let root = commit.tree().map_err(|error| explain("read the commit", &error))?;
        let prefix = if self.below.is_empty() { prefix } else { join(&prefix, &self.below) };
        let files = files_of(&repository, &root, &prefix, &self.revision, self.limits)?;
        Ok(Snapshot { revision: Some(commit.id().to_string()), dirty: false, files })
    }
}

/// Reads the files of a tree below a directory of it (`""` is the tree itself). `revision` is what an error calls it.
pub(super) fn files_of(
    repository: &Repository,
    root: &Tree<'_>,
    prefix: &str,
    revision: &str,
    limits: ReadLimits,
) -> Result<BTreeMap<String, SnapshotFile>, SourceError> {
    let start = if prefix.is_empty() {
        root.clone()
    } else {
        let entry = root.get_path(Path::new(prefix)).ok();
        entry
            .and_then(|entry| repository.find_tree(entry.id()).ok())
            .ok_or_else(|| source_error(format!("the commit `{revision}` has no directory `{prefix}`"), ""))?
    };
    let mut walk = Walk { repository, root, limits, entries: 0, bytes: 0, inside: Vec::new(), files: BTreeMap::new() };
    let location = prefix.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    walk.directory(&start, location, "")?;
    Ok(walk.files)
}

/// Path of a directory below the commit's root.
type Location = Vec<String>;

enum Target {
    Directory(Oid, Location),
    File(Oid),
}

struct Walk<'repository> {
    repository: &'repository Repository,
    root: &'repository Tree<'repository>,
    limits: ReadLimits,
    entries: usize,
    bytes: u64,
    /// The places of the directories that the walk is in; a link to one of them would never end.
    inside: Vec<Location>,
    files: BTreeMap<String, SnapshotFile>,
}

impl<'repository> Walk<'repository> {
    fn tree(&self, id: Oid) -> Result<Tree<'repository>, SourceError> {
        self.repository.find_tree(id).map_err(|error| explain("read a directory of the commit", &error))
    }

    fn directory(&mut self, tree: &Tree<'_>, location: Location, shown: &str) -> Result<(), SourceError> {
        if self.inside.len() >= self.limits.depth {
            let reason = "too many directories inside each other".to_owned();
            self.files.insert(shown.to_owned(), SnapshotFile::Unreadable(reason));
            return Ok(());
        }
        self.entries += tree.len();
        if self.entries > self.limits.entries {
            let message = format!("more than {} files and directories below `{shown}`", self.limits.entries);
            return Err(source_error(message, "Name the directory of the config repository itself."));
        }
        self.inside.push(location);
        for entry in tree {
            let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
            if name.starts_with('.') {
                continue;
            }
            let shown = join(shown, &name);
            if std::str::from_utf8(entry.name_bytes()).is_err() {
                let reason = "its name is not UTF-8".to_owned();
                self.files.insert(shown, SnapshotFile::Unreadable(reason));
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let below = self.inside.last().map(|location| with(location, &name)).unwrap_or_default();
                    let tree = self.tree(entry.id())?;
                    self.directory(&tree, below, &shown)?;
                }
                Some(ObjectType::Blob) if entry.filemode() == LINK => self.link(entry.id(), &shown)?,
                Some(ObjectType::Blob) => self.file(entry.id(), &shown)?,
                Some(ObjectType::Commit | ObjectType::Any | ObjectType::Tag) | None => {} // A submodule.
            }
        }
        self.inside.pop();
        Ok(())
    }

    fn link(&mut self, id: Oid, shown: &str) -> Result<(), SourceError> {
        let blob = self.repository.find_blob(id).map_err(|error| explain(&format!("read `{shown}`"), &error))?;
        let from = self.inside.last().cloned().unwrap_or_default();
        match self.resolve(from, blob.content()) {
            Some(Target::File(id)) => self.file(id, shown),
            Some(Target::Directory(id, location))
                if !self.inside.iter().any(|inside| inside.starts_with(&location)) =>
            {
                let tree = self.tree(id)?;
                self.directory(&tree, location, shown)
            }
            Some(Target::Directory(..)) | None => {
                let written = String::from_utf8_lossy(&blob.content()[..blob.size().min(MAX_LINK_BYTES)]).into_owned();
                self.files.insert(shown.to_owned(), SnapshotFile::BadLink(written));
                Ok(())
            }
        }
    }

    /// Follows a link inside the commit. `None` when it leaves the repository or leads nowhere.
    fn resolve(&self, from: Location, target: &[u8]) -> Option<Target> {
        let mut at = from;
        let mut links = 1;
        let mut ahead: VecDeque<String> = parts(target)?;
        while let Some(part) = ahead.pop_front() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at.pop()?;
                    continue;
                }
                _ => at.push(part),
            }
            let entry = self.root.get_path(Path::new(&at.join("/"))).ok()?;
            match entry.kind() {
                Some(ObjectType::Tree) => {}
                Some(ObjectType::Blob) if entry.filemode() == LINK => {
                    links += 1;
                    if links > MAX_LINKS {
                        return None;
                    }
                    at.pop();
                    let mut next = parts(self.repository.find_blob(entry.id()).ok()?.content())?;
                    next.append(&mut ahead);
                    ahead = next;
                }
                Some(ObjectType::Blob) => return if ahead.is_empty() { Some(Target::File(entry.id())) } else { None },
                Some(ObjectType::Commit | ObjectType::Any | ObjectType::Tag) | None => return None,
            }
        }
        let id = if at.is_empty() { self.root.id() } else { self.root.get_path(Path::new(&at.join("/"))).ok()?.id() };
        Some(Target::Directory(id, at))
    }

    fn file(&mut self, id: Oid, shown: &str) -> Result<(), SourceError> {
        if !is_relevant(shown) {
            return Ok(());
        }
        let failed = |error: git2::Error| explain(&format!("read `{shown}`"), &error);
        let (size, _) = self.repository.odb().and_then(|odb| odb.read_header(id)).map_err(failed)?;
        if size as u64 > self.limits.file_bytes {
            self.files.insert(shown.to_owned(), SnapshotFile::TooLarge(size as u64));
            return Ok(());
        }
        self.bytes += size as u64;
        if self.bytes > self.limits.total_bytes {
            let message = format!("the files hold more than {} bytes together", self.limits.total_bytes);
            return Err(source_error(message, "Name the directory of the config repository itself."));
        }
        let blob = self.repository.find_blob(id).map_err(failed)?;
        self.files.insert(shown.to_owned(), SnapshotFile::Content(blob.content().to_vec()));
        Ok(())
    }
}

fn with(location: &Location, name: &str) -> Location {
    location.iter().cloned().chain([name.to_owned()]).collect()
}

/// Splits a link's target; `None` for one that is absolute, not UTF-8, or absurdly long.
fn parts(target: &[u8]) -> Option<VecDeque<String>> {
    let target = std::str::from_utf8(target).ok().filter(|target| target.len() <= MAX_LINK_BYTES)?;
    if target.is_empty() || target.starts_with('/') {
        return None;
    }
    Some(target.split('/').map(str::to_owned).collect())
}
