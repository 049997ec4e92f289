//! How to take what drifted into git instead of repairing it.

use super::Drift;
use crate::domain::acl::{AclResourceType, PatternType};
use crate::domain::quota::QuotaKey;
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::domain::user::{ITERATIONS_ANNOTATION, MECHANISMS_ANNOTATION};
use crate::plan::types::{ActionKind, FieldValue};
use crate::report::clean;
use crate::report::values::yaml;

/// Says how to take it into git instead: a sentence, and the lines to write.
pub(crate) fn accept(drift: &Drift) -> (String, Option<String>) {
    let file = drift.file.as_deref().map_or("its manifest".to_owned(), |file| format!("`{file}`"));
    match (drift.repair, drift.kind) {
        (ActionKind::Create, _) => (format!("remove it from {file}"), None),
        (ActionKind::Delete, ResourceKind::Acl) => {
            ("add the binding to a manifest of the principal".to_owned(), acl_manifest(&drift.name))
        }
        (ActionKind::Delete, _) => ("declare it in a manifest (`driftless import` writes one)".to_owned(), None),
        (ActionKind::Update, ResourceKind::RuleGroup) => {
            (format!("take the rules of the rule directory over into {file}"), None)
        }
        (ActionKind::Update, ResourceKind::User) => {
            let annotations = format!("`{MECHANISMS_ANNOTATION}` and `{ITERATIONS_ANNOTATION}`");
            (format!("set the annotations {annotations} in {file} to what the cluster has"), None)
        }
        (ActionKind::Update, ResourceKind::Topic) => (with_cluster(&file), accept_lines(drift, "config:")),
        (ActionKind::Update, ResourceKind::Quota) => (with_cluster(&file), accept_lines(drift, "quotas:")),
        (ActionKind::Update, ResourceKind::BrokerConfig) => {
            let parent =
                if drift.name == "default" { "default:".to_owned() } else { format!("# of broker {}", drift.name) };
            (with_cluster(&file), accept_lines(drift, &parent))
        }
        (ActionKind::Update, ResourceKind::Acl) => (with_cluster(&file), None),
    }
}

fn with_cluster(file: &str) -> String {
    format!("change {file} to what the cluster has")
}

/// Returns the lines of `spec` that say what the cluster has: counts by themselves, keys below their parent.
fn accept_lines(drift: &Drift, parent: &str) -> Option<String> {
    let mut counts = Vec::new();
    let mut keys = Vec::new();
    for field in &drift.fields {
        let (key, lines) = match field.path.as_str() {
            "partitions" => ("partitions", &mut counts),
            "replicationFactor" => ("replicas", &mut counts),
            path => (path.strip_prefix("config.").unwrap_or(path), &mut keys),
        };
        let key = QuotaKey::parse(key).map_or(key, |quota| quota.manifest_key());
        match &field.observed {
            Some(FieldValue::Text(value)) if value.parse::<i64>().is_ok() => {
                lines.push(format!("{}: {value}", yaml(key)))
            }
            Some(FieldValue::Text(value)) => lines.push(format!("{}: {}", yaml(key), yaml(value))),
            Some(FieldValue::Secret(_)) => {}
            None => lines.push(format!("# without {}", clean(key))),
        }
    }
    if !keys.is_empty() {
        counts.push(parent.to_owned());
        counts.extend(keys.into_iter().map(|line| format!("  {line}")));
    }
    (!counts.is_empty()).then(|| counts.join("\n"))
}

fn acl_manifest(name: &str) -> Option<String> {
    let Some(ResourceId::Acl(binding)) = ResourceId::parse(&format!("acl/{name}")) else { return None };
    let pattern = match binding.pattern_type {
        PatternType::Literal => "literal",
        PatternType::Prefixed => "prefix",
    };
    let resource = match binding.resource_type {
        AclResourceType::Cluster => "{type: cluster}".to_owned(),
        kind => format!("{{type: {kind}, name: {}, patternType: {pattern}}}", yaml(&binding.resource_name)),
    };
    Some(format!(
        "principals: [{}]\nrules:\n- {{type: {}, hosts: [{}], resource: {resource}, operations: [{}]}}",
        yaml(binding.principal.as_str()),
        binding.permission,
        yaml(&binding.host),
        binding.operation
    ))
}
