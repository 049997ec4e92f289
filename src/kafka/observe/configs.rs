//! Configs of topics and brokers. "Is set" is decided by a config's source, never by its value.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use futures::{FutureExt, StreamExt, stream};
use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult};

use super::topics::{Found, look_up};
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::names::TopicName;
use crate::domain::observed::{BrokerFacts, GUARD_CONFIGS, Knowledge};
use crate::kafka::KafkaCluster;
use crate::kafka::errors::{CallError, describe, is_retriable};
use crate::kafka::pool::Target;
use crate::kafka::wire::{self, RESOURCE_BROKER, RESOURCE_TOPIC};
use crate::ports::ClusterError;

/// Kafka's `ConfigSource` ids (`clients/.../requests/DescribeConfigsResponse.java`).
const SOURCE_DYNAMIC_TOPIC: i8 = 1;
const SOURCE_DYNAMIC_BROKER: i8 = 2;
const SOURCE_DYNAMIC_DEFAULT_BROKER: i8 = 3;

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// Topics in one request. One request for all topics holds all answers in memory at once, on both sides.
const TOPICS_PER_REQUEST: usize = 500;

/// Below this number of topics further connections cost more than they bring.
const TOPICS_FOR_ONE_BROKER: usize = 1_000;

/// More brokers than this do not make it faster.
const MOST_BROKERS: usize = 12;

/// What is known of one topic's configs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its overrides.
    Overrides(BTreeMap<String, Option<String>>),
    /// They could not be read.
    Unknown(String),
    /// The topic is there no more.
    Gone,
}

/// Configs of topics.
#[derive(Debug, Default)]
pub(super) struct TopicConfigs {
    pub(super) overrides: BTreeMap<TopicName, Outcome>,
    pub(super) defaults: HashMap<String, BTreeSet<String>, RandomState>,
}

impl TopicConfigs {
    /// Takes one topic's entries: overrides, and what the broker uses for the keys that are not overridden.
    fn take(&mut self, name: TopicName, entries: Vec<DescribeConfigsResourceResult>) {
        let mut overrides = BTreeMap::new();
        for entry in entries {
            if entry.config_source == SOURCE_DYNAMIC_TOPIC {
                overrides.insert(entry.name.as_str().to_owned(), shown(&entry).map(str::to_owned));
            } else if let Some(value) = shown(&entry) {
                match self.defaults.get_mut(entry.name.as_str()) {
                    Some(values) if values.contains(value) => {}
                    Some(values) => {
                        values.insert(value.to_owned());
                    }
                    None => {
                        self.defaults.insert(entry.name.as_str().to_owned(), BTreeSet::from([value.to_owned()]));
                    }
                }
            }
        }
        self.overrides.insert(name, Outcome::Overrides(overrides));
    }
}

/// Returns the value, unless the broker hides it: passwords, and keys of a type that it does not know.
fn shown(entry: &DescribeConfigsResourceResult) -> Option<&str> {
    if entry.is_sensitive { None } else { entry.value.as_ref().map(|value| value.as_str()) }
}

/// Returns who is asked for the configs of this many topics: each broker as often as it has requests in flight.
fn asked(n_topics: usize, brokers: &[i32]) -> Vec<Target> {
    let brokers = if n_topics < TOPICS_FOR_ONE_BROKER { &brokers[..brokers.len().min(1)] } else { brokers };
    let once = || brokers.iter().map(|id| Target::Broker(*id));
    if brokers.is_empty() { vec![Target::Steady(0)] } else { once().chain(once()).collect() }
}

/// Reads the configs of topics. A topic that brokers do not know yet, or no more, is asked for again.
pub(super) async fn topics(cluster: &KafkaCluster, names: &[TopicName]) -> Result<TopicConfigs, CallError> {
    let ids: Vec<i32> = cluster.pool.ids(MOST_BROKERS).await.map_err(CallError::NotSent)?.into_iter().collect();
    let mut configs = TopicConfigs::default();
    let mut pauses = cluster.pauses();
    let mut open = names.to_vec();
    let mut rounds = 0;
    while !open.is_empty() {
        let mut failed = BTreeMap::new();
        // Who has answered gets the next: a slow broker is asked for less, and one that is silent holds up two requests.
        let chunks = Mutex::new(open.chunks(TOPICS_PER_REQUEST));
        let next = || chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
        let answers = asked(open.len(), &ids).into_iter().map(|target| {
            stream::unfold((), move |()| async move { Some((batch(cluster, target, next()?).await, ())) }).boxed()
        });
        let mut answers = stream::select_all(answers);
        while let Some((chunk, answer)) = answers.next().await {
            sort_out(&mut configs, &mut failed, chunk, answer);
        }
        drop(answers);
        open = failed.iter().filter(|(_, (code, _))| is_retriable(*code)).map(|(name, _)| name.clone()).collect();
        for (name, (_, reason)) in &failed {
            configs.overrides.insert(name.clone(), Outcome::Unknown(reason.clone()));
        }
        rounds += 1;
        // A topic that was deleted meanwhile never comes back, so this is not asked until the time is over.
        if open.is_empty() || rounds > 4 || !pauses.pause().await {
            let vanished: Vec<TopicName> = failed
                .into_iter()
                .filter(|(_, (code, _))| *code == UNKNOWN_TOPIC_OR_PARTITION)
                .map(|(name, _)| name)
                .collect();
            for (name, found) in look_up(cluster, &vanished).await? {
                if let Found::Absent = found {
                    configs.overrides.insert(name, Outcome::Gone);
                }
            }
            break;
        }
    }
    Ok(configs)
}

