//! Dynamic broker configs as brokers and the controller treat them (Kafka: `server/.../DynamicBrokerConfig.java`).

use std::collections::{BTreeMap, BTreeSet};

use super::configs;
use super::requests::{Write, refused};
use super::topics::check_keys;
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::config_catalog::STATIC_BROKER_CONFIGS;
use crate::domain::observed::{Knowledge, ObservedState};
use crate::ports::ResourceError;

/// Beginnings of security configs, which need a listener in front.
const SECURITY: [&str; 2] = ["ssl.", "sasl."];

pub(crate) fn alter(
    state: &ObservedState,
    scope: BrokerConfigScope,
    set: &BTreeMap<String, String>,
    unset: &BTreeSet<String>,
) -> Result<Write, ResourceError> {
    let present = match state.broker_configs.get(&scope) {
        Some(Knowledge::Known(present)) => present.clone(),
        Some(Knowledge::Unknown(reason)) => return Err(refused("CLUSTER_AUTHORIZATION_FAILED", reason)),
        None => BTreeMap::new(),
    };
    if let BrokerConfigScope::Broker(id) = scope
        && !state.cluster.brokers.contains_key(&id)
    {
        return Err(refused("BROKER_NOT_AVAILABLE", format!("broker {id} is not alive")));
    }
    check_keys(set, unset)?;
    // Only setting is checked: unsetting what cannot be set is a success.
    let is_static = |key: &str| STATIC_BROKER_CONFIGS.binary_search(&key).is_ok();
    refuse_keys(set, "Cannot update these configs dynamically", is_static)?;
    let security = "These security configs can be dynamically updated only per-listener using the listener prefix";
    refuse_keys(set, security, |key| SECURITY.iter().any(|beginning| key.starts_with(beginning)))?;
    let version = configs::version(state);
    for (key, value) in set {
        configs::check_broker(version, key, value, scope == BrokerConfigScope::Default)
            .map_err(|message| refused("INVALID_REQUEST", message))?;
    }
    let mut after = present;
    for key in unset {
        after.remove(key);
    }
    // Brokers do not show secrets and what they do not know; the directory does not keep it either.
    after.extend(set.iter().map(|(key, value)| {
        let shown = configs::describe_broker(key, value).map(|_| value.clone());
        (key.clone(), shown)
    }));
    Ok(Write::BrokerConfig(scope, after))
}

fn refuse_keys(set: &BTreeMap<String, String>, message: &str, bad: impl Fn(&str) -> bool) -> Result<(), ResourceError> {
    let bad: Vec<&str> = set.keys().map(String::as_str).filter(|key| bad(key)).collect();
    if bad.is_empty() { Ok(()) } else { Err(refused("INVALID_REQUEST", format!("{message}: [{}]", bad.join(", ")))) }
}
