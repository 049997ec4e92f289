//! Pushing to a repository on the same machine.
//!
//! libgit2's own way overwrites the remote's branch without looking whether it moved since it was read, so of two
//! pushes at once one is lost; and it does not run the remote's hooks. So here the objects are written as a pack and
//! the branch moves only from the value it was checked against; where the remote has hooks, the program `git` pushes.

use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use git2::{ErrorCode, Oid, Repository};
use percent_encoding::percent_decode_str;

use super::error::{explain, explain_open, source_error};
use super::timeouts::PATIENCE;
use crate::ports::SourceError;

/// So many bytes of what a remote says are read.
const MOST_WORDS: u64 = 64 << 10;

/// What became of a push.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The remote's branch is where ours is.
    Done,
    /// The remote did not take it, in its own words. Perhaps the branch moved there.
    Rejected(String),
}

/// Returns the path that a remote's URL means, when it is on this machine.
pub(super) fn local_path(repository: &Repository, url: &str) -> Option<PathBuf> {
    if let Some(rest) = url.strip_prefix("file://") {
        let path = rest.strip_prefix("localhost").unwrap_or(rest);
        return Some(PathBuf::from(percent_decode_str(path).decode_utf8_lossy().into_owned()));
    }
    // As in git, `host:path` is ssh unless a slash comes before the colon.
    let is_remote = url.contains("://") || url.split_once(':').is_some_and(|(host, _)| !host.contains('/'));
    if is_remote {
        return None;
    }
    let base = repository.workdir().unwrap_or_else(|| repository.path());
    Some(base.join(url))
}

/// Moves `branch` of the repository at `path` to `commit`, when that is a step forward.
pub(super) fn push(repository: &Repository, path: &Path, branch: &str, commit: Oid) -> Result<Pushed, SourceError> {
    let remote = Repository::open(path).map_err(|error| explain_open(path, &error))?;
    if has_hooks(&remote) {
        return push_with_git(repository, path, branch, commit);
    }
    let shown = path.display();
    if !remote.is_bare() && remote.find_reference("HEAD").is_ok_and(|head| head.symbolic_target() == Ok(Some(branch))) {
        let message = format!("the branch `{branch}` is checked out in the remote `{shown}`");
        return Err(source_error(message, "Check out another branch there, or use a bare repository as the remote."));
    }
    let failed = |error: git2::Error| explain(&format!("push to `{shown}`"), &error);
    let current = match remote.refname_to_id(branch) {
        Ok(id) => Some(id),
        Err(error) if error.code() == ErrorCode::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    if current == Some(commit) {
        return Ok(Pushed::Done);
    }
    if let Some(current) = current
        && !(repository.find_commit(current).is_ok()
            && repository.graph_descendant_of(commit, current).map_err(failed)?)
    {
        return Ok(Pushed::Rejected("not a fast-forward".to_owned()));
    }
    send_objects(repository, &remote, commit, current).map_err(failed)?;
    move_branch(&remote, branch, current, commit).map_err(failed)
}

/// Moves the branch when it still is at `from`; `None` means that there is none yet.
fn move_branch(remote: &Repository, branch: &str, from: Option<Oid>, to: Oid) -> Result<Pushed, git2::Error> {
    match remote.reference_matching(branch, to, true, from.unwrap_or(Oid::ZERO_SHA1), "push") {
        Ok(_) => Ok(Pushed::Done),
        // A branch that was removed meanwhile is "not found".
        Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::NotFound) => {
            Ok(Pushed::Rejected("the branch moved meanwhile".to_owned()))
        }
        Err(error) if error.code() == ErrorCode::Locked => Ok(Pushed::Rejected(locked(remote, branch))),
        Err(error) => Err(error),
    }
}

/// Names the lock that is in the way: of a writer that is at work for a moment, or that was killed and left it.
fn locked(remote: &Repository, branch: &str) -> String {
    let candidates = [branch, "packed-refs"].map(|file| remote.commondir().join(format!("{file}.lock")));
    match candidates.iter().find(|lock| lock.exists()) {
        Some(lock) => format!("`{}` is a lock; if no git process is at work there, remove it", lock.display()),
        None => "a lock was held there".to_owned(),
    }
}

fn send_objects(
    repository: &Repository,
    remote: &Repository,
    commit: Oid,
    known: Option<Oid>,
) -> Result<(), git2::Error> {
    let mut commits = repository.revwalk()?;
    commits.push(commit)?;
    if let Some(known) = known {
        commits.hide(known)?;
    }
    let mut builder = repository.packbuilder()?;
    builder.insert_walk(&mut commits)?;
    let odb = remote.odb()?;
    let mut writer = odb.packwriter()?;
    let mut written = Ok(());
    builder.foreach(|chunk| {
        written = std::io::Write::write_all(&mut writer, chunk);
        written.is_ok()
    })?;
    written.map_err(|error| git2::Error::from_str(&error.to_string()))?;
    writer.commit()?;
    Ok(())
}

