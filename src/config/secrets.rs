//! Passwords that manifests refer to by `secretKeyRef {name, key}`.
//!
//! Looked for in this order, and the first that has it wins: the directory (`DIR/name/key`, as Kubernetes mounts secrets),
//! the variable `DRIFTLESS_SECRET_<NAME>_<KEY>`, the age file `secrets/<name>.age` of the repository. A source that has the
//! secret in an unusable form (empty, unreadable) ends the search with a problem: falling through to another password
//! would be a surprise.
//!
//! One line break at the end of a file or variable is left out. Kubernetes mounts have none, but editors and `echo` put one
//! there, and a password that really ends in a line break cannot be typed into a client's properties anyway.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use age::Identity;

use super::age_file;
use super::substitute::{Surroundings, without_line_break};
use crate::domain::operation::Passwords;
use crate::domain::secret::Secret;
use crate::domain::snapshot::{Snapshot, SnapshotFile};
use crate::domain::user::SecretReference;

/// The most bytes of one secret; Kubernetes has the same bound.
const MAX_BYTES: usize = 1024 * 1024;

/// Where passwords may come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretOptions {
    /// A directory with `NAME/KEY`.
    pub directory: Option<PathBuf>,
    /// An age identity file for `secrets/NAME.age` of the repository.
    pub age_identity_file: Option<PathBuf>,
}

/// Why a password cannot be had. Says where it was looked for, and never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("the secret `{reference}` {reason}")]
pub struct SecretProblem {
    /// Which password.
    pub reference: SecretReference,
    /// What is wrong, to fit after "the secret `NAME/KEY`".
    pub reason: String,
}

/// The passwords of one repository at one revision.
pub struct SecretStore<'a> {
    options: &'a SecretOptions,
    snapshot: &'a Snapshot,
    surroundings: Surroundings<'a>,
    state: Mutex<State>,
}

/// What is read once and kept while the store lives.
#[derive(Default)]
struct State {
    identities: Option<Result<Vec<Box<dyn Identity>>, String>>,
    age_files: BTreeMap<String, Result<BTreeMap<String, Secret>, String>>,
    variables: BTreeMap<String, SecretReference>,
}

impl<'a> SecretStore<'a> {
    /// Makes a store; nothing is read yet.
    pub fn new(options: &'a SecretOptions, snapshot: &'a Snapshot, surroundings: Surroundings<'a>) -> Self {
        Self { options, snapshot, surroundings, state: Mutex::default() }
    }

