//! The adapter for driftless' own directory on this machine: the journal of an apply, and the memory of passwords.
//!
//! Losing the directory costs one rewrite of the passwords, and the ownership of what an apply that was killed had made
//! and not yet reported. Layout: `ENVIRONMENT/CLUSTER-ID/{journal.jsonl,passwords.json,lock}`, readable by its user only.

mod agent;
mod file_lease;
mod journal;
mod passwords;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use agent::FileAgentMemory;
pub use file_lease::FileLease;
pub use journal::FileJournal;
pub use passwords::FilePasswordMemory;

use crate::ports::{Journal, LocalClusterState, LocalState, PasswordMemory, StateError};

/// The part of the directory that belongs to one environment on one cluster.
#[derive(Debug, Clone)]
pub struct ClusterState {
    directory: PathBuf,
}

/// Held while something is applied; given back when it is dropped, also by a kill.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

impl StateLock {
    /// Locks a file, which is made when it is missing. Does not wait: `holder` says who has it, `hint` what to do then.
    fn take(path: &Path, holder: &str, hint: &str) -> Result<Self, StateError> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|source| failed("open", path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StateError {
                message: format!("{holder} and holds `{}`", path.display()),
                hint: Some(hint.to_owned()),
                source: None,
            }),
            Err(TryLockError::Error(source)) => Err(failed("lock", path, source)),
        }
    }
}

impl ClusterState {
    /// Names the directory. It is made by the first write, so that a plan leaves nothing behind.
    pub fn new(root: &Path, environment: &str, cluster_id: &str) -> Self {
        Self { directory: root.join(file_name(environment)).join(file_name(cluster_id)) }
    }

    /// Makes sure that only one apply at a time writes to this cluster from here. Does not wait.
    pub fn lock(&self) -> Result<StateLock, StateError> {
        let path = self.directory.join("lock");
        make_directory(&self.directory).map_err(|source| failed("make the directory", &self.directory, source))?;
        StateLock::take(
            &path,
            "another driftless is applying to this cluster",
            "Wait until it has ended, then run again.",
        )
    }

    /// Returns the journal.
    pub fn journal(&self) -> FileJournal {
        FileJournal::new(self.directory.join("journal.jsonl"))
    }

    /// Reads the memory of passwords.
    pub fn passwords(&self) -> Result<FilePasswordMemory, StateError> {
        FilePasswordMemory::open(self.directory.join("passwords.json"))
    }
}

/// The directory, as the pass uses it.
#[derive(Debug, Clone)]
pub struct StateDirectory {
    root: PathBuf,
}

impl StateDirectory {
    /// Names the directory; it is made when it is first needed.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }
}

impl LocalState for StateDirectory {
    fn open(&self, environment: &str, cluster_id: &str) -> Result<Box<dyn LocalClusterState>, StateError> {
        let state = ClusterState::new(&self.root, environment, cluster_id);
        let (journal, passwords) = (state.journal(), state.passwords()?);
        Ok(Box::new(OpenState { state, journal, passwords }))
    }
}

struct OpenState {
    state: ClusterState,
    journal: FileJournal,
    passwords: FilePasswordMemory,
}

impl LocalClusterState for OpenState {
    fn lock(&self) -> Result<Box<dyn Send>, StateError> {
        let lock = self.state.lock()?;
        Ok(Box::new(lock))
    }

    fn journal(&self) -> &dyn Journal {
        &self.journal
    }

    fn passwords(&self) -> &dyn PasswordMemory {
        &self.passwords
    }
}

/// Turns a name into one that is a plain file name everywhere: other characters become `%XX`.
fn file_name(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(unix)]
fn make_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

fn failed(what: &str, path: &Path, source: io::Error) -> StateError {
    StateError {
        message: format!("failed to {what} `{}`", path.display()),
        hint: Some("driftless keeps its own state there; choose another directory with `--state DIR`.".to_owned()),
        source: Some(source),
    }
}

/// Replaces a file by one that only its owner may read. After a crash it is the old or the new one, whole.
fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    make_directory(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// Makes the names in a directory durable.
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_the_directory() {
        let root = tempfile::tempdir().expect("a directory");
        for name in ["..", "a/b", ".", "../../x", "prod"] {
            let state = ClusterState::new(root.path(), name, name);
            assert_eq!(state.directory.parent().and_then(Path::parent), Some(root.path()), "{name}");
        }
        assert_ne!(file_name("a/b"), file_name("a_b"));
    }

    #[test]
    fn looking_leaves_nothing_behind() {
        let root = tempfile::tempdir().expect("a directory");
        let directory = StateDirectory::new(root.path().join("state"));
        let state = directory.open("prod", "id").expect("opens");
        assert_eq!(state.journal().read().expect("empty").runs, []);
        state.journal().clear().expect("nothing to clear");
        assert!(!root.path().join("state").exists());
        let run = crate::ports::JournalRun {
            plan_id: "p".to_owned(),
            environment: "prod".to_owned(),
            cluster_id: "id".to_owned(),
            recorded: None,
        };
        state.journal().begin(&run).expect("makes what it needs");
        assert_eq!(state.journal().read().expect("one run").runs, [(run, Vec::new())]);
    }

    #[test]
    fn two_applies_at_a_time_are_refused() {
        let root = tempfile::tempdir().expect("a directory");
        let state = ClusterState::new(root.path(), "prod", "id");
        let held = state.lock().expect("is free");
        assert!(state.lock().expect_err("is held").message.contains("another driftless"));
        drop(held);
        assert!(state.lock().is_ok());
    }
}
