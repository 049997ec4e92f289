//! Layers, selectors and environments.

use super::*;

/// Loads files and returns the problems.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    render(&load(&snapshot(files), "prod", Documents::Keep).1)
}

fn repository_problems(text: &str) -> Vec<String> {
    render(&environments(&snapshot(&[(REPOSITORY_FILE, text), ("base/a.yaml", TOPIC)])).1)
}

#[test]
fn a_repository_file_is_read() {
    let text = "apiVersion: driftless.dev/v1\nkind: Repository\nenvironments:\n  dev: {layers: [./base/, environments/dev], parameters: {minimumReplicationFactor: 1, list: [a, 2]}, selector: {a: b}, policies: [policy]}\nignore: {topics: ['^scratch-']}\n";
    let (file, diagnostics) = environments(&snapshot(&[(REPOSITORY_FILE, text), ("policy/a.rego", "package main")]));
    assert_eq!(render(&diagnostics), Vec::<String>::new());
    let file = file.expect("a file");
    let dev = &file.environments["dev"];
    assert_eq!(dev.layers, ["base", "environments/dev"]);
    assert_eq!(dev.parameters["minimumReplicationFactor"], serde_json::json!(1));
    assert!(file.ignore.ignores_topic(&crate::domain::names::TopicName::parse("scratch-1").expect("valid")));
}

#[test]
fn what_is_wrong_in_the_repository_file_is_told() {
    let head = "apiVersion: driftless.dev/v1\nkind: Repository\n";
    for (text, expected) in [
        ("", "missing-repository-file"),
        ("kind: Repository\nenvironments: {a: {layers: [base]}}\n", "missing-field: a Repository needs `apiVersion`"),
        (&format!("{head}environments: {{}}\n"), "missing-field: driftless.yaml names no environment"),
        (&format!("{head}environments: {{a: {{layers: []}}}}\n"), "missing-field: the environment `a` has no layer"),
        (
            &format!("{head}environments: {{a: {{layer: [base]}}}}\n"),
            "unknown-field: the environment `a` has no field `layer` | did you mean `layers`?",
        ),
        (&format!("{head}environments: {{a: {{layers: [../x]}}}}\n"), "bad-path"),
        (&format!("{head}environments: {{a: {{layers: [/x]}}}}\n"), "bad-path"),
        (
            &format!("{head}environments: {{a: {{layers: [base, base/x]}}}}\n"),
            "driftless.yaml:3:35 error overlapping-layers",
        ),
        (&format!("{head}environments: {{a: {{layers: [base, base]}}}}\n"), "overlapping-layers"),
        (
            &format!("{head}environments: {{a: {{layers: [base], policies: [nope]}}}}\n"),
            "driftless.yaml:3:47 error missing-policy-directory",
        ),
        (&format!("{head}environments: {{'a b': {{layers: [base]}}}}\n"), "bad-name"),
        (
            &format!("{head}environments: {{a: {{layers: [base]}}}}\nignore: {{topics: ['(']}}\n"),
            "bad-regular-expression",
        ),
        (
            &format!("{head}environments: {{a: {{layers: [base]}}}}\nignored: {{}}\n"),
            "unknown-field: a Repository has no field `ignored`",
        ),
        (
            &format!("{head}environments: {{a: {{layers: [base]}}}}\n---\na: 1\n"),
            "bad-value: `driftless.yaml` holds one document only",
        ),
    ] {
        let problems = repository_problems(text);
        assert!(problems.iter().any(|line| line.contains(expected)), "{text}: {problems:#?}");
        let is_placed = |line: &String| {
            line.starts_with("driftless.yaml:1:1 ") == text.is_empty() || line.contains(" needs `apiVersion`")
        };
        assert!(problems.iter().all(is_placed), "{problems:#?}");
    }
    assert_eq!(
        repository_problems("environments:\n\tdev: {}\n").len(),
        1,
        "what cannot be read is not called empty too"
    );
    let (file, diagnostics) = environments(&snapshot(&[("driftless.yml", "")]));
    assert!(file.is_none() && render(&diagnostics)[0].contains("rename `driftless.yml`"));
    let unknown = load(&snapshot(&[(REPOSITORY_FILE, REPOSITORY)]), "prd", Documents::Keep);
    assert_eq!(
        render(&unknown.1),
        [
            "driftless.yaml:4:3 error unknown-environment: driftless.yaml has no environment `prd` | did you mean `prod`?"
        ]
    );
}

#[test]
fn a_missing_or_empty_layer_is_an_error() {
    let found = problems(&[(REPOSITORY_FILE, REPOSITORY), ("base/a.yaml", TOPIC)]);
    assert!(
        found[0].starts_with("driftless.yaml:4:25 error missing-layer: the layer `prod` does not exist"),
        "{found:?}"
    );
    for path in ["prod/README.md", "prod/_off/a.yaml", "prod/.hidden/a.yaml", "prod/_a.yaml"] {
        let found = problems(&[(REPOSITORY_FILE, REPOSITORY), ("base/a.yaml", TOPIC), (path, TOPIC)]);
        assert!(found[0].starts_with("driftless.yaml:4:25 error empty-layer"), "{path}: {found:?}");
    }
    let mut files = snapshot(&[(REPOSITORY_FILE, REPOSITORY), ("base/a.yaml", TOPIC)]);
    files.files.insert("prod".into(), SnapshotFile::BadLink("/elsewhere".into()));
    let found = render(&load(&files, "prod", Documents::Keep).1);
    assert!(found[0].contains("prod:1:1 error bad-link"), "{found:?}");
}

