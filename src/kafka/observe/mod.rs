//! Reads the live state: batched, concurrent, spread over the brokers. What cannot be read is unknown, never absent.

mod acls;
mod configs;
mod quotas;
mod reassignments;
mod topics;
mod users;

use std::collections::{BTreeMap, BTreeSet};

use super::KafkaCluster;
use super::errors::CallError;
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::names::TopicName;
use crate::domain::observed::{ClusterFacts, Interest, Knowledge, ObservedState};
use crate::ports::ClusterError;

pub(super) use topics::{Found, look_up};

/// What may be known, with the API that it was asked by: its failures go into [`ClusterFacts::lacking`].
type Part<T> = (&'static str, Knowledge<T>);

/// Turns the outcome of a call into knowledge: an error code of the whole answer, or no answer, is unknown.
fn knowledge<T>(api: &'static str, outcome: Result<Result<T, String>, CallError>) -> Part<T> {
    let value = match outcome {
        Ok(Ok(value)) => Knowledge::Known(value),
        Ok(Err(reason)) => Knowledge::Unknown(reason),
        Err(error) => Knowledge::Unknown(error.reason()),
    };
    (api, value)
}

pub(super) async fn observe(cluster: &KafkaCluster, interest: &Interest) -> Result<ObservedState, ClusterError> {
    cluster.pool.refresh().await.map_err(CallError::into_cluster_error)?;
    match interest {
        Interest::Everything { topics, brokers } => everything(cluster, topics, brokers).await,
        Interest::Only { topics, users, acls, quotas, broker_configs } => {
            only(cluster, topics, [*users, *acls, *quotas], broker_configs).await
        }
    }
}

async fn everything(
    cluster: &KafkaCluster,
    names: &BTreeSet<TopicName>,
    brokers: &BTreeSet<i32>,
) -> Result<ObservedState, ClusterError> {
    let scopes: BTreeSet<BrokerConfigScope> = std::iter::once(BrokerConfigScope::Default)
        .chain(brokers.iter().map(|id| BrokerConfigScope::Broker(*id)))
        .collect();
    let (topics, acls, quotas, users, brokers, broker_configs) = futures::join!(
        topics::list(cluster, names),
        acls::describe(cluster),
        quotas::describe(cluster),
        users::describe(cluster),
        configs::guards(cluster),
        configs::dynamic(cluster, &scopes),
    );
    let mut state = topics.map_err(CallError::into_cluster_error)?.into_state(cluster.facts(brokers?).await?);
    note(&mut state, &acls);
    note(&mut state, &quotas);
    note(&mut state, &users);
    if let Some(reason) = broker_configs.get(&BrokerConfigScope::Default).and_then(Knowledge::unknown) {
        state.cluster.lacking.insert("DescribeConfigs(BROKER)".to_owned(), reason.to_owned());
    }
    take_acls(&mut state, acls);
    state.quotas = quotas.1;
    state.users = users.1;
    state.broker_configs = broker_configs;
    Ok(state)
}

async fn only(
    cluster: &KafkaCluster,
    names: &BTreeSet<TopicName>,
    [with_users, with_acls, with_quotas]: [bool; 3],
    scopes: &BTreeSet<BrokerConfigScope>,
) -> Result<ObservedState, ClusterError> {
    use futures::future::OptionFuture;
    let (topics, acls, quotas, users, broker_configs) = futures::join!(
        topics::only(cluster, names),
        OptionFuture::from(with_acls.then(|| acls::describe(cluster))),
        OptionFuture::from(with_quotas.then(|| quotas::describe(cluster))),
        OptionFuture::from(with_users.then(|| users::describe(cluster))),
        configs::dynamic(cluster, scopes),
    );
    let mut state = topics.map_err(CallError::into_cluster_error)?.into_state(cluster.facts(BTreeMap::new()).await?);
    if let Some(acls) = acls {
        note(&mut state, &acls);
        take_acls(&mut state, acls);
    }
    if let Some(quotas) = quotas {
        note(&mut state, &quotas);
        state.quotas = quotas.1;
    }
    if let Some(users) = users {
        note(&mut state, &users);
        state.users = users.1;
    }
    state.broker_configs = broker_configs;
    Ok(state)
}

fn take_acls(state: &mut ObservedState, (_, acls): Part<acls::Bindings>) {
    match acls {
        Knowledge::Known(acls) => {
            state.acls_skipped = acls.skipped;
            state.acls = Knowledge::Known(acls.bindings);
        }
        Knowledge::Unknown(reason) => state.acls = Knowledge::Unknown(reason),
    }
}

fn note<T>(state: &mut ObservedState, (api, value): &Part<T>) {
    if let Some(reason) = value.unknown() {
        state.cluster.lacking.insert((*api).to_owned(), reason.to_owned());
    }
}

/// Everything about topics, before the rest of the state is there.
pub(super) struct Topics {
    topics: BTreeMap<TopicName, crate::domain::observed::ObservedTopic>,
    unknown: BTreeMap<TopicName, String>,
    incomplete: Option<String>,
    defaults: BTreeMap<String, BTreeSet<String>>,
    lacking: BTreeMap<String, String>,
}

impl Topics {
    fn into_state(self, mut facts: ClusterFacts) -> ObservedState {
        facts.lacking.extend(self.lacking);
        let mut state = ObservedState::nothing(facts, "it was not asked for");
        state.topics = self.topics;
        state.unknown_topics = self.unknown;
        state.topics_incomplete = self.incomplete;
        state.topic_defaults = self.defaults;
        state
    }
}
