//! What an agent costs: over many passes, and at rest.
//!
//! `cargo bench --bench agent`. Starts three brokers of Kafka 4.3.1 on loopback and an agent that keeps 100 topics there, with a lease,
//! events and HTTP. It makes a pass a second, `DRIFTLESS_BENCH_PASSES` of them (1,000): what it holds after all of them is compared with
//! what it held after 50. Then another one rests, with an interval of 30 s and the usual drift checks, and is watched for
//! `DRIFTLESS_BENCH_REST` seconds (300).

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads its size from the environment, measures time and prints it"
)]

#[allow(dead_code, reason = "the benchmark of plans needs more of it")]
#[path = "brokers/cluster.rs"]
mod cluster;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cluster::{Kafka, cpu_seconds, resident_memory};

const TOPICS: usize = 100;
/// Passes until nothing is to grow any more.
const FIRST: usize = 50;

fn main() {
    let n_passes = number("DRIFTLESS_BENCH_PASSES", 1_000);
    let rest = Duration::from_secs(number("DRIFTLESS_BENCH_REST", 300));
    let work = tempfile::tempdir().expect("a temporary directory");
    let kafka = Kafka::open(None, work.path().join("kafka"), "-Xmx512m");
    write_repository(&work.path().join("repository"));
    enduring(work.path(), &kafka, usize::try_from(n_passes).expect("a number of passes"));
    resting(work.path(), &kafka, rest);
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |raw| raw.parse().expect("a number"))
}

fn enduring(work: &Path, kafka: &Kafka, n_passes: usize) {
    let agent = Agent::start(work, "enduring", kafka, "1s", "drift: {schedule: '* * * * * *'}");
    let after = |count| {
        agent.until_passes(count);
        let (memory, open) = (agent.resident(), agent.open_files());
        println!("  after {:>5} passes  {memory:.1} MB, {open} file descriptors", agent.passes());
        (memory, open)
    };
    println!("\n{n_passes} passes with {TOPICS} topics");
    let (before, then) = (after(FIRST.min(n_passes)), after(n_passes));
    println!("  ratio of memory {:.3} (promise: at most 1.10)", then.0 / before.0);
    println!("  descriptors more {} (promise: none)", then.1.saturating_sub(before.1));
}

fn resting(work: &Path, kafka: &Kafka, time: Duration) {
    let agent = Agent::start(work, "resting", kafka, "30s", "");
    agent.until_passes(1);
    // The first pass, the lease and the events are over by then.
    std::thread::sleep(Duration::from_secs(30).min(time));
    let (before, start) = (agent.cpu(), Instant::now());
    std::thread::sleep(time);
    let share = (agent.cpu() - before) / start.elapsed().as_secs_f64();
    println!("\nat rest with {TOPICS} topics and an interval of 30 s, for {time:.0?}");
    println!("  {:.1} MB (promise: below 40), {} file descriptors", agent.resident(), agent.open_files());
    println!("  {:.2} % of a core (promise: below 0.5)", share * 100.0);
}

fn write_repository(directory: &Path) {
    std::fs::create_dir_all(directory.join("base")).expect("made");
    let write = |file: &str, text: &str| std::fs::write(directory.join(file), text).expect("written");
    write(
        "driftless.yaml",
        "apiVersion: driftless.dev/v1\nkind: Repository\nenvironments:\n  bench: {layers: [base]}\n",
    );
    let mut manifests = String::new();
    for index in 0..TOPICS {
        write!(
            manifests,
            "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {{name: {}}}\nspec: {{partitions: 3, replicas: 3, config: {{retention.ms: 86400000, min.insync.replicas: 2}}}}\n---\n",
            topic(index)
        )
        .expect("written");
    }
    write("base/topics.yaml", &manifests);
    for arguments in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "."],
        &["-c", "user.name=bench", "-c", "user.email=bench@example.org", "commit", "--quiet", "--message=bench"],
    ] {
        assert!(Command::new("git").args(arguments).current_dir(directory).status().expect("git runs").success());
    }
}

fn topic(index: usize) -> String {
    format!("bench.topic-{index:03}")
}

/// A running agent; killed with the value.
struct Agent {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Agent {
    fn start(work: &Path, name: &str, kafka: &Kafka, interval: &str, more: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        let (bootstrap, events) = (&kafka.bootstrap, topic(0));
        let settings = format!(
            "apiVersion: driftless.dev/v1\nkind: Agent\nenvironment: bench\nsource: {{url: repository, interval: {interval}}}\n\
             cluster: {{properties: {{bootstrap.servers: '{bootstrap}'}}}}\nstateDirectory: state-{name}\nlease: {{group: {name}}}\n\
             events: {{topic: {events}}}\nhttp: {{listen: '127.0.0.1:{port}'}}\n{more}\n"
        );
        let (file, log) = (work.join(format!("{name}.yaml")), work.join(format!("{name}.log")));
        std::fs::write(&file, settings).expect("written");
        let child = Command::new(env!("CARGO_BIN_EXE_driftless"))
            .args(["agent", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("made"))
            .spawn()
            .expect("the agent starts");
        Self { child, port, log }
    }

    fn metrics(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Passes that ended well.
    fn passes(&self) -> usize {
        let text = self.metrics().unwrap_or_default();
        let count = text.lines().find_map(|line| {
            line.strip_prefix("driftless_reconcile_total{environment=\"bench\",result=\"success\"} ")?.parse().ok()
        });
        count.unwrap_or_default()
    }

    /// Waits for so many passes; an agent that makes none for two minutes is broken.
    fn until_passes(&self, count: usize) {
        let (mut seen, mut since) = (self.passes(), Instant::now());
        while seen < count {
            std::thread::sleep(Duration::from_millis(200));
            let now = self.passes();
            if now > seen {
                (seen, since) = (now, Instant::now());
            }
            let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
            assert!(since.elapsed() < Duration::from_secs(120), "no pass any more:\n{}", log());
        }
    }

    fn resident(&self) -> f64 {
        resident_memory(self.child.id()).expect("the agent runs")
    }

    fn cpu(&self) -> f64 {
        cpu_seconds(self.child.id()).expect("the agent runs")
    }

    fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("the agent runs").count()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