#[test]
fn a_patch_of_nothing_is_told() {
    let found = problems(&[
        (REPOSITORY_FILE, REPOSITORY),
        ("base/a.yaml", TOPIC),
        ("prod/a.yaml", &format!("{}$patch: delete\n", TOPIC.replace("orders", "order"))),
    ]);
    assert_eq!(
        found,
        [
            "prod/a.yaml:3:18 error patch-without-target: there is no KafkaTopic `order` to remove | did you mean `orders`?"
        ]
    );
    let found = problems(&[
        (REPOSITORY_FILE, REPOSITORY),
        ("base/a.yaml", TOPIC),
        ("prod/a.yaml", &format!("{TOPIC}$patch: replace\n")),
    ]);
    assert!(found[0].contains("bad-patch"), "{found:?}");
}

#[test]
fn a_broken_file_in_an_earlier_layer_does_not_make_patches_look_wrong() {
    let patch = "apiVersion: driftless.dev/v1\nkind: KafkaAcl\nmetadata: {name: a}\nspec: {principals: ['User:b']}\n";
    let found = problems(&[(REPOSITORY_FILE, REPOSITORY), ("base/a.yaml", "a: [\n"), ("prod/a.yaml", patch)]);
    assert_eq!(found.len(), 1, "{found:?}");
    let found = problems(&[(REPOSITORY_FILE, REPOSITORY), ("base/a.yaml", TOPIC), ("prod/a.yaml", patch)]);
    assert_eq!(
        found,
        [
            "prod/a.yaml:4:7 error missing-field: spec needs `rules` | no earlier layer has this kind and name, so it is a new resource; was another name meant?"
        ]
    );
    let typo = format!("{}spec: {{config: {{retention.ms: 5}}}}\n", TOPIC.replace("orders", "order"));
    let found = problems(&[(REPOSITORY_FILE, REPOSITORY), ("base/a.yaml", TOPIC), ("prod/a.yaml", &typo)]);
    assert_eq!(
        found,
        [
            "prod/a.yaml:3:18 warning patch-of-nothing: no earlier layer has a KafkaTopic `order`: this makes a new one | correct `metadata.name`, or write the new resource out"
        ]
    );
}

#[test]
fn rule_files_are_keyed_by_their_path_and_replaced_whole() {
    let group = |name: &str| format!("groups: [{{name: {name}, rules: [{{record: a, expr: up}}]}}]\n");
    let state = merged(&[
        (REPOSITORY_FILE, REPOSITORY),
        ("base/rules/kafka.yml", &group("one")),
        ("prod/rules/kafka.yaml", &group("two")),
        ("prod/kafka.yaml", &group("three")),
    ]);
    assert_eq!(
        state.rule_groups.keys().map(|id| format!("{}/{}", id.namespace, id.group)).collect::<Vec<_>>(),
        ["kafka/three", "rules/kafka/two"]
    );
    let found = problems(&[
        (REPOSITORY_FILE, REPOSITORY),
        ("base/x/kafka.yml", &group("one")),
        ("base/x/kafka.yaml", &group("two")),
        ("base/y/kafka.yml", &group("another")),
        ("prod/a.yaml", &group("three")),
    ]);
    assert_eq!(
        found,
        [
            "base/x/kafka.yml:1:1 error duplicate-resource: rule file `x/kafka` stands twice in this layer, first at base/x/kafka.yaml:1:1 | remove or rename one of them"
        ]
    );
}

#[test]
fn a_selector_keeps_what_carries_its_labels() {
    let labelled = |name: &str, cluster: &str, rest: &str| {
        format!(
            "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {{name: {name}, labels: {{strimzi.io/cluster: {cluster}}}}}\nspec: {{{rest}}}\n"
        )
    };
    let repository = REPOSITORY.replace("prod]", "prod], selector: {strimzi.io/cluster: p}");
    let state = merged(&[
        (REPOSITORY_FILE, &repository),
        ("base/p.yaml", &labelled("orders", "p", "partitions: 1")),
        ("base/s.yaml", &labelled("orders", "s", "partitions: 9")),
        ("base/t.yaml", &labelled("other", "s", "")),
        (
            "prod/a.yaml",
            &format!("{TOPIC}spec: {{replicas: 2}}\n---\n{}$patch: delete\n", TOPIC.replace("orders", "other")),
        ),
    ]);
    let topics: Vec<String> = state
        .topics
        .values()
        .map(|topic| format!("{} {:?} {:?}", topic.value.name, topic.value.partitions, topic.value.replication_factor))
        .collect();
    assert_eq!(topics, ["orders Some(1) Some(2)"]);
    let twice = format!("{TOPIC}---\n{TOPIC}");
    let found = problems(&[
        (REPOSITORY_FILE, &repository),
        ("base/p.yaml", &labelled("orders", "p", "partitions: 1")),
        ("prod/a.yaml", &twice),
    ]);
    assert!(found[0].contains("error duplicate-resource"), "{found:?}");
    let found = problems(&[(REPOSITORY_FILE, &repository.replace(", prod]", "]")), ("base/a.yaml", TOPIC)]);
    assert!(found[0].contains("warning selector-matches-nothing"), "{found:?}");
}

#[test]
fn the_root_may_be_a_layer() {
    let repository = REPOSITORY.replace("[base, prod]", "[.]");
    let state = merged(&[(REPOSITORY_FILE, &repository), ("topics/a.yaml", TOPIC), ("_old/a.yaml", TOPIC)]);
    assert_eq!(state.topics.len(), 1);
}
