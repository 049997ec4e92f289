//! Repositories for the tests of the git adapter, made and looked at with the program `git`, not with our code.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory that is removed with the value.
pub(crate) struct Sandbox {
    directory: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A repository with a work tree and one commit of these files.
    pub(crate) fn repository(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let path = self.path(name);
        git(self.directory.path(), &["init", "-q", "-b", "main", name]);
        write(&path, files);
        commit_all(&path, "first");
        path
    }

    /// An empty bare repository.
    pub(crate) fn bare(&self, name: &str) -> PathBuf {
        git(self.directory.path(), &["init", "-q", "--bare", "-b", "main", name]);
        self.path(name)
    }

    /// A clone of it, with one commit on `main` so that it has a `HEAD`.
    pub(crate) fn clone_of(&self, remote: &Path, name: &str) -> PathBuf {
        let url = format!("file://{}", remote.display());
        git(self.directory.path(), &["clone", "-q", &url, name]);
        let path = self.path(name);
        git(&path, &["commit", "-q", "--allow-empty", "-m", "first"]);
        path
    }
}

pub(crate) fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

pub(crate) fn commit_all(repository: &Path, message: &str) -> String {
    git(repository, &["add", "-A", "-f"]);
    git(repository, &["commit", "-q", "--allow-empty", "-m", message]);
    git(repository, &["rev-parse", "HEAD"])
}

/// Runs git without the user's configuration; returns its output without the last line's end. Panics when it fails.
pub(crate) fn git(directory: &Path, args: &[&str]) -> String {
    let output = command(directory, args).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?} in {}: {stderr}", directory.display());
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Says whether the git command succeeds.
pub(crate) fn git_succeeds(directory: &Path, args: &[&str]) -> bool {
    command(directory, args).output().unwrap().status.success()
}

fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args(args);
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "tester").env(format!("GIT_{role}_EMAIL"), "tester@localhost");
        command.env(format!("GIT_{role}_DATE"), "2026-01-02T03:04:05Z");
    }
    command
}
