//! AlterUserScramCredentials. The password itself never leaves: brokers get the salted one.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::AlterUserScramCredentialsRequest;
use kafka_protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use ring::rand::{SecureRandom, SystemRandom};

use super::{Answer, Reply, not_sent, our_limit, throttle};
use crate::domain::names::UserName;
use crate::domain::operation::{Operation, Passwords};
use crate::domain::secret::Secret;
use crate::domain::user::ScramMechanism;
use crate::kafka::KafkaCluster;
use crate::kafka::errors::CallError;
use crate::kafka::pool::Target;
use crate::kafka::{scram, wire};
use crate::ports::ResourceError;

/// Bytes of a salt; Kafka's own tool takes 26 characters, RFC 7677 asks for at least 16 bytes.
const SALT_LENGTH: usize = 24;

/// A credential to be written.
struct Upsert {
    user: UserName,
    mechanism: ScramMechanism,
    iterations: i32,
    password: Secret,
}

pub(super) async fn alter(
    cluster: &KafkaCluster,
    batch: &[&Operation],
    passwords: &Passwords,
) -> Result<Answer, CallError> {
    let mut upserts = Vec::new();
    let mut deletions = Vec::new();
    let mut failed: BTreeMap<String, ResourceError> = BTreeMap::new();
    for operation in batch {
        match operation {
            Operation::UpsertScram { user, mechanism, iterations, password } => match passwords.get(password) {
                Some(secret) if !secret.is_empty() => upserts.push(Upsert {
                    user: user.clone(),
                    mechanism: *mechanism,
                    iterations: *iterations,
                    password: secret.clone(),
                }),
                Some(_) => {
                    let message = format!("the secret `{password}` is empty");
                    failed.insert(user.as_str().to_owned(), not_sent("SECRET_MISSING", &message));
                }
                None => {
                    let message = format!(
                        "the secret `{password}` is not there; `--secrets DIR`, a variable `DRIFTLESS_SECRET_<NAME>_<KEY>` or an age file can bring it"
                    );
                    failed.insert(user.as_str().to_owned(), not_sent("SECRET_MISSING", &message));
                }
            },
            Operation::DeleteScram { user, mechanism } => deletions.push(
                ScramCredentialDeletion::default()
                    .with_name(wire::text(user.as_str()))
                    .with_mechanism(wire::scram_mechanism_id(*mechanism)),
            ),
            Operation::CreateTopic { .. }
            | Operation::AddPartitions { .. }
            | Operation::AlterTopicConfig { .. }
            | Operation::DeleteTopic { .. }
            | Operation::CreateAcl(_)
            | Operation::DeleteAcl(_)
            | Operation::AlterQuota { .. }
            | Operation::AlterBrokerConfig { .. } => {}
        }
    }
    if cluster.pool.connector.tls.is_none() && !upserts.is_empty() {
        tracing::warn!("salted passwords travel without encryption: who reads them can log in");
    }
    let mut replies = BTreeMap::new();
    let mut wait = throttle(0);
    match salted(upserts).await {
        Err(error) => replies.extend(all(batch, &error)),
        Ok(upsertions) if upsertions.is_empty() && deletions.is_empty() => {}
        Ok(upsertions) => {
            let request = |_| {
                AlterUserScramCredentialsRequest::default()
                    .with_upsertions(upsertions.clone())
                    .with_deletions(deletions.clone())
            };
            match cluster.pool.write(Target::Controller, our_limit(cluster), request).await {
                Ok(answer) => {
                    wait = throttle(answer.throttle_time_ms);
                    for result in &answer.results {
                        let reply = Reply::of(result.error_code, result.error_message.as_ref());
                        replies.insert(result.user.to_string(), reply);
                    }
                }
                // Not for those whose secret is missing: of them nothing was sent.
                Err(error) => {
                    let error = error.into_resource_error();
                    replies.extend(all(batch, &error));
                }
            }
        }
    }
    replies.extend(failed.into_iter().map(|(user, error)| (user, Reply::Failed(error))));
    let reply = |operation: &&Operation| user(operation).and_then(|user| replies.get(user.as_str()).cloned());
    let results = batch.iter().map(reply).map(|reply| reply.unwrap_or_else(Reply::missing)).collect();
    Ok(Answer { throttle: wait, results })
}

/// Gives every user of a batch the same failure.
fn all(batch: &[&Operation], error: &ResourceError) -> BTreeMap<String, Reply> {
    let failed = |operation: &&Operation| Some((user(operation)?.as_str().to_owned(), Reply::Failed(error.clone())));
    batch.iter().filter_map(failed).collect()
}

fn user(operation: &Operation) -> Option<&UserName> {
    let (Operation::UpsertScram { user, .. } | Operation::DeleteScram { user, .. }) = operation else { return None };
    Some(user)
}

/// Salts passwords, away from the threads that wait for brokers: some milliseconds each.
async fn salted(upserts: Vec<Upsert>) -> Result<Vec<ScramCredentialUpsertion>, ResourceError> {
    let work = tokio::task::spawn_blocking(move || upserts.iter().map(upsertion).collect());
    work.await.unwrap_or_else(|_| Err(not_sent("NOT_SENT", "the passwords could not be salted")))
}

fn upsertion(upsert: &Upsert) -> Result<ScramCredentialUpsertion, ResourceError> {
    let mut salt = [0; SALT_LENGTH];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| not_sent("NOT_SENT", "the system gives no random numbers for a salt"))?;
    let iterations = u32::try_from(upsert.iterations).ok();
    let salted = iterations
        .and_then(|iterations| scram::salted_password(upsert.mechanism, &upsert.password, &salt, iterations))
        .ok_or_else(|| not_sent("UNACCEPTABLE_CREDENTIAL", "the number of iterations must be positive"))?;
    Ok(ScramCredentialUpsertion::default()
        .with_name(wire::text(upsert.user.as_str()))
        .with_mechanism(wire::scram_mechanism_id(upsert.mechanism))
        .with_iterations(upsert.iterations)
        .with_salt(Bytes::copy_from_slice(&salt))
        .with_salted_password(Bytes::copy_from_slice(salted.expose())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_credential_has_a_salt_of_its_own_and_not_the_password() {
        let upsert = Upsert {
            user: UserName::parse("alice").unwrap(),
            mechanism: ScramMechanism::Sha512,
            iterations: 4096,
            password: Secret::new("hunter2"),
        };
        let (first, second) = (upsertion(&upsert).unwrap(), upsertion(&upsert).unwrap());
        assert_ne!(first.salt, second.salt);
        assert_eq!((first.salt.len(), first.salted_password.len()), (24, 64));
        assert!(!first.salted_password.windows(7).any(|window| window == b"hunter2"));
    }
}
