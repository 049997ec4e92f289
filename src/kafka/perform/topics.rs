//! CreateTopics, CreatePartitions, DeleteTopics.

use std::collections::BTreeMap;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};
use uuid::Uuid;

use super::{Answer, Mode, Reply, broker_limit, not_sent, our_limit, throttle};
use crate::domain::names::TopicName;
use crate::domain::operation::Operation;
use crate::kafka::KafkaCluster;
use crate::kafka::errors::CallError;
use crate::kafka::pool::Target;
use crate::kafka::wire;

/// The first version of DeleteTopics that takes ids.
const DELETE_BY_ID: i16 = 6;

/// What Kafka takes as "the controller's default".
const DEFAULT: i32 = -1;

pub(super) async fn create(cluster: &KafkaCluster, batch: &[&Operation], mode: Mode) -> Result<Answer, CallError> {
    let topics: Vec<CreatableTopic> = batch.iter().filter_map(|operation| creatable(operation)).collect();
    let request = |_| {
        CreateTopicsRequest::default()
            .with_topics(topics.clone())
            .with_timeout_ms(broker_limit(cluster))
            .with_validate_only(mode.validate_only())
    };
    let answer = cluster.pool.write(Target::Controller, our_limit(cluster), request).await?;
    let replies = answer
        .topics
        .iter()
        .map(|topic| (topic.name.to_string(), Reply::of(topic.error_code, topic.error_message.as_ref())));
    Ok(Answer { throttle: throttle(answer.throttle_time_ms), results: in_order(batch, replies.collect()) })
}

fn creatable(operation: &Operation) -> Option<CreatableTopic> {
    let Operation::CreateTopic { topic, partitions, replication_factor, config } = operation else { return None };
    let configs = config.iter().map(|(key, value)| {
        CreatableTopicConfig::default().with_name(wire::text(key)).with_value(Some(wire::text(value)))
    });
    let created = CreatableTopic::default()
        .with_name(wire::topic(topic))
        .with_num_partitions(partitions.unwrap_or(DEFAULT))
        .with_replication_factor(replication_factor.unwrap_or(-1))
        .with_configs(configs.collect());
    Some(created)
}

pub(super) async fn add_partitions(
    cluster: &KafkaCluster,
    batch: &[&Operation],
    mode: Mode,
) -> Result<Answer, CallError> {
    let mut topics = Vec::new();
    for operation in batch {
        if let Operation::AddPartitions { topic, total } = operation {
            let topic = CreatePartitionsTopic::default().with_name(wire::topic(topic));
            topics.push(topic.with_count(*total).with_assignments(None));
        }
    }
    let request = |_| {
        CreatePartitionsRequest::default()
            .with_topics(topics.clone())
            .with_timeout_ms(broker_limit(cluster))
            .with_validate_only(mode.validate_only())
    };
    let answer = cluster.pool.write(Target::Controller, our_limit(cluster), request).await?;
    let replies = answer
        .results
        .iter()
        .map(|topic| (topic.name.to_string(), Reply::of(topic.error_code, topic.error_message.as_ref())));
    Ok(Answer { throttle: throttle(answer.throttle_time_ms), results: in_order(batch, replies.collect()) })
}

fn name(operation: &Operation) -> Option<&TopicName> {
    match operation {
        Operation::CreateTopic { topic, .. }
        | Operation::AddPartitions { topic, .. }
        | Operation::AlterTopicConfig { topic, .. }
        | Operation::DeleteTopic { topic, .. } => Some(topic),
        Operation::UpsertScram { .. }
        | Operation::DeleteScram { .. }
        | Operation::CreateAcl(_)
        | Operation::DeleteAcl(_)
        | Operation::AlterQuota { .. }
        | Operation::AlterBrokerConfig { .. } => None,
    }
}

/// Brings replies, which brokers give in any order, into that of the operations. To the same resource twice in one request
/// they reply once, and refuse it.
pub(super) fn in_order(batch: &[&Operation], replies: BTreeMap<String, Reply>) -> Vec<Reply> {
    let reply = |operation: &&Operation| name(operation).and_then(|topic| replies.get(topic.as_str()).cloned());
    batch.iter().map(reply).map(|reply| reply.unwrap_or_else(Reply::missing)).collect()
}

