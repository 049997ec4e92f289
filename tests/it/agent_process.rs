//! Agents as processes, several on one desk, each with settings, state, log and HTTP port of its own.
#![allow(dead_code, reason = "each test uses the part that it needs")]
#![expect(clippy::disallowed_methods, reason = "tests measure how long things take")]

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent_support::AgentDesk;
use crate::git_support::write;
use crate::support::brokers::{Client, KafkaEnv};
use crate::support::ports::free_port;

/// A running agent; killed with the value.
pub(crate) struct Agent<'a> {
    desk: &'a AgentDesk,
    name: String,
    port: u16,
    child: Child,
}

/// The settings that lead an agent to a real cluster.
pub(crate) fn of_kafka(kafka: &KafkaEnv, client: Client) -> String {
    format!("cluster: {{propertiesFile: {}}}", kafka.properties(client).display())
}

/// Writes the settings `NAME.yaml`: an agent of this desk with its own state, and these lines.
pub(crate) fn configure(desk: &AgentDesk, name: &str, port: u16, more: &str) {
    let cluster = if more.contains("cluster:") { "" } else { "cluster: {sandbox: cluster}\n" };
    let mut text = "apiVersion: driftless.dev/v1\nkind: Agent\nenvironment: prod\n".to_owned();
    write!(
        text,
        "source: {{url: remote.git, interval: 1s}}\nstateDirectory: state-{name}\nhttp: {{listen: '127.0.0.1:{port}'}}\n{cluster}{more}\n"
    )
    .expect("written");
    write_settings(desk, name, &text);
}

fn write_settings(desk: &AgentDesk, name: &str, text: &str) {
    write(desk.desk.path(), &[(&format!("{name}.yaml"), text)]);
}

impl<'a> Agent<'a> {
    /// Starts an agent with these further settings.
    pub(crate) fn start(desk: &'a AgentDesk, name: &str, more: &str) -> Self {
        let port = free_port();
        configure(desk, name, port, more);
        Self::start_configured(desk, name, port)
    }

    /// Starts an agent whose settings are written already.
    pub(crate) fn start_configured(desk: &'a AgentDesk, name: &str, port: u16) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(log_file(desk, name)).expect("made");
        let mut command = desk.desk.command();
        command.args(["agent", "--config", &format!("{name}.yaml")]);
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        let child = command.stderr(log).stdout(Stdio::null()).spawn().expect("the binary runs");
        Self { desk, name: name.to_owned(), port, child }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log_file(self.desk, &self.name)).unwrap_or_default()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("waited");
    }

    /// Ends it as systemd does; returns the exit code and the time that it took.
    pub(crate) fn end(mut self) -> (Option<i32>, Duration) {
        let started = Instant::now();
        self.signal("TERM");
        while started.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait().expect("waited") {
                return (status.code(), started.elapsed());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the agent does not end\n{}", self.log());
    }

    /// Asks it; `None` while nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }

    /// Its status; `Null` while there is none.
    pub(crate) fn status(&self) -> Value {
        self.get("/api/v1/status").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
    }

    /// The reason of its condition `Ready`.
    pub(crate) fn reason(&self) -> String {
        self.status()["conditions"][0]["reason"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.status()["sync"] == "Synced" && self.status()["standby"] != true
    }

    pub(crate) fn leads(&self) -> bool {
        self.get("/metrics").is_some_and(|text| text.contains("driftless_leader{environment=\"prod\"} 1"))
    }

    /// Waits until something holds; says how long it took.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, within: Duration, mut holds: impl FnMut(&Self) -> bool) -> Duration {
        let started = Instant::now();
        while started.elapsed() < within {
            if holds(self) {
                return started.elapsed();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never: {what}\nstatus: {}\n{}", self.status(), self.log());
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn log_file(desk: &AgentDesk, name: &str) -> PathBuf {
    desk.desk.path().join(format!("{name}.log"))
}
