//! How to authenticate to a git server.

use std::path::{Path, PathBuf};

use git2::{Config, Cred, CredentialType, Error, ErrorClass, ErrorCode, Progress, RemoteCallbacks};

use super::server_trust;
use super::timeouts::Signs;
use crate::domain::secret::Secret;

/// The most bytes that one fetch may bring. A config repository with all of its history has a small part of that; a hostile one must
/// not fill the disk.
const LARGEST_TRANSFER: usize = 4 << 30;
/// The largest file that is taken for a password.
const LARGEST_SECRET: u64 = 64 << 10;

/// How to authenticate to a remote. All of it is optional: then the ssh agent and git's credential helper are asked,
/// as git itself does. Holds no secret, only where secrets are.
#[derive(Debug, Clone, Default)]
pub struct RemoteAccess {
    /// User name for https, and for ssh when the URL has none. Default: `git` for ssh, `x-access-token` with a token.
    pub user: Option<String>,
    /// File with the password or token for https. Read for every connection, so that a renewed one counts.
    pub token_file: Option<PathBuf>,
    /// Private key for ssh; without it the ssh agent is asked.
    pub ssh_key_file: Option<PathBuf>,
    /// File with the passphrase of that key.
    pub ssh_key_passphrase_file: Option<PathBuf>,
    /// Host keys that are trusted, instead of those in `~/.ssh/known_hosts`.
    pub known_hosts_file: Option<PathBuf>,
    /// Certificates that are trusted for https, beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// Makes the callbacks that give libgit2 one credential after the other, each once: libgit2 asks again and again for
/// as long as it gets an answer. `goes_on` is asked while objects come.
pub(super) fn callbacks<'a>(
    access: &'a RemoteAccess,
    config: Config,
    url: &str,
    signs: &Signs,
    mut goes_on: impl FnMut(&Progress<'_>) -> bool + 'a,
) -> RemoteCallbacks<'a> {
    let mut callbacks = RemoteCallbacks::new();
    let mut tried = Tried::default();
    callbacks.credentials(move |url, user, allowed| tried.next(access, &config, url, user, allowed));
    let came = signs.clone();
    let mut resolved = 0;
    callbacks.transfer_progress(move |progress| {
        came.transferred(progress.received_bytes());
        if progress.indexed_deltas() > resolved {
            resolved = progress.indexed_deltas();
            came.works();
        }
        progress.received_bytes() <= LARGEST_TRANSFER && goes_on(&progress)
    });
    let (said, went) = (signs.clone(), signs.clone());
    callbacks.sideband_progress(move |_| {
        said.said();
        true
    });
    callbacks.push_transfer_progress(move |_, _, bytes| went.transferred(bytes));
    let port = port(url);
    callbacks.certificate_check(move |certificate, host| server_trust::check(access, certificate, host, port));
    callbacks
}

/// Returns the port that a URL names.
fn port(url: &str) -> Option<u16> {
    url::Url::parse(url).ok()?.port()
}

#[derive(Default)]
struct Tried {
    user_name: bool,
    key_file: bool,
    agent: bool,
    token: bool,
    helper: bool,
    ambient: bool,
}

impl Tried {
    fn next(
        &mut self,
        access: &RemoteAccess,
        config: &Config,
        url: &str,
        url_user: Option<&str>,
        allowed: CredentialType,
    ) -> Result<Cred, Error> {
        let user = url_user.or(access.user.as_deref());
        let ssh_user = user.unwrap_or("git");
        if allowed.contains(CredentialType::USERNAME) && first(&mut self.user_name) {
            return Cred::username(ssh_user);
        }
        if allowed.contains(CredentialType::SSH_KEY) {
            if let Some(file) = &access.ssh_key_file {
                if first(&mut self.key_file) {
                    return ssh_key(ssh_user, file, access.ssh_key_passphrase_file.as_deref());
                }
            } else if first(&mut self.agent) {
                return Cred::ssh_key_from_agent(ssh_user);
            }
        }
        if allowed.contains(CredentialType::USER_PASS_PLAINTEXT) {
            if let Some(file) = &access.token_file {
                if first(&mut self.token) {
                    let token = read(file)?;
                    return Cred::userpass_plaintext(user.unwrap_or("x-access-token"), text(&token)?);
                }
            } else if first(&mut self.helper) {
                return Cred::credential_helper(config, url, user).map_err(|_| refused(self.what_was_tried()));
            }
        }
        if allowed.contains(CredentialType::DEFAULT) && first(&mut self.ambient) {
            return Cred::default();
        }
        Err(refused(self.what_was_tried()))
    }

