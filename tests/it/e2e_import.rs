//! A cluster that driftless never touched becomes a repository, and a plan made from that is empty.

use std::collections::BTreeMap;

use driftless::domain::names::TopicName;
use driftless::domain::operation::{Operation, Passwords};
use driftless::ports::Access;
use driftless::ports::Cluster as _;
use serde_json::json;

use crate::kafka_support::connect;
use crate::support::brokers::{Client, KafkaEnv, KafkaVersion};
use crate::support::facts;
use crate::support::repository::{ConfigRepository, ids};

const N_TOPICS: usize = 200;
const N_ACLS: usize = 300;

#[tokio::test]
async fn what_was_made_by_hand_is_imported_whole_and_nothing_is_left_to_do() {
    let Some(kafka) = KafkaEnv::start(KafkaVersion::V4, &[]) else { return };
    make_topics(&kafka).await;
    make_everything_else(&kafka);
    let before = facts::of_cluster(&kafka);
    let count = |kind: &str| before.iter().filter(|fact| fact.starts_with(kind)).count();
    assert_eq!((count("acl "), count("quota "), count("credential ")), (N_ACLS, 15, 5));
    // Three of them are made below; min.insync.replicas is there from the start, with eligible leader replicas (Kafka 4.1).
    assert_eq!((count("topic ") - N_TOPICS * 4, count("broker ")), (N_TOPICS / 2 + N_TOPICS / 4, 4));

    let mut repository = ConfigRepository::new(&[("README.md", "Imported.\n")]);
    repository.connect(kafka.bootstrap(Client::Admin), &kafka.properties(Client::Admin));
    let imported = repository.run_plain(&["import", "-e", "live"]);
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    let valid = repository.run_with(&["validate"], &[]);
    assert_eq!(valid.code, 0, "{}\n{}", valid.stdout, valid.stderr);
    let revision = repository.commit("what there is");

    // The second opinion on what was written, and then the product's.
    facts::assert_same(&before, &facts::of_repository(&repository.root(), "live"));
    let plan = repository.plan("live");
    assert_eq!((ids(&plan), &plan["unknown"], &plan["unmanaged"]), (Vec::new(), &json!([]), &json!([])));
    let adopted = plan["adopted"].as_array().expect("what becomes ours").len();
    assert!(adopted > N_TOPICS + N_ACLS, "{adopted} are adopted");
    repository.expect_in_sync("live");

    // Adopting writes nothing to the cluster.
    assert_eq!(repository.apply("live"), 0);
    facts::assert_same(&facts::of_cluster(&kafka), &before);
    let plan = repository.plan("live");
    assert_eq!((ids(&plan), plan.get("adopted")), (Vec::new(), None));
    assert_eq!(plan["source"]["base"], json!(revision));
}

/// Kafka's own tool makes one topic in two seconds, so these go through the admin connection directly.
async fn make_topics(kafka: &KafkaEnv) {
    let cluster = connect(kafka, Client::Admin, Access::ReadWrite);
    let config = |index: usize| {
        let mut config = BTreeMap::from([("min.insync.replicas", "2".to_owned())]);
        config.insert("retention.ms", (3_600_000 + index * 1000).to_string());
        if index.is_multiple_of(2) {
            config.insert("cleanup.policy", "compact,delete".to_owned());
        }
        if index.is_multiple_of(4) {
            config.insert("segment.bytes", "104857600".to_owned());
        }
        config.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    };
    let operations: Vec<_> = (0..N_TOPICS)
        .map(|index| Operation::CreateTopic {
            topic: TopicName::parse(&format!("team-{}.Events_{index}", index % 7)).expect("valid"),
            partitions: Some(i32::try_from(index % 3).expect("small") + 1),
            replication_factor: Some(3),
            config: config(index),
        })
        .collect();
    for batch in operations.chunks(50) {
        let results = cluster.perform(batch, &Passwords::default()).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
}

fn make_everything_else(kafka: &KafkaEnv) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            make_quotas(kafka);
        });
        make_acls(kafka);
        let config = |change: &[&str]| drop(kafka.tool(&[&["configs", "--alter"], change].concat()));
        for (user, credential) in [
            ("old-and-new", "SCRAM-SHA-256=[iterations=8192,password=one]"),
            ("old-and-new", "SCRAM-SHA-512=[iterations=4096,password=two]"),
            ("CN=only,OU=old", "SCRAM-SHA-256=[iterations=10000,password=three]"),
        ] {
            config(&["--entity-type", "users", "--entity-name", user, "--add-config", credential]);
        }
        let everywhere = "log.cleaner.threads=2,log.retention.ms=259200000";
        config(&["--entity-type", "brokers", "--entity-default", "--add-config", everywhere]);
        config(&["--entity-type", "brokers", "--entity-name", "1", "--add-config", "log.cleaner.threads=1"]);
    });
}

