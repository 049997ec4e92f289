//! The plan and its parts, as `-o json` shows them and `--out` saves them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::diagnostic::{Location, Severity};
use crate::domain::observed::TopicEvidence;
use crate::domain::resource::{ResourceId, ResourceKind};

/// Everything that would be done to one cluster, and everything that was noticed on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// `driftless.dev/v1`.
    pub api_version: String,
    /// `Plan`.
    pub kind: String,
    /// `sha256:` and the digest of the content: cluster id, observed fingerprint, actions. Never of a commit or a place.
    pub id: String,
    /// The environment.
    pub environment: String,
    /// The cluster it was made for.
    pub cluster: PlanCluster,
    /// The revision it was made from.
    pub source: PlanSource,
    /// Counts.
    pub summary: Summary,
    /// What must still hold when it is applied.
    pub preconditions: Preconditions,
    /// The actions, in the order in which they are shown.
    pub actions: Vec<Action>,
    /// Resources that git and the cluster agree on and that an apply takes into the inventory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adopted: Vec<ResourceId>,
    /// Resources that differ and are left alone because their manifest pauses them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<ResourceId>,
    /// Owned resources that left git and stay because prune is off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unpruned: Vec<ResourceId>,
    /// Resources on the cluster that no manifest declares and that are not ours.
    pub unmanaged: Vec<ResourceId>,
    /// Users whose password was not compared, because no secret was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<ResourceId>,
    /// What could not be read, and so is not planned.
    pub unknown: Vec<Unknown>,
    /// What policy and the planner found.
    pub findings: Vec<Finding>,
}

/// The cluster of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanCluster {
    /// Kafka's cluster id.
    pub id: String,
    /// Number of live brokers.
    pub brokers: usize,
}

/// The source of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSource {
    /// The commit; absent outside git.
    pub revision: Option<String>,
    /// Whether the work tree differed from it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dirty: bool,
    /// The revision of the last apply.
    pub base: Option<String>,
}

/// Counts of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Planned creations.
    pub create: usize,
    /// Planned updates.
    pub update: usize,
    /// Planned deletions.
    pub delete: usize,
    /// Actions that wait for an approval.
    pub held: usize,
    /// Actions that cannot be done.
    pub blocked: usize,
    /// Resources that are not ours.
    pub unmanaged: usize,
}

impl Summary {
    /// Says whether an apply would do something.
    pub fn is_open(&self) -> bool {
        self.create + self.update + self.delete > 0
    }
}

/// What must hold when a saved plan is applied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preconditions {
    /// Kafka's cluster id.
    pub cluster_id: String,
    /// Ids of the topics that the actions touch.
    #[serde(default)]
    pub topic_ids: BTreeMap<String, String>,
    /// Digest of the observed state of everything that the plan touches or adopts.
    pub observed_fingerprint: String,
}

/// What is done to the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionKind {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is removed.
    Delete,
}

impl ActionKind {
    /// Returns the last part of an action id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Who moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Git moved since the last apply.
    Change,
    /// The cluster moved since the last apply.
    Drift,
    /// Both moved.
    Conflict,
    /// It was on the cluster before it was ours.
    Adopt,
}

/// Why an action is there, or why it is held or blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is in git and not on the cluster.
    NotInCluster,
    /// It is ours, and it was deleted on the cluster.
    DeletedInCluster,
    /// Config values differ.
    ConfigDiffers,
    /// Git has more partitions.
    PartitionsDiffer,
    /// Partitions and configs differ.
    PartitionsAndConfigDiffer,
    /// Git has fewer partitions; Kafka cannot take partitions away.
    PartitionsCannotShrink,
    /// The replication factor differs; changing it is a reassignment.
    ReplicationFactorDiffers,
    /// Mechanisms or iterations differ.
    CredentialDiffers,
    /// The password is another than the one last written.
    PasswordChanged,
    /// It is not known which password was last written, so it is written again.
    PasswordNotVerified,
    /// A binding is on the cluster that git does not have, for a principal whose ACLs are in git.
    NotInGit,
    /// It was ours, and it left git.
    RemovedFromGit,
    /// Limits differ.
    QuotaDiffers,
    /// The rules of the group differ.
    RulesDiffer,
    /// The rules are the same in another order.
    RulesReordered,
}

/// How bad it would be if the action were wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing that exists is touched.
    None,
    /// Can be taken back without loss.
    Low,
    /// Can be taken back, but clients feel it.
    High,
    /// Cannot be taken back.
    Irreversible,
}

/// What becomes of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// An apply does it.
    Planned,
    /// It waits for an `Approval`.
    Held,
    /// It cannot be done.
    Blocked,
}