    fn what_was_tried(&self) -> String {
        let tried = [
            (self.key_file, "the configured ssh key"),
            (self.agent, "the ssh agent"),
            (self.token, "the configured token"),
            (self.helper, "git's credential helper"),
        ];
        let tried: Vec<&str> = tried.into_iter().filter(|(was, _)| *was).map(|(_, name)| name).collect();
        if tried.is_empty() {
            return "it wants a kind of credential that driftless does not have".to_owned();
        }
        format!("{} gave nothing that it accepts", tried.join(" and "))
    }
}

/// Says whether this is the first time, and remembers that it was.
fn first(tried: &mut bool) -> bool {
    !std::mem::replace(tried, true)
}

fn ssh_key(user: &str, file: &Path, passphrase_file: Option<&Path>) -> Result<Cred, Error> {
    if !file.is_file() {
        let message = format!("the ssh key file `{}` is not there", file.display());
        return Err(Error::new(ErrorCode::Auth, ErrorClass::Ssh, message));
    }
    if passphrase_file.is_none() && has_passphrase(file) {
        let message = format!(
            "the ssh key file `{}` has a passphrase, and `sshKeyPassphraseFile` names no file with it",
            file.display()
        );
        return Err(Error::new(ErrorCode::Auth, ErrorClass::Callback, message));
    }
    let passphrase = passphrase_file.map(read).transpose()?;
    Cred::ssh_key(user, None, file, passphrase.as_ref().map(text).transpose()?)
}

/// Says whether a private key is encrypted: one of OpenSSH says so in its body, one in PEM in its head. What cannot be read is left to
/// libssh2, which says so.
fn has_passphrase(file: &Path) -> bool {
    let Ok(key) = read(file) else { return false };
    match ssh_key::PrivateKey::from_openssh(key.expose()) {
        Ok(key) => key.is_encrypted(),
        Err(_) => std::str::from_utf8(key.expose()).is_ok_and(|text| text.contains("ENCRYPTED")),
    }
}

fn read(file: &Path) -> Result<Secret, Error> {
    let failed = |why: &dyn std::fmt::Display| {
        Error::new(ErrorCode::Auth, ErrorClass::Callback, format!("`{}` cannot be read: {why}", file.display()))
    };
    let size = std::fs::metadata(file).map_err(|error| failed(&error.kind()))?.len();
    if size > LARGEST_SECRET {
        return Err(failed(&format!("it has more than {LARGEST_SECRET} bytes")));
    }
    std::fs::read(file).map(Secret::new).map_err(|error| failed(&error.kind()))
}

fn text(secret: &Secret) -> Result<&str, Error> {
    let text = std::str::from_utf8(secret.expose()).map(str::trim_end);
    text.map_err(|_| Error::new(ErrorCode::Auth, ErrorClass::Callback, "the configured secret is not UTF-8"))
}

fn refused(tried: String) -> Error {
    Error::new(ErrorCode::Auth, ErrorClass::Callback, format!("the server refuses the credentials: {tried}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_credential_is_offered_once_and_then_the_error_says_what_was_tried() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "hunter2\n").expect("written");
        let access = RemoteAccess { token_file: Some(file.path().to_owned()), ..RemoteAccess::default() };
        let config = Config::new().expect("a configuration");
        let mut tried = Tried::default();
        let mut ask =
            || tried.next(&access, &config, "https://git.example.org/a", None, CredentialType::USER_PASS_PLAINTEXT);
        assert!(ask().is_ok());
        let error = ask().err().expect("a refusal");
        assert_eq!(error.code(), ErrorCode::Auth);
        assert!(error.message().contains("the configured token"), "{}", error.message());
        assert!(!error.message().contains("hunter2"));
        drop(file);
        let answer =
            Tried::default().next(&access, &config, "https://host/a", None, CredentialType::USER_PASS_PLAINTEXT);
        assert!(answer.err().expect("a refusal").message().contains("cannot be read"));
    }

    #[test]
    fn a_missing_key_file_is_named() {
        let file = PathBuf::from("/nowhere/id_ed25519");
        let access = RemoteAccess { ssh_key_file: Some(file), ..RemoteAccess::default() };
        let config = Config::new().expect("a configuration");
        let answer = Tried::default().next(&access, &config, "ssh://host/a", Some("git"), CredentialType::SSH_KEY);
        assert!(answer.err().expect("a refusal").message().contains("`/nowhere/id_ed25519`"));
    }
}
