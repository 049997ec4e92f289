//! YAML as text: what is accepted, and how broken text is explained.

use super::*;

#[test]
fn line_ends_byte_order_marks_and_directives_are_accepted() {
    let topic = format!("{TOPIC}spec: {{partitions: 3}}\n");
    for text in [
        topic.replace('\n', "\r\n"),
        format!("\u{feff}{topic}"),
        format!("%YAML 1.1\n---\n{topic}"),
        format!("%YAML 1.2\n---\n{topic}...\n"),
        format!("# comment\n---\n---\n{topic}---\n# nothing\n"),
        topic.trim_end().to_owned(),
    ] {
        let state = state_of(&text);
        assert_eq!(state.topics.len(), 1, "{text}");
    }
}

#[test]
fn places_count_characters_in_every_line_end() {
    for text in ["a: 1\r\nkind: [ä, ü]\r\n", "a: 1\nkind: [ä, ü]\n", "\u{feff}a: 1\nkind: [ä, ü]\n"] {
        check(text, &["base/a.yaml:2:7 error wrong-type: `kind` must be a string, and this is a list"]);
    }
}

#[test]
fn broken_text_is_explained() {
    for (text, expected) in [
        ("a: [1\n", "invalid-yaml"),
        ("name: *\n", "unquoted-asterisk"),
        ("name: *foo\n", "unquoted-asterisk"),
        ("name: {{ .Values.name }}\n", "if this is a template"),
        ("{{- if .Values.x }}\na: 1\n{{- end }}\n", "if this is a template"),
        ("a: 1\n\tb: 2\n", "indent with spaces"),
        ("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> x\n", "merge conflict"),
        ("a: 1\n b: 2\n", "invalid-yaml"),
        ("just text\n", "not-a-manifest"),
        ("- apiVersion: kafka.strimzi.io/v1\n  kind: KafkaTopic\n", "not-a-manifest"),
        ("[a]: 1\n", "invalid-yaml"),
        (
            "apiVersion: driftless.dev/v1\nkind: KafkaQuota\nkind: KafkaAcl\nmetadata: {name: a}\nspec: {a: 1}\n",
            "duplicate-key",
        ),
    ] {
        let problems = load_text(text).1;
        assert!(problems.iter().any(|line| line.contains(expected) && line.contains("error")), "{text}: {problems:#?}");
    }
}

#[test]
fn quoted_text_may_go_on_further_left() {
    let rule = |expr: &str| format!("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: {expr}\n    for: 5m\n");
    for expr in ["\"up\n    > 1\"", "'up\n> 1'", "\"up\n\n  > 1\"", "\"up\n > \\\n 1\""] {
        let state = state_of(&rule(expr));
        let text = &state.rule_groups.values().next().expect("one group").value.rules[0].expr;
        assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["up", ">", "1"], "{expr}");
    }
    // A quote that is not closed stays a problem, and so does what else is wrong.
    for (text, place) in [
        (rule("\"up > 1"), ":6:"),
        (format!("a: [1\n---\n{}", rule("'up\n> 1'")), ":1:4 "),
        (rule(&format!("\"up{}\"", "\n> 1".repeat(1_000))), ":6:1 "),
    ] {
        let problems = load_text(&text).1;
        assert!(problems.len() == 1 && problems[0].contains(place), "{problems:#?}");
        assert!(problems[0].contains("error invalid-yaml"), "{problems:#?}");
    }
}

#[test]
fn one_broken_document_does_not_hide_problems_of_the_next() {
    check(
        &format!("a: [1\n---\n{TOPIC}spec: {{partition: 1}}\n"),
        &[
            "base/a.yaml:1:4 error invalid-yaml: this is not valid YAML: unclosed bracket '[' | nothing of this document was read; correct it and validate again",
            "base/a.yaml:6:8 error unknown-field: spec has no field `partition` | did you mean `partitions`?",
        ],
    );
}

#[test]
fn an_empty_file_is_only_a_warning() {
    for text in ["", "# nothing\n", "---\n", "---\n---\n", "null\n"] {
        check(
            text,
            &["base/a.yaml:1:1 warning empty-file: the file holds no document | remove it, or put its manifest back"],
        );
    }
}