type Failures = BTreeMap<TopicName, (i16, String)>;

/// Takes one answer apart. Every topic that was asked for gets an outcome or a failure.
fn sort_out(
    configs: &mut TopicConfigs,
    failed: &mut Failures,
    asked: &[TopicName],
    answer: Result<Vec<DescribeConfigsResult>, CallError>,
) {
    let results = match answer {
        Ok(results) => results,
        Err(error) => {
            let reason = error.reason();
            failed.extend(asked.iter().map(|name| (name.clone(), (0, reason.clone()))));
            return;
        }
    };
    let mut open: BTreeSet<&TopicName> = asked.iter().collect();
    for result in results {
        let Ok(name) = TopicName::parse(&result.resource_name) else { continue };
        if !open.remove(&name) {
            continue;
        }
        if result.error_code == 0 {
            configs.take(name, result.configs);
        } else {
            let reason = describe(result.error_code, result.error_message.as_deref());
            failed.insert(name, (result.error_code, reason));
        }
    }
    let missing = "the broker's answer leaves it out".to_owned();
    failed.extend(open.into_iter().map(|name| (name.clone(), (0, missing.clone()))));
}

async fn batch<'a>(
    cluster: &KafkaCluster,
    target: Target,
    names: &'a [TopicName],
) -> (&'a [TopicName], Result<Vec<DescribeConfigsResult>, CallError>) {
    let resources: Vec<DescribeConfigsResource> = names
        .iter()
        .map(|name| {
            DescribeConfigsResource::default()
                .with_resource_type(RESOURCE_TOPIC)
                .with_resource_name(wire::text(name.as_str()))
                .with_configuration_keys(None)
        })
        .collect();
    let mut answer = describe_resources(cluster, target, &resources).await;
    if matches!(answer, Err(CallError::NotSent(_) | CallError::Lost { .. })) && target != Target::Any {
        answer = describe_resources(cluster, Target::Any, &resources).await;
    }
    (names, answer)
}

/// Asks one broker for configs: no synonyms (1.8 times the bytes), no documentation (11 times).
async fn describe_resources(
    cluster: &KafkaCluster,
    target: Target,
    resources: &[DescribeConfigsResource],
) -> Result<Vec<DescribeConfigsResult>, CallError> {
    let request = |_| {
        DescribeConfigsRequest::default()
            .with_resources(resources.to_vec())
            .with_include_synonyms(false)
            .with_include_documentation(false)
    };
    Ok(cluster.pool.read(target, request).await?.results)
}

async fn broker_entries(
    cluster: &KafkaCluster,
    scope: BrokerConfigScope,
    keys: Option<&[&str]>,
) -> Result<Vec<DescribeConfigsResourceResult>, String> {
    let (name, target) = match scope {
        BrokerConfigScope::Default => (String::new(), Target::Steady(0)),
        // Only the broker itself knows what it was started with.
        BrokerConfigScope::Broker(id) => (id.to_string(), Target::Broker(id)),
    };
    let resource = DescribeConfigsResource::default()
        .with_resource_type(RESOURCE_BROKER)
        .with_resource_name(wire::text(&name))
        .with_configuration_keys(keys.map(|keys| keys.iter().map(|key| wire::text(key)).collect()));
    let mut pauses = cluster.pauses();
    loop {
        let answer = describe_resources(cluster, target, std::slice::from_ref(&resource)).await;
        let Some(result) = answer.map_err(|error| error.reason())?.into_iter().next() else {
            return Err("the broker's answer leaves it out".to_owned());
        };
        if result.error_code == 0 {
            return Ok(result.configs);
        }
        if !is_retriable(result.error_code) || !pauses.pause().await {
            return Err(describe(result.error_code, result.error_message.as_deref()));
        }
    }
}

/// Reads the guard configs of every live broker.
pub(super) async fn guards(cluster: &KafkaCluster) -> Result<BTreeMap<i32, BrokerFacts>, ClusterError> {
    let view = cluster.pool.view().await?;
    let mut facts = Vec::new();
    for (id, broker) in &view.brokers {
        facts.push(guards_of(cluster, *id, broker.rack.clone()).boxed());
    }
    Ok(stream::iter(facts).buffer_unordered(MOST_BROKERS).collect().await)
}

