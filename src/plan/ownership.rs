//! What stands on the cluster or in the inventory and not in git: ours to remove, or nobody's to touch.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::desired::{DesiredState, Management};
use crate::domain::diagnostic::Severity;
use crate::domain::inventory::{Inventory, LastApplied};
use crate::domain::names::Principal;
use crate::domain::resource::{ResourceId, ResourceKind};

use super::along::Along;
use super::assess;
use super::draft::{Draft, finding, new_action};
use super::fields::{self, Fields, Seen};
use super::input::{PlanInput, Prune};
use super::types::{
    Action, ActionKind, EMPTY, FieldChange, FieldValue, Finding, OTHER_CLUSTER, Origin, Reason, Unknown,
};

/// Returns the inventory when it was made for this cluster. Otherwise nothing here is ours, and the plan is refused
/// until somebody names the cluster.
pub(super) fn inventory_of_this_cluster<'a>(input: PlanInput<'a>, draft: &mut Draft) -> Cow<'a, Inventory> {
    let here = &input.observed.cluster.id;
    if let Some(accepted) = &input.options.accepted_cluster
        && accepted != here
    {
        draft.findings.push(finding(
            OTHER_CLUSTER,
            Severity::Deny,
            None,
            format!("the cluster's id is `{here}`, and the settings say `{accepted}`"),
            "Check which cluster the settings point at.",
        ));
    }
    match &input.inventory.cluster_id {
        Some(made_for) if made_for != here => {
            if input.options.accepted_cluster.as_ref() != Some(here) {
                draft.findings.push(finding(
                    OTHER_CLUSTER,
                    Severity::Deny,
                    None,
                    format!(
                        "the inventory of `{}` was made for the cluster `{made_for}`, and this is the cluster `{here}`",
                        input.desired.environment
                    ),
                    &format!("Check which cluster the settings point at. If the cluster was replaced, add `--cluster-id {here}`."),
                ));
            }
            Cow::Owned(Inventory::default())
        }
        Some(_) | None => Cow::Borrowed(input.inventory),
    }
}

/// Refuses a plan from a repository that lost everything, or most of it: a moved directory, a bad merge.
pub(super) fn refuse_vanished_repository(input: PlanInput<'_>, draft: &mut Draft) {
    const FEW: usize = 10;
    let wanted = input.desired.len();
    let owned = input.inventory.resources.len();
    if wanted == 0 {
        draft.findings.push(finding(
            EMPTY,
            Severity::Deny,
            None,
            format!("git declares nothing for `{}`, and {owned} resources are owned there", input.desired.environment),
            "Check the `layers` of the environment in driftless.yaml. Nothing is ever applied from an empty state.",
        ));
        return;
    }
    if input.options.prune != Prune::OwnedOnly || owned < FEW {
        return;
    }
    let kept = input.inventory.resources.keys().filter(|id| input.desired.declares(id)).count();
    if kept * 2 < owned {
        draft.findings.push(finding(
            "desired-state-shrunk",
            Severity::Deny,
            None,
            format!(
                "git declares only {kept} of the {owned} resources that are owned in `{}`",
                input.desired.environment
            ),
            "Check the `layers` of the environment in driftless.yaml. To remove this much, do it in several steps.",
        ));
    }
}

/// Notes that an owned topic was deleted and made again behind git's back: its records are gone.
pub(super) fn note_recreated_topic(
    input: PlanInput<'_>,
    id: &ResourceId,
    last: Option<&LastApplied>,
    draft: &mut Draft,
) {
    if was_recreated(input, id, last) {
        draft.findings.push(Finding {
            location: input.desired.location(id).cloned(),
            ..finding(
                "topic-recreated",
                Severity::Warn,
                Some(id),
                format!("`{id}` was deleted and made again since the last apply: the records from before are gone"),
                "Find out who did it. The next apply takes the new topic into the inventory.",
            )
        });
    }
}

fn was_recreated(input: PlanInput<'_>, id: &ResourceId, last: Option<&LastApplied>) -> bool {
    let ResourceId::Topic(name) = id else { return false };
    let now = input.observed.topics.get(name).and_then(|topic| topic.id);
    matches!((last.and_then(|last| last.topic_id), now), (Some(last), Some(now)) if last != now)
}

