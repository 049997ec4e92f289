//! SCRAM credentials of all users: mechanisms and iterations. Kafka shows nothing of the password.

use std::collections::BTreeMap;

use kafka_protocol::messages::{DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse};

use super::{Part, knowledge};
use crate::domain::names::UserName;
use crate::domain::user::ScramMechanism;
use crate::kafka::KafkaCluster;
use crate::kafka::errors::describe as describe_error;
use crate::kafka::pool::Target;
use crate::kafka::wire;

type Users = BTreeMap<UserName, BTreeMap<ScramMechanism, i32>>;

const RESOURCE_NOT_FOUND: i16 = 91;

pub(super) async fn describe(cluster: &KafkaCluster) -> Part<Users> {
    // Empty means all users, as null does. But to null a broker that refuses the request never answers: it trips over the
    // missing list while it writes the refusal (seen with 3.9.1 and 4.3.1).
    let request = |_| DescribeUserScramCredentialsRequest::default().with_users(Some(Vec::new()));
    let outcome = cluster.ask(Target::Steady(2), request, |answer| answer.error_code).await;
    knowledge("DescribeUserScramCredentials", outcome.map(users))
}

fn users(answer: DescribeUserScramCredentialsResponse) -> Result<Users, String> {
    if answer.error_code != 0 {
        return Err(describe_error(answer.error_code, answer.error_message.as_deref()));
    }
    let mut users = Users::new();
    for result in answer.results {
        match result.error_code {
            0 => {}
            RESOURCE_NOT_FOUND => continue,
            code => return Err(describe_error(code, result.error_message.as_deref())),
        }
        let Ok(name) = UserName::parse(&result.user) else { continue };
        let credentials = result.credential_infos.iter().filter_map(|credential| {
            wire::scram_mechanism(credential.mechanism).map(|mechanism| (mechanism, credential.iterations))
        });
        let credentials: BTreeMap<ScramMechanism, i32> = credentials.collect();
        if !credentials.is_empty() {
            users.insert(name, credentials);
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::describe_user_scram_credentials_response::{
        CredentialInfo, DescribeUserScramCredentialsResult,
    };
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    #[test]
    fn credentials_are_read_per_mechanism() {
        let credential =
            |mechanism, iterations| CredentialInfo::default().with_mechanism(mechanism).with_iterations(iterations);
        let result = DescribeUserScramCredentialsResult::default()
            .with_user(StrBytes::from_static_str("alice"))
            .with_credential_infos(vec![credential(1, 4096), credential(2, 8192), credential(9, 1)]);
        let answer = DescribeUserScramCredentialsResponse::default().with_results(vec![result]);
        let users = users(answer).unwrap();
        let alice: Vec<(&str, i32)> = users.values().flatten().map(|(key, value)| (key.as_str(), *value)).collect();
        assert_eq!(alice, [("SCRAM-SHA-256", 4096), ("SCRAM-SHA-512", 8192)]);
    }

    #[test]
    fn a_refusal_is_not_no_users() {
        let answer = DescribeUserScramCredentialsResponse::default().with_error_code(31);
        assert_eq!(
            users(answer).unwrap_err(),
            "CLUSTER_AUTHORIZATION_FAILED: not authorized to do this on the cluster"
        );
    }
}
