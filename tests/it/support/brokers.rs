//! The real servers that broker tests talk to: Kafka in two versions, and Prometheus.
//!
//! `dev/with-brokers` starts them and says where they are. Without it a broker test prints why it is skipped and
//! passes; in CI that is a failure. The usual first line of a broker test is
//! `let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };`.
//!
//! The shared clusters serve many tests at once: use [`unique_name`] for everything created there, and start a
//! cluster of your own ([`KafkaEnv::start`], about 8 seconds) to stop brokers or to set broker configuration.
#![allow(dead_code, reason = "each test uses the part that it needs")]

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The Kafka versions that every broker test must pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KafkaVersion {
    /// The oldest supported line.
    V3,
    /// The newest.
    V4,
}

impl KafkaVersion {
    /// Both, oldest first.
    pub(crate) const ALL: [KafkaVersion; 2] = [KafkaVersion::V3, KafkaVersion::V4];

    pub(crate) fn release(self) -> &'static str {
        match self {
            KafkaVersion::V3 => "3.9.1",
            KafkaVersion::V4 => "4.3.1",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            KafkaVersion::V3 => "DRIFTLESS_TEST_KAFKA_3",
            KafkaVersion::V4 => "DRIFTLESS_TEST_KAFKA_4",
        }
    }
}

/// Returns the shared cluster of that version, or nothing after saying that the test is skipped.
pub(crate) fn kafka(version: KafkaVersion) -> Option<KafkaEnv> {
    let dir = server_dir(version.variable(), &format!("Kafka {}", version.release()))?;
    Some(KafkaEnv { version, env: read_env(&dir), dir, ends_on_drop: false })
}

/// Returns the shared Prometheus, or nothing after saying that the test is skipped.
pub(crate) fn prometheus() -> Option<PrometheusEnv> {
    let dir = server_dir("DRIFTLESS_TEST_PROMETHEUS", "Prometheus")?;
    Some(PrometheusEnv { env: read_env(&dir), dir, ends_on_drop: false })
}

/// Returns a name that no other test, and no earlier run, has used: `prefix-` and 16 hexadecimal digits.
pub(crate) fn unique_name(prefix: &str) -> String {
    // Every RandomState is seeded differently, so this needs neither a clock nor a crate.
    format!("{prefix}-{:016x}", RandomState::new().build_hasher().finish())
}

/// A way to reach the brokers: the listener, and who the client is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// SASL_SSL with SCRAM-SHA-512; `User:admin`, a super user.
    Admin,
    /// SASL_SSL with SCRAM-SHA-256; `User:admin`, a super user.
    AdminSha256,
    /// PLAINTEXT; `User:ANONYMOUS`, a super user.
    Plaintext,
    /// SSL with a client certificate; `User:CN=driftless-mtls`, without rights until a test grants some.
    Mtls,
    /// SASL_SSL with PLAIN; `User:plain-user`, without rights until a test grants some.
    Plain,
}

/// A running Kafka cluster of three brokers; ids are 1, 2 and 3, racks r1, r2 and r3.
#[derive(Debug)]
pub(crate) struct KafkaEnv {
    version: KafkaVersion,
    dir: PathBuf,
    env: BTreeMap<String, String>,
    ends_on_drop: bool,
}

impl KafkaEnv {
    /// Starts a cluster that only this test uses and that ends with the value; `overrides` are lines of every
    /// broker's `server.properties`. Skips like [`kafka`] when broker tests are off.
    pub(crate) fn start(version: KafkaVersion, overrides: &[(&str, &str)]) -> Option<KafkaEnv> {
        Self::start_with_heap(version, "-Xmx384m", overrides)
    }

    /// Like [`KafkaEnv::start`], with a heap for each broker's JVM, such as `-Xmx2g`: for thousands of topics.
    pub(crate) fn start_with_heap(version: KafkaVersion, heap: &str, overrides: &[(&str, &str)]) -> Option<KafkaEnv> {
        // Of the release that the shared cluster has: so every test can be run on another one than it usually is.
        let shared = read_env(&server_dir(version.variable(), &format!("Kafka {}", version.release()))?);
        let release = shared.get("VERSION").map_or(version.release(), String::as_str);
        let dir = private_dir("kafka");
        let mut command = dev("kafka");
        command.env("KAFKA_HEAP", heap);
        command.args(["up", "--version", release, "--dir"]).arg(&dir);
        for (key, value) in overrides {
            command.arg("--override").arg(format!("{key}={value}"));
        }
        run(&mut command, None).unwrap_or_else(|error| panic!("failed to start a cluster: {error}"));
        Some(KafkaEnv { version, env: read_env(&dir), dir, ends_on_drop: true })
    }

