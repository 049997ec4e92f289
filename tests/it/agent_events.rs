//! Who is told of what happens: a real topic, a webhook, a real Alertmanager.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::agent_process::{Agent, of_kafka};
use crate::agent_support::{AgentDesk, topic};
use crate::support::brokers::{Client, KafkaVersion, kafka, unique_name};
use crate::support::ports::free_port;

const SOON: Duration = Duration::from_secs(180);

/// What a webhook got: header lines in lower case, and the body.
type Received = Arc<Mutex<Vec<(Vec<String>, String)>>>;

/// Takes requests until the process ends; answers with this status.
fn receiver(status: &'static str) -> (u16, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let received = Received::default();
    let kept = Arc::clone(&received);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a connection"));
            let mut headers = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                    break;
                }
                headers.push(line.trim().to_owned());
            }
            let length =
                headers.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).expect("a body");
            kept.lock().expect("not poisoned").push((headers, String::from_utf8(body).expect("UTF-8")));
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).expect("answered");
        }
    });
    (port, received)
}

fn types(received: &Received) -> Vec<String> {
    let received = received.lock().expect("not poisoned");
    let kind = |body: &str| serde_json::from_str::<Value>(body).expect("JSON")["type"].as_str().map(str::to_owned);
    received.iter().filter_map(|(_, body)| kind(body)).collect()
}

#[test]
fn a_webhook_gets_signed_events_and_one_that_is_away_delays_nothing() {
    let (port, received) = receiver("204 No Content");
    let desk = AgentDesk::new("");
    std::fs::write(desk.desk.path().join("hook"), "hunter2\n").expect("written");
    let events = format!("events: {{webhook: {{url: 'http://127.0.0.1:{port}/x', secretFile: hook}}}}");
    let agent =
        Agent::start(&desk, "agent", &format!("{events}\ndrift: {{confirmations: 1, schedule: '*/2 * * * * *'}}"));
    agent.until("the first apply", SOON, Agent::is_synced);
    desk.change_by_hand("orders", 24, 48);
    agent.until("the drift", SOON, |_| types(&received).contains(&"dev.driftless.drift.v1".to_owned()));
    let told = types(&received);
    assert_eq!(told[0], "dev.driftless.lease.v1", "{told:?}");
    for kind in ["plan", "apply", "drift"] {
        assert!(told.contains(&format!("dev.driftless.{kind}.v1")), "{told:?}");
    }
    for (headers, body) in received.lock().expect("not poisoned").iter() {
        let signature = headers.iter().find_map(|line| line.strip_prefix("x-driftless-signature-256: sha256="));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"hunter2");
        let tag = ring::hmac::sign(&key, body.as_bytes());
        let expected: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signature, Some(expected.as_str()), "{headers:?}");
        let event: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!((&event["specversion"], &event["subject"]), (&"1.0".into(), &"prod".into()));
        assert!(!body.contains("hunter2"));
    }
    // A new secret counts without a restart.
    std::fs::write(desk.desk.path().join("hook"), "correct horse\n").expect("written");
    let signs_anew = |received: &Received| {
        let received = received.lock().expect("not poisoned");
        received.last().is_some_and(|(headers, body)| {
            let tag =
                ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"correct horse"), body.as_bytes());
            let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            headers.iter().any(|line| line.ends_with(&hex))
        })
    };
    let mut hours = 48;
    agent.until("a signature with the new secret", SOON, |agent| {
        let before = types(&received).len();
        // To what git says, and away from it: each is told.
        let to = if hours == 48 { 24 } else { 48 };
        desk.change_by_hand("orders", hours, to);
        hours = to;
        agent.until("another event", SOON, |_| types(&received).len() > before);
        signs_anew(&received)
    });
    assert_eq!(agent.end().0, Some(0));

    let away = format!("events: {{webhook: {{url: 'http://127.0.0.1:{}/hooks/hunter2'}}}}", free_port());
    let agent =
        Agent::start(&desk, "away", &format!("{away}\napply: {{correctDrift: true}}\ndrift: {{confirmations: 1}}"));
    agent.until("a pass", SOON, |agent| !agent.reason().is_empty());
    agent.until("the count", SOON, |agent| {
        agent
            .get("/metrics")
            .is_some_and(|text| text.contains("driftless_events_total{sink=\"webhook\",result=\"retried\"}"))
    });
    assert!(!agent.log().contains("hunter2"), "{}", agent.log());
    assert_eq!(agent.end().0, Some(0));
}

