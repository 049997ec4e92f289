//! An agent's own HTTP interface, from outside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Certificate, Client, Identity, Url};

use crate::domain::secret::Secret;
use crate::ports::SinkError;

const TIMEOUT: Duration = Duration::from_secs(5);
/// A status is a few kilobytes; whatever else listens there may say anything.
const LONGEST: usize = 1024 * 1024;

/// How an agent is asked that speaks TLS.
pub struct TlsAddress {
    /// `https://HOST:PORT`, where the host is one of the names in its certificate.
    pub url: String,
    /// Authorities that count beside the system's, in PEM form.
    pub authorities: Option<Secret>,
    /// The client's certificate with those between, and its key in PKCS #8 form; both PEM.
    pub identity: Option<(Secret, Secret)>,
}

/// Asks the agent that listens there for its `status.json`. An address of every interface is asked on loopback.
pub async fn agent_status(listen: SocketAddr, token: Option<&Secret>) -> Result<String, SinkError> {
    let host = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(host, listen.port());
    let url = base(&format!("http://{address}"))?;
    ask(client(Client::builder())?, url, token).await
}

/// Asks the agent of that URL for its `status.json`. An error that is not retryable is about what was given.
pub async fn agent_status_over_tls(address: &TlsAddress, token: Option<&Secret>) -> Result<String, SinkError> {
    let url = base(&address.url)?;
    if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("the address of the agent is no `https://HOST:PORT`"));
    }
    let mut builder = Client::builder().https_only(true);
    if let Some(authorities) = &address.authorities {
        let certificates = Certificate::from_pem_bundle(authorities.expose()).unwrap_or_default();
        if certificates.is_empty() {
            return Err(unusable("the file of authorities has no certificate in PEM form"));
        }
        builder = certificates.into_iter().fold(builder, |builder, one| builder.add_root_certificate(one));
    }
    if let Some((certificate, key)) = &address.identity {
        let words = "the client's certificate and key cannot be used; both must be PEM, the key in PKCS #8 form \
                     (`openssl pkcs8 -topk8 -nodes`)";
        builder = builder
            .identity(Identity::from_pkcs8_pem(certificate.expose(), key.expose()).map_err(|_| unusable(words))?);
    }
    ask(client(builder)?, url, token).await
}

fn unusable(message: &str) -> SinkError {
    SinkError { message: message.to_owned(), is_retryable: false }
}

fn failed(message: String) -> SinkError {
    SinkError { message, is_retryable: true }
}

fn base(url: &str) -> Result<Url, SinkError> {
    Url::parse(url).map_err(|_| unusable("the address of the agent is no URL"))
}

fn client(builder: reqwest::ClientBuilder) -> Result<Client, SinkError> {
    // A redirect could lead the token anywhere.
    let builder = builder.timeout(TIMEOUT).no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().map_err(|error| failed(format!("failed to set up HTTP: {error}")))
}

async fn ask(client: Client, base: Url, token: Option<&Secret>) -> Result<String, SinkError> {
    let address = base.authority().to_owned();
    let url = base.join("/api/v1/status").map_err(|_| unusable("the address of the agent is no URL"))?;
    let request = match token {
        Some(token) => client.get(url).bearer_auth(String::from_utf8_lossy(token.expose())),
        None => client.get(url),
    };
    let mut answer =
        request.send().await.map_err(|error| failed(format!("no agent answers at `{address}`{}", why(&error))))?;
    if !answer.status().is_success() {
        return Err(failed(format!("the agent at `{address}` answered {}", answer.status())));
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|_| failed(format!("`{address}` ended in the middle")))? {
        body.extend_from_slice(&part);
        if body.len() > LONGEST {
            return Err(failed(format!("what `{address}` says is no status: it is too long")));
        }
    }
    String::from_utf8(body).map_err(|_| failed(format!("what `{address}` says is no status")))
}

/// What OpenSSL says of the other side's certificate, or of ours: without it nobody finds out.
fn why(error: &reqwest::Error) -> String {
    let mut cause = std::error::Error::source(error);
    let mut last = None;
    while let Some(error) = cause {
        last = Some(error.to_string());
        cause = error.source();
    }
    last.map(|last| format!(": {last}")).unwrap_or_default()
}
