//! Prometheus' HTTP API: reload, and what it evaluates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode, Url};
use serde::Deserialize;

use super::error;
use crate::domain::duration;
use crate::domain::rule::{Rule, RuleGroup, RuleKind};
use crate::ports::RuleStoreError;

/// How often, and how long in between, it is asked whether a change is loaded: ten seconds together.
pub(super) const CONFIRM_TRIES: u32 = 40;
pub(super) const CONFIRM_PAUSE: Duration = Duration::from_millis(250);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// A reload reads all files and may start a lot.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(60);
const RELOAD_PATH: &str = "/-/reload";
/// So much of an answer that is not what it should be is shown.
const MAX_SHOWN: usize = 500;

/// How Prometheus answered to a reload.
pub(super) enum Reload {
    Done,
    /// Something that it reads is wrong; its own words. It keeps its old rules.
    Refused(String),
}

/// What Prometheus evaluates, by file and group.
pub(super) struct Loaded {
    files: BTreeMap<String, BTreeMap<String, RuleGroup>>,
    /// The evaluation interval of groups that set none; absent when Prometheus does not tell.
    pub(super) default_interval_ms: Option<u64>,
}

impl Loaded {
    /// The groups that it evaluates from that file. Prometheus may know the directory by another path, in a container
    /// for example, so without a file of the same path the only one of the same name is taken.
    pub(super) fn groups_of(&self, path: &Path) -> BTreeMap<String, RuleGroup> {
        let is_same_path = |file: &str| {
            Path::new(file) == path
                || path.canonicalize().is_ok_and(|path| Path::new(file).canonicalize().is_ok_and(|file| file == path))
        };
        let same_name: BTreeSet<&String> =
            self.files.keys().filter(|file| Path::new(file).file_name() == path.file_name()).collect();
        let same_path = same_name.iter().find(|file| is_same_path(file));
        let file = same_path.or(if same_name.len() == 1 { same_name.first() } else { None });
        file.and_then(|file| self.files.get(*file)).cloned().unwrap_or_default()
    }
}

pub(super) struct Api {
    client: Client,
    /// Ends with a slash.
    base: Url,
}

impl Api {
    pub(super) fn new(reload_url: &str) -> Result<Self, RuleStoreError> {
        let invalid = |reason: &str| {
            let hint = "It is Prometheus' own, such as `http://127.0.0.1:9090/-/reload`.";
            error(format!("the reload URL of the rules {reason}"), hint)
        };
        let url = Url::parse(reload_url).map_err(|cause| invalid(&format!("is not a URL: {cause}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("is neither http nor https"));
        }
        // The address of Prometheus itself will do too.
        let path = url.path().trim_end_matches('/');
        let prefix = path.strip_suffix(RELOAD_PATH).unwrap_or(path);
        if prefix.contains("/-/") {
            return Err(invalid("is another of Prometheus' own addresses"));
        }
        let mut base = url.clone();
        base.set_path(&format!("{prefix}/"));
        base.set_query(None);
        base.set_fragment(None);
        let is_loopback = matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let mut builder = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(READ_TIMEOUT);
        if is_loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|cause| invalid(&format!("cannot be used: {cause}")))?;
        Ok(Self { client, base })
    }

    pub(super) async fn reload(&self) -> Result<Reload, RuleStoreError> {
        let response = self.send(Method::POST, "-/reload", RELOAD_TIMEOUT).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Reload::Done);
        }
        let words = shorten(&response.text().await.unwrap_or_default());
        match status {
            StatusCode::INTERNAL_SERVER_ERROR => Ok(Reload::Refused(words)),
            StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => {
                let message = format!("Prometheus does not allow to be reloaded ({status}): {words}");
                Err(error(message, "Start Prometheus with `--web.enable-lifecycle`."))
            }
            _ => Err(error(format!("Prometheus answered {status} to a reload: {words}"), "")),
        }
    }

    /// Reads which rules Prometheus evaluates.
    pub(super) async fn loaded(&self) -> Result<Loaded, RuleStoreError> {
        let answer: Answer<RawRules> = self.get_json("api/v1/rules?exclude_alerts=true").await?;
        let mut files: BTreeMap<String, BTreeMap<String, RuleGroup>> = BTreeMap::new();
        for raw in answer.data.groups {
            let (file, name) = (raw.file.clone(), raw.name.clone());
            files.entry(file).or_default().insert(name, raw.into_group());
        }
        Ok(Loaded { files, default_interval_ms: self.default_interval().await })
    }

    async fn default_interval(&self) -> Option<u64> {
        let answer: Answer<RawConfig> = self.get_json("api/v1/status/config").await.ok()?;
        // Only this line is of interest, and it stands in `global`, which Prometheus prints first and in full.
        let line = answer.data.yaml.lines().find_map(|line| line.trim().strip_prefix("evaluation_interval:"))?;
        duration::parse_ms(line.trim()).ok()
    }

    /// Reads from the metrics whether the last reload was successful; `None` when they do not tell.
    pub(super) async fn last_reload_successful(&self) -> Option<bool> {
        let response = self.send(Method::GET, "metrics", READ_TIMEOUT).await.ok()?;
        let text = response.text().await.ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix("prometheus_config_last_reload_successful "))?;
        Some(value.trim() == "1")
    }

    async fn get_json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, RuleStoreError> {
        let response = self.send(Method::GET, path, READ_TIMEOUT).await?;
        let status = response.status();
        let body = response.text().await.map_err(|cause| self.unreachable(cause))?;
        let answer = if status.is_success() {
            serde_json::from_str(&body).map_err(|cause| cause.to_string())
        } else {
            Err(shorten(&body))
        };
        answer.map_err(|reason| {
            let message = format!("the answer of Prometheus to `{path}` cannot be used ({status}): {reason}");
            error(message, "Check that the reload URL is that of a Prometheus.")
        })
    }

    async fn send(&self, method: Method, path: &str, timeout: Duration) -> Result<Response, RuleStoreError> {
        let url = self.base.join(path).map_err(|cause| error(format!("`{path}` is not a path: {cause}"), ""))?;
        let request = self.client.request(method, url).timeout(timeout);
        request.send().await.map_err(|cause| self.unreachable(cause))
    }

    fn unreachable(&self, cause: reqwest::Error) -> RuleStoreError {
        let what = if cause.is_timeout() { "does not answer in time" } else { "cannot be reached" };
        let host = self.base.host_str().unwrap_or_default();
        let port = self.base.port_or_known_default().unwrap_or_default();
        // The URL may hold a password.
        let mut reason = cause.without_url().to_string();
        reason.truncate(reason.floor_char_boundary(MAX_SHOWN));
        error(
            format!("Prometheus at `{host}:{port}` {what}: {reason}"),
            "Check that Prometheus runs, and the reload URL.",
        )
    }
}

