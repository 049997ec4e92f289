//! ACL rules, in Strimzi's shape; and `KafkaAcl`, which has the same rules for any principals.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::domain::acl::{
    AclBinding, AclOperation, AclPermission, AclResourceType, CLUSTER_RESOURCE_NAME, PatternType,
};
use crate::domain::desired::{Declared, Management};
use crate::domain::names::Principal;

use super::codes::Code;
use super::fields::{Fields, choice, filled_text, sequence, text};
use super::header::Header;
use super::merge::Merged;
use super::node::{Node, Span};
use super::resources::Collector;
use super::sink::Sink;
use super::yaml::shorten;

/// Whose rules they are: both have the same shape, but not the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `KafkaUser`; `operation` in the singular exists up to v1beta2.
    Strimzi { singular_operation: bool },
    /// `KafkaAcl`.
    Own,
}

/// One rule: everything of its bindings but the principal.
#[derive(Debug)]
pub(crate) struct AclRule {
    span: Span,
    permission: AclPermission,
    resource_type: AclResourceType,
    pattern_type: PatternType,
    resource_name: Arc<str>,
    hosts: Vec<Arc<str>>,
    operations: Vec<AclOperation>,
}

/// The operations that the broker consults for a type of resource (K: `AclEntry.supportedOperations`); `All` beside.
fn operations_with_effect(resource_type: AclResourceType) -> &'static [AclOperation] {
    use AclOperation::{
        Alter, AlterConfigs, ClusterAction, Create, CreateTokens, Delete, Describe, DescribeConfigs, DescribeTokens,
        IdempotentWrite, Read, TwoPhaseCommit, Write,
    };
    match resource_type {
        AclResourceType::Topic => &[Read, Write, Create, Describe, Delete, Alter, DescribeConfigs, AlterConfigs],
        AclResourceType::Group => &[Read, Describe, Delete, DescribeConfigs, AlterConfigs],
        AclResourceType::Cluster => {
            &[Create, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite, Alter, Describe]
        }
        AclResourceType::TransactionalId => &[Describe, Write, TwoPhaseCommit],
        AclResourceType::DelegationToken => &[Describe],
        AclResourceType::User => &[CreateTokens, DescribeTokens],
    }
}

/// Reads a list of rules.
pub(crate) fn read_rules(node: &Node, what: &str, dialect: Dialect, sink: &mut Sink) -> Vec<AclRule> {
    let items = sequence(node, what, sink).unwrap_or_default();
    items.iter().filter_map(|item| read_rule(item, dialect, sink)).collect()
}

fn read_rule(node: &Node, dialect: Dialect, sink: &mut Sink) -> Option<AclRule> {
    let allowed: &[&str] = match dialect {
        Dialect::Strimzi { singular_operation: true } => &["type", "resource", "host", "operations", "operation"],
        Dialect::Strimzi { singular_operation: false } => &["type", "resource", "host", "operations"],
        Dialect::Own => &["type", "resource", "hosts", "operations"],
    };
    let rule = Fields::open(node, "an ACL rule", allowed, sink)?;
    let permission = match rule.get("type") {
        Some(node) => choice(node, "the rule's `type`", &words(AclPermission::ALL, AclPermission::as_str), sink),
        None => Some(AclPermission::Allow),
    };
    let hosts = read_hosts(&rule, dialect, sink);
    let resource = rule.require("resource", sink).and_then(|node| read_resource(node, dialect, sink));
    let operations = read_operations(&rule, dialect, resource.as_ref().map(|resource| resource.0), sink);
    let (resource_type, pattern_type, resource_name) = resource?;
    Some(AclRule {
        span: node.span,
        permission: permission?,
        resource_type,
        pattern_type,
        resource_name,
        hosts: hosts?,
        operations: operations?,
    })
}

fn words<T: Copy>(all: &'static [T], name: fn(T) -> &'static str) -> Vec<(&'static str, T)> {
    all.iter().map(|value| (name(*value), *value)).collect()
}