/// 300 bindings: the tool makes every combination of what it is given.
fn make_acls(kafka: &KafkaEnv) {
    let repeated = |flag: &str, values: Vec<String>| -> Vec<String> {
        values.into_iter().flat_map(|value| [flag.to_owned(), value]).collect()
    };
    let add = |parts: &[Vec<String>]| {
        let arguments = parts.concat();
        let arguments: Vec<&str> = ["acls", "--add"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
        kafka.tool(&arguments);
    };
    let words = |text: &str| text.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
    // 10 principals, 9 topics, 3 operations.
    add(&[
        repeated("--allow-principal", (0..10).map(|index| format!("User:app-{index}")).collect()),
        repeated("--topic", (0..9).map(|index| format!("team-{index}.Events_{index}")).collect()),
        repeated("--operation", words("Read Write DescribeConfigs")),
    ]);
    // 2 principals, 4 resources, 2 operations.
    add(&[
        repeated("--allow-principal", words("User:CN=etl,OU=data,O=example User:app-0")),
        words("--resource-pattern-type prefixed --topic team- --group team- --group app-0 --transactional-id team-"),
        repeated("--operation", words("Describe All")),
    ]);
    // A deny from two hosts, on everything.
    add(&[
        repeated("--deny-principal", words("User:app-9")),
        repeated("--deny-host", words("192.0.2.1 2001:db8::1")),
        words("--topic * --operation Delete"),
    ]);
    // 4 principals, 2 operations; and one principal that is every user.
    add(&[
        repeated("--allow-principal", words("User:app-1 User:app-2 User:app-3 User:operator")),
        words("--cluster --operation Describe --operation ClusterAction"),
    ]);
    add(&[words("--allow-principal User:* --topic public --operation Read --operation Describe --group *")]);
}

/// Limits of every shape of entity.
fn make_quotas(kafka: &KafkaEnv) {
    let user = &["--entity-type", "users", "--entity-name", "alice"][..];
    let every_user = &["--entity-type", "users", "--entity-default"][..];
    let client = &["--entity-type", "clients", "--entity-name", "etl"][..];
    let every_client = &["--entity-type", "clients", "--entity-default"][..];
    let address = &["--entity-type", "ips", "--entity-name", "192.0.2.17"][..];
    let every_address = &["--entity-type", "ips", "--entity-default"][..];
    let three = "producer_byte_rate=1048576,consumer_byte_rate=2097152,request_percentage=12.5";
    for (entity, limits) in [
        (user, three),
        (every_user, "producer_byte_rate=10485760"),
        (client, "consumer_byte_rate=1048576"),
        (every_client, "controller_mutation_rate=5"),
        (&[user, client].concat(), three),
        (&[user, every_client].concat(), "request_percentage=200"),
        (&[every_user, client].concat(), "request_percentage=300"),
        (&[every_user, every_client].concat(), "producer_byte_rate=1,consumer_byte_rate=2"),
        (address, "connection_creation_rate=20"),
        (every_address, "connection_creation_rate=100"),
    ] {
        kafka.tool(&[&["configs", "--alter"], entity, &["--add-config", limits]].concat());
    }
}
