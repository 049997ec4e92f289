//! Records and bytes of partitions, asked of their leaders.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt;
use futures::future::join_all;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, DescribeLogDirsRequest, ListOffsetsRequest};

use super::{Leaders, Partition, by_topic};
use crate::domain::names::TopicName;
use crate::kafka::KafkaCluster;
use crate::kafka::pool::Target;
use crate::kafka::wire;

/// Kafka's special timestamps of ListOffsets.
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

/// "Not a replica": an ordinary client.
const CLIENT: BrokerId = BrokerId(-1);

/// Returns the number of offsets between the first and the last, for each partition that could be asked for.
pub(super) async fn records(cluster: &KafkaCluster, leaders: &Leaders) -> BTreeMap<Partition, u64> {
    let mut asked = Vec::new();
    for (leader, partitions) in leaders {
        for timestamp in [EARLIEST, LATEST] {
            asked.push(offsets(cluster, *leader, partitions, timestamp).boxed());
        }
    }
    let (mut earliest, mut latest) = (BTreeMap::new(), BTreeMap::new());
    for (timestamp, offsets) in join_all(asked).await {
        if timestamp == EARLIEST { earliest.extend(offsets) } else { latest.extend(offsets) }
    }
    let count = |(partition, last): (Partition, i64)| {
        let first = earliest.get(&partition)?;
        Some((partition, u64::try_from(last - first).ok()?))
    };
    latest.into_iter().filter_map(count).collect()
}

async fn offsets(
    cluster: &KafkaCluster,
    leader: i32,
    partitions: &BTreeSet<Partition>,
    timestamp: i64,
) -> (i64, BTreeMap<Partition, i64>) {
    let topics: Vec<ListOffsetsTopic> = by_topic(partitions)
        .into_iter()
        .map(|(name, indexes)| {
            let partition =
                |index: &i32| ListOffsetsPartition::default().with_partition_index(*index).with_timestamp(timestamp);
            ListOffsetsTopic::default()
                .with_name(wire::topic(name))
                .with_partitions(indexes.iter().map(partition).collect())
        })
        .collect();
    let request = |_| ListOffsetsRequest::default().with_replica_id(CLIENT).with_topics(topics.clone());
    let mut offsets = BTreeMap::new();
    match cluster.pool.read(Target::Broker(leader), request).await {
        Ok(answer) => {
            for topic in answer.topics {
                let Ok(name) = TopicName::parse(topic.name.as_str()) else { continue };
                for partition in topic.partitions.iter().filter(|partition| partition.error_code == 0) {
                    offsets.insert((name.clone(), partition.partition_index), partition.offset);
                }
            }
        }
        Err(error) => tracing::debug!(leader, reason = error.reason(), "cannot read offsets"),
    }
    (timestamp, offsets)
}

/// Returns the size of each partition's log at its leader.
pub(super) async fn bytes(cluster: &KafkaCluster, leaders: &Leaders) -> BTreeMap<Partition, u64> {
    let mut asked = Vec::new();
    for (leader, partitions) in leaders {
        asked.push(log_sizes(cluster, *leader, partitions).boxed());
    }
    join_all(asked).await.into_iter().flatten().collect()
}

async fn log_sizes(cluster: &KafkaCluster, leader: i32, partitions: &BTreeSet<Partition>) -> BTreeMap<Partition, u64> {
    let topics: Vec<DescribableLogDirTopic> = by_topic(partitions)
        .into_iter()
        .map(|(name, indexes)| DescribableLogDirTopic::default().with_topic(wire::topic(name)).with_partitions(indexes))
        .collect();
    let request = |_| DescribeLogDirsRequest::default().with_topics(Some(topics.clone()));
    let mut sizes = BTreeMap::new();
    match cluster.pool.read(Target::Broker(leader), request).await {
        Ok(answer) => {
            for topic in answer.results.iter().filter(|result| result.error_code == 0).flat_map(|result| &result.topics)
            {
                let Ok(name) = TopicName::parse(topic.name.as_str()) else { continue };
                // A future log is a copy on its way to another directory of the same broker.
                for partition in topic.partitions.iter().filter(|partition| !partition.is_future_key) {
                    if let Ok(size) = u64::try_from(partition.partition_size) {
                        sizes.insert((name.clone(), partition.partition_index), size);
                    }
                }
            }
        }
        Err(error) => tracing::debug!(leader, reason = error.reason(), "cannot read log directories"),
    }
    sizes
}
