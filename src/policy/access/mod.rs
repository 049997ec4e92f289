//! Facts about ACLs that need all of them at once: which grants others already give, which ones a deny takes away, and which
//! are about nothing. They are `input.access`; rules turn them into findings.
//!
//! They are computed here and not in Rego for their size: among fifty thousand bindings a look-up costs the engine a hundred
//! times what it costs here. What is decided is Kafka's `StandardAuthorizer`: an allow or a deny counts when its principal is
//! the client's or `User:*`, its host the client's or `*` or a block that holds it, its name the resource's, `*`, or a
//! prefix of it, and its operation the one asked for or All; an allow of Read, Write, Delete or Alter also allows Describe,
//! and one of AlterConfigs DescribeConfigs. A deny implies nothing, and wins over every allow.

mod gathered;
mod host;
mod idle;
mod index;
mod overlap;
mod topics;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::PolicyInput;
use crate::domain::acl::{AclBinding, AclPermission};
use crate::domain::desired::{DesiredState, Management};
use crate::domain::observed::ObservedState;

use index::Index;
use overlap::Overlap;

pub(super) use gathered::{Gathered, of_json as gather};
pub(super) use topics::topics_after_apply;

/// A binding of git, and whether it is judged: what git only mentions and never writes may not be there.
#[derive(Clone, Copy)]
struct Grant<'a> {
    binding: &'a AclBinding,
    judged: bool,
}

/// Bindings of git that differ in their operation alone, which one other binding makes needless or takes away. Numbers are
/// positions in [`DesiredState::acls`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    acl: usize,
    operations: Vec<&'static str>,
    by: usize,
}

impl Pair {
    fn json(&self, gathered: &Gathered<'_>, grants: &[Grant<'_>]) -> Value {
        json!({
            "grant": gathered.grant(self.acl),
            "operations": self.operations,
            "by": gathered.grant(self.by),
            "byOperation": grants[self.by].binding.operation.as_str(),
        })
    }
}

/// Something about a binding of git.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fact<'a> {
    /// Its position in [`DesiredState::acls`].
    acl: usize,
    /// Its operation, and others of which the same is true. Of those the first is that of `acl`.
    operations: Vec<&'static str>,
    /// A topic that shows it.
    example: Option<&'a str>,
}

impl Fact<'_> {
    fn json(&self, gathered: &Gathered<'_>) -> Value {
        let mut fact = json!({"grant": gathered.grant(self.acl), "operations": self.operations});
        if let Some(example) = self.example {
            fact["example"] = example.into();
        }
        fact
    }
}

/// All ACLs of git, with what they alone say.
pub(super) struct Access<'a> {
    gathered: Gathered<'a>,
    grants: Vec<Grant<'a>>,
    allows: Index<'a>,
    overlap: Overlap,
}

impl<'a> Access<'a> {
    /// Looks at all ACLs of git.
    pub(super) fn of(desired: &'a DesiredState) -> Self {
        let grants = grants(desired);
        let allows = Index::of(&grants, AclPermission::Allow);
        let overlap = overlap::of(&grants, &allows);
        Self { gathered: Gathered::of(desired), grants, allows, overlap }
    }

    /// Returns them as people think of them.
    pub(super) fn gathered(&self) -> &Gathered<'a> {
        &self.gathered
    }

    /// Computes `input.access`.
    pub(super) fn facts(&self, input: &PolicyInput<'_>, topics: Option<&BTreeSet<&str>>) -> Value {
        let Self { gathered, grants, allows, overlap } = self;
        let live = input.observed.and_then(|observed| observed.acls.known());
        let mut idle: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for acl in idle::denies(grants, live) {
            idle.entry(gathered.grant(acl)).or_default().push(grants[acl].binding.operation.as_str());
        }
        let idle = idle.iter().map(|(grant, operations)| json!({"grant": grant, "operations": operations}));
        let pairs = |pairs: &[Pair]| pairs.iter().map(|pair| pair.json(gathered, grants)).collect::<Vec<_>>();
        let facts_of = |facts: &[Fact<'_>]| facts.iter().map(|fact| fact.json(gathered)).collect::<Value>();
        let mut facts = Map::new();
        facts.insert("redundant".to_owned(), pairs(&overlap.redundant).into());
        facts.insert("denied".to_owned(), pairs(&overlap.denied).into());
        facts.insert("idleDenies".to_owned(), idle.collect());
        if let Some(topics) = topics {
            let unknown = input.observed.iter().flat_map(|observed| observed.unknown_topics.keys());
            let unknown: BTreeSet<&str> = unknown.map(|name| name.as_str()).collect();
            let found = topics::without_topic(grants, allows, topics, &unknown);
            facts.insert("withoutTopic".to_owned(), facts_of(&found));
        }
        if let Some(observed) = input.observed.filter(|observed| is_open(observed))
            && let Some(live) = live
        {
            let found = topics::first_on_resource(grants, live, observed);
            facts.insert("firstOnResource".to_owned(), facts_of(&found));
        }
        Value::Object(facts)
    }
}

fn grants(desired: &DesiredState) -> Vec<Grant<'_>> {
    let judged = |management| match management {
        Management::Managed | Management::Paused => true,
        Management::Unmanaged => false,
    };
    let all = desired.acls.iter();
    all.map(|(binding, declared)| Grant { binding, judged: judged(declared.management) }).collect()
}

/// Says whether some broker lets everybody use what has no ACL.
fn is_open(observed: &ObservedState) -> bool {
    let value = |configs: &std::collections::BTreeMap<String, String>| {
        configs.get("allow.everyone.if.no.acl.found").is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    };
    observed.cluster.brokers.values().any(|facts| value(&facts.configs))
}

#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;
