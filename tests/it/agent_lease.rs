//! One writer: of several agents of one environment exactly one acts, whatever becomes of it.

use std::time::Duration;

use crate::agent_process::{Agent, of_kafka};
use crate::agent_support::{AgentDesk, topic};
use crate::support::brokers::{Client, KafkaEnv, KafkaVersion, kafka, unique_name};

const SOON: Duration = Duration::from_secs(30);
const LATER: Duration = Duration::from_secs(300);

/// Tells the holder from the others; panics unless it is exactly one.
fn holder_first<'a>(agents: Vec<Agent<'a>>) -> Vec<Agent<'a>> {
    let (mut holders, others): (Vec<_>, Vec<_>) = agents.into_iter().partition(Agent::leads);
    assert_eq!(holders.len(), 1, "exactly one agent acts");
    holders.extend(others);
    holders
}

#[test]
fn two_agents_with_a_file_take_turns() {
    let desk = AgentDesk::new("");
    let lease = "lease: {file: lease}";
    let first = Agent::start(&desk, "first", lease);
    first.until("the first apply", SOON, Agent::is_synced);
    let second = Agent::start(&desk, "second", lease);
    second.until("standby", SOON, |agent| agent.reason() == "Standby");
    assert!(first.leads() && !second.leads());
    assert_eq!(second.status()["standby"], true);
    let before = desk.subjects();
    desk.push("more", &[("base/more.yaml", &topic("more", 1))]);
    first.until("the second commit", SOON, |_| desk.on_cluster("more").is_some());
    second
        .until("it follows", SOON, |agent| agent.status()["sync"] == "Synced" && desk.subjects().len() > before.len());
    assert_eq!(desk.subjects().len(), before.len() + 1, "{:?}", desk.subjects());
    // A crash, and an end that was asked for.
    first.kill();
    second.until("the lease", SOON, Agent::leads);
    let third = Agent::start(&desk, "third", lease);
    third.until("standby", SOON, |agent| agent.reason() == "Standby");
    assert_eq!(second.end().0, Some(0));
    third.until("the lease", SOON, Agent::leads);
    desk.push("last", &[("base/last.yaml", &topic("last", 1))]);
    third.until("the last commit", SOON, |_| desk.on_cluster("last").is_some());
}

#[test]
fn of_two_agents_one_acts_and_the_other_takes_over_within_thirty_seconds() {
    for version in KafkaVersion::ALL {
        let Some(kafka) = kafka(version) else { return };
        let name = unique_name("lease");
        let desk = AgentDesk::new("");
        desk.push("named", &[("base/orders.yaml", &topic(&name, 24))]);
        let settings = format!("{}\nlease: {{group: {name}}}", of_kafka(&kafka, Client::Admin));
        let agents = vec![Agent::start(&desk, "first", &settings), Agent::start(&desk, "second", &settings)];
        for agent in &agents {
            agent.until("a lease that is settled", LATER, |_| {
                agents.iter().filter(|agent| agent.leads()).count() == 1
                    && agents.iter().any(Agent::is_synced)
                    && agents.iter().any(|agent| agent.reason() == "Standby")
            });
        }
        let [holder, other]: [Agent<'_>; 2] = holder_first(agents).try_into().ok().expect("two");
        assert!(kafka.tool(&["topics", "--describe", "--topic", &name]).contains("retention.ms=86400000"));
        assert_eq!(desk.subjects().len(), 1, "{:?}", desk.subjects());

        holder.kill();
        let took = other.until("the lease after a crash", SOON, Agent::leads);
        desk.push("changed", &[("base/orders.yaml", &topic(&name, 48))]);
        other.until("what git says now", SOON, |agent| agent.is_synced() && desk.subjects().len() == 2);
        let again = Agent::start(&desk, "third", &settings);
        again.until("a lease that is settled", LATER, |again| {
            again.leads() != other.leads() && (again.reason() == "Standby" || other.reason() == "Standby")
        });
        let [holder, other]: [Agent<'_>; 2] = holder_first(vec![again, other]).try_into().ok().expect("two");
        let (code, ended) = holder.end();
        let gave = other.until("the lease that was given up", Duration::from_secs(15), Agent::leads);
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
    let agents = vec![Agent::start(&desk, "first", &settings), Agent::start(&desk, "second", &settings)];
    agents[0].until("a lease that is settled", LATER, |_| {
        agents.iter().filter(|agent| agent.leads()).count() == 1
            && agents.iter().any(Agent::is_synced)
            && agents.iter().any(|agent| agent.reason() == "Standby")
    });
    let [frozen, other]: [Agent<'_>; 2] = holder_first(agents).try_into().ok().expect("two");
    frozen.signal("STOP");
    other.until("the lease", SOON, Agent::leads);
    desk.push("changed", &[("base/orders.yaml", &topic(&name, 48))]);
    other.until("what git says now", SOON, |agent| agent.is_synced() && desk.subjects().len() == 2);
    frozen.signal("CONT");
    frozen.until("one holder", LATER, |frozen| {
        frozen.leads() != other.leads() && (frozen.reason() == "Standby" || other.reason() == "Standby")
    });
    assert_eq!(desk.subjects().len(), 2, "{:?}", desk.subjects());
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
    // One that follows and does not act: it learns of the lease only when it is free.
    let second = Agent::start(&desk, "second", &settings);
    // Who joins may be given the lease, so it is settled when it stays: it is asked every 50 ms.
    let (mut leads, mut looks) = (first.leads(), 0);
    second.until("a lease that is settled", LATER, |second| {
        let is_one = first.leads() != second.leads() && (first.reason() == "Standby" || second.reason() == "Standby");
        looks = if is_one && leads == first.leads() { looks + 1 } else { 0 };
        leads = first.leads();
        looks > 150
    });
    let (holder, name, other) = if first.leads() { (first, "first", second) } else { (second, "second", first) };
    let head = desk.push("many", &[("base/many.yaml", &many("many", TOPICS, 1))]);
    in_the_middle(&holder, &desk, name);
    holder.kill();
    let took = other.until("the lease", SOON, Agent::leads);
    other.until("all of it", LATER, |agent| agent.is_synced() && agent.status()["lastAppliedRevision"] == *head);
    println!("kill -9 in the middle of an apply: the other acts after {took:?}");
    let listed = kafka.tool(&["topics", "--list"]);
    assert_eq!(listed.lines().filter(|line| line.starts_with("many-")).count(), TOPICS);
    // Who was killed comes back and knows better than to believe its old journal.
    let again = Agent::start(&desk, name, &settings);
    again.until("standby or holder", LATER, |again| {
        again.leads() != other.leads() && (again.reason() == "Standby" || other.reason() == "Standby")
    });
    let [holder, standby]: [Agent<'_>; 2] = holder_first(vec![again, other]).try_into().ok().expect("two");
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
