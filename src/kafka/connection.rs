//! One connection to one broker: TCP, TLS, log-in, version negotiation, frames. One request at a time.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::FutureExt;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes, VersionRange};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_openssl::SslStream;

use super::address::Address;
use super::errors::{self, CallError};
use super::properties::{Limits, SaslSettings};
use super::sasl;
use super::tls::{self, Tls};
use crate::domain::observed::SecurityProtocol;
use crate::ports::{ClusterError, ClusterErrorKind, Tally};

/// The largest answer that is taken. 10,000 topics with all their configs in one answer are about 70 MB.
const LARGEST_ANSWER: usize = 256 << 20;

/// A connection that was idle for longer is not used again: brokers close idle ones after 10 minutes, and what lies
/// between may forget them sooner.
const LONGEST_IDLE: Duration = Duration::from_secs(240);

const API_VERSIONS: i16 = 3;
const UNSUPPORTED_VERSION: i16 = 35;
const INVALID_REQUEST: i16 = 42;

/// Makes connections: everything that is the same for all brokers.
pub(super) struct Connector {
    pub(super) tls: Option<Tls>,
    pub(super) sasl: Option<SaslSettings>,
    pub(super) client_id: String,
    pub(super) limits: Limits,
    /// Counts requests, where somebody wants to know.
    pub(super) tally: Option<Arc<dyn Tally>>,
}

impl Connector {
    pub(super) fn security_protocol(&self) -> SecurityProtocol {
        SecurityProtocol::of(self.tls.is_some(), self.sasl.is_some())
    }

    /// Connects, shakes hands, asks for the API versions, logs in: all within the set-up limit.
    pub(super) async fn connect(&self, address: &Address) -> Result<Connection, ClusterError> {
        let started = Instant::now();
        let result = match tokio::time::timeout(self.limits.setup, self.try_connect(address)).await {
            Ok(result) => result,
            Err(_) => Err(errors::unreachable(
                format!("`{address}` did not answer within {:.0?}", self.limits.setup),
                Some("The broker may be stopped, overloaded, or behind a firewall."),
            )),
        };
        let milliseconds = started.elapsed().as_millis();
        if let Some(tally) = &self.tally {
            tally.cluster_request("Connect", result.is_ok());
        }
        match &result {
            Ok(_) => tracing::debug!(broker = %address, milliseconds, "connected to broker"),
            Err(error) => tracing::debug!(broker = %address, milliseconds, %error, "failed to connect to broker"),
        }
        result
    }

    async fn try_connect(&self, address: &Address) -> Result<Connection, ClusterError> {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(|error| {
            let text = error.to_string();
            if text.contains("failed to lookup address") || text.contains("Name or service not known") {
                let hint = "Check the host name in `bootstrap.servers` and the brokers' `advertised.listeners`.";
                return errors::unreachable(format!("the host of `{address}` is not known: {error}"), Some(hint));
            }
            let hint = "Check `bootstrap.servers`, and that the brokers run.";
            errors::unreachable(format!("cannot connect to `{address}`: {error}"), Some(hint))
        })?;
        // Requests are written whole, so waiting for more bytes only costs time.
        drop(stream.set_nodelay(true));
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some(tls) => Stream::Tls(Box::new(shake_hands(address, stream, tls).await?)),
        };
        let mut connection = Connection {
            address: address.clone(),
            stream,
            client_id: StrBytes::from_string(self.client_id.clone()),
            versions: BTreeMap::new(),
            metadata_version: None,
            correlation: 0,
            session_lifetime: None,
            tally: self.tally.clone(),
            made: Instant::now(),
            used: Instant::now(),
        };
        connection.negotiate().await.map_err(|error| self.first_answer_error(address, error))?;
        if let Some(settings) = &self.sasl {
            sasl::log_in(&mut connection, settings).await?;
        }
        Ok(connection)
    }

    /// Says why the very first request failed: usually the listener expects something else.
    fn first_answer_error(&self, address: &Address, error: CallError) -> ClusterError {
        let reason = match error {
            CallError::Lost { reason, .. } => reason,
            other => return other.into_cluster_error(),
        };
        match &self.tls {
            Some(tls) => tls::alert_error(address, &reason, tls).unwrap_or_else(|| {
                let hint = if tls.has_identity {
                    "The broker may refuse the client certificate: look into its log."
                } else {
                    "The listener may ask for a client certificate: set `ssl.keystore.location`."
                };
                errors::authentication(
                    format!("`{address}` closed the connection after the TLS hand-shake ({reason})"),
                    hint,
                )
            }),
            None => errors::unreachable(
                format!("`{address}` closed the connection at the first request ({reason})"),
                Some("The listener may speak TLS: set `security.protocol` to `SSL` or `SASL_SSL`, or check the port."),
            ),
        }
    }

    /// Says why the first request after negotiation failed, when no log-in came between.
    pub(super) fn first_request_error(&self, error: CallError) -> ClusterError {
        match error {
            CallError::Lost { broker, reason, timed_out: false } if self.sasl.is_none() => errors::authentication(
                format!("`{broker}` closed the connection at the first request ({reason})"),
                "The listener may ask for SASL: set `security.protocol` to `SASL_SSL` or `SASL_PLAINTEXT`.",
            ),
            other => other.into_cluster_error(),
        }
    }
}

