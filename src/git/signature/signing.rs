//! Signing the commits of the report branch.

use std::path::Path;

use git2::{Oid, Repository};
use ssh_key::{HashAlg, LineEnding, PrivateKey};

use super::NAMESPACE;
use crate::git::error::source_error;
use crate::ports::SourceError;

/// A private SSH key. Has no `Debug`: it is a secret.
#[derive(Clone)]
pub struct SigningKey(PrivateKey);

impl SigningKey {
    /// Reads an OpenSSH private key without a passphrase.
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let unusable = |why: &str| {
            let message = format!("the signing key `{}` cannot be used: {why}", path.display());
            source_error(
                message,
                "`report.signingKeyFile` is a private SSH key without a passphrase, as `ssh-keygen -t ed25519 -N ''` makes it.",
            )
        };
        let text = std::fs::read_to_string(path).map_err(|error| unusable(&error.kind().to_string()))?;
        // The library's words could hold parts of the file.
        let key = PrivateKey::from_openssh(text.as_bytes()).map_err(|_| unusable("it is no OpenSSH private key"))?;
        if key.is_encrypted() {
            return Err(unusable("it has a passphrase"));
        }
        Ok(Self(key))
    }

    /// Writes a commit's object with a signature; moves no reference. `content` is the object without one.
    pub(in crate::git) fn commit(&self, repository: &Repository, content: &str) -> Result<Oid, SourceError> {
        let failed = |error: &dyn std::fmt::Display| source_error(format!("failed to sign the report: {error}"), "");
        let signature = self.0.sign(NAMESPACE, HashAlg::Sha512, content.as_bytes()).map_err(|error| failed(&error))?;
        let signature = signature.to_pem(LineEnding::LF).map_err(|error| failed(&error))?;
        repository.commit_signed(content, &signature, None).map_err(|error| failed(&error.message()))
    }
}
