//! Manifests for what a cluster holds, so that a plan made from them is empty.

use std::collections::BTreeMap;

use serde::Serialize;

use super::documents::{BrokerConfigSpec, Manifest};
use super::write::{by_namespace, by_principal};
use super::{ACLS, BROKER_CONFIGS_FILE, QUOTAS, RULES, TOPICS, USERS, forms, place, yaml};
use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::ignore::IgnoreRules;
use crate::domain::names::{TopicName, UserName};
use crate::domain::observed::{Knowledge, ObservedReplication, ObservedState, ObservedTopic};
use crate::domain::user::{ScramMechanism, SecretReference};

/// Strimzi's annotation for a topic that is declared and never touched, when its value is `false`.
const MANAGED: &str = "strimzi.io/managed";

/// What an import is made for.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportOptions {
    /// Name of the environment.
    pub environment: String,
    /// The layer that takes the manifests: a directory below the repository's root, such as `environments/prod`.
    pub layer: String,
    /// Topics that are left out, beside Kafka's internal ones.
    pub ignore: IgnoreRules,
}

/// The manifests of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Path below the repository's root to bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// A `driftless.yaml` with the environment's entry, for repositories that have none.
    pub repository_file: String,
    /// What people must know: parts that could not be read, resources that could be imported only in part.
    pub notes: Vec<String>,
}

/// Writes manifests for everything that the state holds, save ignored topics. Passwords are not to be had from a
/// cluster: users refer to a secret of their own name, key `password`, as Strimzi names them.
pub fn import(state: &ObservedState, options: &ImportOptions) -> Import {
    let mut import = Import { files: BTreeMap::new(), repository_file: repository_file(options), notes: Vec::new() };
    let layer = options.layer.trim_matches('/');
    let mut add = |directory: &str, stem: &str, text: Vec<u8>| {
        import.files.insert(format!("{layer}/{directory}/{stem}.yaml"), text);
    };
    let mut notes = Vec::new();
    for (name, topic) in &state.topics {
        if !topic.internal && !options.ignore.ignores_topic(name) {
            add(TOPICS, &place::stem(name.as_str()), topic_file(name, topic, &mut notes));
        }
    }
    for (name, credentials) in state.users.known().into_iter().flatten() {
        if !credentials.is_empty() {
            add(USERS, &place::stem(name.as_str()), user_file(name, credentials));
        }
    }
    for (principal, bindings) in by_principal(state) {
        add(
            ACLS,
            &place::principal_stem(principal.as_str()),
            yaml::write(&forms::acls(principal, bindings.into_iter())),
        );
    }
    for (entity, values) in state.quotas.known().into_iter().flatten() {
        if !values.is_empty() {
            add(QUOTAS, &place::stem(&entity.to_string()), yaml::write(&forms::quota(entity, values)));
        }
    }
    for (namespace, groups) in by_namespace(state) {
        add(RULES, &place::stem(namespace), yaml::write(&forms::rules(namespace, groups.into_iter())));
    }
    if let Some(text) = broker_configs_file(state, &mut notes) {
        import.files.insert(format!("{layer}/{BROKER_CONFIGS_FILE}"), text);
    }
    notes.extend(unread(state));
    import.notes = notes;
    import
}

fn topic_file(name: &TopicName, topic: &ObservedTopic, notes: &mut Vec<String>) -> Vec<u8> {
    let mut document = forms::topic(name, topic);
    document.status = None;
    document.metadata.annotations.clear();
    let mut comments = Vec::new();
    if let ObservedReplication::Mixed(least, most) = topic.replication {
        comments.push(format!(
            "The partitions of this topic have from {least} to {most} replicas, so `replicas` is left out."
        ));
    }
    let hidden: Vec<&str> =
        topic.overrides.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key.as_str()).collect();
    let incomplete = match &topic.overrides_unknown {
        Some(reason) => Some(format!("its configuration could not be read ({reason})")),
        None if hidden.is_empty() => None,
        None => Some(format!("Kafka does not show the values of {}", quoted(&hidden))),
    };
    // A manifest speaks for all overrides of its topic: managed, what is missing here would be unset.
    if let Some(incomplete) = incomplete {
        document.metadata.annotations.insert(MANAGED.to_owned(), "false".to_owned());
        comments.push(format!("Not managed, because {incomplete}."));
        comments.push("Complete `spec.config` and remove the annotation to manage it.".to_owned());
        notes.push(format!("topic `{name}` is imported as not managed: {incomplete}"));
    }
    with_comments(&comments, &document)
}