    /// Finds every password, or says for each why it cannot be had.
    pub fn resolve_all<'r>(
        &self,
        references: impl IntoIterator<Item = &'r SecretReference>,
    ) -> (Passwords, Vec<SecretProblem>) {
        let mut passwords = Passwords::default();
        let mut problems = BTreeMap::new();
        for reference in references {
            if passwords.get(reference).is_some() || problems.contains_key(reference) {
                continue;
            }
            match self.resolve(reference) {
                Ok(secret) => passwords.insert(reference.clone(), secret),
                Err(problem) => {
                    problems.insert(reference.clone(), problem);
                }
            }
        }
        (passwords, problems.into_values().collect())
    }

    /// Finds one password. It is UTF-8 and not empty.
    pub fn resolve(&self, reference: &SecretReference) -> Result<Secret, SecretProblem> {
        let problem = |reason: String| SecretProblem { reference: reference.clone(), reason };
        for part in [&reference.name, &reference.key] {
            if !is_plain_name(part) {
                return Err(problem(format!("cannot be looked up: `{part}` is not a plain name")));
            }
        }
        let mut tried = Vec::new();
        for look in [Self::in_directory, Self::in_environment, Self::in_age_file] {
            match look(self, reference, &mut tried).map_err(problem)? {
                Some(secret) if secret.is_empty() => {
                    return Err(problem(format!("is empty in {}", tried.last().map_or("", String::as_str))));
                }
                Some(secret) if std::str::from_utf8(secret.expose()).is_err() => {
                    return Err(problem(format!("is not UTF-8 text in {}", tried.last().map_or("", String::as_str))));
                }
                Some(secret) => return Ok(secret),
                None => {}
            }
        }
        Err(problem(format!("was not found; looked in {}", tried.join(", "))))
    }

    fn in_directory(&self, reference: &SecretReference, tried: &mut Vec<String>) -> Result<Option<Secret>, String> {
        let Some(directory) = &self.options.directory else { return Ok(None) };
        let path = directory.join(&reference.name).join(&reference.key);
        tried.push(format!("the file `{}`", path.display()));
        match read(self.surroundings, &path) {
            Ok(secret) => Ok(Some(secret)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(format!("cannot be read from `{}`: {error}", path.display())),
        }
    }

    fn in_environment(&self, reference: &SecretReference, tried: &mut Vec<String>) -> Result<Option<Secret>, String> {
        let variable = variable_name(reference);
        tried.push(format!("the variable `{variable}`"));
        let Some(value) = (self.surroundings.environment)(&variable) else { return Ok(None) };
        let mut state = self.lock();
        let owner = state.variables.entry(variable.clone()).or_insert_with(|| reference.clone());
        if owner != reference {
            return Err(format!(
                "would come from the variable `{variable}`, which stands for `{owner}` too; use a directory"
            ));
        }
        Ok(Some(Secret::new(without_line_break(&value))))
    }

    fn in_age_file(&self, reference: &SecretReference, tried: &mut Vec<String>) -> Result<Option<Secret>, String> {
        let path = format!("secrets/{}.age", reference.name);
        let Some(file) = self.snapshot.files.get(&path) else {
            tried.push(format!("`{path}` of the repository (no such file)"));
            return Ok(None);
        };
        let Some(identity_file) = &self.options.age_identity_file else {
            tried.push(format!("`{path}` of the repository (which needs `--age-identity`)"));
            return Ok(None);
        };
        tried.push(format!("the key `{}` of `{path}`", reference.key));
        let mut state = self.lock();
        let State { identities, age_files, .. } = &mut *state;
        let identities =
            identities.get_or_insert_with(|| self.identities(identity_file)).as_ref().map_err(String::clone)?;
        let secrets = age_files.entry(path.clone()).or_insert_with(|| {
            let SnapshotFile::Content(bytes) = file else { return Err("cannot be read".to_owned()) };
            age_file::decrypt(bytes, identities)
        });
        match secrets {
            Ok(secrets) => Ok(secrets.get(&reference.key).cloned()),
            Err(reason) => Err(format!("cannot be had: `{path}` {reason}")),
        }
    }

    fn identities(&self, path: &Path) -> Result<Vec<Box<dyn Identity>>, String> {
        let bytes = read(self.surroundings, path)
            .map_err(|error| format!("cannot be had: the age identity `{}` cannot be read: {error}", path.display()))?;
        age_file::read_identities(bytes.expose())
            .map_err(|reason| format!("cannot be had: the age identity `{}` {reason}", path.display()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic while the lock was held leaves only caches behind, which are whole after every step.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Reads a file that holds a secret, without one line break at its end.
pub fn read(surroundings: Surroundings<'_>, path: &Path) -> io::Result<Secret> {
    let mut bytes = (surroundings.read_file)(path)?;
    if bytes.len() > MAX_BYTES {
        return Err(io::Error::other(format!("it is larger than {MAX_BYTES} bytes")));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(Secret::new(bytes))
}

/// Returns the variable that may hold a secret. Several references can have the same one: the store refuses the second.
fn variable_name(reference: &SecretReference) -> String {
    let upper = |part: &str| -> String {
        part.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
    };
    format!("DRIFTLESS_SECRET_{}_{}", upper(&reference.name), upper(&reference.key))
}

/// Says whether a name from a manifest stays inside the directory that it is looked up in.
fn is_plain_name(name: &str) -> bool {
    !matches!(name, "" | ".") && !name.starts_with("..") && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
