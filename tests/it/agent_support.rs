//! An agent on a desk of its own: a bare remote, a clone that people push from, a cluster, and the settings.
#![allow(dead_code, reason = "each test uses the part that it needs")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::cli_support::{Desk, Outcome};
use crate::git_support::{commit_all, git, git_succeeds, write};

const REPOSITORY: &str = "apiVersion: driftless.dev/v1
kind: Repository
environments:
  prod: {layers: [base], parameters: {minimumReplicationFactor: 1, minimumInsyncReplicas: 1}}
";

/// The manifest of a topic that is kept so many hours.
pub(crate) fn topic(name: &str, hours: u64) -> String {
    format!(
        "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {{name: {name}}}\nspec: {{partitions: 3, replicas: 3, config: {{retention.ms: {}, min.insync.replicas: 2}}}}\n",
        hours * 3_600_000
    )
}

/// The world of one agent.
pub(crate) struct AgentDesk {
    pub(crate) desk: Desk,
}

impl AgentDesk {
    /// A remote whose `main` declares one topic, and an agent of the directory cluster with these further settings.
    pub(crate) fn new(settings: &str) -> Self {
        let world = Self { desk: Desk::new() };
        git(world.desk.path(), &["init", "-q", "--bare", "-b", "main", "remote.git"]);
        git(world.desk.path(), &["init", "-q", "-b", "main", "clone"]);
        git(&world.clone(), &["remote", "add", "origin", &world.remote().display().to_string()]);
        world.push("first", &[("driftless.yaml", REPOSITORY), ("base/orders.yaml", &topic("orders", 24))]);
        world.configure(settings);
        world
    }

    pub(crate) fn remote(&self) -> PathBuf {
        self.desk.path().join("remote.git")
    }

    pub(crate) fn clone(&self) -> PathBuf {
        self.desk.path().join("clone")
    }

    pub(crate) fn cluster(&self) -> PathBuf {
        self.desk.path().join("cluster")
    }

    pub(crate) fn mirror(&self) -> PathBuf {
        self.desk.path().join("state/prod/source.git")
    }

    /// Writes the settings: what is always needed, with the source's own part from `source:` lines, and these.
    pub(crate) fn configure(&self, more: &str) {
        self.configure_source("", more);
    }

    /// Writes the settings, with more about the source.
    pub(crate) fn configure_source(&self, source: &str, more: &str) {
        let cluster = if more.contains("cluster:") { "" } else { "cluster: {sandbox: cluster}\n" };
        let text = format!(
            "apiVersion: driftless.dev/v1\nkind: Agent\nenvironment: prod\nsource: {{url: remote.git, interval: 1s{source}}}\nstateDirectory: state\n{cluster}{more}\n"
        );
        write(self.desk.path(), &[("agent.yaml", &text)]);
    }

    /// Commits these files in the clone and pushes `main`. Returns the commit.
    pub(crate) fn push(&self, message: &str, files: &[(&str, &str)]) -> String {
        write(&self.clone(), files);
        let commit = commit_all(&self.clone(), message);
        git(&self.clone(), &["push", "-q", "--force", "origin", "main"]);
        commit
    }

