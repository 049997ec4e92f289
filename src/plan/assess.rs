//! How risky an action is, what stops it, and in which words.

use std::collections::BTreeSet;

use crate::domain::acl::AclPermission;
use crate::domain::observed::{BrokerFacts, ObservedState};
use crate::domain::operation::MOST_RECORDS_PER_REQUEST;
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::domain::rule_comparison::{GroupComparison, same_group};

use super::draft::Draft;
use super::fields::{self, Fields, PARTITIONS, PASSWORD, REPLICATION_FACTOR, RULES};
use super::input::{PasswordState, PlanInput};
use super::types::{Action, ActionKind, FieldChange, FieldValue, Reason, Risk, Status, Unknown};

/// Judges a creation or an update.
pub(super) fn action(input: PlanInput<'_>, id: &ResourceId, found: Option<&Fields>, action: &mut Action) {
    let Some(found) = found else {
        creation(input, id, action);
        return;
    };
    match id.kind() {
        ResourceKind::Topic => topic_update(input, found, action),
        ResourceKind::User => {
            if action.reason != Reason::PasswordChanged && action.reason != Reason::PasswordNotVerified {
                action.reason = Reason::CredentialDiffers;
            }
            raise(action, Risk::High, "clients log in with the new credential only");
            if action.fields.iter().any(|field| field.path != PASSWORD && field.desired.is_none()) {
                raise(action, Risk::Irreversible, "a mechanism is removed, and its password cannot be read back");
            }
        }
        ResourceKind::Acl => action.risk = Risk::Low,
        ResourceKind::Quota => {
            action.reason = Reason::QuotaDiffers;
            raise(action, Risk::Low, "");
        }
        ResourceKind::BrokerConfig => {
            action.reason = Reason::ConfigDiffers;
            raise(action, Risk::High, "every broker in the scope takes it at once");
            broker_cuts(action);
        }
        ResourceKind::RuleGroup => {
            action.reason = if only_reordered(action) { Reason::RulesReordered } else { Reason::RulesDiffer };
            raise(action, Risk::Low, "");
        }
    }
}

fn creation(input: PlanInput<'_>, id: &ResourceId, action: &mut Action) {
    let owned = input.inventory.resources.contains_key(id);
    action.reason = if owned { Reason::DeletedInCluster } else { Reason::NotInCluster };
    match id {
        ResourceId::Topic(_) if owned => action.note = Some("it is made again empty: its records are gone".to_owned()),
        ResourceId::Acl(binding) if binding.permission == AclPermission::Deny => {
            raise(action, Risk::High, "a deny rule wins over every allow rule");
        }
        ResourceId::BrokerConfig(_) => {
            raise(action, Risk::High, "every broker in the scope takes it at once");
            broker_cuts(action);
        }
        ResourceId::Quota(_) => raise(action, Risk::Low, ""),
        ResourceId::Topic(_) | ResourceId::Acl(_) | ResourceId::User(_) | ResourceId::RuleGroup(_) => {}
    }
}

/// Judges a deletion.
pub(super) fn removal(input: PlanInput<'_>, id: &ResourceId, action: &mut Action) {
    match id {
        ResourceId::Topic(_) => {
            let deletes =
                |broker: &BrokerFacts| broker.configs.get("delete.topic.enable").is_none_or(|value| value != "false");
            raise(action, Risk::Irreversible, "the topic and all of its records are deleted");
            if !input.observed.cluster.brokers.values().all(deletes) {
                block(action, "the brokers do not delete topics (`delete.topic.enable=false`)");
            }
        }
        ResourceId::User(_) => {
            raise(action, Risk::Irreversible, "the password cannot be read back: clients can no longer log in")
        }
        ResourceId::Acl(binding) => match binding.permission {
            AclPermission::Allow => raise(action, Risk::High, "clients may lose access"),
            AclPermission::Deny => raise(action, Risk::High, "what was forbidden may become allowed"),
        },
        ResourceId::Quota(_) => raise(action, Risk::High, "the entity is no longer limited"),
        ResourceId::BrokerConfig(_) => {
            raise(action, Risk::High, "every broker in the scope goes back to its default");
            broker_cuts(action);
        }
        ResourceId::RuleGroup(_) => raise(action, Risk::High, "its alerts no longer fire"),
    }
}

fn raise(action: &mut Action, risk: Risk, note: &str) {
    if risk >= action.risk && !note.is_empty() && action.status == Status::Planned {
        action.note = Some(note.to_owned());
    }
    action.risk = action.risk.max(risk);
}

pub(super) fn block(action: &mut Action, note: impl Into<String>) {
    action.status = Status::Blocked;
    action.note = Some(note.into());
}

