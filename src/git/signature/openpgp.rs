//! Detached OpenPGP signatures (RFC 9580; RFC 4880 keys as GnuPG makes them).

use jiff::Timestamp;
use pgp::composed::{Deserializable, SignedPublicKey, SignedPublicSubKey, StandaloneSignature};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType, SignatureVersion, Subpacket, SubpacketData};
use pgp::types::{KeyDetails, KeyVersion, PublicKeyTrait, Tag};

use super::Distrust;

/// A public key with its subkeys.
#[derive(Debug)]
pub(super) struct Certificate(SignedPublicKey);

/// Reads all keys of a file, armored or binary. The error is a sentence's end.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
    let unusable = |error: pgp::errors::Error| format!("holds no usable OpenPGP public key: {error}");
    let (found, _) = SignedPublicKey::from_reader_many(bytes).map_err(unusable)?;
    let keys = found.map(|key| key.map(Certificate).map_err(unusable)).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err("holds no OpenPGP public key".to_owned()) } else { Ok(keys) }
}

/// Checks a signature. A key must count now, whatever date the signature has: whoever has an expired or stolen key can write
/// any.
pub(super) fn check(keys: &[Certificate], text: &str, payload: &[u8], now: Timestamp) -> Result<(), Distrust> {
    let signature = read_signature(text)?;
    let issuer = issuer(&signature)?;
    let mut outcome = Err(Distrust::UnknownKey(format!("OpenPGP key `{issuer}`")));
    for certificate in keys {
        let checked = match certificate.signer(&signature) {
            None => continue,
            Some(Signer::Primary) => {
                let key = &certificate.0.primary_key;
                judge(&signature, key, payload, certificate.may_sign(now), now)
            }
            Some(Signer::Subkey(subkey)) => {
                let allowed = certificate.may_sign_with(subkey, now);
                judge(&signature, &subkey.key, payload, allowed, now)
            }
        };
        if checked.is_ok() {
            return checked;
        }
        outcome = checked;
    }
    outcome
}

enum Signer<'a> {
    Primary,
    Subkey(&'a SignedPublicSubKey),
}

fn judge(
    signature: &Signature,
    key: &impl PublicKeyTrait,
    payload: &[u8],
    allowed: Result<(), String>,
    now: Timestamp,
) -> Result<(), Distrust> {
    let name = format!("OpenPGP key `{}`", key.fingerprint().to_string().to_uppercase());
    let bad = |why: &str| Distrust::Bad { key: name.clone(), why: why.to_owned() };
    if signature.verify(key, payload).is_err() {
        return Err(bad("it does not fit the commit"));
    }
    let Some(created) = signature.created().map(|time| time.timestamp()) else {
        return Err(bad("it has no date"));
    };
    if created < key.created_at().timestamp() {
        return Err(bad("it is older than the key"));
    }
    if let Some(lifetime) = signature.signature_expiration_time()
        && is_over(created, lifetime.num_seconds(), now)
    {
        return Err(bad("it expired"));
    }
    allowed.map_err(|why| Distrust::KeyRefused { key: name, why })
}

/// Reads the one signature of the text, and refuses what RFC 9580 tells verifiers to refuse.
fn read_signature(text: &str) -> Result<Signature, Distrust> {
    let unreadable = |why: String| Distrust::Unreadable(why);
    let (found, _) =
        StandaloneSignature::from_armor_many(text.as_bytes()).map_err(|error| unreadable(error.to_string()))?;
    let mut found = found.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(error.to_string()))?;
    let signature = match (found.pop(), found.is_empty()) {
        (Some(one), true) => one.signature,
        (Some(_) | None, _) => return Err(unreadable("there must be exactly one".to_owned())),
    };
    if signature.typ() != Some(SignatureType::Binary) {
        return Err(unreadable("it is not one of a document".to_owned()));
    }
    if !is_sound(&signature) {
        return Err(unreadable("its form or its hash is too old, or it demands what is not known".to_owned()));
    }
    Ok(signature)
}

/// Says whether a signature's version and hash count today, and whether everything critical in it is understood.
fn is_sound(signature: &Signature) -> bool {
    let version = matches!(signature.version(), SignatureVersion::V4 | SignatureVersion::V6);
    let hash = matches!(
        signature.hash_alg(),
        Some(
            HashAlgorithm::Sha224
                | HashAlgorithm::Sha256
                | HashAlgorithm::Sha384
                | HashAlgorithm::Sha512
                | HashAlgorithm::Sha3_256
                | HashAlgorithm::Sha3_512
        )
    );
    let is_unknown = |subpacket: &Subpacket| {
        let foreign = matches!(
            subpacket.data,
            SubpacketData::Experimental(..) | SubpacketData::Other(..) | SubpacketData::Notation(_)
        );
        subpacket.is_critical && foreign
    };
    let understood = signature.config().is_some_and(|config| !config.hashed_subpackets().any(is_unknown));
    version && hash && understood
}

/// Names the key that a signature claims: by its fingerprint, or by its id.
fn issuer(signature: &Signature) -> Result<String, Distrust> {
    let fingerprint = signature.issuer_fingerprint().first().map(|fingerprint| fingerprint.to_string());
    let id = signature.issuer().first().map(|id| id.to_string());
    let name = fingerprint.or(id).map(|name| name.to_uppercase());
    name.ok_or_else(|| Distrust::Unreadable("it does not say which key made it".to_owned()))
}

