//! Whether a commit was signed by somebody whose key lies on this machine.
//!
//! git signs a commit's object without its `gpgsig` header (gitformat-signature(5)): as OpenSSH does files
//! (PROTOCOL.sshsig, namespace `git`), or as a detached OpenPGP signature (RFC 9580). The object is taken apart here and not
//! by libgit2, which looks for the header in the message too.

mod keys;
mod openpgp;
mod signing;
mod ssh;

use git2::{ErrorCode, Oid, Repository};
use jiff::Timestamp;

use super::error::explain;
use crate::ports::{CommitDistrust, SignedCommits, SourceError};

pub use keys::TrustedKeys;
pub use signing::SigningKey;

/// The namespace that git's SSH signatures are made for: a signature for another use does not count.
const NAMESPACE: &str = "git";
/// The longest signature that is looked at. Real ones have less than 4 KiB.
const LONGEST_SIGNATURE: usize = 64 << 10;
/// The message trailer by which a signed commit says which revision its branch replaces.
const REPLACES: &str = "Driftless-Replaces:";

/// Why a commit's signature does not count. Each fits after "The commit `…` ".
#[derive(Debug, Clone, PartialEq, Eq)]
enum Distrust {
    Unsigned,
    /// Nobody whom this machine knows.
    UnknownKey(String),
    /// A key that is known and does not count: expired, revoked, not for signing.
    KeyRefused {
        key: String,
        why: String,
    },
    /// The signature does not fit what is signed.
    Bad {
        key: String,
        why: String,
    },
    /// It is no signature that could be read.
    Unreadable(String),
}

impl Distrust {
    fn words(&self) -> String {
        match self {
            Self::Unsigned => "is not signed".to_owned(),
            Self::UnknownKey(key) => format!("is signed with the {key}, which is none of the trusted keys"),
            Self::KeyRefused { key, why } => format!("is signed with the {key}, which {why}"),
            Self::Bad { key, why } => format!("has a bad signature of the {key}: {why}"),
            Self::Unreadable(why) => format!("has a signature that cannot be read: {why}"),
        }
    }
}

/// Says which commit's signature does not count, oldest first; `None` when all that must be signed are.
pub(super) fn distrusted(
    repository: &Repository,
    keys: &TrustedKeys,
    head: &str,
    commits: &SignedCommits<'_>,
    now: Timestamp,
) -> Result<Option<CommitDistrust>, SourceError> {
    let failed = |error: git2::Error| explain("read the history of the source", &error);
    let head = Oid::from_str(head).map_err(failed)?;
    let ids: Vec<Oid> = match commits {
        SignedCommits::Head => vec![head],
        SignedCommits::EveryOneSince(bases) => {
            let mut ids = since(repository, head, bases).map_err(failed)?;
            if ids.last() != Some(&head) {
                ids.push(head);
            }
            ids
        }
    };
    let odb = repository.odb().map_err(failed)?;
    for id in ids {
        let object = odb.read(id).map_err(failed)?;
        if let Err(distrust) = check(object.data(), keys, now) {
            return Ok(Some(CommitDistrust { commit: id.to_string(), words: distrust.words() }));
        }
    }
    Ok(None)
}

