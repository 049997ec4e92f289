//! ACL actions, gathered so that people can read them.

use std::collections::BTreeMap;

use super::escape::clean;
use super::values::{remarks, verb};
use crate::domain::acl::{AclBinding, AclResourceType, PatternType};
use crate::domain::resource::ResourceId;
use crate::plan::types::Action;

/// ACL actions of one principal that differ in nothing but the binding.
pub(super) struct AclGroup<'a> {
    pub(super) principal: String,
    pub(super) first: &'a Action,
    pub(super) actions: Vec<&'a Action>,
}

/// Gathers ACL actions by principal and by everything that is said about them.
pub(super) fn acl_groups<'a>(actions: &[&'a Action]) -> Vec<AclGroup<'a>> {
    let mut groups: Vec<AclGroup<'a>> = Vec::new();
    let mut index: BTreeMap<(String, String), usize> = BTreeMap::new();
    for action in actions {
        let principal = match action.resource() {
            Some(ResourceId::Acl(binding)) => binding.principal.to_string(),
            Some(_) | None => action.name.clone(),
        };
        let said = format!("{} {} {:?}", verb(action), remarks(action), action.note);
        let position = *index.entry((principal.clone(), said)).or_insert(groups.len());
        match groups.get_mut(position) {
            Some(group) => group.actions.push(action),
            None => groups.push(AclGroup { principal, first: action, actions: vec![action] }),
        }
    }
    groups
}

/// Returns the bindings of a group, with operations on the same thing on one line.
pub(super) fn acl_lines(group: &AclGroup<'_>) -> Vec<String> {
    let mut lines: Vec<(&'static str, Vec<&'static str>, String)> = Vec::new();
    let mut index: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    for action in &group.actions {
        let Some(ResourceId::Acl(binding)) = action.resource() else {
            lines.push(("", Vec::new(), clean(&action.name)));
            continue;
        };
        let permission = binding.permission.as_str();
        let what = format!("{}, {}", target(&binding), origin_of(&binding.host));
        let position = *index.entry((permission, what.clone())).or_insert(lines.len());
        match lines.get_mut(position) {
            Some((_, operations, _)) => operations.push(binding.operation.as_str()),
            None => lines.push((permission, vec![binding.operation.as_str()], what)),
        }
    }
    let line = |(permission, operations, what): (&str, Vec<&str>, String)| {
        format!("{permission} {} {what}", operations.join(", ")).trim().to_owned()
    };
    lines.into_iter().map(line).collect()
}

/// Says in words what a binding is about.
fn target(binding: &AclBinding) -> String {
    let name = clean(&binding.resource_name);
    match (binding.resource_type, binding.pattern_type) {
        (AclResourceType::Cluster, _) => "on the cluster".to_owned(),
        (kind, PatternType::Prefixed) => format!("on every {kind} that starts with {name}"),
        (kind, PatternType::Literal) if &*binding.resource_name == "*" => format!("on every {kind}"),
        (kind, PatternType::Literal) => format!("on {kind} {name}"),
    }
}

fn origin_of(host: &str) -> String {
    if host == "*" { "from anywhere".to_owned() } else { format!("from {}", clean(host)) }
}
