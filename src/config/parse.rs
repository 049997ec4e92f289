//! Text to settings: one pass over the whole file, in the order in which people write it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::reader::{Reader, Section};
use super::services::{events, forge, lease};
use super::settings::{
    AgentSettings, ApplyMode, ApplySettings, ClusterAccess, ClusterSettings, DriftSettings, GitAuthentication,
    HttpSettings, HttpTlsSettings, LeaseSettings, ReportSettings, RepositoryUrl, RuleSettings, SecretSettings,
    SourceSettings, VerifyMode, VerifySettings,
};
use super::substitute::{Surroundings, resolve};
use super::{tree, values};
use crate::domain::API_VERSION;
use crate::domain::diagnostic::{Diagnostic, Location};
use crate::domain::secret::Secret;

const ROOT: &[&str] = &[
    "apiVersion",
    "kind",
    "environment",
    "source",
    "cluster",
    "apply",
    "drift",
    "secrets",
    "rules",
    "report",
    "forge",
    "events",
    "lease",
    "http",
    "stateDirectory",
];
const SOURCE: &[&str] = &["url", "branch", "path", "interval", "auth", "verify", "acceptRevision"];
const GIT_AUTH: &[&str] =
    &["sshKeyFile", "sshKeyPassphraseFile", "knownHostsFile", "username", "passwordFile", "caFile"];
const CLUSTER: &[&str] = &["propertiesFile", "properties", "sandbox", "clusterId"];
const APPLY: &[&str] = &["mode", "correctDrift", "prune", "maxDeletions", "timeout"];
const DRIFT: &[&str] = &["schedule", "timeZone", "confirmations"];
const REPORT: &[&str] = &["url", "branch", "author", "signingKeyFile", "auth"];
const HTTP: &[&str] = &["listen", "tokenFile", "tls", "allowedHosts", "webhookSecretFile"];

/// Reads settings from text. `file` is shown in the places of problems; relative paths start at `directory`.
pub fn parse(
    text: &str,
    file: &str,
    directory: &Path,
    surroundings: Surroundings<'_>,
) -> Result<AgentSettings, Vec<Diagnostic>> {
    let mut reader = Reader { file, directory, surroundings, diagnostics: Vec::new(), files: BTreeSet::new() };
    let settings = match tree::parse(text) {
        Ok(node) => reader.section(&node, "", ROOT).and_then(|root| agent(&mut reader, &root)),
        Err(problem) => {
            let location = Location::new(file, problem.line, problem.column);
            reader.error("invalid-settings-yaml", location, problem.message, None);
            None
        }
    };
    let mut diagnostics = reader.diagnostics;
    match settings {
        Some(settings) if diagnostics.is_empty() => Ok(settings),
        Some(_) | None => {
            diagnostics.sort();
            Err(diagnostics)
        }
    }
}

