//! The memory of passwords: HMAC-SHA-256 under a random key, never the passwords themselves.
//!
//! Key and fingerprints stand in one file, so that they cannot part. Whoever reads it can try guesses, but learns nothing
//! else; it is never shown, and only its user may read it. Each user is bound into the fingerprint, so equal passwords of
//! two users do not look alike.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::{failed, write_atomically};
use crate::domain::names::UserName;
use crate::domain::secret::Secret;
use crate::ports::{CredentialId, PasswordKnowledge, PasswordMemory, StateError};

const KEY_LENGTH: usize = 32;

/// The memory in a file.
pub struct FilePasswordMemory {
    path: PathBuf,
    content: Mutex<Content>,
}

#[derive(Clone)]
struct Content {
    key: Vec<u8>,
    fingerprints: Fingerprints,
}

/// Users to mechanisms to fingerprints in base64.
type Fingerprints = BTreeMap<String, BTreeMap<String, String>>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    key: String,
    fingerprints: Fingerprints,
}

impl FilePasswordMemory {
    /// Reads the file. One that is missing or damaged counts as empty: then every password is written once more.
    pub(super) fn open(path: PathBuf) -> Result<Self, StateError> {
        let content = match std::fs::read(&path) {
            Ok(bytes) => match read(&bytes) {
                Some(content) => content,
                None => {
                    tracing::warn!(path = %path.display(), "the memory of passwords is damaged and starts anew");
                    empty(&path)?
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => empty(&path)?,
            Err(source) => return Err(failed("read", &path, source)),
        };
        Ok(Self { path, content: Mutex::new(content) })
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        // The content is replaced as a whole, so a panic elsewhere leaves nothing half-done in it.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, change: impl FnOnce(&mut Content)) -> Result<(), StateError> {
        let mut current = self.lock();
        // Another process may have written since this one read; writers hold the lock of the directory.
        let mut content = match std::fs::read(&self.path).ok().and_then(|bytes| read(&bytes)) {
            Some(stored) => stored,
            None => current.clone(),
        };
        change(&mut content);
        let stored = Stored { key: STANDARD.encode(&content.key), fingerprints: content.fingerprints.clone() };
        let bytes =
            serde_json::to_vec(&stored).map_err(|error| failed("write", &self.path, io::Error::other(error)))?;
        write_atomically(&self.path, &bytes).map_err(|source| failed("write", &self.path, source))?;
        *current = content;
        Ok(())
    }
}

fn read(bytes: &[u8]) -> Option<Content> {
    let stored: Stored = serde_json::from_slice(bytes).ok()?;
    let key = STANDARD.decode(stored.key).ok().filter(|key| key.len() == KEY_LENGTH)?;
    Some(Content { key, fingerprints: stored.fingerprints })
}

fn empty(path: &std::path::Path) -> Result<Content, StateError> {
    let mut key = vec![0; KEY_LENGTH];
    let no_randomness = |_| failed("make a random key for", path, io::Error::other("the system gives no randomness"));
    SystemRandom::new().fill(&mut key).map_err(no_randomness)?;
    Ok(Content { key, fingerprints: BTreeMap::new() })
}

/// Joins what a fingerprint covers; each part has its length before it, so that no two lists give the same bytes.
fn message(credential: &CredentialId, password: &Secret) -> Secret {
    let iterations = credential.iterations.to_be_bytes();
    let parts: [&[u8]; 4] =
        [credential.user.as_str().as_bytes(), credential.mechanism.as_str().as_bytes(), &iterations, password.expose()];
    let length = parts.iter().map(|part| 8 + part.len()).sum();
    let mut bytes = Vec::with_capacity(length);
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    Secret::new(bytes)
}

impl PasswordMemory for FilePasswordMemory {
    fn verify(&self, credential: &CredentialId, password: &Secret) -> PasswordKnowledge {
        let content = self.lock();
        let known = content
            .fingerprints
            .get(credential.user.as_str())
            .and_then(|mechanisms| mechanisms.get(credential.mechanism.as_str()))
            .and_then(|fingerprint| STANDARD.decode(fingerprint).ok());
        let Some(known) = known else { return PasswordKnowledge::Unknown };
        let key = hmac::Key::new(hmac::HMAC_SHA256, &content.key);
        match hmac::verify(&key, message(credential, password).expose(), &known) {
            Ok(()) => PasswordKnowledge::Verified,
            Err(_) => PasswordKnowledge::Changed,
        }
    }

    fn record(&self, written: &[(CredentialId, Secret)]) -> Result<(), StateError> {
        self.store(|content| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &content.key);
            for (credential, password) in written {
                let tag = hmac::sign(&key, message(credential, password).expose());
                content
                    .fingerprints
                    .entry(credential.user.as_str().to_owned())
                    .or_default()
                    .insert(credential.mechanism.as_str().to_owned(), STANDARD.encode(tag));
            }
        })
    }

