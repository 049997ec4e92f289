//! Which topics there are, with partitions and replication; then their configs.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};

use super::reassignments::{self, Reassignments};
use super::{Topics, configs};
use crate::domain::names::TopicName;
use crate::domain::observed::{ObservedReplication, ObservedTopic};
use crate::kafka::KafkaCluster;
use crate::kafka::errors::{CallError, describe, is_retriable};
use crate::kafka::pool::Target;
use crate::kafka::wire;

/// Topics asked for by name in one request.
const NAMES_PER_REQUEST: usize = 1_000;

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;

/// What a look-up found under a name.
pub(crate) enum Found {
    /// The topic.
    Topic(Box<MetadataResponseTopic>),
    /// Nothing, for certain.
    Absent,
    /// It cannot be told.
    Unknown(String),
}

/// Reads all topics that the principal may see, and looks up `names` that are not among them.
pub(super) async fn list(cluster: &KafkaCluster, names: &BTreeSet<TopicName>) -> Result<Topics, CallError> {
    let all = cluster.pool.read(Target::Steady(0), |_| request(None));
    // The list silently leaves out what the principal may not describe. A name that cannot exist tells: only who may
    // describe every topic is told that it is unknown.
    let probe = TopicName::parse(&format!("driftless-probe-{}", uuid::Uuid::new_v4().simple())).ok();
    let probing = look_up(cluster, probe.as_slice());
    let (all, probed, reassignments) = futures::join!(all, probing, reassignments::list(cluster));
    let mut listed = by_name(all?);
    let incomplete = match probed?.into_values().next() {
        Some(Found::Unknown(reason)) => Some(format!(
            "{reason}; the principal may not describe every topic, and Kafka leaves those out of the list"
        )),
        Some(Found::Topic(_) | Found::Absent) | None => None,
    };
    let missing: Vec<TopicName> = names.iter().filter(|name| !listed.contains_key(*name)).cloned().collect();
    let mut found = look_up(cluster, &missing).await?;
    // A topic whose list entry is an error is looked up too.
    let broken: Vec<TopicName> =
        listed.iter().filter(|(_, topic)| topic.error_code != 0).map(|(name, _)| name.clone()).collect();
    for name in &broken {
        listed.remove(name);
    }
    if !broken.is_empty() {
        found.extend(look_up(cluster, &broken).await?);
    }
    let listed = listed.into_iter().map(|(name, topic)| (name, Found::Topic(Box::new(topic))));
    complete(cluster, listed.chain(found).collect(), reassignments, incomplete).await
}

/// Reads these topics only.
pub(super) async fn only(cluster: &KafkaCluster, names: &BTreeSet<TopicName>) -> Result<Topics, CallError> {
    if names.is_empty() {
        return Ok(empty());
    }
    let names: Vec<TopicName> = names.iter().cloned().collect();
    let (found, reassignments) = futures::join!(look_up(cluster, &names), reassignments::list(cluster));
    complete(cluster, found?, reassignments, None).await
}

fn empty() -> Topics {
    Topics {
        topics: BTreeMap::new(),
        unknown: BTreeMap::new(),
        incomplete: None,
        defaults: BTreeMap::new(),
        lacking: BTreeMap::new(),
    }
}

/// Adds the configs, and builds the topics.
async fn complete(
    cluster: &KafkaCluster,
    found: BTreeMap<TopicName, Found>,
    reassignments: Result<Reassignments, String>,
    incomplete: Option<String>,
) -> Result<Topics, CallError> {
    let mut topics = empty();
    topics.incomplete = incomplete;
    let reassignments = reassignments.unwrap_or_else(|reason| {
        topics.lacking.insert("ListPartitionReassignments".to_owned(), reason);
        Reassignments::default()
    });
    let mut there = Vec::new();
    for (name, found) in found {
        match found {
            Found::Topic(topic) => {
                let observed = observed_topic(&name, &topic, &reassignments);
                there.push((name, observed));
            }
            Found::Absent => {}
            Found::Unknown(reason) => {
                topics.unknown.insert(name, reason);
            }
        }
    }
    // A map that is made at once is as small as can be; one that grows is half empty.
    topics.topics = there.into_iter().collect();
    let names: Vec<TopicName> = topics.topics.keys().cloned().collect();
    let configs = configs::topics(cluster, &names).await?;
    topics.defaults = configs.defaults.into_iter().collect();
    for (name, outcome) in configs.overrides {
        let Some(topic) = topics.topics.get_mut(&name) else { continue };
        match outcome {
            configs::Outcome::Overrides(overrides) => topic.overrides = overrides,
            configs::Outcome::Unknown(reason) => topic.overrides_unknown = Some(reason),
            configs::Outcome::Gone => {
                topics.topics.remove(&name);
            }
        }
    }
    Ok(topics)
}

