//! Writes: one batch is one request (for single brokers one request each), sent once. What is sent again is only what
//! the brokers say they did not do: a moved controller, a mutation quota.

mod acls;
mod configs;
mod dry_run;
mod quotas;
mod topics;
mod users;

use std::time::Duration;

pub(super) use dry_run::dry_run;

use super::KafkaCluster;
use super::errors::{CallError, resource_error};
use crate::domain::operation::{MOST_RECORDS_PER_REQUEST, Operation, OperationKind, Passwords};
use crate::ports::ResourceError;

/// The longest config value, in Java's characters. A broker that has to refuse a longer one of a new topic cannot even
/// write down the refusal, and closes the connection instead (seen with 3.9.1 and 4.3.1).
const LONGEST_CONFIG_VALUE: usize = 32_767;

const NOT_CONTROLLER: i16 = 41;
const THROTTLING_QUOTA_EXCEEDED: i16 = 89;

/// What the brokers answered to one request: a code and words per operation, in order.
struct Answer {
    throttle: Duration,
    results: Vec<Reply>,
}

/// The answer to one operation: Kafka's code with the broker's words, or a failure of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reply {
    Code(i16, Option<String>),
    Failed(ResourceError),
}

impl Reply {
    fn of(code: i16, message: Option<&kafka_protocol::protocol::StrBytes>) -> Self {
        Self::Code(code, message.map(ToString::to_string))
    }

    /// The broker's answer says nothing of the operation.
    fn missing() -> Self {
        Self::Failed(ResourceError {
            code: "TIMED_OUT".to_owned(),
            message: "the broker's answer leaves it out; it is not known whether the change was made".to_owned(),
            unchanged: false,
        })
    }

    fn into_result(self) -> Result<(), ResourceError> {
        match self {
            Self::Code(0, _) => Ok(()),
            Self::Code(code, message) => Err(resource_error(code, message.as_deref())),
            Self::Failed(error) => Err(error),
        }
    }
}

/// Whether the brokers shall do it, or only say whether they would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Do,
    ValidateOnly,
}

impl Mode {
    fn validate_only(self) -> bool {
        self == Self::ValidateOnly
    }
}

/// Builds a failure of which it is known that nothing was sent.
fn not_sent(code: &str, message: &str) -> ResourceError {
    ResourceError { code: code.to_owned(), message: message.to_owned(), unchanged: true }
}

/// Performs a batch of operations of one kind. One result per operation, in order.
pub(super) async fn perform(
    cluster: &KafkaCluster,
    batch: &[Operation],
    passwords: &Passwords,
) -> Vec<Result<(), ResourceError>> {
    let Some(kind) = batch.first().map(Operation::kind) else { return Vec::new() };
    if batch.iter().any(|operation| operation.kind() != kind) {
        let error = not_sent("NOT_SENT", "a batch holds operations of one kind only");
        return vec![Err(error); batch.len()];
    }
    let batch: Vec<&Operation> = batch.iter().collect();
    let replies = settle(cluster, kind, &batch, passwords, Mode::Do).await;
    replies.into_iter().map(Reply::into_result).collect()
}

/// Sends a batch, and what a moved controller or a quota left undone again, within the time for one call.
async fn settle(
    cluster: &KafkaCluster,
    kind: OperationKind,
    batch: &[&Operation],
    passwords: &Passwords,
    mode: Mode,
) -> Vec<Reply> {
    let mut pauses = cluster.pauses();
    let mut replies = vec![Reply::missing(); batch.len()];
    let mut open = Vec::new();
    let beyond = beyond_bounds(kind, batch);
    for (at, operation) in batch.iter().enumerate() {
        match beyond.clone().or_else(|| too_long(operation)) {
            Some(error) => replies[at] = Reply::Failed(error),
            None => open.push(at),
        }
    }
    if open.is_empty() {
        return replies;
    }
    loop {
        let operations: Vec<&Operation> = open.iter().filter_map(|at| batch.get(*at).copied()).collect();
        let answer = match send(cluster, kind, &operations, passwords, mode).await {
            Ok(answer) => answer,
            Err(error) => {
                let error = error.into_resource_error();
                for at in open {
                    replies[at] = Reply::Failed(error.clone());
                }
                return replies;
            }
        };
        let (mut again, mut moved) = (Vec::new(), false);
        for (at, reply) in open.into_iter().zip(answer.results) {
            match &reply {
                Reply::Code(NOT_CONTROLLER, _) => {
                    moved = true;
                    again.push(at);
                }
                // A dry run may wait for nothing: it is a question, and the quota is for changes.
                Reply::Code(THROTTLING_QUOTA_EXCEEDED, _) if mode == Mode::Do => again.push(at),
                Reply::Code(..) | Reply::Failed(_) => {}
            }
            replies[at] = reply;
        }
        if again.is_empty() {
            return replies;
        }
        if moved {
            cluster.pool.forget();
        }
        let in_time = if answer.throttle.is_zero() { pauses.pause().await } else { pauses.wait(answer.throttle).await };
        if !in_time {
            return replies;
        }
        open = again;
    }
}

