//! Events and alerts over HTTP: a webhook of any kind, Slack, Alertmanager.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use ring::hmac;
use serde_json::json;

use crate::domain::digest::hex;
use crate::domain::event::Event;
use crate::domain::secret::Secret;
use crate::ports::{Alert, AlertSink, EventSink, SinkError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);
/// `sha256=` and the HMAC of the body, as forges sign theirs.
const SIGNATURE: &str = "x-driftless-signature-256";

/// What a webhook gets.
pub enum WebhookFormat {
    /// The event itself, signed with this secret when there is one.
    Generic(Option<Secret>),
    /// A line of text, as Slack's incoming webhooks take it.
    Slack,
}

/// A webhook.
pub struct Webhook {
    client: Client,
    /// May be a secret as a whole: Slack's are. Errors name only its host.
    url: Url,
    format: WebhookFormat,
}

impl Webhook {
    /// Prepares the requests; connects with the first event. The error is about the address.
    pub fn new(url: &Secret, format: WebhookFormat) -> Result<Self, SinkError> {
        Ok(Self { client: client()?, url: address(url)?, format })
    }
}

#[async_trait]
impl EventSink for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn deliver(&self, event: &Event) -> Result<(), SinkError> {
        let request = self.client.post(self.url.clone());
        let request = match &self.format {
            WebhookFormat::Slack => request.json(&json!({"text": slack(&event.summary)})),
            WebhookFormat::Generic(secret) => {
                let body = event.cloud_event();
                let request = match secret {
                    Some(secret) => request.header(SIGNATURE, signature(secret, body.as_bytes())),
                    None => request,
                };
                request.header(CONTENT_TYPE, "application/cloudevents+json; charset=UTF-8").body(body)
            }
        };
        send(request, &self.url).await
    }
}

/// An Alertmanager.
pub struct Alertmanager {
    client: Client,
    url: Url,
}

impl Alertmanager {
    /// Prepares the requests. `url` is Alertmanager's own, without `/api`.
    pub fn new(url: &str) -> Result<Self, SinkError> {
        let url = address(&Secret::new(format!("{}/api/v2/alerts", url.trim_end_matches('/'))))?;
        Ok(Self { client: client()?, url })
    }
}

#[async_trait]
impl AlertSink for Alertmanager {
    async fn tell(&self, alerts: &[Alert]) -> Result<(), SinkError> {
        let body: Vec<serde_json::Value> = alerts.iter().map(wire_form).collect();
        send(self.client.post(self.url.clone()).json(&body), &self.url).await
    }
}

fn wire_form(alert: &Alert) -> serde_json::Value {
    json!({
        "labels": {"alertname": alert.name, "environment": alert.environment, "service": "driftless", "severity": "warning"},
        "annotations": {"summary": alert.summary},
        "startsAt": alert.starts_at.to_string(),
        "endsAt": alert.ends_at.to_string(),
    })
}

fn client() -> Result<Client, SinkError> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        // A redirect could lead a signed body anywhere.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| SinkError { message: format!("failed to set up HTTP: {error}"), is_retryable: false })
}

fn address(url: &Secret) -> Result<Url, SinkError> {
    let text = String::from_utf8_lossy(url.expose());
    Url::parse(&text).map_err(|_| SinkError { message: "the address is none".to_owned(), is_retryable: false })
}

async fn send(request: RequestBuilder, url: &Url) -> Result<(), SinkError> {
    let host = url.host_str().unwrap_or_default();
    let answer = request.send().await.map_err(|error| {
        let why = if error.is_timeout() { "it did not answer in time" } else { "no connection" };
        SinkError { message: format!("failed to reach `{host}`: {why}"), is_retryable: true }
    })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let is_retryable = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::NOT_FOUND);
    Err(SinkError { message: format!("`{host}` answered {status}"), is_retryable })
}

fn signature(secret: &Secret, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    format!("sha256={}", hex(hmac::sign(&key, body)))
}

/// Escapes what Slack reads as markup (https://docs.slack.dev/messaging/formatting-message-text: `&`, `<`, `>`).
fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_hmac_of_the_body() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature(&Secret::new("Jefe"), b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn names_are_no_markup() {
        assert_eq!(slack("topic <!channel> & more"), "topic &lt;!channel&gt; &amp; more");
    }

    #[tokio::test]
    async fn an_error_names_no_path() {
        let url = Secret::new("http://127.0.0.1:1/services/T0/B0/hunter2");
        let webhook = Webhook::new(&url, WebhookFormat::Slack).unwrap_or_else(|error| panic!("{error}"));
        let event = Event {
            id: "1".to_owned(),
            kind: crate::domain::event::EventKind::Drift,
            environment: "prod".to_owned(),
            time: "2026-06-01T12:00:00Z".parse().expect("a time"),
            summary: "So.".to_owned(),
            data: json!({}),
        };
        let error = webhook.deliver(&event).await.expect_err("nobody listens");
        assert!(error.is_retryable && !error.message.contains("hunter2"), "{error}");
    }
}