fn has_hooks(remote: &Repository) -> bool {
    let configured = remote.config().and_then(|config| config.get_path("core.hooksPath")).ok();
    let directory = configured.unwrap_or_else(|| remote.commondir().join("hooks"));
    let hooks = ["pre-receive", "update", "proc-receive", "reference-transaction", "post-receive", "post-update"];
    hooks.iter().any(|hook| directory.join(hook).exists())
}

fn push_with_git(repository: &Repository, path: &Path, branch: &str, commit: Oid) -> Result<Pushed, SourceError> {
    let mut command = Command::new("git");
    command
        .arg("--git-dir")
        .arg(repository.path())
        .args(["push", "--quiet", "--"])
        .arg(path)
        .arg(format!("{commit}:{branch}"))
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null());
    let ended = run(&mut command).map_err(|error| {
        let message = format!("failed to run `git` to push to `{}`, which has hooks: {}", path.display(), error.kind());
        source_error(message, "Install git, or use a remote that is reached through ssh or https.")
    })?;
    let words = match ended {
        Some((status, _)) if status.success() => return Ok(Pushed::Done),
        Some((_, words)) => words,
        None => {
            let seconds = PATIENCE.as_secs();
            let message = format!("the push to `{}` came to no end within {seconds} seconds", path.display());
            return Err(source_error(message, "Look at the hooks of that repository: git waits for them."));
        }
    };
    let words: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Ok(Pushed::Rejected(words.join("; ")))
}

/// Runs a command to its end, and returns what it said. `None` when it was killed because it did not come to one.
fn run(command: &mut Command) -> std::io::Result<Option<(ExitStatus, String)>> {
    const LOOK: Duration = Duration::from_millis(20);
    // Not a pipe: what it started itself may hold that open when it has ended.
    let mut said = tempfile::tempfile()?;
    let mut child = command.stdout(Stdio::null()).stderr(said.try_clone()?).spawn()?;
    let mut waited = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait()? {
            let mut words = Vec::new();
            said.rewind()?;
            said.take(MOST_WORDS).read_to_end(&mut words)?;
            return Ok(Some((status, String::from_utf8_lossy(&words).into_owned())));
        }
        if waited >= PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
        waited += LOOK;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_that_moved_since_it_was_read_is_not_overwritten() {
        let directory = tempfile::tempdir().expect("a directory");
        let remote = Repository::init_bare(directory.path()).expect("a repository");
        let author = git2::Signature::new("a", "b", &git2::Time::new(0, 0)).expect("an author");
        let tree = remote.treebuilder(None).and_then(|tree| tree.write()).expect("a tree");
        let tree = remote.find_tree(tree).expect("a tree");
        let commit = |message| remote.commit(None, &author, &author, message, &tree, &[]).expect("a commit");
        let (first, second, third) = (commit("first"), commit("second"), commit("third"));
        let branch = "refs/heads/driftless/prod";
        let push = |from, to| move_branch(&remote, branch, from, to).expect("an answer");
        let at = || remote.refname_to_id(branch).ok();

        assert!(matches!(push(Some(first), second), Pushed::Rejected(_)));
        assert_eq!(at(), None);
        assert_eq!(push(None, first), Pushed::Done);
        assert!(matches!(push(None, second), Pushed::Rejected(_)));
        assert!(matches!(push(Some(second), third), Pushed::Rejected(_)));
        assert_eq!(at(), Some(first));
        assert_eq!(push(Some(first), second), Pushed::Done);
        assert_eq!(at(), Some(second));

        let lock = directory.path().join(format!("{branch}.lock"));
        std::fs::write(&lock, "").expect("written");
        let Pushed::Rejected(words) = push(Some(second), third) else { panic!("a lock was ignored") };
        assert!(words.contains(&lock.display().to_string()) && words.contains("remove it"), "{words}");
        assert_eq!(at(), Some(second));
    }

    #[test]
    fn urls_that_mean_a_path_are_told_from_those_that_mean_a_server() {
        let directory = tempfile::tempdir().expect("a directory");
        let repository = Repository::init_bare(directory.path()).expect("a repository");
        let cases = [
            ("file:///srv/a%20b.git", Some("/srv/a b.git")),
            ("file://localhost/srv/a.git", Some("/srv/a.git")),
            ("/srv/a.git", Some("/srv/a.git")),
            ("/srv/with:colon.git", Some("/srv/with:colon.git")),
            ("git@example.org:a.git", None),
            ("example.org:a.git", None),
            ("ssh://git@example.org/a.git", None),
            ("https://example.org/a.git", None),
        ];
        for (url, path) in cases {
            assert_eq!(local_path(&repository, url), path.map(PathBuf::from), "{url}");
        }
    }
}
