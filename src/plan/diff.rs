//! The three-way comparison: git now, the cluster now, what we last wrote.

use std::collections::BTreeMap;

use crate::domain::API_VERSION;
use crate::domain::desired::{Declared, DesiredState, Management};
use crate::domain::inventory::LastApplied;
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::domain::topic::THROTTLE_KEYS;

use super::access;
use super::along::Along;
use super::assess;
use super::budget;
use super::draft::{Draft, new_action};
use super::drift;
use super::fields::{self, Fields, Seen};
use super::input::PlanInput;
use super::ownership;
use super::seal;
use super::types::{ActionKind, FieldChange, FieldValue, Origin, Plan, PlanCluster, Preconditions, Summary, Unknown};

/// Makes the plan. Deterministic: the same input gives the same bytes.
pub fn plan(input: PlanInput<'_>) -> Plan {
    let mut draft = Draft::default();
    let inventory = ownership::inventory_of_this_cluster(input, &mut draft);
    let input = PlanInput { inventory: &inventory, ..input };
    let mut owned = Along::of(&input.inventory.resources);
    let mut live = Along::of(input.observed.acls.known().into_iter().flatten());
    for wanted in declared(input.desired) {
        let last = owned.find(&wanted.id, |(id, _)| *id).map(|(_, last)| *last);
        let found = match &wanted.id {
            // Tens of thousands.
            ResourceId::Acl(binding) if input.observed.acls.known().is_some() => {
                live.find(binding, |live| *live).map_or(Seen::Absent, |_| Seen::Present(fields::of_acl(&())))
            }
            id => fields::observed_fields(input.observed, id),
        };
        compare_declared(input, wanted, found, last, &mut draft);
    }
    ownership::undeclared(input, &mut draft);
    ownership::refuse_vanished_repository(input, &mut draft);
    drift::hold(input.options, &mut draft);
    access::hold_last(input, &mut draft);
    access::protect_own(input, &mut draft);
    budget::enforce(input.options, &mut draft);
    budget::approve(input, &mut draft);
    finish(input, draft)
}

fn finish(input: PlanInput<'_>, draft: Draft) -> Plan {
    let mut plan = Plan {
        api_version: API_VERSION.to_owned(),
        kind: "Plan".to_owned(),
        id: String::new(),
        environment: input.desired.environment.clone(),
        cluster: PlanCluster { id: input.observed.cluster.id.clone(), brokers: input.observed.cluster.brokers.len() },
        source: input.source.clone(),
        summary: Summary::default(),
        preconditions: Preconditions::default(),
        actions: draft.actions,
        adopted: draft.adopted.into_iter().collect(),
        paused: draft.paused.into_iter().collect(),
        unpruned: draft.unpruned.into_iter().collect(),
        unmanaged: draft.unmanaged.into_iter().collect(),
        not_compared: draft.not_compared.into_iter().collect(),
        unknown: draft.unknown.into_iter().collect(),
        findings: draft.findings,
    };
    plan.actions.sort_by_cached_key(|action| (action.phase(), action.kind, action.id.clone()));
    plan.preconditions = seal::preconditions(&plan, input.observed);
    seal::seal(&mut plan);
    plan
}

/// A resource that git declares.
struct Wanted {
    id: ResourceId,
    management: Management,
    fields: Fields,
}

/// Everything that git declares, in the order of ids.
fn declared(desired: &DesiredState) -> impl Iterator<Item = Wanted> + '_ {
    fn each<K: Clone, T>(
        declared: &BTreeMap<K, Declared<T>>,
        id: fn(K) -> ResourceId,
        fields: fn(&T) -> Fields,
    ) -> impl Iterator<Item = Wanted> + '_ {
        declared.iter().map(move |(key, declared)| Wanted {
            id: id(key.clone()),
            management: declared.management,
            fields: fields(&declared.value),
        })
    }
    each(&desired.topics, ResourceId::Topic, fields::of_topic)
        .chain(each(&desired.users, ResourceId::User, fields::of_user))
        .chain(each(&desired.acls, ResourceId::Acl, fields::of_acl))
        .chain(each(&desired.quotas, ResourceId::Quota, fields::of_quota))
        .chain(each(&desired.broker_configs, ResourceId::BrokerConfig, fields::of_broker_config))
        .chain(each(&desired.rule_groups, ResourceId::RuleGroup, fields::of_rule_group))
}

