//! Which documents are ours, and of which kind.

use crate::domain::nearest::nearest;

use super::codes::Code;
use super::fields::wrong_type;
use super::node::{Entry, Node};
use super::sink::Sink;
use super::yaml::shorten;

/// The kinds that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Topic,
    User,
    Acl,
    Quota,
    ClusterConfig,
    PrometheusRule,
    RuleFile,
    Approval,
    PolicyException,
}

impl Kind {
    /// The name in manifests and messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Topic => "KafkaTopic",
            Self::User => "KafkaUser",
            Self::Acl => "KafkaAcl",
            Self::Quota => "KafkaQuota",
            Self::ClusterConfig => "KafkaClusterConfig",
            Self::PrometheusRule => "PrometheusRule",
            Self::RuleFile => "rule file",
            Self::Approval => "Approval",
            Self::PolicyException => "PolicyException",
        }
    }
}

/// What a document turned out to be.
#[derive(Debug)]
pub(crate) enum Identity {
    /// One of ours.
    Ours(Kind),
    /// A list whose items are documents of their own.
    List,
    /// Something else, with the name under which it is counted.
    PassedOver(String),
    /// Neither; why was reported.
    Broken,
}

const STRIMZI: &str = "kafka.strimzi.io";
const PROMETHEUS: &str = "monitoring.coreos.com";
const OWN: &str = "driftless.dev";

/// Other kinds of Strimzi, which are its operators' business.
const OTHER_STRIMZI_KINDS: &[&str] = &[
    "Kafka",
    "KafkaConnect",
    "KafkaConnectS2I",
    "KafkaConnector",
    "KafkaBridge",
    "KafkaMirrorMaker",
    "KafkaMirrorMaker2",
    "KafkaRebalance",
    "KafkaNodePool",
    "StrimziPodSet",
    "KafkaAccess",
];

const STRIMZI_VERSIONS: &[&str] = &["v1", "v1beta2", "v1beta1", "v1alpha1"];

/// Kinds by group, with the versions that are read.
const KINDS: &[(&str, &str, &[&str], Kind)] = &[
    (STRIMZI, "KafkaTopic", STRIMZI_VERSIONS, Kind::Topic),
    (STRIMZI, "KafkaUser", STRIMZI_VERSIONS, Kind::User),
    (PROMETHEUS, "PrometheusRule", &["v1"], Kind::PrometheusRule),
    (OWN, "KafkaAcl", &["v1"], Kind::Acl),
    (OWN, "KafkaQuota", &["v1"], Kind::Quota),
    (OWN, "KafkaClusterConfig", &["v1"], Kind::ClusterConfig),
    (OWN, "Approval", &["v1"], Kind::Approval),
    (OWN, "PolicyException", &["v1"], Kind::PolicyException),
];

/// Finds out what a document is; reports what looks like a misspelt manifest of ours.
pub(crate) fn identify(root: &Node, sink: &mut Sink) -> Identity {
    let Some(entries) = root.as_mapping() else { return not_a_map(root, sink) };
    let kind = root.get("kind").and_then(Node::as_text);
    let is_version_of_something_else =
        |version: &Node| version.as_text().is_none() && !KINDS.iter().any(|known| kind == Some(known.1));
    if root.get("apiVersion").is_some_and(is_version_of_something_else) {
        // Not Kubernetes': Grafana's provisioning files start with `apiVersion: 1`.
        return Identity::PassedOver(kind.map_or("(no kind)".to_owned(), shorten));
    }
    let mut broken = false;
    for (key, wanted) in [("apiVersion", "a string"), ("kind", "a string")] {
        if let Some(value) = root.get(key).filter(|value| value.as_text().is_none()) {
            wrong_type(value, &format!("`{key}`"), wanted, sink);
            broken = true;
        }
    }
    if broken {
        return Identity::Broken;
    }
    let text = |key| root.get(key).and_then(Node::as_text);
    match (text("apiVersion"), text("kind")) {
        (Some(version), Some(kind)) => by_version_and_kind(root, version, kind, sink),
        (None, Some(kind)) => without_version(root, kind, entries, sink),
        (Some(version), None) => without_kind(root, version, entries, sink),
        (None, None) => without_both(root, entries, sink),
    }
}

