//! The brokers' own dry run (`validate_only`), for the requests that have one.

use super::{Mode, Reply, settle};
use crate::domain::operation::{MOST_RECORDS_PER_REQUEST, Operation, OperationKind, Passwords};
use crate::kafka::KafkaCluster;
use crate::kafka::errors::{describe, resource_error};
use crate::ports::DryRun;

const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
const POLICY_VIOLATION: i16 = 44;
const THROTTLING_QUOTA_EXCEEDED: i16 = 89;

/// Asks the brokers about each operation. One answer per operation, in order.
pub(in crate::kafka) async fn dry_run(cluster: &KafkaCluster, operations: &[Operation]) -> Vec<DryRun> {
    let mut answers: Vec<DryRun> = operations
        .iter()
        .map(|operation| match has_dry_run(operation.kind()) {
            Ok(()) => DryRun::NotChecked("it was not asked for".to_owned()),
            Err(reason) => DryRun::NotChecked(reason.to_owned()),
        })
        .collect();
    for kind in OperationKind::ALL {
        if has_dry_run(kind).is_err() {
            continue;
        }
        let places: Vec<usize> = (0..operations.len()).filter(|at| operations[*at].kind() == kind).collect();
        let mut chunks = chunks(operations, &places, kind);
        // From the back, so that halves of a chunk that was too large come next.
        chunks.reverse();
        while let Some(chunk) = chunks.pop() {
            let batch: Vec<&Operation> = chunk.iter().map(|at| &operations[*at]).collect();
            let replies = settle(cluster, kind, &batch, &Passwords::default(), Mode::ValidateOnly).await;
            if chunk.len() > 1 && replies.iter().all(is_oversize) {
                let (first, second) = chunk.split_at(chunk.len() / 2);
                chunks.push(second.to_vec());
                chunks.push(first.to_vec());
                continue;
            }
            for (at, reply) in chunk.into_iter().zip(replies) {
                answers[at] = answer(reply);
            }
        }
    }
    answers
}

/// Says whether Kafka has a dry run for a kind of request, or why not.
fn has_dry_run(kind: OperationKind) -> Result<(), &'static str> {
    match kind {
        OperationKind::CreateTopic
        | OperationKind::AddPartitions
        | OperationKind::AlterTopicConfig
        | OperationKind::AlterQuota
        | OperationKind::AlterBrokerConfig => Ok(()),
        OperationKind::DeleteTopic => Err("Kafka has no dry run for deleting topics"),
        OperationKind::UpsertScram | OperationKind::DeleteScram => Err("Kafka has no dry run for SCRAM credentials"),
        OperationKind::CreateAcl | OperationKind::DeleteAcl => Err("Kafka has no dry run for ACLs"),
    }
}

/// Cuts operations into requests below the controller's bound: beyond it every operation of a request fails.
fn chunks(operations: &[Operation], places: &[usize], kind: OperationKind) -> Vec<Vec<usize>> {
    let mut chunks: Vec<Vec<usize>> = Vec::new();
    let mut records = 0;
    for at in places {
        let size = operations[*at].records(1);
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < kind.most_per_request() && records + size <= MOST_RECORDS_PER_REQUEST => {
                records += size;
                chunk.push(*at);
            }
            Some(_) | None => {
                records = size;
                chunks.push(vec![*at]);
            }
        }
    }
    chunks
}

/// Says whether the request as a whole was too large: the default number of partitions is not known here.
fn is_oversize(reply: &Reply) -> bool {
    match reply {
        Reply::Code(code, message) => {
            *code == POLICY_VIOLATION && message.as_ref().is_some_and(|message| message.contains("xcessively large"))
        }
        Reply::Failed(error) => error.code == "POLICY_VIOLATION",
    }
}

fn answer(reply: Reply) -> DryRun {
    match reply {
        Reply::Code(0, _) => DryRun::Accepted,
        // Who plans need not be who applies.
        Reply::Code(code @ (TOPIC_AUTHORIZATION_FAILED | CLUSTER_AUTHORIZATION_FAILED), message) => {
            DryRun::NotChecked(describe(code, message.as_deref()))
        }
        Reply::Code(code @ THROTTLING_QUOTA_EXCEEDED, message) => {
            DryRun::NotChecked(describe(code, message.as_deref()))
        }
        Reply::Code(code, message) => {
            let error = resource_error(code, message.as_deref());
            if error.unchanged { DryRun::Refused(error) } else { DryRun::NotChecked(error.to_string()) }
        }
        // Nothing was sent because no broker would take it, or because none could be asked.
        Reply::Failed(error) if matches!(error.code.as_str(), "POLICY_VIOLATION" | "INVALID_CONFIG") => {
            DryRun::Refused(error)
        }
        Reply::Failed(error) => DryRun::NotChecked(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::names::TopicName;

    #[test]
    fn requests_stay_below_the_controllers_bound() {
        let create = |number: usize, partitions: i32| Operation::CreateTopic {
            topic: TopicName::parse(&format!("t{number}")).unwrap(),
            partitions: Some(partitions),
            replication_factor: None,
            config: BTreeMap::new(),
        };
        let sizes = |operations: &[Operation]| -> Vec<usize> {
            let places: Vec<usize> = (0..operations.len()).collect();
            chunks(operations, &places, OperationKind::CreateTopic).iter().map(Vec::len).collect()
        };
        let small: Vec<Operation> = (0..10_000).map(|number| create(number, 1)).collect();
        assert_eq!(sizes(&small), [4_750, 4_750, 500]);
        assert_eq!(sizes(&[create(0, 9_000), create(1, 9_000), create(2, 10)]), [1, 2]);
        assert_eq!(sizes(&[]), Vec::<usize>::new());
    }

    #[test]
    fn a_quota_or_a_missing_right_is_no_verdict() {
        for code in [29, 31, 89, 7] {
            assert!(matches!(answer(Reply::Code(code, None)), DryRun::NotChecked(_)), "{code}");
        }
        assert!(
            matches!(answer(Reply::Code(40, Some("bad".to_owned()))), DryRun::Refused(error) if error.message == "bad")
        );
        assert_eq!(answer(Reply::Code(0, None)), DryRun::Accepted);
    }
}
