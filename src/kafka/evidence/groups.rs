//! Which groups with members use a topic: by committed offsets, or by what their members are assigned.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Buf;
use futures::FutureExt;
use futures::future::join_all;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerProtocolAssignment, DescribeClusterRequest, DescribeGroupsRequest, GroupId,
    ListGroupsRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::Decodable;

use crate::domain::names::TopicName;
use crate::kafka::KafkaCluster;
use crate::kafka::errors::CallError;
use crate::kafka::pool::Target;
use crate::kafka::wire;

/// Groups in one request.
const GROUPS_PER_REQUEST: usize = 100;

/// The bit of the operation Describe in Kafka's set of authorized operations.
const DESCRIBE: i32 = 1 << 8;

/// Active groups by topic.
pub(super) struct Groups {
    by_topic: BTreeMap<TopicName, BTreeSet<String>>,
    /// Whether all groups were seen.
    complete: bool,
}

impl Groups {
    /// Returns a topic's groups. When not all groups could be seen, none found is not none there.
    pub(super) fn of(&self, topic: &TopicName) -> Option<BTreeSet<String>> {
        match self.by_topic.get(topic) {
            Some(groups) => Some(groups.clone()),
            None if self.complete => Some(BTreeSet::new()),
            None => None,
        }
    }
}

pub(super) async fn active(cluster: &KafkaCluster, topics: &BTreeMap<TopicName, BTreeSet<i32>>) -> Groups {
    let mut groups = Groups { by_topic: BTreeMap::new(), complete: sees_all_groups(cluster).await };
    let Ok(view) = cluster.pool.view().await else {
        groups.complete = false;
        return groups;
    };
    let mut asked = Vec::new();
    for id in view.brokers.keys() {
        asked.push(coordinated_by(cluster, *id, topics).boxed());
    }
    for outcome in join_all(asked).await {
        match outcome {
            Ok(uses) => {
                for (topic, group) in uses {
                    groups.by_topic.entry(topic).or_default().insert(group);
                }
            }
            Err(error) => {
                tracing::debug!(reason = error.reason(), "cannot read groups");
                groups.complete = false;
            }
        }
    }
    groups
}

/// Says whether a list of groups holds all of them: without Describe on the cluster it silently lacks some.
async fn sees_all_groups(cluster: &KafkaCluster) -> bool {
    let request = |_| DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
    match cluster.pool.read(Target::Steady(0), request).await {
        Ok(answer) => answer.error_code == 0 && answer.cluster_authorized_operations & DESCRIBE != 0,
        Err(_) => false,
    }
}

/// Returns which of the topics are used by the active groups that one broker coordinates.
async fn coordinated_by(
    cluster: &KafkaCluster,
    broker: i32,
    topics: &BTreeMap<TopicName, BTreeSet<i32>>,
) -> Result<Vec<(TopicName, String)>, CallError> {
    let list = |_| ListGroupsRequest::default();
    let answer = cluster.ask(Target::Broker(broker), list, |answer| answer.error_code).await?;
    if answer.error_code != 0 {
        let reason = crate::kafka::errors::describe(answer.error_code, None);
        return Err(CallError::NotSent(crate::kafka::errors::unreachable(reason, None)));
    }
    let (mut new, mut classic) = (Vec::new(), Vec::new());
    for group in answer.groups {
        // A group without a state comes from a broker that is too old to say it.
        if matches!(group.group_state.as_str(), "Empty" | "Dead") {
            continue;
        }
        if group.group_type.as_str().eq_ignore_ascii_case("consumer") { &mut new } else { &mut classic }
            .push(group.group_id);
    }
    let all: Vec<GroupId> = new.iter().chain(&classic).cloned().collect();
    let mut uses = Vec::new();
    for chunk in all.chunks(GROUPS_PER_REQUEST) {
        committed(cluster, broker, chunk, topics, &mut uses).await?;
    }
    for chunk in classic.chunks(GROUPS_PER_REQUEST) {
        assigned_classic(cluster, broker, chunk, &mut uses).await?;
    }
    for chunk in new.chunks(GROUPS_PER_REQUEST) {
        assigned_new(cluster, broker, chunk, &mut uses).await?;
    }
    uses.retain(|(topic, _)| topics.contains_key(topic));
    Ok(uses)
}

