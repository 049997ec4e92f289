//! Quotas and broker configs.

use super::*;

checks! {
    quotas_of_every_entity_come_and_go,
    limits_of_an_entity_are_set_and_unset,
    impossible_quotas_are_refused,
    one_bad_quota_of_a_batch_does_not_stop_the_others,
    broker_configs_of_both_scopes_come_and_go,
    a_broker_config_that_is_not_known_is_set_and_not_shown,
    impossible_broker_configs_are_refused,
    defaults_follow_the_broker_configs,
    an_empty_batch_is_nothing,
}

async fn quotas_of_every_entity_come_and_go(subject: &Subject) {
    let named = || QuotaName::Named(unique_name("ü*/\"x\" ="));
    let default = || QuotaName::Default;
    for entity in [
        QuotaEntity::User(named()),
        QuotaEntity::User(default()),
        QuotaEntity::ClientId(named()),
        QuotaEntity::ClientId(default()),
        QuotaEntity::UserClientId(named(), named()),
        QuotaEntity::UserClientId(named(), default()),
        QuotaEntity::UserClientId(default(), named()),
        QuotaEntity::UserClientId(default(), default()),
        QuotaEntity::Ip(QuotaName::Named("10.1.2.3".into())),
        QuotaEntity::Ip(default()),
    ] {
        let limits: Vec<(QuotaKey, f64)> = entity
            .keys()
            .iter()
            .map(|key| match key {
                QuotaKey::RequestPercentage | QuotaKey::ControllerMutationRate => (*key, 0.5),
                QuotaKey::ProducerByteRate | QuotaKey::ConsumerByteRate => (*key, 9_007_199_254_740_992.0),
                QuotaKey::ConnectionCreationRate => (*key, 2_147_483_647.0),
            })
            .collect();
        subject.accept(quota(&entity, &limits, &[])).await;
        until_quota(subject, &entity, &limits).await;
        subject.accept(quota(&entity, &[], entity.keys())).await;
        until_quota(subject, &entity, &[]).await;
    }
}

async fn limits_of_an_entity_are_set_and_unset(subject: &Subject) {
    let entity = QuotaEntity::User(QuotaName::Named(unique_name("contract")));
    let (produce, consume) = (QuotaKey::ProducerByteRate, QuotaKey::ConsumerByteRate);
    subject.accept(quota(&entity, &[(produce, 1024.0), (consume, 2048.0)], &[])).await;
    until_quota(subject, &entity, &[(produce, 1024.0), (consume, 2048.0)]).await;
    subject.accept(quota(&entity, &[(produce, 4096.0)], &[consume])).await;
    until_quota(subject, &entity, &[(produce, 4096.0)]).await;
    subject.accept(quota(&entity, &[], &[consume])).await;
    until_quota(subject, &entity, &[(produce, 4096.0)]).await;
    subject.accept(quota(&entity, &[], &[produce])).await;
    until_quota(subject, &entity, &[]).await;
}

async fn impossible_quotas_are_refused(subject: &Subject) {
    let user = QuotaEntity::User(QuotaName::Named(unique_name("contract")));
    let ip = QuotaEntity::Ip(QuotaName::Named("10.1.2.4".into()));
    let host = QuotaEntity::Ip(QuotaName::Named("no.such.host.invalid".into()));
    let empty = QuotaEntity::User(QuotaName::Named(String::new()));
    for (entity, key, value) in [
        (&user, QuotaKey::ProducerByteRate, 0.0),
        (&user, QuotaKey::ProducerByteRate, -1.0),
        (&user, QuotaKey::RequestPercentage, 0.0),
        (&user, QuotaKey::ProducerByteRate, 1.5),
        (&user, QuotaKey::ProducerByteRate, 1e19),
        (&user, QuotaKey::ConnectionCreationRate, 5.0),
        (&ip, QuotaKey::ProducerByteRate, 5.0),
        (&ip, QuotaKey::ConnectionCreationRate, 0.5),
        (&ip, QuotaKey::ConnectionCreationRate, 2_147_483_648.0),
        (&host, QuotaKey::ConnectionCreationRate, 5.0),
        (&empty, QuotaKey::ProducerByteRate, 5.0),
    ] {
        subject.refuse(quota(entity, &[(key, value)], &[]), "INVALID_REQUEST").await;
    }
    // All or nothing, as for configs.
    let mixed = [(QuotaKey::ProducerByteRate, 5.0), (QuotaKey::ConsumerByteRate, 0.0)];
    subject.refuse(quota(&user, &mixed, &[]), "INVALID_REQUEST").await;
    until_quota(subject, &user, &[]).await;
}

async fn one_bad_quota_of_a_batch_does_not_stop_the_others(subject: &Subject) {
    let entity = |_| QuotaEntity::ClientId(QuotaName::Named(unique_name("contract")));
    let [left, bad, right] = [0, 1, 2].map(entity);
    let batch = [
        quota(&left, &[(QuotaKey::ProducerByteRate, 5.0)], &[]),
        quota(&bad, &[(QuotaKey::ProducerByteRate, -5.0)], &[]),
        quota(&right, &[(QuotaKey::ProducerByteRate, 5.0)], &[]),
    ];
    let results = subject.perform(&batch).await;
    assert_eq!(results.iter().map(code).collect::<Vec<_>>(), ["", "INVALID_REQUEST", ""]);
    until_quota(subject, &left, &[(QuotaKey::ProducerByteRate, 5.0)]).await;
    until_quota(subject, &right, &[(QuotaKey::ProducerByteRate, 5.0)]).await;
    until_quota(subject, &bad, &[]).await;
}

