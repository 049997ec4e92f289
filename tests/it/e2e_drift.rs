//! Every kind of change behind git's back, made with Kafka's own tools: seen, reported once, repaired.

use serde_json::{Value, json};

use crate::e2e_example::World;
use crate::git_support;
use crate::support::brokers::{KafkaEnv, KafkaVersion};
use crate::support::facts;
use crate::support::repository::ids;

/// What each change behind git's back is called in the drift report: action, reason.
const CHANGES: &[(&str, &str)] = &[
    ("topic/orders/update", "config-differs"),
    ("topic/events/update", "config-differs"),
    ("topic/logs/create", "deleted-in-cluster"),
    ("acl/User:alice/allow/Delete/topic/literal/user-events/*/delete", "not-in-git"),
    ("acl/User:producer-app/allow/Write/topic/literal/orders/*/create", "deleted-in-cluster"),
    ("quota/user=llm-consumer/update", "quota-differs"),
    ("user/alice/create", "deleted-in-cluster"),
    ("broker-config/default/update", "config-differs"),
    ("rule-group/tutorial%2Falerts/tutorial/update", "rules-differ"),
];

#[test]
fn what_changes_behind_gits_back_is_reported_once_and_repaired() {
    let Some(world) = World::start(KafkaVersion::V4) else { return };
    let remote = world.repository.add_remote();
    world.apply_everything("staging");
    world.expect_as_in_git("staging");
    change_everything(&world);

    let drift = world.repository.drift("staging");
    assert_eq!(drift["inSync"], false);
    let mut found: Vec<(&str, &str, &str)> = drift["drift"].as_array().expect("a list").iter().map(line).collect();
    let mut expected: Vec<_> = CHANGES.iter().map(|(action, reason)| (*action, *reason, "drift")).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(drift["unmanaged"], json!(["topic/made-by-hand"]));
    let detailed = world.repository.run(&["drift", "-e", "staging", "--detailed-exitcode"]);
    assert_eq!(detailed.code, 2, "{}", detailed.stderr);

    the_report_is_committed_once(&world, &remote, &drift);
    git_moves_too(&world);

    world.repository.apply("staging");
    world.repository.expect_in_sync("staging");
    let drift = world.repository.drift("staging");
    assert_eq!((&drift["inSync"], &drift["drift"]), (&json!(true), &json!([])));
    let mut expected = facts::of_repository(&world.repository.root(), "staging");
    expected.extend(["partitions=1", "replicas=1"].map(|count| format!("topic made-by-hand: {count}")));
    facts::assert_same(&world.facts(), &expected);
}

fn line(drift: &Value) -> (&str, &str, &str) {
    let field = |name: &str| drift[name].as_str().expect("text");
    (field("action"), field("reason"), field("origin"))
}

/// Ten changes, two tools at a time.
fn change_everything(world: &World) {
    let kafka = &world.kafka;
    let config = |kafka: &KafkaEnv, change: &[&str]| drop(kafka.tool(&[&["configs", "--alter"], change].concat()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            config(
                kafka,
                &["--entity-type", "topics", "--entity-name", "orders", "--add-config", "retention.ms=1234567"],
            );
            let size = "max.message.bytes=2000000";
            config(kafka, &["--entity-type", "topics", "--entity-name", "events", "--add-config", size]);
            kafka.tool(&["topics", "--delete", "--topic", "logs"]);
            let counts = ["--partitions", "1", "--replication-factor", "1"];
            kafka.tool(&[&["topics", "--create", "--topic", "made-by-hand"][..], &counts].concat());
        });
        let alice = ["--allow-principal", "User:alice", "--operation", "Delete", "--topic", "user-events"];
        kafka.tool(&[&["acls", "--add"][..], &alice].concat());
        let producer = ["--allow-principal", "User:producer-app", "--operation", "Write", "--topic", "orders"];
        kafka.tool(&[&["acls", "--remove", "--force"][..], &producer].concat());
        let rate = "consumer_byte_rate=1000";
        config(kafka, &["--entity-type", "users", "--entity-name", "llm-consumer", "--add-config", rate]);
        config(kafka, &["--entity-type", "users", "--entity-name", "alice", "--delete-config", "SCRAM-SHA-256"]);
        let buffer = "log.cleaner.io.buffer.size=600000";
        config(kafka, &["--entity-type", "brokers", "--entity-default", "--add-config", buffer]);
    });
    let path = world.prometheus.rules_dir().join("tutorial%2Falerts.yaml");
    let text = std::fs::read_to_string(&path).expect("the rules were written");
    let edited = text.replace("TutorialDiskSpaceLow", "TutorialDiskSpaceQuiet");
    std::fs::write(path, edited).expect("is written");
    world.prometheus.reload().expect("loads");
}

