//! Cuts operations into requests that the controller takes.

use std::collections::BTreeSet;

use crate::domain::operation::{MOST_RECORDS_PER_REQUEST, Operation, OperationKind};

/// One operation of one action.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Index of the action in the plan.
    pub(super) action: usize,
    pub(super) operation: Operation,
}

/// Cuts the steps of one kind into batches: below the bounds of the kind and of the controller's records, and never one
/// resource twice in a batch.
pub(super) fn cut(kind: OperationKind, steps: Vec<Step>, default_partitions: i32) -> Vec<Vec<Step>> {
    let mut batches: Vec<Vec<Step>> = Vec::new();
    let mut records = 0;
    let mut partitions = 0;
    let mut resources: BTreeSet<String> = BTreeSet::new();
    for step in steps {
        let cost = step.operation.records(default_partitions);
        let new_partitions = new_partitions(&step.operation, default_partitions);
        let resource = resource_key(&step.operation);
        let full = |batch: &Vec<Step>| {
            batch.len() >= kind.most_per_request()
                || records + cost > MOST_RECORDS_PER_REQUEST
                || partitions + new_partitions > MOST_RECORDS_PER_REQUEST
                || resource.as_ref().is_some_and(|resource| resources.contains(resource))
        };
        match batches.last_mut() {
            Some(batch) if !full(batch) => batch.push(step),
            Some(_) | None => {
                (records, partitions) = (0, 0);
                resources.clear();
                batches.push(vec![step]);
            }
        }
        records += cost;
        partitions += new_partitions;
        resources.extend(resource);
    }
    batches
}

fn new_partitions(operation: &Operation, default_partitions: i32) -> usize {
    match operation {
        Operation::CreateTopic { partitions, .. } => {
            usize::try_from(partitions.unwrap_or(default_partitions)).unwrap_or(1)
        }
        Operation::AddPartitions { total, .. } => usize::try_from(*total).unwrap_or(1),
        Operation::AlterTopicConfig { .. }
        | Operation::DeleteTopic { .. }
        | Operation::UpsertScram { .. }
        | Operation::DeleteScram { .. }
        | Operation::CreateAcl(_)
        | Operation::DeleteAcl(_)
        | Operation::AlterQuota { .. }
        | Operation::AlterBrokerConfig { .. } => 0,
    }
}

