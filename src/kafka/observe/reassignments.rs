//! Running reassignments: while one runs, a partition has more replicas than it will keep.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};

use crate::domain::names::TopicName;
use crate::kafka::KafkaCluster;
use crate::kafka::errors::describe;
use crate::kafka::pool::Target;

/// How long the controller gets. All else is read from what brokers know themselves; this alone is passed on, and hangs
/// while the controller is silent. The state is worth more without it than not at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// The number of replicas that each moving partition will have, by topic and partition.
#[derive(Default)]
pub(super) struct Reassignments(BTreeMap<String, BTreeMap<i32, usize>>);

impl Reassignments {
    /// Returns how many replicas a moving partition will have.
    pub(super) fn target(&self, topic: &TopicName, partition: i32) -> Option<usize> {
        self.0.get(topic.as_str())?.get(&partition).copied()
    }

    fn from_answer(answer: ListPartitionReassignmentsResponse) -> Self {
        let mut moving: BTreeMap<String, BTreeMap<i32, usize>> = BTreeMap::new();
        for topic in answer.topics {
            let partitions = moving.entry(topic.name.to_string()).or_default();
            for partition in topic.partitions {
                let mut replicas: BTreeSet<i32> = partition.replicas.iter().map(|id| id.0).collect();
                replicas.extend(partition.adding_replicas.iter().map(|id| id.0));
                for id in &partition.removing_replicas {
                    replicas.remove(&id.0);
                }
                partitions.insert(partition.partition_index, replicas.len());
            }
        }
        Self(moving)
    }

    /// Makes one of topic, partition, and its replicas, adding and removing ones.
    #[cfg(test)]
    pub(super) fn of(moving: &[(&str, i32, [&[i32]; 3])]) -> Self {
        use kafka_protocol::messages::BrokerId;
        use kafka_protocol::messages::list_partition_reassignments_response::{
            OngoingPartitionReassignment, OngoingTopicReassignment,
        };
        use kafka_protocol::protocol::StrBytes;
        let ids = |ids: &[i32]| ids.iter().map(|id| BrokerId(*id)).collect::<Vec<_>>();
        let topics = moving.iter().map(|(name, partition, [replicas, adding, removing])| {
            let partition = OngoingPartitionReassignment::default()
                .with_partition_index(*partition)
                .with_replicas(ids(replicas))
                .with_adding_replicas(ids(adding))
                .with_removing_replicas(ids(removing));
            OngoingTopicReassignment::default()
                .with_name(StrBytes::from_string((*name).to_owned()).into())
                .with_partitions(vec![partition])
        });
        Self::from_answer(ListPartitionReassignmentsResponse::default().with_topics(topics.collect()))
    }
}

/// Reads all running reassignments; the failure is the reason in one line.
pub(super) async fn list(cluster: &KafkaCluster) -> Result<Reassignments, String> {
    let limit = i32::try_from(PATIENCE.as_millis()).unwrap_or(i32::MAX);
    let request = |_| ListPartitionReassignmentsRequest::default().with_topics(None).with_timeout_ms(limit);
    let asked = cluster.ask(Target::Controller, request, |answer| answer.error_code);
    let answer = tokio::time::timeout(PATIENCE, asked)
        .await
        .map_err(|_| format!("the controller did not answer within {PATIENCE:.0?}"))?
        .map_err(|error| error.reason())?;
    match answer.error_code {
        0 => Ok(Reassignments::from_answer(answer)),
        code => Err(describe(code, answer.error_message.as_deref())),
    }
}