fn not_a_map(root: &Node, sink: &mut Sink) -> Identity {
    let holds_manifests =
        |items: &[Node]| items.iter().any(|item| item.get("kind").is_some() || item.get("apiVersion").is_some());
    match root.as_sequence() {
        Some(items) if !holds_manifests(items) => {
            sink.warning(Code::NotAManifest, root.span, "this document is a list, and declares nothing", None);
            Identity::PassedOver("(no kind)".to_owned())
        }
        Some(_) | None => {
            let help = "put each manifest into a document of its own, with `---` between".to_owned();
            sink.error(
                Code::NotAManifest,
                root.span,
                format!("a manifest is a map, and this is {}", root.type_name()),
                help,
            );
            Identity::Broken
        }
    }
}

fn split_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

fn value_span(root: &Node, key: &str) -> super::node::Span {
    root.entry(key).map_or(root.span, |entry| entry.value.span)
}

fn by_version_and_kind(root: &Node, api_version: &str, kind: &str, sink: &mut Sink) -> Identity {
    let (group, version) = split_version(api_version);
    if root.get("items").and_then(Node::as_sequence).is_some() && is_list_kind(group, kind) {
        return Identity::List;
    }
    if let Some((_, _, versions, found)) = KINDS.iter().find(|known| known.0 == group && known.1 == kind) {
        if versions.contains(&version) {
            return Identity::Ours(*found);
        }
        let help = format!("write `apiVersion: {group}/{}`", versions[0]);
        let message = format!("{kind} has no version `{}` in {group}", shorten(version));
        sink.error(Code::UnknownApiVersion, value_span(root, "apiVersion"), message, help);
        return Identity::Broken;
    }
    let known: Vec<&str> = KINDS.iter().filter(|known| known.0 == group).map(|known| known.1).collect();
    let passed_over = || Identity::PassedOver(format!("{}/{}", shorten(api_version), shorten(kind)));
    match group {
        STRIMZI if OTHER_STRIMZI_KINDS.contains(&kind) => passed_over(),
        STRIMZI => unknown_kind(
            root,
            group,
            kind,
            known.into_iter().chain(OTHER_STRIMZI_KINDS.iter().copied()).collect(),
            sink,
        ),
        OWN if kind == "Repository" || kind == "Agent" => {
            let message = format!("a document of kind {kind} cannot stand in a layer");
            let help =
                "`driftless.yaml` at the root is the only Repository; agent settings live on the agent's machine"
                    .to_owned();
            sink.error(Code::UnknownKind, value_span(root, "kind"), message, help);
            Identity::Broken
        }
        OWN => unknown_kind(root, group, kind, known, sink),
        PROMETHEUS if nearest(kind, known.iter().copied()).is_some() => unknown_kind(root, group, kind, known, sink),
        _ => foreign_group(root, group, kind, passed_over, sink),
    }
}

fn is_list_kind(group: &str, kind: &str) -> bool {
    (group.is_empty() && kind == "List")
        || kind.strip_suffix("List").is_some_and(|item| KINDS.iter().any(|known| known.0 == group && known.1 == item))
}

fn unknown_kind(root: &Node, group: &str, kind: &str, known: Vec<&str>, sink: &mut Sink) -> Identity {
    let help = match nearest(kind, known.iter().copied()) {
        Some(meant) => format!("did you mean `kind: {meant}`?"),
        None => format!("its kinds are {}", known.join(", ")),
    };
    let message = format!("{group} has no kind `{}`", shorten(kind));
    sink.error(Code::UnknownKind, value_span(root, "kind"), message, help);
    Identity::Broken
}

