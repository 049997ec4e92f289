//! Loading as a whole.

use super::*;
use crate::domain::snapshot::SnapshotFile;

const REPOSITORY: &str =
    "apiVersion: driftless.dev/v1\nkind: Repository\nenvironments:\n  prod: {layers: [base, prod]}\n";

/// Makes a snapshot of `path` to text.
fn snapshot(files: &[(&str, &str)]) -> Snapshot {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), SnapshotFile::Content(text.as_bytes().to_vec())));
    Snapshot { files: files.collect(), ..Snapshot::default() }
}

/// One diagnostic as a line: `file:line:column severity code: message | help`.
fn render(diagnostics: &[Diagnostic]) -> Vec<String> {
    let line = |diagnostic: &Diagnostic| {
        let place = diagnostic.location.as_ref().map_or(String::new(), ToString::to_string);
        let severity = if diagnostic.is_error() { "error" } else { "warning" };
        let help = diagnostic.help.as_ref().map_or(String::new(), |help| format!(" | {help}"));
        format!("{place} {severity} {}: {}{help}", diagnostic.code, diagnostic.message)
    };
    diagnostics.iter().map(line).collect()
}

/// Loads one file `base/a.yaml` in an environment of that layer only.
fn load_text(text: &str) -> (Option<DesiredState>, Vec<String>) {
    let repository = REPOSITORY.replace(", prod", "");
    let (state, diagnostics) =
        load(&snapshot(&[(REPOSITORY_FILE, &repository), ("base/a.yaml", text)]), "prod", Documents::Keep);
    assert_eq!(state.is_some(), !diagnostics.iter().any(Diagnostic::is_error));
    (state, render(&diagnostics))
}

/// Loads a file that must have no problem at all.
fn state_of(text: &str) -> DesiredState {
    let (state, problems) = load_text(text);
    assert_eq!(problems, Vec::<String>::new());
    state.expect("a state without problems")
}

/// Loads several files that must have no error.
fn merged(files: &[(&str, &str)]) -> DesiredState {
    let (state, diagnostics) = load(&snapshot(files), "prod", Documents::Keep);
    assert_eq!(render(&diagnostics), Vec::<String>::new());
    state.expect("a state without problems")
}

/// Loads a file and compares the problems.
fn check(text: &str, expected: &[&str]) {
    assert_eq!(load_text(text).1, expected, "{text}");
}

const TOPIC: &str = "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata: {name: orders}\n";

#[test]
fn a_topic_is_read_with_its_places() {
    let state = state_of(
        "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata:\n  name: orders\n  labels:\n    strimzi.io/cluster: my\nspec:\n  topicName: Orders.v1\n  partitions: 3\n  replicas: 2\n  config:\n    retention.ms: 604800000\n    cleanup.policy: [compact, delete]\n    preallocate: yes\n    min.cleanable.dirty.ratio: 0.50\n    segment.bytes: 1.073741824e+09\n",
    );
    let topic = &state.topics.values().next().expect("one topic");
    assert_eq!(topic.value.name.as_str(), "Orders.v1");
    assert_eq!((topic.value.partitions, topic.value.replication_factor), (Some(3), Some(2)));
    let config: Vec<(&str, &str)> =
        topic.value.config.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        config,
        [
            ("cleanup.policy", "compact,delete"),
            ("min.cleanable.dirty.ratio", "0.5"),
            ("preallocate", "true"),
            ("retention.ms", "604800000"),
            ("segment.bytes", "1073741824")
        ]
    );
    assert_eq!(topic.location.to_string(), "base/a.yaml:4:9");
    assert_eq!(topic.field_location("replicationFactor").to_string(), "base/a.yaml:10:13");
    assert_eq!(topic.field_location("config.retention.ms").to_string(), "base/a.yaml:12:19");
    assert_eq!(topic.labels.get("strimzi.io/cluster").map(String::as_str), Some("my"));
    assert_eq!(state.documents[0].json()["spec"]["config"]["preallocate"], serde_json::json!(true));
}

