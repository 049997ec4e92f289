//! The cluster that is measured, and what its processes and ours cost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A running cluster of `dev/kafka`. Ended when it is dropped, unless it was there before.
pub(crate) struct Kafka {
    pub(crate) bootstrap: String,
    pub(crate) brokers: Vec<String>,
    pids: Vec<u32>,
    directory: PathBuf,
    is_ours: bool,
}

impl Kafka {
    /// Takes the cluster that runs in `existing`, or starts one in `directory` whose brokers have that heap.
    pub(crate) fn open(existing: Option<PathBuf>, directory: PathBuf, heap: &str) -> Self {
        let is_ours = existing.is_none();
        let directory = existing.unwrap_or(directory);
        if is_ours {
            let mut up = Command::new(dev_kafka());
            up.args(["up", "--version", "4.3.1", "--dir"]).arg(&directory);
            up.env("KAFKA_HEAP", heap).env("KAFKA_UP_TIMEOUT", "300");
            assert!(up.status().expect("dev/kafka runs").success(), "the cluster starts");
        }
        let text = std::fs::read_to_string(directory.join("env")).expect("the cluster runs");
        let env: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
        let bootstrap = env["BOOTSTRAP_PLAINTEXT"].to_owned();
        let pids = (1..=3).map(|id| env[format!("BROKER_{id}_PID").as_str()].parse().expect("a pid")).collect();
        Self { brokers: bootstrap.split(',').map(str::to_owned).collect(), bootstrap, pids, directory, is_ours }
    }

    /// Waits until the brokers are done with log directories: with 10,000 topics they use 0.6 of a core when nothing
    /// happens, and all there are while they work. Ends after two minutes, because on a busy machine nothing is ever quiet.
    pub(crate) fn wait_until_quiet(&self) {
        let cpu = || -> f64 { self.pids.iter().filter_map(|pid| cpu_seconds(*pid)).sum() };
        let mut quiet = 0;
        for _ in 0..120 {
            let before = cpu();
            std::thread::sleep(Duration::from_secs(1));
            quiet = if cpu() - before < 0.9 { quiet + 1 } else { 0 };
            if quiet == 3 {
                return;
            }
        }
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        if self.is_ours {
            drop(Command::new(dev_kafka()).args(["down", "--dir"]).arg(&self.directory).status());
        }
    }
}

fn dev_kafka() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/kafka")
}

/// Returns user and system time of a process.
pub(crate) fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    // USER_HZ is 100 on every Linux that matters here.
    Some(ticks / 100.0)
}

/// Returns the peak of resident memory of a process in MB (10^6 bytes).
pub(crate) fn peak_memory(pid: u32) -> Option<f64> {
    memory(pid, "VmHWM:")
}

/// Returns the resident memory of a process in MB (10^6 bytes).
pub(crate) fn resident_memory(pid: u32) -> Option<f64> {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, field: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// What a child process cost. CPU and memory are what was seen last before its end, at most 2 ms earlier.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_megabytes: f64,
    pub(crate) output: String,
}

/// Runs a process to its end.
pub(crate) fn run(command: &mut Command) -> Cost {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.reopen().expect("the file is there"))
        .spawn()
        .expect("the program starts");
    let mut cost = Cost::default();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if let (Some(cpu), Some(memory)) = (cpu_seconds(child.id()), peak_memory(child.id())) {
            cost.cpu_seconds = cpu;
            cost.peak_megabytes = memory;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    cost.seconds = start.elapsed().as_secs_f64();
    cost.output = std::fs::read_to_string(file.path()).expect("the output is text");
    assert!(status.success(), "{command:?} failed ({status}): {}", cost.output);
    cost
}
