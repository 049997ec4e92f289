//! The documents of recorded state, as they stand in files.
//!
//! Topics, users, ACLs, quotas, broker configs and rules take the forms that people write in their repositories; what no
//! manifest can say (a topic with mixed replication, a value that the broker does not show) stands in annotations, and
//! what is true of the cluster as a whole in one document of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::observed::SecurityProtocol;

pub(crate) const STRIMZI_GROUP: &str = "kafka.strimzi.io/v1";
pub(crate) const PROMETHEUS_GROUP: &str = "monitoring.coreos.com/v1";

/// Kafka says that the topic is one of its own.
pub(crate) const INTERNAL: &str = "recorded.driftless.dev/internal";
/// Smallest and largest replication factor of the partitions, `1-3`, when they differ.
pub(crate) const REPLICATION: &str = "recorded.driftless.dev/replication";
/// Why the topic's overrides could not be read.
pub(crate) const CONFIG_UNKNOWN: &str = "recorded.driftless.dev/config-unknown";
/// Keys that are set to values which Kafka does not show, with commas between them.
pub(crate) const CONFIG_HIDDEN: &str = "recorded.driftless.dev/config-hidden";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Manifest<Spec> {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) metadata: Metadata,
    pub(crate) spec: Spec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<Status>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Status {
    /// Kafka's topic id as its own tools show it: base64 without padding.
    pub(crate) topic_id: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TopicSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) topic_name: Option<String>,
    pub(crate) partitions: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replicas: Option<i16>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) config: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserSpec {
    pub(crate) authentication: Authentication,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Authentication {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<Password>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Password {
    pub(crate) value_from: ValueFrom,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ValueFrom {
    pub(crate) secret_key_ref: SecretKeyRef,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretKeyRef {
    pub(crate) name: String,
    pub(crate) key: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AclSpec {
    pub(crate) principals: Vec<String>,
    pub(crate) rules: Vec<AclRule>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AclRule {
    #[serde(rename = "type")]
    pub(crate) permission: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) resource: AclResource,
    pub(crate) operations: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AclResource {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pattern_type: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotaSpec {
    pub(crate) entity: QuotaEntityForm,
    pub(crate) quotas: BTreeMap<String, Number>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct QuotaEntityForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ip: Option<String>,
}

/// A limit: whole numbers are written without a fraction, as people write them.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Up to here every whole number has its own floating point value.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if self.0.fract() == 0.0 && self.0.abs() <= EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number within the exact range")]
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BrokerConfigSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) brokers: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulesSpec {
    pub(crate) groups: Vec<GroupForm>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupForm {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) interval: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) query_offset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) rules: Vec<RuleForm>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<String>,
    pub(crate) expr: String,
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "for")]
    pub(crate) hold: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keep_firing_for: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// What is true of the cluster as a whole, and what is not known.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClusterDocument {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    /// Kafka's cluster id.
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata_version: Option<i16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) own_principal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) security_protocol: Option<SecurityProtocol>,
    pub(crate) brokers: BTreeMap<String, BrokerForm>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) lacking: BTreeMap<String, String>,
    /// What topics get that do not override a key; one value where the brokers agree.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) topic_defaults: BTreeMap<String, BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acls_skipped: Option<usize>,
    #[serde(default, skip_serializing_if = "UnknownForm::is_empty")]
    pub(crate) unknown: UnknownForm,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BrokerForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rack: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) configs: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) configs_hidden: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) configs_unknown: Option<String>,
}

/// What could not be read, each with the reason. A part that is not here is known, and whole.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UnknownForm {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) topics: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) other_topics: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) users: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acls: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quotas: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) broker_configs: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule_groups: Option<String>,
}

impl UnknownForm {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
