//! Golden cases of the planner.

use insta::assert_snapshot;
use jiff::civil::date;

use crate::domain::desired::Management;
use crate::domain::names::Principal;
use crate::domain::observed::{Knowledge, ObservedReplication};
use crate::domain::quota::QuotaKey;
use crate::domain::user::ScramMechanism;

use super::input::PasswordState;
use super::seal::{broken_preconditions, content_id};
use super::testing::{World, acl, summary, topic_name};

fn check(change: impl FnOnce(&mut World)) -> String {
    let mut world = World::new();
    change(&mut world);
    summary(&world.plan())
}

/// An owned, synchronised topic `orders`, and then a change.
fn check_owned(change: impl FnOnce(&mut World)) -> String {
    let mut world = World::new();
    world.want_topic("orders", 6, 3, &[("retention.ms", "86400000"), ("min.insync.replicas", "2")]);
    world.apply();
    change(&mut world);
    summary(&world.plan())
}

#[test]
fn a_topic_that_is_not_there_is_created() {
    assert_snapshot!(check(|world| { world.want_topic("orders", 6, 3, &[("retention.ms", "1000")]); }),
        @"planned change not-in-cluster none topic/orders/create config.retention.ms:unset→1000 partitions:unset→6 replicationFactor:unset→3");
}

#[test]
fn equal_states_give_an_empty_plan() {
    assert_eq!(check_owned(|_| {}), "");
}

/// The planner goes along git, the record and the cluster at once: all three have to come in one order.
#[test]
fn what_is_on_record_is_found_again_for_every_kind() {
    let mut world = World::new();
    for name in ["b", "a"] {
        world.want_topic(name, 1, 3, &[]).want_user(name, &[(ScramMechanism::Sha512, 4096)]);
        for operation in ["Write", "Read"] {
            world.want_acl(&format!("acl/User:{name}/allow/{operation}/topic/literal/orders/*"));
        }
        world.want_quota(&format!("user={name}"), &[(QuotaKey::ProducerByteRate, 1.0)]);
    }
    world.want_broker_config("default", &[("log.cleaner.threads", "2")]);
    let n_actions = world.apply().actions.len();
    let again = world.plan();
    assert_eq!((n_actions, again.actions.len(), again.adopted.len()), (11, 0, 0), "{again:#?}");
}

#[test]
fn what_git_moved_is_a_change() {
    assert_snapshot!(check_owned(|world| { world.want_topic("orders", 6, 3, &[("retention.ms", "90000000"), ("min.insync.replicas", "2")]); }),
        @"planned change config-differs low topic/orders/update config.retention.ms:86400000→90000000");
}

#[test]
fn what_the_cluster_moved_is_drift() {
    assert_snapshot!(check_owned(|world| {
        world.topic("orders").overrides.insert("retention.ms".into(), Some("3600000".into()));
    }), @"planned drift config-differs low topic/orders/update config.retention.ms:3600000→86400000");
}

#[test]
fn what_both_moved_is_a_conflict() {
    assert_snapshot!(check_owned(|world| {
        world.topic("orders").overrides.insert("retention.ms".into(), Some("3600000".into()));
        world.want_topic("orders", 6, 3, &[("retention.ms", "90000000"), ("min.insync.replicas", "2")]);
    }), @"planned conflict config-differs low topic/orders/update config.retention.ms:3600000→90000000");
}

#[test]
fn both_moving_to_the_same_value_is_agreement_and_renews_the_record() {
    assert_snapshot!(check_owned(|world| {
        world.topic("orders").overrides.insert("retention.ms".into(), Some("90000000".into()));
        world.want_topic("orders", 6, 3, &[("retention.ms", "90000000"), ("min.insync.replicas", "2")]);
    }), @"adopted topic/orders");
}

