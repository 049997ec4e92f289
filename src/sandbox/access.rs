//! Credentials, ACLs and quotas as the controller treats them (Kafka: `ScramControlManager`, `AclControlManager`,
//! `ClientQuotaControlManager` in `metadata/.../controller`).

use std::collections::BTreeSet;

use super::requests::{Write, refused};
use crate::domain::acl::{AclBinding, AclResourceType, CLUSTER_RESOURCE_NAME};
use crate::domain::names::UserName;
use crate::domain::observed::{Knowledge, ObservedState};
use crate::domain::quota::{QuotaEntity, QuotaKey, QuotaName, QuotaValues};
use crate::domain::user::{SCRAM_ITERATIONS, ScramMechanism};
use crate::ports::ResourceError;

/// Returns a part of the state; what was not recorded cannot be changed either.
fn part<T>(part: &Knowledge<T>) -> Result<&T, ResourceError> {
    match part {
        Knowledge::Known(known) => Ok(known),
        Knowledge::Unknown(reason) => Err(refused("CLUSTER_AUTHORIZATION_FAILED", reason)),
    }
}

pub(crate) fn upsert_scram(
    state: &ObservedState,
    user: &UserName,
    mechanism: ScramMechanism,
    iterations: i32,
) -> Result<Write, ResourceError> {
    let users = part(&state.users)?;
    if iterations < *SCRAM_ITERATIONS.start() {
        return Err(refused("UNACCEPTABLE_CREDENTIAL", "Too few iterations"));
    }
    if iterations > *SCRAM_ITERATIONS.end() {
        return Err(refused("UNACCEPTABLE_CREDENTIAL", "Too many iterations"));
    }
    let mut credentials = users.get(user).cloned().unwrap_or_default();
    credentials.insert(mechanism, iterations);
    Ok(Write::Credentials(user.clone(), credentials))
}

pub(crate) fn delete_scram(
    state: &ObservedState,
    user: &UserName,
    mechanism: ScramMechanism,
) -> Result<Write, ResourceError> {
    let mut credentials = part(&state.users)?.get(user).cloned().unwrap_or_default();
    if credentials.remove(&mechanism).is_none() {
        return Err(refused("RESOURCE_NOT_FOUND", "Attempt to delete a user credential that does not exist"));
    }
    Ok(Write::Credentials(user.clone(), credentials))
}

pub(crate) fn create_acl(state: &ObservedState, acl: &AclBinding) -> Result<Write, ResourceError> {
    part(&state.acls)?;
    if acl.resource_name.is_empty() {
        return Err(refused("INVALID_REQUEST", "Invalid empty resource name"));
    }
    if acl.resource_type == AclResourceType::Cluster && &*acl.resource_name != CLUSTER_RESOURCE_NAME {
        let message = format!("The only valid name for the CLUSTER resource is {CLUSTER_RESOURCE_NAME}");
        return Err(refused("INVALID_REQUEST", message));
    }
    // Hosts are not checked: a name or a range of addresses is kept, and never matches before Kafka 4.4.
    Ok(Write::AclAdded(acl.clone()))
}

pub(crate) fn delete_acl(state: &ObservedState, acl: &AclBinding) -> Result<Write, ResourceError> {
    part(&state.acls)?;
    Ok(Write::AclRemoved(acl.clone()))
}

pub(crate) fn alter_quota(
    state: &ObservedState,
    entity: &QuotaEntity,
    set: &QuotaValues,
    unset: &BTreeSet<QuotaKey>,
) -> Result<Write, ResourceError> {
    let quotas = part(&state.quotas)?;
    check_entity(entity)?;
    let mut values = quotas.get(entity).cloned().unwrap_or_default();
    for key in set.keys().chain(unset) {
        if !entity.keys().contains(key) {
            return Err(refused("INVALID_REQUEST", format!("Invalid configuration key {key}")));
        }
    }
    if let Some(key) = set.keys().find(|key| unset.contains(*key)) {
        return Err(refused(
            "INVALID_REQUEST",
            format!("Duplicate quota key {key} not updating quota for this entity"),
        ));
    }
    for key in unset {
        values.remove(key);
    }
    for (key, value) in set {
        check_quota(*key, *value)?;
        values.insert(*key, *value);
    }
    Ok(Write::Quota(entity.clone(), values))
}

fn check_entity(entity: &QuotaEntity) -> Result<(), ResourceError> {
    let (names, ip) = match entity {
        QuotaEntity::User(name) => (vec![("user", name)], None),
        QuotaEntity::ClientId(name) => (vec![("client-id", name)], None),
        QuotaEntity::UserClientId(user, client) => (vec![("user", user), ("client-id", client)], None),
        QuotaEntity::Ip(name) => (vec![("ip", name)], Some(name)),
    };
    if let Some((kind, _)) = names.into_iter().find(|(_, name)| **name == QuotaName::Named(String::new())) {
        return Err(refused("INVALID_REQUEST", format!("Empty {kind} not supported")));
    }
    match ip {
        // A host name would be looked up by the controller; the directory has no network.
        Some(QuotaName::Named(ip)) if ip.parse::<std::net::IpAddr>().is_err() && ip != "localhost" => {
            Err(refused("INVALID_REQUEST", format!("{ip} is not a valid IP or resolvable host.")))
        }
        Some(QuotaName::Named(_) | QuotaName::Default) | None => Ok(()),
    }
}

fn check_quota(key: QuotaKey, value: f64) -> Result<(), ResourceError> {
    /// How far from a whole number a limit may be (Kafka: `ClientQuotaControlManager`).
    const WHOLE: f64 = 1e-6;
    if value.is_nan() || value <= 0.0 {
        return Err(refused("INVALID_REQUEST", format!("Quota {key} must be greater than 0")));
    }
    let most = match key {
        QuotaKey::RequestPercentage | QuotaKey::ControllerMutationRate => return Ok(()),
        // 2^63 and 2^31 - 1: the types of the configs.
        QuotaKey::ProducerByteRate | QuotaKey::ConsumerByteRate => 9_223_372_036_854_775_807.0,
        QuotaKey::ConnectionCreationRate => f64::from(i32::MAX),
    };
    if value > most {
        let kind = if key == QuotaKey::ConnectionCreationRate { "an INT" } else { "a LONG" };
        return Err(refused("INVALID_REQUEST", format!("Proposed value for {key} is too large for {kind}.")));
    }
    if (value - value.round()).abs() > WHOLE {
        return Err(refused("INVALID_REQUEST", format!("{key} cannot be a fractional value.")));
    }
    Ok(())
}
