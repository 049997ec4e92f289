//! Events as records of a topic.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::ReadProperties;
use crate::domain::event::Event;
use crate::ports::{EventSink, SinkError};

/// How long librdkafka tries to deliver one record.
const DELIVERY: Duration = Duration::from_secs(30);

/// Events as records of a topic: the environment is the key, the value is the event in the JSON format of CloudEvents (the
/// structured mode of their Kafka binding). The topic must exist; it is never made.
pub struct KafkaEvents {
    topic: String,
    properties: Mutex<ReadProperties>,
    producer: Mutex<Option<FutureProducer<Quiet>>>,
}

impl KafkaEvents {
    /// Prepares the producer; connects with the first event.
    pub fn new(topic: String, properties: ReadProperties) -> Self {
        Self { topic, properties: Mutex::new(properties), producer: Mutex::new(None) }
    }

    fn producer(&self) -> Result<FutureProducer<Quiet>, SinkError> {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(producer) = producer.as_ref() {
            return Ok(producer.clone());
        }
        let failed = |message: String| SinkError { message, is_retryable: true };
        let properties = self.properties.lock().unwrap_or_else(PoisonError::into_inner)().map_err(failed)?;
        let mut config = ClientConfig::new();
        for (key, value) in properties {
            config.set(key, String::from_utf8_lossy(value.expose()));
        }
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("allow.auto.create.topics", "false")
            .set("message.timeout.ms", DELIVERY.as_millis().to_string())
            .set("queue.buffering.max.messages", "1000")
            .set("linger.ms", "5")
            .set("log.connection.close", "false");
        let made: FutureProducer<Quiet> = config
            .create_with_context(Quiet)
            .map_err(|error| failed(format!("failed to set up the producer: {error}")))?;
        *producer = Some(made.clone());
        Ok(made)
    }
}

#[async_trait]
impl EventSink for KafkaEvents {
    fn name(&self) -> &'static str {
        "topic"
    }

    async fn deliver(&self, event: &Event) -> Result<(), SinkError> {
        let producer = self.producer()?;
        let value = event.cloud_event();
        let kind = Header { key: "content-type", value: Some("application/cloudevents+json; charset=UTF-8") };
        let record = FutureRecord::to(&self.topic)
            .key(event.environment.as_str())
            .payload(&value)
            .headers(OwnedHeaders::new().insert(kind));
        match producer.send(record, Duration::ZERO).await {
            Ok(_) => Ok(()),
            Err((error, _)) => {
                // The next try begins with the credentials as they are then.
                self.producer.lock().unwrap_or_else(PoisonError::into_inner).take();
                let never = matches!(
                    error.rdkafka_error_code(),
                    Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessage)
                );
                Err(SinkError {
                    message: format!("failed to write to the topic `{}`: {error}", self.topic),
                    is_retryable: !never,
                })
            }
        }
    }
}

/// Keeps librdkafka's own lines at the level of details.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(problem = %error, reason, "librdkafka");
    }
}
