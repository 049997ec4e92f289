//! `driftless.yaml`: the environments of a repository.

use std::collections::BTreeMap;

use crate::domain::API_VERSION;
use crate::domain::config_catalog::{KafkaVersion, NEWEST_VERSION, OLDEST_VERSION, version_text};
use crate::domain::diagnostic::{Diagnostic, Location};
use crate::domain::ignore::IgnoreRules;
use crate::domain::nearest::nearest;
use crate::domain::snapshot::{Snapshot, SnapshotFile};

use super::codes::Code;
use super::fields::{Fields, filled_text, sequence, text_map};
use super::files;
use super::node::{Node, Span};
use super::sink::Sink;
use super::yaml::shorten;

/// The name of the file.
pub const REPOSITORY_FILE: &str = "driftless.yaml";

/// What `driftless.yaml` says.
#[derive(Debug, Clone, PartialEq)]
pub struct RepositoryFile {
    /// The environments, by name; at least one.
    pub environments: BTreeMap<String, Environment>,
    /// The topics that are nobody's business, the default list included.
    pub ignore: IgnoreRules,
}

/// One environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// Directories below the root, in the order in which they are merged; at least one. `.` is the root.
    pub layers: Vec<String>,
    /// Where each of the layers stands.
    pub layer_locations: Vec<Location>,
    /// Parameters of the built-in policy pack.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Where each parameter stands.
    pub parameter_locations: BTreeMap<String, Location>,
    /// Directories of Rego below the root.
    pub policies: Vec<String>,
    /// The version of its brokers. Without it, config keys and values that any supported version takes pass, with a warning
    /// where not all of them do; brokers that are asked for a dry run decide.
    pub kafka_version: Option<KafkaVersion>,
    /// Labels that a manifest must carry to belong to the environment; empty selects all.
    pub selector: BTreeMap<String, String>,
    /// Where its name stands.
    pub location: Location,
}

const EXAMPLE: &str =
    "write one, for example `{apiVersion: driftless.dev/v1, kind: Repository, environments: {prod: {layers: [base]}}}`";

/// Reads `driftless.yaml`. The file is there only when no diagnostic is an error.
pub fn environments(snapshot: &Snapshot) -> (Option<RepositoryFile>, Vec<Diagnostic>) {
    let mut sink = Sink::default();
    let file = read(snapshot, &mut sink);
    let file = file.filter(|_| !sink.has_errors());
    (file, sink.finish())
}

pub(crate) fn read(snapshot: &Snapshot, sink: &mut Sink) -> Option<RepositoryFile> {
    let Some(content) = snapshot.files.get(REPOSITORY_FILE) else {
        let other = snapshot.files.contains_key("driftless.yml");
        let help = if other { "rename `driftless.yml` to `driftless.yaml`" } else { EXAMPLE };
        let message = "there is no `driftless.yaml` at the root of the repository";
        sink.push(Diagnostic::error(Code::MissingRepositoryFile.as_str(), None, message).help(help));
        return None;
    };
    let file = sink.add_file(REPOSITORY_FILE);
    let before = sink.mark();
    let parsed = files::parse(REPOSITORY_FILE, content, file, sink)?;
    let mut trees = parsed.trees.into_iter();
    let Some(tree) = trees.next() else {
        if sink.mark() == before {
            let message = "`driftless.yaml` is empty";
            sink.file_error(Code::MissingRepositoryFile, REPOSITORY_FILE, message, EXAMPLE.to_owned());
        }
        return None;
    };
    if let Some(second) = trees.next() {
        sink.error(Code::BadValue, second.root.span, "`driftless.yaml` holds one document only", None);
    }
    for problem in tree.problems {
        sink.text(problem);
    }
    read_document(&tree.root, snapshot, sink)
}

