//! The files of a directory as they stand on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository, StatusOptions};

use super::error::{explain, source_error};
use super::open::{Located, locate};
use super::{ReadLimits, is_relevant, join};
use crate::domain::snapshot::{Snapshot, SnapshotFile};
use crate::ports::{Source, SourceError};

/// Reads the files below a directory, which may lie inside a git work tree.
///
/// - Files and directories that start with `.`, and files of kinds that driftless does not know, are left out.
/// - Symbolic links are followed inside the work tree (outside git: inside the directory); all others are listed as
///   bad, whatever their name is, because what they led to may have been a directory of manifests.
/// - A directory that cannot be read is listed as unreadable under its own path.
/// - Inside git, repositories within the directory (submodules) are left out, as they are in a revision.
/// - Ignored files are read like others, but do not make the snapshot dirty.
#[derive(Debug, Clone)]
pub struct WorkTreeSource {
    path: PathBuf,
    limits: ReadLimits,
}

impl WorkTreeSource {
    /// Will read the files below that directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), limits: ReadLimits::default() }
    }

    /// Changes the bounds.
    #[must_use]
    pub fn with_limits(mut self, limits: ReadLimits) -> Self {
        self.limits = limits;
        self
    }
}

impl Source for WorkTreeSource {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        let shown = self.path.display();
        let root = self
            .path
            .canonicalize()
            .map_err(|error| source_error(format!("failed to read the directory `{shown}`: {}", words(&error)), ""))?;
        if !root.is_dir() {
            let message = format!("`{shown}` is not a directory");
            return Err(source_error(message, "Name the directory that holds `driftless.yaml`."));
        }
        let located = locate(&root)?;
        let mut boundary = root.clone();
        let mut git_directories = Vec::new();
        if let Some(Located { repository, .. }) = &located {
            let Some(work_tree) = repository.workdir() else {
                let message = format!("`{shown}` is a bare git repository, which has no files");
                return Err(source_error(message, "Name a revision with `--revision`, such as `--revision main`."));
            };
            boundary = work_tree.canonicalize().unwrap_or_else(|_| work_tree.to_owned());
            for directory in [repository.path(), repository.commondir()] {
                git_directories.push(directory.canonicalize().unwrap_or_else(|_| directory.to_owned()));
            }
        }
        let mut walk = Walk {
            boundary,
            git_directories,
            limits: self.limits,
            entries: 0,
            bytes: 0,
            inside: Vec::new(),
            files: BTreeMap::new(),
        };
        walk.directory(&root, "")?;
        let (revision, dirty) = match &located {
            Some(located) => head_and_dirt(located)?,
            None => (None, false),
        };
        Ok(Snapshot { revision, dirty, files: walk.files })
    }
}

struct Walk {
    /// Links may not lead out of here.
    boundary: PathBuf,
    /// Links may not lead into these.
    git_directories: Vec<PathBuf>,
    limits: ReadLimits,
    entries: usize,
    bytes: u64,
    /// The real directories from the root to where the walk is; a link to one of them would never end.
    inside: Vec<PathBuf>,
    files: BTreeMap<String, SnapshotFile>,
}

impl Walk {
    /// Reads a directory, given by its real path, as `shown` in the snapshot.
    fn directory(&mut self, real: &Path, shown: &str) -> Result<(), SourceError> {
        if self.inside.len() >= self.limits.depth {
            self.add(shown, SnapshotFile::Unreadable("too many directories inside each other".to_owned()));
            return Ok(());
        }
        let entries = match fs::read_dir(real).and_then(|entries| entries.collect::<Result<Vec<_>, _>>()) {
            Ok(entries) => entries,
            Err(error) if shown.is_empty() => {
                return Err(source_error(format!("failed to read `{}`: {}", real.display(), words(&error)), ""));
            }
            Err(error) => {
                self.add(shown, SnapshotFile::Unreadable(words(&error)));
                return Ok(());
            }
        };
        self.entries += entries.len();
        if self.entries > self.limits.entries {
            let message = format!("more than {} files and directories below `{shown}`", self.limits.entries);
            return Err(source_error(message, "Name the directory of the config repository itself."));
        }
        self.inside.push(real.to_owned());
        for entry in entries {
            let raw = entry.file_name();
            let name = raw.to_string_lossy();
            if !name.starts_with('.') {
                let shown = join(shown, &name);
                if raw.to_str().is_none() {
                    self.add(&shown, SnapshotFile::Unreadable("its name is not UTF-8".to_owned()));
                } else {
                    self.entry(&real.join(&raw), &shown)?;
                }
            }
        }
        self.inside.pop();
        Ok(())
    }

