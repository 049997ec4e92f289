//! What brokers would say that the directory holds: described values, and what dynamic broker configs do to defaults.

use std::collections::{BTreeMap, BTreeSet};

use super::configs;
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::observed::{GUARD_CONFIGS, Knowledge, ObservedState};

/// Turns what is stored into what is described.
pub(crate) fn described(stored: &ObservedState) -> ObservedState {
    let mut state = stored.clone();
    let version = configs::version(stored);
    for topic in state.topics.values_mut() {
        for (key, value) in &mut topic.overrides {
            // What brokers described once is not hidden here because this version does not know the key.
            if let Some(shown) = value.as_deref().and_then(|value| configs::describe_topic(version, key, value)) {
                *value = Some(shown);
            }
        }
    }
    for (scope, knowledge) in &mut state.broker_configs {
        // The cluster-wide ones are described as they were written, those of one broker as it parsed them.
        if let (BrokerConfigScope::Broker(_), Knowledge::Known(values)) = (scope, knowledge) {
            for (key, value) in values {
                if let Some(shown) = value.as_deref().and_then(|value| configs::describe_broker(key, value)) {
                    *value = Some(shown);
                }
            }
        }
    }
    let ids: Vec<i32> = state.cluster.brokers.keys().copied().collect();
    for key in GUARD_CONFIGS {
        for id in &ids {
            if let (Some(value), Some(broker)) = (dynamic(stored, *id, key), state.cluster.brokers.get_mut(id)) {
                broker.configs.insert(key.to_owned(), configs::describe_broker(key, &value).unwrap_or(value));
            }
        }
    }
    for (broker_key, topic_key) in configs::SYNONYMS {
        let set: Vec<Option<String>> = ids.iter().map(|id| dynamic(stored, *id, broker_key)).collect();
        if set.iter().any(Option::is_some) {
            let base = stored.topic_defaults.get(*topic_key).cloned().unwrap_or_default();
            let values: BTreeSet<String> = set
                .into_iter()
                .flat_map(|value| match value {
                    Some(value) => BTreeSet::from([configs::describe_broker(broker_key, &value).unwrap_or(value)]),
                    None => base.clone(),
                })
                .collect();
            state.topic_defaults.insert((*topic_key).to_owned(), values);
        }
    }
    state
}

/// Returns the value of a guard config that holds on the first broker which has one.
pub(crate) fn guard(state: &ObservedState, key: &str) -> Option<String> {
    state
        .cluster
        .brokers
        .iter()
        .find_map(|(id, broker)| dynamic(state, *id, key).or_else(|| broker.configs.get(key).cloned()))
}

/// Returns what is set dynamically for a broker: for itself, or else for all.
fn dynamic(state: &ObservedState, broker: i32, key: &str) -> Option<String> {
    [BrokerConfigScope::Broker(broker), BrokerConfigScope::Default].iter().find_map(|scope| {
        let configs: &BTreeMap<String, Option<String>> = state.broker_configs.get(scope)?.known()?;
        configs.get(key)?.clone()
    })
}
