//! One writer: of several agents of one environment exactly one acts, whatever becomes of it.

use std::time::Duration;

use crate::agent_process::{Agent, of_kafka};
use crate::agent_support::{AgentDesk, topic};
use crate::support::brokers::{Client, KafkaEnv, KafkaVersion, kafka, unique_name};

const SOON: Duration = Duration::from_secs(30);
const LATER: Duration = Duration::from_secs(300);

/// Waits until one of two agents acts and the other one stands by, for some seconds: while a member joins nobody acts for a moment.
/// Returns the one that acts first.
fn settled<'a>(agents: [Agent<'a>; 2]) -> [Agent<'a>; 2] {
    let (mut before, mut looks) = ([false; 2], 0);
    agents[0].until("a lease that is settled", LATER, |_| {
        let leads = agents.each_ref().map(|agent| agent.leads());
        let n_synced = agents.iter().filter(|agent| agent.is_synced()).count();
        let n_standing_by = agents.iter().filter(|agent| agent.reason() == "Standby").count();
        let is_one = leads[0] != leads[1] && (n_synced, n_standing_by) == (1, 1);
        looks = if is_one && leads == before { looks + 1 } else { 0 };
        before = leads;
        looks > 100
    });
    let [first, second] = agents;
    if before[0] { [first, second] } else { [second, first] }
}

/// The applies that did something. On a cluster that other tests use too, a pass may have other topics of theirs to report.
fn applies(desk: &AgentDesk) -> usize {
    desk.subjects().iter().filter(|subject| subject.starts_with("apply(prod): 1 applied")).count()
}

#[test]
fn two_agents_with_a_file_take_turns() {
    let desk = AgentDesk::new("");
    let lease = "lease: {file: lease}";
    let first = Agent::start(&desk, "first", lease);
    first.until("the first apply", LATER, Agent::is_synced);
    let second = Agent::start(&desk, "second", lease);
    second.until("standby", LATER, |agent| agent.reason() == "Standby");
    assert!(first.leads() && !second.leads());
    assert_eq!(second.status()["standby"], true);
    let before = desk.subjects();
    desk.push("more", &[("base/more.yaml", &topic("more", 1))]);
    first.until("the second commit", LATER, |_| desk.on_cluster("more").is_some());
    second
        .until("it follows", LATER, |agent| agent.status()["sync"] == "Synced" && desk.subjects().len() > before.len());
    assert_eq!(desk.subjects().len(), before.len() + 1, "{:?}", desk.subjects());
    // A crash, and an end that was asked for.
    first.kill();
    second.until("the lease", LATER, Agent::leads);
    let third = Agent::start(&desk, "third", lease);
    third.until("standby", LATER, |agent| agent.reason() == "Standby");
    assert_eq!(second.end().0, Some(0));
    third.until("the lease", LATER, Agent::leads);
    desk.push("last", &[("base/last.yaml", &topic("last", 1))]);
    third.until("the last commit", LATER, |_| desk.on_cluster("last").is_some());
}

#[test]
fn of_two_agents_one_acts_and_the_other_takes_over_within_thirty_seconds() {
    for version in KafkaVersion::ALL {
        let Some(kafka) = kafka(version) else { return };
        let name = unique_name("lease");
        let desk = AgentDesk::new("");
        desk.push("named", &[("base/orders.yaml", &topic(&name, 24))]);
        let settings = format!("{}\nlease: {{group: {name}}}", of_kafka(&kafka, Client::Admin));
        let [holder, other] =
            settled([Agent::start(&desk, "first", &settings), Agent::start(&desk, "second", &settings)]);
        assert!(kafka.tool(&["topics", "--describe", "--topic", &name]).contains("retention.ms=86400000"));
        assert_eq!(applies(&desk), 1, "{:?}", desk.subjects());

        holder.kill();
        let took = other.until("the lease after a crash", SOON, Agent::leads);
        desk.push("changed", &[("base/orders.yaml", &topic(&name, 48))]);
        other.until("what git says now", LATER, |agent| agent.is_synced() && applies(&desk) == 2);
        let oldest = other.id();
        let [holder, other] = settled([Agent::start(&desk, "third", &settings), other]);
        assert_eq!(holder.id(), oldest, "who joins takes the lease from nobody");
        let (code, ended) = holder.end();
        let gave = other.until("the lease that was given up", SOON, Agent::leads);
        println!("Kafka {}: {took:?} after kill -9; SIGTERM {ended:?}, then {gave:?}", version.release());
        assert_eq!(code, Some(0));
        kafka.tool(&["topics", "--delete", "--topic", &name]);
    }
}

