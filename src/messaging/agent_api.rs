//! An agent's own HTTP interface, from outside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::domain::secret::Secret;
use crate::ports::SinkError;

const TIMEOUT: Duration = Duration::from_secs(5);
/// A status is a few kilobytes; whatever else listens there may say anything.
const LONGEST: usize = 1024 * 1024;

/// Asks the agent that listens there for its `status.json`. An address of every interface is asked on loopback.
pub async fn agent_status(listen: SocketAddr, token: Option<&Secret>) -> Result<String, SinkError> {
    let failed = |message: String| SinkError { message, is_retryable: true };
    let host = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(host, listen.port());
    let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build();
    let client = client.map_err(|error| failed(format!("failed to set up HTTP: {error}")))?;
    let request = client.get(format!("http://{address}/api/v1/status"));
    let request = match token {
        Some(token) => request.bearer_auth(String::from_utf8_lossy(token.expose())),
        None => request,
    };
    let answer = request.send().await;
    let mut answer = answer.map_err(|_| failed(format!("no agent answers at `{address}`")))?;
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