pub(super) async fn delete(cluster: &KafkaCluster, batch: &[&Operation]) -> Result<Answer, CallError> {
    let mut topics: Vec<(&TopicName, Option<Uuid>)> = Vec::new();
    for operation in batch {
        if let Operation::DeleteTopic { topic, id } = operation {
            topics.push((topic, *id));
        }
    }
    // Checked again before each try: another broker may be older.
    let by_id = topics.iter().any(|(_, id)| id.is_some());
    if by_id && cluster.pool.version::<DeleteTopicsRequest>(Target::Controller).await? < DELETE_BY_ID {
        let error = not_sent(
            "UNSUPPORTED_VERSION",
            "the brokers cannot delete a topic by its id, and its name alone may be another topic",
        );
        return Ok(Answer { throttle: throttle(0), results: vec![Reply::Failed(error); batch.len()] });
    }
    let request = |version| delete_request(&topics, version).with_timeout_ms(broker_limit(cluster));
    let answer = cluster.pool.write(Target::Controller, our_limit(cluster), request).await?;
    let (mut by_id, mut by_name) = (BTreeMap::new(), BTreeMap::new());
    for result in &answer.responses {
        let reply = Reply::of(result.error_code, result.error_message.as_ref());
        by_id.insert(result.topic_id, reply.clone());
        if let Some(name) = &result.name {
            by_name.insert(name.to_string(), reply);
        }
    }
    let reply = |(name, id): (&TopicName, Option<Uuid>)| match id {
        Some(id) => by_id.get(&id).cloned(),
        None => by_name.get(name.as_str()).cloned(),
    };
    let results = topics.into_iter().map(reply).map(|reply| reply.unwrap_or_else(Reply::missing)).collect();
    Ok(Answer { throttle: throttle(answer.throttle_time_ms), results })
}

/// Names by id what has one. Where ids cannot be sent, such topics are left out: their name may be another topic's.
fn delete_request(topics: &[(&TopicName, Option<Uuid>)], version: i16) -> DeleteTopicsRequest {
    let request = DeleteTopicsRequest::default();
    if version < DELETE_BY_ID {
        let named = topics.iter().filter(|(_, id)| id.is_none());
        return request.with_topic_names(named.map(|(name, _)| wire::topic(name)).collect());
    }
    let states = topics.iter().map(|(name, id)| match id {
        Some(id) => DeleteTopicState::default().with_name(None).with_topic_id(*id),
        None => DeleteTopicState::default().with_name(Some(wire::topic(name))),
    });
    request.with_topics(states.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_with_an_id_is_never_deleted_by_its_name() {
        let (a, b) = (TopicName::parse("a").unwrap(), TopicName::parse("b").unwrap());
        let topics = [(&a, Some(Uuid::from_u128(7))), (&b, None)];
        let request = delete_request(&topics, 6);
        assert_eq!(request.topics[0].name, None);
        assert_eq!(request.topics[0].topic_id, Uuid::from_u128(7));
        assert_eq!(request.topics[1].name.as_ref().map(|name| name.to_string()).as_deref(), Some("b"));
        let request = delete_request(&topics, 5);
        assert_eq!(request.topic_names.iter().map(|name| name.to_string()).collect::<Vec<_>>(), ["b"]);
        assert!(request.topics.is_empty());
    }

    #[test]
    fn replies_come_in_the_order_of_the_operations_and_none_is_made_up() {
        let create = |name: &str| Operation::CreateTopic {
            topic: TopicName::parse(name).unwrap(),
            partitions: None,
            replication_factor: None,
            config: BTreeMap::new(),
        };
        let (a, b, c) = (create("a"), create("b"), create("c"));
        let replies = [("b", 36), ("a", 0)].map(|(name, code)| (name.to_owned(), Reply::Code(code, None)));
        let replies = in_order(&[&a, &b, &c], BTreeMap::from(replies));
        assert_eq!(replies, [Reply::Code(0, None), Reply::Code(36, None), Reply::missing()]);
    }
}
