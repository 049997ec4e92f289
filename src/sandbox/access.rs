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

/// `metadata.version` 4.4-IV1, from which on the host of an ACL may be a range of addresses.
const CIDR_HOSTS: i16 = 32;

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
        return Err(refused("INVALID_REQUEST", "Resource name should not be empty"));
    }
    if acl.resource_type == AclResourceType::Cluster && acl.resource_name != CLUSTER_RESOURCE_NAME {
        let message = format!(
            "The only valid name for the CLUSTER resource is {CLUSTER_RESOURCE_NAME}. Provided name: {}",
            acl.resource_name
        );
        return Err(refused("INVALID_REQUEST", message));
    }
    if acl.host.contains('/') && state.cluster.metadata_version.is_none_or(|version| version < CIDR_HOSTS) {
        return Err(refused("UNSUPPORTED_VERSION", "CIDR host patterns need a later metadata.version."));
    }
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
        QuotaEntity::User(name) | QuotaEntity::ClientId(name) => (vec![name], None),
        QuotaEntity::UserClientId(user, client) => (vec![user, client], None),
        QuotaEntity::Ip(name) => (vec![name], Some(name)),
    };
    if names.into_iter().any(|name| *name == QuotaName::Named(String::new())) {
        return Err(refused("INVALID_REQUEST", "Empty entity name is not allowed"));
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
        let kind = if key == QuotaKey::ConnectionCreationRate { "an Int" } else { "a Long" };
        return Err(refused("INVALID_REQUEST", format!("Proposed value for {key} is too large for {kind}.")));
    }
    if (value - value.round()).abs() > WHOLE {
        return Err(refused("INVALID_REQUEST", format!("{key} cannot be a fractional value.")));
    }
    Ok(())
}