#[test]
fn anchors_and_merge_keys_mean_what_kubernetes_means() {
    let state = state_of(&format!(
        "{TOPIC}spec:\n  config: &c\n    <<: {{retention.ms: 1, segment.ms: 2}}\n    retention.ms: 5\n---\n{}spec: {{partitions: 1}}\n",
        TOPIC.replace("orders", "b")
    ));
    let config: Vec<String> =
        state.topics.values().flat_map(|topic| topic.value.config.iter().map(|(k, v)| format!("{k}={v}"))).collect();
    assert_eq!(config, ["retention.ms=5", "segment.ms=2"]);
    let problems = load_text(&format!("{TOPIC}spec: {{config: {{retention.ms: 5, <<: {{retention.ms: 1}}}}}}\n")).1;
    assert!(problems[0].contains("ambiguous-merge-key"), "{problems:?}");
    let state = state_of(
        "groups:\n- name: g\n  rules:\n  - &a {alert: A, expr: up, for: 1m}\n  - alert: B\n    for: 2m\n    <<: *a\n",
    );
    let rules = &state.rule_groups.values().next().expect("one group").value.rules;
    assert_eq!((rules[1].name(), rules[1].expr.as_str()), ("B", "up"));
}

#[test]
fn what_a_foreign_document_does_wrong_is_not_our_business() {
    let state = state_of(
        "apiVersion: apps/v1\nkind: Deployment\nspec: {a: 1, a: 2, b: !vault x}\n---\nreplicaCount: 1\n---\nkind: KafkaTopic\napiVersion: platform.confluent.io/v1beta1\nmetadata: {name: x}\n---\napiVersion: 1\ngroups: [{orgId: 1, name: g, rules: [{uid: a}]}]\n",
    );
    let passed: Vec<String> = state.passed_over.iter().map(|(name, count)| format!("{name} {count}")).collect();
    assert_eq!(passed, ["(no kind) 2", "apps/v1/Deployment 1", "platform.confluent.io/v1beta1/KafkaTopic 1"]);
}

#[test]
fn misspelt_manifests_of_ours_are_not_passed_over() {
    for (text, expected) in [
        (
            "kind: KafkaTopic\nmetadata: {name: a}\n",
            "missing-field: this KafkaTopic has no apiVersion | add `apiVersion: kafka.strimzi.io/v1`",
        ),
        (
            "apiVersion: kafka.strimzi.io/v1\nmetadata: {name: a}\n",
            "missing-field: this document of kafka.strimzi.io has no kind",
        ),
        (
            "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopics\n",
            "unknown-kind: kafka.strimzi.io has no kind `KafkaTopics` | did you mean `kind: KafkaTopic`?",
        ),
        (
            "apiVersion: kafka.strimzi.io/v2\nkind: KafkaTopic\n",
            "unknown-api-version: KafkaTopic has no version `v2` in kafka.strimzi.io",
        ),
        (
            "apiVersion: kafka.stirmzi.io/v1\nkind: KafkaTopic\n",
            "unknown-api-version: KafkaTopic is not a kind of the group `kafka.stirmzi.io`",
        ),
        ("apiVersion: 1\nkind: KafkaUser\n", "wrong-type: `apiVersion` must be a string"),
        ("apiVersion: v1\nkind: KafkaUser\n", "unknown-api-version: KafkaUser is not a kind of the group ``"),
        (
            "apiVersion: driftless.dev/v1\nkind: KafkaAlc\n",
            "unknown-kind: driftless.dev has no kind `KafkaAlc` | did you mean `kind: KafkaAcl`?",
        ),
        (
            "apiVersion: driftless.dev/v2\nkind: KafkaAcl\n",
            "unknown-api-version: KafkaAcl has no version `v2` in driftless.dev",
        ),
        (
            "apiVersion: driftless.dev/v1\nkind: Repository\n",
            "unknown-kind: a document of kind Repository cannot stand in a layer",
        ),
        (
            "apiversion: kafka.strimzi.io/v1\nKind: KafkaTopic\n",
            "unknown-field: a manifest has no field `apiversion` | did you mean `apiVersion`?",
        ),
        (
            "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRules\n",
            "unknown-kind: monitoring.coreos.com has no kind `PrometheusRules`",
        ),
        (
            "metadata: {name: a}\nspec: {partitions: 1}\n",
            "missing-field: this document has metadata and spec, but no apiVersion and kind",
        ),
    ] {
        let problems = load_text(text).1;
        assert!(problems[0].contains(expected), "{text}: {problems:#?}");
    }
}

#[test]
fn lists_are_unfolded() {
    let item = "{apiVersion: kafka.strimzi.io/v1, kind: KafkaTopic, metadata: {name: NAME}, spec: {}}";
    for (version, kind) in [("v1", "List"), ("kafka.strimzi.io/v1beta2", "KafkaTopicList")] {
        let items = format!(
            "- {}\n- {}\n- {{apiVersion: v1, kind: Secret}}\n",
            item.replace("NAME", "a"),
            item.replace("NAME", "b")
        );
        let state = state_of(&format!(
            "apiVersion: {version}\nkind: {kind}\nmetadata: {{resourceVersion: \"\"}}\nitems:\n{items}"
        ));
        assert_eq!(state.topics.len(), 2);
        assert_eq!(state.passed_over.len(), 1);
    }
}