fn compare_declared(input: PlanInput<'_>, wanted: Wanted, found: Seen, last: Option<&LastApplied>, draft: &mut Draft) {
    let Wanted { id, management, fields: wanted } = &wanted;
    if *management == Management::Unmanaged {
        return;
    }
    let found = match found {
        Seen::Unknown(reason) => {
            draft.unknown.insert(unknown(id, reason));
            return;
        }
        Seen::Absent => None,
        Seen::Present(fields) => Some(fields),
    };
    if found.is_none() && wanted.is_empty() && matches!(id.kind(), ResourceKind::Quota | ResourceKind::BrokerConfig) {
        // An entity without limits and a scope without keys do not exist in Kafka: there is nothing to make.
        return;
    }
    ownership::note_recreated_topic(input, id, last, draft);
    let changes = match &found {
        None => creation(wanted, last),
        Some(found) => differences(id, wanted, found, last),
    };
    let action = match &found {
        None => ActionKind::Create,
        // The scope of all brokers always exists; declaring its first key makes it.
        Some(_) => ActionKind::Update,
    };
    let agrees = |found: &Fields, draft: &mut Draft| {
        if is_record_stale(input, id, last, wanted, found) {
            draft.adopted.insert(id.clone());
        }
    };
    if let Some(found) = &found
        && changes.is_empty()
        && id.kind() != ResourceKind::User
    {
        // Almost everything, almost always: no action is drafted for it.
        return agrees(found, draft);
    }
    let mut draft_action = new_action(input, id, action, origin(id, last, found.is_some(), &changes), changes);
    assess::passwords(input, id, &mut draft_action, draft);
    if let Some(found) = &found
        && draft_action.fields.is_empty()
    {
        return agrees(found, draft);
    }
    if *management == Management::Paused {
        draft.paused.insert(id.clone());
        return;
    }
    assess::action(input, id, found.as_ref(), &mut draft_action);
    draft.actions.push(draft_action);
}

/// Says whether git and the cluster agree on something that the inventory does not know, or knows otherwise: somebody made
/// both say the same, and the record has to follow.
fn is_record_stale(
    input: PlanInput<'_>,
    id: &ResourceId,
    last: Option<&LastApplied>,
    wanted: &Fields,
    found: &Fields,
) -> bool {
    let Some(last) = last else { return true };
    let recreated = match id {
        ResourceId::Topic(name) => input.observed.topics.get(name).and_then(|topic| topic.id) != last.topic_id,
        ResourceId::User(_)
        | ResourceId::Acl(_)
        | ResourceId::Quota(_)
        | ResourceId::BrokerConfig(_)
        | ResourceId::RuleGroup(_) => false,
    };
    let same = |path: &String, value: &FieldValue| match (last.fields.get(path), value) {
        (Some(recorded), FieldValue::Text(value)) => fields::same_text(id.kind(), path, recorded, value),
        (None, _) | (Some(_), FieldValue::Secret(_)) => false,
    };
    let extra = last.fields.keys().any(|path| !found.contains_key(path));
    recreated || extra || wanted.iter().any(|(path, value)| !same(path, value))
}

fn unknown(id: &ResourceId, reason: String) -> Unknown {
    // What is unknown as a whole is said once, not once for each of 50,000 bindings.
    let resource = match id {
        ResourceId::Topic(_) | ResourceId::BrokerConfig(_) => id.to_string(),
        ResourceId::User(_) | ResourceId::Acl(_) | ResourceId::Quota(_) | ResourceId::RuleGroup(_) => {
            id.kind().to_string()
        }
    };
    Unknown { resource, reason }
}

