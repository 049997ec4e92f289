//! What git wants one environment to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

use super::acl::AclBinding;
use super::broker_config::BrokerConfigScope;
use super::diagnostic::Location;
use super::ignore::IgnoreRules;
use super::names::{Principal, TopicName, UserName};
use super::quota::{QuotaEntity, QuotaValues};
use super::resource::{ResourceId, ResourceKind};
use super::rule::{RuleGroup, RuleGroupId};
use super::topic::Topic;
use super::user::User;

/// How much of a declared resource driftless touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Management {
    /// Compared, planned, applied.
    Managed,
    /// Declared, but never written or deleted (`strimzi.io/managed: "false"`).
    Unmanaged,
    /// Compared and shown, but not written until the annotation goes (`strimzi.io/pause-reconciliation: "true"`).
    Paused,
}

impl Management {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::Unmanaged => "unmanaged",
            Self::Paused => "paused",
        }
    }
}

/// A value with the place that declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared<T> {
    /// What is declared.
    pub value: T,
    /// Where the resource starts (its `metadata.name`, or the rule or entry itself).
    pub location: Location,
    /// Where single fields stand, by the paths that plan and findings use: `partitions`, `replicationFactor`,
    /// `config.retention.ms`, `scram.SCRAM-SHA-512.iterations`, `producer_byte_rate`. May lack any of them.
    pub fields: BTreeMap<String, Location>,
    /// Whether driftless may touch it.
    pub management: Management,
    /// `metadata.labels`. Most of ten thousand topics have the same few.
    pub labels: Arc<BTreeMap<String, String>>,
}

impl<T> Declared<T> {
    /// Returns the place of a field, or of the whole resource.
    pub fn field_location(&self, path: &str) -> &Location {
        self.fields.get(path).unwrap_or(&self.location)
    }
}

/// Lets held actions through until a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// `metadata.name`.
    pub name: String,
    /// Action ids; one that ends with `/*` names everything below a resource or a principal.
    pub actions: BTreeSet<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds (UTC).
    pub expires: Date,
    /// Where it stands.
    pub location: Location,
}

/// Waives policy rules for resources until a day.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyException {
    /// `metadata.name`.
    pub name: String,
    /// Codes of the rules.
    pub rules: BTreeSet<String>,
    /// Resources as `kind/name`, with `*` and `?` as globs.
    pub resources: Vec<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds (UTC).
    pub expires: Date,
    /// Where it stands.
    pub location: Location,
}

/// One merged manifest as a conftest policy sees it. Kept as text: there is one per manifest, most repositories have no
/// rule that looks at them, and as a tree each takes ten times the memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    json: Box<str>,
    /// Where it starts, in the last layer that touched it.
    pub location: Location,
}

impl Document {
    /// Keeps a manifest, given as JSON after the layers were merged.
    pub fn new(json: &serde_json::Value, location: Location) -> Self {
        Self { json: json.to_string().into(), location }
    }

    /// Returns the manifest.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.json).expect("it was written as JSON")
    }
}

/// Everything that git wants of one environment. Only made from files without errors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DesiredState {
    /// Name of the environment.
    pub environment: String,
    /// Topics by their name in Kafka.
    pub topics: BTreeMap<TopicName, Declared<Topic>>,
    /// Users with SCRAM credentials.
    pub users: BTreeMap<UserName, Declared<User>>,
    /// Users that some manifest declares without SCRAM credentials (TLS): their SCRAM credentials are not ours.
    pub users_without_credentials: BTreeSet<UserName>,
    /// The union of all bindings that manifests declare.
    pub acls: BTreeMap<AclBinding, Declared<()>>,
    /// Principals whose ACLs are declared: extra bindings of theirs are drift. With the first place that names each.
    pub acl_principals: BTreeMap<Principal, Location>,
    /// Quotas by entity.
    pub quotas: BTreeMap<QuotaEntity, Declared<QuotaValues>>,
    /// Dynamic broker configs, by scope and config key.
    pub broker_configs: BTreeMap<BrokerConfigScope, Declared<BTreeMap<String, String>>>,
    /// Rule groups.
    pub rule_groups: BTreeMap<RuleGroupId, Declared<RuleGroup>>,
    /// Approvals of held actions.
    pub approvals: Vec<Approval>,
    /// Exceptions from policy.
    pub exceptions: Vec<PolicyException>,
    /// Topics that are nobody's business.
    pub ignore: IgnoreRules,
    /// The environment's parameters of the built-in policy pack.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Where `driftless.yaml` says each of them, when it is a file of the same revision.
    pub parameter_locations: BTreeMap<String, Location>,
    /// Directories of Rego, relative to the repository's root.
    pub policy_directories: Vec<String>,
    /// All merged manifests, for policies on documents.
    pub documents: Vec<Document>,
    /// Documents of other groups' kinds that were passed over, by `apiVersion/kind`.
    pub passed_over: BTreeMap<String, usize>,
}

impl DesiredState {
    /// Counts the declared resources.
    pub fn len(&self) -> usize {
        ResourceKind::ALL.into_iter().map(|kind| self.count(kind)).sum()
    }

    /// Counts the declared resources of one kind.
    pub fn count(&self, kind: ResourceKind) -> usize {
        match kind {
            ResourceKind::Topic => self.topics.len(),
            ResourceKind::User => self.users.len(),
            ResourceKind::Acl => self.acls.len(),
            ResourceKind::Quota => self.quotas.len(),
            ResourceKind::BrokerConfig => self.broker_configs.len(),
            ResourceKind::RuleGroup => self.rule_groups.len(),
        }
    }

    /// Says whether nothing at all is declared.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says whether a resource is declared, by whatever management.
    pub fn declares(&self, id: &ResourceId) -> bool {
        match id {
            ResourceId::Topic(name) => self.topics.contains_key(name),
            ResourceId::User(name) => self.users.contains_key(name),
            ResourceId::Acl(binding) => self.acls.contains_key(binding),
            ResourceId::Quota(entity) => self.quotas.contains_key(entity),
            ResourceId::BrokerConfig(scope) => self.broker_configs.contains_key(scope),
            ResourceId::RuleGroup(group) => self.rule_groups.contains_key(group),
        }
    }

    /// Returns the place that declares a resource.
    pub fn location(&self, id: &ResourceId) -> Option<&Location> {
        self.field_location(id, "")
    }

    /// Returns the place that declares a field of a resource, or else the resource's.
    pub fn field_location(&self, id: &ResourceId, path: &str) -> Option<&Location> {
        match id {
            ResourceId::Topic(name) => self.topics.get(name).map(|declared| declared.field_location(path)),
            ResourceId::User(name) => self.users.get(name).map(|declared| declared.field_location(path)),
            ResourceId::Acl(binding) => self.acls.get(binding).map(|declared| declared.field_location(path)),
            ResourceId::Quota(entity) => self.quotas.get(entity).map(|declared| declared.field_location(path)),
            ResourceId::BrokerConfig(scope) => {
                self.broker_configs.get(scope).map(|declared| declared.field_location(path))
            }
            ResourceId::RuleGroup(group) => self.rule_groups.get(group).map(|declared| declared.field_location(path)),
        }
    }
}
