//! Which names of ACLs mean something on the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::super::PolicyInput;
use super::index::{EVERY_NAME, EVERYBODY, Index};
use super::{Fact, Grant};
use crate::domain::acl::{
    AclBinding, AclOperation, AclPermission, AclResourceType, CLUSTER_RESOURCE_NAME, PatternType,
};
use crate::domain::observed::ObservedState;
use crate::domain::resource::ResourceKind;
use crate::plan::types::{ActionKind, Status};

/// Returns the topics that there will be: those on the cluster that the plan does not delete, and those that git declares.
/// `None` when the cluster was not looked at or may have topics that nobody sees.
pub(in super::super) fn topics_after_apply<'a>(input: &PolicyInput<'a>) -> Option<BTreeSet<&'a str>> {
    let observed = input.observed.filter(|observed| observed.topics_incomplete.is_none())?;
    let mut topics: BTreeSet<&str> = observed.topics.keys().map(|name| name.as_str()).collect();
    for action in input.plan.iter().flat_map(|plan| &plan.actions) {
        let deletes = action.kind == ResourceKind::Topic && action.action == ActionKind::Delete;
        if deletes && action.status == Status::Planned {
            topics.remove(action.name.as_str());
        }
    }
    topics.extend(input.desired.topics.keys().map(|name| name.as_str()));
    Some(topics)
}

/// Finds judged allows on topics of which there are none: positions, with the operations, one for each name of a principal.
/// Whoever may create topics under a prefix may be about to; so may one with Create on a name.
pub(super) fn without_topic(
    grants: &[Grant<'_>],
    allows: &Index<'_>,
    topics: &BTreeSet<&str>,
    unknown: &BTreeSet<&str>,
) -> Vec<Fact<'static>> {
    let mut found: BTreeMap<(&str, PatternType, &str), Fact<'static>> = BTreeMap::new();
    for (position, grant) in grants.iter().enumerate() {
        let binding = grant.binding;
        let name = &*binding.resource_name;
        let is_on_topics = grant.judged
            && binding.permission == AclPermission::Allow
            && binding.resource_type == AclResourceType::Topic
            // That a name ends in an asterisk is another mistake.
            && !name.ends_with('*');
        if !is_on_topics || matches(binding.pattern_type, name, topics) || matches(binding.pattern_type, name, unknown)
        {
            continue;
        }
        if !may_create(allows, binding) {
            let key = (binding.principal.as_str(), binding.pattern_type, name);
            let fact =
                found.entry(key).or_insert_with(|| Fact { acl: position, operations: Vec::new(), example: None });
            if !fact.operations.contains(&binding.operation.as_str()) {
                fact.operations.push(binding.operation.as_str());
            }
        }
    }
    found.into_values().collect()
}

fn may_create(allows: &Index<'_>, binding: &AclBinding) -> bool {
    let operations: &[AclOperation] = match binding.pattern_type {
        PatternType::Literal => &[AclOperation::Create],
        PatternType::Prefixed => &[AclOperation::Create, AclOperation::All],
    };
    let on_cluster = AclBinding {
        resource_type: AclResourceType::Cluster,
        pattern_type: PatternType::Literal,
        resource_name: CLUSTER_RESOURCE_NAME.into(),
        ..binding.clone()
    };
    allows.wider(binding, operations, |_| true).is_some()
        || allows.wider(&on_cluster, &[AclOperation::Create, AclOperation::All], |_| true).is_some()
}

fn matches(pattern: PatternType, name: &str, names: &BTreeSet<&str>) -> bool {
    match pattern {
        PatternType::Literal if name == EVERY_NAME => !names.is_empty(),
        PatternType::Literal => names.contains(name),
        PatternType::Prefixed => starting_with(names, name).next().is_some(),
    }
}

fn starting_with<'n>(names: &BTreeSet<&'n str>, prefix: &str) -> impl Iterator<Item = &'n str> {
    let from = names.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
    from.copied().take_while(move |name| name.starts_with(prefix))
}

/// The names that live ACLs are about, whosever and whatever they are.
#[derive(Default)]
struct Covered<'a> {
    every_name: bool,
    literals: BTreeSet<&'a str>,
    prefixes: BTreeSet<&'a str>,
    prefix_lengths: BTreeSet<usize>,
}

impl<'a> Covered<'a> {
    fn add(&mut self, binding: &'a AclBinding) {
        let name = &*binding.resource_name;
        match binding.pattern_type {
            PatternType::Literal if name == EVERY_NAME => self.every_name = true,
            PatternType::Literal => drop(self.literals.insert(name)),
            PatternType::Prefixed => {
                self.prefix_lengths.insert(name.len());
                self.prefixes.insert(name);
            }
        }
    }

    /// Says whether a name, or whatever starts with it, has an ACL already.
    fn has(&self, pattern: PatternType, name: &str) -> bool {
        let mut prefixes = self.prefix_lengths.iter().filter_map(|length| name.get(..*length));
        self.every_name
            || (pattern == PatternType::Literal && self.literals.contains(name))
            || (name != EVERY_NAME && prefixes.any(|prefix| self.prefixes.contains(prefix)))
    }
}

/// Finds judged bindings that would be the first on something: positions, one for each name. On topics that is a live topic
/// without any ACL, and `example` is one; of other resources nobody knows which there are.
pub(super) fn first_on_resource<'a>(
    grants: &[Grant<'_>],
    live: &BTreeSet<AclBinding>,
    observed: &'a ObservedState,
) -> Vec<Fact<'a>> {
    let mut covered: BTreeMap<AclResourceType, Covered<'_>> = BTreeMap::new();
    for binding in live {
        covered.entry(binding.resource_type).or_default().add(binding);
    }
    let nothing = Covered::default();
    let topics: BTreeSet<&'a str> = observed.topics.keys().map(|name| name.as_str()).collect();
    // `None` for names that have an ACL already: many principals may have the same.
    let mut found: BTreeMap<(AclResourceType, PatternType, &str), Option<Fact<'a>>> = BTreeMap::new();
    for (position, grant) in grants.iter().enumerate() {
        let binding = grant.binding;
        let (resource_type, pattern, name) = (binding.resource_type, binding.pattern_type, &*binding.resource_name);
        let gives_everybody_everything = binding.permission == AclPermission::Allow
            && binding.principal.as_str() == EVERYBODY
            && binding.operation == AclOperation::All
            && &*binding.host == "*";
        let key = (resource_type, pattern, name);
        if !grant.judged || gives_everybody_everything || found.contains_key(&key) || live.contains(binding) {
            continue;
        }
        let covered = covered.get(&resource_type).unwrap_or(&nothing);
        let fact =
            |example: Option<&'a str>| Fact { acl: position, operations: vec![binding.operation.as_str()], example };
        if resource_type != AclResourceType::Topic {
            let first = (!covered.has(pattern, name)).then(|| fact(None));
            found.insert(key, first);
            continue;
        }
        let is_open = |topic: &&str| !covered.has(PatternType::Literal, topic);
        let example = match pattern {
            PatternType::Literal if name == EVERY_NAME => topics.iter().copied().find(is_open),
            PatternType::Literal => topics.get(name).copied().filter(is_open),
            PatternType::Prefixed => starting_with(&topics, name).find(is_open),
        };
        found.insert(key, example.map(|example| fact(Some(example))));
    }
    found.into_values().flatten().collect()
}
