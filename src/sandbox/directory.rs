//! The files of a directory cluster.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::ports::{ClusterError, ClusterErrorKind};
use crate::recorded;

/// Held while a process reads or writes the directory.
const LOCK_FILE: &str = ".lock";
/// What a file is called until it is whole; the loader passes over names with a dot in front.
const TEMPORARY: &str = ".new-";

/// Reads the files of recorded state below a directory, path (with `/`) to bytes. Other files are passed over.
pub fn read_directory(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>, ClusterError> {
    let mut files = BTreeMap::new();
    collect(directory, "", &mut files).map_err(|error| broken(directory, "read", &error))?;
    Ok(files)
}

fn collect(directory: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if recorded::is_recorded_path(&path) || path == super::FAULTS_FILE {
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// Says that the directory could not be used.
pub(crate) fn broken(directory: &Path, verb: &str, error: &io::Error) -> ClusterError {
    ClusterError {
        message: format!("failed to {verb} the directory cluster `{}`: {error}", directory.display()),
        kind: match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ClusterErrorKind::Settings,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ClusterErrorKind::Settings,
            _ => ClusterErrorKind::Unreachable,
        },
        hint: Some("Name a directory that this user may read, and write for `--sandbox`.".to_owned()),
    }
}

/// A directory that this process holds for itself until the value is dropped.
pub(crate) struct Locked {
    directory: PathBuf,
    _lock: File,
}

impl Locked {
    /// Waits until no other process uses the directory.
    pub(crate) fn acquire(directory: &Path) -> io::Result<Self> {
        let lock = File::options().create(true).append(true).open(directory.join(LOCK_FILE))?;
        lock.lock()?;
        Ok(Self { directory: directory.to_owned(), _lock: lock })
    }

    /// Replaces the files that differ between `before` and `after`, each at once, and then removes those that are gone:
    /// a process that is killed in between leaves whole files only, and loses nothing that was there.
    pub(crate) fn replace(
        &self,
        before: &BTreeMap<String, Vec<u8>>,
        after: &BTreeMap<String, Vec<u8>>,
    ) -> io::Result<()> {
        for (path, bytes) in after.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes)) {
            let target = self.directory.join(path);
            let (parent, name) = (target.parent().unwrap_or(&self.directory), path.rsplit('/').next().unwrap_or(path));
            fs::create_dir_all(parent)?;
            // File names may be as long as a file system allows, so the temporary one is of its own.
            let temporary = parent.join(format!("{TEMPORARY}{}", name.len()));
            File::create(&temporary)?.write_all(bytes)?;
            fs::rename(&temporary, &target)?;
        }
        for path in before.keys().filter(|path| recorded::is_recorded_path(path) && !after.contains_key(*path)) {
            let target = self.directory.join(path);
            fs::remove_file(&target)?;
            // Fails when others are left in it, as it should.
            drop(target.parent().filter(|parent| *parent != self.directory).map(fs::remove_dir));
        }
        Ok(())
    }
}
