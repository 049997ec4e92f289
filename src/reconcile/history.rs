//! What the report branch says of the past.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::domain::API_VERSION;
use crate::domain::digest::sha256;
use crate::domain::inventory::{Inventory, LastApplied};
use crate::domain::observed::ObservedState;
use crate::domain::resource::ResourceId;
use crate::plan::fields::{self, Seen};
use crate::plan::types::FieldValue;
use crate::ports::{JournalEntry, JournalPhase, LocalClusterState, ReportBranch};

use super::PassError;

/// The file with what we own.
pub(super) const INVENTORY_FILE: &str = "inventory.json";
/// The file with conditions and revisions.
pub(super) const STATUS_FILE: &str = "status.json";

/// The past of an environment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// What we own.
    pub inventory: Inventory,
    /// Digest of the inventory as the branch holds it; empty when it holds none.
    pub recorded: String,
    /// The revision that was last applied.
    pub last_applied_revision: Option<String>,
}

impl History {
    /// Reads the branch. A branch that is not there is an empty past; one that cannot be understood is an error, never an
    /// empty past: what we own must not be forgotten.
    pub fn read(branch: Option<&dyn ReportBranch>) -> Result<Self, PassError> {
        let Some(branch) = branch else { return Ok(Self::default()) };
        let read = |path: &str| branch.read(path).map_err(PassError::Branch);
        let damaged = |file: &str, problem: String| PassError::History { file: file.to_owned(), problem };
        let (inventory, recorded) = match read(INVENTORY_FILE)?.remove(INVENTORY_FILE) {
            None => (Inventory::default(), String::new()),
            Some(bytes) => {
                let inventory = parse_inventory(&bytes).map_err(|problem| damaged(INVENTORY_FILE, problem))?;
                (inventory, sha256(bytes))
            }
        };
        let last_applied_revision = match read(STATUS_FILE)?.remove(STATUS_FILE) {
            None => None,
            Some(bytes) => {
                let status: serde_json::Value =
                    serde_json::from_slice(&bytes).map_err(|error| damaged(STATUS_FILE, error.to_string()))?;
                status.get("lastAppliedRevision").and_then(|revision| revision.as_str()).map(str::to_owned)
            }
        };
        Ok(Self { inventory, recorded, last_applied_revision })
    }
}

/// Writes the inventory, one resource a line, so that git stores the difference of a change in few bytes.
pub(super) fn render_inventory(inventory: &Inventory, environment: &str) -> Vec<u8> {
    let mut lines = vec![
        "{".to_owned(),
        format!("\"apiVersion\": \"{API_VERSION}\","),
        "\"kind\": \"Inventory\",".to_owned(),
        format!("\"environment\": {},", json(&environment)),
        format!("\"clusterId\": {},", json(&inventory.cluster_id)),
        "\"resources\": {".to_owned(),
    ];
    let count = inventory.resources.len();
    for (index, (id, last)) in inventory.resources.iter().enumerate() {
        let comma = if index + 1 == count { "" } else { "," };
        lines.push(format!("{}: {}{comma}", json(id), json(last)));
    }
    lines.push("}".to_owned());
    lines.push("}".to_owned());
    lines.push(String::new());
    lines.join("\n").into_bytes()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts, ids and ordered maps of texts are JSON")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InventoryFile {
    api_version: String,
    kind: String,
    #[serde(rename = "environment")]
    _environment: String,
    cluster_id: Option<String>,
    #[serde(deserialize_with = "compact")]
    resources: BTreeMap<ResourceId, LastApplied>,
}

/// Reads what may be tens of thousands of resources into as little memory as can be: ACLs share their texts, and a map that is made
/// at once has no room left in it.
fn compact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<ResourceId, LastApplied>, D::Error> {
    struct Resources;
    impl<'de> Visitor<'de> for Resources {
        type Value = BTreeMap<ResourceId, LastApplied>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("resources by their id")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let (mut principals, mut texts, mut all) = (HashSet::default(), HashSet::default(), Vec::new());
            while let Some((mut id, last)) = map.next_entry::<ResourceId, LastApplied>()? {
                if let ResourceId::Acl(binding) = &mut id {
                    share(&mut principals, &mut binding.principal);
                    share(&mut texts, &mut binding.resource_name);
                    share(&mut texts, &mut binding.host);
                }
                all.push((id, last));
            }
            Ok(all.into_iter().collect())
        }
    }
    deserializer.deserialize_map(Resources)
}

