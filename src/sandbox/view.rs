//! What of the state an observer gets to see.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::observed::{Interest, Knowledge, ObservedState};
use crate::domain::resource::ResourceKind;

/// Keeps what was asked for. Scopes of broker configs that a writable directory does not mention hold nothing; recorded
/// state may simply not have asked for them.
pub(crate) fn select(mut state: ObservedState, interest: &Interest, writable: bool) -> ObservedState {
    let scopes: BTreeSet<BrokerConfigScope> = match interest {
        Interest::Everything { brokers, .. } => std::iter::once(BrokerConfigScope::Default)
            .chain(brokers.iter().copied().map(BrokerConfigScope::Broker))
            .collect(),
        Interest::Only { broker_configs, .. } => broker_configs.clone(),
    };
    let mut known = std::mem::take(&mut state.broker_configs);
    for scope in scopes {
        let alive = match scope {
            BrokerConfigScope::Default => true,
            BrokerConfigScope::Broker(id) => state.cluster.brokers.contains_key(&id),
        };
        let configs = known.remove(&scope).unwrap_or_else(|| match (writable, alive) {
            (true, true) => Knowledge::Known(BTreeMap::new()),
            (true, false) => Knowledge::Unknown(format!("broker {scope} is not alive")),
            (false, _) => Knowledge::Unknown("it was not recorded".to_owned()),
        });
        state.broker_configs.insert(scope, configs);
    }
    if let Interest::Only { topics, users, acls, quotas, .. } = interest {
        let not_asked = || "it was not asked for".to_owned();
        state.topics.retain(|name, _| topics.contains(name));
        state.unknown_topics.retain(|name, _| topics.contains(name));
        if !users {
            state.users = Knowledge::Unknown(not_asked());
        }
        if !acls {
            state.acls = Knowledge::Unknown(not_asked());
        }
        if !quotas {
            state.quotas = Knowledge::Unknown(not_asked());
        }
    }
    state
}

/// Takes away what the faults deny, as brokers do: unknown, never absent.
pub(crate) fn deny_reads(state: &mut ObservedState, interest: &Interest, denied: &BTreeSet<ResourceKind>) {
    let refused = "CLUSTER_AUTHORIZATION_FAILED: Cluster authorization failed.";
    for kind in denied {
        match kind {
            ResourceKind::Topic => {
                let (Interest::Everything { topics, .. } | Interest::Only { topics, .. }) = interest;
                state.topics = BTreeMap::new();
                state.topic_defaults = BTreeMap::new();
                state.topics_incomplete = Some("Describe on all topics is missing".to_owned());
                let reason = "TOPIC_AUTHORIZATION_FAILED: Topic authorization failed.";
                state.unknown_topics = topics.iter().map(|name| (name.clone(), reason.to_owned())).collect();
            }
            ResourceKind::User => state.users = Knowledge::Unknown(refused.to_owned()),
            ResourceKind::Acl => state.acls = Knowledge::Unknown(refused.to_owned()),
            ResourceKind::Quota => state.quotas = Knowledge::Unknown(refused.to_owned()),
            ResourceKind::BrokerConfig => {
                for configs in state.broker_configs.values_mut() {
                    *configs = Knowledge::Unknown(refused.to_owned());
                }
                for broker in state.cluster.brokers.values_mut() {
                    broker.configs = BTreeMap::new();
                    broker.configs_unknown = Some(refused.to_owned());
                }
            }
            ResourceKind::RuleGroup => state.rule_groups = Knowledge::Unknown("reading rules is refused".to_owned()),
        }
    }
}