fn read_hosts(rule: &Fields<'_>, dialect: Dialect, sink: &mut Sink) -> Option<Vec<Arc<str>>> {
    let any = || Some(vec!["*".into()]);
    match dialect {
        Dialect::Strimzi { .. } => match rule.get("host") {
            None => any(),
            Some(node) => filled_text(node, "the rule's `host`", sink).map(|host| vec![host.into()]),
        },
        Dialect::Own => match rule.get("hosts") {
            None => any(),
            Some(node) => {
                let items = sequence(node, "the rule's `hosts`", sink)?;
                if items.is_empty() {
                    sink.error(
                        Code::MissingField,
                        node.span,
                        "the rule's `hosts` is empty",
                        "write `hosts: [\"*\"]`, or leave it out".to_owned(),
                    );
                    return None;
                }
                items.iter().map(|item| filled_text(item, "a host", sink).map(Arc::from)).collect()
            }
        },
    }
}

type Resource = (AclResourceType, PatternType, Arc<str>);

fn read_resource(node: &Node, dialect: Dialect, sink: &mut Sink) -> Option<Resource> {
    let resource = Fields::open(node, "the rule's `resource`", &["type", "name", "patternType"], sink)?;
    let types = match dialect {
        Dialect::Strimzi { .. } => words(&AclResourceType::ALL[..4], AclResourceType::as_str),
        Dialect::Own => words(AclResourceType::ALL, AclResourceType::as_str),
    };
    let resource_type =
        resource.require("type", sink).and_then(|node| choice(node, "the resource's `type`", &types, sink));
    let patterns = [("literal", PatternType::Literal), ("prefix", PatternType::Prefixed)];
    let pattern_type = match resource.get("patternType") {
        Some(node) => choice(node, "the resource's `patternType`", &patterns, sink),
        None => Some(PatternType::Literal),
    };
    let resource_type = resource_type?;
    if resource_type == AclResourceType::Cluster {
        if dialect == Dialect::Own {
            check_cluster_resource(&resource, pattern_type?, sink);
        }
        // Strimzi ignores name and pattern of a cluster resource.
        return Some((resource_type, PatternType::Literal, CLUSTER_RESOURCE_NAME.into()));
    }
    let name = filled_text(resource.require("name", sink)?, "the resource's `name`", sink)?;
    Some((resource_type, pattern_type?, name.into()))
}

fn check_cluster_resource(resource: &Fields<'_>, pattern_type: PatternType, sink: &mut Sink) {
    if let Some(name) = resource.get("name")
        && name.as_text() != Some(CLUSTER_RESOURCE_NAME)
    {
        let help = "leave `name` out".to_owned();
        sink.error(
            Code::BadValue,
            name.span,
            format!("the cluster's name can only be `{CLUSTER_RESOURCE_NAME}`"),
            help,
        );
    }
    if pattern_type == PatternType::Prefixed {
        sink.error(
            Code::BadValue,
            resource.span(),
            "the cluster's pattern can only be literal",
            "leave `patternType` out".to_owned(),
        );
    }
}

fn read_operations(
    rule: &Fields<'_>,
    dialect: Dialect,
    on: Option<AclResourceType>,
    sink: &mut Sink,
) -> Option<Vec<AclOperation>> {
    let all = match dialect {
        Dialect::Strimzi { .. } => words(AclOperation::ALL, AclOperation::as_str)
            .into_iter()
            .filter(|(_, operation)| {
                !matches!(
                    operation,
                    AclOperation::CreateTokens | AclOperation::DescribeTokens | AclOperation::TwoPhaseCommit
                )
            })
            .collect(),
        Dialect::Own => words(AclOperation::ALL, AclOperation::as_str),
    };
    let nodes: Vec<&Node> = match (rule.get("operations"), rule.get("operation")) {
        (Some(_), Some(single)) => {
            sink.error(
                Code::BadValue,
                single.span,
                "a rule has either `operations` or `operation`, not both",
                "remove `operation`".to_owned(),
            );
            return None;
        }
        (Some(list), None) => sequence(list, "the rule's `operations`", sink)?.iter().collect(),
        (None, Some(single)) if matches!(dialect, Dialect::Strimzi { singular_operation: true }) => vec![single],
        (None, Some(_)) => return None, // Reported as an unknown field.
        (None, None) => Vec::new(),
    };
    if nodes.is_empty() {
        if rule.is_misspelt("operations") {
            return None;
        }
        sink.error(
            Code::MissingField,
            rule.span(),
            "the rule names no operation",
            "add `operations`, for example `[Read, Describe]`".to_owned(),
        );
        return None;
    }
    let mut operations = Vec::with_capacity(nodes.len());
    let mut fine = true;
    for node in nodes {
        match choice(node, "an operation", &all, sink) {
            Some(operation) => {
                warn_without_effect(operation, on, node.span, sink);
                operations.push(operation);
            }
            None => fine = false,
        }
    }
    fine.then_some(operations)
}

