//! Holds what would undo a change of the cluster, where the settings say that drift is only reported.

use std::collections::BTreeSet;

use crate::domain::acl::AclPermission;
use crate::domain::names::Principal;
use crate::domain::resource::ResourceId;

use super::draft::Draft;
use super::input::{DriftCorrection, PlanOptions};
use super::types::{Action, ActionKind, Hold, Origin, Status};

const ADOPTION_NOTE: &str = "it was there before it was ours, and taking away what git does not have is drift correction (`apply.correctDrift` is false)";
const NOTE: &str = "drift is reported and not corrected (`apply.correctDrift` is false)";

/// Holds drift and conflicts. Stands before everything that counts grants: a grant that is held gives nothing.
pub(super) fn hold(options: &PlanOptions, draft: &mut Draft) {
    match options.drift {
        DriftCorrection::Correct => return,
        DriftCorrection::Hold => {}
    }
    for action in &mut draft.actions {
        if moved(action.origin) {
            hold_action(action, NOTE.to_owned());
        } else if action.origin == Origin::Adopt && takes_away(action) {
            hold_action(action, ADOPTION_NOTE.to_owned());
        }
    }
    hold_revokes_beside_held_grants(draft);
}

fn moved(origin: Origin) -> bool {
    match origin {
        Origin::Drift | Origin::Conflict => true,
        Origin::Change | Origin::Adopt => false,
    }
}

/// Says whether something that the cluster has and git does not would be removed.
fn takes_away(action: &Action) -> bool {
    action.action == ActionKind::Delete
        || action.fields.iter().any(|field| field.desired.is_none() && field.observed.is_some())
}

fn hold_action(action: &mut Action, note: String) {
    if action.status == Status::Planned {
        action.status = Status::Held;
        action.hold = Some(Hold::DriftNotCorrected);
        action.note = Some(note);
    }
}

/// A grant that git has and somebody deleted is not given back; taking others from the same principal would leave it with
/// less than git ever said.
fn hold_revokes_beside_held_grants(draft: &mut Draft) {
    let grant = |action: &Action| match action.resource() {
        Some(ResourceId::Acl(binding)) if binding.permission == AclPermission::Allow => Some(binding.principal),
        Some(_) | None => None,
    };
    let waiting: BTreeSet<Principal> = draft
        .actions
        .iter()
        .filter(|action| action.action == ActionKind::Create && action.status == Status::Held)
        .filter_map(grant)
        .collect();
    for action in draft.actions.iter_mut().filter(|action| action.action == ActionKind::Delete) {
        if let Some(principal) = grant(action).filter(|principal| waiting.contains(principal)) {
            hold_action(
                action,
                format!("a grant of `{principal}` is held as drift, and nothing is taken from it before"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::domain::observed::Knowledge;
    use crate::plan::testing::{World, acl, summary};
    use crate::plan::types::Plan;

    const READ: &str = "acl/User:alice/allow/Read/topic/literal/orders/*";
    const WRITE: &str = "acl/User:alice/allow/Write/topic/literal/orders/*";

    /// Makes the plan with and without correction, after a change of a world that was in sync.
    fn plans(prepare: impl FnOnce(&mut World), change: impl FnOnce(&mut World)) -> [Plan; 2] {
        let mut world = World::new();
        prepare(&mut world);
        world.apply();
        change(&mut world);
        let corrected = world.plan();
        world.options.drift = DriftCorrection::Hold;
        [corrected, world.plan()]
    }

    #[test]
    fn drift_and_conflicts_are_held_and_changes_are_not() {
        let topic = |world: &mut World, name: &str, retention: &str| {
            world.want_topic(name, 6, 3, &[("retention.ms", retention)]);
        };
        let move_by_hand = |world: &mut World, name: &str| {
            world.topic(name).overrides.insert("retention.ms".into(), Some("3600000".into()));
        };
        let [corrected, held] = plans(
            |world| ["both", "cluster", "git"].into_iter().for_each(|name| topic(world, name, "86400000")),
            |world| {
                topic(world, "git", "90000000");
                move_by_hand(world, "cluster");
                topic(world, "both", "90000000");
                move_by_hand(world, "both");
            },
        );
        assert!(corrected.actions.iter().all(|action| action.status == Status::Planned && action.hold.is_none()));
        let of = |plan: &Plan| -> Vec<(String, Status, Option<Hold>)> {
            plan.actions.iter().map(|action| (action.name.clone(), action.status, action.hold)).collect()
        };
        let drift = Some(Hold::DriftNotCorrected);
        assert_eq!(
            of(&held),
            [
                ("both".to_owned(), Status::Held, drift),
                ("cluster".to_owned(), Status::Held, drift),
                ("git".to_owned(), Status::Planned, None)
            ]
        );
        assert_ne!(held.id, corrected.id);
    }

    #[test]
    fn adoption_takes_nothing_away() {
        let [corrected, held] = plans(
            |_| {},
            |world| {
                world.want_acl(READ).has_acl(READ).has_acl(WRITE);
                world.want_topic("more", 3, 3, &[("max.message.bytes", "1")]).has_topic("more", 3, 3, &[]);
                let pairs = [("max.message.bytes", "1"), ("segment.ms", "60000")];
                world.want_topic("less", 3, 3, &pairs[..1]).has_topic("less", 3, 3, &pairs);
            },
        );
        let held_of = |plan: &Plan| -> Vec<String> {
            plan.actions.iter().filter(|action| action.hold.is_some()).map(|action| action.name.clone()).collect()
        };
        assert_eq!((corrected.actions.len(), held_of(&corrected)), (3, Vec::new()));
        assert_eq!(held_of(&held), ["less", WRITE.trim_start_matches("acl/")]);
        assert_eq!(held.actions.len(), 3);
    }

    #[test]
    fn nothing_is_taken_from_a_principal_whose_missing_grant_is_held() {
        let [corrected, held] = plans(
            |world| {
                world.want_acl(READ).want_acl(WRITE);
            },
            |world| {
                world.desired.acls.remove(&acl(WRITE));
                if let Knowledge::Known(acls) = &mut world.observed.acls {
                    acls.remove(&acl(READ));
                }
            },
        );
        assert_snapshot!(summary(&corrected), @r"
        planned drift deleted-in-cluster none acl/User:alice/allow/Read/topic/literal/orders/*/create
        planned change removed-from-git high acl/User:alice/allow/Write/topic/literal/orders/*/delete
        ");
        assert_snapshot!(summary(&held), @r"
        held drift deleted-in-cluster none acl/User:alice/allow/Read/topic/literal/orders/*/create
        held change removed-from-git high acl/User:alice/allow/Write/topic/literal/orders/*/delete
        ");
    }
}
