//! driftless against raw requests, on the same brokers in the same run.
//!
//! `cargo bench --bench brokers`. Starts three brokers of Kafka 4.3.1 on loopback (or takes those that
//! `DRIFTLESS_BENCH_KAFKA_DIR` names, with the topics that are there), makes `DRIFTLESS_BENCH_TOPICS` topics (10,000) and
//! `DRIFTLESS_BENCH_ACLS` ACL bindings (50,000), and measures, `DRIFTLESS_BENCH_RUNS` times (5), always in turns:
//!
//! - raw reads: Metadata, all configs in batches of 500 over three connections, ACLs, quotas, SCRAM users, in a fresh
//!   process, decoded with the same crate and thrown away;
//! - `driftless plan`, without changes: the whole process, from reading files and report branch to the printed plan;
//! - the steps of that plan;
//! - creating `DRIFTLESS_BENCH_CREATES` topics (5,000), raw and by driftless, until the controller has accepted the last.
//!
//! Ratios are what counts: absolute times are those of the machine.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads its size from the environment, measures time and prints it"
)]

#[allow(dead_code, reason = "the benchmark of the agent needs more of it")]
mod cluster;
mod raw;
mod steps;
mod workload;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cluster::{Cost, Kafka, run};
use workload::Size;

/// The argument with which this program is the raw reader.
const RAW_READS: &str = "raw-reads";
/// The argument with which it is one plan, step by step.
const STEPS: &str = "steps";

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |raw| raw.parse().expect("a number"))
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, RAW_READS, brokers] => {
            let brokers: Vec<String> = brokers.split(',').map(str::to_owned).collect();
            let counts = raw::read_everything(&brokers);
            println!("{} {} {}", counts.topics, counts.acls, counts.configs);
        }
        [_, STEPS, repository, brokers] => steps::plan(Path::new(repository), brokers),
        _ => bench(),
    }
}

fn bench() {
    let size = Size { topics: number("DRIFTLESS_BENCH_TOPICS", 10_000), acls: number("DRIFTLESS_BENCH_ACLS", 50_000) };
    let n_runs = number("DRIFTLESS_BENCH_RUNS", 5);
    let n_creates = number("DRIFTLESS_BENCH_CREATES", 5_000);
    let work = tempfile::tempdir().expect("a temporary directory");
    let existing = std::env::var("DRIFTLESS_BENCH_KAFKA_DIR").ok().map(PathBuf::from);
    // Brokers with 10,000 replicas each need the 2.5 GB.
    let kafka = Kafka::open(existing, work.path().join("kafka"), "-Xmx2500m");
    if n_creates > 0 {
        creating(&kafka, n_creates, n_runs.min(3));
    }
    let repository = work.path().join("repository");
    workload::write_repository(&repository, size);
    fill(&kafka, size);
    let first = run(driftless("apply", &repository, &kafka.bootstrap).arg("--yes"));
    println!("adopting everything (`driftless apply`): {:.1} s, peak {:.0} MB", first.seconds, first.peak_megabytes);
    planning(&kafka, &repository, size, n_runs);
}

fn driftless(command: &str, repository: &Path, bootstrap: &str) -> Command {
    let mut process = Command::new(env!("CARGO_BIN_EXE_driftless"));
    process.arg(command).arg(repository).args(["--environment", "bench", "--bootstrap-server", bootstrap]);
    process
}

/// Makes the state that the repository declares, unless the cluster has it.
fn fill(kafka: &Kafka, size: Size) {
    let mut connection = raw::Connection::open(&kafka.brokers[0]);
    let there: std::collections::BTreeSet<String> =
        raw::topics(&mut connection).into_iter().map(|name| name.to_string()).collect();
    let missing: Vec<String> = (0..size.topics).map(workload::topic).filter(|name| !there.contains(name)).collect();
    raw::create_topics(&mut connection, &missing);
    if raw::acls(&mut connection) < size.acls {
        raw::create_acls(&mut connection, size.acls);
    }
    // Quiet is not enough: a broker without CPU is quiet too, and may show the state of minutes ago.
    for broker in &kafka.brokers {
        let mut connection = raw::Connection::open(broker);
        let whole = |connection: &mut raw::Connection| {
            raw::topics(connection).len() >= size.topics && raw::acls(connection) >= size.acls
        };
        while !whole(&mut connection) {
            std::thread::sleep(Duration::from_secs(2));
        }
    }
    kafka.wait_until_quiet();
}