#[test]
fn an_override_added_by_hand_is_drift_and_is_unset() {
    assert_snapshot!(check_owned(|world| {
        world.topic("orders").overrides.insert("segment.ms".into(), Some("60000".into()));
    }), @"planned drift config-differs low topic/orders/update config.segment.ms:60000→unset");
}

#[test]
fn an_override_that_the_broker_does_not_show_is_still_unset() {
    assert_snapshot!(check_owned(|world| { world.topic("orders").overrides.insert("vendor.key".into(), None); }), @"planned drift config-differs low topic/orders/update config.vendor.key:(secret)→unset");
}

#[test]
fn a_throttle_of_a_reassignment_is_left_alone() {
    assert_eq!(
        check_owned(|world| {
            world.topic("orders").overrides.insert("leader.replication.throttled.replicas".into(), Some("0:1".into()));
        }),
        ""
    );
}

#[test]
fn a_retention_cut_is_held() {
    assert_snapshot!(check_owned(|world| { world.want_topic("orders", 6, 3, &[("retention.ms", "3600000"), ("min.insync.replicas", "2")]); }),
        @"held change config-differs irreversible topic/orders/update config.retention.ms:86400000→3600000");
}

#[test]
fn unsetting_a_longer_retention_cuts_to_the_default_and_is_held() {
    assert_snapshot!(check(|world| {
        world.want_topic("orders", 6, 3, &[]);
        world.has_topic("orders", 6, 3, &[("retention.ms", "-1")]);
    }), @"held adopt config-differs irreversible topic/orders/update config.retention.ms:-1→unset");
}

#[test]
fn fewer_partitions_block_everything_of_the_topic() {
    assert_snapshot!(check_owned(|world| { world.want_topic("orders", 3, 3, &[("retention.ms", "90000000"), ("min.insync.replicas", "2")]); }),
        @"blocked change partitions-cannot-shrink low topic/orders/update config.retention.ms:86400000→90000000 partitions:6→3");
}

#[test]
fn more_partitions_are_held() {
    assert_snapshot!(check_owned(|world| { world.want_topic("orders", 12, 3, &[("retention.ms", "86400000"), ("min.insync.replicas", "2")]); }),
        @"held change partitions-differ irreversible topic/orders/update partitions:6→12");
}

#[test]
fn more_new_partitions_than_a_controller_takes_are_never_sent() {
    assert_snapshot!(check_owned(|world| { world.want_topic("orders", 20_000, 3, &[("retention.ms", "86400000"), ("min.insync.replicas", "2")]); }),
        @"blocked change partitions-differ irreversible topic/orders/update partitions:6→20000");
}

#[test]
fn another_replication_factor_is_blocked() {
    assert_snapshot!(check_owned(|world| { world.want_topic("orders", 6, 2, &[("retention.ms", "86400000"), ("min.insync.replicas", "2")]); }),
        @"blocked change replication-factor-differs low topic/orders/update replicationFactor:3→2");
    assert_snapshot!(check_owned(|world| { world.topic("orders").replication = ObservedReplication::Mixed(2, 3); }), @"blocked drift replication-factor-differs low topic/orders/update replicationFactor:2..3→3");
}

#[test]
fn counts_that_git_leaves_out_are_not_compared() {
    assert_eq!(
        check_owned(|world| {
            let declared = world.desired.topics.get_mut(&topic_name("orders")).expect("there");
            (declared.value.partitions, declared.value.replication_factor) = (None, None);
        }),
        ""
    );
}

#[test]
fn a_topic_that_was_deleted_by_hand_is_drift_and_made_again() {
    assert_snapshot!(check_owned(|world| { world.observed.topics.clear(); }), @"planned drift deleted-in-cluster none topic/orders/create config.min.insync.replicas:unset→2 config.retention.ms:unset→86400000 partitions:unset→6 replicationFactor:unset→3");
}

