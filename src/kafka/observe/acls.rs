//! Every ACL binding, in one answer.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use kafka_protocol::messages::describe_acls_response::{AclDescription, DescribeAclsResource};
use kafka_protocol::messages::{DescribeAclsRequest, DescribeAclsResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Part, knowledge};
use crate::domain::acl::{AclBinding, AclOperation, AclPermission, AclResourceType, PatternType};
use crate::domain::names::Principal;
use crate::kafka::KafkaCluster;
use crate::kafka::errors::describe as describe_error;
use crate::kafka::pool::Target;

/// The wire value that matches anything, in every enumeration of ACL filters.
const ANY: i8 = 1;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bindings {
    pub(super) bindings: BTreeSet<AclBinding>,
    /// How many were left out because some part of them is not known here.
    pub(super) skipped: usize,
}

pub(super) async fn describe(cluster: &KafkaCluster) -> Part<Bindings> {
    let request = |_| {
        DescribeAclsRequest::default()
            .with_resource_type_filter(ANY)
            .with_pattern_type_filter(ANY)
            .with_operation(ANY)
            .with_permission_type(ANY)
            .with_resource_name_filter(None)
            .with_principal_filter(None)
            .with_host_filter(None)
    };
    let outcome = cluster.ask(Target::Steady(1), request, |answer| answer.error_code).await;
    knowledge("DescribeAcls", outcome.map(bindings))
}

fn bindings(answer: DescribeAclsResponse) -> Result<Bindings, String> {
    if answer.error_code != 0 {
        return Err(describe_error(answer.error_code, answer.error_message.as_deref()));
    }
    let (mut found, mut skipped) = (Vec::new(), 0);
    let mut texts = Texts::default();
    for resource in answer.resources {
        let name: Arc<str> = resource.resource_name.as_str().into();
        for acl in &resource.acls {
            match binding(&resource, &name, acl, &mut texts) {
                Some(binding) => found.push(binding),
                None => skipped += 1,
            }
        }
    }
    // A set that is made at once is as small as can be; one that grows is half empty.
    Ok(Bindings { bindings: found.into_iter().collect(), skipped })
}

/// What many bindings have in common, each kept once.
#[derive(Default)]
struct Texts {
    principals: HashMap<StrBytes, Principal, RandomState>,
    hosts: HashMap<StrBytes, Arc<str>, RandomState>,
}

impl Texts {
    fn principal(&mut self, raw: &StrBytes) -> Option<Principal> {
        if let Some(known) = self.principals.get(raw) {
            return Some(known.clone());
        }
        let principal = Principal::parse(raw).ok()?;
        self.principals.insert(raw.clone(), principal.clone());
        Some(principal)
    }

    fn host(&mut self, raw: &StrBytes) -> Arc<str> {
        Arc::clone(self.hosts.entry(raw.clone()).or_insert_with(|| raw.as_str().into()))
    }
}

fn binding(
    resource: &DescribeAclsResource,
    name: &Arc<str>,
    acl: &AclDescription,
    texts: &mut Texts,
) -> Option<AclBinding> {
    Some(AclBinding {
        principal: texts.principal(&acl.principal)?,
        permission: AclPermission::from_wire(acl.permission_type)?,
        operation: AclOperation::from_wire(acl.operation)?,
        resource_type: AclResourceType::from_wire(resource.resource_type)?,
        pattern_type: PatternType::from_wire(resource.pattern_type)?,
        resource_name: Arc::clone(name),
        host: texts.host(&acl.host),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(operations: &[i8]) -> DescribeAclsResponse {
        let acl = |operation: &i8| {
            AclDescription::default()
                .with_principal(StrBytes::from_static_str("User:alice"))
                .with_host(StrBytes::from_static_str("*"))
                .with_operation(*operation)
                .with_permission_type(3)
        };
        let resource = DescribeAclsResource::default()
            .with_resource_type(2)
            .with_resource_name(StrBytes::from_static_str("orders"))
            .with_pattern_type(4)
            .with_acls(operations.iter().map(acl).collect());
        DescribeAclsResponse::default().with_resources(vec![resource])
    }

    #[test]
    fn bindings_of_unknown_operations_are_counted_and_left_out() {
        let read = bindings(answer(&[3, 4, 99])).unwrap();
        assert_eq!((read.bindings.len(), read.skipped), (2, 1));
        let first = read.bindings.first().unwrap();
        assert_eq!((first.operation, first.pattern_type), (AclOperation::Read, PatternType::Prefixed));
    }

    #[test]
    fn no_authorizer_is_not_no_bindings() {
        let refused =
            answer(&[]).with_error_code(54).with_error_message(Some(StrBytes::from_static_str("No Authorizer.")));
        assert_eq!(bindings(refused).unwrap_err(), "SECURITY_DISABLED: No Authorizer.");
    }
}
