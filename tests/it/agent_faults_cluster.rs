//! What an agent survives on the side of the cluster: each time the right reason, nothing wrong, and back by itself.

#![expect(clippy::disallowed_methods, reason = "a minute is measured")]

use std::time::{Duration, Instant};

use crate::agent_process::{Agent, of_kafka};
use crate::agent_support::{AgentDesk, topic};
use crate::support::brokers::{Client, KafkaEnv, KafkaVersion};

const LATER: Duration = Duration::from_secs(300);

fn stop(kafka: &KafkaEnv) {
    (1..=3).for_each(|id| kafka.stop_broker(id));
}

/// Starts all brokers: one alone has no quorum, and waiting for it would never end.
fn start(kafka: &KafkaEnv) {
    std::thread::scope(|scope| {
        for id in 1..=3 {
            scope.spawn(move || kafka.start_broker(id));
        }
    });
}

/// Whether the broker that answers shows the topic: one that has just come back learns of it a little later.
fn lists(kafka: &KafkaEnv, topic: &str) -> bool {
    kafka.tool(&["topics", "--list"]).lines().any(|line| line == topic)
}

fn ready(agent: &Agent<'_>) -> [String; 3] {
    let status = agent.status();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    [text(&status["sync"]), text(&status["conditions"][0]["reason"]), text(&status["conditions"][2]["status"])]
}

#[test]
fn brokers_that_are_down_at_the_start_and_for_a_minute_are_waited_for() {
    let Some(kafka) = KafkaEnv::start(KafkaVersion::V4, &[]) else { return };
    let desk = AgentDesk::new("");
    let lease =
        format!("{}\nlease: {{group: faults}}\nevents: {{topic: driftless.events}}", of_kafka(&kafka, Client::Admin));
    stop(&kafka);
    let agent = Agent::start(&desk, "agent", &lease);
    agent.until("the reason", LATER, |agent| ready(agent) == ["Unknown", "ClusterUnreachable", "False"]);
    assert_eq!(agent.get("/healthz").as_deref(), Some("ok\n"));
    start(&kafka);
    agent.until("back", LATER, Agent::is_synced);
    agent.until("the topic", LATER, |_| lists(&kafka, "orders"));

    stop(&kafka);
    let down = Instant::now();
    desk.push("meanwhile", &[("base/more.yaml", &topic("more", 1))]);
    agent.until("the reason", LATER, |agent| ready(agent)[1] == "ClusterUnreachable");
    std::thread::sleep(Duration::from_secs(60).saturating_sub(down.elapsed()));
    start(&kafka);
    agent.until("back", LATER, |agent| agent.is_synced() && agent.status()["counts"]["failed"] == 0);
    agent.until("the other topic", LATER, |_| lists(&kafka, "more"));
    assert_eq!(agent.end().0, Some(0));
}

#[test]
fn brokers_that_die_in_the_middle_of_an_apply_leave_nothing_half_done() {
    const TOPICS: usize = 1200;
    let Some(kafka) = KafkaEnv::start_with_heap(KafkaVersion::V4, "-Xmx1g", &[]) else { return };
    let desk = AgentDesk::new("");
    let agent = Agent::start(&desk, "agent", &of_kafka(&kafka, Client::Admin));
    agent.until("the first apply", LATER, Agent::is_synced);
    let manifests: String = (0..TOPICS).map(|index| format!("{}---\n", topic(&format!("many-{index}"), 1))).collect();
    let head = desk.push("many", &[("base/many.yaml", &manifests)]);
    agent.until("the middle of an apply", LATER, |_| {
        let directory = desk.desk.path().join("state-agent/prod");
        let journals = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut texts = journals.filter_map(|entry| std::fs::read_to_string(entry.path().join("journal.jsonl")).ok());
        texts.any(|text| text.contains("\"done\""))
    });
    stop(&kafka);
    std::thread::sleep(Duration::from_secs(10));
    start(&kafka);
    agent.until("all of it", LATER * 2, |agent| agent.is_synced() && agent.status()["lastAppliedRevision"] == *head);
    let listed = kafka.tool(&["topics", "--list"]);
    assert_eq!(listed.lines().filter(|line| line.starts_with("many-")).count(), TOPICS);
    assert_eq!(agent.end().0, Some(0));
}

#[test]
fn credentials_that_are_revoked_stall_the_agent_until_they_are_back() {
    let Some(kafka) = KafkaEnv::start(KafkaVersion::V4, &[]) else { return };
    let credential = ["configs", "--alter", "--entity-type", "users", "--entity-name", "agent"];
    let grant = || {
        let mut arguments = credential.to_vec();
        arguments.extend(["--add-config", "SCRAM-SHA-512=[password=hunter2]"]);
        kafka.tool(&arguments);
    };
    grant();
    for on in [["--topic", "*"].as_slice(), &["--group", "*"], &["--cluster"]] {
        let mut arguments = vec!["acls", "--add", "--allow-principal", "User:agent", "--operation", "All", "--force"];
        arguments.extend(on);
        kafka.tool(&arguments);
    }
    let desk = AgentDesk::new("");
    let admin = std::fs::read_to_string(kafka.properties(Client::Admin)).expect("there");
    let login = "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"agent\" password=\"hunter2\";";
    let own: Vec<&str> =
        admin.lines().map(|line| if line.starts_with("sasl.jaas.config") { login } else { line }).collect();
    std::fs::write(desk.desk.path().join("agent.properties"), own.join("\n")).expect("written");
    let settings = "cluster: {propertiesFile: agent.properties}\ndrift: {schedule: '*/5 * * * * *'}";
    let agent = Agent::start(&desk, "agent", settings);
    agent.until("the first apply", LATER, |agent| {
        desk.reported("inventory.json").is_some() && !ready(agent)[0].is_empty()
    });
    let before = ready(&agent);

    let mut arguments = credential.to_vec();
    arguments.extend(["--delete-config", "SCRAM-SHA-512"]);
    kafka.tool(&arguments);
    agent.until("the reason", LATER, |agent| ready(agent) == ["Unknown", "AuthenticationFailed", "True"]);
    assert!(!agent.log().contains("hunter2"));
    grant();
    agent.until("back", LATER, |agent| ready(agent) == before);
    assert_eq!(agent.end().0, Some(0));
}