fn is_over(start: i64, lifetime: i64, now: Timestamp) -> bool {
    // No lifetime, and one of zero seconds, mean for ever (RFC 9580, 5.2.3.13).
    lifetime > 0 && now.as_second() >= start.saturating_add(lifetime)
}

impl Certificate {
    /// Finds the key of this certificate that a signature claims to be made with.
    fn signer(&self, signature: &Signature) -> Option<Signer<'_>> {
        let (fingerprints, ids) = (signature.issuer_fingerprint(), signature.issuer());
        let is_named = |key: &dyn KeyDetails| {
            if fingerprints.is_empty() {
                ids.contains(&&key.key_id())
            } else {
                fingerprints.contains(&&key.fingerprint())
            }
        };
        if is_named(&self.0.primary_key) {
            return Some(Signer::Primary);
        }
        self.0.public_subkeys.iter().find(|subkey| is_named(&subkey.key)).map(Signer::Subkey)
    }

    /// Says why the certificate as a whole does not count now; else returns the self-signature that speaks for it.
    fn alive(&self, now: Timestamp) -> Result<&Signature, String> {
        let key = &self.0.primary_key;
        if !matches!(key.version(), KeyVersion::V4 | KeyVersion::V6) {
            return Err("is of a version that no longer counts".to_owned());
        }
        // Not even verified: whoever put the file there put the revocation into it.
        if !self.0.details.revocation_signatures.is_empty() {
            return Err("is revoked".to_owned());
        }
        let direct = self.0.details.direct_signatures.iter().filter(|signature| signature.verify_key(key).is_ok());
        let of_users = self.0.details.users.iter().flat_map(|user| {
            let is_own = |signature: &&Signature| {
                signature.typ() != Some(SignatureType::CertRevocation)
                    && signature.verify_certification(key, Tag::UserId, &user.id).is_ok()
            };
            user.signatures.iter().filter(is_own)
        });
        let newest = newest(direct.chain(of_users), now)
            .ok_or("has no signature of its own that counts (those with SHA-1 do not)")?;
        expiry(newest, key, now)?;
        Ok(newest)
    }

    fn may_sign(&self, now: Timestamp) -> Result<(), String> {
        match flags(self.alive(now)?) {
            // Old keys say nothing, and may do everything that their algorithm can.
            None | Some(true) => Ok(()),
            Some(false) => Err("is not for signing".to_owned()),
        }
    }

    fn may_sign_with(&self, subkey: &SignedPublicSubKey, now: Timestamp) -> Result<(), String> {
        let primary = &self.0.primary_key;
        let name = primary.fingerprint().to_string().to_uppercase();
        self.alive(now).map_err(|why| format!("belongs to the OpenPGP key `{name}`, which {why}"))?;
        if subkey.signatures.iter().any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation)) {
            return Err("is revoked".to_owned());
        }
        let bindings = subkey.signatures.iter().filter(|signature| {
            signature.typ() == Some(SignatureType::SubkeyBinding)
                && signature.verify_subkey_binding(primary, &subkey.key).is_ok()
        });
        let binding = newest(bindings, now).ok_or("is not bound to its primary key")?;
        expiry(binding, &subkey.key, now)?;
        if flags(binding) != Some(true) {
            return Err("is not for signing".to_owned());
        }
        // Without this anybody could claim another's signing key as a subkey of theirs.
        let back = binding.embedded_signature().filter(|back| {
            back.typ() == Some(SignatureType::KeyBinding)
                && is_sound(back)
                && back.verify_primary_key_binding(&subkey.key, primary).is_ok()
        });
        back.map(|_| ()).ok_or_else(|| "did not itself sign that it belongs to its primary key".to_owned())
    }
}

fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>, now: Timestamp) -> Option<&'a Signature> {
    let counts = |signature: &&Signature| {
        let created = signature.created().map(|time| time.timestamp());
        let is_gone = |created: i64| {
            signature.signature_expiration_time().is_some_and(|lifetime| is_over(created, lifetime.num_seconds(), now))
        };
        is_sound(signature) && created.is_some_and(|created| !is_gone(created))
    };
    signatures.filter(counts).max_by_key(|signature| signature.created().map(|time| time.timestamp()))
}

fn expiry(signature: &Signature, key: &impl PublicKeyTrait, now: Timestamp) -> Result<(), String> {
    let start = key.created_at().timestamp();
    match signature.key_expiration_time().map(|lifetime| lifetime.num_seconds()) {
        Some(lifetime) if is_over(start, lifetime, now) => {
            let end = Timestamp::from_second(start.saturating_add(lifetime));
            Err(end.map_or_else(|_| "expired".to_owned(), |end| format!("expired at {end}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Says whether the flags allow signing; `None` when there are no flags.
fn flags(signature: &Signature) -> Option<bool> {
    signature.config()?.hashed_subpackets().find_map(|subpacket| match &subpacket.data {
        SubpacketData::KeyFlags(flags) => Some(flags.sign()),
        _ => None,
    })
}
