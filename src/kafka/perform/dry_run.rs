//! The brokers' own dry run (`validate_only`), for the requests that have one.

use super::{Mode, Reply, settle};
use crate::domain::operation::{Operation, Passwords, dry_run_requests};
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
        .map(|operation| operation.kind().dry_run().err().unwrap_or("it was not asked for"))
        .map(|reason| DryRun::NotChecked(reason.to_owned()))
        .collect();
    let mut requests = dry_run_requests(operations);
    // From the back, so that halves of a request that was too large come next.
    requests.reverse();
    while let Some(request) = requests.pop() {
        let batch: Vec<&Operation> = request.iter().map(|at| &operations[*at]).collect();
        let Some(kind) = batch.first().map(|operation| operation.kind()) else { continue };
        let replies = settle(cluster, kind, &batch, &Passwords::default(), Mode::ValidateOnly).await;
        if request.len() > 1 && replies.iter().all(is_oversize) {
            let (first, second) = request.split_at(request.len() / 2);
            requests.push(second.to_vec());
            requests.push(first.to_vec());
            continue;
        }
        for (at, reply) in request.into_iter().zip(replies) {
            answers[at] = answer(reply);
        }
    }
    answers
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
    use super::*;

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