fn read_document(root: &Node, snapshot: &Snapshot, sink: &mut Sink) -> Option<RepositoryFile> {
    let top = Fields::open(root, "a Repository", &["apiVersion", "kind", "metadata", "environments", "ignore"], sink)?;
    for (key, wanted) in [("apiVersion", API_VERSION), ("kind", "Repository")] {
        let Some(node) = top.require(key, sink) else { continue };
        if node.as_text() != Some(wanted) {
            sink.error(Code::BadValue, node.span, format!("`{key}` of driftless.yaml must be `{wanted}`"), None);
        }
    }
    let ignore = top.get("ignore").and_then(|node| read_ignore(node, sink)).unwrap_or_default();
    let node = top.require("environments", sink)?;
    Fields::open_loose(node, "environments", sink)?;
    let entries = node.as_mapping().unwrap_or_default();
    if entries.is_empty() {
        sink.error(Code::MissingField, node.span, "driftless.yaml names no environment", EXAMPLE.to_owned());
    }
    let mut environments = BTreeMap::new();
    for entry in entries {
        if !is_environment_name(&entry.key) {
            let message = format!("`{}` cannot be the name of an environment", shorten(&entry.key));
            let help = "it becomes part of a branch's name: use letters, digits, `-`, `_` and `.`".to_owned();
            sink.error(Code::BadName, entry.key_span, message, help);
            continue;
        }
        let location = sink.location(entry.key_span);
        if let Some(environment) = read_environment(&entry.key, &entry.value, location, snapshot, sink) {
            environments.insert(entry.key.to_string(), environment);
        }
    }
    Some(RepositoryFile { environments, ignore })
}

fn is_environment_name(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    plain
        && name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.contains("..")
        && !name.ends_with(".lock")
        && !name.ends_with('.')
}

fn read_environment(
    name: &str,
    node: &Node,
    location: Location,
    snapshot: &Snapshot,
    sink: &mut Sink,
) -> Option<Environment> {
    let what = format!("the environment `{name}`");
    let fields = Fields::open(node, &what, &["layers", "kafkaVersion", "parameters", "policies", "selector"], sink)?;
    let layers_node = fields.require("layers", sink)?;
    let layers = read_paths(layers_node, "layers", sink);
    if layers.is_empty() && layers_node.as_sequence().is_some_and(<[Node]>::is_empty) {
        sink.error(Code::MissingField, layers_node.span, format!("{what} has no layer"), None);
    }
    check_overlap(&layers, sink);
    let mut parameters = BTreeMap::new();
    let mut parameter_locations = BTreeMap::new();
    if let Some(node) = fields.get("parameters") {
        Fields::open_loose(node, "parameters", sink)?;
        for entry in node.as_mapping().unwrap_or_default() {
            parameters.insert(entry.key.to_string(), entry.value.to_json());
            parameter_locations.insert(entry.key.to_string(), sink.location(entry.key_span));
        }
    }
    let policies = fields.get("policies").map(|node| read_paths(node, "policies", sink)).unwrap_or_default();
    for (directory, span) in &policies {
        let prefix = if directory == "." { String::new() } else { format!("{directory}/") };
        if !snapshot.files.keys().any(|path| path.starts_with(&prefix) && path.ends_with(".rego")) {
            sink.error(Code::MissingPolicyDirectory, *span, format!("`{directory}` holds no Rego file"), None);
        }
    }
    let selector = fields.get("selector").map(|node| text_map(node, "selector", sink)).unwrap_or_default();
    let kafka_version = fields.get("kafkaVersion").and_then(|node| read_kafka_version(node, sink));
    let layer_locations = layers.iter().map(|(_, span)| sink.location(*span)).collect();
    let names = |paths: Vec<(String, Span)>| paths.into_iter().map(|(path, _)| path).collect();
    let (layers, policies) = (names(layers), names(policies));
    Some(Environment {
        layers,
        layer_locations,
        kafka_version,
        parameters,
        parameter_locations,
        policies,
        selector,
        location,
    })
}

