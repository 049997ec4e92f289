//! The parts of the settings that are about other services: the forge, who is told of what happens, and the lease.

use std::time::Duration;

use super::reader::{Reader, Section};
use super::settings::{
    AlertmanagerSettings, EventSettings, ForgeLogin, ForgeSettings, ForgeType, LeaseSettings, WebhookFormat,
    WebhookSettings,
};
use super::values;
use crate::domain::names::TopicName;
use crate::domain::secret::Secret;

const FORGE: &[&str] = &["type", "apiUrl", "repository", "tokenFile", "app", "interval", "forks", "label"];

/// Kafka makes this topic itself as soon as there is a consumer group.
const TOPIC_OF_EVERY_CLUSTER: &str = "__consumer_offsets";

/// Reads where pull requests are.
pub(super) fn forge(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<ForgeSettings> {
    let section = reader.subsection(root, "forge", FORGE)?;
    for (key, help) in [("type", "one of `github`, `gitlab`, `gitea`"), ("repository", "as in `organisation/name`")] {
        reader.needs(&section, key, help);
    }
    let types = [("github", ForgeType::GitHub), ("gitlab", ForgeType::GitLab), ("gitea", ForgeType::Gitea)];
    let forge_type = reader.choice(&section, "type", &types);
    let api_url = reader.parsed(&section, "apiUrl", values::http_url);
    if forge_type == Some(ForgeType::Gitea) {
        let help = "Gitea has no public address: give your server's, as in `https://git.example.org/api/v1`";
        reader.needs(&section, "apiUrl", help);
    }
    let repository = reader.parsed(&section, "repository", values::forge_repository);
    let login = forge_login(reader, &section, forge_type);
    let interval = reader.parsed(&section, "interval", values::interval).unwrap_or(Duration::from_secs(30));
    let forks = reader.parsed(&section, "forks", values::boolean).unwrap_or(false);
    let label = reader.string(&section, "label").unwrap_or_else(|| "driftless/plan".to_owned());
    Some(ForgeSettings {
        forge_type: forge_type?,
        api_url,
        repository: repository?,
        login: login?,
        interval,
        forks,
        label,
    })
}

fn forge_login(reader: &mut Reader<'_>, forge: &Section<'_>, forge_type: Option<ForgeType>) -> Option<ForgeLogin> {
    let token_file = reader.path(forge, "tokenFile");
    let Some(app) = reader.subsection(forge, "app", &["id", "installationId", "privateKeyFile"]) else {
        reader.needs(
            forge,
            "tokenFile",
            "give the file with a token that may read pull requests, comment and set statuses",
        );
        return token_file.map(ForgeLogin::TokenFile);
    };
    let location = reader.place(forge, "app");
    if forge.get("tokenFile").is_some() {
        let message = "`forge.tokenFile` and `forge.app` exclude each other".to_owned();
        reader.error("conflicting-settings", location, message, None);
    } else if forge_type.is_some_and(|forge_type| forge_type != ForgeType::GitHub) {
        let help = "give `tokenFile`".to_owned();
        reader.error("conflicting-settings", location, "only GitHub has apps".to_owned(), Some(help));
    }
    for (key, help) in [("id", "the app's id"), ("privateKeyFile", "the file with the app's private key")] {
        reader.needs(&app, key, help);
    }
    let number = |raw: &str| raw.parse::<u64>().map_err(|_| "is not a number".to_owned());
    let installation_id = reader.parsed(&app, "installationId", number);
    let (id, private_key_file) = (reader.string(&app, "id"), reader.path(&app, "privateKeyFile"));
    Some(ForgeLogin::App { id: id?, installation_id, private_key_file: private_key_file? })
}

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
    reader.needs(&section, "url", "give the address that takes events");
    // Slack's addresses are secrets, so what stands there is never shown.
    let url = reader.string(&section, "url").and_then(|raw| match values::http_url(&raw) {
        Ok(url) => Some(Secret::new(url)),
        Err(problem) => {
            let location = reader.place(&section, "url");
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
    reader.needs(&section, "url", "give Alertmanager's address, as in `http://alertmanager:9093`");
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