/// Goes through everything that git does not declare.
pub(super) fn undeclared(input: PlanInput<'_>, draft: &mut Draft) {
    let wholes = OwnedWholes::of(input.inventory);
    let paused = paused_principals(input.desired);
    for id in candidates(input) {
        let found = match fields::observed_fields(input.observed, &id) {
            Seen::Present(found) => found,
            Seen::Absent => continue,
            Seen::Unknown(reason) => {
                if input.inventory.resources.contains_key(&id) {
                    draft.unknown.insert(Unknown { resource: id.to_string(), reason });
                }
                continue;
            }
        };
        match standing(input, &id) {
            Standing::Ignored => {}
            Standing::Unmanaged => {
                draft.unmanaged.insert(id);
            }
            Standing::Extra | Standing::Orphan if matches!(&id, ResourceId::Acl(binding) if paused.contains(&binding.principal)) =>
            {
                draft.paused.insert(id);
            }
            Standing::Extra => draft.actions.push(removal(input, &wholes, &id, &found, Reason::NotInGit)),
            Standing::Orphan => match input.options.prune {
                Prune::Never => {
                    draft.unpruned.insert(id);
                }
                Prune::OwnedOnly => {
                    let pruned = true;
                    draft
                        .actions
                        .push(Action { pruned, ..removal(input, &wholes, &id, &found, Reason::RemovedFromGit) });
                }
            },
        }
    }
    note_foreign_broker_configs(input, draft);
}

/// The principals of which some manifest is paused: nothing is taken from them.
fn paused_principals(desired: &DesiredState) -> BTreeSet<&Principal> {
    let paused = desired.acls.iter().filter(|(_, declared)| declared.management == Management::Paused);
    paused.map(|(binding, _)| &binding.principal).collect()
}

/// What an undeclared resource is to us.
enum Standing {
    /// Internal, or on the ignore list, or declared as unmanaged.
    Ignored,
    /// Not ours.
    Unmanaged,
    /// Part of something that git declares as a whole, such as a binding of a principal whose ACLs are in git.
    Extra,
    /// Ours, and it left git as a whole.
    Orphan,
}

fn standing(input: PlanInput<'_>, id: &ResourceId) -> Standing {
    let last = input.inventory.resources.get(id);
    let owned = last.is_some();
    match id {
        ResourceId::Topic(name) => {
            let internal = input.observed.topics.get(name).is_some_and(|topic| topic.internal);
            if internal || input.desired.ignore.ignores_topic(name) {
                Standing::Ignored
            } else if owned && !was_recreated(input, id, last) {
                Standing::Orphan
            } else {
                // Made again by somebody else under the same name: not the topic that was ours.
                Standing::Unmanaged
            }
        }
        ResourceId::Acl(binding) => {
            if input.desired.acl_principals.contains_key(&binding.principal) {
                Standing::Extra
            } else if owned {
                Standing::Orphan
            } else {
                Standing::Unmanaged
            }
        }
        ResourceId::RuleGroup(group) => {
            let declared = input.desired.rule_groups.keys().any(|other| other.namespace == group.namespace);
            if declared {
                Standing::Extra
            } else if owned {
                Standing::Orphan
            } else {
                Standing::Unmanaged
            }
        }
        ResourceId::User(_) | ResourceId::Quota(_) | ResourceId::BrokerConfig(_) => {
            if owned {
                Standing::Orphan
            } else {
                Standing::Unmanaged
            }
        }
    }
}

fn candidates(input: PlanInput<'_>) -> BTreeSet<ResourceId> {
    let (desired, observed) = (input.desired, input.observed);
    let mut ids = BTreeSet::new();
    ids.extend(missing(observed.topics.keys(), desired.topics.keys()).cloned().map(ResourceId::Topic));
    if let Some(users) = observed.users.known() {
        ids.extend(missing(users.keys(), desired.users.keys()).cloned().map(ResourceId::User));
    }
    if let Some(acls) = observed.acls.known() {
        ids.extend(missing(acls.iter(), desired.acls.keys()).cloned().map(ResourceId::Acl));
    }
    if let Some(quotas) = observed.quotas.known() {
        ids.extend(missing(quotas.keys(), desired.quotas.keys()).cloned().map(ResourceId::Quota));
    }
    let scopes = missing(observed.broker_configs.keys(), desired.broker_configs.keys());
    ids.extend(scopes.copied().map(ResourceId::BrokerConfig));
    if let Some(groups) = observed.rule_groups.known() {
        ids.extend(missing(groups.keys(), desired.rule_groups.keys()).cloned().map(ResourceId::RuleGroup));
    }
    let owned = input.inventory.resources.keys();
    let owned_acls =
        owned.clone().filter_map(|id| if let ResourceId::Acl(binding) = id { Some(binding) } else { None });
    ids.extend(missing(owned_acls, desired.acls.keys()).cloned().map(ResourceId::Acl));
    ids.extend(owned.filter(|id| id.kind() != ResourceKind::Acl && !desired.declares(id)).cloned());
    ids
}

