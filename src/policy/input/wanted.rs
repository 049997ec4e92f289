//! `input.desired`: what git wants.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use regorus::Value;
use serde_json::json;

use super::super::access::Gathered;
use super::super::reading::Reading;
use super::positions::{grants_by, topics_by};
use super::values::Values;
use crate::domain::acl::AclBinding;
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::desired::{Declared, DesiredState};
use crate::domain::promql::parse_for_policy;
use crate::domain::quota::{QuotaEntity, QuotaName, QuotaValues};
use crate::domain::resource::ResourceId;
use crate::domain::rule::{RuleGroup, RuleGroupId};
use crate::domain::topic::Topic;
use crate::domain::user::User;

/// Makes the parts that some rule reads. Places are for rules of the repository: no built-in rule reads one, and at ten thousand
/// topics they are objects by the ten thousand.
pub(in super::super) fn desired<'d>(
    desired: &'d DesiredState,
    gathered: &Gathered<'d>,
    (reading, with_places): (&Reading, bool),
    values: &mut Values,
) -> Value {
    let mut resources = Resources { values, with_places, labels: HashMap::default() };
    let mut parts = Vec::new();
    if reading.reads("desired.topics") || reading.reads("desired.topicsBy") {
        let topics = Values::array(desired.topics.values().map(|declared| resources.topic(declared)));
        parts.push(("topicsBy", topics_by(&topics, resources.values)));
        parts.push(("topics", topics));
    }
    if reading.reads("desired.grants") || reading.reads("desired.grantsBy") {
        let grants = gathered.value(resources.values);
        parts.push(("grantsBy", grants_by(&grants, resources.values)));
        parts.push(("grants", grants));
    }
    let mut part = |name: &'static str, make: &mut dyn FnMut(&mut Resources<'_, 'd>) -> Value| {
        if reading.reads(&format!("desired.{name}")) {
            parts.push((name, make(&mut resources)));
        }
    };
    part("users", &mut |make| Values::array(desired.users.values().map(|declared| make.user(declared))));
    part("acls", &mut |make| Values::array(desired.acls.iter().map(|(binding, declared)| make.acl(binding, declared))));
    part("quotas", &mut |make| {
        Values::array(desired.quotas.iter().map(|(entity, declared)| make.quota(entity, declared)))
    });
    part("brokerConfigs", &mut |make| {
        Values::array(desired.broker_configs.iter().map(|(scope, declared)| make.broker_config(*scope, declared)))
    });
    part("ruleGroups", &mut |make| {
        Values::array(desired.rule_groups.iter().map(|(id, declared)| make.rule_group(id, declared)))
    });
    values.object(parts)
}

/// Makes resources as rules see them.
struct Resources<'v, 'd> {
    values: &'v mut Values,
    with_places: bool,
    /// Labels that were met: most resources have the same few.
    labels: HashMap<&'d BTreeMap<String, String>, Value, RandomState>,
}

impl<'d> Resources<'_, 'd> {
    /// Makes what every declared resource has. Fields are best given in the order of their names: then none is moved.
    fn resource<T>(&mut self, id: &ResourceId, declared: &'d Declared<T>) -> [(&'static str, Value); 4] {
        let Self { values, with_places, labels } = self;
        let place = &declared.location;
        let location = match with_places {
            true => {
                let file = values.text(&place.file);
                values.object([("column", place.column.into()), ("file", file), ("line", place.line.into())])
            }
            false => Value::Undefined,
        };
        [
            ("id", values.id(id)),
            ("labels", labels.entry(&*declared.labels).or_insert_with(|| values.texts(&declared.labels)).clone()),
            ("location", location),
            ("management", values.text(declared.management.as_str())),
        ]
    }

    fn topic(&mut self, declared: &'d Declared<Topic>) -> Value {
        let topic = &declared.value;
        let resource = self.resource(&ResourceId::Topic(topic.name.clone()), declared);
        let config = [("config", self.values.texts(&topic.config))];
        let rest = [
            ("name", self.values.text(topic.name.as_str())),
            // Left out when git does not say: null would compare as smaller than every number.
            ("partitions", topic.partitions.map_or(Value::Undefined, Value::from)),
            ("replicas", topic.replication_factor.map_or(Value::Undefined, |factor| i32::from(factor).into())),
        ];
        self.values.object(config.into_iter().chain(resource).chain(rest))
    }

    fn user(&mut self, declared: &'d Declared<User>) -> Value {
        let user = &declared.value;
        let resource = self.resource(&ResourceId::User(user.name.clone()), declared);
        let credentials: BTreeMap<String, i32> =
            user.credentials.iter().map(|(mechanism, count)| (mechanism.to_string(), *count)).collect();
        let rest = [
            ("name", self.values.text(user.name.as_str())),
            ("credentials", self.values.json(&json!(credentials))),
            ("password", self.values.json(&json!({"name": user.password.name, "key": user.password.key}))),
        ];
        self.values.object(resource.into_iter().chain(rest))
    }

    fn acl(&mut self, binding: &AclBinding, declared: &'d Declared<()>) -> Value {
        let resource = self.resource(&ResourceId::Acl(binding.clone()), declared);
        let host = [("host", self.values.text(&binding.host))];
        let rest = [
            ("operation", self.values.text(binding.operation.as_str())),
            ("patternType", self.values.text(binding.pattern_type.as_str())),
            ("permission", self.values.text(binding.permission.as_str())),
            ("principal", self.values.text(binding.principal.as_str())),
            ("resourceName", self.values.text(&binding.resource_name)),
            ("resourceType", self.values.text(binding.resource_type.as_str())),
        ];
        self.values.object(host.into_iter().chain(resource).chain(rest))
    }

    fn quota(&mut self, entity: &QuotaEntity, declared: &'d Declared<QuotaValues>) -> Value {
        let resource = self.resource(&ResourceId::Quota(entity.clone()), declared);
        let mut part = |name: &'static str, value: &QuotaName| (name, self.values.text(value.as_str()));
        let parts = match entity {
            QuotaEntity::User(user) => vec![part("user", user)],
            QuotaEntity::ClientId(client) => vec![part("clientId", client)],
            QuotaEntity::UserClientId(user, client) => vec![part("user", user), part("clientId", client)],
            QuotaEntity::Ip(ip) => vec![part("ip", ip)],
        };
        let limits: BTreeMap<&str, f64> =
            declared.value.iter().map(|(key, limit)| (key.manifest_key(), *limit)).collect();
        let rest = [("entity", self.values.object(parts)), ("quotas", self.values.json(&json!(limits)))];
        self.values.object(resource.into_iter().chain(rest))
    }

    fn broker_config(&mut self, scope: BrokerConfigScope, declared: &'d Declared<BTreeMap<String, String>>) -> Value {
        let resource = self.resource(&ResourceId::BrokerConfig(scope), declared);
        let rest = [("config", self.values.texts(&declared.value)), ("scope", self.values.text(&scope.to_string()))];
        self.values.object(resource.into_iter().chain(rest))
    }

    fn rule_group(&mut self, id: &RuleGroupId, declared: &'d Declared<RuleGroup>) -> Value {
        let resource = self.resource(&ResourceId::RuleGroup(id.clone()), declared);
        let parsed: Vec<_> = declared.value.rules.iter().map(|rule| parse_for_policy(&rule.expr)).collect();
        let rest = [
            ("namespace", self.values.text(&id.namespace)),
            ("group", self.values.text(&id.group)),
            ("definition", self.values.json(&json!(declared.value))),
            ("parsed", self.values.json(&json!(parsed))),
        ];
        self.values.object(resource.into_iter().chain(rest))
    }
}
