//! Properties of the planner over generated worlds.

use proptest::prelude::*;

use crate::domain::user::ScramMechanism;

use super::testing::{World, acl, topic_name};
use super::types::{ActionKind, Status};

const NAMES: [&str; 4] = ["orders", "events", "logs", "audit"];
const ACLS: [&str; 4] = [
    "acl/User:alice/allow/Read/topic/literal/orders/*",
    "acl/User:alice/allow/Write/topic/prefixed/ev/*",
    "acl/User:bob/deny/Delete/topic/literal/*/*",
    "acl/User:bob/allow/All/group/literal/g/10.0.0.1",
];
const RETENTION: [&str; 3] = ["-1", "3600000", "604800000"];

#[derive(Debug, Clone)]
struct Side {
    topics: Vec<Option<(i32, i16, usize)>>,
    acls: Vec<bool>,
    user: Option<i32>,
}

fn side() -> impl Strategy<Value = Side> {
    let topic = proptest::option::of((1..4i32, 1..4i16, 0..RETENTION.len() + 1));
    (
        proptest::collection::vec(topic, NAMES.len()),
        proptest::collection::vec(any::<bool>(), ACLS.len()),
        proptest::option::of(prop_oneof![Just(4096), Just(8192)]),
    )
        .prop_map(|(topics, acls, user)| Side { topics, acls, user })
}

fn pairs(retention: usize) -> Vec<(&'static str, &'static str)> {
    RETENTION.get(retention).map(|value| ("retention.ms", *value)).into_iter().collect()
}

fn want(world: &mut World, side: &Side, reverse: bool) {
    world.desired.topics.clear();
    world.desired.acls.clear();
    world.desired.acl_principals.clear();
    world.desired.users.clear();
    // One that always stays, so that the state is never empty.
    world.want_topic("anchor", 1, 3, &[]);
    let mut topics: Vec<_> = NAMES.iter().zip(&side.topics).collect();
    let mut acls: Vec<_> = ACLS.iter().zip(&side.acls).collect();
    if reverse {
        topics.reverse();
        acls.reverse();
    }
    for (name, topic) in topics {
        if let Some((partitions, factor, retention)) = topic {
            world.want_topic(name, *partitions, *factor, &pairs(*retention));
        }
    }
    for (id, wanted) in acls {
        if *wanted {
            world.want_acl(id);
        }
    }
    if let Some(iterations) = side.user {
        world.want_user("alice", &[(ScramMechanism::Sha512, iterations)]);
    }
    for topic in world.desired.topics.values_mut() {
        topic.location.line = 1;
    }
}

fn have(world: &mut World, side: &Side) {
    for (name, topic) in NAMES.iter().zip(&side.topics) {
        match topic {
            Some((partitions, factor, retention)) => {
                world.has_topic(name, *partitions, *factor, &pairs(*retention));
            }
            None => {
                world.observed.topics.remove(&topic_name(name));
            }
        }
    }
    for (id, there) in ACLS.iter().zip(&side.acls) {
        if *there {
            world.has_acl(id);
        }
    }
    if let Some(iterations) = side.user {
        world.has_user("alice", &[(ScramMechanism::Sha512, iterations)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// After an apply, nothing that could be done is planned again: what is left is held or blocked.
    #[test]
    fn a_second_plan_after_applying_plans_nothing(before in side(), wanted in side(), found in side()) {
        let mut world = World::new();
        want(&mut world, &before, false);
        world.apply();
        have(&mut world, &found);
        want(&mut world, &wanted, false);
        world.prune();
        world.options.max_deletions = 100;
        world.apply();
        let second = world.plan();
        let planned: Vec<_> = second.actions.iter().filter(|action| action.status == Status::Planned).collect();
        prop_assert!(planned.is_empty(), "{planned:?}");
        prop_assert!(second.adopted.is_empty(), "{:?}", second.adopted);
    }

    /// The order in which manifests are read does not change a byte.
    #[test]
    fn the_order_of_the_input_does_not_change_the_bytes(wanted in side(), found in side()) {
        let bytes = |reverse: bool| {
            let mut world = World::new();
            have(&mut world, &found);
            want(&mut world, &wanted, reverse);
            serde_json::to_vec(&world.plan()).expect("plans are JSON")
        };
        prop_assert_eq!(bytes(false), bytes(true));
    }

    /// Whole resources are deleted only when they are ours, left git, and prune is on.
    #[test]
    fn nothing_is_deleted_without_inventory_and_prune(before in side(), wanted in side(), found in side(), prune in any::<bool>()) {
        let mut world = World::new();
        want(&mut world, &before, false);
        world.apply();
        have(&mut world, &found);
        want(&mut world, &wanted, false);
        if prune {
            world.prune();
        }
        for action in world.plan().actions.iter().filter(|action| action.action == ActionKind::Delete) {
            let resource = action.resource().expect("ids are resources");
            if action.pruned {
                prop_assert!(prune && world.inventory.resources.contains_key(&resource), "{}", action.id);
            } else {
                // The rest are bindings of principals whose ACLs git declares.
                let declared = ACLS.iter().any(|id| action.id.starts_with(id))
                    && world.desired.acl_principals.contains_key(&acl(action.id.trim_end_matches("/delete")).principal);
                prop_assert!(declared, "{}", action.id);
            }
        }
    }

    /// No planned action takes partitions away or changes a replication factor.
    #[test]
    fn partitions_never_shrink(wanted in side(), found in side()) {
        let mut world = World::new();
        have(&mut world, &found);
        want(&mut world, &wanted, false);
        for action in world.plan().actions.iter().filter(|action| action.action == ActionKind::Update) {
            for field in &action.fields {
                let number = |value: &Option<super::types::FieldValue>| {
                    value.as_ref().and_then(|value| value.text()).and_then(|text| text.parse::<i64>().ok())
                };
                let (have, wish) = (number(&field.observed), number(&field.desired));
                let shrinks = field.path == "partitions" && wish < have;
                if shrinks || field.path == "replicationFactor" {
                    prop_assert_eq!(action.status, Status::Blocked);
                }
            }
        }
    }
}