async fn guards_of(cluster: &KafkaCluster, id: i32, rack: Option<String>) -> (i32, BrokerFacts) {
    let mut facts = BrokerFacts { rack, ..BrokerFacts::default() };
    match broker_entries(cluster, BrokerConfigScope::Broker(id), Some(&GUARD_CONFIGS)).await {
        Ok(entries) => {
            for entry in &entries {
                match shown(entry) {
                    Some(value) => drop(facts.configs.insert(entry.name.to_string(), value.to_owned())),
                    None => drop(facts.configs_hidden.insert(entry.name.to_string())),
                }
            }
        }
        Err(reason) => facts.configs_unknown = Some(reason),
    }
    (id, facts)
}

type Dynamic = BTreeMap<BrokerConfigScope, Knowledge<BTreeMap<String, Option<String>>>>;

/// Reads the dynamic configs of the scopes: of each only what is set for it itself.
pub(super) async fn dynamic(cluster: &KafkaCluster, scopes: &BTreeSet<BrokerConfigScope>) -> Dynamic {
    let mut read = Vec::new();
    for scope in scopes {
        read.push(dynamic_of(cluster, *scope).boxed());
    }
    stream::iter(read).buffer_unordered(MOST_BROKERS).collect().await
}

async fn dynamic_of(
    cluster: &KafkaCluster,
    scope: BrokerConfigScope,
) -> (BrokerConfigScope, Knowledge<BTreeMap<String, Option<String>>>) {
    let source = match scope {
        BrokerConfigScope::Default => SOURCE_DYNAMIC_DEFAULT_BROKER,
        BrokerConfigScope::Broker(_) => SOURCE_DYNAMIC_BROKER,
    };
    let value = match broker_entries(cluster, scope, None).await {
        Ok(entries) => {
            let set = entries.iter().filter(|entry| entry.config_source == source);
            Knowledge::Known(set.map(|entry| (entry.name.to_string(), shown(entry).map(str::to_owned))).collect())
        }
        Err(reason) => Knowledge::Unknown(reason),
    };
    (scope, value)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    fn names(n: usize) -> Vec<TopicName> {
        (0..n).map(|number| TopicName::parse(&format!("t{number}")).unwrap()).collect()
    }

    fn entry(
        name: &'static str,
        value: Option<&'static str>,
        source: i8,
        sensitive: bool,
    ) -> DescribeConfigsResourceResult {
        DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(value.map(StrBytes::from_static_str))
            .with_config_source(source)
            .with_is_sensitive(sensitive)
    }

    #[test]
    fn few_topics_are_asked_of_one_broker_and_many_of_all_each_with_two_requests_in_flight() {
        let brokers = |ids: &[i32]| ids.iter().map(|id| Target::Broker(*id)).collect::<Vec<_>>();
        assert_eq!(asked(999, &[1, 2, 3]), brokers(&[1, 1]));
        assert_eq!(asked(1_000, &[1, 2, 3]), brokers(&[1, 2, 3, 1, 2, 3]));
        assert_eq!(asked(1_000, &[]), [Target::Steady(0)]);
    }

    #[test]
    fn only_the_source_says_what_is_set() {
        let mut configs = TopicConfigs::default();
        let entries = vec![
            entry("retention.ms", Some("604800000"), SOURCE_DYNAMIC_TOPIC, false),
            entry("old.key", None, SOURCE_DYNAMIC_TOPIC, true),
            entry("min.insync.replicas", Some("2"), 4, false),
            entry("segment.ms", Some("5"), 5, false),
        ];
        configs.take(names(1).remove(0), entries);
        configs.take(names(2).remove(1), vec![entry("min.insync.replicas", Some("1"), 5, false)]);
        let Some(Outcome::Overrides(overrides)) = configs.overrides.get(&names(1)[0]) else { panic!("no overrides") };
        let overrides: Vec<(&str, Option<&str>)> =
            overrides.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        assert_eq!(overrides, [("old.key", None), ("retention.ms", Some("604800000"))]);
        assert_eq!(configs.defaults["min.insync.replicas"].iter().collect::<Vec<_>>(), ["1", "2"]);
        assert!(!configs.defaults.contains_key("retention.ms"));
    }

    #[test]
    fn every_topic_that_was_asked_for_gets_an_outcome_or_a_failure() {
        let mut configs = TopicConfigs::default();
        let mut failed = Failures::new();
        let result = |name: &'static str, code| {
            DescribeConfigsResult::default().with_resource_name(StrBytes::from_static_str(name)).with_error_code(code)
        };
        let asked = names(3);
        sort_out(&mut configs, &mut failed, &asked, Ok(vec![result("t0", 0), result("t1", 29), result("other", 0)]));
        assert_eq!(configs.overrides.keys().map(TopicName::as_str).collect::<Vec<_>>(), ["t0"]);
        let failed: Vec<(&str, &str)> =
            failed.iter().map(|(name, (_, reason))| (name.as_str(), reason.as_str())).collect();
        assert_eq!(
            failed,
            [
                ("t1", "TOPIC_AUTHORIZATION_FAILED: not authorized to access the topic"),
                ("t2", "the broker's answer leaves it out")
            ]
        );
    }
}
