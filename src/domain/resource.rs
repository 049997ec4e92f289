//! The identity of everything that driftless can own.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Serialize};

use super::acl::{AclBinding, AclOperation, AclPermission, AclResourceType, PatternType};
use super::broker_config::BrokerConfigScope;
use super::names::{Principal, TopicName, UserName};
use super::quota::QuotaEntity;
use super::rule::RuleGroupId;

/// The kinds of resources, in the order in which plans list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// A topic.
    Topic,
    /// SCRAM credentials of a user.
    User,
    /// An ACL binding.
    Acl,
    /// Limits of a quota entity.
    Quota,
    /// Dynamic configs of all brokers or of one.
    BrokerConfig,
    /// A group of Prometheus rules.
    RuleGroup,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Topic, Self::User, Self::Acl, Self::Quota, Self::BrokerConfig, Self::RuleGroup];

    /// Returns the word used in action ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::User => "user",
            Self::Acl => "acl",
            Self::Quota => "quota",
            Self::BrokerConfig => "broker-config",
            Self::RuleGroup => "rule-group",
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The identity of one resource. Its text is the stem of action ids (`topic/orders.v1`), of `resource` in findings and
/// of the lines of `inventory.json`; in each part `%` and `/` are percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceId {
    /// `topic/NAME`.
    Topic(TopicName),
    /// `user/NAME`.
    User(UserName),
    /// `acl/PRINCIPAL/allow|deny/Operation/resourceType/literal|prefixed/NAME/HOST`.
    Acl(AclBinding),
    /// `quota/user=alice,client-id=etl`.
    Quota(QuotaEntity),
    /// `broker-config/default` or `broker-config/ID`.
    BrokerConfig(BrokerConfigScope),
    /// `rule-group/NAMESPACE/GROUP`.
    RuleGroup(RuleGroupId),
}

fn encode(part: &str) -> Cow<'_, str> {
    match part.bytes().any(|byte| matches!(byte, b'%' | b'/')) {
        true => part.replace('%', "%25").replace('/', "%2F").into(),
        false => part.into(),
    }
}

fn decode(part: &str) -> Cow<'_, str> {
    match part.contains('%') {
        true => part.replace("%2F", "/").replace("%25", "%").into(),
        false => part.into(),
    }
}

impl ResourceId {
    /// Returns the kind.
    pub fn kind(&self) -> ResourceKind {
        match self {
            Self::Topic(_) => ResourceKind::Topic,
            Self::User(_) => ResourceKind::User,
            Self::Acl(_) => ResourceKind::Acl,
            Self::Quota(_) => ResourceKind::Quota,
            Self::BrokerConfig(_) => ResourceKind::BrokerConfig,
            Self::RuleGroup(_) => ResourceKind::RuleGroup,
        }
    }

    /// Returns the text without the kind, as the `name` of an action shows it.
    pub fn name(&self) -> String {
        let text = self.to_string();
        text.split_once('/').map(|(_, name)| name.to_owned()).unwrap_or_default()
    }

    /// Reads what `Display` writes.
    pub fn parse(raw: &str) -> Option<Self> {
        let mut parts = [""; 8];
        let (mut count, mut rest) = (0, raw);
        // Byte by byte: an inventory has tens of thousands of them, and their parts are short.
        while let Some(at) = rest.bytes().position(|byte| byte == b'/') {
            *parts.get_mut(count)? = &rest[..at];
            rest = &rest[at + 1..];
            count += 1;
        }
        *parts.get_mut(count)? = rest;
        match &parts[..=count] {
            ["topic", name] => TopicName::parse(&decode(name)).ok().map(Self::Topic),
            ["user", name] => UserName::parse(&decode(name)).ok().map(Self::User),
            ["acl", principal, permission, operation, resource_type, pattern_type, name, host] => {
                Some(Self::Acl(AclBinding {
                    principal: Principal::parse(&decode(principal)).ok()?,
                    permission: AclPermission::parse(permission)?,
                    operation: AclOperation::parse(operation)?,
                    resource_type: AclResourceType::parse(resource_type)?,
                    pattern_type: PatternType::parse(pattern_type)?,
                    resource_name: decode(name).into(),
                    host: decode(host).into(),
                }))
            }
            ["quota", entity] => QuotaEntity::parse(entity).map(Self::Quota),
            ["broker-config", scope] => BrokerConfigScope::parse(scope).map(Self::BrokerConfig),
            ["rule-group", namespace, group] => Some(Self::RuleGroup(RuleGroupId {
                namespace: decode(namespace).into_owned(),
                group: decode(group).into_owned(),
            })),
            _ => None,
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => {
                formatter.write_str("topic/")?;
                formatter.write_str(name.as_str())
            }
            Self::User(name) => write!(formatter, "user/{}", encode(name.as_str())),
            // Piece by piece: there are tens of thousands of them.
            Self::Acl(acl) => {
                formatter.write_str("acl/")?;
                formatter.write_str(&encode(acl.principal.as_str()))?;
                for word in [
                    acl.permission.as_str(),
                    acl.operation.as_str(),
                    acl.resource_type.as_str(),
                    acl.pattern_type.as_str(),
                    &encode(&acl.resource_name),
                    &encode(&acl.host),
                ] {
                    formatter.write_str("/")?;
                    formatter.write_str(word)?;
                }
                Ok(())
            }
            Self::Quota(entity) => write!(formatter, "quota/{entity}"),
            Self::BrokerConfig(scope) => write!(formatter, "broker-config/{scope}"),
            Self::RuleGroup(id) => write!(formatter, "rule-group/{}/{}", encode(&id.namespace), encode(&id.group)),
        }
    }
}

impl Serialize for ResourceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = ResourceId;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the text of a resource's id")
            }

            fn visit_str<E: Error>(self, raw: &str) -> Result<ResourceId, E> {
                ResourceId::parse(raw).ok_or_else(|| E::custom(format!("`{raw}` names no resource")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text() {
        for raw in [
            "topic/orders.v1",
            "user/CN=a%2Fb%25",
            "acl/User:alice/allow/Read/topic/prefixed/llm-/*",
            "acl/User:CN=a%2Fb/deny/All/cluster/literal/kafka-cluster/10.0.0.0%2F8",
            "quota/user=alice,client-id=etl",
            "broker-config/default",
            "broker-config/3",
            "rule-group/shop/a%2Fb",
        ] {
            assert_eq!(ResourceId::parse(raw).map(|id| id.to_string()).as_deref(), Some(raw));
        }
        assert_eq!(ResourceId::parse("topic/a/b"), None);
        assert_eq!(ResourceId::parse("acl/User:alice"), None);
    }
}