fn planning(kafka: &Kafka, repository: &Path, size: Size, n_runs: usize) {
    let itself = std::env::current_exe().expect("this program has a path");
    let (mut raw, mut plan, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    // The first turn warms the brokers' code and is not counted.
    for turn in 0..=n_runs {
        let raw_cost = run(Command::new(&itself).args([RAW_READS, &kafka.bootstrap]));
        let plan_cost = run(&mut driftless("plan", repository, &kafka.bootstrap));
        let step_cost = run(Command::new(&itself).arg(STEPS).arg(repository).arg(&kafka.bootstrap));
        let counts: Vec<usize> = raw_cost.output.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        assert!(counts[0] >= size.topics && counts[1] >= size.acls, "the raw reader saw everything: {counts:?}");
        assert!(plan_cost.output.contains("In sync: nothing to do."), "nothing differs: {}", plan_cost.output);
        if turn > 0 {
            raw.push(raw_cost);
            plan.push(plan_cost);
            steps.push(step_cost);
        }
    }
    println!("\nplan without changes, {} topics, {} ACL bindings, {n_runs} runs", size.topics, size.acls);
    print("raw reads, whole process", &raw);
    print("driftless plan, whole process", &plan);
    let ratios = |part: fn(&Cost) -> f64| plan.iter().zip(&raw).map(|(plan, raw)| part(plan) / part(raw)).collect();
    println!("  ratio of wall time {:.2} (promise: at most 1.5)", median(ratios(|cost| cost.seconds)));
    println!("  ratio of medians   {:.2}", median(seconds(&plan)) / median(seconds(&raw)));
    let peak = plan.iter().map(|cost| cost.peak_megabytes).fold(0.0, f64::max);
    println!("  peak memory {peak:.0} MB (promise: below 150 MB)");
    print_steps(&steps, median(seconds(&raw)));
}

/// Prints the median of each step, and the ratio of the time until its end to the raw reads.
fn print_steps(runs: &[Cost], raw: f64) {
    println!("steps of one plan in one process, medians");
    let lines = |cost: &Cost| -> Vec<(String, f64, f64)> {
        let fields = |line: &str| -> Option<(String, f64, f64)> {
            let mut fields = line.split('\t');
            Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        cost.output.lines().filter_map(fields).collect()
    };
    let all: Vec<Vec<(String, f64, f64)>> = runs.iter().map(lines).collect();
    for (at, (name, ..)) in all[0].iter().enumerate() {
        let time = median(all.iter().map(|run| run[at].1).collect());
        let until = median(all.iter().map(|run| run[..=at].iter().map(|step| step.1).sum()).collect());
        let memory = all.iter().map(|run| run[at].2).fold(0.0, f64::max);
        println!("  {name:<50} {:>6.0} ms, until then {:.2} x raw, peak {memory:>4.0} MB", time * 1e3, until / raw);
    }
}

fn creating(kafka: &Kafka, n_topics: usize, n_runs: usize) {
    let names = |prefix: &str| -> Vec<String> { (0..n_topics).map(|index| format!("{prefix}-{index:05}")).collect() };
    let mut connection = raw::Connection::open(&kafka.brokers[0]);
    let (mut raws, mut ours, mut confirmed) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..n_runs {
        // Who is first changes: the second finds warmer brokers.
        for raw_now in if turn % 2 == 0 { [true, false] } else { [false, true] } {
            let names = names(if raw_now { "raw.topic" } else { "driftless.topic" });
            kafka.wait_until_quiet();
            if raw_now {
                let start = Instant::now();
                raw::create_topics(&mut connection, &names);
                raws.push(start.elapsed().as_secs_f64());
            } else {
                let (accepted, whole) = steps::create(&names, &kafka.bootstrap);
                ours.push(accepted);
                confirmed.push(whole);
            }
            kafka.wait_until_quiet();
            raw::delete_topics(&mut connection, &names);
        }
    }
    kafka.wait_until_quiet();
    println!("\ncreating {n_topics} topics, {n_runs} runs");
    println!("  raw, accepted              {}", list(&raws));
    println!("  driftless apply, accepted  {}", list(&ours));
    println!("  driftless apply, read back {}", list(&confirmed));
    println!("  ratio of medians, accepted {:.2} (promise: at most 1.3)", median(ours) / median(raws));
}

fn seconds(costs: &[Cost]) -> Vec<f64> {
    costs.iter().map(|cost| cost.seconds).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn list(seconds: &[f64]) -> String {
    seconds.iter().map(|time| format!("{time:.2} s")).collect::<Vec<_>>().join(", ")
}

fn print(what: &str, costs: &[Cost]) {
    let times = seconds(costs);
    let (least, most) =
        (times.iter().copied().fold(f64::INFINITY, f64::min), times.iter().copied().fold(0.0, f64::max));
    let cpu = median(costs.iter().map(|cost| cost.cpu_seconds).collect());
    let memory = costs.iter().map(|cost| cost.peak_megabytes).fold(0.0, f64::max);
    println!(
        "  {what:<30} least {:>5.0} ms  median {:>5.0} ms  most {:>5.0} ms  CPU {:>5.0} ms  peak {memory:>4.0} MB",
        least * 1e3,
        median(times) * 1e3,
        most * 1e3,
        cpu * 1e3
    );
}