#[test]
fn a_topic_that_was_made_again_by_hand_is_noticed() {
    assert_snapshot!(check_owned(|world| { world.topic("orders").id = Some(uuid::Uuid::from_u128(1)); }), @"
    adopted topic/orders
    finding topic-recreated
    ");
}

#[test]
fn an_unmanaged_topic_is_shown_and_an_internal_one_is_not() {
    assert_snapshot!(check_owned(|world| {
        world.has_topic("legacy", 1, 1, &[]);
        world.has_topic("__consumer_offsets", 50, 3, &[]);
        world.topic("__consumer_offsets").internal = true;
    }), @"unmanaged topic/legacy");
}

#[test]
fn a_topic_that_left_git_stays_without_prune() {
    assert_snapshot!(check_owned(|world| { world.want_topic("other", 1, 3, &[]); world.desired.topics.remove(&topic_name("orders")); }),
        @"
    planned change not-in-cluster none topic/other/create partitions:unset→1 replicationFactor:unset→3
    unpruned topic/orders
    ");
}

#[test]
fn a_topic_that_left_git_is_held_with_prune_and_goes_with_an_approval() {
    let leave = |world: &mut World| {
        world.want_topic("other", 1, 3, &[]);
        world.has_topic("other", 1, 3, &[]);
        world.desired.topics.remove(&topic_name("orders"));
        world.prune();
    };
    assert_snapshot!(check_owned(leave), @"
    held change removed-from-git irreversible topic/orders/delete config.min.insync.replicas:2→unset config.retention.ms:86400000→unset partitions:6→unset replicationFactor:3→unset
    adopted topic/other
    ");
    assert_snapshot!(check_owned(|world| { leave(world); world.approve("topic/orders/delete", date(2026, 6, 1)); }), @"
    planned change removed-from-git irreversible topic/orders/delete config.min.insync.replicas:2→unset config.retention.ms:86400000→unset partitions:6→unset replicationFactor:3→unset
    adopted topic/other
    ");
    assert_snapshot!(check_owned(|world| { leave(world); world.approve("topic/orders/delete", date(2026, 5, 31)); }), @"
    held change removed-from-git irreversible topic/orders/delete config.min.insync.replicas:2→unset config.retention.ms:86400000→unset partitions:6→unset replicationFactor:3→unset
    adopted topic/other
    finding approval-expired
    ");
    assert_snapshot!(check_owned(|world| { leave(world); world.approve("topic/*", date(2026, 6, 1)); }), @"
    held change removed-from-git irreversible topic/orders/delete config.min.insync.replicas:2→unset config.retention.ms:86400000→unset partitions:6→unset replicationFactor:3→unset
    adopted topic/other
    finding approval-matches-nothing
    ");
}

#[test]
fn a_plan_over_the_deletion_budget_deletes_nothing() {
    let mut world = World::new();
    world.want_topic("kept", 1, 3, &[]).want_topic("a", 1, 3, &[]).want_topic("b", 1, 3, &[]);
    world.apply();
    world.desired.topics.remove(&topic_name("a"));
    world.desired.topics.remove(&topic_name("b"));
    world.prune().approve("topic/a/*", date(2026, 6, 1)).approve("topic/b/*", date(2026, 6, 1));
    world.options.max_deletions = 1;
    assert_snapshot!(summary(&world.plan()), @"
    blocked change removed-from-git irreversible topic/a/delete partitions:1→unset replicationFactor:3→unset
    blocked change removed-from-git irreversible topic/b/delete partitions:1→unset replicationFactor:3→unset
    ");
    world.options.max_deletions = 2;
    assert_snapshot!(summary(&world.plan()), @"
    planned change removed-from-git irreversible topic/a/delete partitions:1→unset replicationFactor:3→unset
    planned change removed-from-git irreversible topic/b/delete partitions:1→unset replicationFactor:3→unset
    ");
}

#[test]
fn what_is_not_ours_is_never_deleted() {
    let mut world = World::new();
    world
        .want_topic("kept", 1, 3, &[])
        .has_topic("legacy", 1, 1, &[])
        .has_acl("acl/User:old/allow/All/cluster/literal/kafka-cluster/*");
    world
        .has_user("old", &[(ScramMechanism::Sha512, 4096)])
        .has_quota("user=old", &[(QuotaKey::ProducerByteRate, 1.0)]);
    world.prune();
    let plan = world.plan();
    assert!(plan.actions.iter().all(|action| action.action != super::types::ActionKind::Delete), "{}", summary(&plan));
}

#[test]
fn an_empty_desired_state_is_refused() {
    assert_snapshot!(check_owned(|world| { world.desired.topics.clear(); world.prune(); }), @"
    held change removed-from-git irreversible topic/orders/delete config.min.insync.replicas:2→unset config.retention.ms:86400000→unset partitions:6→unset replicationFactor:3→unset
    finding desired-state-empty
    ");
}

#[test]
fn another_cluster_is_refused_until_it_is_named() {
    assert_snapshot!(check_owned(|world| { world.observed.cluster.id = "cluster-b".into(); }), @"
    adopted topic/orders
    finding cluster-id-differs
    ");
    assert_snapshot!(check_owned(|world| {
        world.observed.cluster.id = "cluster-b".into();
        world.options.accepted_cluster = Some("cluster-b".into());
    }), @"adopted topic/orders");
}

#[test]
fn what_cannot_be_read_is_unknown_and_nothing_is_planned_for_it() {
    assert_snapshot!(check(|world| {
        world.want_topic("secret", 1, 3, &[]).want_acl("acl/User:alice/allow/Read/topic/literal/orders/*");
        world.observed.unknown_topics.insert(topic_name("secret"), "TOPIC_AUTHORIZATION_FAILED".into());
        world.observed.acls = Knowledge::Unknown("CLUSTER_AUTHORIZATION_FAILED".into());
    }), @"
    unknown acl: CLUSTER_AUTHORIZATION_FAILED
    unknown topic/secret: TOPIC_AUTHORIZATION_FAILED
    ");
}

#[test]
fn a_paused_topic_is_listed_and_an_unmanaged_one_is_left_out() {
    let set = |world: &mut World, management| {
        world.desired.topics.get_mut(&topic_name("orders")).expect("there").management = management;
        world.topic("orders").overrides.insert("retention.ms".into(), Some("1".into()));
    };
    assert_snapshot!(check_owned(|world| set(world, Management::Paused)), @"paused topic/orders");
    assert_eq!(check_owned(|world| set(world, Management::Unmanaged)), "");
}

const READ: &str = "acl/User:alice/allow/Read/topic/literal/orders/*";
const WRITE: &str = "acl/User:alice/allow/Write/topic/literal/orders/*";

#[test]
fn a_binding_added_by_hand_is_drift_and_one_that_left_git_is_a_change() {
    let mut world = World::new();
    world.want_acl(READ).want_acl(WRITE);
    world.apply();
    world
        .has_acl("acl/User:alice/allow/Delete/topic/literal/orders/*")
        .has_acl("acl/User:bob/allow/Read/topic/literal/orders/*");
    world.desired.acls.remove(&acl(WRITE));
    assert_snapshot!(summary(&world.plan()), @"
    planned drift not-in-git high acl/User:alice/allow/Delete/topic/literal/orders/*/delete
    planned change removed-from-git high acl/User:alice/allow/Write/topic/literal/orders/*/delete
    unmanaged acl/User:bob/allow/Read/topic/literal/orders/*
    ");
}

#[test]
fn nothing_is_taken_from_a_paused_principal() {
    let mut world = World::new();
    world.want_acl(READ).want_acl(WRITE);
    world.apply();
    world.desired.acls.remove(&acl(WRITE));
    for declared in world.desired.acls.values_mut() {
        declared.management = Management::Paused;
    }
    world.desired.acl_principals.clear();
    world.prune();
    assert_snapshot!(summary(&world.plan()), @"paused acl/User:alice/allow/Write/topic/literal/orders/*");
}

#[test]
fn a_scope_without_keys_and_an_entity_without_limits_are_nothing_to_do() {
    assert_eq!(
        check(|world| {
            world.want_broker_config("default", &[]).want_quota("user=a", &[]).want_topic("t", 1, 3, &[]).has_topic(
                "t",
                1,
                3,
                &[],
            );
        }),
        "adopted topic/t"
    );
}

#[test]
fn the_last_access_of_a_principal_is_held() {
    let mut world = World::new();
    world.want_acl(READ);
    world.apply();
    world.desired.acls.clear();
    world.want_topic("orders", 1, 3, &[]);
    assert_snapshot!(summary(&world.plan()), @"
    planned change not-in-cluster none topic/orders/create partitions:unset→1 replicationFactor:unset→3
    held change removed-from-git irreversible acl/User:alice/allow/Read/topic/literal/orders/*/delete
    ");
}

#[test]
fn extra_bindings_of_an_adopted_principal_are_revoked_as_adoption() {
    assert_snapshot!(check(|world| { world.want_acl(READ).has_acl(READ).has_acl(WRITE); }), @"
    planned adopt not-in-git high acl/User:alice/allow/Write/topic/literal/orders/*/delete
    adopted acl/User:alice/allow/Read/topic/literal/orders/*
    ");
}

#[test]
fn driftless_does_not_take_its_own_access() {
    let own = |world: &mut World| {
        world.observed.cluster.own_principal = Some(Principal::user("alice"));
        world.want_acl(READ).has_acl(READ).has_acl(WRITE);
        world
            .want_user("alice", &[(ScramMechanism::Sha512, 8192)])
            .has_user("alice", &[(ScramMechanism::Sha512, 4096)]);
    };
    assert_snapshot!(check(own), @"
    blocked adopt not-in-git high acl/User:alice/allow/Write/topic/literal/orders/*/delete
    adopted acl/User:alice/allow/Read/topic/literal/orders/*
    finding own-credential-not-written
    ");
    assert_snapshot!(check(|world| {
        own(world);
        for broker in world.observed.cluster.brokers.values_mut() {
            broker.configs.insert("super.users".into(), "User:ANONYMOUS;User:alice".into());
        }
    }), @"
    planned adopt not-in-git high acl/User:alice/allow/Write/topic/literal/orders/*/delete
    adopted acl/User:alice/allow/Read/topic/literal/orders/*
    finding own-credential-not-written
    ");
}

#[test]
fn users_are_compared_by_mechanism_and_iterations() {
    let mut world = World::new();
    world.want_user("alice", &[(ScramMechanism::Sha512, 4096)]).password(
        "alice",
        ScramMechanism::Sha512,
        PasswordState::NotRemembered,
    );
    assert_snapshot!(summary(&world.apply()), @"planned change not-in-cluster none user/alice/create scram.SCRAM-SHA-512.iterations:unset→4096 password:unset→(secret)");
    assert_eq!(summary(&world.plan()), "");
    world.password("alice", ScramMechanism::Sha512, PasswordState::NotCompared);
    assert_snapshot!(summary(&world.plan()), @"not-compared user/alice");
    world.password("alice", ScramMechanism::Sha512, PasswordState::Changed);
    assert_snapshot!(summary(&world.plan()), @"planned change password-changed high user/alice/update scram.SCRAM-SHA-512.iterations:4096→4096 password:(secret)→(secret)");
    world.password("alice", ScramMechanism::Sha512, PasswordState::Missing("no secret `alice`".into()));
    world.has_user("alice", &[(ScramMechanism::Sha512, 8192)]);
    assert_snapshot!(summary(&world.plan()), @"blocked drift credential-differs high user/alice/update scram.SCRAM-SHA-512.iterations:8192→4096 password:(secret)→(secret)");
    world.password("alice", ScramMechanism::Sha512, PasswordState::Verified);
    world.has_user("alice", &[(ScramMechanism::Sha512, 4096), (ScramMechanism::Sha256, 4096)]);
    assert_snapshot!(summary(&world.plan()), @"held drift credential-differs irreversible user/alice/update scram.SCRAM-SHA-256.iterations:4096→unset");
}

#[test]
fn quotas_are_authoritative_for_their_entity() {
    let mut world = World::new();
    world.want_quota("user=etl", &[(QuotaKey::ProducerByteRate, 1_048_576.0), (QuotaKey::RequestPercentage, 50.0)]);
    assert_snapshot!(summary(&world.apply()), @"planned change not-in-cluster low quota/user=etl/create producer_byte_rate:unset→1048576 request_percentage:unset→50");
    world.has_quota("user=etl", &[(QuotaKey::ProducerByteRate, 1_048_576.0), (QuotaKey::ConsumerByteRate, 5.0)]);
    world.has_quota("ip=<default>", &[(QuotaKey::ConnectionCreationRate, 5.0)]);
    assert_snapshot!(summary(&world.plan()), @"
    planned drift quota-differs low quota/user=etl/update consumer_byte_rate:5→unset request_percentage:unset→50
    unmanaged quota/ip=<default>
    ");
}

#[test]
fn of_broker_configs_only_declared_keys_are_ours() {
    let mut world = World::new();
    world.has_broker_config("default", &[("min.insync.replicas", "1"), ("log.cleaner.threads", "1")]);
    world.want_broker_config("default", &[("log.cleaner.threads", "2"), ("message.max.bytes", "1048588")]);
    assert_snapshot!(summary(&world.apply()), @"
    planned adopt config-differs high broker-config/default/update config.log.cleaner.threads:1→2 config.message.max.bytes:unset→1048588
    finding broker-config-not-in-git
    ");
    world.want_broker_config("default", &[("log.cleaner.threads", "2")]);
    assert_snapshot!(summary(&world.plan()), @"
    planned change config-differs high broker-config/default/update config.message.max.bytes:1048588→unset
    finding broker-config-not-in-git
    ");
    world.want_broker_config(
        "default",
        &[("log.cleaner.threads", "2"), ("message.max.bytes", "1048588"), ("log.retention.ms", "1000")],
    );
    assert_snapshot!(summary(&world.plan()), @"
    held change config-differs irreversible broker-config/default/update config.log.retention.ms:unset→1000
    finding broker-config-not-in-git
    ");
}

#[test]
fn the_id_is_of_the_content_and_not_of_the_place() {
    let mut world = World::new();
    world.want_topic("orders", 6, 3, &[]);
    let plan = world.plan();
    assert_eq!(plan.id, content_id(&plan));
    let mut moved = plan.clone();
    moved.source.revision = Some("abc".into());
    moved.actions[0].location = None;
    assert_eq!(content_id(&moved), plan.id);
    moved.actions[0].fields.pop();
    assert_ne!(content_id(&moved), plan.id);
}

#[test]
fn broken_preconditions_are_named() {
    let mut world = World::new();
    world.want_topic("orders", 6, 3, &[("retention.ms", "90000000")]).has_topic(
        "orders",
        6,
        3,
        &[("retention.ms", "80000000")],
    );
    world.want_topic("new", 1, 3, &[]);
    let plan = world.plan();
    assert_eq!(broken_preconditions(&plan, &world.observed), Vec::<String>::new());
    world.topic("orders").overrides.insert("retention.ms".into(), Some("1".into()));
    world.has_topic("new", 1, 3, &[]);
    assert_eq!(
        broken_preconditions(&plan, &world.observed),
        ["`config.retention.ms` of `topic/orders` is another than when the plan was made", "`topic/new` exists by now"]
    );
    world.observed.cluster.id = "cluster-b".into();
    assert_eq!(broken_preconditions(&plan, &world.observed).len(), 1);
}
