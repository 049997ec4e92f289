//! What driftless owns, and what it last wrote there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::resource::ResourceId;

/// What we own, with the value that was last written (or found equal and adopted) for every field: the third source of
/// the plan. See `docs/adr/0004-inventory.md`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// The cluster that these resources live on. A plan against another cluster is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// Owned resources.
    pub resources: BTreeMap<ResourceId, LastApplied>,
}

/// What we last wrote to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastApplied {
    /// Values by field path, the same paths and texts as in plans. Never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Kafka's id of the topic we wrote to, to notice that it was deleted and made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<uuid::Uuid>,
}