fn broker_config(scope: BrokerConfigScope, set: &[(&str, &str)], unset: &[&str]) -> Operation {
    Operation::AlterBrokerConfig { scope, set: map(set), unset: keys(unset) }
}

async fn until_broker_config(subject: &Subject, scope: BrokerConfigScope, key: &str, expected: Option<&str>) {
    let interest = only(BTreeSet::new(), "broker-configs");
    let holds = |state: &ObservedState| match &state.broker_configs[&scope] {
        Knowledge::Known(configs) => configs.get(key).map(Option::as_deref) == expected.map(Some),
        Knowledge::Unknown(reason) => panic!("{scope}: {reason}"),
    };
    subject.until(&interest, &format!("{scope}: {key}={expected:?}"), holds).await;
}

async fn broker_configs_of_both_scopes_come_and_go(subject: &Subject) {
    let key = "log.cleaner.backoff.ms";
    let (all, one) = (BrokerConfigScope::Default, BrokerConfigScope::Broker(1));
    let results = subject
        .perform(&[broker_config(all, &[(key, "16000")], &[]), broker_config(one, &[(key, " 17000 ")], &[])])
        .await;
    assert_eq!(results, [Ok(()), Ok(())]);
    until_broker_config(subject, all, key, Some("16000")).await;
    until_broker_config(subject, one, key, Some("17000")).await;
    subject.accept(broker_config(one, &[], &[key])).await;
    // What holds for all is not said again for each.
    until_broker_config(subject, one, key, None).await;
    until_broker_config(subject, all, key, Some("16000")).await;
    subject.accept(broker_config(all, &[], &[key])).await;
    subject.accept(broker_config(all, &[], &[key, "num.partitions", "nope"])).await;
    until_broker_config(subject, all, key, None).await;
}

async fn a_broker_config_that_is_not_known_is_set_and_not_shown(subject: &Subject) {
    let (all, key) = (BrokerConfigScope::Default, "plugin.of.nobody");
    subject.accept(broker_config(all, &[(key, "planted")], &[])).await;
    let interest = only(BTreeSet::new(), "broker-configs");
    let value = |state: &ObservedState| state.broker_configs[&all].known().expect("known").get(key).cloned();
    subject.until(&interest, key, |state| value(state) == Some(None)).await;
    subject.accept(broker_config(all, &[], &[key])).await;
    subject.until(&interest, key, |state| value(state).is_none()).await;
}

async fn impossible_broker_configs_are_refused(subject: &Subject) {
    for scope in [BrokerConfigScope::Default, BrokerConfigScope::Broker(1)] {
        for (key, value) in [
            ("num.partitions", "3"),
            ("auto.create.topics.enable", "false"),
            ("default.replication.factor", "3"),
            ("log.cleaner.backoff.ms", "abc"),
            ("log.cleaner.backoff.ms", "-1"),
            ("num.io.threads", "0"),
            ("ssl.keystore.location", "/nowhere"),
        ] {
            subject.refuse(broker_config(scope, &[(key, value)], &[]), "INVALID_REQUEST").await;
        }
    }
    let mixed =
        broker_config(BrokerConfigScope::Default, &[("log.cleaner.backoff.ms", "1"), ("num.partitions", "2")], &[]);
    subject.refuse(mixed, "INVALID_REQUEST").await;
    until_broker_config(subject, BrokerConfigScope::Default, "log.cleaner.backoff.ms", None).await;
    let gone = broker_config(BrokerConfigScope::Broker(99), &[("log.cleaner.backoff.ms", "1")], &[]);
    let results = subject.perform(&[gone]).await;
    let error = results[0].as_ref().expect_err("there is no broker 99");
    assert!(error.unchanged, "{error}");
}

async fn defaults_follow_the_broker_configs(subject: &Subject) {
    let name = subject.with_topic(&[]).await;
    let all = BrokerConfigScope::Default;
    subject
        .accept(broker_config(
            all,
            &[("log.retention.ms", "86400000"), ("unclean.leader.election.enable", "TRUE")],
            &[],
        ))
        .await;
    let everything = Interest::Everything { topics: BTreeSet::from([name.clone()]), brokers: BTreeSet::new() };
    let expected = BTreeSet::from(["86400000".to_owned()]);
    let state = subject
        .until(&everything, "retention.ms", |state| {
            let guards =
                state.cluster.brokers.values().all(|broker| {
                    broker.configs.get("unclean.leader.election.enable").map(String::as_str) == Some("true")
                });
            state.topic_defaults.get("retention.ms") == Some(&expected) && guards
        })
        .await;
    assert!(state.topics[&name].overrides.is_empty());
    subject.accept(broker_config(all, &[], &["log.retention.ms", "unclean.leader.election.enable"])).await;
    subject
        .until(&everything, "retention.ms again", |state| {
            state.topic_defaults.get("retention.ms") == Some(&BTreeSet::from(["604800000".to_owned()]))
        })
        .await;
}

async fn an_empty_batch_is_nothing(subject: &Subject) {
    assert!(subject.perform(&[]).await.is_empty());
    assert_eq!(subject.cluster.dry_run(&[]).await.expect("answered"), []);
}
