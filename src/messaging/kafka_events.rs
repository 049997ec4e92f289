//! Events as records of a topic.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use super::ReadProperties;
use crate::domain::event::Event;
use crate::ports::{EventSink, SinkError};

/// How long librdkafka tries to deliver one record.
const DELIVERY: Duration = Duration::from_secs(30);
/// How long to wait for its verdict, which comes after that time at the latest.
const VERDICT: Duration = Duration::from_secs(35);

/// Events as records of a topic: the environment is the key, the value is the event in the JSON format of CloudEvents (the
/// structured mode of their Kafka binding). The topic must exist; it is never made.
pub struct KafkaEvents {
    topic: String,
    properties: Mutex<ReadProperties>,
}

impl KafkaEvents {
    /// Prepares the sink; connects with the first event.
    pub fn new(topic: String, properties: ReadProperties) -> Self {
        Self { topic, properties: Mutex::new(properties) }
    }

    /// Returns the settings of a producer, with the credentials as they are now.
    fn settings(&self) -> Result<ClientConfig, SinkError> {
        let properties = self.properties.lock().unwrap_or_else(PoisonError::into_inner)()
            .map_err(|message| SinkError { message, is_retryable: true })?;
        let mut config = ClientConfig::new();
        for (key, value) in properties {
            config.set(key, String::from_utf8_lossy(value.expose()));
        }
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("allow.auto.create.topics", "false")
            .set("message.timeout.ms", DELIVERY.as_millis().to_string())
            .set("linger.ms", "0")
            .set("log.connection.close", "false");
        Ok(config)
    }
}

/// Delivers one record, by a producer of its own: events are rare, and between them a producer would hold threads and connections, and
/// need a processor ten times a second.
fn produce(settings: &ClientConfig, topic: &str, event: &Event) -> Result<(), KafkaError> {
    let producer: BaseProducer<Delivery> = settings.create_with_context(Delivery::default())?;
    let value = event.cloud_event();
    let kind = Header { key: "content-type", value: Some("application/cloudevents+json; charset=UTF-8") };
    let record =
        BaseRecord::to(topic).key(event.environment.as_str()).payload(&value).headers(OwnedHeaders::new().insert(kind));
    producer.send(record).map_err(|(error, _)| error)?;
    producer.flush(VERDICT)?;
    let verdict = producer.context().verdict.lock().unwrap_or_else(PoisonError::into_inner).take();
    verdict.unwrap_or(Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut)))
}

#[async_trait]
impl EventSink for KafkaEvents {
    fn name(&self) -> &'static str {
        "topic"
    }

    async fn deliver(&self, event: &Event) -> Result<(), SinkError> {
        let (settings, topic, event) = (self.settings()?, self.topic.clone(), event.clone());
        let produced = tokio::task::spawn_blocking(move || produce(&settings, &topic, &event)).await;
        produced.unwrap_or_else(|stopped| std::panic::resume_unwind(stopped.into_panic())).map_err(|error| {
            let never = matches!(
                error.rdkafka_error_code(),
                Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessage)
            );
            let message = format!("failed to write to the topic `{}`: {error}", self.topic);
            SinkError { message, is_retryable: !never }
        })
    }
}

/// Takes down what became of the record, and keeps librdkafka's own lines at the level of details.
#[derive(Default)]
struct Delivery {
    verdict: Mutex<Option<Result<(), KafkaError>>>,
}

impl ClientContext for Delivery {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(problem = %error, reason, "librdkafka");
    }
}

impl ProducerContext for Delivery {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let verdict = result.as_ref().map(|_| ()).map_err(|(error, _)| error.clone());
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
    }
}
