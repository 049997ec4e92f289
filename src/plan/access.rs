//! Nobody loses the last access by accident, and driftless not its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::acl::{AclBinding, AclPermission, AclResourceType};
use crate::domain::diagnostic::Severity;
use crate::domain::names::Principal;
use crate::domain::observed::ObservedState;
use crate::domain::resource::{ResourceId, ResourceKind};

use super::assess::block;
use super::draft::{Draft, finding};
use super::input::PlanInput;
use super::types::{Action, ActionKind, Finding, Origin, Risk, Status};

/// Holds the revokes that together take a principal's last access away.
pub(super) fn hold_last(input: PlanInput<'_>, draft: &mut Draft) {
    let Some(observed) = input.observed.acls.known() else { return };
    let mut revoked: BTreeMap<Principal, usize> = BTreeMap::new();
    let mut granted: BTreeSet<Principal> = BTreeSet::new();
    // What is held neither gives nor takes.
    let planned = |action: &&Action| action.kind == ResourceKind::Acl && action.status == Status::Planned;
    for action in draft.actions.iter().filter(planned) {
        let Some(ResourceId::Acl(binding)) = action.resource() else { continue };
        if binding.permission == AclPermission::Deny {
            continue;
        }
        match action.action {
            ActionKind::Delete => *revoked.entry(binding.principal).or_default() += 1,
            ActionKind::Create | ActionKind::Update => {
                granted.insert(binding.principal);
            }
        }
    }
    if revoked.is_empty() {
        return;
    }
    let mut had: BTreeMap<&Principal, usize> = BTreeMap::new();
    for binding in observed.iter().filter(|binding| binding.permission == AclPermission::Allow) {
        *had.entry(&binding.principal).or_default() += 1;
    }
    let loses_all = |principal: &Principal| {
        !granted.contains(principal) && revoked.get(principal) == had.get(principal) && revoked.contains_key(principal)
    };
    for action in draft.actions.iter_mut().filter(|action| action.kind == ResourceKind::Acl) {
        let Some(ResourceId::Acl(binding)) = action.resource() else { continue };
        if action.status == Status::Planned
            && action.action == ActionKind::Delete
            && binding.permission == AclPermission::Allow
            && loses_all(&binding.principal)
        {
            action.risk = Risk::Irreversible;
            action.note = Some(format!("takes the last access of `{}` away", binding.principal));
        }
    }
}

/// Blocks what would lock driftless itself out: its own credential and its own grants.
pub(super) fn protect_own(input: PlanInput<'_>, draft: &mut Draft) {
    let Some(own) = &input.observed.cluster.own_principal else { return };
    let super_user = is_super_user(input.observed, own);
    let mut kept = Vec::with_capacity(draft.actions.len());
    for mut action in std::mem::take(&mut draft.actions) {
        match action.resource() {
            Some(ResourceId::User(name))
                if own.user_name() == Some(name.as_str()) && action.action != ActionKind::Create =>
            {
                draft.findings.push(own_credential(&action));
                continue;
            }
            Some(ResourceId::Acl(binding)) if !super_user && takes_from(&binding, &action, own) => {
                block(
                    &mut action,
                    format!("driftless itself is `{own}` and needs this to work; change it with another principal"),
                );
            }
            Some(_) | None => {}
        }
        kept.push(action);
    }
    draft.actions = kept;
}

fn takes_from(binding: &AclBinding, action: &Action, own: &Principal) -> bool {
    let concerns = binding.principal == *own || binding.principal.as_str() == "User:*";
    let needed =
        matches!(binding.resource_type, AclResourceType::Topic | AclResourceType::Cluster | AclResourceType::Group);
    let takes = match action.action {
        ActionKind::Delete => binding.permission == AclPermission::Allow,
        ActionKind::Create | ActionKind::Update => binding.permission == AclPermission::Deny,
    };
    concerns && needed && takes
}

/// Says whether every broker that told its `super.users` lists the principal.
fn is_super_user(observed: &ObservedState, principal: &Principal) -> bool {
    let lists: Vec<&String> =
        observed.cluster.brokers.values().filter_map(|broker| broker.configs.get("super.users")).collect();
    !lists.is_empty() && lists.iter().all(|list| list.split(';').any(|user| user.trim() == principal.as_str()))
}

fn own_credential(action: &Action) -> Finding {
    let why = match action.origin {
        Origin::Adopt => "whether git has the password in use is not known",
        Origin::Change | Origin::Drift | Origin::Conflict => "git wants another",
    };
    Finding {
        location: action.location.clone(),
        resource: Some(format!("{}/{}", action.kind, action.name)),
        ..finding(
            "own-credential-not-written",
            Severity::Warn,
            None,
            format!("driftless logs in as `{}`, so it never rewrites this credential, and {why}", action.name),
            "Change the credential and driftless' own settings together, with another principal; or log in as another user. \
             `strimzi.io/pause-reconciliation: \"true\"` on the user says that others look after it.",
        )
    }
}