/// Reads `4.1` or `4.1.1`, with or without quotes: as a number of YAML, 4.10 would be 4.1.
fn read_kafka_version(node: &Node, sink: &mut Sink) -> Option<KafkaVersion> {
    let raw = node.as_scalar().map_or("", |scalar| &*scalar.text);
    let mut parts = raw.split('.').map(|part| part.parse::<u16>().ok());
    let (oldest, newest) = (version_text(OLDEST_VERSION), version_text(NEWEST_VERSION));
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST_VERSION && parts.all(|part| part.is_some()) => {
            let version = (major, minor);
            if version > NEWEST_VERSION {
                let message = format!("the configs of Kafka {} are not known yet", version_text(version));
                sink.warning(Code::BadValue, node.span, message, format!("they are checked as those of {newest}"));
            }
            Some(version.min(NEWEST_VERSION))
        }
        _ => {
            let message = "`kafkaVersion` is not a version of Kafka that driftless knows";
            let help = format!("write one from {oldest} to {newest}, such as \"{newest}\", or leave it out");
            sink.error(Code::BadValue, node.span, message, help);
            None
        }
    }
}

/// Reads paths below the root, without `./` and trailing `/`, and where each stands.
fn read_paths(node: &Node, what: &str, sink: &mut Sink) -> Vec<(String, Span)> {
    let mut paths = Vec::new();
    for item in sequence(node, &format!("`{what}`"), sink).unwrap_or_default() {
        let Some(raw) = filled_text(item, &format!("an entry of `{what}`"), sink) else { continue };
        let parts: Vec<&str> = raw.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if raw.starts_with('/') || raw.contains('\\') || parts.contains(&"..") {
            let help = "write it relative to the repository's root, with `/` between its parts".to_owned();
            sink.error(Code::BadPath, item.span, format!("`{}` is not a path below the root", shorten(raw)), help);
            continue;
        }
        paths.push((if parts.is_empty() { ".".to_owned() } else { parts.join("/") }, item.span));
    }
    paths
}

fn check_overlap(layers: &[(String, Span)], sink: &mut Sink) {
    for (at, (first, _)) in layers.iter().enumerate() {
        for (second, span) in &layers[at + 1..] {
            let inside =
                |inner: &str, outer: &str| outer == "." || inner == outer || inner.starts_with(&format!("{outer}/"));
            if inside(first, second) || inside(second, first) {
                let message = format!("the layers `{first}` and `{second}` overlap: files would be read twice");
                sink.error(
                    Code::OverlappingLayers,
                    *span,
                    message,
                    "give each layer a directory of its own".to_owned(),
                );
            }
        }
    }
}

fn read_ignore(node: &Node, sink: &mut Sink) -> Option<IgnoreRules> {
    let fields = Fields::open(node, "ignore", &["topics"], sink)?;
    let topics = fields.get("topics")?;
    let mut patterns = Vec::new();
    for item in sequence(topics, "ignore.topics", sink)? {
        let Some(pattern) = filled_text(item, "an entry of ignore.topics", sink) else { continue };
        match IgnoreRules::new(&[pattern.to_owned()]) {
            Ok(_) => patterns.push(pattern.to_owned()),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                let message = format!("`{}` is not a regular expression", shorten(pattern));
                sink.error(Code::BadRegularExpression, item.span, message, reason);
            }
        }
    }
    IgnoreRules::new(&patterns).ok()
}

/// Reports an environment that `driftless.yaml` does not name.
pub(crate) fn report_unknown(name: &str, file: &RepositoryFile, sink: &mut Sink) {
    let known: Vec<&str> = file.environments.keys().map(String::as_str).collect();
    let help = match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("its environments are {}", known.join(", ")),
    };
    let message = format!("driftless.yaml has no environment `{}`", shorten(name));
    let place = file.environments.values().map(|known| known.location.clone()).min();
    sink.push(Diagnostic::error(Code::UnknownEnvironment.as_str(), place, message).help(help));
}

/// Whether an entry of a snapshot is one that should hold manifests.
pub(crate) fn is_manifest_path(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

/// Whether a link that leads nowhere may have been a directory of manifests, or a manifest.
pub(crate) fn may_hold_manifests(path: &str, file: &SnapshotFile) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    is_manifest_path(path) || (matches!(file, SnapshotFile::BadLink(_)) && !name.contains('.'))
}