/// Kafka refuses two alterations of one user in a request (DUPLICATE_RESOURCE), even of different mechanisms. Other kinds
/// have one operation per resource to begin with.
fn resource_key(operation: &Operation) -> Option<String> {
    match operation {
        Operation::UpsertScram { user, .. } | Operation::DeleteScram { user, .. } => Some(user.to_string()),
        Operation::CreateTopic { .. }
        | Operation::AddPartitions { .. }
        | Operation::AlterTopicConfig { .. }
        | Operation::DeleteTopic { .. }
        | Operation::CreateAcl(_)
        | Operation::DeleteAcl(_)
        | Operation::AlterQuota { .. }
        | Operation::AlterBrokerConfig { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::domain::acl::{AclBinding, AclOperation, AclPermission, AclResourceType, PatternType};
    use crate::domain::names::{Principal, TopicName, UserName};
    use crate::domain::user::{ScramMechanism, SecretReference};

    use super::*;

    fn topic(index: usize, partitions: Option<i32>, configs: usize) -> Step {
        let config: BTreeMap<String, String> = (0..configs).map(|key| (format!("key.{key}"), "1".to_owned())).collect();
        let topic = TopicName::parse(&format!("t{index}")).expect("valid");
        Step {
            action: index,
            operation: Operation::CreateTopic { topic, partitions, replication_factor: None, config },
        }
    }

    #[test]
    fn topic_batches_stay_below_the_controllers_records() {
        // 1 topic record, 1 partition and 3 configs each: Kafka takes 1,666 of five-and-a-bit, we stay below.
        let steps: Vec<Step> = (0..5_000).map(|index| topic(index, Some(1), 3)).collect();
        let batches = cut(OperationKind::CreateTopic, steps, 1);
        assert!(
            batches
                .iter()
                .all(|batch| batch.iter().map(|s| s.operation.records(1)).sum::<usize>() <= MOST_RECORDS_PER_REQUEST)
        );
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 5_000);
        assert_eq!(batches.len(), 3);
    }

    #[test]
    fn partitions_left_to_the_controller_count_as_its_default() {
        let steps: Vec<Step> = (0..100).map(|index| topic(index, None, 0)).collect();
        assert_eq!(cut(OperationKind::CreateTopic, steps, 500).len(), 6);
    }

    #[test]
    fn one_topic_beyond_the_bound_still_travels_alone() {
        let steps = vec![topic(0, Some(1), 0), topic(1, Some(20_000), 0), topic(2, Some(1), 0)];
        assert_eq!(cut(OperationKind::CreateTopic, steps, 1).len(), 3);
    }

    #[test]
    fn two_mechanisms_of_one_user_never_share_a_request() {
        let step = |user: &str, mechanism| Step {
            action: 0,
            operation: Operation::UpsertScram {
                user: UserName::parse(user).expect("valid"),
                mechanism,
                iterations: 4096,
                password: SecretReference { name: "a".into(), key: "b".into() },
            },
        };
        let steps = vec![
            step("alice", ScramMechanism::Sha256),
            step("bob", ScramMechanism::Sha256),
            step("alice", ScramMechanism::Sha512),
            step("bob", ScramMechanism::Sha512),
        ];
        let sizes: Vec<usize> = cut(OperationKind::UpsertScram, steps, 1).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2]);
    }

    /// What Kafka 4.3.1 was seen to do with more: SCRAM, the active controller steps down; ACLs, quotas and configs,
    /// POLICY_VIOLATION; filters of DeleteAcls, the controller is blocked for 4.5 ms each at 50,000 ACLs.
    #[test]
    fn no_kind_of_request_holds_more_than_a_controller_takes() {
        let user = |index: usize| UserName::parse(&format!("user-{index}")).expect("valid");
        let binding = |index: usize| AclBinding {
            principal: Principal::user(&format!("user-{index}")),
            permission: AclPermission::Allow,
            operation: AclOperation::Read,
            resource_type: AclResourceType::Topic,
            pattern_type: PatternType::Literal,
            resource_name: "t".to_owned(),
            host: "*".to_owned(),
        };
        let password = || SecretReference { name: "a".into(), key: "b".into() };
        let (mechanism, iterations) = (ScramMechanism::Sha512, 4096);
        let operations: [(&dyn Fn(usize) -> Operation, usize); 6] = [
            (&|index| Operation::UpsertScram { user: user(index), mechanism, iterations, password: password() }, 1_000),
            (&|index| Operation::DeleteScram { user: user(index), mechanism }, 1_000),
            (&|index| Operation::CreateAcl(binding(index)), 5_000),
            (&|index| Operation::DeleteAcl(binding(index)), 100),
            (&|index| altered(index, 3), 2_375),
            (&|index| altered(index, 0), 5_000),
        ];
        for (operation, most) in operations {
            let steps: Vec<Step> =
                (0..12_000).map(|index| Step { action: index, operation: operation(index) }).collect();
            let kind = steps[0].operation.kind();
            let sizes: Vec<usize> = cut(kind, steps, 1).iter().map(Vec::len).collect();
            assert_eq!(sizes.iter().max(), Some(&most), "{kind:?}");
            assert_eq!(sizes.iter().sum::<usize>(), 12_000, "{kind:?}");
        }
    }

    fn altered(index: usize, configs: usize) -> Operation {
        let set = (0..configs).map(|key| (format!("key.{key}"), "1".to_owned())).collect();
        let topic = TopicName::parse(&format!("t{index}")).expect("valid");
        Operation::AlterTopicConfig { topic, set, unset: BTreeSet::new() }
    }
}
