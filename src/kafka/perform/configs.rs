//! IncrementalAlterConfigs, of topics and of brokers.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::IncrementalAlterConfigsRequest;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};

use super::topics::in_order;
use super::{Answer, Mode, Reply, our_limit, throttle};
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::operation::Operation;
use crate::kafka::KafkaCluster;
use crate::kafka::errors::CallError;
use crate::kafka::pool::Target;
use crate::kafka::wire::{self, RESOURCE_BROKER, RESOURCE_TOPIC};

/// Kafka's `AlterConfigOp.OpType` ids. Appending and subtracting are not used: they start from a value that is not ours.
const SET: i8 = 0;
const DELETE: i8 = 1;

fn resource(kind: i8, name: &str, set: &BTreeMap<String, String>, unset: &BTreeSet<String>) -> AlterConfigsResource {
    let set = set.iter().map(|(key, value)| {
        let config = AlterableConfig::default().with_name(wire::text(key)).with_config_operation(SET);
        config.with_value(Some(wire::text(value)))
    });
    let unset = unset.iter().map(|key| {
        AlterableConfig::default().with_name(wire::text(key)).with_config_operation(DELETE).with_value(None)
    });
    AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(wire::text(name))
        .with_configs(set.chain(unset).collect())
}

async fn alter(
    cluster: &KafkaCluster,
    target: Target,
    resources: Vec<AlterConfigsResource>,
    mode: Mode,
) -> Result<(std::time::Duration, BTreeMap<String, Reply>), CallError> {
    let request = |_| {
        IncrementalAlterConfigsRequest::default()
            .with_resources(resources.clone())
            .with_validate_only(mode.validate_only())
    };
    let answer = cluster.pool.write(target, our_limit(cluster), request).await?;
    let replies = answer
        .responses
        .iter()
        .map(|result| (result.resource_name.to_string(), Reply::of(result.error_code, result.error_message.as_ref())));
    Ok((throttle(answer.throttle_time_ms), replies.collect()))
}

pub(super) async fn alter_topics(
    cluster: &KafkaCluster,
    batch: &[&Operation],
    mode: Mode,
) -> Result<Answer, CallError> {
    let mut resources = Vec::new();
    for operation in batch {
        if let Operation::AlterTopicConfig { topic, set, unset } = operation {
            resources.push(resource(RESOURCE_TOPIC, topic.as_str(), set, unset));
        }
    }
    let (throttle, replies) = alter(cluster, Target::Controller, resources, mode).await?;
    Ok(Answer { throttle, results: in_order(batch, replies) })
}

/// One request per scope: a broker's own configs are only taken by that broker.
pub(super) async fn alter_brokers(
    cluster: &KafkaCluster,
    batch: &[&Operation],
    mode: Mode,
) -> Result<Answer, CallError> {
    let mut answer = Answer { throttle: throttle(0), results: Vec::new() };
    for operation in batch {
        let Operation::AlterBrokerConfig { scope, set, unset } = operation else {
            answer.results.push(Reply::missing());
            continue;
        };
        let (name, target) = match scope {
            BrokerConfigScope::Default => (String::new(), Target::Controller),
            BrokerConfigScope::Broker(id) => (id.to_string(), Target::Broker(*id)),
        };
        let reply = match alter(cluster, target, vec![resource(RESOURCE_BROKER, &name, set, unset)], mode).await {
            Ok((throttle, mut replies)) => {
                answer.throttle = answer.throttle.max(throttle);
                replies.remove(&name).unwrap_or_else(Reply::missing)
            }
            // The others are tried all the same.
            Err(error) => Reply::Failed(error.into_resource_error()),
        };
        answer.results.push(reply);
    }
    Ok(answer)
}