/// Asks for topics by name. Every name gets an answer.
pub(crate) async fn look_up(
    cluster: &KafkaCluster,
    names: &[TopicName],
) -> Result<BTreeMap<TopicName, Found>, CallError> {
    let mut found = BTreeMap::new();
    let mut pauses = cluster.pauses();
    let mut open: Vec<TopicName> = names.to_vec();
    while !open.is_empty() {
        let mut again = Vec::new();
        for chunk in open.chunks(NAMES_PER_REQUEST) {
            let mut answers = by_name(cluster.pool.read(Target::Steady(0), |_| request(Some(chunk))).await?);
            for name in chunk {
                let outcome = match answers.remove(name) {
                    None => Found::Unknown("the broker's answer leaves it out".to_owned()),
                    Some(topic) => match topic.error_code {
                        0 => Found::Topic(Box::new(topic)),
                        UNKNOWN_TOPIC_OR_PARTITION => Found::Absent,
                        TOPIC_AUTHORIZATION_FAILED => Found::Unknown(describe(topic.error_code, None)),
                        code => {
                            if is_retriable(code) {
                                again.push(name.clone());
                            }
                            Found::Unknown(describe(code, None))
                        }
                    },
                };
                found.insert(name.clone(), outcome);
            }
        }
        open = again;
        if open.is_empty() || !pauses.pause().await {
            break;
        }
    }
    Ok(found)
}

fn request(names: Option<&[TopicName]>) -> MetadataRequest {
    let topic = |name: &TopicName| MetadataRequestTopic::default().with_name(Some(wire::topic(name)));
    MetadataRequest::default()
        .with_topics(names.map(|names| names.iter().map(topic).collect()))
        .with_allow_auto_topic_creation(false)
}

fn by_name(answer: MetadataResponse) -> BTreeMap<TopicName, MetadataResponseTopic> {
    answer
        .topics
        .into_iter()
        .filter_map(|topic| {
            let name = TopicName::parse(topic.name.as_ref()?.as_str()).ok()?;
            Some((name, topic))
        })
        .collect()
}

fn observed_topic(name: &TopicName, topic: &MetadataResponseTopic, reassignments: &Reassignments) -> ObservedTopic {
    let replicas = topic.partitions.iter().map(|partition| {
        let stands = partition.replica_nodes.len();
        reassignments.target(name, partition.partition_index).unwrap_or(stands)
    });
    let (mut least, mut most) = (i16::MAX, 0);
    for count in replicas {
        let count = i16::try_from(count).unwrap_or(i16::MAX);
        (least, most) = (least.min(count), most.max(count));
    }
    ObservedTopic {
        id: Some(topic.topic_id).filter(|id| !id.is_nil()),
        partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
        replication: if least >= most {
            ObservedReplication::Uniform(most)
        } else {
            ObservedReplication::Mixed(least, most)
        },
        internal: topic.is_internal,
        overrides: BTreeMap::new(),
        overrides_unknown: None,
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::BrokerId;
    use kafka_protocol::messages::metadata_response::MetadataResponsePartition;

    use super::*;

    fn topic(replicas: &[usize]) -> MetadataResponseTopic {
        let partition = |(index, count): (usize, &usize)| {
            MetadataResponsePartition::default()
                .with_partition_index(i32::try_from(index).unwrap())
                .with_replica_nodes((0..*count).map(|id| BrokerId(i32::try_from(id).unwrap())).collect())
        };
        MetadataResponseTopic::default().with_partitions(replicas.iter().enumerate().map(partition).collect())
    }

    #[test]
    fn replication_is_uniform_or_mixed_and_counts_the_target_of_a_reassignment() {
        let name = TopicName::parse("a").unwrap();
        let none = Reassignments::default();
        for (replicas, expected) in [
            (vec![3, 3], ObservedReplication::Uniform(3)),
            (vec![1, 3, 2], ObservedReplication::Mixed(1, 3)),
            (vec![], ObservedReplication::Uniform(0)),
        ] {
            assert_eq!(observed_topic(&name, &topic(&replicas), &none).replication, expected);
        }
        let moving = Reassignments::of(&[("a", 1, [&[1, 2, 3, 4, 5, 6], &[4, 5, 6], &[1, 2, 3]])]);
        assert_eq!(observed_topic(&name, &topic(&[3, 6]), &moving).replication, ObservedReplication::Uniform(3));
    }
}
