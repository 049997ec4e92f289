//! Repositories for the tests of the git adapter, made and looked at with the program `git`, not with our code.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::ports::free_port;

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

/// Like [`git`], with this on standard input.
pub(crate) fn git_with_input(directory: &Path, args: &[&str], input: &str) -> String {
    let mut command = command(directory, args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {args:?} in {}", directory.display());
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

/// A git server on loopback, so that the protocol that servers speak is tested too; ends with the value.
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Serves the bare repositories of that directory, for reading and writing. `None` where git has no daemon.
    pub(crate) fn start(directory: &Path) -> Option<Self> {
        let program = Path::new(&git(directory, &["--exec-path"])).join("git-daemon");
        if !program.exists() {
            return None;
        }
        let port = free_port();
        let process = Command::new(program)
            .args(["--export-all", "--enable=receive-pack", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", directory.display()))
            .arg(directory)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("the git daemon did not start");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self, repository: &str) -> String {
        format!("git://127.0.0.1:{}/{repository}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Says whether a program is on this machine. In CI it must be: a test must not pass there without having run.
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "whoever runs the tests says whether this is CI")]
pub(crate) fn is_there(program: &str) -> bool {
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&directories).collect();
    directories.push(PathBuf::from("/usr/sbin"));
    let found = directories.iter().any(|directory| directory.join(program).is_file());
    let in_ci = std::env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false");
    assert!(found || !in_ci, "`{program}` is missing, and CI must not skip tests: run dev/setup");
    if !found {
        eprintln!("skipped: there is no `{program}`");
    }
    found
}
