//! What an agent costs, over many passes and at rest. Long: run by hand on a quiet machine, with the release binary.
//!
//! `dev/with-brokers cargo test --release --test it -- --ignored --nocapture agent_long`

use std::io::Write;
use std::time::Duration;

use crate::agent_process::{Agent, of_kafka};
use crate::agent_support::{AgentDesk, topic};
use crate::support::brokers::{Client, KafkaEnv, KafkaVersion};

/// Clock ticks per second of `/proc/PID/stat`: 100 on every Linux that driftless runs on.
const TICKS: f64 = 100.0;

/// Resident memory in bytes, open file descriptors, and processor time in seconds.
fn cost(agent: &Agent<'_>) -> (u64, usize, f64) {
    let process = format!("/proc/{}", agent.id());
    let status = std::fs::read_to_string(format!("{process}/status")).expect("it runs");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux");
    let kilobytes: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    let open = std::fs::read_dir(format!("{process}/fd")).expect("it runs").count();
    let stat = std::fs::read_to_string(format!("{process}/stat")).expect("it runs");
    let after_name = stat.rsplit_once(')').expect("a name").1;
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).map(|part| part.parse::<f64>().expect("ticks")).sum();
    (kilobytes * 1024, open, ticks / TICKS)
}

fn passes(agent: &Agent<'_>) -> usize {
    let text = agent.get("/metrics").unwrap_or_default();
    let counts = text.lines().filter(|line| line.starts_with("driftless_reconcile_total"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

fn until_passes(agent: &Agent<'_>, count: usize) {
    agent.until("so many passes", Duration::from_secs(3600), |agent| passes(agent) >= count);
}

/// Manifests of 100 topics.
fn hundred() -> String {
    (0..100).map(|index| format!("{}---\n", topic(&format!("topic-{index}"), 24))).collect()
}

/// Makes passes, and compares what the agent costs after the first ones and after all.
fn endure(first: usize, all: usize) {
    let Some(kafka) = KafkaEnv::start(KafkaVersion::V4, &[]) else { return };
    let desk = AgentDesk::new("");
    desk.push("hundred", &[("base/hundred.yaml", &hundred())]);
    let settings = format!(
        "{}\nlease: {{group: endure}}\nevents: {{topic: orders}}\ndrift: {{schedule: '* * * * * *'}}",
        of_kafka(&kafka, Client::Admin)
    );
    let agent = Agent::start(&desk, "agent", &settings);
    until_passes(&agent, first);
    let before = cost(&agent);
    until_passes(&agent, all);
    let after = cost(&agent);
    let told = format!("after {first} passes {before:?}, after {all} passes {after:?} (bytes, descriptors, seconds)");
    drop(writeln!(std::io::stderr(), "{told}"));
    assert!(after.0 <= before.0 + before.0 / 10, "memory grew: {before:?}, {after:?}");
    assert!(after.1 <= before.1 + before.1 / 10, "descriptors grew: {before:?}, {after:?}");
}

#[test]
#[ignore = "takes twenty minutes"]
fn a_thousand_passes_leave_memory_and_descriptors_as_they_were_after_fifty() {
    endure(50, 1000);
}

#[test]
#[ignore = "takes two minutes, and wants a quiet machine"]
fn a_hundred_passes_leave_memory_and_descriptors_as_they_were_after_fifty() {
    endure(50, 100);
}

#[test]
#[ignore = "takes six minutes, and wants a quiet machine"]
fn an_agent_at_rest_needs_little() {
    let Some(kafka) = KafkaEnv::start(KafkaVersion::V4, &[]) else { return };
    let desk = AgentDesk::new("");
    desk.push("hundred", &[("base/hundred.yaml", &hundred())]);
    let settings = format!("{}\nlease: {{group: rest}}\nevents: {{topic: orders}}", of_kafka(&kafka, Client::Admin));
    let port = crate::agent_process::free_port();
    crate::agent_process::configure(&desk, "agent", port, &settings);
    let file = desk.desk.path().join("agent.yaml");
    let text = std::fs::read_to_string(&file).expect("there");
    std::fs::write(&file, text.replace("interval: 1s", "interval: 30s")).expect("written");
    let agent = Agent::start_configured(&desk, "agent", port);
    agent.until("the first apply", Duration::from_secs(120), Agent::is_synced);
    std::thread::sleep(Duration::from_secs(30));
    let (_, _, before) = cost(&agent);
    let time = Duration::from_secs(300);
    std::thread::sleep(time);
    let (resident, open, after) = cost(&agent);
    let share = (after - before) / time.as_secs_f64();
    println!("at rest: {} MB, {open} descriptors, {:.2} % of a core", resident / 1_000_000, share * 100.0);
    assert!(resident < 40_000_000, "{resident} bytes");
    assert!(share < 0.005, "{:.2} % of a core", share * 100.0);
}
