//! What other tools get wrong about what a cluster has and what git wants, on real brokers: nothing is passed over in
//! silence, nothing is half done, and the exit code says it.

use crate::honest_support::{Place, action, field, findings, ids, on_cluster, topic};
use crate::support::brokers::{self, KafkaVersion, unique_name};

#[test]
fn a_changed_replication_factor_is_blocked_and_nothing_else_of_the_topic_is_touched() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let place = Place::relaxed(&kafka);
    let name = unique_name("honest-replicas");
    let wanted = |replicas, retention| topic(&name, 3, replicas, &[("retention.ms", retention)]);
    place.topics(&[wanted(3, "1000000")]);
    place.applied();
    let before = on_cluster(&kafka, &name);
    assert_eq!((before[&name].replication, before[&name].configs["retention.ms"].as_str()), (3, "1000000"));

    place.topics(&[wanted(2, "2000000")]);
    let plan = place.plan();
    let update = action(&plan, &format!("topic/{name}/update"));
    assert_eq!((&update["status"], &update["reason"]), (&"blocked".into(), &"replication-factor-differs".into()));
    let (_, observed, desired) = field(update, "replicationFactor");
    assert_eq!((observed, desired), ("3".into(), "2".into()));
    assert_eq!(plan["summary"]["blocked"], 1);
    let text = place.run("plan");
    assert!(text.stdout.contains("reassignment") && text.stdout.contains(&name), "{}", text.stdout);

    assert_eq!(place.codes(), [0, 2, 1]);
    assert_eq!(on_cluster(&kafka, &name), before);
}

#[test]
fn fewer_partitions_are_blocked_and_nothing_else_of_the_topic_is_touched() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let place = Place::strict(&kafka);
    let (name, other) = (unique_name("honest-shrink"), unique_name("honest-shrink-other"));
    let config = |retention| [("min.insync.replicas", "2"), ("retention.ms", retention)];
    place.topics(&[topic(&name, 3, 3, &config("1000000"))]);
    place.applied();
    let before = on_cluster(&kafka, &name);

    place.topics(&[topic(&name, 2, 3, &config("2000000")), topic(&other, 1, 3, &config("1000000"))]);
    let plan = place.plan();
    let update = action(&plan, &format!("topic/{name}/update"));
    assert_eq!((&update["status"], &update["reason"]), (&"blocked".into(), &"partitions-cannot-shrink".into()));
    let (_, observed, desired) = field(update, "partitions");
    assert_eq!((observed, desired), ("3".into(), "2".into()));
    assert!(!ids(&plan).iter().any(|id| id.ends_with("/delete")), "{plan}");

    // Another topic is made all the same, and what is left of this one is a failure and no success.
    assert_eq!(place.codes(), [0, 2, 1]);
    assert_eq!(on_cluster(&kafka, &name), before);
    assert!(on_cluster(&kafka, &other).contains_key(&other));
    assert_eq!(place.codes(), [0, 2, 1], "and again with nothing else to do");
}

#[test]
fn a_value_that_only_the_broker_refuses_is_named_by_its_dry_run_and_nine_of_ten_are_made() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let without_tiers = vec![("remote.storage.enable", "\"true\"")];
    // Kafka takes `.` and `_` for the same in metrics, so a name may collide with one that only the cluster has.
    for (name, config, code) in
        [("bad.one", vec![], "INVALID_TOPIC_EXCEPTION"), ("bad", without_tiers, "INVALID_CONFIG")]
    {
        let place = Place::strict(&kafka);
        let prefix = unique_name("honest-bad");
        let theirs = unique_name("theirs");
        if config.is_empty() {
            kafka.tool(&["topics", "--create", "--topic", &format!("{theirs}.bad_one")]);
        }
        let bad = if config.is_empty() { format!("{theirs}.{name}") } else { format!("{prefix}-{name}") };
        let insync = ("min.insync.replicas", "2");
        let mut documents: Vec<String> =
            (0..9).map(|index| topic(&format!("{prefix}-good-{index}"), 1, 3, &[insync])).collect();
        documents.insert(4, topic(&bad, 1, 3, &[&[insync], config.as_slice()].concat()));
        place.topics(&documents);

        let plan = place.plan();
        assert_eq!(ids(&plan).len(), 10, "{code}");
        let refused = action(&plan, &format!("topic/{bad}/create"));
        assert_eq!((&refused["status"], &refused["validated"]), (&"blocked".into(), &false.into()), "{refused}");
        let note = refused["note"].as_str().unwrap_or_default();
        assert!(note.starts_with("the broker would refuse it") && note.contains(code), "{note}");
        for index in 0..9 {
            let good = action(&plan, &format!("topic/{prefix}-good-{index}/create"));
            assert_eq!((&good["status"], &good["validated"]), (&"planned".into(), &true.into()), "{good}");
        }
        assert_eq!(on_cluster(&kafka, &prefix).len(), 0, "a plan makes nothing");

        assert_eq!(place.codes(), [0, 2, 1], "{code}");
        let made = on_cluster(&kafka, &prefix);
        assert_eq!(made.len(), 9, "{made:?}");
        assert_eq!(on_cluster(&kafka, &bad).len(), 0);
        let owned = place.owned();
        assert_eq!(owned.len(), 9, "{owned:?}");
    }
}

