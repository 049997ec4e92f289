//! A lease by a lock on a file, for agents on one machine or on a shared disk whose locks are kept (local disks, NFS 4).

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::failed;
use crate::ports::{Lease, StateError};

/// Time between two tries to get the lock, and between two looks at whether the file is still the one that was locked.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// A lease by a lock on a file. The system gives the lock back when the process ends, however it ends.
pub struct FileLease {
    environments: BTreeSet<String>,
    path: PathBuf,
    locked: Arc<Mutex<Option<File>>>,
    mine: Arc<watch::Sender<BTreeSet<String>>>,
    tries: tokio::task::JoinHandle<()>,
}

impl FileLease {
    /// Opens the file, which is made when it is missing, and goes on trying to lock it. Needs a running tokio.
    pub fn open(path: &Path, environments: BTreeSet<String>) -> Result<Self, StateError> {
        let locked = Arc::new(Mutex::new(None));
        let mine = Arc::new(watch::Sender::new(BTreeSet::new()));
        let first = lock_file(path).map_err(|source| failed("lock", path, source))?;
        take(&locked, &mine, &environments, first);
        let tries =
            tokio::spawn(keep_trying(path.to_owned(), environments.clone(), Arc::clone(&locked), Arc::clone(&mine)));
        Ok(Self { environments, path: path.to_owned(), locked, mine, tries })
    }
}

#[async_trait]
impl Lease for FileLease {
    fn holds(&self, environment: &str) -> bool {
        let locked = guard(&self.locked);
        self.environments.contains(environment) && locked.as_ref().is_some_and(|file| is_still(file, &self.path))
    }

    fn mine(&self) -> watch::Receiver<BTreeSet<String>> {
        self.mine.subscribe()
    }

    fn acting(&self) -> Box<dyn Send> {
        // A lock is not taken away while it is held.
        Box::new(())
    }

    async fn give_up(&self) {
        self.tries.abort();
        self.mine.send_replace(BTreeSet::new());
        guard(&self.locked).take();
    }
}

impl Drop for FileLease {
    fn drop(&mut self) {
        self.tries.abort();
    }
}

async fn keep_trying(
    path: PathBuf,
    environments: BTreeSet<String>,
    locked: Arc<Mutex<Option<File>>>,
    mine: Arc<watch::Sender<BTreeSet<String>>>,
) {
    loop {
        tokio::time::sleep(BETWEEN_TRIES).await;
        let is_held = guard(&locked).as_ref().map(|file| is_still(file, &path));
        match is_held {
            Some(true) => {}
            // Somebody removed or replaced the file, and may lock the new one.
            Some(false) => {
                mine.send_replace(BTreeSet::new());
                guard(&locked).take();
            }
            None => match lock_file(&path) {
                Ok(file) => take(&locked, &mine, &environments, file),
                Err(error) => tracing::warn!(file = %path.display(), problem = %error, "the lease cannot be asked for"),
            },
        }
    }
}

fn take(
    locked: &Mutex<Option<File>>,
    mine: &watch::Sender<BTreeSet<String>>,
    environments: &BTreeSet<String>,
    file: Option<File>,
) {
    if file.is_some() {
        *guard(locked) = file;
        mine.send_replace(environments.clone());
    }
}

fn guard(locked: &Mutex<Option<File>>) -> MutexGuard<'_, Option<File>> {
    locked.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks the file; `None` when another process has it.
fn lock_file(path: &Path) -> std::io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Says whether the path still leads to the locked file.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(locked), Ok(there)) => (locked.dev(), locked.ino()) == (there.dev(), there.ino()),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

#[cfg(not(unix))]
fn is_still(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environments() -> BTreeSet<String> {
        BTreeSet::from(["prod".to_owned()])
    }

    #[tokio::test]
    async fn one_of_two_holds_it_and_the_other_takes_over_when_it_is_given_up() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lease");
        let first = FileLease::open(&path, environments()).expect("opened");
        let second = FileLease::open(&path, environments()).expect("opened");
        assert!(first.holds("prod") && !second.holds("prod") && !first.holds("dev"));
        let mut mine = second.mine();
        first.give_up().await;
        assert!(!first.holds("prod"));
        let taken = tokio::time::timeout(Duration::from_secs(10), mine.wait_for(|mine| !mine.is_empty())).await;
        assert!(taken.is_ok_and(|held| held.is_ok()) && second.holds("prod"));
    }

    #[tokio::test]
    async fn a_file_that_was_replaced_is_no_lease_any_more() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lease");
        let lease = FileLease::open(&path, environments()).expect("opened");
        assert!(lease.holds("prod"));
        std::fs::remove_file(&path).expect("removed");
        assert!(!lease.holds("prod"));
        assert!(FileLease::open(&directory.path().join("no/such/lease"), environments()).is_err());
    }
}