/// Replaces a value by an equal one that was met before.
fn share<T: Clone + Eq + Hash>(known: &mut HashSet<T, RandomState>, value: &mut T) {
    match known.get(value) {
        Some(same) => value.clone_from(same),
        None => drop(known.insert(value.clone())),
    }
}

fn parse_inventory(bytes: &[u8]) -> Result<Inventory, String> {
    // As a whole, and not each of its texts again.
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let file: InventoryFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if file.api_version != API_VERSION || file.kind != "Inventory" {
        return Err(format!("it is a {} of {}, not an Inventory of {API_VERSION}", file.kind, file.api_version));
    }
    Ok(Inventory { cluster_id: file.cluster_id, resources: file.resources })
}

/// Takes what an earlier apply did, and could not report before it was ended, into the inventory.
///
/// What was done counts, as long as the branch still holds the inventory that the run began with (`recorded` is its digest):
/// otherwise another agent may have gone on from there. What was only intended, or may be outdated, counts where the cluster
/// shows exactly that; otherwise nothing is known of it, and the prior record stays.
pub(super) fn fold_journal(
    inventory: &mut Inventory,
    local: Option<&dyn LocalClusterState>,
    observed: &ObservedState,
    recorded: &str,
) -> Result<(), PassError> {
    let Some(local) = local else { return Ok(()) };
    for (run, entries) in &local.journal().read().map_err(PassError::State)?.runs {
        if run.cluster_id != observed.cluster.id {
            continue;
        }
        let is_last_word = run.recorded.as_deref().is_none_or(|then| then == recorded);
        let latest: BTreeMap<&str, &JournalEntry> =
            entries.iter().map(|entry| (entry.action_id.as_str(), entry)).collect();
        for entry in latest.values() {
            let landed = match entry.phase {
                JournalPhase::Done if is_last_word => true,
                JournalPhase::Done | JournalPhase::Intended => shows(entry, observed),
                JournalPhase::Failed => false,
            };
            if landed {
                fold(inventory, entry, observed);
            }
        }
    }
    Ok(())
}

fn is_deletion(entry: &JournalEntry) -> bool {
    entry.action_id.ends_with("/delete")
}

fn shows(entry: &JournalEntry, observed: &ObservedState) -> bool {
    match fields::observed_fields(observed, &entry.resource) {
        Seen::Unknown(_) => false,
        Seen::Absent => is_deletion(entry),
        Seen::Present(found) => {
            !is_deletion(entry)
                && entry.fields.iter().all(|(path, wanted)| match (wanted, found.get(path)) {
                    (None, None) => true,
                    (Some(wanted), Some(have)) => {
                        fields::same_value(entry.resource.kind(), path, &FieldValue::Text(wanted.clone()), have)
                    }
                    (Some(_), None) | (None, Some(_)) => false,
                })
        }
    }
}

fn fold(inventory: &mut Inventory, entry: &JournalEntry, observed: &ObservedState) {
    inventory.cluster_id = Some(observed.cluster.id.clone());
    if is_deletion(entry) {
        inventory.resources.remove(&entry.resource);
        return;
    }
    let last: &mut LastApplied = inventory.resources.entry(entry.resource.clone()).or_default();
    for (path, value) in &entry.fields {
        match value {
            Some(value) => last.fields.insert(path.clone(), value.clone()),
            None => last.fields.remove(path),
        };
    }
    if let ResourceId::Topic(name) = &entry.resource
        && last.topic_id.is_none()
    {
        last.topic_id = observed.topics.get(name).and_then(|topic| topic.id);
    }
}
