//! AlterClientQuotas.

use std::collections::BTreeMap;

use kafka_protocol::messages::AlterClientQuotasRequest;
use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};

use super::{Answer, Mode, Reply, our_limit, throttle};
use crate::domain::operation::Operation;
use crate::domain::quota::{QuotaEntity, QuotaName};
use crate::kafka::KafkaCluster;
use crate::kafka::errors::CallError;
use crate::kafka::pool::Target;
use crate::kafka::wire;

/// Parts of an entity as the wire has them: type to name, no name for the default entity.
type Parts = BTreeMap<String, Option<String>>;

pub(super) async fn alter(cluster: &KafkaCluster, batch: &[&Operation], mode: Mode) -> Result<Answer, CallError> {
    let entries: Vec<EntryData> = batch.iter().filter_map(|operation| entry(operation)).collect();
    let request =
        |_| AlterClientQuotasRequest::default().with_entries(entries.clone()).with_validate_only(mode.validate_only());
    let answer = cluster.pool.write(Target::Controller, our_limit(cluster), request).await?;
    let mut replies = BTreeMap::new();
    for result in &answer.entries {
        let name = |name: &kafka_protocol::protocol::StrBytes| name.to_string();
        let entity: Parts = result
            .entity
            .iter()
            .map(|part| (part.entity_type.to_string(), part.entity_name.as_ref().map(name)))
            .collect();
        replies.insert(entity, Reply::of(result.error_code, result.error_message.as_ref()));
    }
    let reply = |operation: &&Operation| {
        let Operation::AlterQuota { entity, .. } = operation else { return None };
        replies.get(&parts(entity)).cloned()
    };
    let results = batch.iter().map(reply).map(|reply| reply.unwrap_or_else(Reply::missing)).collect();
    Ok(Answer { throttle: throttle(answer.throttle_time_ms), results })
}

fn entry(operation: &Operation) -> Option<EntryData> {
    let Operation::AlterQuota { entity, set, unset } = operation else { return None };
    let part = |(kind, name): (String, Option<String>)| {
        EntityData::default().with_entity_type(wire::text(&kind)).with_entity_name(name.as_deref().map(wire::text))
    };
    let set = set
        .iter()
        .map(|(key, value)| OpData::default().with_key(wire::text(key.as_str())).with_value(*value).with_remove(false));
    let unset = unset.iter().map(|key| OpData::default().with_key(wire::text(key.as_str())).with_remove(true));
    Some(
        EntryData::default()
            .with_entity(parts(entity).into_iter().map(part).collect())
            .with_ops(set.chain(unset).collect()),
    )
}

fn parts(entity: &QuotaEntity) -> Parts {
    let part = |kind: &str, name: &QuotaName| {
        let name = match name {
            QuotaName::Default => None,
            QuotaName::Named(name) => Some(name.clone()),
        };
        (kind.to_owned(), name)
    };
    match entity {
        QuotaEntity::User(user) => Parts::from([part("user", user)]),
        QuotaEntity::ClientId(client) => Parts::from([part("client-id", client)]),
        QuotaEntity::UserClientId(user, client) => Parts::from([part("user", user), part("client-id", client)]),
        QuotaEntity::Ip(ip) => Parts::from([part("ip", ip)]),
    }
}