/// Refuses what would make the active controller step down, instead of being refused by it: more records than it may
/// write at once, in requests that it does not count beforehand (seen with 3.9.1 and 4.3.1: `UNKNOWN_SERVER_ERROR`, and
/// for seconds after it no broker learns anything new).
fn beyond_bounds(kind: OperationKind, batch: &[&Operation]) -> Option<ResourceError> {
    let records: usize = match kind {
        OperationKind::AddPartitions | OperationKind::UpsertScram | OperationKind::DeleteScram => {
            batch.iter().map(|operation| operation.records(1)).sum()
        }
        OperationKind::CreateTopic
        | OperationKind::AlterTopicConfig
        | OperationKind::CreateAcl
        | OperationKind::AlterQuota
        | OperationKind::AlterBrokerConfig
        | OperationKind::DeleteAcl
        | OperationKind::DeleteTopic => 0,
    };
    (records > MOST_RECORDS_PER_REQUEST).then(|| {
        let message = format!("excessively large: {records} records in one request, and a controller takes 10000");
        not_sent("POLICY_VIOLATION", &message)
    })
}

fn too_long(operation: &Operation) -> Option<ResourceError> {
    let set = match operation {
        Operation::CreateTopic { config, .. } => config,
        Operation::AlterTopicConfig { set, .. } | Operation::AlterBrokerConfig { set, .. } => set,
        Operation::AddPartitions { .. }
        | Operation::DeleteTopic { .. }
        | Operation::UpsertScram { .. }
        | Operation::DeleteScram { .. }
        | Operation::CreateAcl(_)
        | Operation::DeleteAcl(_)
        | Operation::AlterQuota { .. } => return None,
    };
    let (key, _) = set.iter().find(|(_, value)| value.encode_utf16().count() > LONGEST_CONFIG_VALUE)?;
    let message = format!("the value of `{key}` is longer than {LONGEST_CONFIG_VALUE} characters");
    Some(not_sent("INVALID_CONFIG", &message))
}

async fn send(
    cluster: &KafkaCluster,
    kind: OperationKind,
    batch: &[&Operation],
    passwords: &Passwords,
    mode: Mode,
) -> Result<Answer, CallError> {
    match kind {
        OperationKind::CreateTopic => topics::create(cluster, batch, mode).await,
        OperationKind::AddPartitions => topics::add_partitions(cluster, batch, mode).await,
        OperationKind::DeleteTopic => topics::delete(cluster, batch).await,
        OperationKind::AlterTopicConfig => configs::alter_topics(cluster, batch, mode).await,
        OperationKind::AlterBrokerConfig => configs::alter_brokers(cluster, batch, mode).await,
        OperationKind::UpsertScram | OperationKind::DeleteScram => users::alter(cluster, batch, passwords).await,
        OperationKind::CreateAcl => acls::create(cluster, batch).await,
        OperationKind::DeleteAcl => acls::delete(cluster, batch).await,
        OperationKind::AlterQuota => quotas::alter(cluster, batch, mode).await,
    }
}

/// How long the brokers may work on a request, as they are told, in milliseconds.
fn broker_limit(cluster: &KafkaCluster) -> i32 {
    i32::try_from(cluster.pool.connector.limits.request.as_millis()).unwrap_or(i32::MAX)
}

/// How long we wait for an answer to a write: longer than the brokers may take, so that theirs comes first.
fn our_limit(cluster: &KafkaCluster) -> Duration {
    cluster.pool.connector.limits.request + Duration::from_secs(5)
}

fn throttle(milliseconds: i32) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::domain::names::TopicName;

    #[test]
    fn what_would_make_the_controller_step_down_is_not_sent() {
        let add = |total| Operation::AddPartitions { topic: TopicName::parse("a").unwrap(), total };
        let (few, many) = (add(9_000), add(10_003));
        assert_eq!(beyond_bounds(OperationKind::AddPartitions, &[&few]), None);
        for batch in [vec![&many], vec![&few, &few]] {
            let error = beyond_bounds(OperationKind::AddPartitions, &batch).unwrap();
            assert_eq!((error.code.as_str(), error.unchanged), ("POLICY_VIOLATION", true));
        }
    }

    #[test]
    fn a_value_that_no_broker_can_refuse_in_words_is_refused_here() {
        let alter = |length: usize| Operation::AlterTopicConfig {
            topic: TopicName::parse("a").unwrap(),
            set: BTreeMap::from([("k".to_owned(), "é".repeat(length))]),
            unset: BTreeSet::new(),
        };
        assert_eq!(too_long(&alter(32_767)), None);
        assert_eq!(too_long(&alter(32_768)).map(|error| error.code).as_deref(), Some("INVALID_CONFIG"));
    }
}
