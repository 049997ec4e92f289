//! Signing the commits of the report branch.

use std::path::Path;

use git2::{Oid, Repository};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::RsaPrivateKeyBuilder;
use openssl::sign::Signer;
use ssh_key::private::RsaKeypair;
use ssh_key::{Algorithm, HashAlg, LineEnding, Mpint, PrivateKey, Signature, SshSig};

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
        let signature = self.sign(content.as_bytes()).map_err(|error| failed(&error))?;
        let signature = signature.to_pem(LineEnding::LF).map_err(|error| failed(&error))?;
        repository.commit_signed(content, &signature, None).map_err(|error| failed(&error.message()))
    }
    fn sign(&self, content: &[u8]) -> Result<SshSig, ssh_key::Error> {
        let Some(key) = self.0.key_data().rsa() else { return self.0.sign(NAMESPACE, HashAlg::Sha512, content) };
        // ssh-key 0.6 takes an RSA key's first prime for both of them, and then refuses the key.
        let data = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, content)?;
        let signature = sign_with_rsa(key, &data).map_err(|_| ssh_key::Error::Crypto)?;
        let signature = Signature::new(Algorithm::Rsa { hash: Some(HashAlg::Sha512) }, signature)?;
        SshSig::new(self.0.public_key().key_data().clone(), NAMESPACE, HashAlg::Sha512, signature)
    }
}

fn sign_with_rsa(key: &RsaKeypair, data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let number = |number: &Mpint| BigNum::from_slice(number.as_bytes());
    let (public, private) = (&key.public, &key.private);
    let builder = RsaPrivateKeyBuilder::new(number(&public.n)?, number(&public.e)?, number(&private.d)?)?;
    let key = PKey::from_rsa(builder.set_factors(number(&private.p)?, number(&private.q)?)?.build())?;
    Signer::new(MessageDigest::sha512(), &key)?.sign_oneshot_to_vec(data)
}
