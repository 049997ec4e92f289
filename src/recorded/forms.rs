//! From values of the domain to the documents that say them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::documents::{
    AclResource, AclRule, AclSpec, Authentication, BrokerConfigSpec, CONFIG_HIDDEN, CONFIG_UNKNOWN, GroupForm,
    INTERNAL, Manifest, Metadata, Number, PROMETHEUS_GROUP, Password, QuotaEntityForm, QuotaSpec, REPLICATION,
    RuleForm, RulesSpec, STRIMZI_GROUP, SecretKeyRef, Status, TopicSpec, UserSpec, ValueFrom,
};
use super::place;
use crate::domain::API_VERSION;
use crate::domain::acl::{AclBinding, AclPermission, AclResourceType, CLUSTER_RESOURCE_NAME, PatternType};
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::duration;
use crate::domain::names::{Principal, TopicName, UserName};
use crate::domain::observed::{ObservedReplication, ObservedTopic};
use crate::domain::quota::{QuotaEntity, QuotaName, QuotaValues};
use crate::domain::rule::{RuleGroup, RuleKind};
use crate::domain::user::{ITERATIONS_ANNOTATION, MECHANISMS_ANNOTATION, ScramMechanism, SecretReference};

fn manifest<Spec>(api_version: &str, kind: &str, name: String, spec: Spec) -> Manifest<Spec> {
    Manifest {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        metadata: Metadata { name, annotations: BTreeMap::new() },
        spec,
        status: None,
    }
}

/// Joins keys with commas; a comma inside one is percent-encoded.
pub(crate) fn join_keys<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    keys.map(|key| key.replace('%', "%25").replace(',', "%2C")).collect::<Vec<_>>().join(",")
}

/// Takes apart what [`join_keys`] joined.
pub(crate) fn split_keys(text: &str) -> BTreeSet<String> {
    text.split(',').map(|key| key.replace("%2C", ",").replace("%25", "%")).collect()
}

/// Says whether Kubernetes would accept the name of an object (RFC 1123 subdomain).
pub(crate) fn is_object_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
}

/// Returns the name itself where Kubernetes would accept it, or else one that resembles it and is its own.
pub(crate) fn object_name(prefix: &str, name: &str) -> String {
    let plain = format!("{prefix}{name}");
    if is_object_name(&plain) {
        return plain;
    }
    let slug: String = plain
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(200)
        .collect();
    format!("{}-{}", slug.trim_matches('-'), place::hex(name, 4)).trim_start_matches('-').to_owned()
}

/// Writes a topic with everything that is known of it.
pub(crate) fn topic(name: &TopicName, topic: &ObservedTopic) -> Manifest<TopicSpec> {
    let object = object_name("", name.as_str());
    let topic_name = (object != name.as_str()).then(|| name.as_str().to_owned());
    let (replicas, mixed) = match topic.replication {
        ObservedReplication::Uniform(replicas) => (Some(replicas), None),
        ObservedReplication::Mixed(least, most) => (None, Some(format!("{least}-{most}"))),
    };
    let config = topic.overrides.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
    let mut document = manifest(
        STRIMZI_GROUP,
        "KafkaTopic",
        object,
        TopicSpec { topic_name, partitions: topic.partitions, replicas, config },
    );
    let annotations = &mut document.metadata.annotations;
    let mut hidden =
        topic.overrides.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key.as_str()).peekable();
    if hidden.peek().is_some() {
        annotations.insert(CONFIG_HIDDEN.to_owned(), join_keys(hidden));
    }
    if let Some(mixed) = mixed {
        annotations.insert(REPLICATION.to_owned(), mixed);
    }
    if let Some(reason) = &topic.overrides_unknown {
        annotations.insert(CONFIG_UNKNOWN.to_owned(), reason.clone());
    }
    if topic.internal {
        annotations.insert(INTERNAL.to_owned(), "true".to_owned());
    }
    document.status = topic.id.map(|id| Status { topic_id: URL_SAFE_NO_PAD.encode(id.as_bytes()) });
    document
}

/// Writes a user: mechanisms and iteration counts. Nothing more is known of a credential.
pub(crate) fn user(
    name: &UserName,
    credentials: &BTreeMap<ScramMechanism, i32>,
    password: Option<SecretReference>,
) -> Manifest<UserSpec> {
    let password = password.map(|reference| Password {
        value_from: ValueFrom { secret_key_ref: SecretKeyRef { name: reference.name, key: reference.key } },
    });
    let authentication = Authentication { kind: "scram-sha-512".to_owned(), password };
    let mut document = manifest(STRIMZI_GROUP, "KafkaUser", name.as_str().to_owned(), UserSpec { authentication });
    let mechanisms: Vec<&str> = credentials.keys().map(|mechanism| mechanism.as_str()).collect();
    document.metadata.annotations.insert(MECHANISMS_ANNOTATION.to_owned(), mechanisms.join(","));
    let counts: BTreeSet<i32> = credentials.values().copied().collect();
    let iterations = match counts.first() {
        Some(only) if counts.len() == 1 => only.to_string(),
        Some(_) | None => {
            credentials.iter().map(|(mechanism, count)| format!("{mechanism}={count}")).collect::<Vec<_>>().join(",")
        }
    };
    if !iterations.is_empty() {
        document.metadata.annotations.insert(ITERATIONS_ANNOTATION.to_owned(), iterations);
    }
    document
}