fn text_of(value: Option<&FieldValue>) -> Option<&str> {
    value.and_then(FieldValue::text)
}

fn topic_update(input: PlanInput<'_>, found: &Fields, action: &mut Action) {
    let change_of = |path: &str| action.fields.iter().find(|field| field.path == path).cloned();
    let (partitions, replication) = (change_of(PARTITIONS), change_of(REPLICATION_FACTOR));
    let configs = action.fields.iter().any(|field| fields::config_key(&field.path).is_some());
    action.reason = match (&partitions, configs) {
        (Some(_), true) => Reason::PartitionsAndConfigDiffer,
        (Some(_), false) => Reason::PartitionsDiffer,
        (None, _) => Reason::ConfigDiffers,
    };
    raise(action, Risk::Low, "");
    let notes: Vec<(Risk, String)> =
        action.fields.iter().filter_map(|field| config_risk(input.observed, found, field)).collect();
    for (risk, note) in notes {
        raise(action, risk, &note);
    }
    if let Some(change) = &partitions {
        let count = |value: Option<&FieldValue>| text_of(value).and_then(|text| text.parse::<i32>().ok()).unwrap_or(0);
        let (have, want) = (count(change.observed.as_ref()), count(change.desired.as_ref()));
        if want > have {
            let note = format!("{have} → {want} partitions cannot be taken back, and keys move to other partitions");
            raise(action, Risk::Irreversible, &note);
            if usize::try_from(want - have).is_ok_and(|new| new > MOST_RECORDS_PER_REQUEST) {
                // Seen on 4.3.1: beyond 10,000 records the controller answers UNKNOWN_SERVER_ERROR and brokers lag for seconds.
                block(
                    action,
                    format!("{} new partitions in one step are more than a controller takes; go in steps", want - have),
                );
            }
        } else {
            action.reason = Reason::PartitionsCannotShrink;
            block(
                action,
                format!(
                    "Kafka cannot take partitions away: the topic has {have}, git wants {want}. Nothing else of it is changed"
                ),
            );
        }
    }
    if let Some(change) = &replication {
        if partitions.is_none() || action.status != Status::Blocked {
            action.reason = Reason::ReplicationFactorDiffers;
        }
        let have = text_of(change.observed.as_ref()).unwrap_or("?");
        let want = text_of(change.desired.as_ref()).unwrap_or("?");
        let shrinks = if action.reason == Reason::PartitionsCannotShrink { action.note.clone() } else { None };
        let note = format!(
            "the topic has replication factor {have}, git wants {want}: changing it is a partition reassignment, which driftless does not do yet (kafka-reassign-partitions.sh does). Nothing else of it is changed"
        );
        block(action, shrinks.map_or(note.clone(), |shrinks| format!("{shrinks}. And {note}")));
    }
}

/// The value of a topic config before and after a change, with the cluster's default where it is not set.
fn effective(observed: &ObservedState, key: &str, value: Option<&FieldValue>) -> Option<String> {
    match value {
        Some(value) => value.text().map(str::to_owned),
        // Where brokers differ, take the text that sorts last; a cut is then said once too often rather than not at all.
        None => observed.topic_defaults.get(key).and_then(|values| values.last().cloned()),
    }
}

fn config_risk(observed: &ObservedState, found: &Fields, change: &FieldChange) -> Option<(Risk, String)> {
    let key = fields::config_key(&change.path)?;
    let before = effective(observed, key, change.observed.as_ref());
    let after = effective(observed, key, change.desired.as_ref());
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "the cluster's default".to_owned());
    match key {
        "retention.ms" | "retention.bytes" => {
            let keeps_records =
                text_of(found.get("config.cleanup.policy")).is_some_and(|policy| !policy.contains("delete"));
            let cut = is_cut(before.as_deref(), after.as_deref());
            (cut && !keeps_records).then(|| {
                let note = format!(
                    "`{key}` is cut from {} to {}: records beyond it are deleted",
                    shown(&before),
                    shown(&after)
                );
                (Risk::Irreversible, note)
            })
        }
        "cleanup.policy" => {
            let words = |value: &Option<String>| -> BTreeSet<String> {
                shown(value).split(',').map(|word| word.trim().to_owned()).collect()
            };
            let added: Vec<String> = words(&after).difference(&words(&before)).cloned().collect();
            (!added.is_empty()).then(|| {
                let note = format!(
                    "`cleanup.policy` gains `{}`: records that were kept until now are removed",
                    added.join("`, `")
                );
                (Risk::Irreversible, note)
            })
        }
        "min.insync.replicas" | "max.message.bytes" => {
            let note = format!("`{key}` goes from {} to {}: producers feel it", shown(&before), shown(&after));
            Some((Risk::High, note))
        }
        "unclean.leader.election.enable" if after.as_deref() == Some("true") => {
            Some((Risk::High, "an unclean leader election loses acknowledged records".to_owned()))
        }
        _ => None,
    }
}