fn user_file(name: &UserName, credentials: &BTreeMap<ScramMechanism, i32>) -> Vec<u8> {
    let secret = SecretReference { name: forms::object_name("", name.as_str()), key: "password".to_owned() };
    yaml::write(&forms::user(name, credentials, Some(secret)))
}

fn broker_configs_file(state: &ObservedState, notes: &mut Vec<String>) -> Option<Vec<u8>> {
    let scopes: forms::BrokerConfigs<'_> = state
        .broker_configs
        .iter()
        .filter_map(|(scope, configs)| Some((*scope, configs.known()?)))
        .filter(|(_, configs)| configs.values().any(Option::is_some))
        .collect();
    let mut comments = Vec::new();
    for (scope, configs) in state.broker_configs.iter().filter_map(|(scope, configs)| Some((scope, configs.known()?))) {
        let hidden: Vec<&str> =
            configs.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key.as_str()).collect();
        if !hidden.is_empty() {
            let whose = match scope {
                BrokerConfigScope::Default => "the cluster-wide default".to_owned(),
                BrokerConfigScope::Broker(id) => format!("broker {id}"),
            };
            comments.push(format!("Left out, because Kafka does not show them: {} of {whose}.", quoted(&hidden)));
            notes.push(format!("broker configs that Kafka does not show are left out: {} of {whose}", quoted(&hidden)));
        }
    }
    if scopes.is_empty() {
        return None;
    }
    let document: Manifest<BrokerConfigSpec> = forms::broker_configs(&scopes);
    let document = Manifest { metadata: without_annotations(document.metadata), ..document };
    Some(with_comments(&comments, &document))
}

fn without_annotations(metadata: super::documents::Metadata) -> super::documents::Metadata {
    super::documents::Metadata { annotations: BTreeMap::new(), ..metadata }
}

fn quoted(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// Writes a document below comment lines. Text from the cluster cannot end its line.
fn with_comments<T: Serialize>(comments: &[String], document: &T) -> Vec<u8> {
    let mut text = String::new();
    for comment in comments {
        text.push_str("# ");
        text.extend(
            comment
                .chars()
                .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') { ' ' } else { c }),
        );
        text.push('\n');
    }
    let mut bytes = text.into_bytes();
    bytes.extend(yaml::write(document));
    bytes
}

fn unread(state: &ObservedState) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, reason) in &state.unknown_topics {
        notes.push(format!("topic `{name}` could not be read and is left out: {reason}"));
    }
    if let Some(reason) = &state.topics_incomplete {
        notes.push(format!("some topics may be missing: {reason}"));
    }
    let mut part = |what: &str, reason: Option<&str>| {
        if let Some(reason) = reason {
            notes.push(format!("{what} could not be read and are left out: {reason}"));
        }
    };
    part("users", state.users.unknown());
    part("ACLs", state.acls.unknown());
    part("quotas", state.quotas.unknown());
    for (scope, configs) in &state.broker_configs {
        part(&format!("dynamic configs of broker scope `{scope}`"), Knowledge::unknown(configs));
    }
    if state.acls_skipped > 0 {
        notes.push(format!("{} ACL bindings of kinds that are not known here are left out", state.acls_skipped));
    }
    notes
}

fn repository_file(options: &ImportOptions) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Repository<'a> {
        api_version: &'a str,
        kind: &'a str,
        environments: BTreeMap<&'a str, Environment<'a>>,
    }
    #[derive(Serialize)]
    struct Environment<'a> {
        layers: Vec<&'a str>,
    }
    let environment = Environment { layers: vec![options.layer.trim_matches('/')] };
    let repository = Repository {
        api_version: crate::domain::API_VERSION,
        kind: "Repository",
        environments: BTreeMap::from([(options.environment.as_str(), environment)]),
    };
    String::from_utf8_lossy(&yaml::write(&repository)).into_owned()
}
