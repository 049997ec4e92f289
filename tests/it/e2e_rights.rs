//! Whoever may only look gets a plan and an honest failure; what cannot even be seen is unknown, and not planned.

use serde_json::{Value, json};

use crate::support::brokers::{self, Client, KafkaEnv, KafkaVersion, unique_name};
use crate::support::repository::{ConfigRepository, ids, scram_properties};

const PASSWORD: &str = "only-for-looking";

#[test]
fn without_rights_on_the_cluster_nothing_about_acls_is_planned_and_without_alter_every_failure_is_told() {
    for version in KafkaVersion::ALL {
        let Some(kafka) = brokers::kafka(version) else { return };
        let (repository, topic, user) = set_up(&kafka);
        who_sees_only_topics_plans_only_topics(&repository, &topic);
        let cluster = ["--cluster", "--operation", "Describe", "--operation", "DescribeConfigs"];
        kafka.tool(&[&["acls", "--add", "--allow-principal", &format!("User:{user}")][..], &cluster].concat());
        who_may_only_look_is_told_what_failed(&repository, &topic);
    }
}

/// A topic that differs from the repository, and a user who may look at topics.
fn set_up(kafka: &KafkaEnv) -> (ConfigRepository, String, String) {
    let (topic, user) = (unique_name("e2e-rights"), unique_name("looker"));
    let counts = ["--partitions", "1", "--replication-factor", "3", "--config", "min.insync.replicas=2"];
    kafka.tool(&[&["topics", "--create", "--topic", &topic][..], &counts].concat());
    let credential = format!("SCRAM-SHA-512=[password={PASSWORD}]");
    let of_user = ["configs", "--alter", "--entity-type", "users", "--entity-name", &user, "--add-config", &credential];
    kafka.tool(&of_user);
    let grant = ["--topic", "*", "--operation", "Describe", "--operation", "DescribeConfigs"];
    kafka.tool(&[&["acls", "--add", "--allow-principal", &format!("User:{user}")][..], &grant].concat());

    let text = format!(
        "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {{name: {topic}}}\n\
         spec: {{partitions: 1, replicas: 3, config: {{min.insync.replicas: 2, retention.ms: 864000000}}}}\n---\n\
         apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {{name: {topic}-new}}\n\
         spec: {{partitions: 1, replicas: 3, config: {{min.insync.replicas: 2}}}}\n---\n\
         apiVersion: kafka.strimzi.io/v1\nkind: KafkaUser\nmetadata: {{name: {topic}-reader}}\nspec:\n  \
         authentication: {{type: scram-sha-512, password: {{valueFrom: {{secretKeyRef: {{name: new, key: reader}}}}}}}}\n  \
         authorization: {{type: simple, acls: [{{resource: {{type: topic, name: {topic}}}, operations: [Read]}}]}}\n  \
         quotas: {{producerByteRate: 1000}}\n"
    );
    let settings = "apiVersion: driftless.dev/v1\nkind: Repository\nenvironments:\n  test: {layers: [base]}\n";
    let mut repository = ConfigRepository::new(&[("driftless.yaml", settings), ("base/all.yaml", &text)]);
    repository.write_outside("secrets/new/reader", "pencil");
    repository.option("--secrets", &repository.outside("secrets").display().to_string());
    let properties = scram_properties(&repository, kafka, "SCRAM-SHA-512", &user, PASSWORD);
    repository.connect(kafka.bootstrap(Client::Admin), &properties);
    (repository, topic, user)
}

fn who_sees_only_topics_plans_only_topics(repository: &ConfigRepository, topic: &str) {
    // The grants may need a moment to reach every broker.
    let plan = until(repository, |plan| ids(plan).len() == 2);
    assert_eq!(ids(&plan), [format!("topic/{topic}-new/create"), format!("topic/{topic}/update")]);
    for kind in ["acl", "user", "quota"] {
        let mut unknown = plan["unknown"].as_array().expect("a list").iter();
        let reason = unknown.find(|unknown| unknown["resource"] == kind).map(|unknown| unknown["reason"].to_string());
        let reason = reason.unwrap_or_else(|| panic!("{kind} is unknown: {plan:#}"));
        assert!(reason.contains("CLUSTER_AUTHORIZATION_FAILED"), "{reason}");
    }
    let text = repository.run(&["plan", "-e", "test"]);
    assert!(text.stdout.contains("CLUSTER_AUTHORIZATION_FAILED"), "{}", text.stdout);
    let drift = repository.drift("test");
    let found = (&drift["inSync"], &drift["neverApplied"], &drift["drift"], &drift["notApplied"]);
    assert_eq!(found, (&json!(false), &json!(true), &json!([]), &json!(2)), "{drift:#}");
}

fn who_may_only_look_is_told_what_failed(repository: &ConfigRepository, topic: &str) {
    let plan = until(repository, |plan| plan["unknown"] == json!([]));
    let acl = format!("acl/User:{topic}-reader/allow/Read/topic/literal/{topic}/*/create");
    let mut expected = vec![
        acl,
        format!("quota/user={topic}-reader/create"),
        format!("topic/{topic}-new/create"),
        format!("topic/{topic}/update"),
        format!("user/{topic}-reader/create"),
    ];
    expected.sort_unstable();
    let mut found = ids(&plan);
    found.sort_unstable();
    assert_eq!(found, expected);

    let outcome = repository.run(&["apply", "-e", "test", "--yes", "-o", "json"]);
    let report = outcome.json(1);
    let results = report["results"].as_array().expect("results");
    assert_eq!(results.len(), expected.len(), "{report:#}");
    for result in results {
        assert_eq!(result["outcome"]["result"], "failed", "{result:#}");
        assert!(
            result["outcome"]["code"].as_str().is_some_and(|code| code.ends_with("AUTHORIZATION_FAILED")),
            "{result:#}"
        );
    }
    let text = repository.run(&["apply", "-e", "test", "--yes"]);
    assert_eq!(text.code, 1);
    assert!(text.stdout.contains("Applied 0 of 5"), "{}", text.stdout);
    for id in &expected {
        let said = text.stdout.lines().any(|line| line.contains(id.rsplit_once('/').expect("a resource").0));
        assert!(said, "{id}: {}", text.stdout);
    }
    let mut again = ids(&repository.plan("test"));
    again.sort_unstable();
    assert_eq!(again, expected, "nothing was done, and nothing is taken for done");
}

/// Plans until something holds, for a few seconds.
#[track_caller]
fn until(repository: &ConfigRepository, holds: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..20 {
        let outcome = repository.run(&["plan", "-e", "test", "-o", "json"]);
        if outcome.code == 0 {
            let plan = outcome.json(0);
            if holds(&plan) {
                return plan;
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(250));
    }
    panic!("it never held: {:#}", repository.plan("test"))
}
