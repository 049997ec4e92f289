//! Every kind, read strictly; and what Strimzi and Prometheus mean.

use super::*;
use crate::domain::desired::Management;
use crate::domain::resource::ResourceId;

/// Loads a file and compares only codes with their places.
fn codes(text: &str, expected: &[&str]) {
    let problems: Vec<String> = load_text(text)
        .1
        .iter()
        .map(|line| line.split(": ").next().unwrap_or_default().trim_start_matches("base/a.yaml:").to_owned())
        .collect();
    assert_eq!(problems, expected, "{text}\n{:#?}", load_text(text).1);
}

fn topic(spec: &str) -> String {
    format!("{TOPIC}spec: {spec}\n")
}

fn user(name: &str, spec: &str) -> String {
    format!("apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaUser\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

fn own(kind: &str, spec: &str) -> String {
    format!("apiVersion: driftless.dev/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {spec}\n")
}

fn acls(state: &DesiredState) -> Vec<String> {
    state.acls.keys().map(|acl| ResourceId::Acl(acl.clone()).to_string()).collect()
}

#[test]
fn what_strimzi_accepts_is_accepted() {
    for text in [
        TOPIC.to_owned(),
        topic("{}"),
        topic(""),
        topic("{partitions: null, replicas: null, config: null}"),
        topic("{partitions: 3.0}"),
        topic("{config: {}}"),
        format!("{TOPIC}spec: {{}}\nstatus: {{observedGeneration: 1, conditions: [], anything: {{a: b}}}}\n"),
        "apiVersion: kafka.strimzi.io/v1alpha1\nkind: KafkaTopic\nmetadata:\n  name: a\n  namespace: kafka\n  generation: 2\n  uid: x\n  annotations:\n    argocd.argoproj.io/sync-wave: '1'\n    empty:\n  finalizers: [strimzi.io/topic-operator]\n  ownerReferences: [{a: 1}]\n".to_owned(),
        user("a", "{}"),
        user("a", "{authentication: {type: tls, validityDays: 30, renewalDays: 10}}"),
        user("a", "{authentication: {type: tls-external}, quotas: {producerByteRate: null}}"),
        user("a", "{template: {secret: {metadata: {labels: {a: b}, annotations: {c: d}}}}}"),
        user("a", "{authorization: {type: simple, acls: []}}"),
        user("a", "{authorization: {type: simple, acls: [{resource: {type: cluster, name: '*'}, operation: All}]}}"),
    ] {
        state_of(&text);
    }
}

#[test]
fn config_values_become_text_as_strimzi_writes_it() {
    let state = state_of(&topic(
        "{config: {retention.ms: '1', segment.ms: 0x10, flush.ms: 1_000, flush.messages: 010, preallocate: TRUE, unclean.leader.election.enable: off, min.cleanable.dirty.ratio: 0.10, cleanup.policy: [compact, delete], max.compaction.lag.ms: 9223372036854775807}}",
    ));
    let config: Vec<String> = state
        .topics
        .values()
        .flat_map(|topic| topic.value.config.iter().map(|(key, value)| format!("{key}={value}")))
        .collect();
    assert_eq!(
        config,
        [
            "cleanup.policy=compact,delete",
            "flush.messages=8",
            "flush.ms=1000",
            "max.compaction.lag.ms=9223372036854775807",
            "min.cleanable.dirty.ratio=0.1",
            "preallocate=true",
            "retention.ms=1",
            "segment.ms=16",
            "unclean.leader.election.enable=false",
        ]
    );
}

#[test]
fn topics_are_refused_where_kafka_or_strimzi_would() {
    for (spec, expected) in [
        ("{partitions: 0}", "out-of-bounds"),
        ("{partitions: 2147483648}", "out-of-bounds"),
        ("{partitions: 2.5}", "wrong-type"),
        ("{replicas: 32768}", "out-of-bounds"),
        ("{replicas: yes}", "wrong-type"),
        ("{topicName: 5}", "wrong-type"),
        ("{topicName: 'a/b'}", "bad-name"),
        ("{topicName: '{{ .Values.x }}'}", "bad-name"),
        ("{topicName: __cluster_metadata}", "bad-name"),
        ("[]", "wrong-type"),
        ("{config: {retention.ms: null}}", "bad-config-value"),
        ("{config: {retention.ms: {a: 1}}}", "wrong-type"),
        ("{config: {retention.ms: 1e-7}}", "bad-config-value"),
        ("{config: {retention.ms: .inf}}", "wrong-type"),
        ("{config: {retention.ms: 7d}}", "bad-config-value"),
        ("{config: {retention: 1}}", "unknown-config-key"),
        ("{config: {min.compaction.lag.ms: 5, max.compaction.lag.ms: 4}}", "config-conflict"),
        ("{config: {remote.storage.enable: true, cleanup.policy: compact}}", "config-conflict"),
        ("{config: {remote.storage.enable: true, local.retention.ms: 10, retention.ms: 5}}", "config-conflict"),
        ("{config: {sasl.jaas.config: 'x ScramLoginModule required password=\"hunter2\"'}}", "clear-text-password"),
    ] {
        let problems = load_text(&topic(spec)).1;
        assert!(problems.iter().any(|line| line.contains(&format!("error {expected}: "))), "{spec}: {problems:#?}");
        assert!(!problems.concat().contains("hunter2"));
    }
    for (spec, expected) in [
        ("{config: {message.format.version: '2.8'}}", "config-key-version"),
        ("{config: {compression.zstd.level: 3}}", "config-key-version"),
        ("{config: {segment.bytes: 1000}}", "bad-config-value"),
        ("{config: {confluent.value.schema.validation: true}}", "vendor-config-key"),
    ] {
        let (state, problems) = load_text(&topic(spec));
        assert!(state.is_some() && problems[0].contains(&format!("warning {expected}: ")), "{spec}: {problems:#?}");
    }
}

#[test]
fn the_target_version_decides_when_it_is_known() {
    let topic = topic("{config: {message.format.version: '2.8', segment.bytes: 1000}}");
    let problems = |version: &str| {
        let repository = REPOSITORY.replace(", prod]", &format!("], kafkaVersion: {version}"));
        let files = [(REPOSITORY_FILE, &*repository), ("base/a.yaml", &topic)];
        let (_, diagnostics) = load(&snapshot(&files), "prod", Documents::Keep);
        let line = |diagnostic: Diagnostic| {
            let severity = if diagnostic.is_error() { "error" } else { "warning" };
            format!("{severity} {}", diagnostic.code)
        };
        diagnostics.into_iter().map(line).collect::<Vec<_>>()
    };
    let none: &[&str] = &[];
    for (version, expected) in [
        ("3.9", none),
        ("'3.9.1'", none),
        ("4.0", &["error config-key-version"]),
        ("4.10", &["error config-key-version", "error bad-config-value", "warning bad-value"]), // Not 4.1.
        ("4.3.1", &["error config-key-version", "error bad-config-value"]),
        ("2.8", &["warning config-key-version", "warning bad-config-value", "error bad-value"]),
        ("four", &["warning config-key-version", "warning bad-config-value", "error bad-value"]),
        ("[4]", &["warning config-key-version", "warning bad-config-value", "error bad-value"]),
    ] {
        assert_eq!(problems(version), expected, "{version}");
    }
}

#[test]
fn the_same_kafka_topic_twice_is_an_error_that_names_both() {
    check(
        &format!("{TOPIC}---\n{}spec: {{topicName: orders}}\n", TOPIC.replace("orders", "other")),
        &[
            "base/a.yaml:8:19 error duplicate-topic: the topic `orders` is declared twice, first at base/a.yaml:3:18 | remove one of them",
        ],
    );
    check(
        &format!("{}---\n{}", TOPIC.replace("orders", "a.b"), TOPIC.replace("orders", "a_b")),
        &[
            "base/a.yaml:7:18 error topic-name-collision: the topics `a_b` and `a.b` (at base/a.yaml:3:18) collide: Kafka's metrics write `.` and `_` alike | rename one of them",
        ],
    );
    codes(&format!("{TOPIC}---\n{TOPIC}"), &["7:18 error duplicate-resource"]);
}

#[test]
fn annotations_say_how_far_driftless_goes() {
    for (annotations, expected) in [
        ("{}", Management::Managed),
        ("{strimzi.io/managed: 'false'}", Management::Unmanaged),
        ("{strimzi.io/managed: 'False'}", Management::Managed),
        ("{strimzi.io/pause-reconciliation: 'TRUE'}", Management::Paused),
        ("{strimzi.io/pause-reconciliation: 'yes'}", Management::Managed),
    ] {
        let text = TOPIC.replace("{name: orders}", &format!("{{name: orders, annotations: {annotations}}}"));
        let (state, problems) = load_text(&text);
        assert_eq!(problems.len(), usize::from(annotations.contains("False")), "{problems:?}");
        let management = state.and_then(|state| state.topics.values().next().map(|topic| topic.management));
        assert_eq!(management, Some(expected), "{annotations}");
    }
    for (kind, annotation) in [("KafkaUser", "managed: 'false'"), ("KafkaTopic", "paused-reconciliation: 'true'")] {
        let text =
            TOPIC.replace("}", &format!(", annotations: {{strimzi.io/{annotation}}}}}")).replace("KafkaTopic", kind);
        let problems = load_text(&text).1;
        assert!(problems[0].contains("warning annotation-without-effect"), "{problems:?}");
    }
    codes(&TOPIC.replace("}", ", annotations: {strimzi.io/managed: false}}"), &["3:60 error wrong-type"]);
    codes(&TOPIC.replace("}", ", annotations: {driftless.dev/scram-mechanism: a}}"), &["3:71 error unknown-field"]);
}

#[test]
fn user_names_follow_the_authentication() {
    let rules = "authorization: {type: simple, acls: [{resource: {type: topic, name: t}, operations: [Read]}]}, quotas: {requestPercentage: 5}";
    for (authentication, principal, quota, has_credentials) in [
        ("authentication: {type: scram-sha-512}, ", "User:a", "user=a", true),
        ("authentication: {type: tls}, ", "User:CN=a", "user=CN%3Da", false),
        ("authentication: {type: tls-external}, ", "User:CN=a", "user=CN%3Da", false),
        ("", "User:a", "user=a", false),
    ] {
        let state = state_of(&user("a", &format!("{{{authentication}{rules}}}")));
        assert_eq!(state.acl_principals.keys().map(|name| name.as_str()).collect::<Vec<_>>(), [principal]);
        assert_eq!(state.quotas.keys().map(ToString::to_string).collect::<Vec<_>>(), [quota]);
        assert_eq!(state.users.len(), usize::from(has_credentials));
        assert_eq!(state.users_without_credentials.len(), usize::from(!has_credentials));
    }
    let state = state_of(&user("a", "{authentication: {type: scram-sha-512}}"));
    assert_eq!(state.users.values().next().map(|user| user.value.password.to_string()).as_deref(), Some("a/password"));
    assert!(state.acl_principals.is_empty());
    codes(&user(&"x".repeat(65), "{authentication: {type: tls}}"), &["3:18 error bad-name"]);
}

#[test]
fn users_are_refused_where_strimzi_would() {
    for (spec, expected) in [
        ("{authentication: {type: scram-sha-256}}", "bad-value"),
        ("{authentication: {}}", "missing-field"),
        ("{authentication: {type: tls, validityDays: 5, renewalDays: 5}}", "out-of-bounds"),
        ("{authorization: {type: simple}}", "missing-field"),
        ("{authorization: {type: opa, acls: []}}", "bad-value"),
        ("{authorization: {type: simple, acls: [{resource: {type: topic}, operation: Read}]}}", "missing-field"),
        ("{authorization: {type: simple, acls: [{resource: {type: topic, name: a}}]}}", "missing-field"),
        (
            "{authorization: {type: simple, acls: [{resource: {type: topic, name: a}, operations: []}]}}",
            "missing-field",
        ),
        (
            "{authorization: {type: simple, acls: [{resource: {type: topic, name: a}, operations: [read]}]}}",
            "bad-value",
        ),
        (
            "{authorization: {type: simple, acls: [{resource: {type: topic, name: a}, operations: [CreateTokens]}]}}",
            "bad-value",
        ),
        ("{authorization: {type: simple, acls: [{resource: {type: user, name: a}, operations: [All]}]}}", "bad-value"),
        (
            "{authorization: {type: simple, acls: [{resource: {type: topic, name: a, patternType: prefixed}, operations: [All]}]}}",
            "bad-value",
        ),
        (
            "{authorization: {type: simple, acls: [{resource: {type: topic, name: a}, operations: [All], operation: Read}]}}",
            "bad-value",
        ),
        (
            "{authorization: {type: simple, acls: [{type: Allow, resource: {type: topic, name: a}, operations: [All]}]}}",
            "bad-value",
        ),
        (
            "{authorization: {type: simple, acls: [{hosts: ['*'], resource: {type: topic, name: a}, operations: [All]}]}}",
            "unknown-field",
        ),
        ("{quotas: {producerByteRate: 0}}", "zero-quota"),
        ("{quotas: {producerByteRate: 3000000000}}", "out-of-bounds"),
        ("{quotas: {producerByteRate: 1.5}}", "wrong-type"),
        ("{quotas: {producer_byte_rate: 1}}", "unknown-field"),
        (
            "{authentication: {type: scram-sha-512, password: {valueFrom: {secretKeyRef: {name: ../x, key: k}}}}}",
            "bad-secret-reference",
        ),
    ] {
        let problems = load_text(&user("a", spec)).1;
        assert!(problems.len() == 1 && problems[0].contains(&format!("error {expected}: ")), "{spec}: {problems:#?}");
    }
    let v1 = |spec: &str| user("a", spec).replace("v1beta2", "v1");
    codes(
        &v1("{authorization: {type: simple, acls: [{resource: {type: topic, name: a}, operation: Read}]}}"),
        &["4:80 error unknown-field"],
    );
    codes(&v1(""), &["1:1 error missing-field"]);
    for wrong in ["authentication: {type: SCRAM-SHA-512}, authorization: {type: simple", "authorization: {type: Simple"]
    {
        let rest = "acls: [{resource: {type: topic, name: a}, operations: [read]}]}, quotas: {producerByteRate: 0}";
        let problems = load_text(&user("u", &format!("{{{wrong}, {rest}}}"))).1;
        assert_eq!(problems.len(), 3, "{problems:#?}");
    }
    let problems = load_text(&topic("{config: {retention.ms: 7d}}")).1;
    assert!(problems[0].contains("Kafka knows no units"), "{problems:?}");
}

#[test]
fn secrets_in_clear_are_refused_and_never_repeated() {
    for text in [
        user("a", "{authentication: {type: scram-sha-512, password: hunter2}}"),
        user("a", "{authentication: {type: scram-sha-512, password: {value: hunter2}}}"),
        user("a", "{authentication: {type: scram-sha-512, password: {valueFrom: hunter2}}}"),
        user("a", "{authentication: {type: scram-sha-512, password hunter2}}"),
        user("a", "{authentication: {type: scram-sha-512, hunter2}}"),
        user("a", "{authentication: {type: scram-sha-512, password: {hunter2: x}}}"),
        user("a", "{authentication: {type: scram-sha-512, password: [hunter2]}}"),
        user(
            "a",
            "{authentication: {type: scram-sha-512, password: {valueFrom: {secretKeyRef: {name: a, key: 'hunter2 x'}}}}}",
        ),
        user("a", "{password: hunter2}"),
        user("a", "{authentication: {type: scram-sha-512, password: *hunter2 }}"),
        user("a", "{authentication: {type: scram-sha-512, password: %hunter2}}"),
        user("a", "{authentication: {type: scram-sha-512, password: 'x'hunter2}}"),
        own("KafkaClusterConfig", "{brokers: {1: {ssl.keystore.password: hunter2}}}"),
        own("KafkaClusterConfig", "{brokers: {1: {ssl.keystore.key: hunter2}}}"),
        own("KafkaClusterConfig", "{brokers: {1: {listener.name.x.plain.sasl.jaas.config: hunter2}}}"),
        own(
            "KafkaClusterConfig",
            "{default: {metric.reporters: 'org.x.PlainLoginModule required password=\"hunter2\";'}}",
        ),
    ] {
        let (state, problems) = load_text(&text);
        assert!(state.is_none() && !problems.concat().contains("hunter2"), "{text}: {problems:#?}");
    }
    codes(
        &user("a", "{authentication: {type: scram-sha-512, password: hunter2}}"),
        &["4:56 error clear-text-password"],
    );
}

#[test]
fn scram_annotations_are_checked() {
    let with = |annotations: &str| {
        user("a", "{authentication: {type: scram-sha-512}}")
            .replace("{name: a}", &format!("{{name: a, annotations: {{{annotations}}}}}"))
    };
    state_of(&with("driftless.dev/scram-mechanisms: SCRAM-SHA-256, driftless.dev/scram-iterations: '16384'"));
    for annotations in [
        "driftless.dev/scram-mechanisms: PLAIN",
        "driftless.dev/scram-iterations: '4095'",
        "driftless.dev/scram-iterations: '16385'",
        "driftless.dev/scram-iterations: 'many'",
    ] {
        assert!(load_text(&with(annotations)).1[0].contains("bad-scram-settings"), "{annotations}");
    }
    assert!(
        load_text(&with("driftless.dev/scram-iterations: '8192'").replace("scram-sha-512", "tls")).1[0]
            .contains("bad-scram-settings")
    );
}

#[test]
fn acls_of_our_own_kind_reach_everything_in_kafka() {
    let state = state_of(&own(
        "KafkaAcl",
        "{principals: ['User:a', 'Group:b'], rules: [{type: deny, hosts: [h1, h2], resource: {type: user, name: u}, operations: [CreateTokens]}, {resource: {type: cluster}, operations: [Alter]}]}",
    ));
    assert_eq!(
        acls(&state),
        [
            "acl/Group:b/deny/CreateTokens/user/literal/u/h1",
            "acl/Group:b/deny/CreateTokens/user/literal/u/h2",
            "acl/Group:b/allow/Alter/cluster/literal/kafka-cluster/*",
            "acl/User:a/deny/CreateTokens/user/literal/u/h1",
            "acl/User:a/deny/CreateTokens/user/literal/u/h2",
            "acl/User:a/allow/Alter/cluster/literal/kafka-cluster/*",
        ]
    );
    for (spec, expected) in [
        ("{principals: [alice], rules: []}", &["4:21 error bad-principal"][..]),
        ("{principals: [], rules: []}", &["4:20 error missing-field"]),
        ("{principals: ['User:a']}", &["4:7 error missing-field"]),
        (
            "{principals: ['User:a'], rules: [{resource: {type: cluster, name: x}, operations: [All]}]}",
            &["4:73 error bad-value"],
        ),
        (
            "{principals: ['User:a'], rules: [{resource: {type: topic, name: x}, operations: [Reed]}]}",
            &["4:88 error bad-value"],
        ),
        (
            "{principals: ['User:a'], rules: [{resource: {type: group, name: x}, operations: [Write]}]}",
            &["4:88 warning operation-without-effect"],
        ),
        (
            "{principals: ['User:a'], rules: [{resource: {type: topic, name: x}, operation: Read}]}",
            &["4:75 error unknown-field"],
        ),
        (
            "{principals: ['User:a'], rules: [{hosts: [], resource: {type: topic, name: x}, operations: [Read]}]}",
            &["4:48 error missing-field"],
        ),
    ] {
        codes(&own("KafkaAcl", spec), expected);
    }
}

#[test]
fn the_same_binding_from_two_manifests_is_one_and_managed_wins() {
    let rule = "{authorization: {type: simple, acls: [{resource: {type: topic, name: t}, operations: [Read, Read]}]}}";
    let paused =
        user("a", rule).replace("{name: a}", "{name: a, annotations: {strimzi.io/pause-reconciliation: 'true'}}");
    let own_rule =
        own("KafkaAcl", "{principals: ['User:a'], rules: [{resource: {type: topic, name: t}, operations: [Read]}]}");
    let state = state_of(&paused);
    assert_eq!(state.acls.values().map(|acl| acl.management).collect::<Vec<_>>(), [Management::Paused]);
    assert!(state.acl_principals.is_empty(), "extra bindings of a paused user are not drift");
    let state = state_of(&format!("{paused}---\n{own_rule}"));
    assert_eq!(state.acls.values().map(|acl| acl.management).collect::<Vec<_>>(), [Management::Managed]);
    assert_eq!(state.acl_principals.len(), 1);
}

#[test]
fn quotas_have_entities_and_bounds() {
    for (entity, name) in [
        ("{user: a}", "user=a"),
        ("{user: a, clientId: c}", "user=a,client-id=c"),
        ("{clientId: <default>}", "client-id=<default>"),
        ("{user: <default>, clientId: <default>}", "user=<default>,client-id=<default>"),
    ] {
        let state = state_of(&own("KafkaQuota", &format!("{{entity: {entity}, quotas: {{requestPercentage: 12.5}}}}")));
        assert_eq!(state.quotas.keys().map(ToString::to_string).collect::<Vec<_>>(), [name]);
    }
    state_of(&own("KafkaQuota", "{entity: {ip: 10.0.0.1}, quotas: {connectionCreationRate: 5}}"));
    for (spec, expected) in [
        ("{entity: {}, quotas: {producerByteRate: 1}}", &["4:16 error missing-field"][..]),
        ("{entity: {ip: a, user: b}, quotas: {producerByteRate: 1}}", &["4:16 error bad-value"]),
        ("{entity: {ip: a}, quotas: {producerByteRate: 1}}", &["4:34 error unknown-field", "4:33 error missing-quota"]),
        ("{entity: {user: 5}, quotas: {producerByteRate: 1}}", &["4:23 error wrong-type"]),
        ("{entity: {user: a}, quotas: {}}", &["4:35 error missing-quota"]),
        ("{entity: {user: a}, quotas: {producerByteRate: 0.5}}", &["4:54 error wrong-type"]),
        ("{entity: {user: a}, quotas: {requestPercentage: 0}}", &["4:55 error zero-quota"]),
    ] {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        codes(&own("KafkaQuota", spec), &expected);
    }
    let quota = own("KafkaQuota", "{entity: {user: a}, quotas: {producerByteRate: 1}}");
    codes(&format!("{quota}---\n{}", quota.replace("name: x", "name: z")), &["8:18 error duplicate-quota"]);
    codes(&format!("{quota}---\n{}", user("a", "{quotas: {producerByteRate: 1}}")), &["3:18 error duplicate-quota"]);
}

#[test]
fn broker_configs_are_dynamic_and_unique() {
    let state = state_of(&own(
        "KafkaClusterConfig",
        "{default: {log.cleaner.threads: 2}, brokers: {\"1\": {log.cleaner.threads: 4}, 2: {log.retention.ms: 5}}}",
    ));
    let scopes: Vec<String> =
        state.broker_configs.iter().map(|(scope, configs)| format!("{scope} {:?}", configs.value)).collect();
    assert_eq!(
        scopes,
        [
            "default {\"log.cleaner.threads\": \"2\"}",
            "1 {\"log.cleaner.threads\": \"4\"}",
            "2 {\"log.retention.ms\": \"5\"}"
        ]
    );
    for (spec, expected) in [
        ("{default: {auto.create.topics.enable: false}}", "static-broker-config"),
        ("{default: {num.partitions: 3}}", "static-broker-config"),
        ("{default: {ssl.keystore.location: /x}}", "per-broker-config"),
        ("{default: {log.cleaner.thread: 3}}", "unknown-config-key"),
        ("{default: {log.cleaner.threads: many}}", "bad-config-value"),
        ("{brokers: {one: {}}}", "bad-value"),
        ("{brokers: {-1: {}}}", "bad-value"),
        ("{broker: {}}", "unknown-field"),
    ] {
        assert!(
            load_text(&own("KafkaClusterConfig", spec)).1[0].contains(&format!("error {expected}")),
            "{spec}: {:?}",
            load_text(&own("KafkaClusterConfig", spec)).1
        );
    }
    let config = own("KafkaClusterConfig", "{default: {log.cleaner.threads: 2}}");
    codes(&format!("{config}---\n{}", config.replace("name: x", "name: z")), &["9:39 error duplicate-broker-config"]);
}

#[test]
fn approvals_and_exceptions_are_read() {
    let state = state_of(&format!(
        "{}---\n{}",
        own(
            "Approval",
            "{actions: [topic/orders.v0/delete, 'acl/User:a/allow/Read/topic/literal/t/*/delete'], reason: moved, expires: 2026-12-31}"
        ),
        own("PolicyException", "{rules: [a-rule], resources: ['topic/logs-*'], reason: r, expires: '2026-12-31'}")
    ));
    assert_eq!((state.approvals.len(), state.approvals[0].actions.len(), state.exceptions.len()), (1, 2, 1));
    for (kind, spec, expected) in [
        ("Approval", "{actions: [topic/orders], reason: r, expires: 2026-12-31}", "bad-action-id"),
        ("Approval", "{actions: [], reason: r, expires: 2026-12-31}", "missing-field"),
        ("Approval", "{actions: [topic/a/delete], reason: '', expires: 2026-12-31}", "missing-field"),
        ("Approval", "{actions: [topic/a/delete], reason: r, expires: 2026-13-31}", "bad-date"),
        ("Approval", "{actions: [topic/a/delete], reason: r}", "missing-field"),
        ("PolicyException", "{rules: [a], resources: [logs], reason: r, expires: 2026-12-31}", "bad-resource-pattern"),
        ("PolicyException", "{rules: a, resources: ['topic/a'], reason: r, expires: 2026-12-31}", "wrong-type"),
    ] {
        assert!(
            load_text(&own(kind, spec)).1[0].contains(&format!("error {expected}")),
            "{spec}: {:?}",
            load_text(&own(kind, spec)).1
        );
    }
}

fn rule_resource(groups: &str) -> String {
    format!(
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {{name: r}}\nspec:\n  groups: {groups}\n"
    )
}

#[test]
fn rules_mean_what_prometheus_means() {
    let state = state_of(&rule_resource(
        "[{name: g, interval: '', limit: 5, partial_response_strategy: warn, labels: {team: a}, rules: [{alert: A, expr: 1, for: 1m30s, keep_firing_for: 5m, labels: {severity: page}, annotations: {summary: '{{ $value }}'}}, {record: 'a:b', expr: 'sum(up)', for: ''}]}]",
    ));
    let group = state.rule_groups.values().next().expect("one group");
    assert_eq!(
        serde_json::to_value(&group.value).expect("JSON"),
        serde_json::json!({"limit": 5, "labels": {"team": "a"}, "rules": [
            {"kind": {"alerting": {"alert": "A", "forMs": 90_000, "keepFiringForMs": 300_000, "annotations": {"summary": "{{ $value }}"}}}, "expr": "1", "labels": {"severity": "page"}},
            {"kind": {"recording": {"record": "a:b"}}, "expr": "sum(up)"},
        ]})
    );
    let state = state_of(
        "groups:\n- name: g\n  interval: 30s\n  query_offset: 1m\n  rules:\n  - alert: A\n    expr: 1\n    for: 0\n    labels: {severity: 1, on: yes}\n",
    );
    let (id, group) = state.rule_groups.iter().next().expect("one group");
    assert_eq!((id.namespace.as_str(), id.group.as_str()), ("a", "g"));
    assert_eq!((group.value.interval_ms, group.value.query_offset_ms), (Some(30_000), Some(60_000)));
    assert_eq!(group.value.rules[0].labels.get("severity").map(String::as_str), Some("1"));
    assert_eq!(group.location.to_string(), "base/a.yaml:2:9");
    assert_eq!(group.field_location("rules.0").to_string(), "base/a.yaml:6:5");
    state_of("groups: []\n");
    state_of("groups:\n");
    state_of(&rule_resource("[]"));
}

#[test]
fn rules_are_taken_where_prometheus_takes_them() {
    for group in [
        "{name: g, limit: -1, rules: [{record: b, expr: up, for: 0s, keep_firing_for: '0', annotations: {}}]}",
        "{name: g, rules: [{alert: A, expr: 'up{a=`\\.`, b=~\"[\\\\w-.]+\"}'}]}",
        "{name: g, rules: [{alert: A, expr: up, labels: {a: '{{ with query \"up\" }}{{ . | first | value }}{{ end }}'}}]}",
    ] {
        state_of(&rule_resource(&format!("[{group}]")));
        state_of(&format!("groups: [{group}]"));
    }
}

#[test]
fn rules_are_refused_where_prometheus_would() {
    for (group, expected) in [
        ("{rules: []}", "missing-field"),
        ("{name: '', rules: []}", "bad-rule"),
        ("{name: g, interval: 5, rules: []}", "wrong-type"),
        ("{name: g, interval: '5', rules: []}", "bad-duration"),
        ("{name: g, rule: []}", "unknown-field"),
        ("{name: g, rules: [{alert: A}]}", "bad-rule"),
        ("{name: g, rules: [{alert: A, expr: ''}]}", "bad-rule"),
        ("{name: g, rules: [{expr: up}]}", "bad-rule"),
        ("{name: g, rules: [{alert: A, record: b, expr: up}]}", "bad-rule"),
        ("{name: g, rules: [{record: b, expr: up, for: 1m}]}", "bad-rule"),
        ("{name: g, rules: [{record: 'b{}', expr: up}]}", "bad-rule"),
        ("{name: g, rules: [{alert: A, expr: 'sum('}]}", "bad-promql"),
        ("{name: g, rules: [{alert: A, expr: up, for: 1.5h}]}", "bad-duration"),
        ("{name: g, rules: [{alert: A, expr: up, labels: {__name__: x}}]}", "bad-rule"),
        ("{name: g, rules: [{alert: A, expr: up, annotations: {a: '{{ $x'}}]}", "bad-template"),
        ("{name: g, rules: [{alert: A, expr: up, labels: {a: '{{ $valu }}'}}]}", "bad-template"),
        ("{name: g, rules: [{alert: A, expr: up, annotations: {a: '{{ if $value }}x'}}]}", "bad-template"),
        ("{name: g, rules: [{alert: A, expr: up, annotations: {'': x}}]}", "bad-rule"),
        ("{name: g, rules: [{alert: A, expr: 'up{a=~\"x**\"}'}]}", "bad-promql"),
        ("{name: g, rules: [{alert: A, expr: up, severity: x}]}", "unknown-field"),
        ("{name: g, rules: []}, {name: g, rules: []}", "duplicate-rule-group"),
    ] {
        let problems = load_text(&rule_resource(&format!("[{group}]"))).1;
        assert!(problems[0].contains(&format!("error {expected}")), "{group}: {problems:?}");
    }
    codes(
        &rule_resource("[{name: g, rules: [{alert: A, expr: up, labels: {severity: 1}}]}]"),
        &["5:70 error wrong-type"],
    );
    codes("groups: []\nnamespace: x\n", &[]);
    codes("groups:\n  name: a\n  rules: []\n", &["2:3 error wrong-type"]);
    codes("groups: [{name: a, rules: []}]\nnamespace: x\n", &["2:1 error unknown-field"]);
    codes("groups: []\n---\ngroups: []\n", &["3:1 warning extra-rule-document"]);
}

/// Replaces the value at every path of a document, one at a time.
fn mutations(document: &serde_json::Value, with: &serde_json::Value) -> Vec<serde_json::Value> {
    fn paths(value: &serde_json::Value, here: &str, all: &mut Vec<String>) {
        all.push(here.to_owned());
        match value {
            serde_json::Value::Object(map) => {
                for (key, inner) in map {
                    paths(inner, &format!("{here}/{}", key.replace('~', "~0").replace('/', "~1")), all);
                }
            }
            serde_json::Value::Array(items) => {
                for (at, inner) in items.iter().enumerate() {
                    paths(inner, &format!("{here}/{at}"), all);
                }
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    paths(document, "", &mut all);
    let replaced = |path: &String| {
        let mut changed = document.clone();
        *changed.pointer_mut(path).expect("a path of the document") = with.clone();
        changed
    };
    all.iter().filter(|path| path.starts_with("/spec/") || path.starts_with("/groups/")).map(replaced).collect()
}

#[test]
fn nothing_declared_ever_vanishes_without_a_problem() {
    let rule =
        serde_json::json!({"alert": "A", "expr": "up", "for": "1m", "labels": {"a": "b"}, "annotations": {"a": "b"}});
    let groups =
        serde_json::json!([{"name": "g", "interval": "1m", "limit": 1, "labels": {"a": "b"}, "rules": [rule]}]);
    let acl = serde_json::json!({"type": "allow", "resource": {"type": "topic", "name": "t", "patternType": "literal"}, "operations": ["Read"]});
    let manifest = |version: &str, kind: &str, spec: serde_json::Value| serde_json::json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec});
    let documents = [
        manifest(
            "kafka.strimzi.io/v1",
            "KafkaTopic",
            serde_json::json!({"topicName": "t", "partitions": 1, "replicas": 1, "config": {"retention.ms": 1, "cleanup.policy": ["compact"]}}),
        ),
        manifest(
            "kafka.strimzi.io/v1",
            "KafkaUser",
            serde_json::json!({
                "authentication": {"type": "scram-sha-512", "password": {"valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}},
                "authorization": {"type": "simple", "acls": [acl]},
                "quotas": {"producerByteRate": 1},
            }),
        ),
        manifest(
            "driftless.dev/v1",
            "KafkaAcl",
            serde_json::json!({"principals": ["User:a"], "rules": [
            {"type": "deny", "hosts": ["h"], "resource": {"type": "topic", "name": "t"}, "operations": ["Read"]}]}),
        ),
        manifest(
            "driftless.dev/v1",
            "KafkaQuota",
            serde_json::json!({"entity": {"user": "a", "clientId": "b"}, "quotas": {"requestPercentage": 1}}),
        ),
        manifest(
            "driftless.dev/v1",
            "KafkaClusterConfig",
            serde_json::json!({"default": {"log.cleaner.threads": 1}, "brokers": {"1": {"log.cleaner.threads": 1}}}),
        ),
        manifest(
            "driftless.dev/v1",
            "Approval",
            serde_json::json!({"actions": ["topic/a/delete"], "reason": "r", "expires": "2026-12-31"}),
        ),
        manifest(
            "driftless.dev/v1",
            "PolicyException",
            serde_json::json!({"rules": ["a"], "resources": ["topic/a"], "reason": "r", "expires": "2026-12-31"}),
        ),
        manifest("monitoring.coreos.com/v1", "PrometheusRule", serde_json::json!({"groups": groups})),
        serde_json::json!({"groups": groups}),
    ];
    let size = |state: &DesiredState| {
        let rules: usize = state.rule_groups.values().map(|group| group.value.rules.len()).sum();
        let configs: usize = state.broker_configs.values().map(|scope| scope.value.len()).sum();
        let settings: usize = state.topics.values().map(|topic| topic.value.config.len()).sum();
        state.len() + rules + configs + settings + state.approvals.len() + state.exceptions.len()
    };
    for document in &documents {
        let whole = size(&state_of(&document.to_string()));
        for with in [
            r#""text""#,
            "5",
            "1.5",
            "true",
            r#"["x"]"#,
            r#"[["x"]]"#,
            r#"[{"x": "y"}]"#,
            r#"{"x": "y"}"#,
            r#"{"x": {}}"#,
        ] {
            let with: serde_json::Value = serde_json::from_str(with).expect("JSON");
            for changed in mutations(document, &with) {
                if let (Some(state), problems) = load_text(&changed.to_string()) {
                    assert!(size(&state) >= whole, "{changed}\n{problems:?}");
                }
            }
        }
        for with in ["null", "[]", r#""""#] {
            let with: serde_json::Value = serde_json::from_str(with).expect("JSON");
            for changed in mutations(document, &with) {
                if let (Some(state), _) = load_text(&changed.to_string()) {
                    let kept = match document["kind"].as_str() {
                        Some("KafkaTopic") => state.topics.len(),
                        Some("KafkaUser") => state.users.len() + state.users_without_credentials.len(),
                        Some("KafkaAcl") => state.acl_principals.len(),
                        Some("KafkaQuota") => state.quotas.len(),
                        Some("Approval" | "PolicyException") => state.approvals.len() + state.exceptions.len(),
                        _ => 1,
                    };
                    assert_eq!(kept, 1, "{changed}");
                }
            }
        }
    }
}
