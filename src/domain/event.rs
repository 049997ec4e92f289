//! Something that happened, as CloudEvents 1.0 tells it (<https://github.com/cloudevents/spec>, version 1.0.2, JSON format).

use jiff::Timestamp;
use serde::Serialize;

/// What happened. The words are part of the interface: `docs/reference/events.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// A plan was made that is another than the one before.
    Plan,
    /// Something was applied, or was tried.
    Apply,
    /// What drifted is another set than before.
    Drift,
    /// Policy refuses a plan.
    PolicyDenied,
    /// An agent began or ceased to act.
    Lease,
}

impl EventKind {
    /// Returns the `type` of the event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "dev.driftless.plan.v1",
            Self::Apply => "dev.driftless.apply.v1",
            Self::Drift => "dev.driftless.drift.v1",
            Self::PolicyDenied => "dev.driftless.policy.denied.v1",
            Self::Lease => "dev.driftless.lease.v1",
        }
    }
}

/// Something that happened. Holds no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Unique among the events of one source.
    pub id: String,
    /// What happened.
    pub kind: EventKind,
    /// The environment: source and subject are made of it.
    pub environment: String,
    /// When.
    pub time: Timestamp,
    /// In one line, for people.
    pub summary: String,
    /// What programs want to know.
    pub data: serde_json::Value,
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'a str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a str,
    time: String,
    datacontenttype: &'a str,
    data: &'a serde_json::Value,
}

impl Event {
    /// Writes the event in the JSON format of CloudEvents.
    pub fn cloud_event(&self) -> String {
        let event = CloudEvent {
            specversion: "1.0",
            id: &self.id,
            source: format!("/driftless/{}", self.environment),
            kind: self.kind.as_str(),
            subject: &self.environment,
            time: self.time.to_string(),
            datacontenttype: "application/json",
            data: &self.data,
        };
        serde_json::to_string(&event).expect("texts and JSON are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_every_attribute_that_cloudevents_require() {
        let event = Event {
            id: "1".to_owned(),
            kind: EventKind::Lease,
            environment: "prod".to_owned(),
            time: "2026-06-01T12:00:00Z".parse().expect("a time"),
            summary: "So.".to_owned(),
            data: serde_json::json!({"held": true}),
        };
        assert_eq!(
            event.cloud_event(),
            r#"{"specversion":"1.0","id":"1","source":"/driftless/prod","type":"dev.driftless.lease.v1","subject":"prod","time":"2026-06-01T12:00:00Z","datacontenttype":"application/json","data":{"held":true}}"#
        );
    }
}
