//! What would be lost with a topic: records, bytes, active groups. Each is best effort; what is not allowed is not known.

mod groups;
mod sizes;

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::metadata_response::MetadataResponseTopic;

use super::KafkaCluster;
use super::errors::CallError;
use super::observe::{Found, look_up};
use crate::domain::names::TopicName;
use crate::domain::observed::TopicEvidence;
use crate::ports::ClusterError;

/// A partition of a topic.
type Partition = (TopicName, i32);

/// Partitions by the broker that leads them.
type Leaders = BTreeMap<i32, BTreeSet<Partition>>;

pub(super) async fn evidence(
    cluster: &KafkaCluster,
    topics: &BTreeSet<TopicName>,
) -> Result<BTreeMap<TopicName, TopicEvidence>, ClusterError> {
    if topics.is_empty() {
        return Ok(BTreeMap::new());
    }
    cluster.pool.refresh().await.map_err(CallError::into_cluster_error)?;
    let names: Vec<TopicName> = topics.iter().cloned().collect();
    let found = look_up(cluster, &names).await.map_err(CallError::into_cluster_error)?;
    let mut partitions: BTreeMap<TopicName, BTreeSet<i32>> = BTreeMap::new();
    let mut leaders = Leaders::new();
    for (name, found) in found {
        if let Found::Topic(topic) = found {
            partitions
                .insert(name.clone(), topic.partitions.iter().map(|partition| partition.partition_index).collect());
            lead(&mut leaders, &name, &topic);
        }
    }
    let (records, bytes, groups) = futures::join!(
        sizes::records(cluster, &leaders),
        sizes::bytes(cluster, &leaders),
        groups::active(cluster, &partitions),
    );
    let evidence = partitions.into_iter().map(|(name, partitions)| {
        let evidence = TopicEvidence {
            records: total(&name, &partitions, &records),
            bytes: total(&name, &partitions, &bytes),
            active_groups: groups.of(&name),
        };
        (name, evidence)
    });
    Ok(evidence.collect())
}

fn lead(leaders: &mut Leaders, name: &TopicName, topic: &MetadataResponseTopic) {
    for partition in &topic.partitions {
        leaders.entry(partition.leader_id.0).or_default().insert((name.clone(), partition.partition_index));
    }
}

/// Adds the values of a topic's partitions up; a single one that is missing makes the sum unknown.
fn total(name: &TopicName, partitions: &BTreeSet<i32>, values: &BTreeMap<Partition, u64>) -> Option<u64> {
    partitions.iter().map(|index| values.get(&(name.clone(), *index)).copied()).sum()
}

/// Gathers a broker's partitions by topic, as requests want them.
fn by_topic(partitions: &BTreeSet<Partition>) -> BTreeMap<&TopicName, Vec<i32>> {
    let mut topics: BTreeMap<&TopicName, Vec<i32>> = BTreeMap::new();
    for (name, index) in partitions {
        topics.entry(name).or_default().push(*index);
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_with_a_part_missing_is_not_known() {
        let name = TopicName::parse("a").unwrap();
        let values = BTreeMap::from([((name.clone(), 0), 5), ((name.clone(), 1), 7)]);
        assert_eq!(total(&name, &BTreeSet::from([0, 1]), &values), Some(12));
        assert_eq!(total(&name, &BTreeSet::from([0, 1, 2]), &values), None);
    }
}
