//! The public keys on this machine that are trusted.

use std::path::{Path, PathBuf};

use super::openpgp::{self, Certificate};
use super::ssh::{self, SshKey};
use crate::git::error::source_error;
use crate::ports::SourceError;

/// The largest key file that is read.
const LARGEST_FILE: u64 = 4 << 20;
const HINT: &str = "`source.verify.keys` names files or directories with `*.pub`, `*.asc`, `*.gpg`, `*.pgp` or `*allowed_signers*` files.";

/// Keys whose signatures count.
#[derive(Debug, Default)]
pub struct TrustedKeys {
    pub(super) ssh: Vec<SshKey>,
    pub(super) openpgp: Vec<Certificate>,
}

impl TrustedKeys {
    /// Reads these files, and the key files of these directories.
    ///
    /// In a directory, files of other names, hidden ones and directories are left out: a key that is not read is not
    /// trusted. Everything else must be understood, and at least one key must be there.
    pub fn read(paths: &[PathBuf]) -> Result<Self, SourceError> {
        let mut keys = Self::default();
        for path in paths {
            let failed = |error: std::io::Error| unusable(path, &format!("cannot be read: {error}"));
            if !std::fs::metadata(path).map_err(failed)?.is_dir() {
                keys.read_file(path)?;
                continue;
            }
            let mut files = Vec::new();
            for entry in std::fs::read_dir(path).map_err(failed)? {
                let file = entry.map_err(failed)?.path();
                if is_key_file(&file) {
                    files.push(file);
                }
            }
            files.sort();
            for file in files {
                keys.read_file(&file)?;
            }
        }
        if keys.ssh.is_empty() && keys.openpgp.is_empty() {
            return Err(source_error("there is no trusted key in what `source.verify.keys` names", HINT));
        }
        Ok(keys)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), SourceError> {
        let failed = |error: std::io::Error| unusable(path, &format!("cannot be read: {error}"));
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() || metadata.len() > LARGEST_FILE {
            return Err(unusable(path, &format!("is no file of at most {LARGEST_FILE} bytes")));
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        let is_armored = bytes.trim_ascii_start().starts_with(b"-----BEGIN PGP ");
        // The first byte of a binary key has its highest bit set, and no line of OpenSSH's starts like that.
        if is_armored || bytes.first().is_some_and(|byte| *byte >= 0x80) {
            self.openpgp.extend(openpgp::read(&bytes).map_err(|why| unusable(path, &why))?);
            return Ok(());
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| unusable(path, "is neither text nor an OpenPGP key"))?;
        for (number, line) in text.lines().enumerate() {
            let key = ssh::read_line(line).map_err(|why| unusable(path, &format!("line {}: {why}", number + 1)))?;
            self.ssh.extend(key);
        }
        Ok(())
    }
}

fn is_key_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let is_named = [".pub", ".asc", ".gpg", ".pgp"].iter().any(|end| name.ends_with(end));
    !name.starts_with('.') && (is_named || name.contains("allowed_signers")) && !path.is_dir()
}

fn unusable(path: &Path, why: &str) -> SourceError {
    source_error(format!("the trusted keys `{}` cannot be used: it {why}", path.display()), HINT)
}