    fn forget(&self, users: &BTreeSet<UserName>) -> Result<(), StateError> {
        self.store(|content| content.fingerprints.retain(|user, _| !users.iter().any(|gone| gone.as_str() == user)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::ScramMechanism;

    fn credential(user: &str, iterations: i32) -> CredentialId {
        let user = UserName::parse(user).expect("valid");
        CredentialId { user, mechanism: ScramMechanism::Sha512, iterations }
    }

    fn memory(directory: &tempfile::TempDir) -> FilePasswordMemory {
        FilePasswordMemory::open(directory.path().join("passwords.json")).expect("opens")
    }

    #[test]
    fn a_password_is_recognised_by_the_next_process() {
        let directory = tempfile::tempdir().expect("a directory");
        let alice = credential("alice", 4096);
        let password = Secret::new("hunter2");
        assert_eq!(memory(&directory).verify(&alice, &password), PasswordKnowledge::Unknown);
        memory(&directory).record(&[(alice.clone(), password.clone())]).expect("written");
        let again = memory(&directory);
        assert_eq!(again.verify(&alice, &password), PasswordKnowledge::Verified);
        assert_eq!(again.verify(&alice, &Secret::new("hunter3")), PasswordKnowledge::Changed);
        assert_eq!(again.verify(&credential("alice", 8192), &password), PasswordKnowledge::Changed);
        assert_eq!(again.verify(&credential("bob", 4096), &password), PasswordKnowledge::Unknown);
        again.forget(&BTreeSet::from([alice.user.clone()])).expect("written");
        assert_eq!(memory(&directory).verify(&alice, &password), PasswordKnowledge::Unknown);
    }

    #[test]
    fn what_another_process_wrote_is_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let (first, second) = (memory(&directory), memory(&directory));
        let password = Secret::new("x");
        first.record(&[(credential("alice", 4096), password.clone())]).expect("written");
        second.record(&[(credential("bob", 4096), password.clone())]).expect("written");
        for user in ["alice", "bob"] {
            assert_eq!(memory(&directory).verify(&credential(user, 4096), &password), PasswordKnowledge::Verified);
        }
    }

    #[test]
    fn the_file_shows_no_password_and_only_its_user_reads_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let same = Secret::new("hunter2");
        let written = [(credential("alice", 4096), same.clone()), (credential("bob", 4096), same)];
        memory(&directory).record(&written).expect("written");
        let path = directory.path().join("passwords.json");
        let text = std::fs::read_to_string(&path).expect("is there");
        assert!(!text.contains("hunter2"));
        let stored: Stored = serde_json::from_str(&text).expect("JSON");
        assert_ne!(stored.fingerprints["alice"], stored.fingerprints["bob"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_file_counts_as_empty() {
        let directory = tempfile::tempdir().expect("a directory");
        let alice = credential("alice", 4096);
        memory(&directory).record(&[(alice.clone(), Secret::new("x"))]).expect("written");
        for text in ["", "{", "{\"key\":\"AA==\",\"fingerprints\":{}}"] {
            std::fs::write(directory.path().join("passwords.json"), text).expect("written");
            assert_eq!(memory(&directory).verify(&alice, &Secret::new("x")), PasswordKnowledge::Unknown, "{text}");
        }
    }
}
