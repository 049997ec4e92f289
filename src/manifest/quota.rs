//! `KafkaQuota`, and the limits that `KafkaUser` has too.

use std::collections::BTreeMap;

use crate::domain::desired::Management;
use crate::domain::quota::{QuotaEntity, QuotaKey, QuotaName};

use super::codes::Code;
use super::fields::{Fields, filled_text, integer, number};
use super::header::Header;
use super::merge::Merged;
use super::node::{Node, Span};
use super::resources::Collector;
use super::sink::Sink;

/// A limit with its place.
pub(crate) type Limit = (f64, Span);

/// Whole numbers beyond it are not exact in the protocol, which carries doubles.
const LARGEST_EXACT: i64 = 1 << 53;

fn refuse_zero(value: f64, node: &Node, key: QuotaKey, sink: &mut Sink) -> Option<Limit> {
    if value > 0.0 {
        return Some((value, node.span));
    }
    let message =
        format!("`{}` is {value}, and Kafka refuses quotas that are not greater than zero", key.manifest_key());
    sink.error(Code::ZeroQuota, node.span, message, "leave the limit out, or use a small number".to_owned());
    None
}

/// Reads a limit that Kafka takes only as a whole number.
pub(crate) fn read_whole(node: &Node, key: QuotaKey, largest: i64, sink: &mut Sink) -> Option<Limit> {
    let value = integer(node, &format!("`{}`", key.manifest_key()), 0, largest, sink)?;
    refuse_zero(value as f64, node, key, sink)
}

/// Reads a limit that may have a fraction.
pub(crate) fn read_number(node: &Node, key: QuotaKey, sink: &mut Sink) -> Option<Limit> {
    let value = number(node, &format!("`{}`", key.manifest_key()), sink)?;
    refuse_zero(value, node, key, sink)
}

/// Adds the limits of an entity.
pub(crate) fn add(
    entity: QuotaEntity,
    limits: BTreeMap<QuotaKey, Limit>,
    header: &Header<'_>,
    management: Management,
    collector: &mut Collector,
) {
    let sink = &mut collector.sink;
    if let Some(first) = collector.state.quotas.get(&entity) {
        let message = format!("the quotas of `{entity}` are declared twice, first at {}", first.location);
        sink.error(
            Code::DuplicateQuota,
            header.name_span,
            message,
            "put all limits of the entity into one manifest".to_owned(),
        );
        return;
    }
    let fields = limits.iter().map(|(key, (_, span))| (key.as_str().to_owned(), sink.location(*span))).collect();
    let values = limits.into_iter().map(|(key, (value, _))| (key, value)).collect();
    let declared = header.declare(values, header.name_span, management, fields, sink);
    collector.state.quotas.insert(entity, declared);
}

/// Reads a `KafkaQuota` and adds it.
pub(crate) fn read(merged: &Merged, header: &Header<'_>, collector: &mut Collector) {
    let sink = &mut collector.sink;
    let Some(top) = Fields::open(&merged.node, "a KafkaQuota", &["apiVersion", "kind", "metadata", "spec"], sink)
    else {
        return;
    };
    let Some(spec) = top.require("spec", sink).and_then(|node| Fields::open(node, "spec", &["entity", "quotas"], sink))
    else {
        return;
    };
    let entity = spec.require("entity", sink).and_then(|node| read_entity(node, sink));
    let quotas = spec.require("quotas", sink);
    let (Some(entity), Some(quotas)) = (entity, quotas) else { return };
    let names: Vec<&str> = entity.keys().iter().map(|key| key.manifest_key()).collect();
    let Some(fields) = Fields::open(quotas, "spec.quotas", &names, sink) else { return };
    let mut limits = BTreeMap::new();
    let mut n_written = 0;
    for key in entity.keys() {
        let Some(node) = fields.get(key.manifest_key()) else { continue };
        n_written += 1;
        let limit = match key {
            QuotaKey::RequestPercentage | QuotaKey::ControllerMutationRate => read_number(node, *key, sink),
            QuotaKey::ProducerByteRate | QuotaKey::ConsumerByteRate => read_whole(node, *key, LARGEST_EXACT, sink),
            QuotaKey::ConnectionCreationRate => read_whole(node, *key, i64::from(i32::MAX), sink),
        };
        if let Some(limit) = limit {
            limits.insert(*key, limit);
        }
    }
    if n_written == 0 && names.iter().any(|name| fields.is_misspelt(name)) {
        return;
    }
    if n_written == 0 {
        sink.error(
            Code::MissingQuota,
            quotas.span,
            "spec.quotas holds no limit",
            format!("its fields are {}", names.join(", ")),
        );
        return;
    }
    add(entity, limits, header, header.management(false), collector);
}

fn read_entity(node: &Node, sink: &mut Sink) -> Option<QuotaEntity> {
    let fields = Fields::open(node, "spec.entity", &["user", "clientId", "ip"], sink)?;
    let mut name = |key: &str| match fields.get(key) {
        Some(node) => filled_text(node, &format!("spec.entity.{key}"), sink).map(|raw| Some(QuotaName::parse(raw))),
        None => Some(None),
    };
    let (user, client, ip) = (name("user"), name("clientId"), name("ip"));
    match (user?, client?, ip?) {
        (Some(user), Some(client), None) => Some(QuotaEntity::UserClientId(user, client)),
        (Some(user), None, None) => Some(QuotaEntity::User(user)),
        (None, Some(client), None) => Some(QuotaEntity::ClientId(client)),
        (None, None, Some(ip)) => Some(QuotaEntity::Ip(ip)),
        (None, None, None) if ["user", "clientId", "ip"].iter().any(|key| fields.is_misspelt(key)) => None,
        (None, None, None) => {
            sink.error(
                Code::MissingField,
                node.span,
                "spec.entity names nobody",
                "add `user`, `clientId` or `ip`".to_owned(),
            );
            None
        }
        (_, _, Some(_)) => {
            sink.error(
                Code::BadValue,
                node.span,
                "`ip` cannot be combined with `user` or `clientId`",
                "use one manifest for each".to_owned(),
            );
            None
        }
    }
}
