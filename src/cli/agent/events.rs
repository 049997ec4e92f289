//! Opens who is told of what happens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Current;

use crate::agent::PassResult;
use crate::agent::metrics::Metrics;
use crate::agent::outbox::{Health, Outbox, tell_alerts};
use crate::agent::{Chronicle, lease_event};
use crate::cli::clock::SystemClock;
use crate::cli::error::CommandError;
use crate::cli::surroundings::surroundings;
use crate::config::secrets;
use crate::config::settings::{AgentSettings, AlertmanagerSettings, EventSettings, WebhookFormat, WebhookSettings};
use crate::domain::digest;
use crate::domain::secret::Secret;
use crate::messaging::{self, Alertmanager, KafkaEvents, Webhook};
use crate::ports::{Clock, EventSink, SinkError};
use crate::report::status::{StatusReport, SyncState};

/// Who is told of what happens while an agent runs.
pub(super) struct Telling {
    sinks: Mutex<Sinks>,
    metrics: Arc<Metrics>,
    chronicle: tokio::sync::Mutex<Chronicle>,
}

/// Those who are told, as the settings have them.
struct Sinks {
    identity: String,
    outbox: Outbox,
    health: watch::Sender<Health>,
    alerts: Option<tokio::task::JoinHandle<()>>,
}

impl Telling {
    /// Opens every sink of the settings. Connects to none yet. Needs a running tokio.
    pub(super) fn open(current: &Current, metrics: &Arc<Metrics>) -> Result<Self, CommandError> {
        let sinks = Sinks::open(current, metrics)?;
        Ok(Self { sinks: Mutex::new(sinks), metrics: Arc::clone(metrics), chronicle: tokio::sync::Mutex::default() })
    }

    /// Opens the sinks anew when the settings about them, or the secrets that they name, are others than before. What is on its
    /// way to those before still arrives.
    pub(super) fn reopen(&self, current: &Current) -> Result<(), CommandError> {
        if identity(&current.get())? == self.sinks().identity {
            return Ok(());
        }
        let before = std::mem::replace(&mut *self.sinks(), Sinks::open(current, &self.metrics)?);
        tokio::spawn(before.close());
        Ok(())
    }

    fn sinks(&self) -> MutexGuard<'_, Sinks> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what a pass came to. Never waits for a sink.
    pub(super) async fn pass(&self, environment: &str, result: &PassResult, status: &StatusReport) {
        let mut chronicle = self.chronicle.lock().await;
        let sinks = self.sinks();
        for event in chronicle.of_pass(environment, result, SystemClock.now()) {
            sinks.outbox.send(&event);
        }
        // Of a standby nothing is wrong that the other agent would not tell.
        let stalls =
            status.conditions.iter().any(|condition| condition.kind == "Stalled" && condition.status == "True");
        let health = Health { is_out_of_sync: status.sync != SyncState::Synced, stalls };
        sinks.health.send_replace(if status.standby { Health::default() } else { health });
    }

    /// Tells that this agent acts now, or no longer.
    pub(super) fn lease(&self, environment: &str, held: bool) {
        self.sinks().outbox.send(&lease_event(environment, held, SystemClock.now()));
    }

    /// Lets what is on its way arrive, for a moment.
    pub(super) async fn close(self) {
        self.sinks.into_inner().unwrap_or_else(PoisonError::into_inner).close().await;
    }
}

impl Sinks {
    fn open(current: &Current, metrics: &Arc<Metrics>) -> Result<Self, CommandError> {
        let settings = current.get();
        let identity = identity(&settings)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut sinks: Vec<Arc<dyn EventSink>> = Vec::new();
        if let Some(topic) = &settings.events.topic {
            sinks.push(Arc::new(KafkaEvents::new(topic.to_string(), current.properties()?)));
        }
        if let Some(webhook) = &settings.events.webhook {
            sinks.push(Arc::new(open_webhook(webhook)?));
        }
        let health = watch::Sender::new(Health::default());
        let alerts = match &settings.events.alertmanager {
            None => None,
            Some(alertmanager) => {
                let sink = Arc::new(Alertmanager::new(&alertmanager.url).map_err(unusable)?);
                let (environment, after) = (settings.environment.clone(), alertmanager.after);
                let told =
                    tell_alerts(sink, environment, after, health.subscribe(), Arc::clone(metrics), Arc::clone(&clock));
                Some(tokio::spawn(told))
            }
        };
        let outbox = Outbox::open(sinks, metrics, &clock);
        Ok(Self { identity, outbox, health, alerts })
    }

    async fn close(self) {
        if let Some(alerts) = self.alerts {
            alerts.abort();
        }
        self.outbox.close().await;
    }
}

/// A digest of what the settings say about sinks, and of the secrets that they name.
fn identity(settings: &AgentSettings) -> Result<String, CommandError> {
    let EventSettings { topic, webhook, alertmanager } = &settings.events;
    let mut words = format!("{topic:?}");
    if let Some(AlertmanagerSettings { url, after }) = alertmanager {
        words.push_str(&format!(" {url:?} {after:?}"));
    }
    let mut parts = vec![digest::sha256(words)];
    if let Some(webhook) = webhook {
        parts.push(format!("{:?}", webhook.format));
        parts.push(digest::sha256(webhook.url.expose()));
        parts.extend(webhook_secret(webhook)?.map(|secret| digest::sha256(secret.expose())));
    }
    Ok(parts.join(" "))
}

fn webhook_secret(webhook: &WebhookSettings) -> Result<Option<Secret>, CommandError> {
    let read = |path: &std::path::Path| {
        secrets::read(surroundings(), path)
            .map_err(|error| CommandError::usage(format!("failed to read `{}`", path.display())).because(error))
    };
    webhook.secret_file.as_deref().map(read).transpose()
}

fn open_webhook(webhook: &WebhookSettings) -> Result<Webhook, CommandError> {
    let secret = webhook_secret(webhook)?;
    let format = match webhook.format {
        WebhookFormat::Generic => messaging::WebhookFormat::Generic(secret),
        WebhookFormat::Slack => messaging::WebhookFormat::Slack,
    };
    Webhook::new(&webhook.url, format).map_err(unusable)
}

fn unusable(error: SinkError) -> CommandError {
    CommandError::usage(format!("the setting `events` cannot be used: {}", error.message))
}
