//! Bindings by all that they are compared by, so that wider ones are found by look-ups and never by going through all.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use super::Grant;
use super::host::{ANY_HOST, Network};
use crate::domain::acl::{AclBinding, AclOperation, AclPermission, AclResourceType, PatternType};

/// The principal of an ACL that everybody is, whatever the type of theirs.
pub(super) const EVERYBODY: &str = "User:*";

/// The literal name of an ACL that is every name.
pub(super) const EVERY_NAME: &str = "*";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Host<'a> {
    Text(&'a str),
    Block(Network),
}

/// All that bindings are compared by, but their operation.
type Key<'a> = (&'a str, AclResourceType, PatternType, &'a str, Host<'a>);

/// What wider bindings of a principal look like, so that only those are looked for.
#[derive(Debug, Default)]
struct Shape {
    has_every_name: bool,
    prefix_lengths: BTreeSet<usize>,
    block_lengths: BTreeSet<u8>,
}

/// The judged bindings of one permission.
#[derive(Debug, Default)]
pub(super) struct Index<'a> {
    /// Positions of the bindings, one for each operation.
    positions: HashMap<Key<'a>, Vec<(AclOperation, usize)>, RandomState>,
    shapes: HashMap<(&'a str, AclResourceType), Shape, RandomState>,
}

impl<'a> Index<'a> {
    pub(super) fn of(grants: &[Grant<'a>], permission: AclPermission) -> Self {
        let mut index = Self::default();
        for (position, grant) in grants.iter().enumerate() {
            if grant.judged && grant.binding.permission == permission {
                index.add(position, grant.binding);
            }
        }
        index
    }

    fn add(&mut self, position: usize, binding: &'a AclBinding) {
        let shape = self.shapes.entry((binding.principal.as_str(), binding.resource_type)).or_default();
        shape.has_every_name |= &*binding.resource_name == EVERY_NAME;
        if binding.pattern_type == PatternType::Prefixed {
            shape.prefix_lengths.insert(binding.resource_name.len());
        }
        let mut hosts = vec![Host::Text(&binding.host)];
        if let Some(block) = Network::parse(&binding.host) {
            shape.block_lengths.insert(block.length());
            hosts.push(Host::Block(block));
        }
        for host in hosts {
            let key = (
                binding.principal.as_str(),
                binding.resource_type,
                binding.pattern_type,
                &*binding.resource_name,
                host,
            );
            let found = self.positions.entry(key).or_default();
            if found.iter().all(|(operation, _)| *operation != binding.operation) {
                found.push((binding.operation, position));
            }
        }
    }

    /// Finds a binding of one of the operations that is about every client and every resource that `binding` is about; the
    /// widest first. The binding itself is among those that are offered to `accept`.
    pub(super) fn wider(
        &self,
        binding: &AclBinding,
        operations: &[AclOperation],
        accept: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let block = Network::parse(&binding.host);
        for principal in [EVERYBODY, binding.principal.as_str()] {
            let Some(shape) = self.shapes.get(&(principal, binding.resource_type)) else { continue };
            let blocks = shape.block_lengths.iter().filter_map(|length| {
                block.filter(|block| *length <= block.length()).map(|block| Host::Block(block.shortened(*length)))
            });
            let own = (&*binding.host != ANY_HOST).then_some(Host::Text(&binding.host));
            let hosts: Vec<Host<'_>> = [Host::Text(ANY_HOST)].into_iter().chain(blocks).chain(own).collect();
            for (pattern, name) in patterns_over(binding, shape) {
                let keys = hosts.iter().map(|host| (principal, binding.resource_type, pattern, name, *host));
                let found: Vec<&Vec<_>> = keys.filter_map(|key| self.positions.get(&key)).collect();
                for operation in operations {
                    let mut all = found.iter().copied().flatten();
                    if let Some((_, position)) = all.find(|(of, position)| of == operation && accept(*position)) {
                        return Some(*position);
                    }
                }
            }
        }
        None
    }
}

/// The patterns that match every name that the binding's own matches, the widest first.
fn patterns_over<'b>(binding: &'b AclBinding, shape: &Shape) -> Vec<(PatternType, &'b str)> {
    let name = &*binding.resource_name;
    let mut patterns = Vec::new();
    if shape.has_every_name {
        patterns.push((PatternType::Literal, EVERY_NAME));
    }
    match binding.pattern_type {
        // A prefix is never wider than every name: not even the prefix `*`, which is an asterisk like any other sign.
        PatternType::Literal if name == EVERY_NAME => return patterns,
        PatternType::Literal | PatternType::Prefixed => {}
    }
    let prefixes = shape.prefix_lengths.iter().filter_map(|length| name.get(..*length));
    patterns.extend(prefixes.map(|prefix| (PatternType::Prefixed, prefix)));
    if binding.pattern_type == PatternType::Literal {
        patterns.push((PatternType::Literal, name));
    }
    patterns
}
