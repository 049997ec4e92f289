//! Allows that another allow makes needless, and allows that a deny takes away.

use std::collections::BTreeMap;

use super::host::Network;
use super::index::Index;
use super::{Grant, Pair};
use crate::domain::acl::{AclBinding, AclOperation, AclPermission, AclResourceType, PatternType};

/// What [`of`] finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overlap {
    /// Allows of which every request is also allowed by one other allow.
    pub(super) redundant: Vec<Pair>,
    /// Allows of which every request for the operation that they name is denied by one deny.
    pub(super) denied: Vec<Pair>,
}

/// Compares all judged bindings with all. `allows` are those of them that allow.
pub(super) fn of(grants: &[Grant<'_>], allows: &Index<'_>) -> Overlap {
    let denies = Index::of(grants, AclPermission::Deny);
    let (mut redundant, mut denied) = (Groups::default(), Groups::default());
    for (position, grant) in grants.iter().enumerate() {
        let binding = grant.binding;
        if !grant.judged || binding.permission != AclPermission::Allow {
            continue;
        }
        let needless = |found: usize| {
            found != position
                && !is_implied_beside(grants[found].binding, binding)
                // Of two that mean the same, the first is kept.
                && !(means_the_same(grants[found].binding, binding) && position < found)
        };
        if let Some(by) = allows.wider(binding, allowing(binding.operation), needless) {
            redundant.add(grants, position, by);
        }
        if let Some(by) = denies.wider(binding, &[AclOperation::All, binding.operation], |_| true) {
            denied.add(grants, position, by);
        }
    }
    Overlap { redundant: redundant.0.into_values().collect(), denied: denied.0.into_values().collect() }
}

/// The operations of allows that allow an operation, and all that comes with it.
pub(super) fn allowing(operation: AclOperation) -> &'static [AclOperation] {
    use AclOperation as Op;
    match operation {
        Op::All => &[Op::All],
        Op::Read => &[Op::All, Op::Read],
        Op::Write => &[Op::All, Op::Write],
        Op::Create => &[Op::All, Op::Create],
        Op::Delete => &[Op::All, Op::Delete],
        Op::Alter => &[Op::All, Op::Alter],
        Op::Describe => &[Op::All, Op::Describe, Op::Read, Op::Write, Op::Delete, Op::Alter],
        Op::ClusterAction => &[Op::All, Op::ClusterAction],
        Op::DescribeConfigs => &[Op::All, Op::DescribeConfigs, Op::AlterConfigs],
        Op::AlterConfigs => &[Op::All, Op::AlterConfigs],
        Op::IdempotentWrite => &[Op::All, Op::IdempotentWrite],
        Op::CreateTokens => &[Op::All, Op::CreateTokens],
        Op::DescribeTokens => &[Op::All, Op::DescribeTokens],
        Op::TwoPhaseCommit => &[Op::All, Op::TwoPhaseCommit],
    }
}

/// Says whether a grant only spells out what another one on the very same resource implies, as in `[Read, Describe]`. People
/// write that on purpose.
fn is_implied_beside(wide: &AclBinding, narrow: &AclBinding) -> bool {
    wide.operation != AclOperation::All && wide.operation != narrow.operation && is_beside(wide, narrow)
}

/// Says whether two bindings differ in the spelling of their host alone (`10.0.0.1` and `10.0.0.1/32`).
fn means_the_same(one: &AclBinding, other: &AclBinding) -> bool {
    one.operation == other.operation && is_beside(one, other)
}

/// Says whether two bindings of one type of resource are about the same clients and the same names.
fn is_beside(one: &AclBinding, other: &AclBinding) -> bool {
    let same_host = || {
        one.host == other.host
            || Network::parse(&one.host).is_some_and(|block| Some(block) == Network::parse(&other.host))
    };
    one.principal == other.principal
        && one.pattern_type == other.pattern_type
        && one.resource_name == other.resource_name
        && same_host()
}

/// All but the operation of a binding, and of the one that overlaps it.
type Group<'a> = [(&'a str, AclResourceType, PatternType, &'a str, &'a str); 2];

#[derive(Default)]
struct Groups<'a>(BTreeMap<Group<'a>, Pair>);

impl<'a> Groups<'a> {
    fn add(&mut self, grants: &[Grant<'a>], position: usize, by: usize) {
        let key = [position, by].map(|position| {
            let binding = grants[position].binding;
            let (principal, name, host) = (binding.principal.as_str(), &binding.resource_name, &binding.host);
            (principal, binding.resource_type, binding.pattern_type, &**name, &**host)
        });
        let pair = self.0.entry(key).or_insert_with(|| Pair { acl: position, operations: Vec::new(), by });
        pair.operations.push(grants[position].binding.operation.as_str());
    }
}
