//! From libgit2's errors to what a person can do about them.

use std::path::Path;

use git2::{ErrorClass, ErrorCode};

use crate::ports::SourceError;

/// Makes an error without a cause in git.
pub(super) fn source_error(message: impl Into<String>, hint: &str) -> SourceError {
    let hint = if hint.is_empty() { None } else { Some(hint.to_owned()) };
    SourceError { message: plain(&message.into()), hint }
}

/// Writes out what a terminal would obey: messages quote what servers and repositories say.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => plain.push(' '),
            c if c.is_control() => plain.extend(c.escape_default()),
            c => plain.push(c),
        }
    }
    plain
}

/// Explains an error of libgit2. `action` completes "failed to ...".
pub(super) fn explain(action: &str, error: &git2::Error) -> SourceError {
    let words = error.message().trim().trim_end_matches('.');
    SourceError { message: plain(&format!("failed to {action}: {words}")), hint: hint(error).map(str::to_owned) }
}

/// Explains why a repository cannot be opened.
pub(super) fn explain_open(path: &Path, error: &git2::Error) -> SourceError {
    let path = path.display();
    if error.code() == ErrorCode::Owner {
        return SourceError {
            message: format!("the git repository at `{path}` belongs to another user, so git does not trust it"),
            hint: Some(format!(
                "If you trust it, run `git config --global --add safe.directory {path}` as the user that runs driftless."
            )),
        };
    }
    explain(&format!("open the git repository at `{path}`"), error)
}

fn hint(error: &git2::Error) -> Option<&'static str> {
    match (error.code(), error.class()) {
        (ErrorCode::Auth, _) => Some(
            "Check the credentials: a key in the ssh agent, the configured key file, git's credential helper, or a token \
             that may write to this repository.",
        ),
        (ErrorCode::Certificate, ErrorClass::Ssh) => Some(
            "The server's host key is not in `~/.ssh/known_hosts` or the agent's `knownHostsFile`, or has changed; check it and add it there.",
        ),
        (ErrorCode::Certificate, _) | (_, ErrorClass::Ssl) => {
            Some("The server's certificate is not trusted; add its authority to the system's trust store.")
        }
        (_, ErrorClass::Net | ErrorClass::Http) => Some("Check the address of the remote, and the network."),
        (_, ErrorClass::Ssh) => Some("Check the address of the remote, its host key, and the ssh key."),
        (ErrorCode::Locked, _) => {
            Some("Another git process is at work there; if none is, remove the `.lock` file that the message names.")
        }
        _ => None,
    }
}

/// Takes the user information out of a URL, since it may hold a token.
pub(super) fn redact_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// Takes a URL's user information out of an error that may quote it.
pub(super) fn redact(error: SourceError, url: &str) -> SourceError {
    SourceError { message: error.message.replace(url, &redact_url(url)), hint: error.hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_user_and_password() {
        let cases = [
            ("https://me:token@git.example.org/a/b@c.git", "https://git.example.org/a/b@c.git"),
            ("https://git.example.org/a.git", "https://git.example.org/a.git"),
            ("ssh://git@host:22/a.git", "ssh://host:22/a.git"),
            ("git@host:a.git", "git@host:a.git"),
            ("/srv/git/a.git", "/srv/git/a.git"),
        ];
        for (url, shown) in cases {
            assert_eq!(redact_url(url), shown);
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        let error = git2::Error::from_str("the name 'a\x1b[31m\tb' is\nnot valid");
        assert_eq!(explain("fetch", &error).message, "failed to fetch: the name 'a\\u{1b}[31m\\tb' is not valid");
    }

    #[test]
    fn a_repository_of_another_user_says_how_to_trust_it() {
        let error = git2::Error::new(ErrorCode::Owner, ErrorClass::Config, "not owned by current user");
        let explained = explain_open(Path::new("/srv/kafka"), &error);
        assert!(explained.hint.expect("a hint").contains("safe.directory /srv/kafka"));
    }
}
