//! What topics hold, for the directory cluster: a real cluster is asked for it when it is needed, so it is no part of the
//! recorded state.

use std::collections::BTreeMap;

use super::yaml;
use crate::domain::diagnostic::Diagnostic;
use crate::domain::names::TopicName;
use crate::domain::observed::TopicEvidence;

/// The file with records, bytes and active groups by topic. Optional; people write it, and a deleted topic leaves it.
pub const EVIDENCE_FILE: &str = "evidence.yaml";

/// Reads the evidence of a directory; empty when it has none.
pub fn read_evidence(files: &BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<TopicName, TopicEvidence>, Vec<Diagnostic>> {
    files
        .get(EVIDENCE_FILE)
        .map_or(Ok(BTreeMap::new()), |bytes| yaml::read(EVIDENCE_FILE, bytes).map_err(|diagnostic| vec![diagnostic]))
}

/// Writes the file [`EVIDENCE_FILE`].
pub fn write_evidence(evidence: &BTreeMap<TopicName, TopicEvidence>) -> Vec<u8> {
    yaml::write(evidence)
}

/// Reads any other document of a directory cluster with the strictness of the format.
pub(crate) fn read_document<T: serde::de::DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, Diagnostic> {
    yaml::read(path, bytes)
}