    /// Prepares the agent.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.desk.command();
        command.args(["agent", "--config", "agent.yaml"]);
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command
    }

    /// Makes one pass.
    pub(crate) fn once(&self) -> Outcome {
        let output = self.command().arg("--once").output().expect("the binary runs");
        Outcome {
            code: output.status.code().expect("ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Makes one pass that must end so.
    #[track_caller]
    pub(crate) fn once_ends_with(&self, code: i32) -> Outcome {
        let outcome = self.once();
        assert_eq!(outcome.code, code, "{}{}", outcome.stdout, outcome.stderr);
        outcome
    }

    /// Makes one pass that must end so, whatever it says.
    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) {
        let _ = self.once_ends_with(code);
    }

    /// The file of the report branch, as the remote has it.
    pub(crate) fn reported(&self, file: &str) -> Option<String> {
        let revision = format!("driftless/prod:{file}");
        git_succeeds(&self.remote(), &["cat-file", "-e", &revision]).then(|| git(&self.remote(), &["show", &revision]))
    }

    /// `status.json` of the report branch: sync, the reason of Ready, and whether it stalls.
    pub(crate) fn status(&self) -> (String, String, String) {
        let status: Value = serde_json::from_str(&self.reported("status.json").expect("a status")).expect("JSON");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let conditions = &status["conditions"];
        (text(&status["sync"]), text(&conditions[0]["reason"]), text(&conditions[2]["status"]))
    }

    /// Whether the report at the remote says that this revision is applied, and nothing is left.
    pub(crate) fn has_applied(&self, revision: &str) -> bool {
        let applied = format!("\"lastAppliedRevision\": \"{revision}\"");
        self.reported("status.json").is_some_and(|status| status.contains(&applied)) && self.status().0 == "Synced"
    }

    /// The subjects of the report branch at the remote, newest first.
    pub(crate) fn subjects(&self) -> Vec<String> {
        git(&self.remote(), &["log", "--format=%s", "driftless/prod"]).lines().map(str::to_owned).collect()
    }

    /// What the directory cluster has of a topic.
    pub(crate) fn on_cluster(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.topic_file(name)).ok()
    }

    /// Finds the file of a topic, wherever recorded state puts it.
    fn topic_file(&self, name: &str) -> PathBuf {
        let wanted = format!("{name}.yaml");
        let files = if self.cluster().exists() { self.cluster_bytes() } else { Vec::new() };
        let found =
            files.into_iter().map(|(path, _)| path).find(|path| path.file_name().is_some_and(|n| n == &*wanted));
        found.unwrap_or_else(|| self.cluster().join("no-such-topic"))
    }

    /// Changes the retention of a topic behind git's back.
    pub(crate) fn change_by_hand(&self, name: &str, from_hours: u64, to_hours: u64) {
        let file = self.topic_file(name);
        let text = std::fs::read_to_string(&file).expect("there");
        let millis = |hours: u64| (hours * 3_600_000).to_string();
        assert!(text.contains(&millis(from_hours)), "{text}");
        // At once: an agent that looks meanwhile must not find half a file.
        let new = self.desk.path().join("changed-by-hand");
        std::fs::write(&new, text.replace(&millis(from_hours), &millis(to_hours))).expect("written");
        std::fs::rename(new, file).expect("renamed");
    }

    /// Every file of the cluster with its content.
    pub(crate) fn cluster_bytes(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn walk(directory: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in std::fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("listed").path();
                if path.is_dir() {
                    walk(&path, found);
                } else {
                    found.push((path.clone(), std::fs::read(path).expect("readable")));
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.cluster(), &mut found);
        found.sort();
        found
    }
}

/// A running agent; killed with the value. Its log is `agent.log` on the desk.
pub(crate) struct RunningAgent {
    child: Child,
    log: PathBuf,
}

impl RunningAgent {
    pub(crate) fn start(world: &AgentDesk) -> Self {
        Self::start_as(world, world.command())
    }

    /// Starts it with a command prepared otherwise.
    pub(crate) fn start_as(world: &AgentDesk, mut command: Command) -> Self {
        let log = log_of(world);
        let file = std::fs::File::create(&log).expect("made");
        let child = command.stderr(file).stdout(Stdio::null()).spawn().expect("the binary runs");
        Self { child, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until something holds.
    #[track_caller]
    pub(crate) fn eventually(&self, what: &str, holds: impl FnMut() -> bool) {
        wait(&self.log, what, holds);
    }

    /// Waits until the first pass has ended, as its HTTP server says.
    #[track_caller]
    pub(crate) fn answers_on(&self, port: u16) {
        self.eventually("ready", || crate::agent_http::get(port, "/readyz").is_some_and(|answer| answer.status == 200));
    }

    /// Ends it as systemd does; returns the exit code.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.signal("TERM");
        for _ in 0..1_200 {
            if let Some(status) = self.child.try_wait().expect("waited") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the agent does not end\n{}", self.log());
    }
}

impl Drop for RunningAgent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn log_of(world: &AgentDesk) -> PathBuf {
    world.desk.path().join("agent.log")
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn eventually(world: &AgentDesk, what: &str, holds: impl FnMut() -> bool) {
    wait(&log_of(world), what, holds);
}

#[track_caller]
fn wait(log: &Path, what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_200 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("never: {what}\n{}", std::fs::read_to_string(log).unwrap_or_default());
}
