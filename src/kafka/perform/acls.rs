//! CreateAcls and DeleteAcls.

use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::delete_acls_response::{DeleteAclsFilterResult, DeleteAclsMatchingAcl};
use kafka_protocol::messages::{CreateAclsRequest, DeleteAclsRequest};

use super::{Answer, Reply, our_limit, throttle};
use crate::domain::acl::AclBinding;
use crate::domain::operation::Operation;
use crate::kafka::KafkaCluster;
use crate::kafka::errors::CallError;
use crate::kafka::pool::Target;
use crate::kafka::wire;
use crate::ports::ResourceError;

pub(super) async fn create(cluster: &KafkaCluster, batch: &[&Operation]) -> Result<Answer, CallError> {
    let creations: Vec<AclCreation> = batch
        .iter()
        .filter_map(
            |operation| if let Operation::CreateAcl(binding) = operation { Some(creation(binding)) } else { None },
        )
        .collect();
    let request = |_| CreateAclsRequest::default().with_creations(creations.clone());
    let answer = cluster.pool.write(Target::Controller, our_limit(cluster), request).await?;
    let replies = answer.results.iter().map(|result| Reply::of(result.error_code, result.error_message.as_ref()));
    Ok(Answer { throttle: throttle(answer.throttle_time_ms), results: complete(replies, batch.len()) })
}

/// Results stand in the order of the request; an answer that is too short says nothing of the rest.
fn complete(replies: impl Iterator<Item = Reply>, length: usize) -> Vec<Reply> {
    replies.chain(std::iter::repeat_with(Reply::missing)).take(length).collect()
}

fn creation(binding: &AclBinding) -> AclCreation {
    AclCreation::default()
        .with_resource_type(binding.resource_type.wire_id())
        .with_resource_name(wire::text(&binding.resource_name))
        .with_resource_pattern_type(binding.pattern_type.wire_id())
        .with_principal(wire::text(binding.principal.as_str()))
        .with_host(wire::text(&binding.host))
        .with_operation(binding.operation.wire_id())
        .with_permission_type(binding.permission.wire_id())
}

pub(super) async fn delete(cluster: &KafkaCluster, batch: &[&Operation]) -> Result<Answer, CallError> {
    let bindings: Vec<&AclBinding> = batch
        .iter()
        .filter_map(|operation| if let Operation::DeleteAcl(binding) = operation { Some(binding) } else { None })
        .collect();
    let filters: Vec<DeleteAclsFilter> = bindings.iter().map(|binding| filter(binding)).collect();
    let request = |_| DeleteAclsRequest::default().with_filters(filters.clone());
    let answer = cluster.pool.write(Target::Controller, our_limit(cluster), request).await?;
    let replies = bindings.iter().zip(&answer.filter_results).map(|(binding, result)| deleted(binding, result));
    Ok(Answer { throttle: throttle(answer.throttle_time_ms), results: complete(replies, batch.len()) })
}

/// Builds a filter that matches this binding only. A part left open would match anything.
fn filter(binding: &AclBinding) -> DeleteAclsFilter {
    DeleteAclsFilter::default()
        .with_resource_type_filter(binding.resource_type.wire_id())
        .with_resource_name_filter(Some(wire::text(&binding.resource_name)))
        .with_pattern_type_filter(binding.pattern_type.wire_id())
        .with_principal_filter(Some(wire::text(binding.principal.as_str())))
        .with_host_filter(Some(wire::text(&binding.host)))
        .with_operation(binding.operation.wire_id())
        .with_permission_type(binding.permission.wire_id())
}

fn deleted(binding: &AclBinding, result: &DeleteAclsFilterResult) -> Reply {
    if result.error_code != 0 {
        return Reply::of(result.error_code, result.error_message.as_ref());
    }
    if let Some(failed) = result.matching_acls.iter().find(|acl| acl.error_code != 0) {
        return Reply::of(failed.error_code, failed.error_message.as_ref());
    }
    match result.matching_acls.iter().find(|acl| !is(binding, acl)) {
        None => Reply::Code(0, None),
        Some(other) => Reply::Failed(ResourceError {
            code: "UNEXPECTED_MATCH".to_owned(),
            message: format!(
                "the broker also removed another binding: {} on `{}` for `{}`",
                other.operation,
                other.resource_name.as_str(),
                other.principal.as_str()
            ),
            unchanged: false,
        }),
    }
}

fn is(binding: &AclBinding, acl: &DeleteAclsMatchingAcl) -> bool {
    acl.resource_type == binding.resource_type.wire_id()
        && acl.resource_name.as_str() == &*binding.resource_name
        && acl.pattern_type == binding.pattern_type.wire_id()
        && acl.principal.as_str() == binding.principal.as_str()
        && acl.host.as_str() == &*binding.host
        && acl.operation == binding.operation.wire_id()
        && acl.permission_type == binding.permission.wire_id()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::acl::{AclOperation, AclPermission, AclResourceType, PatternType};
    use crate::domain::names::Principal;

    fn binding() -> AclBinding {
        AclBinding {
            principal: Principal::user("alice"),
            permission: AclPermission::Allow,
            operation: AclOperation::Read,
            resource_type: AclResourceType::Topic,
            pattern_type: PatternType::Prefixed,
            resource_name: "orders".into(),
            host: "*".into(),
        }
    }

    #[test]
    fn a_filter_leaves_no_part_open() {
        let filter = filter(&binding());
        assert!(
            filter.resource_name_filter.is_some() && filter.principal_filter.is_some() && filter.host_filter.is_some()
        );
        let ids = [filter.resource_type_filter, filter.pattern_type_filter, filter.operation, filter.permission_type];
        assert_eq!(ids, [2, 4, 3, 3]); // Topic, prefixed, Read, allow: neither 0 (unknown) nor 1 (any), nor 2 (match) for patterns.
    }

    #[test]
    fn removing_what_is_not_there_succeeds_and_removing_something_else_does_not() {
        let matching = DeleteAclsMatchingAcl::default()
            .with_resource_type(2)
            .with_resource_name(wire::text("orders"))
            .with_pattern_type(4)
            .with_principal(wire::text("User:alice"))
            .with_host(wire::text("*"))
            .with_operation(3)
            .with_permission_type(3);
        let result = |acls: Vec<DeleteAclsMatchingAcl>| DeleteAclsFilterResult::default().with_matching_acls(acls);
        assert_eq!(deleted(&binding(), &result(vec![])), Reply::Code(0, None));
        assert_eq!(deleted(&binding(), &result(vec![matching.clone()])), Reply::Code(0, None));
        let other = matching.clone().with_host(wire::text("10.0.0.1"));
        let Reply::Failed(error) = deleted(&binding(), &result(vec![matching, other])) else { panic!("no failure") };
        assert_eq!((error.code.as_str(), error.unchanged), ("UNEXPECTED_MATCH", false));
    }
}