fn applied(last: Option<&LastApplied>, path: &str) -> Option<FieldValue> {
    last.and_then(|last| last.fields.get(path)).cloned().map(FieldValue::Text)
}

fn creation(wanted: &Fields, last: Option<&LastApplied>) -> Vec<FieldChange> {
    let change = |(path, value): (&String, &FieldValue)| FieldChange {
        path: path.clone(),
        applied: applied(last, path),
        observed: None,
        desired: Some(value.clone()),
    };
    wanted.iter().map(change).collect()
}

fn differences(id: &ResourceId, wanted: &Fields, found: &Fields, last: Option<&LastApplied>) -> Vec<FieldChange> {
    let kind = id.kind();
    let mut changes = Vec::new();
    for path in wanted.keys().chain(found.keys().filter(|path| !wanted.contains_key(*path))) {
        let (want, have) = (wanted.get(path), found.get(path));
        if want.is_none() && !is_ours_to_unset(kind, path, last) {
            continue;
        }
        let same = match (want, have) {
            (Some(want), Some(have)) => fields::same_value(kind, path, want, have),
            (Some(_), None) | (None, Some(_)) => false,
            (None, None) => true,
        };
        if !same {
            let (observed, desired) = (have.cloned(), want.cloned());
            changes.push(FieldChange { path: path.clone(), applied: applied(last, path), observed, desired });
        }
    }
    if kind == ResourceKind::BrokerConfig && last.is_none() && !changes.is_empty() {
        // Adopting a scope: every declared key is written, so that every one of them is on record as ours.
        let rest = wanted.iter().filter(|(path, _)| !changes.iter().any(|change| change.path == **path));
        let rest: Vec<FieldChange> = rest
            .map(|(path, want)| FieldChange {
                path: path.clone(),
                applied: None,
                observed: found.get(path).cloned(),
                desired: Some(want.clone()),
            })
            .collect();
        changes.extend(rest);
    }
    changes.sort_by(|left, right| left.path.cmp(&right.path));
    changes
}

/// Says whether a field that the cluster has and git does not is to be unset.
///
/// Topics, users and quotas: a manifest is authoritative for all of it. Broker configs: only for the keys that git has or
/// had, because Kafka sets some by itself (eligible leader replicas write `min.insync.replicas`).
fn is_ours_to_unset(kind: ResourceKind, path: &str, last: Option<&LastApplied>) -> bool {
    match kind {
        ResourceKind::Topic => match fields::config_key(path) {
            Some(key) => !THROTTLE_KEYS.contains(&key),
            // Counts that a manifest leaves out are the cluster's own choice.
            None => false,
        },
        ResourceKind::User | ResourceKind::Quota => true,
        ResourceKind::BrokerConfig => last.is_some_and(|last| last.fields.contains_key(path)),
        ResourceKind::Acl | ResourceKind::RuleGroup => false,
    }
}

/// Says who moved: git, the cluster, or both.
fn origin(id: &ResourceId, last: Option<&LastApplied>, exists: bool, changes: &[FieldChange]) -> Origin {
    let Some(last) = last else {
        return if exists { Origin::Adopt } else { Origin::Change };
    };
    if !exists {
        return Origin::Drift;
    }
    let kind = id.kind();
    let same_at = |path: &str, left: Option<&FieldValue>, right: Option<&FieldValue>| match (left, right) {
        (Some(left), Some(right)) => fields::same_value(kind, path, left, right),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let mut git_moved = false;
    let mut cluster_moved = false;
    for change in changes {
        // A field that git never declared and that we never wrote: whatever it is now, the cluster made it.
        let written = last.fields.get(&change.path).cloned().map(FieldValue::Text);
        git_moved |= !same_at(&change.path, written.as_ref(), change.desired.as_ref());
        cluster_moved |= !same_at(&change.path, written.as_ref(), change.observed.as_ref());
    }
    match (git_moved, cluster_moved) {
        (true, true) => Origin::Conflict,
        (false, true) => Origin::Drift,
        (true, false) | (false, false) => Origin::Change,
    }
}