/// Says whether a commit that `head` brings, signed by a trusted key, names `replaced` as what its branch replaces.
pub(super) fn replaces(
    repository: &Repository,
    keys: &TrustedKeys,
    head: &str,
    replaced: &str,
    now: Timestamp,
) -> Result<bool, SourceError> {
    let failed = |error: git2::Error| explain("read the history of the source", &error);
    for id in since(repository, Oid::from_str(head).map_err(failed)?, &[replaced]).map_err(failed)? {
        let commit = repository.find_commit(id).map_err(failed)?;
        let says_so = commit.message().unwrap_or_default().lines().any(|line| {
            let named = line.strip_prefix(REPLACES).map(str::trim);
            named.is_some_and(|named| named.eq_ignore_ascii_case(replaced))
        });
        if says_so {
            let odb = repository.odb().map_err(failed)?;
            let object = odb.read(id).map_err(failed)?;
            if check(object.data(), keys, now).is_ok() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Lists the commits that are reachable from the head and from none of the bases, oldest first. A base that is not there hides
/// nothing.
fn since(repository: &Repository, head: Oid, bases: &[&str]) -> Result<Vec<Oid>, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
    walk.push(head)?;
    for base in bases {
        let Ok(base) = Oid::from_str(base) else { continue };
        match repository.find_commit(base) {
            Ok(_) => walk.hide(base)?,
            Err(error) if error.code() == ErrorCode::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    walk.collect()
}

fn check(object: &[u8], keys: &TrustedKeys, now: Timestamp) -> Result<(), Distrust> {
    let Some(signed) = take_apart(object)? else { return Err(Distrust::Unsigned) };
    match signed.signature.lines().next().unwrap_or_default().trim_end() {
        "-----BEGIN SSH SIGNATURE-----" => ssh::check(&keys.ssh, &signed.signature, &signed.payload, now),
        "-----BEGIN PGP SIGNATURE-----" | "-----BEGIN PGP MESSAGE-----" => {
            openpgp::check(&keys.openpgp, &signed.signature, &signed.payload, now)
        }
        _ => Err(Distrust::Unreadable("it is neither an SSH nor an OpenPGP signature".to_owned())),
    }
}

/// A commit's object, taken apart.
struct Signed {
    signature: String,
    payload: Vec<u8>,
}

/// Takes the signature out of a commit. A commit with two of them is refused: tools differ in which one they look at.
fn take_apart(object: &[u8]) -> Result<Option<Signed>, Distrust> {
    let mut payload = Vec::with_capacity(object.len());
    let mut signature: Option<Vec<u8>> = None;
    let mut in_signature = false;
    let mut rest = object;
    // The header ends at the first empty line; what follows is the message, whatever it looks like.
    while !rest.is_empty() && rest[0] != b'\n' {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        if line[0] == b' ' {
            match (&mut signature, in_signature) {
                (Some(signature), true) => signature.extend_from_slice(&line[1..]),
                (Some(_) | None, _) => payload.extend_from_slice(line),
            }
            continue;
        }
        in_signature = false;
        if let Some(first) = line.strip_prefix(b"gpgsig ") {
            if signature.is_some() {
                return Err(Distrust::Unreadable("there are two of them".to_owned()));
            }
            signature = Some(first.to_vec());
            in_signature = true;
        } else if line.starts_with(b"gpgsig") {
            return Err(Distrust::Unreadable("it is for another kind of object ids".to_owned()));
        } else {
            payload.extend_from_slice(line);
        }
    }
    payload.extend_from_slice(rest);
    let Some(signature) = signature else { return Ok(None) };
    if signature.len() > LONGEST_SIGNATURE {
        return Err(Distrust::Unreadable(format!("it is longer than {LONGEST_SIGNATURE} bytes")));
    }
    let signature = String::from_utf8(signature).map_err(|_| Distrust::Unreadable("it is not text".to_owned()))?;
    Ok(Some(Signed { signature, payload }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(object: &str) -> Result<Option<(String, String)>, Distrust> {
        take_apart(object.as_bytes()).map(|signed| {
            signed.map(|signed| (signed.signature, String::from_utf8(signed.payload).expect("text was given")))
        })
    }

    #[test]
    fn the_signature_is_what_the_header_has_and_all_else_is_signed() {
        let plain = "tree 1\nparent 2\nauthor a\ncommitter b\n\nsubject\n\ngpgsig no\n";
        assert_eq!(parts(plain), Ok(None));
        let signed = "tree 1\ngpgsig one\n two\n \n three\nmergetag object 3\n tag\n\nsubject\n\ngpgsig no\n";
        let payload = "tree 1\nmergetag object 3\n tag\n\nsubject\n\ngpgsig no\n";
        assert_eq!(parts(signed), Ok(Some(("one\ntwo\n\nthree\n".to_owned(), payload.to_owned()))));
        for odd in [
            "tree 1\ngpgsig one\ngpgsig two\n\nsubject\n",
            "tree 1\ngpgsig one\ngpgsig-sha256 two\n\nsubject\n",
            "tree 1\ngpgsigtree 2\n\nsubject\n",
        ] {
            assert!(matches!(parts(odd), Err(Distrust::Unreadable(_))), "{odd}");
        }
        assert_eq!(parts(""), Ok(None));
    }
}