/// Writes the bindings of one principal: one rule for each permission, resource and host, with all its operations.
pub(crate) fn acls<'a>(principal: &Principal, bindings: impl Iterator<Item = &'a AclBinding>) -> Manifest<AclSpec> {
    type Subject<'a> = (AclResourceType, &'a str, PatternType, AclPermission, &'a str);
    let mut subjects: BTreeMap<Subject<'a>, BTreeSet<&'static str>> = BTreeMap::new();
    for acl in bindings {
        let subject = (acl.resource_type, &*acl.resource_name, acl.pattern_type, acl.permission, &*acl.host);
        subjects.entry(subject).or_default().insert(acl.operation.as_str());
    }
    let rules = subjects
        .into_iter()
        .map(|((resource_type, name, pattern_type, permission, host), operations)| AclRule {
            permission: permission.as_str().to_owned(),
            hosts: vec![host.to_owned()],
            resource: acl_resource(resource_type, name, pattern_type),
            operations: operations.into_iter().map(str::to_owned).collect(),
        })
        .collect();
    let object = match principal.user_name() {
        Some(user) => object_name("user-", user),
        None => {
            format!("{}-{}", object_name("", &principal.as_str().to_lowercase()), place::hex(principal.as_str(), 4))
        }
    };
    manifest(API_VERSION, "KafkaAcl", object, AclSpec { principals: vec![principal.as_str().to_owned()], rules })
}

fn acl_resource(resource_type: AclResourceType, name: &str, pattern_type: PatternType) -> AclResource {
    let whole_cluster = resource_type == AclResourceType::Cluster
        && name == CLUSTER_RESOURCE_NAME
        && pattern_type == PatternType::Literal;
    let pattern_type = match pattern_type {
        PatternType::Literal => None,
        PatternType::Prefixed => Some("prefix".to_owned()),
    };
    AclResource {
        kind: resource_type.as_str().to_owned(),
        name: (!whole_cluster).then(|| name.to_owned()),
        pattern_type,
    }
}

/// Writes the limits of one entity.
pub(crate) fn quota(entity: &QuotaEntity, values: &QuotaValues) -> Manifest<QuotaSpec> {
    let text = |name: &QuotaName| Some(name.as_str().to_owned());
    let object = |kind: &str, name: &QuotaName| match name {
        QuotaName::Default => format!("default-{kind}"),
        QuotaName::Named(name) => object_name(&format!("{kind}-"), name),
    };
    let (object, form) = match entity {
        QuotaEntity::User(user) => (object("user", user), QuotaEntityForm { user: text(user), ..Default::default() }),
        QuotaEntity::ClientId(client) => {
            (object("client-id", client), QuotaEntityForm { client_id: text(client), ..Default::default() })
        }
        QuotaEntity::UserClientId(user, client) => {
            let whole = entity.to_string();
            let object = format!("{}-{}", object_name("", &whole), place::hex(&whole, 4));
            (object, QuotaEntityForm { user: text(user), client_id: text(client), ip: None })
        }
        QuotaEntity::Ip(ip) => (object("ip", ip), QuotaEntityForm { ip: text(ip), ..Default::default() }),
    };
    let quotas = values.iter().map(|(key, value)| (key.manifest_key().to_owned(), Number(*value))).collect();
    manifest(API_VERSION, "KafkaQuota", object, QuotaSpec { entity: form, quotas })
}

/// Dynamic broker configs by scope and key; `None` is a value that Kafka does not show.
pub(crate) type BrokerConfigs<'a> = BTreeMap<BrokerConfigScope, &'a BTreeMap<String, Option<String>>>;

/// Writes dynamic broker configs. Hidden values are named in an annotation.
pub(crate) fn broker_configs(scopes: &BrokerConfigs<'_>) -> Manifest<BrokerConfigSpec> {
    let mut spec = BrokerConfigSpec { default: None, brokers: BTreeMap::new() };
    let mut hidden = Vec::new();
    for (scope, configs) in scopes {
        let shown = configs.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
        hidden.extend(configs.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| format!("{scope}/{key}")));
        match scope {
            BrokerConfigScope::Default => spec.default = Some(shown),
            BrokerConfigScope::Broker(id) => {
                spec.brokers.insert(id.to_string(), shown);
            }
        }
    }
    let mut document = manifest(API_VERSION, "KafkaClusterConfig", "cluster".to_owned(), spec);
    if !hidden.is_empty() {
        let keys = join_keys(hidden.iter().map(String::as_str));
        document.metadata.annotations.insert(CONFIG_HIDDEN.to_owned(), keys);
    }
    document
}

/// Writes the groups of one namespace.
pub(crate) fn rules<'a>(
    namespace: &str,
    groups: impl Iterator<Item = (&'a str, &'a RuleGroup)>,
) -> Manifest<RulesSpec> {
    let groups = groups.map(|(name, group)| rule_group(name, group)).collect();
    manifest(PROMETHEUS_GROUP, "PrometheusRule", namespace.to_owned(), RulesSpec { groups })
}

fn rule_group(name: &str, group: &RuleGroup) -> GroupForm {
    let not_zero = |milliseconds: u64| (milliseconds > 0).then(|| duration::format_in_days(milliseconds));
    let rules = group
        .rules
        .iter()
        .map(|rule| {
            let form = RuleForm { expr: rule.expr.clone(), labels: rule.labels.clone(), ..RuleForm::default() };
            match &rule.kind {
                RuleKind::Alerting { alert, for_ms, keep_firing_for_ms, annotations } => RuleForm {
                    alert: Some(alert.clone()),
                    hold: not_zero(*for_ms),
                    keep_firing_for: not_zero(*keep_firing_for_ms),
                    annotations: annotations.clone(),
                    ..form
                },
                RuleKind::Recording { record } => RuleForm { record: Some(record.clone()), ..form },
            }
        })
        .collect();
    GroupForm {
        name: name.to_owned(),
        interval: group.interval_ms.map(duration::format_in_days),
        query_offset: group.query_offset_ms.map(duration::format_in_days),
        limit: (group.limit > 0).then_some(group.limit),
        labels: group.labels.clone(),
        rules,
    }
}
