//! The parts of the settings that are about other services: who is told of what happens, and the lease.

use std::time::Duration;

use super::reader::{Reader, Section};
use super::settings::{AlertmanagerSettings, EventSettings, LeaseSettings, WebhookFormat, WebhookSettings};
use super::values;
use crate::domain::diagnostic::Location;
use crate::domain::names::TopicName;
use crate::domain::secret::Secret;

/// Kafka makes this topic itself as soon as there is a consumer group.
const TOPIC_OF_EVERY_CLUSTER: &str = "__consumer_offsets";

/// Reads who is told of what happens.
pub(super) fn events(reader: &mut Reader<'_>, root: &Section<'_>) -> EventSettings {
    let Some(section) = reader.subsection(root, "events", &["topic", "webhook", "alertmanager"]) else {
        return EventSettings::default();
    };
    if section.entries().is_empty() {
        reader.missing(&section, "topic", "name the topic for events, or give `webhook` or `alertmanager`");
    }
    EventSettings {
        topic: reader.parsed(&section, "topic", values::topic),
        webhook: webhook(reader, &section),
        alertmanager: alertmanager(reader, &section),
    }
}

fn webhook(reader: &mut Reader<'_>, events: &Section<'_>) -> Option<WebhookSettings> {
    let section = reader.subsection(events, "webhook", &["url", "format", "secretFile"])?;
    if section.get("url").is_none() {
        reader.missing(&section, "url", "give the address that takes events");
    }
    // Slack's addresses are secrets, so what stands there is never shown.
    let url = reader.string(&section, "url").and_then(|raw| match values::http_url(&raw) {
        Ok(url) => Some(Secret::new(url)),
        Err(problem) => {
            let location = section.get("url").map_or_else(|| Location::new(reader.file, 1, 1), |node| reader.at(node));
            reader.error("invalid-setting", location, format!("`events.webhook.url` {problem}"), None);
            None
        }
    });
    let formats = [("generic", WebhookFormat::Generic), ("slack", WebhookFormat::Slack)];
    let format = reader.choice(&section, "format", &formats).unwrap_or_default();
    let secret_file = reader.path(&section, "secretFile");
    if let (WebhookFormat::Slack, Some(node)) = (format, section.get("secretFile")) {
        let message = "`events.webhook.secretFile` signs nothing for Slack, which checks no signature".to_owned();
        reader.error("conflicting-settings", reader.at(node), message, None);
    }
    Some(WebhookSettings { url: url?, format, secret_file })
}

fn alertmanager(reader: &mut Reader<'_>, events: &Section<'_>) -> Option<AlertmanagerSettings> {
    let section = reader.subsection(events, "alertmanager", &["url", "after"])?;
    if section.get("url").is_none() {
        reader.missing(&section, "url", "give Alertmanager's address, as in `http://alertmanager:9093`");
    }
    let url = reader.parsed(&section, "url", values::http_url);
    let after = reader.parsed(&section, "after", values::interval).unwrap_or(Duration::from_secs(15 * 60));
    Some(AlertmanagerSettings { url: url?, after })
}

/// Reads how several agents choose one of them.
pub(super) fn lease(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<LeaseSettings> {
    let section = reader.subsection(root, "lease", &["group", "topic", "file"])?;
    let topic = reader.parsed(&section, "topic", values::topic);
    let group = reader.parsed(&section, "group", values::group);
    let file = reader.path(&section, "file").map(LeaseSettings::File);
    match (section.get("group"), section.get("file")) {
        (None, None) => {
            reader.missing(&section, "group", "name the consumer group, or give a `file` to lock");
            None
        }
        (Some(_), Some(node)) => {
            let location = reader.at(node);
            let message = "`lease.group` and `lease.file` exclude each other".to_owned();
            reader.error("conflicting-settings", location, message, None);
            None
        }
        (None, Some(_)) => file,
        (Some(_), None) => {
            let topic = topic.or_else(|| TopicName::parse(TOPIC_OF_EVERY_CLUSTER).ok())?;
            Some(LeaseSettings::Group { group: group?, topic })
        }
    }
}
