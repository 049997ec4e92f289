//! Denies that take nothing away, because nothing that they deny is allowed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Grant;
use super::host::Clients;
use super::index::{EVERY_NAME, EVERYBODY};
use super::overlap::allowing;
use crate::domain::acl::{AclBinding, AclOperation, AclPermission, AclResourceType, PatternType};

/// Whose allows: one principal's, or anybody's.
type Whom<'a> = Option<&'a str>;

/// Hosts of the allows of one operation, by the names that they are about.
#[derive(Default)]
struct Allows<'a> {
    /// Each host once: most often `*` alone.
    hosts: BTreeMap<&'a str, Clients<'a>>,
    every_name: Vec<Clients<'a>>,
    literals: BTreeMap<&'a str, Vec<Clients<'a>>>,
    prefixes: BTreeMap<&'a str, Vec<Clients<'a>>>,
    prefix_lengths: BTreeSet<usize>,
}

/// Returns the positions of the judged denies that no allow in git, and none on the cluster, has anything in common with.
pub(super) fn denies(grants: &[Grant<'_>], live: Option<&BTreeSet<AclBinding>>) -> Vec<usize> {
    let is_deny = |grant: &Grant<'_>| grant.judged && grant.binding.permission == AclPermission::Deny;
    let denies: Vec<usize> = (0..grants.len()).filter(|position| is_deny(&grants[*position])).collect();
    if denies.is_empty() {
        return denies;
    }
    let mut index: HashMap<(Whom<'_>, AclResourceType, AclOperation), Allows<'_>> = HashMap::new();
    let anybody = denies.iter().any(|position| grants[*position].binding.principal.as_str() == EVERYBODY);
    let bindings = grants.iter().map(|grant| grant.binding).chain(live.into_iter().flatten());
    for binding in bindings.filter(|binding| binding.permission == AclPermission::Allow) {
        for whom in [Some(binding.principal.as_str())].into_iter().chain(anybody.then_some(None)) {
            for operation in AclOperation::ALL.iter().filter(|one| allowing(**one).contains(&binding.operation)) {
                index.entry((whom, binding.resource_type, *operation)).or_default().add(binding);
            }
        }
    }
    let takes_something = |deny: &AclBinding| {
        let operations = match deny.operation {
            AclOperation::All => AclOperation::ALL,
            _ => std::slice::from_ref(&deny.operation),
        };
        let principal = deny.principal.as_str();
        let whom = if principal == EVERYBODY { vec![None] } else { vec![Some(principal), Some(EVERYBODY)] };
        whom.into_iter().any(|whom| {
            let found = operations.iter().filter_map(|operation| index.get(&(whom, deny.resource_type, *operation)));
            found.into_iter().any(|allows| allows.overlap(deny))
        })
    };
    denies.into_iter().filter(|position| !takes_something(grants[*position].binding)).collect()
}

impl<'a> Allows<'a> {
    fn add(&mut self, binding: &'a AclBinding) {
        let (name, host) = (&*binding.resource_name, Clients::of(&binding.host));
        self.hosts.insert(&binding.host, host);
        match binding.pattern_type {
            PatternType::Literal if name == EVERY_NAME => self.every_name.push(host),
            PatternType::Literal => self.literals.entry(name).or_default().push(host),
            PatternType::Prefixed => {
                self.prefix_lengths.insert(name.len());
                self.prefixes.entry(name).or_default().push(host);
            }
        }
    }

    /// Says whether some request is both allowed here and denied there.
    fn overlap(&self, deny: &AclBinding) -> bool {
        let name = &*deny.resource_name;
        let denied = Clients::of(&deny.host);
        let on_host = |hosts: &Vec<Clients<'_>>| hosts.iter().any(|host| host.overlap(denied));
        let below = |names: &BTreeMap<&str, Vec<Clients<'_>>>| {
            let from = names.range::<str, _>((std::ops::Bound::Included(name), std::ops::Bound::Unbounded));
            from.take_while(|(found, _)| found.starts_with(name)).any(|(_, hosts)| on_host(hosts))
        };
        let above = || {
            let prefixes = self.prefix_lengths.iter().filter_map(|length| name.get(..*length));
            prefixes.filter_map(|prefix| self.prefixes.get(prefix)).any(on_host)
        };
        if on_host(&self.every_name) {
            return true;
        }
        if !self.hosts.values().any(|host| host.overlap(denied)) {
            return false;
        }
        match deny.pattern_type {
            PatternType::Literal if name == EVERY_NAME => {
                self.literals.values().any(on_host) || self.prefixes.values().any(on_host)
            }
            PatternType::Literal => self.literals.get(name).is_some_and(on_host) || above(),
            PatternType::Prefixed => above() || below(&self.literals) || below(&self.prefixes),
        }
    }
}
