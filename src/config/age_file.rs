//! Age-encrypted secrets of the repository: `secrets/NAME.age`, a YAML map of keys to passwords.

use std::collections::BTreeMap;
use std::io::Read;

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Identity};

use super::tree::{self, Value};
use crate::domain::secret::Secret;

/// The identities of an identity file, as `age-keygen` writes it. Problems are fragments that hold no key.
pub(crate) fn read_identities(bytes: &[u8]) -> Result<Vec<Box<dyn Identity>>, String> {
    if bytes.starts_with(b"age-encryption.org/") || bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        return Err(
            "is itself encrypted with a passphrase, and nobody is there to type it; decrypt it into a file that only \
                    this user may read"
                .to_owned(),
        );
    }
    if bytes.starts_with(b"-----BEGIN") {
        return Err("is an SSH key; only age's own identities (`AGE-SECRET-KEY-1…`) are read".to_owned());
    }
    let no_identity = || "is not an age identity file as `age-keygen` writes it".to_owned();
    let identities = age::IdentityFile::from_buffer(bytes)
        .map_err(|_| no_identity())?
        .into_identities()
        .map_err(|_| no_identity())?;
    if identities.is_empty() { Err("holds no identity".to_owned()) } else { Ok(identities) }
}

/// Decrypts a file, armoured or not, and reads its map. Problems are fragments that hold nothing of what is inside.
pub(crate) fn decrypt(bytes: &[u8], identities: &[Box<dyn Identity>]) -> Result<BTreeMap<String, Secret>, String> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(bytes)).map_err(describe)?;
    if decryptor.is_scrypt() {
        return Err("is encrypted with a passphrase; encrypt it to a recipient (`age -r`)".to_owned());
    }
    let reader =
        decryptor.decrypt(identities.iter().map(|identity| identity.as_ref() as &dyn Identity)).map_err(describe)?;
    let mut plain = Vec::new();
    let most = u64::try_from(tree::MAX_BYTES).unwrap_or(u64::MAX);
    let outcome = reader.take(most + 1).read_to_end(&mut plain);
    let plain = Secret::new(plain);
    outcome.map_err(|_| "is damaged: its content does not match its authentication code".to_owned())?;
    if plain.expose().len() > tree::MAX_BYTES {
        return Err(format!("holds more than {} bytes", tree::MAX_BYTES));
    }
    let text = std::str::from_utf8(plain.expose()).map_err(|_| "does not hold UTF-8 text".to_owned())?;
    read_map(text)
}

fn read_map(text: &str) -> Result<BTreeMap<String, Secret>, String> {
    let node = tree::parse(text)
        .map_err(|problem| format!("does not hold a YAML map: {} (line {})", problem.message, problem.line))?;
    let Value::Map(entries) = node.value else {
        return Err(format!("holds {}, and must hold a YAML map of keys to passwords", node.value.type_name()));
    };
    let mut secrets = BTreeMap::new();
    for entry in entries {
        let Value::Scalar(text) = entry.value.value else {
            let found = entry.value.value.type_name();
            return Err(format!(
                "has {found} under one of its keys (line {}), and must have a password there",
                entry.line
            ));
        };
        secrets.insert(entry.key, Secret::new(text));
    }
    Ok(secrets)
}

fn describe(error: DecryptError) -> String {
    match error {
        DecryptError::NoMatchingKeys => "is encrypted to other recipients than this identity".to_owned(),
        DecryptError::InvalidHeader | DecryptError::UnknownFormat | DecryptError::Io(_) => {
            "is not an age file".to_owned()
        }
        DecryptError::InvalidMac | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            "is damaged: it does not match its authentication code".to_owned()
        }
        DecryptError::ExcessiveWork { .. } => "asks for too much work to be decrypted".to_owned(),
    }
}