#[test]
fn a_holder_that_was_frozen_does_nothing_when_it_comes_back() {
    let Some(kafka) = kafka(KafkaVersion::V4) else { return };
    let name = unique_name("frozen");
    let desk = AgentDesk::new("");
    desk.push("named", &[("base/orders.yaml", &topic(&name, 24))]);
    let settings = format!("{}\nlease: {{group: {name}}}", of_kafka(&kafka, Client::Admin));
    let [frozen, other] = settled([Agent::start(&desk, "first", &settings), Agent::start(&desk, "second", &settings)]);
    frozen.signal("STOP");
    other.until("the lease", SOON, Agent::leads);
    desk.push("changed", &[("base/orders.yaml", &topic(&name, 48))]);
    other.until("what git says now", LATER, |agent| agent.is_synced() && applies(&desk) == 2);
    let oldest = other.id();
    frozen.signal("CONT");
    let [holder, _frozen] = settled([frozen, other]);
    assert_eq!(holder.id(), oldest, "who stood still is the youngest now");
    assert_eq!(applies(&desk), 2, "{:?}", desk.subjects());
    kafka.tool(&["topics", "--delete", "--topic", &name]);
}

/// Manifests of so many topics.
fn many(stem: &str, count: usize, hours: u64) -> String {
    (0..count).map(|index| format!("{}---\n", topic(&format!("{stem}-{index}"), hours))).collect()
}

/// Waits until an apply is under way: something was done, and not all.
fn in_the_middle(agent: &Agent<'_>, desk: &AgentDesk, name: &str) {
    agent.until("the middle of an apply", LATER, |_| {
        let directory = desk.desk.path().join(format!("state-{name}/prod"));
        let journals = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let texts = journals.filter_map(|entry| std::fs::read_to_string(entry.path().join("journal.jsonl")).ok());
        texts.into_iter().any(|text| text.contains("\"done\""))
    });
}

#[test]
fn an_apply_whose_agent_dies_in_the_middle_is_finished_by_the_other() {
    const TOPICS: usize = 1200;
    let Some(kafka) = KafkaEnv::start_with_heap(KafkaVersion::V4, "-Xmx1g", &[]) else { return };
    let desk = AgentDesk::new("");
    let settings = format!("{}\nlease: {{group: middle}}", of_kafka(&kafka, Client::Admin));
    let first = Agent::start(&desk, "first", &settings);
    first.until("the first apply", LATER, Agent::is_synced);
    let [holder, other] = settled([first, Agent::start(&desk, "second", &settings)]);
    let head = desk.push("many", &[("base/many.yaml", &many("many", TOPICS, 1))]);
    in_the_middle(&holder, &desk, "first");
    holder.kill();
    let took = other.until("the lease", SOON, Agent::leads);
    other.until("all of it", LATER, |agent| agent.is_synced() && agent.status()["lastAppliedRevision"] == *head);
    println!("kill -9 in the middle of an apply: the other acts after {took:?}");
    let listed = kafka.tool(&["topics", "--list"]);
    assert_eq!(listed.lines().filter(|line| line.starts_with("many-")).count(), TOPICS);
    // Who was killed comes back and knows better than to believe its old journal.
    let [holder, standby] = settled([Agent::start(&desk, "first", &settings), other]);
    assert_eq!(standby.end().0, Some(0));
    holder.until("quiet", LATER, Agent::is_synced);
    assert!(desk.status().0 == "Synced", "{:?}", desk.status());
}

#[test]
fn a_request_to_end_in_the_middle_of_an_apply_ends_it_after_the_batch() {
    const TOPICS: usize = 1200;
    let Some(kafka) = KafkaEnv::start_with_heap(KafkaVersion::V4, "-Xmx1g", &[]) else { return };
    let desk = AgentDesk::new("");
    let settings = format!("{}\nlease: {{group: middle}}", of_kafka(&kafka, Client::Admin));
    let first = Agent::start(&desk, "first", &settings);
    first.until("the first apply", LATER, Agent::is_synced);
    let head = desk.push("many", &[("base/many.yaml", &many("many", TOPICS, 1))]);
    in_the_middle(&first, &desk, "first");
    let (code, took) = first.end();
    println!("SIGTERM in the middle of an apply: ended after {took:?}");
    assert_eq!(code, Some(0));
    assert!(took < SOON, "{took:?}");
    let second = Agent::start(&desk, "second", &settings);
    second.until("all of it", LATER, |agent| agent.is_synced() && agent.status()["lastAppliedRevision"] == *head);
    let listed = kafka.tool(&["topics", "--list"]);
    assert_eq!(listed.lines().filter(|line| line.starts_with("many-")).count(), TOPICS);
}