fn agent(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<AgentSettings> {
    header(reader, root);
    let environment = reader.parsed(root, "environment", values::environment);
    reader.needs(
        root,
        "environment",
        "name an environment of the repository's `driftless.yaml`, as in `environment: prod`",
    );
    let source = source(reader, root);
    let cluster = cluster(reader, root);
    let apply = apply(reader, root);
    let drift = drift(reader, root);
    let secrets = secrets(reader, root);
    let rules = rules(reader, root);
    let report = report(reader, root, environment.as_deref().unwrap_or_default());
    let forge = forge(reader, root);
    let events = events(reader, root);
    let lease = lease(reader, root);
    if let (Some(LeaseSettings::Group { .. }), Some(ClusterSettings { access: ClusterAccess::Sandbox(_), .. })) =
        (&lease, &cluster)
        && let Some(node) = root.get("lease")
    {
        let message = "`lease.group` needs a Kafka cluster, and `cluster.sandbox` is a directory".to_owned();
        reader.error("conflicting-settings", reader.at(node), message, Some("use `lease.file`".to_owned()));
    }
    if let (Some(_), Some(ClusterSettings { access: ClusterAccess::Sandbox(_), .. })) = (&events.topic, &cluster)
        && let Some(node) = root.get("events")
    {
        let message = "`events.topic` needs a Kafka cluster, and `cluster.sandbox` is a directory".to_owned();
        reader.error("conflicting-settings", reader.at(node), message, None);
    }
    let http = http(reader, root);
    let state_directory = reader.path(root, "stateDirectory");
    let (source, report) = (source?, report?);
    if report.url.is_none() && report.branch == source.branch {
        let location = reader.place(root, "report");
        let message = format!("`report.branch` is `{}`, which is the branch of the manifests", report.branch);
        reader.error("conflicting-settings", location, message, None);
    }
    Some(AgentSettings {
        environment: environment?,
        source,
        cluster: cluster?,
        apply,
        drift,
        secrets,
        rules,
        report,
        forge,
        events,
        lease,
        http,
        state_directory,
        files: std::mem::take(&mut reader.files),
    })
}

fn header(reader: &mut Reader<'_>, root: &Section<'_>) {
    for (key, expected) in [("apiVersion", API_VERSION), ("kind", "Agent")] {
        reader.needs(root, key, &format!("settings start with `{key}: {expected}`"));
        let _: Option<()> =
            reader.parsed(root, key, |raw| if raw == expected { Ok(()) } else { Err(format!("must be `{expected}`")) });
    }
}

fn source(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<SourceSettings> {
    reader.needs(
        root,
        "source",
        "say where the config repository is, as in `source: {url: \"ssh://git@host/kafka.git\"}`",
    );
    let section = reader.subsection(root, "source", SOURCE)?;
    reader.needs(&section, "url", "say where the config repository is: an address or a directory");
    let url = repository_url(reader, &section, "url");
    let branch = reader.parsed(&section, "branch", values::branch).unwrap_or_else(|| "main".to_owned());
    let path = reader.parsed(&section, "path", inside_repository).unwrap_or_else(|| ".".to_owned());
    let interval = reader.parsed(&section, "interval", values::interval).unwrap_or(Duration::from_secs(60));
    let auth = authentication(reader, &section).unwrap_or_default();
    let verify = verify(reader, &section);
    let accept_revision = reader.parsed(&section, "acceptRevision", values::commit);
    Some(SourceSettings { url: url?, branch, path, interval, auth, verify, accept_revision })
}

/// Reads the `auth` of a repository.
fn authentication(reader: &mut Reader<'_>, repository: &Section<'_>) -> Option<GitAuthentication> {
    let auth = reader.subsection(repository, "auth", GIT_AUTH)?;
    Some(GitAuthentication {
        ssh_key_file: reader.path(&auth, "sshKeyFile"),
        ssh_key_passphrase_file: reader.path(&auth, "sshKeyPassphraseFile"),
        known_hosts_file: reader.path(&auth, "knownHostsFile"),
        username: reader.string(&auth, "username"),
        password_file: reader.path(&auth, "passwordFile"),
        ca_file: reader.path(&auth, "caFile"),
    })
}

fn verify(reader: &mut Reader<'_>, source: &Section<'_>) -> VerifySettings {
    let Some(section) = reader.subsection(source, "verify", &["mode", "keys"]) else {
        return VerifySettings::default();
    };
    let modes = [("none", VerifyMode::None), ("head", VerifyMode::Head), ("every-commit", VerifyMode::EveryCommit)];
    let mode = reader.choice(&section, "mode", &modes).unwrap_or_default();
    let keys: Vec<_> = reader.list(&section, "keys").iter().map(|key| resolve(reader.directory, key)).collect();
    reader.files.extend(keys.iter().cloned());
    if mode != VerifyMode::None && section.get("keys").is_none() {
        reader.missing(&section, "keys", "name the files or directories with the public keys that are trusted");
    }
    VerifySettings { mode, keys }
}

/// Reads an address; what is neither a URL nor `user@host:path` is a directory, relative to the settings file.
fn repository_url(reader: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Option<RepositoryUrl> {
    let directory = reader.directory;
    let text = reader.string(section, key)?;
    let scp = text.split_once(':').is_some_and(|(host, _)| !host.is_empty() && !host.contains('/'));
    let url = if text.contains("://") || scp { text } else { resolve(directory, &text).display().to_string() };
    Some(RepositoryUrl::new(url))
}

fn inside_repository(raw: &str) -> Result<String, String> {
    let parts: Vec<&str> = raw.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if raw.starts_with('/') || parts.contains(&"..") {
        return Err("leads out of the repository".to_owned());
    }
    Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

fn cluster(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<ClusterSettings> {
    let help = "give one of `propertiesFile`, `properties` and `sandbox`";
    reader.needs(root, "cluster", help);
    let section = reader.subsection(root, "cluster", CLUSTER)?;
    let ways = ["propertiesFile", "properties", "sandbox"];
    let given: Vec<&str> = ways.into_iter().filter(|way| section.get(way).is_some()).collect();
    match given.as_slice() {
        [] => {
            let message = "`cluster` does not say where the cluster is".to_owned();
            let location = reader.place(root, "cluster");
            reader.error("missing-setting", location, message, Some(help.to_owned()));
        }
        [_] => {}
        [_, second, ..] => {
            let location = reader.place(&section, second);
            let names = given.iter().map(|way| format!("`cluster.{way}`")).collect::<Vec<_>>().join(" and ");
            reader.error(
                "conflicting-settings",
                location,
                format!("{names} exclude each other"),
                Some(help.to_owned()),
            );
        }
    }
    let file = reader.path(&section, "propertiesFile").map(ClusterAccess::PropertiesFile);
    let properties = properties(reader, &section).map(ClusterAccess::Properties);
    let sandbox = reader.path(&section, "sandbox").map(ClusterAccess::Sandbox);
    let cluster_id = reader.string(&section, "clusterId");
    Some(ClusterSettings { access: file.or(properties).or(sandbox)?, cluster_id })
}

fn properties(reader: &mut Reader<'_>, cluster: &Section<'_>) -> Option<BTreeMap<String, Secret>> {
    let section = reader.subsection(cluster, "properties", &[])?;
    let mut properties = BTreeMap::new();
    for entry in section.entries() {
        if let Some(value) = reader.text(&entry.value, &section.name(&entry.key)) {
            properties.insert(entry.key.clone(), Secret::new(value));
        }
    }
    if !section.entries().iter().any(|entry| entry.key == "bootstrap.servers") {
        reader.missing(
            &section,
            "bootstrap.servers",
            "say where the brokers are, as in `bootstrap.servers: host:9092`",
        );
    }
    Some(properties)
}

fn apply(reader: &mut Reader<'_>, root: &Section<'_>) -> ApplySettings {
    let mut settings = ApplySettings {
        mode: ApplyMode::Apply,
        correct_drift: false,
        prune: false,
        max_deletions: 0,
        timeout: Duration::from_secs(600),
    };
    let Some(section) = reader.subsection(root, "apply", APPLY) else { return settings };
    let modes = [("observe", ApplyMode::Observe), ("apply", ApplyMode::Apply)];
    settings.mode = reader.choice(&section, "mode", &modes).unwrap_or(settings.mode);
    settings.correct_drift = reader.parsed(&section, "correctDrift", values::boolean).unwrap_or(settings.correct_drift);
    settings.prune = reader.parsed(&section, "prune", values::boolean).unwrap_or(settings.prune);
    settings.max_deletions = reader.parsed(&section, "maxDeletions", values::count).unwrap_or(settings.max_deletions);
    settings.timeout = reader.parsed(&section, "timeout", values::duration).unwrap_or(settings.timeout);
    settings
}

fn drift(reader: &mut Reader<'_>, root: &Section<'_>) -> DriftSettings {
    let mut settings =
        DriftSettings { schedule: "0 */10 * * * *".to_owned(), time_zone: chrono_tz::Tz::UTC, confirmations: 2 };
    let Some(section) = reader.subsection(root, "drift", DRIFT) else { return settings };
    settings.schedule = reader.parsed(&section, "schedule", values::schedule).unwrap_or(settings.schedule);
    settings.time_zone = reader.parsed(&section, "timeZone", values::time_zone).unwrap_or(settings.time_zone);
    let confirmations = reader.parsed(&section, "confirmations", values::confirmations);
    settings.confirmations = confirmations.unwrap_or(settings.confirmations);
    settings
}

fn secrets(reader: &mut Reader<'_>, root: &Section<'_>) -> SecretSettings {
    match reader.subsection(root, "secrets", &["directory", "ageIdentityFile"]) {
        Some(section) => {
            let directory = reader.path(&section, "directory");
            reader.files.extend(directory.clone());
            SecretSettings { directory, age_identity_file: reader.path(&section, "ageIdentityFile") }
        }
        None => SecretSettings::default(),
    }
}

fn rules(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<RuleSettings> {
    let section = reader.subsection(root, "rules", &["directory", "reloadUrl", "ruler"])?;
    let directory = reader.path(&section, "directory");
    let reload_url = reader.parsed(&section, "reloadUrl", values::http_url);
    let ruler = reader.subsection(&section, "ruler", &["url", "tenant", "tokenFile"]);
    match (section.get("directory"), section.get("ruler")) {
        (None, None) => {
            reader.missing(&section, "directory", "give the directory that Prometheus loads, or `ruler`");
            return None;
        }
        (Some(_), Some(node)) => {
            let location = reader.at(node);
            let message = "`rules.directory` and `rules.ruler` exclude each other".to_owned();
            reader.error("conflicting-settings", location, message, None);
            return None;
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    if let Some(ruler) = ruler {
        reader.needs(&ruler, "url", "give the ruler's address");
        return Some(RuleSettings::Ruler {
            url: reader.parsed(&ruler, "url", values::http_url)?,
            tenant: reader.string(&ruler, "tenant"),
            token_file: reader.path(&ruler, "tokenFile"),
        });
    }
    Some(RuleSettings::Directory { directory: directory?, reload_url })
}

fn report(reader: &mut Reader<'_>, root: &Section<'_>, environment: &str) -> Option<ReportSettings> {
    let default = format!("driftless/{environment}");
    let Some(section) = reader.subsection(root, "report", REPORT) else {
        return Some(ReportSettings {
            url: None,
            branch: default,
            author_name: None,
            author_email: None,
            signing_key_file: None,
            auth: None,
        });
    };
    let named = |raw: &str| values::branch(&raw.replace("{environment}", environment));
    let branch = reader.parsed(&section, "branch", named).unwrap_or(default);
    let url = repository_url(reader, &section, "url");
    let author = reader.subsection(&section, "author", &["name", "email"]);
    Some(ReportSettings {
        url,
        branch,
        author_name: author.as_ref().and_then(|author| reader.string(author, "name")),
        author_email: author.as_ref().and_then(|author| reader.string(author, "email")),
        signing_key_file: reader.path(&section, "signingKeyFile"),
        auth: authentication(reader, &section),
    })
}

fn http(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<HttpSettings> {
    let section = reader.subsection(root, "http", HTTP)?;
    reader.needs(&section, "listen", "give the address, as in `127.0.0.1:8080`");
    let listen = reader.parsed(&section, "listen", values::listen);
    let token_file = reader.path(&section, "tokenFile");
    let tls = http_tls(reader, &section);
    let allowed_hosts = reader.list(&section, "allowedHosts");
    let webhook_secret_file = reader.path(&section, "webhookSecretFile");
    let listen = listen?;
    // A `tls` with problems of its own is not said to have no login too.
    let takes_certificates = tls.as_ref().map_or(section.get("tls").is_some(), |tls| tls.client_ca_file.is_some());
    let has_login = section.get("tokenFile").is_some() || takes_certificates;
    if !listen.ip().is_loopback() && !has_login {
        let location = reader.place(&section, "listen");
        let message = format!("`http.listen` is `{listen}`, which others can reach, and there is no login");
        let help =
            "set `http.tokenFile`, or `http.tls` with `clientCaFile`, or listen on loopback as in `127.0.0.1:8080`";
        reader.error("invalid-setting", location, message, Some(help.to_owned()));
    }
    Some(HttpSettings { listen, token_file, tls, allowed_hosts, webhook_secret_file })
}

fn http_tls(reader: &mut Reader<'_>, http: &Section<'_>) -> Option<HttpTlsSettings> {
    let section = reader.subsection(http, "tls", &["certificateFile", "keyFile", "clientCaFile"])?;
    for (key, help) in [("certificateFile", "name the server's certificate in PEM form"), ("keyFile", "name its key")] {
        reader.needs(&section, key, help);
    }
    let certificate_file = reader.path(&section, "certificateFile");
    let key_file = reader.path(&section, "keyFile");
    let client_ca_file = reader.path(&section, "clientCaFile");
    Some(HttpTlsSettings { certificate_file: certificate_file?, key_file: key_file?, client_ca_file })
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