/// Says whether a limit becomes smaller; negative is unlimited. What is not known counts as a cut.
fn is_cut(before: Option<&str>, after: Option<&str>) -> bool {
    let number = |raw: Option<&str>| raw.and_then(|raw| raw.trim().parse::<i64>().ok());
    match (number(before), number(after)) {
        (_, Some(after)) if after < 0 => false,
        (Some(before), Some(after)) => before < 0 || after < before,
        (None, _) | (_, None) => true,
    }
}

/// Retention cuts for every topic that has none of its own.
fn broker_cuts(action: &mut Action) {
    const CUTS: [&str; 5] = [
        "log.retention.ms",
        "log.retention.minutes",
        "log.retention.hours",
        "log.retention.bytes",
        "log.cleanup.policy",
    ];
    let cut = action.fields.iter().find_map(|field| {
        let key = fields::config_key(&field.path).filter(|key| CUTS.contains(key))?;
        let (before, after) = (text_of(field.observed.as_ref()), text_of(field.desired.as_ref()));
        (key == "log.cleanup.policy" || is_cut(before, after)).then(|| key.to_owned())
    });
    if let Some(key) = cut {
        raise(
            action,
            Risk::Irreversible,
            &format!("`{key}` decides what is kept of every topic that does not set its own"),
        );
    }
}

fn only_reordered(action: &Action) -> bool {
    let Some(change) = action.fields.iter().find(|field| field.path == RULES) else { return false };
    let group = |value: Option<&FieldValue>| text_of(value).and_then(fields::parse_group);
    match (group(change.observed.as_ref()), group(change.desired.as_ref())) {
        (Some(have), Some(want)) => matches!(same_group(&have, &want), GroupComparison::Reordered),
        (None, _) | (_, None) => false,
    }
}

/// Adds what is known of a user's password to the action, or says that it was not compared.
pub(super) fn passwords(input: PlanInput<'_>, id: &ResourceId, action: &mut Action, draft: &mut Draft) {
    let ResourceId::User(name) = id else { return };
    let Some(declared) = input.desired.users.get(name) else { return };
    let state =
        |mechanism| input.passwords.get(&(name.clone(), mechanism)).cloned().unwrap_or(PasswordState::NotCompared);
    let states: Vec<PasswordState> = declared.value.credentials.keys().map(|mechanism| state(*mechanism)).collect();
    let written = action.fields.iter().any(|field| field.desired.is_some());
    let missing = states.iter().find_map(|state| match state {
        PasswordState::Missing(reason) => Some(reason.clone()),
        PasswordState::Verified
        | PasswordState::Changed
        | PasswordState::NotRemembered
        | PasswordState::NotCompared => None,
    });
    let changed = states.contains(&PasswordState::Changed);
    let forgotten = states.contains(&PasswordState::NotRemembered);
    if !written && !changed && !forgotten {
        if let Some(reason) = missing {
            let reason = format!("its password was not compared: {reason}");
            draft.unknown.insert(Unknown { resource: id.to_string(), reason });
        } else if states.contains(&PasswordState::NotCompared) {
            draft.not_compared.insert(id.clone());
        }
        return;
    }
    if changed || forgotten {
        // A credential is written whole: the mechanisms that did not differ are named too.
        for (mechanism, iterations) in &declared.value.credentials {
            let path = fields::scram_path(*mechanism);
            if !action.fields.iter().any(|field| field.path == path) {
                let text = FieldValue::Text(iterations.to_string());
                action.fields.push(FieldChange {
                    path,
                    applied: None,
                    observed: Some(text.clone()),
                    desired: Some(text),
                });
            }
        }
        action.fields.sort_by(|left, right| left.path.cmp(&right.path));
    }
    if !written {
        action.reason = if changed { Reason::PasswordChanged } else { Reason::PasswordNotVerified };
    }
    let mark = || FieldValue::Secret(None);
    action.fields.push(FieldChange {
        path: PASSWORD.to_owned(),
        applied: None,
        observed: (action.action == ActionKind::Update).then(mark),
        desired: Some(FieldValue::Secret(Some(declared.value.password.clone()))),
    });
    if let Some(reason) = missing {
        block(action, format!("its password cannot be had: {reason}"));
    }
}
