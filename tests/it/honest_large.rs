//! Thousands of new topics, and an apply that ends in the middle: killed, or asked to stop. One cluster for all of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use crate::honest_support::{Place, ids, on_cluster, signal, topic};
use crate::support::brokers::{self, KafkaEnv, KafkaVersion, unique_name};

/// Configs that make a topic cost 22 of the controller's records, so that a thousand of them take three requests.
const MANY: [(&str, &str); 19] = [
    ("min.insync.replicas", "1"),
    ("retention.ms", "1000000"),
    ("retention.bytes", "1000000000"),
    ("segment.bytes", "100000000"),
    ("segment.ms", "1000000"),
    ("segment.jitter.ms", "1000"),
    ("segment.index.bytes", "1000000"),
    ("max.message.bytes", "1000000"),
    ("flush.messages", "1000000"),
    ("flush.ms", "1000000"),
    ("index.interval.bytes", "5000"),
    ("file.delete.delay.ms", "50000"),
    ("delete.retention.ms", "1000000"),
    ("min.compaction.lag.ms", "1000"),
    ("max.compaction.lag.ms", "1000000"),
    ("min.cleanable.dirty.ratio", "0.4"),
    ("message.timestamp.type", "LogAppendTime"),
    ("compression.type", "gzip"),
    ("cleanup.policy", "delete"),
];

#[test]
fn thousands_of_topics_are_made_whatever_happens_in_the_middle() {
    let Some(kafka) = brokers::KafkaEnv::start_with_heap(KafkaVersion::V4, "-Xmx2g", &[]) else { return };
    killed_in_the_middle(&kafka);
    stopped_in_the_middle(&kafka);
    five_thousand_at_once(&kafka);
}

/// A killed apply leaves what it made, and the next one knows that it made it.
fn killed_in_the_middle(kafka: &KafkaEnv) {
    let place = Place::relaxed(kafka);
    let prefix = unique_name("killed");
    place.topics(&thousand(&prefix, "1000000"));
    place.commit();
    let mut child = place.start("apply --yes -q");
    let done = wait_for_first_batch(&place, &mut child);
    child.kill().expect("kill -9");
    assert_eq!(place.end(child).0, None, "it was killed, and had not ended by itself");
    assert!((1..1_000).contains(&done), "{done} in the journal");
    assert_eq!(place.owned(), Vec::<String>::new(), "nothing came to the branch");

    // Git moves on: for what was made this is a change, and nothing is taken over as if somebody else had made it.
    place.topics(&thousand(&prefix, "2000000"));
    let plan = plan_of_settled_brokers(&place);
    let (mut made, mut missing) = (0, 0);
    for action in plan["actions"].as_array().expect("a list") {
        match action["action"].as_str() {
            Some("create") => missing += 1,
            Some("update") => made += 1,
            other => panic!("{other:?}"),
        }
        assert_eq!((&action["origin"], &action["status"]), (&"change".into(), &"planned".into()), "{action}");
    }
    assert_eq!(made + missing, 1_000);
    assert!(made >= done, "{made} topics are there, and the journal knows {done}");

    place.topics(&thousand(&prefix, "1000000"));
    assert_eq!(ids(&place.plan()).len(), missing);
    let outcome = place.run("apply --yes");
    assert_eq!(outcome.code, 0, "{}{}", outcome.stdout, outcome.stderr);
    complete(kafka, &place, &prefix, 1_000);
    assert_eq!(journal(&place), BTreeMap::new(), "the branch holds it now");
}

/// Plans until the brokers show what the controller has. Until then a plan says of some topics that they would be made, and
/// the controller's dry run says that they exist: blocked, with its words.
fn plan_of_settled_brokers(place: &Place) -> serde_json::Value {
    for _ in 0..30 {
        let plan = place.plan();
        if plan["summary"]["blocked"] == 0 {
            return plan;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    panic!("the brokers never showed what the controller has");
}

/// Ctrl-C lets the request in flight end, says what is done, and the next apply goes on.
fn stopped_in_the_middle(kafka: &KafkaEnv) {
    let place = Place::relaxed(kafka);
    let prefix = unique_name("stopped");
    place.topics(&thousand(&prefix, "1000000"));
    place.commit();
    let mut child = place.start("apply --yes");
    let _ = wait_for_first_batch(&place, &mut child);
    signal(&child, "INT");
    let (code, stdout, stderr) = place.end(child);
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("Stopping after the batch in flight"), "{stderr}");
    let said = stdout.lines().find(|line| line.starts_with("Applied ")).unwrap_or_default();
    let numbers: Vec<usize> = said.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    assert!(numbers.contains(&1_000), "{said}\n{stdout}");
    let done = on_cluster(kafka, &prefix).len();
    assert!((1..1_000).contains(&done), "{done}");
    assert!(numbers.contains(&done), "{done} were made: {said}");
    assert_eq!(place.owned().len(), done, "what was done is ours");

    assert_eq!(ids(&place.plan()).len(), 1_000 - done);
    assert_eq!(place.run("plan --detailed-exitcode").code, 2);
    place.applied();
    complete(kafka, &place, &prefix, 1_000);
}

fn five_thousand_at_once(kafka: &KafkaEnv) {
    let place = Place::relaxed(kafka);
    let prefix = unique_name("many");
    let config = [("min.insync.replicas", "1"), ("retention.ms", "1000000"), ("max.message.bytes", "1000000")];
    let documents: Vec<String> = (0..5_000).map(|index| topic(&format!("{prefix}-{index}"), 1, 1, &config)).collect();
    place.topics(&documents);
    place.commit();
    let outcome = place.run("apply --yes");
    assert_eq!(outcome.code, 0, "{}{}", outcome.stdout, outcome.stderr);
    complete(kafka, &place, &prefix, 5_000);
}

fn thousand(prefix: &str, retention: &str) -> Vec<String> {
    let config: Vec<(&str, &str)> =
        MANY.iter().map(|(key, value)| (*key, if *key == "retention.ms" { retention } else { *value })).collect();
    (0..1_000).map(|index| topic(&format!("{prefix}-{index}"), 1, 1, &config)).collect()
}

fn complete(kafka: &KafkaEnv, place: &Place, prefix: &str, count: usize) {
    place.in_sync();
    assert_eq!(on_cluster(kafka, prefix).len(), count);
    assert_eq!(place.owned().len(), count);
}

/// Waits until the journal says that a first batch was answered; returns how many topics that was.
fn wait_for_first_batch(place: &Place, child: &mut Child) -> usize {
    for _ in 0..60_000 {
        let done = journal(place).get("done").copied().unwrap_or_default();
        if done > 0 {
            return done;
        }
        assert!(child.try_wait().expect("can be asked").is_none(), "it ended before it did anything");
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("nothing was done in two minutes");
}

/// Counts the entries of the journal by phase.
fn journal(place: &Place) -> BTreeMap<String, usize> {
    let mut phases = BTreeMap::new();
    for path in files(&place.repository().join(".git").join("driftless")) {
        if path.file_name().is_some_and(|name| name == "journal.jsonl") {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            for line in text.lines() {
                // The last line may be half written.
                let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
                if let Some(phase) = line["entry"]["phase"].as_str() {
                    *phases.entry(phase.to_owned()).or_default() += 1;
                }
            }
        }
    }
    phases
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries
        .flatten()
        .flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] })
        .collect()
}
