//! Holds what would undo a change of the cluster, where the settings say that drift is only reported.

use std::collections::BTreeSet;

use crate::domain::acl::AclPermission;
use crate::domain::names::Principal;
use crate::domain::resource::ResourceId;

use super::draft::Draft;
use super::input::{DriftCorrection, PlanOptions};
use super::types::{Action, ActionKind, Hold, Origin, Status};

const NOTE: &str = "drift is reported and not corrected (`apply.correctDrift` is false)";

/// Holds drift and conflicts. Stands before everything that counts grants: a grant that is held gives nothing.
pub(super) fn hold(options: &PlanOptions, draft: &mut Draft) {
    match options.drift {
        DriftCorrection::Correct => return,
        DriftCorrection::Hold => {}
    }
    for action in draft.actions.iter_mut().filter(|action| moved(action.origin)) {
        hold_action(action, NOTE.to_owned());
    }
    hold_revokes_beside_held_grants(draft);
}

fn moved(origin: Origin) -> bool {
    match origin {
        Origin::Drift | Origin::Conflict => true,
        Origin::Change | Origin::Adopt => false,
    }
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