type Uses = Vec<(TopicName, String)>;

async fn committed(
    cluster: &KafkaCluster,
    broker: i32,
    groups: &[GroupId],
    topics: &BTreeMap<TopicName, BTreeSet<i32>>,
    uses: &mut Uses,
) -> Result<(), CallError> {
    let topics: Vec<OffsetFetchRequestTopics> = topics
        .iter()
        .map(|(name, partitions)| {
            OffsetFetchRequestTopics::default()
                .with_name(wire::topic(name))
                .with_partition_indexes(partitions.iter().copied().collect())
        })
        .collect();
    let asked: Vec<OffsetFetchRequestGroup> = groups
        .iter()
        .map(|id| OffsetFetchRequestGroup::default().with_group_id(id.clone()).with_topics(Some(topics.clone())))
        .collect();
    let request = |_| OffsetFetchRequest::default().with_groups(asked.clone());
    let answer = cluster.pool.read(Target::Broker(broker), request).await?;
    for group in answer.groups {
        for topic in group.topics {
            let used = topic.partitions.iter().any(|partition| partition.committed_offset >= 0);
            if let (true, Ok(name)) = (used, TopicName::parse(topic.name.as_str())) {
                uses.push((name, group.group_id.to_string()));
            }
        }
    }
    Ok(())
}

async fn assigned_classic(
    cluster: &KafkaCluster,
    broker: i32,
    groups: &[GroupId],
    uses: &mut Uses,
) -> Result<(), CallError> {
    let request = |_| DescribeGroupsRequest::default().with_groups(groups.to_vec());
    let answer = cluster.pool.read(Target::Broker(broker), request).await?;
    for group in answer.groups.into_iter().filter(|group| group.error_code == 0) {
        if group.protocol_type.as_str() != "consumer" {
            continue;
        }
        for member in group.members {
            let mut assignment = member.member_assignment;
            if assignment.len() < 2 {
                continue;
            }
            let version = assignment.get_i16();
            // The members write this themselves; later versions only add to it.
            let Ok(assignment) = ConsumerProtocolAssignment::decode(&mut assignment, version.clamp(0, 3)) else {
                continue;
            };
            for topic in assignment.assigned_partitions {
                if let Ok(name) = TopicName::parse(topic.topic.as_str()) {
                    uses.push((name, group.group_id.to_string()));
                }
            }
        }
    }
    Ok(())
}

async fn assigned_new(
    cluster: &KafkaCluster,
    broker: i32,
    groups: &[GroupId],
    uses: &mut Uses,
) -> Result<(), CallError> {
    let request = |_| ConsumerGroupDescribeRequest::default().with_group_ids(groups.to_vec());
    let answer = match cluster.pool.read(Target::Broker(broker), request).await {
        Ok(answer) => answer,
        // Then there are no such groups either.
        Err(CallError::Unsupported(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    for group in answer.groups.into_iter().filter(|group| group.error_code == 0) {
        for member in group.members {
            for topic in member.assignment.topic_partitions.into_iter().chain(member.target_assignment.topic_partitions)
            {
                if let Ok(name) = TopicName::parse(topic.topic_name.as_str()) {
                    uses.push((name, group.group_id.to_string()));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_group_found_is_only_none_when_all_were_seen() {
        let (a, b) = (TopicName::parse("a").unwrap(), TopicName::parse("b").unwrap());
        let by_topic = BTreeMap::from([(a.clone(), BTreeSet::from(["billing".to_owned()]))]);
        let mut groups = Groups { by_topic, complete: true };
        assert_eq!(groups.of(&b), Some(BTreeSet::new()));
        groups.complete = false;
        assert_eq!(groups.of(&b), None);
        assert_eq!(groups.of(&a).map(|groups| groups.len()), Some(1));
    }
}