#[test]
fn files_that_are_wrong_are_named_by_line_and_nothing_is_sent() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let fine = unique_name("honest-fine");
    let good = || topic(&fine, 1, 3, &[("min.insync.replicas", "2")]);
    let bad = unique_name("honest-file");
    let contradictory = [("max.compaction.lag.ms", "1000000"), ("min.compaction.lag.ms", "5000000")];
    let contradictory = topic(&bad, 1, 3, &contradictory);
    let twice = format!("{}---\n{}", topic(&bad, 1, 3, &[]), topic(&bad, 2, 3, &[]));
    let duplicate_key = topic(&bad, 1, 3, &[("retention.ms", "1000000"), ("retention.ms", "2000000")]);
    for (file, code, places) in [
        (topic(&bad, 1, 3, &[("retention.ms", "banana")]), "", vec!["base/bad.yaml:9:"]),
        (topic(&bad, 1, 3, &[("retention.msec", "1000")]), "", vec!["base/bad.yaml:9:"]),
        (contradictory, "config-conflict", vec!["base/bad.yaml:10:"]),
        (twice, "duplicate-resource", vec!["base/bad.yaml:1", "base/bad.yaml:4:"]),
        (duplicate_key, "duplicate-key", vec!["base/bad.yaml:10:"]),
        ("kind: KafkaTopic\n  name: [\n".to_owned(), "", vec!["base/bad.yaml:"]),
    ] {
        let place = Place::strict(&kafka);
        place.topics(&[good()]);
        place.write("base/bad.yaml", &file);
        for line in ["plan", "plan --detailed-exitcode", "plan -o json", "drift", "apply --yes", "apply --yes --prune"]
        {
            let told = place.run(line).refused(1);
            assert!(told.contains(code), "{line}\n{file}\n{told}");
            for location in &places {
                assert!(told.contains(location), "{line}: {location}\n{file}\n{told}");
            }
        }
        assert_eq!(place.run("validate").code, 64, "it takes no cluster");
        assert_eq!(place.desk.run("validate repo").code, 1);
    }
    assert_eq!(on_cluster(&kafka, &fine).len() + on_cluster(&kafka, &bad).len(), 0);
}

#[test]
fn an_override_that_somebody_added_by_hand_is_seen_and_removed() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let place = Place::strict(&kafka);
    let name = unique_name("honest-override");
    place.topics(&[topic(&name, 1, 3, &[("min.insync.replicas", "2")])]);
    place.applied();
    place.in_sync();
    let before = on_cluster(&kafka, &name);
    let by_hand = "max.message.bytes=2000000";
    kafka.tool(&["configs", "--alter", "--entity-type", "topics", "--entity-name", &name, "--add-config", by_hand]);
    assert_ne!(on_cluster(&kafka, &name), before);

    let plan = place.plan();
    let update = action(&plan, &format!("topic/{name}/update"));
    assert_eq!((&update["status"], &update["origin"]), (&"planned".into(), &"drift".into()), "{update}");
    let (applied, observed, desired) = field(update, "config.max.message.bytes");
    assert_eq!((applied, observed, desired), (serde_json::Value::Null, "2000000".into(), serde_json::Value::Null));
    assert_eq!(place.run("drift").code, 0);
    assert_eq!(place.run("drift --detailed-exitcode").code, 2);

    assert_eq!(place.codes(), [0, 2, 0]);
    assert_eq!(on_cluster(&kafka, &name), before);
    place.in_sync();
}