/// A kind of ours in a group that is almost ours is a misspelt group; the same kind in another vendor's group is not ours.
fn foreign_group(
    root: &Node,
    group: &str,
    kind: &str,
    passed_over: impl Fn() -> Identity,
    sink: &mut Sink,
) -> Identity {
    let meant = KINDS
        .iter()
        .filter(|known| known.1 == kind)
        .find(|known| group.is_empty() || nearest(group, [known.0]).is_some());
    let Some((right_group, _, versions, _)) = meant else { return passed_over() };
    let help = format!("write `apiVersion: {right_group}/{}`", versions[0]);
    let message = format!("{kind} is not a kind of the group `{}`", shorten(group));
    sink.error(Code::UnknownApiVersion, value_span(root, "apiVersion"), message, help);
    Identity::Broken
}

fn without_version(root: &Node, kind: &str, entries: &[Entry], sink: &mut Sink) -> Identity {
    if kind == "List" && root.get("items").and_then(Node::as_sequence).is_some() {
        return Identity::List;
    }
    if let Some((group, name, versions, _)) = KINDS.iter().find(|known| known.1 == kind) {
        let help = format!("add `apiVersion: {group}/{}`", versions[0]);
        sink.error(Code::MissingField, root.span, format!("this {name} has no apiVersion"), help);
        return Identity::Broken;
    }
    if misspelt(entries, "apiVersion", sink) {
        return Identity::Broken;
    }
    Identity::PassedOver(format!("(no apiVersion)/{}", shorten(kind)))
}

fn without_kind(root: &Node, api_version: &str, entries: &[Entry], sink: &mut Sink) -> Identity {
    let (group, _) = split_version(api_version);
    if misspelt(entries, "kind", sink) {
        return Identity::Broken;
    }
    if [STRIMZI, OWN, PROMETHEUS].contains(&group) {
        sink.error(
            Code::MissingField,
            root.span,
            format!("this document of {group} has no kind"),
            "add `kind`".to_owned(),
        );
        return Identity::Broken;
    }
    Identity::PassedOver(format!("{}/(no kind)", shorten(api_version)))
}

fn without_both(root: &Node, entries: &[Entry], sink: &mut Sink) -> Identity {
    if is_rule_file(root, entries) {
        return Identity::Ours(Kind::RuleFile);
    }
    if misspelt(entries, "apiVersion", sink) | misspelt(entries, "kind", sink) {
        return Identity::Broken;
    }
    if root.get("metadata").is_some() && root.get("spec").is_some() {
        let help = "add `apiVersion` and `kind`; a patch of an earlier layer needs them too".to_owned();
        sink.error(
            Code::MissingField,
            root.span,
            "this document has metadata and spec, but no apiVersion and kind",
            help,
        );
        return Identity::Broken;
    }
    Identity::PassedOver("(no kind)".to_owned())
}

/// A file of Prometheus has `groups`, a list, and nothing beside it; or at least one group with rules.
fn is_rule_file(root: &Node, entries: &[Entry]) -> bool {
    let Some(groups) = root.entry("groups").map(|entry| &entry.value) else { return false };
    let has_rules = |group: &Node| group.get("rules").is_some_and(|rules| rules.as_sequence().is_some());
    match groups.as_sequence() {
        Some(items) => entries.len() == 1 || items.iter().any(has_rules),
        None => entries.len() == 1 && (groups.is_null() || groups.get("rules").is_some()), // A dash is missing.
    }
}

/// Reports a key that differs from the wanted one only in case.
fn misspelt(entries: &[Entry], wanted: &str, sink: &mut Sink) -> bool {
    let found = entries.iter().find(|entry| &*entry.key != wanted && entry.key.eq_ignore_ascii_case(wanted));
    if let Some(entry) = found {
        let message = format!("a manifest has no field `{}`", shorten(&entry.key));
        sink.error(Code::UnknownField, entry.key_span, message, format!("did you mean `{wanted}`?"));
    }
    found.is_some()
}