#[test]
fn a_scram_user_with_everything_is_read() {
    let state = state_of(
        "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaUser\nmetadata:\n  name: alice\n  annotations: {driftless.dev/scram-mechanisms: 'SCRAM-SHA-256,SCRAM-SHA-512', driftless.dev/scram-iterations: '8192'}\nspec:\n  authentication:\n    type: scram-sha-512\n    password: {valueFrom: {secretKeyRef: {name: kafka-users, key: alice}}}\n  authorization:\n    type: simple\n    acls:\n    - resource: {type: topic, name: llm-, patternType: prefix}\n      operations: [Read, Describe]\n    - resource: {type: cluster, name: whatever, patternType: prefix}\n      operation: IdempotentWrite\n      type: deny\n      host: 10.0.0.1\n  quotas: {producerByteRate: 1024, controllerMutationRate: 2.5}\n",
    );
    let user = state.users.values().next().expect("one user");
    assert_eq!(user.value.password.to_string(), "kafka-users/alice");
    assert_eq!(user.value.credentials.values().copied().collect::<Vec<_>>(), [8192, 8192]);
    let acls: Vec<String> =
        state.acls.keys().map(|acl| crate::domain::resource::ResourceId::Acl(acl.clone()).to_string()).collect();
    assert_eq!(
        acls,
        [
            "acl/User:alice/deny/IdempotentWrite/cluster/literal/kafka-cluster/10.0.0.1",
            "acl/User:alice/allow/Read/topic/prefixed/llm-/*",
            "acl/User:alice/allow/Describe/topic/prefixed/llm-/*",
        ]
    );
    let quotas: Vec<String> =
        state.quotas.iter().map(|(entity, limits)| format!("{entity} {:?}", limits.value)).collect();
    assert_eq!(quotas, ["user=alice {ProducerByteRate: 1024.0, ControllerMutationRate: 2.5}"]);
}

#[test]
fn documents_are_dropped_when_nobody_needs_them() {
    let files = [(REPOSITORY_FILE, &*REPOSITORY.replace(", prod", "")), ("base/a.yaml", TOPIC)];
    for (documents, n_kept) in [(Documents::Keep, 1), (Documents::Drop, 0)] {
        let (state, _) = load(&snapshot(&files), "prod", documents);
        assert_eq!(state.map(|state| state.documents.len()), Some(n_kept));
    }
}

#[test]
fn layers_merge_and_remove() {
    let state = merged(&[
        (REPOSITORY_FILE, REPOSITORY),
        (
            "base/a.yaml",
            &format!(
                "{TOPIC}spec: {{partitions: 3, replicas: 3, config: {{retention.ms: 1, segment.ms: 2}}}}\n---\n{}",
                TOPIC.replace("orders", "gone")
            ),
        ),
        (
            "prod/a.yaml",
            &format!(
                "{TOPIC}spec: {{replicas: 2, config: {{retention.ms: null}}}}\n---\n{}$patch: delete\n",
                TOPIC.replace("orders", "gone")
            ),
        ),
    ]);
    assert_eq!(state.topics.len(), 1);
    let topic = state.topics.values().next().expect("one topic");
    assert_eq!((topic.value.partitions, topic.value.replication_factor), (Some(3), Some(2)));
    assert_eq!(topic.value.config.keys().collect::<Vec<_>>(), ["segment.ms"]);
    assert_eq!(&*topic.location.file, "base/a.yaml");
    assert_eq!(topic.field_location("replicationFactor").file.as_ref(), "prod/a.yaml");
    assert_eq!(&*state.documents[0].location.file, "prod/a.yaml");
}

#[test]
fn all_problems_are_told_at_once_sorted_by_place() {
    check(
        "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata: {name: a b}\nspec:\n  partition: 3\n  replicas: \"3\"\n  replicas: 3\n  config:\n    min.isync.replicas: 2\n    compression.type: none\n",
        &[
            "base/a.yaml:3:18 error bad-name: `a b` is not a topic's name: a topic name may hold ASCII letters, digits, `.`, `_` and `-`, but not ' ' | set `spec.topicName` when the name in Kafka is another",
            "base/a.yaml:5:3 error unknown-field: spec has no field `partition` | did you mean `partitions`?",
            "base/a.yaml:6:13 error wrong-type: spec.replicas must be a whole number, and this is a string | remove the quotes, and any unit",
            "base/a.yaml:7:3 error duplicate-key: the key `replicas` stands twice in this map, first in line 6 | keep one of them; other tools silently take the last",
            "base/a.yaml:9:5 error unknown-config-key: Kafka has no such config: `min.isync.replicas` | did you mean `min.insync.replicas`?",
            "base/a.yaml:10:23 error bad-config-value: `compression.type` cannot be `none` | it must be one of `uncompressed`, `zstd`, `lz4`, `snappy`, `gzip`, `producer`; Kafka calls no compression `uncompressed`",
        ],
    );
}

mod kinds;
mod layers;
mod limits;
mod text;
mod types;