#[test]
fn an_emptied_file_or_environment_deletes_nothing() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let place = Place::strict(&kafka);
    let (kept, emptied) = (unique_name("honest-kept"), unique_name("honest-emptied"));
    let document = |name: &str| topic(name, 1, 3, &[("min.insync.replicas", "2")]);
    place.topics(&[document(&kept)]);
    place.write("base/more.yaml", &document(&emptied));
    place.applied();
    let still_there = || {
        assert_eq!(on_cluster(&kafka, &kept).len(), 1);
        assert_eq!(on_cluster(&kafka, &emptied).len(), 1);
    };

    // A file without a document is fine, and what it declared is no longer declared: seen, and left alone.
    for nothing in ["", "\n", "---\n", "# moved\n"] {
        place.write("base/more.yaml", nothing);
        let outcome = place.run("apply --yes");
        assert_eq!(outcome.code, 0, "{nothing:?}\n{}{}", outcome.stdout, outcome.stderr);
    }
    still_there();
    let plan = place.run("plan").stdout;
    assert!(plan.contains(&emptied), "what left git is told: {plan}");
    // Even with prune a deletion of a topic waits for its approval.
    let outcome = place.run("apply --yes --prune --max-deletions 100");
    assert_eq!(outcome.code, 3, "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("held"), "{}", outcome.stdout);
    still_there();

    // An environment without a resource is refused, with every option.
    place.write("base/topics.yaml", "");
    for prune in ["", " --prune --max-deletions 100"] {
        for (line, code) in [("plan", 3), ("plan --detailed-exitcode", 3), ("apply --yes", 3)] {
            let outcome = place.run(&format!("{line}{prune}"));
            assert_eq!(outcome.code, code, "{line}{prune}\n{}{}", outcome.stdout, outcome.stderr);
            assert!(outcome.stdout.contains("desired-state-empty"), "{}{}", outcome.stdout, outcome.stderr);
        }
    }
    still_there();
    std::fs::remove_dir_all(place.repository().join("base")).expect("removed");
    for line in ["plan", "plan --detailed-exitcode", "apply --yes --prune --max-deletions 100"] {
        let outcome = place.run(line);
        assert!([1, 3].contains(&outcome.code), "{line}: {}\n{}{}", outcome.code, outcome.stdout, outcome.stderr);
    }
    still_there();
}

#[test]
fn what_policy_denies_leaves_the_cluster_as_it_was() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let place = Place::strict(&kafka);
    let prefix = unique_name("honest-denied");
    let insync = [("min.insync.replicas", "2")];
    for (replicas, code) in [(1, "replication-below-minimum"), (4, "replication-above-brokers")] {
        let bad = topic(&format!("{prefix}-bad"), 1, replicas, &insync);
        place.topics(&[topic(&format!("{prefix}-good"), 1, 3, &insync), bad]);
        assert_eq!(place.codes(), [3, 3, 3]);
        let outcome = place.run("plan -o json");
        let plan: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("the plan is shown all the same");
        assert!(findings(&plan).contains(&code.to_owned()), "{:?}", findings(&plan));
    }
    assert_eq!(on_cluster(&kafka, &prefix).len(), 0);
    assert_eq!(place.owned(), Vec::<String>::new());

    // Neither does a saved plan get around it.
    assert_eq!(place.run("plan --out plan.json").code, 3);
    let outcome = place.desk.run(&format!("apply plan.json --yes --bootstrap-server {}", kafka.bootstrap_plaintext()));
    assert_eq!(outcome.code, 3, "{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(on_cluster(&kafka, &prefix).len(), 0);
}

#[test]
fn what_is_only_held_changes_nothing_and_ends_with_3() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let place = Place::strict(&kafka);
    let name = unique_name("honest-held");
    let wanted = |partitions| topic(&name, partitions, 3, &[("min.insync.replicas", "2")]);
    place.topics(&[wanted(1)]);
    place.applied();
    place.topics(&[wanted(2)]);
    let plan = place.plan();
    assert_eq!(action(&plan, &format!("topic/{name}/update"))["status"], "held");
    assert_eq!(place.codes(), [0, 2, 3]);
    assert_eq!(on_cluster(&kafka, &name)[&name].partitions, 1);

    // Beside something that is not held, the rest is done and the end says that not all was.
    let other = format!("{name}-other");
    place.topics(&[wanted(2), topic(&other, 1, 3, &[("min.insync.replicas", "2")])]);
    assert_eq!(place.run("apply --yes").code, 1);
    let found = on_cluster(&kafka, &name);
    assert_eq!((found[&name].partitions, found[&other].partitions), (1, 1));

    let approval = format!(
        "apiVersion: driftless.dev/v1\nkind: Approval\nmetadata: {{name: more}}\nspec: {{actions: [topic/{name}/update], \
         reason: agreed, expires: 2999-12-31}}\n"
    );
    place.write("base/approval.yaml", &approval);
    assert_eq!(place.codes(), [0, 2, 0]);
    assert_eq!(on_cluster(&kafka, &name)[&name].partitions, 2);
}