async fn shake_hands(address: &Address, stream: TcpStream, tls: &Tls) -> Result<SslStream<TcpStream>, ClusterError> {
    let session = tls.session(address)?;
    let mut stream = SslStream::new(session, stream)
        .map_err(|error| errors::settings(format!("cannot set up TLS: {error}"), "Check the `ssl.` settings."))?;
    match Pin::new(&mut stream).connect().await {
        Ok(()) => Ok(stream),
        Err(error) => Err(tls::handshake_error(address, &error, stream.ssl().verify_result(), tls)),
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
}

impl Stream {
    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn read_frame(&mut self) -> Result<Bytes, FrameError> {
        match self {
            Self::Plain(stream) => read_frame(stream).await,
            Self::Tls(stream) => read_frame(stream.as_mut()).await,
        }
    }

    /// Says whether something waits to be read, which on an idle connection is its end (or nothing that we asked for).
    fn has_input(&self) -> bool {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref(),
        };
        stream.peek(&mut [0]).now_or_never().is_some()
    }
}

enum FrameError {
    Io(std::io::Error),
    Size(u32),
}

async fn read_frame<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Bytes, FrameError> {
    let size = stream.read_u32().await.map_err(FrameError::Io)?;
    let Some(length) = usize::try_from(size).ok().filter(|length| *length <= LARGEST_ANSWER) else {
        return Err(FrameError::Size(size));
    };
    // Grows with what arrives, not with what the size promises.
    let mut frame = Vec::with_capacity(length.min(1 << 20));
    let read = stream.take(u64::from(size)).read_to_end(&mut frame).await.map_err(FrameError::Io)?;
    if read < length {
        return Err(FrameError::Io(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(Bytes::from(frame))
}

/// A live connection. After an error it is of no use any more.
pub(super) struct Connection {
    address: Address,
    stream: Stream,
    client_id: StrBytes,
    versions: BTreeMap<i16, VersionRange>,
    metadata_version: Option<i16>,
    correlation: i32,
    session_lifetime: Option<Duration>,
    made: Instant,
    used: Instant,
    tally: Option<Arc<dyn Tally>>,
}

impl Connection {
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Returns the finalized level of `metadata.version`, when the broker says it.
    pub(super) fn metadata_version(&self) -> Option<i16> {
        self.metadata_version
    }

    pub(super) fn session_lifetime(&self) -> Option<Duration> {
        self.session_lifetime
    }

    pub(super) fn set_session_lifetime(&mut self, milliseconds: i64) {
        self.session_lifetime = u64::try_from(milliseconds).ok().filter(|ms| *ms > 0).map(Duration::from_millis);
    }

    /// Says whether a request may still be sent on it. A write on a connection that the broker has closed would be
    /// lost without anybody knowing whether it was carried out.
    pub(super) fn is_fresh(&self) -> bool {
        let expired = self.session_lifetime.is_some_and(|lifetime| self.made.elapsed() > lifetime.mul_f64(0.8));
        !expired && self.used.elapsed() < LONGEST_IDLE && !self.stream.has_input()
    }

    /// Returns the newest version of an API that both sides speak.
    pub(super) fn version<R: Request>(&self) -> Option<i16> {
        use kafka_protocol::protocol::Message;
        let common = self.versions.get(&R::KEY)?.intersect(&<R as Message>::VERSIONS);
        if common.is_empty() { None } else { Some(common.max) }
    }

    /// Sends a request and waits for its answer, without a limit of time.
    pub(super) async fn call<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response, CallError> {
        let started = Instant::now();
        let mut counted = Counted { tally: self.tally.clone(), api: api_name::<R>(), is_answered: false };
        let result = self.exchange(request, version).await;
        counted.is_answered = result.is_ok();
        drop(counted);
        let (api, milliseconds) = (api_name::<R>(), started.elapsed().as_millis());
        match result {
            Ok(mut body) => {
                let bytes = body.len();
                tracing::debug!(api, version, broker = %self.address, milliseconds, bytes, "request answered");
                R::Response::decode(&mut body, version).map_err(|error| self.protocol(format!("{api}: {error}")))
            }
            Err(error) => {
                let reason = error.reason();
                tracing::debug!(api, version, broker = %self.address, milliseconds, reason, "request failed");
                Err(error)
            }
        }
    }

    async fn exchange<R: Request>(&mut self, request: &R, version: i16) -> Result<Bytes, CallError> {
        self.correlation = self.correlation.wrapping_add(1);
        let frame = self.encode(request, version).map_err(|error| {
            let message = format!("cannot write {} in version {version}: {error}", api_name::<R>());
            CallError::NotSent(errors::protocol(message, None))
        })?;
        self.stream.write(&frame).await.map_err(|error| self.lost(&error))?;
        let mut answer = self.stream.read_frame().await.map_err(|error| match error {
            FrameError::Io(error) => self.lost(&error),
            FrameError::Size(size) => self.wrong_protocol(size),
        })?;
        self.used = Instant::now();
        let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version))
            .map_err(|error| self.protocol(error.to_string()))?;
        if header.correlation_id != self.correlation {
            return Err(self.protocol("it belongs to another request".to_owned()));
        }
        Ok(answer)
    }

    fn encode<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<BytesMut, Box<dyn std::error::Error + Send + Sync>> {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(self.client_id.clone()));
        let mut frame = BytesMut::with_capacity(256);
        frame.put_u32(0);
        header.encode(&mut frame, R::header_version(version))?;
        request.encode(&mut frame, version)?;
        let length = u32::try_from(frame.len() - 4)?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        Ok(frame)
    }

    /// Asks for the API versions: in version 3, or 0 when the broker does not know that one (KIP-511).
    async fn negotiate(&mut self) -> Result<(), CallError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("driftless"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let mut body = self.exchange(&request, API_VERSIONS).await?;
        let mut version = API_VERSIONS;
        let refused = |body: &Bytes| (body.len() >= 2).then(|| body.clone().get_i16());
        if refused(&body) == Some(UNSUPPORTED_VERSION) || refused(&body) == Some(INVALID_REQUEST) {
            version = 0;
            body = self.exchange(&ApiVersionsRequest::default(), version).await?;
        }
        let answer =
            ApiVersionsResponse::decode(&mut body, version).map_err(|error| self.protocol(error.to_string()))?;
        if answer.error_code != 0 {
            return Err(self.protocol(errors::error_name(answer.error_code)));
        }
        let range = |min, max| VersionRange { min, max };
        self.versions =
            answer.api_keys.iter().map(|api| (api.api_key, range(api.min_version, api.max_version))).collect();
        let feature = answer.finalized_features.iter().find(|feature| feature.name.as_str() == "metadata.version");
        self.metadata_version = feature.map(|feature| feature.max_version_level);
        Ok(())
    }

    fn lost(&self, error: &std::io::Error) -> CallError {
        let reason = if error.kind() == std::io::ErrorKind::UnexpectedEof {
            "the broker closed the connection".to_owned()
        } else {
            error.to_string()
        };
        CallError::Lost { broker: self.address.clone(), reason, timed_out: false }
    }

    fn protocol(&self, reason: String) -> CallError {
        CallError::Protocol { broker: self.address.clone(), reason }
    }

    /// Says what an impossible frame size most likely is: the first bytes of another protocol.
    fn wrong_protocol(&self, size: u32) -> CallError {
        let address = &self.address;
        let (what, hint) = match size.to_be_bytes() {
            [0x15, 0x03, ..] => ("it speaks TLS", "Set `security.protocol` to `SSL` or `SASL_SSL`, or check the port."),
            [b'H', b'T', b'T', b'P'] => ("it speaks HTTP", "Check the port in `bootstrap.servers`."),
            _ => ("its answer is too large", "Check that the port is one of a Kafka listener."),
        };
        if self.correlation > 1 {
            return self.protocol(format!("{what} ({size} bytes)"));
        }
        CallError::NotSent(ClusterError {
            message: format!("`{address}` does not speak Kafka's protocol here: {what}"),
            kind: ClusterErrorKind::Protocol,
            hint: Some(hint.to_owned()),
        })
    }
}

/// Counts a request when it is over, also when whoever sent it waits no longer.
struct Counted {
    tally: Option<Arc<dyn Tally>>,
    api: &'static str,
    is_answered: bool,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(tally) = &self.tally {
            tally.cluster_request(self.api, self.is_answered);
        }
    }
}

/// Returns the name of an API as Kafka's documentation writes it, such as `DescribeConfigs`.
pub(super) fn api_name<R>() -> &'static str {
    let name = std::any::type_name::<R>();
    let name = name.rsplit("::").next().unwrap_or(name);
    name.strip_suffix("Request").unwrap_or(name)
}
