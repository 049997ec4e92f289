//! Opens who is told of what happens.

use std::sync::Arc;

use tokio::sync::watch;

use crate::agent::PassResult;
use crate::agent::metrics::Metrics;
use crate::agent::outbox::{Health, Outbox, tell_alerts};
use crate::agent::{Chronicle, lease_event};
use crate::cli::clock::SystemClock;
use crate::cli::cluster;
use crate::cli::error::CommandError;
use crate::cli::surroundings::surroundings;
use crate::config::secrets;
use crate::config::settings::{AgentSettings, WebhookFormat, WebhookSettings};
use crate::messaging::{self, Alertmanager, KafkaEvents, Webhook};
use crate::ports::{Clock, EventSink, SinkError};
use crate::report::status::{StatusReport, SyncState};

/// Who is told of what happens while an agent runs.
pub(super) struct Telling {
    outbox: Outbox,
    health: watch::Sender<Health>,
    alerts: Option<tokio::task::JoinHandle<()>>,
    chronicle: tokio::sync::Mutex<Chronicle>,
}

impl Telling {
    /// Opens every sink of the settings. Connects to none yet. Needs a running tokio.
    pub(super) fn open(settings: &AgentSettings, metrics: &Arc<Metrics>) -> Result<Self, CommandError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut sinks: Vec<Arc<dyn EventSink>> = Vec::new();
        if let Some(topic) = &settings.events.topic {
            let access = settings.cluster.access.clone();
            cluster::librdkafka(&access)?;
            let properties = Box::new(move || cluster::librdkafka(&access).map_err(|error| error.message().to_owned()));
            sinks.push(Arc::new(KafkaEvents::new(topic.to_string(), properties)));
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
        Ok(Self { outbox, health, alerts, chronicle: tokio::sync::Mutex::default() })
    }

    /// Tells what a pass came to. Never waits for a sink.
    pub(super) async fn pass(&self, environment: &str, result: &PassResult, status: &StatusReport) {
        let mut chronicle = self.chronicle.lock().await;
        for event in chronicle.of_pass(environment, result, SystemClock.now()) {
            self.outbox.send(&event);
        }
        // Of a standby nothing is wrong that the other agent would not tell.
        let stalls =
            status.conditions.iter().any(|condition| condition.kind == "Stalled" && condition.status == "True");
        let health = Health { is_out_of_sync: status.sync != SyncState::Synced, stalls };
        self.health.send_replace(if status.standby { Health::default() } else { health });
    }

    /// Tells that this agent acts now, or no longer.
    pub(super) fn lease(&self, environment: &str, held: bool) {
        self.outbox.send(&lease_event(environment, held, SystemClock.now()));
    }

    /// Lets what is on its way arrive, for a moment.
    pub(super) async fn close(self) {
        if let Some(alerts) = self.alerts {
            alerts.abort();
        }
        self.outbox.close().await;
    }
}

fn open_webhook(webhook: &WebhookSettings) -> Result<Webhook, CommandError> {
    let secret = webhook.secret_file.as_deref().map(|path| {
        secrets::read(surroundings(), path)
            .map_err(|error| CommandError::usage(format!("failed to read `{}`", path.display())).because(error))
    });
    let format = match webhook.format {
        WebhookFormat::Generic => messaging::WebhookFormat::Generic(secret.transpose()?),
        WebhookFormat::Slack => messaging::WebhookFormat::Slack,
    };
    Webhook::new(&webhook.url, format).map_err(unusable)
}

fn unusable(error: SinkError) -> CommandError {
    CommandError::usage(format!("the setting `events` cannot be used: {}", error.message))
}