    pub(crate) fn version(&self) -> KafkaVersion {
        self.version
    }

    pub(crate) fn cluster_id(&self) -> &str {
        self.get("CLUSTER_ID")
    }

    pub(crate) fn bootstrap_plaintext(&self) -> &str {
        self.get("BOOTSTRAP_PLAINTEXT")
    }

    pub(crate) fn bootstrap_sasl_ssl(&self) -> &str {
        self.get("BOOTSTRAP_SASL_SSL")
    }

    pub(crate) fn bootstrap_sasl_plaintext(&self) -> &str {
        self.get("BOOTSTRAP_SASL_PLAINTEXT")
    }

    /// The listener that requires a client certificate.
    pub(crate) fn bootstrap_ssl(&self) -> &str {
        self.get("BOOTSTRAP_SSL")
    }

    /// The bootstrap addresses that fit that client.
    pub(crate) fn bootstrap(&self, client: Client) -> &str {
        match client {
            Client::Admin | Client::AdminSha256 | Client::Plain => self.bootstrap_sasl_ssl(),
            Client::Plaintext => self.bootstrap_plaintext(),
            Client::Mtls => self.bootstrap_ssl(),
        }
    }

    /// The client's `client.properties`, complete with `bootstrap.servers`.
    pub(crate) fn properties(&self, client: Client) -> PathBuf {
        PathBuf::from(self.get(match client {
            Client::Admin => "ADMIN_PROPERTIES",
            Client::AdminSha256 => "ADMIN_SHA256_PROPERTIES",
            Client::Plaintext => "PLAINTEXT_PROPERTIES",
            Client::Mtls => "MTLS_PROPERTIES",
            Client::Plain => "PLAIN_PROPERTIES",
        }))
    }

    /// The password of the user `admin`; for tests that prove that it is never shown.
    pub(crate) fn admin_password(&self) -> String {
        let file = self.get("ADMIN_PASSWORD_FILE");
        std::fs::read_to_string(file).unwrap_or_else(|error| panic!("failed to read `{file}`: {error}"))
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        PathBuf::from(self.get("CA_FILE"))
    }