fn shorten(text: &str) -> String {
    let mut text = text.trim().replace('\n', "; ");
    text.truncate(text.floor_char_boundary(MAX_SHOWN));
    text
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct RawConfig {
    yaml: String,
}

#[derive(Deserialize)]
struct RawRules {
    groups: Vec<RawGroup>,
}

#[derive(Deserialize)]
struct RawGroup {
    name: String,
    file: String,
    /// Seconds.
    interval: f64,
    #[serde(default)]
    limit: u64,
    #[serde(default)]
    rules: Vec<RawRule>,
}

#[derive(Deserialize)]
struct RawRule {
    name: String,
    query: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(rename = "type")]
    kind: String,
    /// Seconds, as the next.
    #[serde(default)]
    duration: f64,
    #[serde(default, rename = "keepFiringFor")]
    keep_firing_for: f64,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

impl RawGroup {
    fn into_group(self) -> RuleGroup {
        RuleGroup {
            interval_ms: Some(milliseconds(self.interval)),
            query_offset_ms: None,
            limit: self.limit,
            labels: BTreeMap::new(),
            rules: self.rules.into_iter().map(RawRule::into_rule).collect(),
        }
    }
}

impl RawRule {
    fn into_rule(self) -> Rule {
        let kind = if self.kind == "alerting" {
            RuleKind::Alerting {
                alert: self.name,
                for_ms: milliseconds(self.duration),
                keep_firing_for_ms: milliseconds(self.keep_firing_for),
                annotations: self.annotations.unwrap_or_default(),
            }
        } else {
            RuleKind::Recording { record: self.name }
        };
        Rule { kind, expr: self.query, labels: self.labels.unwrap_or_default() }
    }
}

/// Prometheus gives whole milliseconds as fractions of seconds. The cast saturates, and takes NaN for zero.
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_found_from_the_reload_url() {
        let cases = [
            ("http://127.0.0.1:9090/-/reload", "http://127.0.0.1:9090/"),
            ("https://host/prometheus/-/reload", "https://host/prometheus/"),
            ("http://host:9090/-/reload/", "http://host:9090/"),
            ("http://host:9090", "http://host:9090/"),
            ("http://host/prometheus/", "http://host/prometheus/"),
        ];
        for (url, base) in cases {
            assert_eq!(Api::new(url).ok().map(|api| api.base.to_string()).as_deref(), Some(base));
        }
        for url in ["", "host:9090", "ftp://host/-/reload", "http://host/-/quit"] {
            assert!(Api::new(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_file_is_found_under_another_directory_only_when_it_is_the_only_one() {
        let group = RuleGroup {
            interval_ms: None,
            query_offset_ms: None,
            limit: 0,
            labels: BTreeMap::new(),
            rules: Vec::new(),
        };
        let loaded = |files: &[&str]| Loaded {
            files: files
                .iter()
                .map(|file| ((*file).to_owned(), BTreeMap::from([((*file).to_owned(), group.clone())])))
                .collect(),
            default_interval_ms: None,
        };
        let cases: [(&[&str], Option<&str>); 4] = [
            (&["/rules/a.yaml", "/other/a.yaml"], Some("/rules/a.yaml")),
            (&["/etc/prometheus/rules/a.yaml", "/rules/b.yaml"], Some("/etc/prometheus/rules/a.yaml")),
            (&["/one/a.yaml", "/two/a.yaml"], None),
            (&[], None),
        ];
        for (files, wanted) in cases {
            let found = loaded(files).groups_of(Path::new("/rules/a.yaml")).into_keys().next();
            assert_eq!(found.as_deref(), wanted);
        }
    }
}
