//! Every client quota, in one answer.

use std::collections::BTreeMap;

use kafka_protocol::messages::describe_client_quotas_response::EntityData;
use kafka_protocol::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};

use super::{Part, knowledge};
use crate::domain::quota::{QuotaEntity, QuotaKey, QuotaName, QuotaValues};
use crate::kafka::KafkaCluster;
use crate::kafka::errors::describe as describe_error;
use crate::kafka::pool::Target;

type Quotas = BTreeMap<QuotaEntity, QuotaValues>;

pub(super) async fn describe(cluster: &KafkaCluster) -> Part<Quotas> {
    // No component and not strict: every entity matches.
    let request = |_| DescribeClientQuotasRequest::default().with_strict(false);
    let outcome = cluster.ask(Target::Steady(2), request, |answer| answer.error_code).await;
    knowledge("DescribeClientQuotas", outcome.map(quotas))
}

fn quotas(answer: DescribeClientQuotasResponse) -> Result<Quotas, String> {
    if answer.error_code != 0 {
        return Err(describe_error(answer.error_code, answer.error_message.as_deref()));
    }
    let mut quotas = Quotas::new();
    for entry in answer.entries.unwrap_or_default() {
        let Some(entity) = entity(&entry.entity) else { continue };
        let values: QuotaValues =
            entry.values.iter().filter_map(|value| QuotaKey::parse(&value.key).map(|key| (key, value.value))).collect();
        if !values.is_empty() {
            quotas.insert(entity, values);
        }
    }
    Ok(quotas)
}

/// Reads an entity; `None` for combinations of types that this version does not know.
fn entity(parts: &[EntityData]) -> Option<QuotaEntity> {
    let name = |part: &EntityData| match &part.entity_name {
        Some(name) => QuotaName::Named(name.to_string()),
        None => QuotaName::Default,
    };
    let mut parts: BTreeMap<&str, QuotaName> =
        parts.iter().map(|part| (part.entity_type.as_str(), name(part))).collect();
    let read = match (parts.remove("user"), parts.remove("client-id"), parts.remove("ip")) {
        (Some(user), None, None) => QuotaEntity::User(user),
        (None, Some(client), None) => QuotaEntity::ClientId(client),
        (Some(user), Some(client), None) => QuotaEntity::UserClientId(user, client),
        (None, None, Some(ip)) => QuotaEntity::Ip(ip),
        (Some(_) | None, Some(_) | None, Some(_) | None) => return None,
    };
    parts.is_empty().then_some(read)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::describe_client_quotas_response::{EntryData, ValueData};
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    #[test]
    fn every_entity_shape_is_read_and_unknown_types_are_left_out() {
        let text = StrBytes::from_static_str;
        let entry = |parts: &[(&'static str, Option<&'static str>)], key: &'static str| {
            let part = |(kind, name): &(&'static str, Option<&'static str>)| {
                EntityData::default().with_entity_type(text(kind)).with_entity_name(name.map(text))
            };
            EntryData::default()
                .with_entity(parts.iter().map(part).collect())
                .with_values(vec![ValueData::default().with_key(text(key)).with_value(5.0)])
        };
        let answer = DescribeClientQuotasResponse::default().with_entries(Some(vec![
            entry(&[("user", Some("a"))], "producer_byte_rate"),
            entry(&[("client-id", None)], "producer_byte_rate"),
            entry(&[("client-id", Some("c")), ("user", None)], "request_percentage"),
            entry(&[("ip", Some("10.0.0.1"))], "connection_creation_rate"),
            entry(&[("team", Some("x"))], "producer_byte_rate"),
            entry(&[("user", Some("x")), ("team", Some("x"))], "producer_byte_rate"),
            entry(&[("user", Some("y"))], "vendor_rate"),
        ]));
        let names: Vec<String> = quotas(answer).unwrap().keys().map(ToString::to_string).collect();
        assert_eq!(names, ["user=a", "client-id=<default>", "user=<default>,client-id=c", "ip=10.0.0.1"]);
    }
}
