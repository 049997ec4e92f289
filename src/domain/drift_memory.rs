//! What earlier checks saw of drift: how often in a row, and how often it was put right.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::resource::ResourceId;

/// What earlier checks saw of drift. Losing it is safe: a drift is confirmed once more, and a resource that somebody else
/// keeps changing back is corrected a few times more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DriftMemory {
    /// Resources that drifted in the last check, or were corrected not long ago.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<ResourceId, DriftRecord>,
}

/// What is remembered of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DriftRecord {
    /// In how many checks in a row it had drifted; 0 when it had not in the last one.
    #[serde(default)]
    pub checks: u32,
    /// When the first of these checks was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_check: Option<Timestamp>,
    /// When the last of them was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_check: Option<Timestamp>,
    /// When its drift was put right, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<Timestamp>,
    /// Whether it is left alone because somebody else keeps changing it back.
    #[serde(default)]
    pub contested: bool,
    /// Digest of what the cluster had of it at the last check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// When the cluster's side of it was last seen to change, or was last changed by us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_move: Option<Timestamp>,
}