fn the_report_is_committed_once(world: &World, remote: &std::path::Path, drift: &Value) {
    let (repository, branch) = (&world.repository, "driftless/staging");
    let before = repository.git(&["rev-parse", branch]);
    let commit = || repository.run(&["drift", "-e", "staging", "--commit", "--push", "-o", "json"]).json(0);
    assert_eq!(&commit(), drift);
    let after = repository.git(&["rev-parse", branch]);
    assert_eq!(repository.git(&["rev-parse", &format!("{branch}^")]), before);
    assert_eq!(&commit(), drift);
    assert_eq!(repository.git(&["rev-parse", branch]), after, "nothing changed, so nothing is committed");
    assert_eq!(git_support::git(remote, &["rev-parse", branch]), after, "and it was pushed");

    let message = repository.git(&["log", "-1", "--format=%B", branch]);
    let (subject, trailers) = message.split_once("\n\n").expect("a subject and trailers");
    assert_eq!(subject, format!("drift(staging): {} changed, 1 unmanaged", CHANGES.len()));
    let revision = repository.git(&["rev-parse", "main"]);
    let plan = world.repository.plan("staging");
    let trailers: Vec<&str> = trailers.lines().collect();
    let id = plan["id"].as_str().expect("an id");
    let (digest, others) = trailers.split_last().expect("trailers");
    assert_eq!(
        others,
        [
            "Driftless-Environment: staging".to_owned(),
            format!("Driftless-Cluster-Id: {}", world.kafka.cluster_id()),
            format!("Driftless-Revision: {revision}"),
            format!("Driftless-Plan: {id}"),
        ]
    );
    assert!(digest.starts_with("Driftless-Digest: sha256:"), "{digest}");

    let file = |path: &str| repository.git(&["show", &format!("{branch}:{path}")]);
    assert_eq!(&serde_json::from_str::<Value>(&file("drift.json")).expect("JSON"), drift);
    let page = file("drift.md");
    for name in ["orders", "made-by-hand", "User:alice", "retention.ms", "1234567"] {
        assert!(page.contains(name), "{name} is not in: {page}");
    }
    let status: Value = serde_json::from_str(&file("status.json")).expect("JSON");
    assert_eq!(status["sync"], "OutOfSync", "{status:#}");
    let names = repository.git(&["ls-tree", "-r", "--name-only", branch]);
    assert!(names.lines().any(|name| name.starts_with("observed/topics/") && name.ends_with("made-by-hand.yaml")));
    assert!(!names.lines().any(|name| name.ends_with("/logs.yaml")), "{names}");
}

/// The cluster moved to one value and git to another: a conflict, and git's own change beside it.
fn git_moves_too(world: &World) {
    let path = world.repository.root().join("base/shop/topics.yaml");
    let text = std::fs::read_to_string(&path).expect("is there");
    world
        .repository
        .write("base/shop/topics.yaml", &text.replacen("retention.ms: 604800000", "retention.ms: 864000000", 1));
    world.repository.commit("orders are kept for ten days");
    let plan = world.repository.plan("staging");
    let actions = plan["actions"].as_array().expect("a list");
    let orders = actions.iter().find(|action| action["id"] == "topic/orders/update").expect("orders differ");
    assert_eq!(orders["origin"], "conflict");
    let value =
        json!([{"path": "config.retention.ms", "applied": "604800000", "observed": "1234567", "desired": "864000000"}]);
    assert_eq!(orders["fields"], value);
    assert_eq!(ids(&plan).len(), CHANGES.len());
}
