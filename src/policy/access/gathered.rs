//! The ACLs of git as people think of them: those that differ in their operation alone are one grant. They are
//! `input.desired.grants`; rules have a fifth of the objects to go through that way, and say once what is wrong with all.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde_json::{Map, Value, json};

use super::super::input::Values;
use crate::domain::acl::{AclBinding, AclPermission, AclResourceType, PatternType};
use crate::domain::desired::{DesiredState, Management};
use crate::domain::resource::ResourceId;

/// All that a binding is told by, but its operation; and whether git manages it.
type Key<'a> = (&'a str, AclPermission, AclResourceType, PatternType, &'a str, &'a str, Management);

/// The grants, in the order of the first ACL of each.
pub(in super::super) struct Gathered<'a> {
    grants: Vec<(Management, Vec<&'a AclBinding>)>,
    /// For each position in `input.desired.acls` the grant that the ACL belongs to.
    of_acl: Vec<usize>,
}

impl<'a> Gathered<'a> {
    /// Gathers all ACLs of git.
    pub(in super::super) fn of(desired: &'a DesiredState) -> Self {
        let mut known: HashMap<Key<'a>, usize, RandomState> = HashMap::default();
        let mut gathered = Self { grants: Vec::new(), of_acl: Vec::with_capacity(desired.acls.len()) };
        for (binding, declared) in &desired.acls {
            let key = (
                binding.principal.as_str(),
                binding.permission,
                binding.resource_type,
                binding.pattern_type,
                &*binding.resource_name,
                &*binding.host,
                declared.management,
            );
            let position = *known.entry(key).or_insert_with(|| {
                gathered.grants.push((declared.management, Vec::new()));
                gathered.grants.len() - 1
            });
            gathered.grants[position].1.push(binding);
            gathered.of_acl.push(position);
        }
        gathered
    }

    /// Returns the grant of an ACL, by its position in `input.desired.acls`.
    pub(super) fn grant(&self, acl: usize) -> usize {
        self.of_acl[acl]
    }

    /// Makes the grants as rules see them.
    pub(in super::super) fn value(&self, values: &mut Values) -> regorus::Value {
        let grants = self.grants.iter().filter_map(|(management, bindings)| {
            let first = bindings.first()?;
            let ids = bindings
                .iter()
                .map(|binding| (binding.operation.as_str(), values.id(&ResourceId::Acl((*binding).clone()))))
                .collect::<Vec<_>>();
            let parts = [
                ("host", values.text(&first.host)),
                ("management", values.text(management.as_str())),
                ("operations", values.object(ids)),
                ("patternType", values.text(first.pattern_type.as_str())),
                ("permission", values.text(first.permission.as_str())),
                ("principal", values.text(first.principal.as_str())),
                ("resourceName", values.text(&first.resource_name)),
                ("resourceType", values.text(first.resource_type.as_str())),
            ];
            Some(values.object(parts))
        });
        Values::array(grants)
    }
}

/// Gathers ACLs that are JSON already, as cases write them. What a case leaves out counts as the same.
pub(in super::super) fn of_json(acls: &[Value]) -> Vec<Value> {
    let mut grants: Vec<Map<String, Value>> = Vec::new();
    for acl in acls.iter().filter_map(Value::as_object) {
        let mut grant = acl.clone();
        for one_acls_own in ["id", "operation", "labels", "location"] {
            grant.remove(one_acls_own);
        }
        let operation = acl.get("operation").and_then(Value::as_str).unwrap_or_default();
        let id = acl.get("id").cloned().unwrap_or(Value::Null);
        let is_same = |other: &&mut Map<String, Value>| {
            let own = other.iter().filter(|(key, _)| *key != "operations");
            own.clone().count() == grant.len() && own.into_iter().all(|(key, value)| grant.get(key) == Some(value))
        };
        let operations = match grants.iter_mut().find(is_same) {
            Some(found) => found,
            None => {
                grant.insert("operations".to_owned(), json!({}));
                grants.push(grant);
                grants.last_mut().expect("one was just pushed")
            }
        };
        if let Some(operations) = operations.get_mut("operations").and_then(Value::as_object_mut) {
            operations.insert(operation.to_owned(), id);
        }
    }
    grants.into_iter().map(Value::Object).collect()
}