#[test]
fn slack_gets_a_line_of_text() {
    let (port, received) = receiver("200 OK");
    let desk = AgentDesk::new("");
    let events = format!("events: {{webhook: {{url: 'http://127.0.0.1:{port}/services/T/B/x', format: slack}}}}");
    let agent = Agent::start(&desk, "agent", &events);
    agent.until("the lines", SOON, |_| received.lock().expect("not poisoned").len() >= 3);
    let lines: Vec<Value> = received
        .lock()
        .expect("not poisoned")
        .iter()
        .map(|(_, body)| serde_json::from_str(body).expect("JSON"))
        .collect();
    assert!(lines.iter().any(|line| line["text"] == "prod: 1 applied, 0 not done"), "{lines:?}");
}

#[test]
fn a_topic_gets_every_event_and_is_never_made() {
    let Some(kafka) = kafka(KafkaVersion::V4) else { return };
    let (name, events) = (unique_name("events-of"), unique_name("events"));
    let desk = AgentDesk::new("");
    desk.push("named", &[("base/orders.yaml", &topic(&name, 24))]);
    let settings =
        format!("{}\nevents: {{topic: {events}}}\ndrift: {{schedule: '0 0 0 1 1 *'}}", of_kafka(&kafka, Client::Admin));
    let agent = Agent::start(&desk, "agent", &settings);
    agent.until("the first apply", SOON, Agent::is_synced);
    assert!(!kafka.tool(&["topics", "--list"]).contains(&events));
    kafka.tool(&["topics", "--create", "--topic", &events, "--partitions", "1", "--replication-factor", "3"]);
    agent.until("the events", SOON * 2, |agent| {
        agent
            .get("/metrics")
            .is_some_and(|text| text.contains("driftless_events_total{sink=\"topic\",result=\"sent\"} 3"))
    });
    let read = kafka.tool(&[
        "consumer",
        "--topic",
        &events,
        "--from-beginning",
        "--max-messages",
        "3",
        "--timeout-ms",
        "20000",
    ]);
    let kinds: Vec<String> = read
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["type"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(kinds, ["dev.driftless.lease.v1", "dev.driftless.plan.v1", "dev.driftless.apply.v1"]);
    assert_eq!(agent.end().0, Some(0));
    for topic in [&name, &events] {
        kafka.tool(&["topics", "--delete", "--topic", topic]);
    }
}

/// A running Alertmanager; killed with the value.
struct Alertmanager {
    child: Child,
    port: u16,
}

impl Alertmanager {
    /// Starts Debian's Alertmanager; says so and returns nothing where there is none, except in CI.
    fn start(directory: &std::path::Path) -> Option<Self> {
        let port = free_port();
        std::fs::write(directory.join("alertmanager.yml"), "route: {receiver: none}\nreceivers: [{name: none}]\n")
            .expect("written");
        let child = Command::new("prometheus-alertmanager")
            .args(["--config.file=alertmanager.yml", "--storage.path=alerts", "--cluster.listen-address="])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Some(Self { child, port }),
            Err(_) => {
                let in_ci = std::env::vars().any(|(name, value)| name == "CI" && !value.is_empty() && value != "false");
                assert!(!in_ci, "there is no prometheus-alertmanager: `dev/setup prometheus` installs it");
                let line = "skipped: there is no prometheus-alertmanager; `dev/setup prometheus` installs it";
                drop(writeln!(std::io::stderr(), "{line}"));
                None
            }
        }
    }

    /// The names of the alerts that are active.
    fn active(&self) -> Vec<String> {
        let url = format!("http://127.0.0.1:{}/api/v2/alerts?active=true", self.port);
        let Ok(output) = Command::new("curl").args(["-s", &url]).output() else { return Vec::new() };
        let alerts: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
        alerts.iter().filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned)).collect()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn alertmanager_hears_when_it_lasts_and_when_it_is_over() {
    let desk = AgentDesk::new("");
    let Some(alerts) = Alertmanager::start(desk.desk.path()) else { return };
    let settings = format!(
        "events: {{alertmanager: {{url: 'http://127.0.0.1:{}', after: 3s}}}}\ndrift: {{confirmations: 1, schedule: '*/2 * * * * *'}}",
        alerts.port
    );
    let agent = Agent::start(&desk, "agent", &settings);
    agent.until("the first apply", SOON, Agent::is_synced);
    assert_eq!(alerts.active(), Vec::<String>::new());
    desk.change_by_hand("orders", 24, 48);
    agent.until("the alerts", SOON, |_| {
        let mut active = alerts.active();
        active.sort();
        active == ["DriftlessOutOfSync", "DriftlessStalled"]
    });
    desk.change_by_hand("orders", 48, 24);
    agent.until("the end of them", SOON, |_| alerts.active().is_empty());
}
