//! From the text of a repository to the desired state, or to every problem in it.
//!
//! One pass: each layer's files become trees with the place of every key and value (`yaml`, `node`), documents are
//! recognized by group and kind (`kind`), merged over the layers (`merge`), and read strictly into domain types (one
//! module per kind). Reading never stops at the first problem; a state exists only when there is no error. No message
//! repeats a value that may be secret.
//!
//! Manifests of Strimzi and Prometheus' operator mean here what they mean there; the rules are in the modules, with
//! their source. May not touch files, time, environment or network. Tests: beside the modules and in `tests.rs`.

mod acl;
mod approval;
mod cluster_config;
mod codes;
mod config_values;
mod content;
mod fields;
mod files;
mod header;
mod kind;
mod merge;
mod node;
mod quota;
mod repository;
mod resources;
mod rules;
mod secrets;
mod sink;
mod template;
mod topic;
mod tree;
mod user;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::desired::DesiredState;
use crate::domain::diagnostic::Diagnostic;
use crate::domain::snapshot::Snapshot;

pub use codes::CODES;
pub use content::content_digest;
pub use repository::{Environment, REPOSITORY_FILE, RepositoryFile, environments};

use merge::Layers;
use resources::Collector;
use sink::Sink;

/// What becomes of the merged manifests (`DesiredState::documents`) after they were read. At 50,000 ACL rules they are 85 MB as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Documents {
    /// They are kept as JSON, for policies on documents.
    Keep,
    /// They are dropped: right when the environment has no policy directories.
    Drop,
}

/// Loads one environment. The state is there only when no diagnostic is an error. Diagnostics are sorted by place.
pub fn load(snapshot: &Snapshot, environment: &str, documents: Documents) -> (Option<DesiredState>, Vec<Diagnostic>) {
    let mut sink = Sink::default();
    let Some(file) = repository::read(snapshot, &mut sink) else { return (None, sink.finish()) };
    let Some(settings) = file.environments.get(environment) else {
        if !sink.has_errors() {
            repository::report_unknown(environment, &file, &mut sink);
        }
        return (None, sink.finish());
    };
    let state = DesiredState { environment: environment.to_owned(), ..DesiredState::default() };
    let kafka_version = settings.kafka_version;
    let mut collector = Collector {
        state,
        sink,
        documents,
        kafka_version,
        labels: BTreeSet::new(),
        topics_by_collision_key: BTreeMap::new(),
    };
    let mut layers = Layers::new(&settings.selector);
    let mut n_nodes = 0;
    for (layer, place) in settings.layers.iter().zip(&settings.layer_locations) {
        files::read_layer(snapshot, (layer, place), &mut layers, &mut n_nodes, &mut collector);
        layers.next_layer();
    }
    let merged = layers.finish();
    if merged.is_empty() && !settings.selector.is_empty() && !collector.sink.has_errors() {
        let message = format!("no manifest has the labels of the selector of `{environment}`");
        let location = Some(settings.location.clone());
        let warning = Diagnostic::warning(codes::Code::SelectorMatchesNothing.as_str(), location, message);
        collector.sink.push(warning.help("compare it with `metadata.labels` of the manifests"));
    }
    resources::read_all(merged, &mut collector);
    let Collector { mut state, sink, .. } = collector;
    // Maps that grew are half empty, and these may be large.
    state.topics = std::mem::take(&mut state.topics).into_iter().collect();
    state.acls = std::mem::take(&mut state.acls).into_iter().collect();
    state.ignore = file.ignore;
    state.parameters = settings.parameters.clone();
    state.parameter_locations = settings.parameter_locations.clone();
    state.policy_directories = settings.policies.clone();
    let state = (!sink.has_errors()).then_some(state);
    (state, sink.finish())
}