/// What keeps an action that no approval lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// The settings say that drift is reported and not corrected.
    DriftNotCorrected,
    /// The drift was not seen in enough checks in a row yet.
    DriftUnconfirmed,
    /// Somebody else changes it back again and again, so it is left alone for a while.
    Contested,
}

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Action {
    /// `RESOURCE/create|update|delete`.
    pub id: String,
    /// The kind of resource.
    pub kind: ResourceKind,
    /// The resource's id without its kind.
    pub name: String,
    /// What is done.
    pub action: ActionKind,
    /// Who moved.
    pub origin: Origin,
    /// Why.
    pub reason: Reason,
    /// How risky it is.
    pub risk: Risk,
    /// What becomes of it.
    pub status: Status,
    /// What holds it, when it is not an approval that is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Why it is held or blocked, or what makes it risky: a sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether the broker itself said that it would accept it.
    #[serde(default)]
    pub validated: bool,
    /// Whether it removes a whole resource that left git, which only prune does and the deletion budget counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pruned: bool,
    /// The fields that differ. They say all that an apply needs.
    pub fields: Vec<FieldChange>,
    /// Facts from the cluster about what would be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<TopicEvidence>,
    /// The approval that let it through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Where git declares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// When an action is done: what adds comes before what takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Creations and updates of topics, users, grants, quotas, configs, rules, in this order.
    Write,
    /// ACL bindings that are removed.
    Revoke,
    /// Everything else that is removed.
    Delete,
}

impl Action {
    /// Returns when it is done.
    pub fn phase(&self) -> Phase {
        match (self.action, self.kind) {
            (ActionKind::Create | ActionKind::Update, _) => Phase::Write,
            (ActionKind::Delete, ResourceKind::Acl) => Phase::Revoke,
            (
                ActionKind::Delete,
                ResourceKind::Topic
                | ResourceKind::User
                | ResourceKind::Quota
                | ResourceKind::BrokerConfig
                | ResourceKind::RuleGroup,
            ) => Phase::Delete,
        }
    }

    /// Says whether an approval would let it through.
    pub fn waits_for_approval(&self) -> bool {
        self.status == Status::Held && self.hold.is_none()
    }

    /// Returns the resource.
    pub fn resource(&self) -> Option<ResourceId> {
        ResourceId::parse(&format!("{}/{}", self.kind, self.name))
    }
}

/// One field that differs.
///
/// Paths: `partitions`, `replicationFactor`, `config.KEY` (topics, broker configs), `scram.MECHANISM.iterations`, `password`,
/// Kafka's quota keys, `rules` (the group as JSON).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldChange {
    /// Which field.
    pub path: String,
    /// What we last wrote; absent when we never did, or when it was unset.
    pub applied: Option<FieldValue>,
    /// What the cluster has; absent when it is not set there.
    pub observed: Option<FieldValue>,
    /// What git wants; absent when it is to be unset.
    pub desired: Option<FieldValue>,
}

/// The value of a field: text, or a mark where a secret stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// Text.
    Text(String),
    /// A secret, of which nothing is shown but where it comes from.
    Secret(Option<crate::domain::user::SecretReference>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretMark {
    secret: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl Serialize for FieldValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Secret(reference) => SecretMark {
                secret: true,
                name: reference.as_ref().map(|reference| reference.name.clone()),
                key: reference.as_ref().map(|reference| reference.key.clone()),
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self::Text(text)),
            other => {
                let mark = SecretMark::deserialize(other).map_err(serde::de::Error::custom)?;
                let reference =
                    mark.name.zip(mark.key).map(|(name, key)| crate::domain::user::SecretReference { name, key });
                Ok(Self::Secret(reference))
            }
        }
    }
}

impl FieldValue {
    /// Returns the text, unless it is a secret.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Secret(_) => None,
        }
    }
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unknown {
    /// A resource id, or a kind (`acl`, `user`, `quota`, `rule-group`, `topic`) when all of it is meant.
    pub resource: String,
    /// Why, with the broker's own words.
    pub reason: String,
}

/// The code of the finding that the cluster is not the one that the settings or the inventory mean.
pub const OTHER_CLUSTER: &str = "cluster-id-differs";

/// The code of the finding that git declares nothing.
pub const EMPTY: &str = "desired-state-empty";

impl Plan {
    /// Returns why a plan without actions is no cluster that is what git says: it is another one, or git says nothing.
    pub fn says_nothing(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| [OTHER_CLUSTER, EMPTY].contains(&finding.code.as_str()))
    }

    /// Returns why nothing here can be compared with what was last applied: that was another cluster.
    pub fn other_cluster(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.code == OTHER_CLUSTER)
    }
}

/// What a policy rule, or the planner itself, has to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Finding {
    /// Stable kebab-case code.
    pub code: String,
    /// Deny stops plan and apply.
    pub severity: Severity,
    /// The resource it is about, as a resource id; absent when it is about the cluster or the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What is wrong and what is wanted.
    pub message: String,
    /// Where git says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The rule that judged, `policy/FILE.rego:LINE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The exception that waives it; a waived finding stops nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Waiver>,
}

/// The exception that waives a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Waiver {
    /// Name of the `PolicyException`.
    pub exception: String,
    /// Its reason.
    pub reason: String,
    /// Its last day, `YYYY-MM-DD`; `never` for the `exception` rule of a pack.
    pub expires: String,
    /// Days until then, 0 on the last one; absent when it never ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_left: Option<i32>,
}

impl Waiver {
    /// Says who waives it, for how long and why, in one line.
    pub fn sentence(&self) -> String {
        let left = match self.days_left {
            Some(0) => " (its last day)".to_owned(),
            Some(1) => " (1 day left)".to_owned(),
            Some(days) => format!(" ({days} days left)"),
            None => String::new(),
        };
        format!("{} until {}{left}: {}", self.exception, self.expires, self.reason)
    }
}

impl Finding {
    /// Says whether it stops plan and apply.
    pub fn denies(&self) -> bool {
        self.severity == Severity::Deny && self.waived.is_none()
    }
}
