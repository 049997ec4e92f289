//! Prometheus rule groups, by meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The identity of a rule group: the namespace (one rule file, or one `PrometheusRule`) and the group's name in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleGroupId {
    /// `metadata.name` of the `PrometheusRule`, or the path of the plain rule file below its layer, without its ending.
    pub namespace: String,
    /// Name of the group, unique in its namespace.
    pub group: String,
}

/// A rule group. Durations are milliseconds, so `60s` and `1m` are the same.
///
/// Serialized field by field (camelCase): the JSON of a group in plans, inventory and recorded state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleGroup {
    /// Evaluation interval; absent means Prometheus' default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// How far evaluation looks back; absent means Prometheus' default. Not readable from Prometheus' API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_offset_ms: Option<u64>,
    /// Most series or alerts that a rule may give; 0 is no limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limit: u64,
    /// Labels for every rule of the group; a rule's own label wins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The rules, in the order of evaluation.
    pub rules: Vec<Rule>,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Alerting or recording, with the name.
    pub kind: RuleKind,
    /// The PromQL expression as it was written or read.
    pub expr: String,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// What a rule does with its expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RuleKind {
    /// Raises an alert.
    Alerting {
        /// The alert's name.
        alert: String,
        /// How long the expression must hold, in milliseconds.
        #[serde(default)]
        for_ms: u64,
        /// How long the alert stays after the expression stopped to hold, in milliseconds.
        #[serde(default)]
        keep_firing_for_ms: u64,
        /// Annotations.
        #[serde(default)]
        annotations: BTreeMap<String, String>,
    },
    /// Records a new series.
    Recording {
        /// The series' name.
        record: String,
    },
}

impl Rule {
    /// Returns the name of the alert or of the recorded series.
    pub fn name(&self) -> &str {
        match &self.kind {
            RuleKind::Alerting { alert, .. } => alert,
            RuleKind::Recording { record } => record,
        }
    }
}
