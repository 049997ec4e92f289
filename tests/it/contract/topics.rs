//! Topics and their configs.

use super::*;

checks! {
    the_cluster_says_who_it_is,
    a_created_topic_is_seen_as_it_was_asked_for,
    counts_that_are_left_out_are_the_controllers,
    a_topic_that_exists_is_not_made_again,
    a_name_that_collides_with_a_topic_is_refused,
    two_new_names_that_collide_with_each_other_both_pass,
    impossible_counts_are_refused,
    bad_configs_of_a_new_topic_are_refused,
    one_bad_topic_of_a_batch_does_not_stop_the_others,
    a_request_with_too_many_records_is_refused,
    partitions_only_grow,
    overrides_are_set_and_unset,
    an_alteration_is_all_or_nothing,
    one_bad_alteration_of_a_batch_does_not_stop_the_others,
    an_override_that_equals_the_default_is_set,
    values_are_described_in_one_form,
    a_missing_topic_has_no_configs,
    a_topic_is_deleted_once,
    a_deletion_by_id_takes_no_other_topic,
    a_new_topic_holds_nothing,
    what_is_not_there_is_absent_and_not_unknown,
    only_what_was_asked_for_is_known,
    a_dry_run_answers_in_order_and_changes_nothing,
}

async fn the_cluster_says_who_it_is(subject: &Subject) {
    let state = subject.everything().await;
    assert!(!state.cluster.id.is_empty());
    assert_eq!(state.cluster.brokers.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(state.cluster.metadata_version.is_some_and(|level| level >= 20), "{:?}", state.cluster.metadata_version);
    for broker in state.cluster.brokers.values() {
        assert!(broker.rack.is_some() && broker.configs_unknown.is_none(), "{broker:?}");
        assert_eq!(broker.configs.get("auto.create.topics.enable").map(String::as_str), Some("false"));
        assert!(broker.configs.contains_key("default.replication.factor"), "{broker:?}");
    }
    assert!(state.users.known().is_some() && state.acls.known().is_some() && state.quotas.known().is_some());
    assert!(state.broker_configs[&BrokerConfigScope::Default].known().is_some());
    assert!(state.broker_configs[&BrokerConfigScope::Broker(1)].known().is_some());
    assert_eq!(state.topics_incomplete, None);
    assert_eq!(state.cluster.lacking, BTreeMap::new());
}

async fn a_created_topic_is_seen_as_it_was_asked_for(subject: &Subject) {
    let name = topic_name("Contract.made_");
    subject.accept(create(&name, 3, 2, &[("retention.ms", "1000"), ("cleanup.policy", "compact,delete")])).await;
    let topic = subject.topic_when(&name, |topic| topic.partitions == 3).await;
    assert_eq!(topic.replication, ObservedReplication::Uniform(2));
    assert_eq!(topic.overrides, shown(&[("retention.ms", "1000"), ("cleanup.policy", "compact,delete")]));
    assert_eq!(topic.overrides_unknown, None);
    assert!(topic.id.is_some_and(|id| !id.is_nil()) && !topic.internal);
    let interest = Interest::Everything { topics: BTreeSet::new(), brokers: BTreeSet::new() };
    subject.until(&interest, "in the list too", |state| state.topics.get(&name) == Some(&topic)).await;
}

async fn counts_that_are_left_out_are_the_controllers(subject: &Subject) {
    let guards = subject.everything().await.cluster.brokers[&1].configs.clone();
    let name = topic_name("contract");
    let operation =
        Operation::CreateTopic { topic: name.clone(), partitions: None, replication_factor: None, config: map(&[]) };
    subject.accept(operation).await;
    let topic = subject.topic_when(&name, |_| true).await;
    assert_eq!(topic.partitions.to_string(), guards["num.partitions"]);
    let factor = guards["default.replication.factor"].parse().expect("a number");
    assert_eq!(topic.replication, ObservedReplication::Uniform(factor));
}

async fn a_topic_that_exists_is_not_made_again(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    subject.refuse(create(&name, 9, 1, &[("nope", "1")]), "TOPIC_ALREADY_EXISTS").await;
    assert_eq!(subject.topic_when(&name, |_| true).await.partitions, 1);
}

async fn a_name_that_collides_with_a_topic_is_refused(subject: &Subject) {
    let (dotted, scored) = colliding_names();
    subject.accept(create(&dotted, 1, 1, &[])).await;
    subject.refuse(create(&scored, 1, 1, &[]), "INVALID_TOPIC_EXCEPTION").await;
    subject.gone(&scored).await;
}

fn colliding_names() -> (TopicName, TopicName) {
    let name = unique_name("contract");
    let parse = |raw: String| TopicName::parse(&raw).expect("valid");
    (parse(format!("{name}.v1")), parse(format!("{name}_v1")))
}

async fn two_new_names_that_collide_with_each_other_both_pass(subject: &Subject) {
    let (dotted, scored) = colliding_names();
    let results = subject.perform(&[create(&dotted, 1, 1, &[]), create(&scored, 1, 1, &[])]).await;
    assert_eq!(results, [Ok(()), Ok(())]);
}

async fn impossible_counts_are_refused(subject: &Subject) {
    let name = topic_name("contract");
    for (partitions, factor, code) in [
        (1, 4, "INVALID_REPLICATION_FACTOR"),
        (1, 0, "INVALID_REPLICATION_FACTOR"),
        (1, -2, "INVALID_REPLICATION_FACTOR"),
        (0, 1, "INVALID_PARTITIONS"),
        (-2, 1, "INVALID_PARTITIONS"),
    ] {
        subject.refuse(create(&name, partitions, factor, &[]), code).await;
    }
    subject.gone(&name).await;
}

/// Values that every version of Kafka refuses.
const BAD_VALUES: &[(&str, &str)] = &[
    ("retention.ms", "abc"),
    ("retention.ms", "1e3"),
    ("retention.ms", "1_000"),
    ("retention.ms", "-2"),
    ("retention.ms", ""),
    ("retention.ms", "9223372036854775808"),
    ("cleanup.policy", "shred"),
    ("cleanup.policy", "Compact"),
    ("compression.type", "LZ4"),
    ("preallocate", "yes"),
    ("min.cleanable.dirty.ratio", "1.5"),
    ("min.insync.replicas", "0"),
    ("max.message.bytes", "2147483648"),
    ("segment.bytes", "13"),
    ("leader.replication.throttled.replicas", "a:b"),
    ("max.compaction.lag.ms", "0"),
    ("nope", "1"),
    ("retention.MS", "1"),
];

async fn bad_configs_of_a_new_topic_are_refused(subject: &Subject) {
    let name = topic_name("contract");
    for (key, value) in BAD_VALUES {
        subject.refuse(create(&name, 1, 1, &[(key, value)]), "INVALID_CONFIG").await;
    }
    let conflict = [("min.compaction.lag.ms", "20"), ("max.compaction.lag.ms", "10")];
    subject.refuse(create(&name, 1, 1, &conflict), "INVALID_CONFIG").await;
    subject.gone(&name).await;
}

async fn one_bad_topic_of_a_batch_does_not_stop_the_others(subject: &Subject) {
    let names: Vec<TopicName> = (0..3).map(|_| topic_name("contract")).collect();
    let batch = [
        create(&names[0], 1, 1, &[]),
        create(&names[1], 1, 1, &[("retention.ms", "abc")]),
        create(&names[2], 1, 1, &[]),
    ];
    let results = subject.perform(&batch).await;
    assert_eq!(results.iter().map(code).collect::<Vec<_>>(), ["", "INVALID_CONFIG", ""]);
    subject.topic_when(&names[0], |_| true).await;
    subject.topic_when(&names[2], |_| true).await;
    subject.gone(&names[1]).await;
}

async fn a_request_with_too_many_records_is_refused(subject: &Subject) {
    let name = topic_name("contract");
    subject.refuse(create(&name, 10_001, 1, &[]), "POLICY_VIOLATION").await;
    subject.gone(&name).await;
    // Not tried with `AddPartitions`: after that many the active controller steps down (seen with 4.3.1 and 3.9.1).
}

async fn partitions_only_grow(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    let to = |total| Operation::AddPartitions { topic: name.clone(), total };
    subject.accept(to(3)).await;
    let topic = subject.topic_when(&name, |topic| topic.partitions == 3).await;
    assert_eq!(topic.replication, ObservedReplication::Uniform(1));
    for total in [3, 2, 0] {
        subject.refuse(to(total), "INVALID_PARTITIONS").await;
    }
    let missing = topic_name("contract");
    subject.refuse(Operation::AddPartitions { topic: missing, total: 2 }, "UNKNOWN_TOPIC_OR_PARTITION").await;
    subject.topic_when(&name, |topic| topic.partitions == 3).await;
}

async fn overrides_are_set_and_unset(subject: &Subject) {
    let name = subject.with_topic(&[("retention.ms", "1000"), ("segment.ms", "5000")]).await;
    subject.accept(alter(&name, &[("retention.ms", "2000"), ("flush.ms", "7")], &["segment.ms"])).await;
    let expected = shown(&[("flush.ms", "7"), ("retention.ms", "2000")]);
    subject.topic_when(&name, |topic| topic.overrides == expected).await;
    // Unsetting what is not set, even what Kafka does not know, and setting what is set, changes nothing.
    subject.accept(alter(&name, &[], &["segment.ms", "nope"])).await;
    subject.accept(alter(&name, &[("flush.ms", "7")], &[])).await;
    subject.topic_when(&name, |topic| topic.overrides == expected).await;
    subject.accept(alter(&name, &[], &["flush.ms", "retention.ms"])).await;
    subject.topic_when(&name, |topic| topic.overrides.is_empty()).await;
}

async fn an_alteration_is_all_or_nothing(subject: &Subject) {
    let name = subject.with_topic(&[("retention.ms", "1000")]).await;
    let batch = alter(&name, &[("retention.ms", "2000"), ("segment.ms", "abc")], &[]);
    subject.refuse(batch, "INVALID_CONFIG").await;
    subject.refuse(alter(&name, &[("nope", "1")], &["retention.ms"]), "INVALID_CONFIG").await;
    for (key, value) in BAD_VALUES {
        subject.refuse(alter(&name, &[(key, value)], &[]), "INVALID_CONFIG").await;
    }
    subject.topic_when(&name, |topic| topic.overrides == shown(&[("retention.ms", "1000")])).await;
}

async fn one_bad_alteration_of_a_batch_does_not_stop_the_others(subject: &Subject) {
    let (left, right) = (subject.with_topic(&[]).await, subject.with_topic(&[]).await);
    let missing = topic_name("contract");
    let batch = [
        alter(&left, &[("retention.ms", "1")], &[]),
        alter(&missing, &[("retention.ms", "1")], &[]),
        alter(&right, &[("retention.ms", "x")], &[]),
    ];
    let results = subject.perform(&batch).await;
    let codes: Vec<&str> = results.iter().map(code).collect();
    assert_eq!(codes, ["", "UNKNOWN_TOPIC_OR_PARTITION", "INVALID_CONFIG"]);
    subject.topic_when(&left, |topic| !topic.overrides.is_empty()).await;
    assert!(subject.topic_when(&right, |_| true).await.overrides.is_empty());
}

async fn an_override_that_equals_the_default_is_set(subject: &Subject) {
    let name = subject.with_topic(&[("retention.ms", "604800000")]).await;
    subject.topic_when(&name, |topic| topic.overrides == shown(&[("retention.ms", "604800000")])).await;
}

async fn values_are_described_in_one_form(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    for (key, raw, described) in [
        ("retention.ms", "+5", "5"),
        ("retention.ms", "007", "7"),
        ("retention.ms", " 8 ", "8"),
        ("preallocate", "TRUE", "true"),
        ("preallocate", " False ", "false"),
        ("min.cleanable.dirty.ratio", "0.50", "0.5"),
        ("min.cleanable.dirty.ratio", "1", "1.0"),
        ("min.cleanable.dirty.ratio", "0.0001", "1.0E-4"),
        ("min.cleanable.dirty.ratio", "5e-1", "0.5"),
        ("cleanup.policy", "compact , delete", "compact,delete"),
        ("cleanup.policy", "delete,compact", "delete,compact"),
        ("compression.type", " gzip ", "gzip"),
        ("leader.replication.throttled.replicas", "0:1, 1:2", "0:1,1:2"),
        ("leader.replication.throttled.replicas", "*", "*"),
        ("leader.replication.throttled.replicas", "", ""),
    ] {
        subject.accept(alter(&name, &[(key, raw)], &[])).await;
        let topic = subject.topic_when(&name, |topic| topic.overrides == shown(&[(key, described)])).await;
        assert_eq!(topic.overrides, shown(&[(key, described)]), "{key}={raw:?}");
        subject.accept(alter(&name, &[], &[key])).await;
        subject.topic_when(&name, |topic| topic.overrides.is_empty()).await;
    }
}

async fn a_missing_topic_has_no_configs(subject: &Subject) {
    let name = topic_name("contract");
    subject.refuse(alter(&name, &[("retention.ms", "1")], &[]), "UNKNOWN_TOPIC_OR_PARTITION").await;
    subject.refuse(alter(&name, &[], &["retention.ms"]), "UNKNOWN_TOPIC_OR_PARTITION").await;
}

async fn a_topic_is_deleted_once(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    let id = subject.topic_when(&name, |_| true).await.id;
    subject.accept(delete(&name, id)).await;
    subject.gone(&name).await;
    subject.refuse(delete(&name, id), "UNKNOWN_TOPIC_ID").await;
    subject.refuse(delete(&name, None), "UNKNOWN_TOPIC_OR_PARTITION").await;
    let name = subject.with_topic(&[]).await;
    subject.accept(delete(&name, None)).await;
    subject.gone(&name).await;
}

async fn a_deletion_by_id_takes_no_other_topic(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    let first = subject.topic_when(&name, |_| true).await.id;
    subject.accept(delete(&name, first)).await;
    subject.gone(&name).await;
    subject.accept(create(&name, 1, 1, &[])).await;
    let second = subject.topic_when(&name, |topic| topic.id != first).await.id;
    assert!(first.is_some() && second.is_some());
    subject.refuse(delete(&name, first), "UNKNOWN_TOPIC_ID").await;
    subject.topic_when(&name, |topic| topic.id == second).await;
}

async fn a_new_topic_holds_nothing(subject: &Subject) {
    let (name, missing) = (subject.with_topic(&[]).await, topic_name("contract"));
    let asked = BTreeSet::from([name.clone(), missing.clone()]);
    let evidence = subject.cluster.evidence(&asked).await.expect("asked");
    assert!(!evidence.contains_key(&missing));
    // The directory cluster does not know, and says so by leaving the topic out.
    if let Some(evidence) = evidence.get(&name) {
        assert_eq!(evidence.records.unwrap_or(0), 0);
        assert!(evidence.active_groups.as_ref().is_none_or(BTreeSet::is_empty));
    }
}

async fn what_is_not_there_is_absent_and_not_unknown(subject: &Subject) {
    let missing = topic_name("contract");
    let everything = Interest::Everything { topics: BTreeSet::from([missing.clone()]), brokers: BTreeSet::new() };
    for interest in [everything, of_topic(&missing)] {
        let state = subject.cluster.observe(&interest).await.expect("observed");
        assert!(!state.topics.contains_key(&missing) && !state.unknown_topics.contains_key(&missing));
    }
}

async fn only_what_was_asked_for_is_known(subject: &Subject) {
    let (name, other) = (subject.with_topic(&[]).await, subject.with_topic(&[]).await);
    let state = subject.cluster.observe(&of_topic(&name)).await.expect("observed");
    assert!(state.topics.contains_key(&name) && !state.topics.contains_key(&other));
    assert!(state.users.known().is_none() && state.acls.known().is_none() && state.quotas.known().is_none());
    assert!(state.broker_configs.is_empty());
    let parts = only(BTreeSet::new(), "users acls quotas broker-configs");
    let state = subject.cluster.observe(&parts).await.expect("observed");
    assert!(state.users.known().is_some() && state.acls.known().is_some() && state.quotas.known().is_some());
    assert_eq!(state.broker_configs.len(), 2);
}

async fn a_dry_run_answers_in_order_and_changes_nothing(subject: &Subject) {
    let (there, other) = (subject.with_topic(&[]).await, subject.with_topic(&[]).await);
    let (new, bad) = (topic_name("contract"), topic_name("contract"));
    let entity = QuotaEntity::User(QuotaName::Named(unique_name("contract")));
    let user = UserName::parse(&unique_name("contract")).expect("valid");
    let operations = [
        alter(&there, &[("retention.ms", "5")], &[]),
        create(&new, 1, 1, &[]),
        delete(&there, None),
        create(&bad, 1, 1, &[("retention.ms", "x")]),
        Operation::AddPartitions { topic: there.clone(), total: 1 },
        quota(&QuotaEntity::User(QuotaName::Named(unique_name("u"))), &[(QuotaKey::ProducerByteRate, -1.0)], &[]),
        alter(&other, &[("nope", "5")], &[]),
        Operation::AddPartitions { topic: other.clone(), total: 2 },
        Operation::DeleteScram { user, mechanism: ScramMechanism::Sha256 },
        quota(&entity, &[(QuotaKey::ProducerByteRate, 5.0)], &[]),
    ];
    let answers = subject.cluster.dry_run(&operations).await.expect("answered");
    let codes: Vec<&str> = answers
        .iter()
        .map(|answer| match answer {
            DryRun::Accepted => "accepted",
            DryRun::Refused(error) => &error.code,
            DryRun::NotChecked(_) => "not checked",
        })
        .collect();
    let expected = [
        "accepted",
        "accepted",
        "not checked",
        "INVALID_CONFIG",
        "INVALID_PARTITIONS",
        "INVALID_REQUEST",
        "INVALID_CONFIG",
        "accepted",
        "not checked",
        "accepted",
    ];
    assert_eq!(codes, expected);
    for name in [&there, &other] {
        let topic = subject.topic_when(name, |_| true).await;
        assert!(topic.overrides.is_empty() && topic.partitions == 1);
    }
    subject.gone(&new).await;
    until_quota(subject, &entity, &[]).await;
}