/// Returns the keys of one map that another lacks. Both are in order, so one walk along both finds them.
fn missing<'k, K: Ord + 'k>(
    keys: impl Iterator<Item = &'k K>,
    others: impl Iterator<Item = &'k K>,
) -> impl Iterator<Item = &'k K> {
    let mut others = Along::of(others);
    keys.filter(move |key| others.find(*key, |other| *other).is_none())
}

fn removal(input: PlanInput<'_>, wholes: &OwnedWholes<'_>, id: &ResourceId, found: &Fields, reason: Reason) -> Action {
    let last = input.inventory.resources.get(id);
    let changes: Vec<FieldChange> = found
        .iter()
        // Of a broker config, only what we wrote is ours to remove.
        .filter(|(path, _)| {
            id.kind() != ResourceKind::BrokerConfig || last.is_some_and(|last| last.fields.contains_key(*path))
        })
        .map(|(path, value)| FieldChange {
            path: path.clone(),
            applied: last.and_then(|last| last.fields.get(path)).cloned().map(FieldValue::Text),
            observed: Some(value.clone()),
            desired: None,
        })
        .collect();
    let origin = match (reason, last) {
        (Reason::NotInGit, None) if wholes.holds(id) => Origin::Drift,
        (_, None) => Origin::Adopt,
        (_, Some(_)) => Origin::Change,
    };
    let reason = if last.is_some() { Reason::RemovedFromGit } else { reason };
    let mut action = new_action(input, id, ActionKind::Delete, origin, changes);
    action.reason = reason;
    assess::removal(input, id, &mut action);
    action
}

/// The wholes that are ours already: what is extra there was added behind our back.
struct OwnedWholes<'a> {
    principals: BTreeSet<&'a Principal>,
    namespaces: BTreeSet<&'a str>,
}

impl<'a> OwnedWholes<'a> {
    fn of(inventory: &'a Inventory) -> Self {
        let mut wholes = Self { principals: BTreeSet::new(), namespaces: BTreeSet::new() };
        for id in inventory.resources.keys() {
            match id {
                // One after the other: they are in order.
                ResourceId::Acl(binding) if wholes.principals.last() == Some(&&binding.principal) => {}
                ResourceId::Acl(binding) => drop(wholes.principals.insert(&binding.principal)),
                ResourceId::RuleGroup(group) => drop(wholes.namespaces.insert(&group.namespace)),
                ResourceId::Topic(_) | ResourceId::User(_) | ResourceId::Quota(_) | ResourceId::BrokerConfig(_) => {}
            }
        }
        wholes
    }

    fn holds(&self, id: &ResourceId) -> bool {
        match id {
            ResourceId::Acl(binding) => self.principals.contains(&binding.principal),
            ResourceId::RuleGroup(group) => self.namespaces.contains(group.namespace.as_str()),
            ResourceId::Topic(_) | ResourceId::User(_) | ResourceId::Quota(_) | ResourceId::BrokerConfig(_) => false,
        }
    }
}

/// Says which keys of a declared scope are set and in nobody's git: Kafka sets some by itself, so they are only shown.
fn note_foreign_broker_configs(input: PlanInput<'_>, draft: &mut Draft) {
    for (scope, declared) in &input.desired.broker_configs {
        let id = ResourceId::BrokerConfig(*scope);
        let Seen::Present(found) = fields::observed_fields(input.observed, &id) else { continue };
        let last = input.inventory.resources.get(&id);
        let foreign: Vec<&str> = found
            .keys()
            .filter(|path| !last.is_some_and(|last| last.fields.contains_key(*path)))
            .filter_map(|path| fields::config_key(path))
            .filter(|key| !declared.value.contains_key(*key))
            .collect();
        if foreign.is_empty() {
            continue;
        }
        let whose = match scope {
            BrokerConfigScope::Default => "all brokers".to_owned(),
            BrokerConfigScope::Broker(broker) => format!("broker {broker}"),
        };
        draft.findings.push(Finding {
            location: Some(declared.location.clone()),
            ..finding(
                "broker-config-not-in-git",
                Severity::Warn,
                Some(&id),
                format!("{whose}: set on the cluster and not in git: `{}`", foreign.join("`, `")),
                "Add them to the manifest, or remove them with kafka-configs.sh. driftless leaves them alone.",
            )
        });
    }
}
