//! SASL log-in inside Kafka's own requests (KIP-43, KIP-152): the exchange itself is rsasl's.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::config::SASLConfig;
use rsasl::mechanisms::scram::properties::{Iterations, Salt, SaltedPassword};
use rsasl::prelude::{Mechname, SASLClient, SessionError, State};
use rsasl::property::{AuthId, Password};

use super::connection::Connection;
use super::errors::{self, CallError};
use super::properties::SaslSettings;
use super::scram;
use crate::domain::secret::Secret;
use crate::domain::user::ScramMechanism;
use crate::ports::ClusterError;

const SASL_AUTHENTICATION_FAILED: i16 = 58;
const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
const ILLEGAL_SASL_STATE: i16 = 34;

/// What the exchange asks us for.
struct Credentials {
    user: String,
    password: Secret,
    scram: Option<ScramMechanism>,
}

impl SessionCallback for Credentials {
    fn callback(&self, _: &SessionData, context: &Context<'_>, request: &mut Request<'_>) -> Result<(), SessionError> {
        // Asked for before the password itself; ring derives it several times as fast.
        if request.is::<SaltedPassword>()
            && let (Some(mechanism), Some(salt), Some(iterations)) =
                (self.scram, context.get_ref::<Salt>(), context.get_ref::<Iterations>())
            && let Some(salted) = scram::salted_password(mechanism, &self.password, salt, *iterations)
        {
            request.satisfy::<SaltedPassword>(salted.expose())?;
        }
        request.satisfy::<AuthId>(&self.user)?.satisfy::<Password>(self.password.expose())?;
        Ok(())
    }
}

/// Logs in on a fresh connection. Returns how long the broker lets the session live, when it says so (KIP-368).
pub(super) async fn log_in(
    connection: &mut Connection,
    settings: &SaslSettings,
) -> Result<Option<std::time::Duration>, ClusterError> {
    let address = connection.address().clone();
    let internal = |what: &str| errors::protocol(format!("the SASL exchange with `{address}` failed: {what}"), None);
    let mechanism = settings.mechanism.as_str();
    shake_hands(connection, mechanism).await?;

    let credentials = Credentials {
        user: settings.user.clone(),
        password: settings.password.clone(),
        scram: ScramMechanism::parse(mechanism),
    };
    let config = SASLConfig::builder()
        .with_default_mechanisms()
        .with_callback(credentials)
        .map_err(|_| internal("the mechanism is not built in"))?;
    let name = Mechname::parse(mechanism.as_bytes()).map_err(|_| internal("the mechanism has no valid name"))?;
    let mut session = SASLClient::new(Arc::clone(&config))
        .start_suggested(&[name])
        .map_err(|_| internal("the mechanism is not built in"))?;

    let mut input: Option<Bytes> = None;
    loop {
        let mut output = Vec::new();
        let state = session.step(input.as_deref(), &mut output).map_err(|error| {
            if input.is_some() {
                // The broker's last message proves that it, too, knows the password.
                return errors::authentication(
                    format!("the SASL exchange with `{address}` failed: {error}"),
                    "The broker could not prove that it knows the password: check that it is the right broker.",
                );
            }
            internal("the credentials cannot be sent")
        })?;
        let finished = !matches!(state, State::Running);
        if finished && output.is_empty() {
            return Ok(connection.session_lifetime());
        }
        input = Some(authenticate(connection, output).await?);
        if finished {
            return Ok(connection.session_lifetime());
        }
    }
}

async fn shake_hands(connection: &mut Connection, mechanism: &'static str) -> Result<(), ClusterError> {
    let address = connection.address().clone();
    let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism));
    let answer = connection.call(&request, 1).await.map_err(CallError::into_cluster_error)?;
    match answer.error_code {
        0 => Ok(()),
        UNSUPPORTED_SASL_MECHANISM => {
            let offered: Vec<&str> = answer.mechanisms.iter().map(|name| name.as_str()).collect();
            Err(errors::authentication(
                format!("`{address}` does not accept the SASL mechanism `{mechanism}`"),
                format!("Set `sasl.mechanism` to one that the listener offers: {}.", offered.join(", ")),
            ))
        }
        ILLEGAL_SASL_STATE => Err(errors::authentication(
            format!("the listener at `{address}` does not use SASL"),
            "Check the port, or set `security.protocol` to `PLAINTEXT` or `SSL`.",
        )),
        code => Err(errors::authentication(
            format!("`{address}` refuses the SASL hand-shake: {}", errors::error_name(code)),
            "Check `security.protocol` and `sasl.mechanism`.",
        )),
    }
}

async fn authenticate(connection: &mut Connection, output: Vec<u8>) -> Result<Bytes, ClusterError> {
    let address = connection.address().clone();
    let version = connection.version::<SaslAuthenticateRequest>().unwrap_or(0);
    let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(output));
    let answer = connection.call(&request, version).await.map_err(CallError::into_cluster_error)?;
    if answer.error_code == 0 {
        connection.set_session_lifetime(answer.session_lifetime_ms);
        return Ok(answer.auth_bytes);
    }
    let text = errors::describe(answer.error_code, answer.error_message.as_deref());
    let hint = if answer.error_code == SASL_AUTHENTICATION_FAILED {
        "Check user name and password in `sasl.jaas.config`, and that the user has a credential for `sasl.mechanism`."
    } else {
        "Check `sasl.mechanism` and `sasl.jaas.config`."
    };
    Err(errors::authentication(format!("`{address}` refuses the log-in: {text}"), hint))
}