fn warn_without_effect(operation: AclOperation, on: Option<AclResourceType>, span: Span, sink: &mut Sink) {
    let Some(resource_type) = on else { return };
    let useful = operations_with_effect(resource_type);
    if operation != AclOperation::All && !useful.contains(&operation) {
        let names = useful.iter().map(|operation| operation.as_str()).collect::<Vec<_>>().join(", ");
        let message = format!("`{operation}` means nothing for a {resource_type}: the broker never asks for it");
        sink.warning(Code::OperationWithoutEffect, span, message, format!("its operations are {names}, and All"));
    }
}

/// Adds the bindings of a principal's rules. The same binding from two manifests is one binding.
///
/// A paused manifest makes no claim to be all of its principal's grants: what is extra then is nobody's drift.
pub(crate) fn add_bindings(
    principal: &Principal,
    principal_span: Span,
    rules: &[AclRule],
    management: Management,
    collector: &mut Collector,
) {
    if management == Management::Managed && !collector.state.acl_principals.contains_key(principal) {
        collector.state.acl_principals.insert(principal.clone(), collector.sink.location(principal_span));
    }
    // A binding is the union of all manifests that have it, so the labels of one would mean nothing.
    let labels = Arc::default();
    for rule in rules {
        for (operation, host) in
            rule.operations.iter().flat_map(|operation| rule.hosts.iter().map(move |host| (*operation, host)))
        {
            let binding = AclBinding {
                principal: principal.clone(),
                permission: rule.permission,
                operation,
                resource_type: rule.resource_type,
                pattern_type: rule.pattern_type,
                resource_name: rule.resource_name.clone(),
                host: host.clone(),
            };
            let declared = || {
                let location = collector.sink.location(rule.span);
                Declared { value: (), location, fields: BTreeMap::new(), management, labels: Arc::clone(&labels) }
            };
            match collector.state.acls.entry(binding) {
                Entry::Vacant(new) => drop(new.insert(declared())),
                // A binding that one manifest manages is managed, though another that has it too is paused.
                Entry::Occupied(mut known)
                    if known.get().management != Management::Managed && management == Management::Managed =>
                {
                    known.insert(declared());
                }
                Entry::Occupied(_) => {}
            }
        }
    }
}

/// Reads a `KafkaAcl` and adds its bindings.
pub(crate) fn read(merged: &Merged, header: &Header<'_>, collector: &mut Collector) {
    let sink = &mut collector.sink;
    let Some(top) = Fields::open(&merged.node, "a KafkaAcl", &["apiVersion", "kind", "metadata", "spec"], sink) else {
        return;
    };
    let Some(spec) =
        top.require("spec", sink).and_then(|node| Fields::open(node, "spec", &["principals", "rules"], sink))
    else {
        return;
    };
    let principals = spec.require("principals", sink).map(|node| read_principals(node, sink)).unwrap_or_default();
    let rules =
        spec.require("rules", sink).map(|node| read_rules(node, "spec.rules", Dialect::Own, sink)).unwrap_or_default();
    let management = header.management(false);
    for (principal, span) in principals {
        add_bindings(&principal, span, &rules, management, collector);
    }
}

fn read_principals(node: &Node, sink: &mut Sink) -> Vec<(Principal, Span)> {
    let Some(items) = sequence(node, "spec.principals", sink) else { return Vec::new() };
    if items.is_empty() {
        sink.error(Code::MissingField, node.span, "spec.principals is empty", None);
    }
    let mut principals = Vec::new();
    for item in items {
        let Some(raw) = text(item, "a principal", sink) else { continue };
        match Principal::parse(raw) {
            Ok(principal) => principals.push((principal, item.span)),
            Err(_) => {
                let help = match raw.contains(':') {
                    true => "write `Type:name`, most often `User:name`".to_owned(),
                    false => format!("write `User:{}`", shorten(raw)),
                };
                sink.error(Code::BadPrincipal, item.span, format!("`{}` is not a principal", shorten(raw)), help);
            }
        }
    }
    principals
}
