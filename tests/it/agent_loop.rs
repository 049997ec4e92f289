//! The agent as a daemon, as a process: what wakes it, what it survives, how it ends, and what it shows over HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::agent_support::{AgentDesk, RunningAgent, eventually, topic};
use crate::support::ports::free_port;

pub(crate) fn is_synced(world: &AgentDesk) -> bool {
    world.reported("status.json").is_some() && world.status().0 == "Synced"
}

#[test]
fn an_agent_follows_its_branch_survives_an_absent_remote_and_ends_when_asked() {
    let world = AgentDesk::new("");
    let agent = RunningAgent::start(&world);
    eventually(&world, "the first apply", || is_synced(&world));
    let head = world.push("more", &[("base/more.yaml", &topic("more", 1))]);
    eventually(&world, "the second commit", || world.on_cluster("more").is_some());
    // A remote that is moved while it is written to keeps a lock that nobody removes.
    eventually(&world, "its report", || world.reported("status.json").is_some_and(|status| status.contains(&*head)));

    let away = world.desk.path().join("away.git");
    std::fs::rename(world.remote(), &away).expect("moved");
    std::thread::sleep(Duration::from_secs(3));
    std::fs::rename(&away, world.remote()).expect("moved");
    world.push("third", &[("base/third.yaml", &topic("third", 1))]);
    eventually(&world, "the third commit", || world.on_cluster("third").is_some());

    world.push("bad", &[("base/bad.yaml", "kind: [\n")]);
    eventually(&world, "the bad file", || world.status().1 == "ManifestsInvalid");
    std::fs::remove_file(world.clone().join("base/bad.yaml")).expect("removed");
    world.push("good", &[]);
    eventually(&world, "back to Synced", || is_synced(&world));
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn drift_is_seen_on_schedule_and_corrected_when_new_settings_say_so() {
    let world = AgentDesk::new("drift: {schedule: '*/2 * * * * *', confirmations: 2}");
    let agent = RunningAgent::start(&world);
    eventually(&world, "the first apply", || is_synced(&world));
    world.change_by_hand("orders", 24, 12);
    eventually(&world, "the drift", || world.status().1 == "DriftNotCorrected");
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("43200000")));
    // Settings that cannot be used change nothing.
    world.configure("apply: {correctDrift: perhaps}");
    agent.signal("HUP");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(world.status().1, "DriftNotCorrected");
    world.configure("apply: {correctDrift: true}");
    agent.signal("HUP");
    eventually(&world, "the correction", || is_synced(&world));
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("86400000")));
    assert_eq!(agent.end(), Some(0));
}

/// Asks the agent; returns status line and body.
pub(crate) fn get(port: u16, path: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.lines().next()?.to_owned(), body.to_owned()))
}

#[test]
fn health_metrics_status_and_plan_are_served_on_loopback_only() {
    let port = free_port();
    let http = format!("http: {{listen: '127.0.0.1:{port}'}}\ndrift: {{schedule: '0 0 0 1 1 *'}}");
    let world = AgentDesk::new(&http);
    let agent = RunningAgent::start(&world);
    let ready = || get(port, "/readyz").is_some_and(|(line, _)| line.contains("200"));
    eventually(&world, "ready", ready);
    assert_eq!(get(port, "/healthz").expect("answers").1, "ok\n");
    let json = |path: &str| -> Value {
        let (line, body) = get(port, path).expect("answers");
        assert!(line.contains("200"), "{line}");
        serde_json::from_str(&body).expect("JSON")
    };
    assert_eq!(json("/api/v1/status")["sync"], "Synced");
    assert_eq!(json("/api/v1/plan")["kind"], "Plan");
    let metrics = get(port, "/metrics").expect("answers").1;
    for line in [
        "driftless_reconcile_total{environment=\"prod\",result=\"success\"} 1",
        "driftless_plan_actions{environment=\"prod\",action=\"create\",status=\"planned\"} 1",
        "driftless_drift_resources{environment=\"prod\",kind=\"topic\"} 0",
        "driftless_info{environment=\"prod\",version=\"",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains("orders"), "{metrics}");
    // The remote being away is no reason to restart an agent.
    std::fs::rename(world.remote(), world.desk.path().join("away.git")).expect("moved");
    eventually(&world, "the failure", || json("/api/v1/status")["conditions"][0]["reason"] == "SourceFailed");
    assert!(ready());
    // One agent per directory.
    let second = world.once_ends_with(1);
    assert!(second.stderr.contains("another agent"), "{}", second.stderr);
    assert_eq!(agent.end(), Some(0));

    for (settings, word) in [
        ("http: {listen: '0.0.0.0:8080'}", "`http.listen`"),
        ("http: {listen: '127.0.0.1:8080', webhookSecretFile: no-such-file}", "`http.webhookSecretFile`"),
        ("drift: {schedule: '99 * * * * *'}", "`drift.schedule`"),
    ] {
        world.configure(settings);
        let outcome = world.once_ends_with(64);
        assert!(outcome.stderr.contains(word), "{settings}: {}", outcome.stderr);
    }
}
