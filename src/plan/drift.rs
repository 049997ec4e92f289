//! Holds what would undo a change of the cluster: where the settings say that drift is only reported, where it was not seen
//! often enough, and where somebody else keeps changing it back.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::acl::AclPermission;
use crate::domain::names::Principal;
use crate::domain::resource::ResourceId;

use super::draft::Draft;
use super::input::{DriftCorrection, DriftWatch, PlanOptions};
use super::types::{Action, ActionKind, Hold, Origin, Status};

const ADOPTION_NOTE: &str = "it was there before it was ours, and taking away what git does not have is drift correction (`apply.correctDrift` is false)";
const NOTE: &str = "drift is reported and not corrected (`apply.correctDrift` is false)";
const UNCONFIRMED_NOTE: &str =
    "it was not seen in enough checks in a row yet (`drift.confirmations`); the next one comes soon";
const CONTESTED_NOTE: &str =
    "somebody changes it back again and again, so it is left alone until it was quiet for an hour or git changes it";

/// Holds drift and conflicts. Stands before everything that counts grants: a grant that is held gives nothing.
pub(super) fn hold(options: &PlanOptions, draft: &mut Draft) {
    let needed = needed_at_once(draft);
    for action in &mut draft.actions {
        // What git moved waits for nobody, so conflicts neither need to be seen twice nor are left alone.
        if action.origin == Origin::Drift && !needed.contains(&action.id) {
            hold_impatient(&options.watch, action);
        }
        match options.drift {
            DriftCorrection::Correct => {}
            DriftCorrection::Hold if moved(action.origin) => hold_action(action, Hold::DriftNotCorrected, NOTE),
            DriftCorrection::Hold if action.origin == Origin::Adopt && takes_away(action) => {
                hold_action(action, Hold::DriftNotCorrected, ADOPTION_NOTE);
            }
            DriftCorrection::Hold => {}
        }
    }
    hold_revokes_beside_held_grants(draft);
}

/// Holds a drift that was not seen often enough, or that somebody else wants as it is.
fn hold_impatient(watch: &DriftWatch, action: &mut Action) {
    let Some(id) = action.resource() else { return };
    if watch.contested.contains(&id) {
        hold_action(action, Hold::Contested, CONTESTED_NOTE);
    } else if !watch.is_confirmed(&id) {
        hold_action(action, Hold::DriftUnconfirmed, UNCONFIRMED_NOTE);
    }
}

/// Returns the grants that are missing on the cluster while git takes others from the same principal: waiting for them
/// would delay what git says, and giving a grant that is there after all changes nothing.
fn needed_at_once(draft: &Draft) -> BTreeSet<String> {
    let taken: BTreeSet<Principal> = draft
        .actions
        .iter()
        .filter(|action| action.action == ActionKind::Delete && action.origin == Origin::Change)
        .filter_map(granted_to)
        .collect();
    let missing = draft.actions.iter().filter(|action| action.action == ActionKind::Create);
    missing
        .filter(|action| granted_to(action).is_some_and(|principal| taken.contains(&principal)))
        .map(|action| action.id.clone())
        .collect()
}

/// Returns the principal that an action about an allowing binding is about.
fn granted_to(action: &Action) -> Option<Principal> {
    match action.resource() {
        Some(ResourceId::Acl(binding)) if binding.permission == AclPermission::Allow => Some(binding.principal),
        Some(_) | None => None,
    }
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

fn hold_action(action: &mut Action, hold: Hold, note: &str) {
    if action.status == Status::Planned {
        action.status = Status::Held;
        action.hold = Some(hold);
        action.note = Some(note.to_owned());
    }
}

/// A grant that git has and somebody deleted is not given back; taking others from the same principal would leave it with
/// less than git ever said.
fn hold_revokes_beside_held_grants(draft: &mut Draft) {
    let waiting: BTreeMap<Principal, Hold> = draft
        .actions
        .iter()
        .filter(|action| action.action == ActionKind::Create && action.status == Status::Held)
        .filter_map(|action| Some((granted_to(action)?, action.hold?)))
        .collect();
    for action in draft.actions.iter_mut().filter(|action| action.action == ActionKind::Delete) {
        if let Some((principal, hold)) = granted_to(action).and_then(|principal| waiting.get_key_value(&principal)) {
            let note = format!("a grant of `{principal}` is held as drift, and nothing is taken from it before");
            hold_action(action, *hold, &note);
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