    fn entry(&mut self, path: &Path, shown: &str) -> Result<(), SourceError> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => self.link(path, shown),
            Ok(metadata) if metadata.is_dir() => {
                let is_repository = !self.git_directories.is_empty() && path.join(".git").exists();
                if is_repository { Ok(()) } else { self.directory(path, shown) }
            }
            Ok(metadata) => self.file(path, &metadata, shown),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()), // Removed since the directory was listed.
            Err(error) => {
                self.add(shown, SnapshotFile::Unreadable(words(&error)));
                Ok(())
            }
        }
    }

    fn link(&mut self, path: &Path, shown: &str) -> Result<(), SourceError> {
        let written = fs::read_link(path).map(|target| target.to_string_lossy().into_owned()).unwrap_or_default();
        let bad = SnapshotFile::BadLink(written);
        let Ok(target) = path.canonicalize() else {
            self.add(shown, bad);
            return Ok(());
        };
        let into_git = self.git_directories.iter().any(|directory| target.starts_with(directory));
        if !target.starts_with(&self.boundary) || into_git {
            self.add(shown, bad);
            return Ok(());
        }
        match fs::metadata(&target) {
            Ok(metadata) if metadata.is_dir() => {
                // The check also covers links to a directory above the root, which holds the root again.
                if self.inside.iter().any(|directory| directory.starts_with(&target)) {
                    self.add(shown, bad);
                    return Ok(());
                }
                self.directory(&target, shown)
            }
            Ok(metadata) => self.file(&target, &metadata, shown),
            Err(error) => {
                self.add(shown, SnapshotFile::Unreadable(words(&error)));
                Ok(())
            }
        }
    }

    fn file(&mut self, path: &Path, metadata: &fs::Metadata, shown: &str) -> Result<(), SourceError> {
        if !is_relevant(shown) {
            return Ok(());
        }
        let file = if !metadata.is_file() {
            // Opening a pipe would wait for a writer.
            SnapshotFile::Unreadable("not a regular file".to_owned())
        } else if metadata.len() > self.limits.file_bytes {
            SnapshotFile::TooLarge(metadata.len())
        } else {
            self.content(path)
        };
        if let SnapshotFile::Content(bytes) = &file {
            self.bytes += bytes.len() as u64;
            if self.bytes > self.limits.total_bytes {
                let message = format!("the files hold more than {} bytes together", self.limits.total_bytes);
                return Err(source_error(message, "Name the directory of the config repository itself."));
            }
        }
        self.add(shown, file);
        Ok(())
    }

    fn content(&self, path: &Path) -> SnapshotFile {
        let mut bytes = Vec::new();
        // The file may grow while it is read, so the limit holds here too.
        match File::open(path).and_then(|file| file.take(self.limits.file_bytes + 1).read_to_end(&mut bytes)) {
            Ok(_) if bytes.len() as u64 > self.limits.file_bytes => SnapshotFile::TooLarge(bytes.len() as u64),
            Ok(_) => SnapshotFile::Content(bytes),
            Err(error) => SnapshotFile::Unreadable(words(&error)),
        }
    }

    fn add(&mut self, shown: &str, file: SnapshotFile) {
        self.files.insert(shown.to_owned(), file);
    }
}

/// Says in words why the operating system refused, without its error number.
fn words(error: &std::io::Error) -> String {
    error.kind().to_string()
}

/// Returns the commit of `HEAD`, and whether what is below the path differs from it.
fn head_and_dirt(located: &Located) -> Result<(Option<String>, bool), SourceError> {
    let Located { repository, prefix } = located;
    let commit = match repository.head().and_then(|head| head.peel_to_commit()) {
        Ok(commit) => commit,
        Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
            return Ok((None, false));
        }
        Err(error) => return Err(explain("read `HEAD`", &error)),
    };
    let revision = commit.id().to_string();
    if !prefix.is_empty() {
        let tree = commit.tree().map_err(|error| explain("read the commit of `HEAD`", &error))?;
        if tree.get_path(Path::new(prefix)).is_err() {
            // The commit knows nothing of these files. Where git ignores them they are no part of its history at all.
            let ignored = repository.is_path_ignored(prefix).unwrap_or(false);
            return Ok(if ignored { (None, false) } else { (Some(revision), true) });
        }
    }
    Ok((Some(revision), is_dirty(repository, prefix)?))
}

fn is_dirty(repository: &Repository, prefix: &str) -> Result<bool, SourceError> {
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).include_ignored(false).exclude_submodules(true);
    if !prefix.is_empty() {
        options.disable_pathspec_match(true).pathspec(prefix);
    }
    let statuses = repository
        .statuses(Some(&mut options))
        .map_err(|error| explain("compare the work tree with `HEAD`", &error))?;
    Ok(!statuses.is_empty())
}