    /// Returns a value of the cluster's `env` file; `dev/kafka` lists them.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.env.get(key).unwrap_or_else(|| panic!("`{}` has no `{key}`", self.dir.join("env").display()))
    }

    /// Runs one of Kafka's own tools as the admin and returns its standard output; panics when it fails. The oracle
    /// of a test: `kafka.tool(&["topics", "--describe", "--topic", name])`. Takes a second or two.
    pub(crate) fn tool(&self, args: &[&str]) -> String {
        self.try_tool(args).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`KafkaEnv::tool`], with the failure as a value.
    pub(crate) fn try_tool(&self, args: &[&str]) -> Result<String, String> {
        run(dev("kafka").args(["tool", "--dir"]).arg(&self.dir).args(args), None)
    }

    /// Writes the lines as records, one each, with Kafka's console producer.
    pub(crate) fn produce(&self, topic: &str, lines: &[&str]) {
        let mut command = dev("kafka");
        command.args(["tool", "--dir"]).arg(&self.dir).args(["producer", "--topic", topic]);
        let input = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        run(&mut command, Some(&input)).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Kills the broker (`kill -9`). Only for clusters of your own.
    pub(crate) fn stop_broker(&self, id: u32) {
        self.broker("stop-broker", id);
    }

    /// Starts a stopped broker and waits until it serves.
    pub(crate) fn start_broker(&self, id: u32) {
        self.broker("start-broker", id);
    }

    /// Freezes the broker (SIGSTOP): connections stay open and nothing answers. Only for clusters of your own.
    pub(crate) fn pause_broker(&self, id: u32) {
        self.broker("pause-broker", id);
    }

    /// Ends the freeze.
    pub(crate) fn resume_broker(&self, id: u32) {
        self.broker("resume-broker", id);
    }

    fn broker(&self, command: &str, id: u32) {
        assert!(self.ends_on_drop, "`{command}` on a shared cluster would break other tests; use `KafkaEnv::start`");
        run(dev("kafka").args([command, "--dir"]).arg(&self.dir).arg(id.to_string()), None)
            .unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Drop for KafkaEnv {
    fn drop(&mut self) {
        if self.ends_on_drop {
            end("kafka", &self.dir);
        }
    }
}

/// A running Prometheus that evaluates the rule files in its rules directory every second.
#[derive(Debug)]
pub(crate) struct PrometheusEnv {
    dir: PathBuf,
    env: BTreeMap<String, String>,
    ends_on_drop: bool,
}

impl PrometheusEnv {
    /// Starts a Prometheus that only this test uses (well under a second) and that ends with the value: one broken
    /// rule file makes every reload fail. Skips like [`prometheus`].
    pub(crate) fn start() -> Option<PrometheusEnv> {
        server_dir("DRIFTLESS_TEST_PROMETHEUS", "Prometheus")?;
        let dir = private_dir("prometheus");
        run(dev("prometheus").args(["up", "--dir"]).arg(&dir), None)
            .unwrap_or_else(|error| panic!("failed to start Prometheus: {error}"));
        Some(PrometheusEnv { env: read_env(&dir), dir, ends_on_drop: true })
    }

    /// The address, such as `http://127.0.0.1:19090`, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.env["PROMETHEUS_URL"]
    }

    /// The directory whose `*.yaml` and `*.yml` files are its rules.
    pub(crate) fn rules_dir(&self) -> PathBuf {
        PathBuf::from(&self.env["RULES_DIR"])
    }

    /// Returns the body of a GET, for example of `/api/v1/rules`; panics unless the status is 200.
    pub(crate) fn get(&self, path: &str) -> String {
        self.request("GET", path).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Makes it read the rules again; the failure is the server's answer.
    pub(crate) fn reload(&self) -> Result<(), String> {
        self.request("POST", "/-/reload").map(drop)
    }

    fn request(&self, method: &str, path: &str) -> Result<String, String> {
        let address = self.url().trim_start_matches("http://");
        let mut answer = String::new();
        TcpStream::connect(address)
            .and_then(|mut stream| {
                // HTTP/1.0, so the answer comes in one piece and ends with the connection.
                write!(stream, "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n")?;
                stream.read_to_string(&mut answer)
            })
            .map_err(|error| format!("failed to reach Prometheus at `{address}`: {error}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        match head.split_whitespace().nth(1) {
            Some("200") => Ok(body.to_owned()),
            _ => Err(format!("{method} {path}: {head}\n{body}")),
        }
    }
}

impl Drop for PrometheusEnv {
    fn drop(&mut self) {
        if self.ends_on_drop {
            end("prometheus", &self.dir);
        }
    }
}

/// Returns the directory that the variable names. Without it, a test must not pass silently in CI.
#[expect(clippy::disallowed_methods, reason = "the test's environment says where its servers are")]
fn server_dir(variable: &str, what: &str) -> Option<PathBuf> {
    if let Ok(dir) = std::env::var(variable) {
        return Some(PathBuf::from(dir));
    }
    let in_ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
    assert!(!in_ci, "`{variable}` is not set, and in CI broker tests must run; use `make test`");
    let current = std::thread::current();
    let test = current.name().unwrap_or("a test");
    say(&format!("skipped: {test} needs {what}; run it with `dev/with-brokers cargo test` (`{variable}` is not set)"));
    None
}

/// Returns a directory for a server of one test, inside the one that `dev/with-brokers` cleans up when tests are killed.
#[expect(clippy::disallowed_methods, reason = "the test's environment says where its servers are")]
fn private_dir(server: &str) -> PathBuf {
    let parent = std::env::var("DRIFTLESS_TEST_WORK").map_or_else(|_| std::env::temp_dir(), PathBuf::from);
    parent.join(unique_name(&format!("{server}-of-a-test")))
}

fn dev(script: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("dev").join(script))
}

fn run(command: &mut Command, input: Option<&str>) -> Result<String, String> {
    let name = format!("{command:?}");
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("failed to run {name}: {error}"))?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(input.as_bytes()).map_err(|error| format!("failed to write to {name}: {error}"))?;
    }
    let output = child.wait_with_output().map_err(|error| format!("failed to wait for {name}: {error}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(stdout)
    } else {
        Err(format!("{name} failed ({})\n{stdout}{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

fn end(server: &str, dir: &Path) {
    // Not a panic: this may run while a failed test unwinds.
    if let Err(error) = run(dev(server).args(["down", "--dir"]).arg(dir), None) {
        say(&error);
    }
    drop(std::fs::remove_dir_all(dir));
}

/// Writes past the capture of the test harness, which would hide the line of a test that passes.
fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

fn read_env(dir: &Path) -> BTreeMap<String, String> {
    let file = dir.join("env");
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("failed to read `{}` (is the server up?): {error}", file.display()));
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
