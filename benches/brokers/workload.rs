//! The state that is measured: topics with three overrides, services with grants on them, and the manifests that say so.

use std::fmt::Write as _;
use std::path::Path;

/// What fits below driftless' bound of 9,500 records: 6 a topic.
pub(crate) const MOST_TOPICS_PER_REQUEST: usize = 9_500 / 6;

/// Topics, and services, in one file: about what a team has.
const PER_FILE: usize = 50;

/// Every service may do these on each of its topics: Kafka's id and Strimzi's word.
const OPERATIONS: [(i8, &str); 5] = [(3, "Read"), (4, "Write"), (8, "Describe"), (10, "DescribeConfigs"), (7, "Alter")];

/// Topics that one service has grants on.
const TOPICS_PER_SERVICE: usize = 10;

/// How much of it there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) topics: usize,
    pub(crate) acls: usize,
}

pub(crate) fn topic(index: usize) -> String {
    format!("bench.topic-{index:05}")
}

/// Returns the overrides of a topic. The retention differs from topic to topic.
pub(crate) fn overrides(name: &str) -> [(String, String); 3] {
    let number: usize = name.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or_default();
    [
        ("cleanup.policy", "delete".to_owned()),
        ("min.insync.replicas", "2".to_owned()),
        ("retention.ms", (86_400_000 + number).to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
}

/// One ACL binding.
pub(crate) struct Grant {
    pub(crate) service: String,
    pub(crate) topic: String,
    pub(crate) operation: (i8, &'static str),
}

/// Returns the bindings: each service has all operations on ten topics.
pub(crate) fn grants(n_acls: usize) -> impl Iterator<Item = Grant> {
    (0..n_acls).map(|index| {
        let at_topic = index / OPERATIONS.len();
        Grant {
            service: format!("service-{:05}", at_topic / TOPICS_PER_SERVICE),
            topic: topic(at_topic),
            operation: OPERATIONS[index % OPERATIONS.len()],
        }
    })
}

/// Writes the repository that declares exactly this state, and commits it.
pub(crate) fn write_repository(directory: &Path, size: Size) {
    let write = |path: String, text: &str| {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().expect("below the directory")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    };
    write(
        "driftless.yaml".to_owned(),
        "apiVersion: driftless.dev/v1\nkind: Repository\nenvironments:\n  bench: {layers: [base]}\n",
    );
    let names: Vec<String> = (0..size.topics).map(topic).collect();
    for (at, names) in names.chunks(PER_FILE).enumerate() {
        write(format!("base/topics/team-{at:03}.yaml"), &topic_manifests(names));
    }
    let grants: Vec<Grant> = grants(size.acls).collect();
    let per_service = OPERATIONS.len() * TOPICS_PER_SERVICE;
    for (at, grants) in grants.chunks(per_service * PER_FILE).enumerate() {
        let text: String = grants.chunks(per_service).map(grant_manifest).collect();
        write(format!("base/acls/team-{at:03}.yaml"), &text);
    }
    for command in ["init -q -b main", "add -A", "commit -q -m state"] {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=bench", "-c", "user.email=bench@localhost"]).args(command.split(' '));
        assert!(git.current_dir(directory).status().expect("git runs").success(), "git {command}");
    }
}

pub(crate) fn topic_manifests(names: &[String]) -> String {
    let mut text = String::new();
    for name in names {
        text += "---\napiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\n";
        _ = writeln!(text, "metadata:\n  name: {name}\n  labels:\n    strimzi.io/cluster: bench");
        text += "spec:\n  partitions: 1\n  replicas: 3\n  config:\n";
        for (key, value) in overrides(name) {
            _ = writeln!(text, "    {key}: {value}");
        }
    }
    text
}

fn grant_manifest(grants: &[Grant]) -> String {
    let service = &grants[0].service;
    let mut text = format!("---\napiVersion: driftless.dev/v1\nkind: KafkaAcl\nmetadata:\n  name: {service}\nspec:\n");
    _ = writeln!(text, "  principals: [\"User:{service}\"]\n  rules:");
    for of_topic in grants.chunks(OPERATIONS.len()) {
        let operations: Vec<&str> = of_topic.iter().map(|grant| grant.operation.1).collect();
        _ = writeln!(text, "  - resource: {{type: topic, name: {}, patternType: literal}}", of_topic[0].topic);
        _ = writeln!(text, "    operations: [{}]", operations.join(", "));
    }
    text
}
