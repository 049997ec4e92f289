//! ACL bindings: Kafka's seven-part grants.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::names::Principal;

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $wire:literal, $text:literal);+ $(;)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`, wire id ", stringify!($wire), ".")] #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every value, in the order of the wire ids.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the spelling of manifests and action ids.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Returns Kafka's id on the wire.
            pub fn wire_id(self) -> i8 {
                match self { $(Self::$variant => $wire),+ }
            }

            /// Reads Kafka's id; `None` for ids that this version does not know.
            pub fn from_wire(id: i8) -> Option<Self> {
                match id { $($wire => Some(Self::$variant),)+ _ => None }
            }

            /// Reads the exact spelling of manifests.
            pub fn parse(raw: &str) -> Option<Self> {
                match raw { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

wire_enum! {
    /// What a binding is about (Kafka: `clients/.../resource/ResourceType.java`).
    AclResourceType {
        Topic = 2, "topic";
        Group = 3, "group";
        Cluster = 4, "cluster";
        TransactionalId = 5, "transactionalId";
        DelegationToken = 6, "delegationToken";
        User = 7, "user";
    }
}

wire_enum! {
    /// What a binding lets or forbids (Kafka: `clients/.../acl/AclOperation.java`).
    AclOperation {
        All = 2, "All";
        Read = 3, "Read";
        Write = 4, "Write";
        Create = 5, "Create";
        Delete = 6, "Delete";
        Alter = 7, "Alter";
        Describe = 8, "Describe";
        ClusterAction = 9, "ClusterAction";
        DescribeConfigs = 10, "DescribeConfigs";
        AlterConfigs = 11, "AlterConfigs";
        IdempotentWrite = 12, "IdempotentWrite";
        CreateTokens = 13, "CreateTokens";
        DescribeTokens = 14, "DescribeTokens";
        TwoPhaseCommit = 15, "TwoPhaseCommit";
    }
}

wire_enum! {
    /// Allow or deny (Kafka: `clients/.../acl/AclPermissionType.java`).
    AclPermission {
        Deny = 2, "deny";
        Allow = 3, "allow";
    }
}

wire_enum! {
    /// How a binding's name is compared (Kafka: `clients/.../resource/PatternType.java`).
    PatternType {
        Literal = 3, "literal";
        Prefixed = 4, "prefixed";
    }
}

/// The only name that a binding on the cluster may carry.
pub const CLUSTER_RESOURCE_NAME: &str = "kafka-cluster";

/// One ACL binding. Its seven parts are its identity: Kafka has no other id for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AclBinding {
    /// Who.
    pub principal: Principal,
    /// Allow or deny.
    pub permission: AclPermission,
    /// What they may or may not do.
    pub operation: AclOperation,
    /// The type of resource.
    pub resource_type: AclResourceType,
    /// How `resource_name` is compared.
    pub pattern_type: PatternType,
    /// Name, prefix, or `*` for every name.
    pub resource_name: Arc<str>,
    /// Address of the client, or `*`.
    pub host: Arc<str>,
}
