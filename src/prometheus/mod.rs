//! Alert rules in a directory that Prometheus loads.
//!
//! One file per namespace, `<namespace, percent-encoded>.yaml`, marked as ours on its first line; files without the
//! mark are neither read nor touched. A new file counts when Prometheus says that it evaluates what is in it; when it
//! does not, the last good content is put back. That content is kept beside the file, in `.<name>.yaml.last-good`, so
//! that it survives a killed process too.

mod api;
mod files;
mod rule_file;

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use tracing::{info, warn};

use self::api::{Api, Loaded, Reload};
use self::files::Files;
use crate::domain::promql;
use crate::domain::rule::{Rule, RuleGroup, RuleGroupId, RuleKind};
use crate::domain::rule_comparison::{GroupComparison, same_group, same_group_as_loaded};
use crate::ports::{RuleStore, RuleStoreError};

/// Name of the alert that [`RuleDirectory`] adds to an observed group when Prometheus does not evaluate what the file
/// says. It is never written. With it the group is equal to no desired group, so the difference is seen whichever of
/// the two is as git wants it, and applying the group again repairs both.
pub const NOT_LOADED_ALERT: &str = "DriftlessRuleFileNotLoaded";

/// A directory of rule files, and the Prometheus that loads it.
pub struct RuleDirectory {
    files: Files,
    /// Without it nothing can be confirmed: Prometheus reads the files when it does.
    api: Option<Api>,
    /// One change at a time: a reload loads the files of all namespaces.
    changing: tokio::sync::Mutex<()>,
}

impl RuleDirectory {
    /// Will use that directory. `reload_url` is Prometheus' own, such as `http://127.0.0.1:9090/-/reload`, also below a
    /// route prefix; its API is found from it. Fails when that is not such a URL.
    pub fn new(directory: PathBuf, reload_url: Option<String>) -> Result<Self, RuleStoreError> {
        let api = reload_url.as_deref().map(Api::new).transpose()?;
        Ok(Self { files: Files::new(directory), api, changing: tokio::sync::Mutex::new(()) })
    }
}

#[async_trait]
impl RuleStore for RuleDirectory {
    async fn observe(&self) -> Result<BTreeMap<RuleGroupId, RuleGroup>, RuleStoreError> {
        let files = self.files.read_ours()?;
        let loaded = match &self.api {
            Some(api) => Some(api.loaded().await?),
            None => None,
        };
        let mut observed = BTreeMap::new();
        for (namespace, text) in files {
            let path = self.files.path(&namespace)?;
            let mut groups = rule_file::parse(&text).map_err(|reason| {
                let hint = "Repair the file, or remove it; driftless then writes it again.";
                error(format!("the rule file `{}` cannot be read: {reason}", path.display()), hint)
            })?;
            if let Some(loaded) = &loaded {
                mark_what_is_not_loaded(&mut groups, &loaded.groups_of(&path), loaded.default_interval_ms);
            }
            for (group, content) in groups {
                observed.insert(RuleGroupId { namespace: namespace.clone(), group }, content);
            }
        }
        Ok(observed)
    }

    async fn replace(&self, namespace: &str, groups: &BTreeMap<String, RuleGroup>) -> Result<(), RuleStoreError> {
        let wanted = checked_text(namespace, groups)?;
        let _changing = self.changing.lock().await;
        let current = self.files.read_own(namespace)?;
        let Some(api) = &self.api else {
            self.files.write(namespace, wanted.as_deref())?;
            if self.files.read_own(namespace)? != wanted {
                return Err(error(format!("the rule file of `{namespace}` changed while it was written"), ""));
            }
            warn!(namespace, "rules written; without a reload URL nobody knows whether Prometheus loaded them");
            return Ok(());
        };
        let last_good = self.last_good(namespace, current, &api.loaded().await?)?;
        self.files.keep_last_good(namespace, last_good.as_deref())?;
        self.files.write(namespace, wanted.as_deref())?;
        match self.load(api, namespace, groups).await {
            Ok(()) => {
                self.files.confirm_last_good(namespace, wanted.as_deref())?;
                info!(namespace, groups = groups.len(), "rules loaded");
                Ok(())
            }
            Err(failure) => Err(self.put_back(api, namespace, last_good.as_deref(), failure).await),
        }
    }
}

/// What to put back when a change does not load: what stands there when Prometheus has loaded it, and otherwise what
/// it loaded last. A killed process may have left a file that it never accepted.
impl RuleDirectory {
    fn last_good(
        &self,
        namespace: &str,
        current: Option<String>,
        loaded: &Loaded,
    ) -> Result<Option<String>, RuleStoreError> {
        let groups = match &current {
            Some(text) => rule_file::parse(text).ok(),
            None => Some(BTreeMap::new()),
        };
        let path = self.files.path(namespace)?;
        let is_loaded = groups.is_some_and(|groups| {
            differences(&groups, &loaded.groups_of(&path), loaded.default_interval_ms).is_empty()
        });
        if is_loaded {
            return Ok(current);
        }
        Ok(self.files.read_last_good(namespace)?.unwrap_or(current))
    }

    /// Makes Prometheus load the files, and returns when it evaluates exactly these groups for the namespace.
    async fn load(
        &self,
        api: &Api,
        namespace: &str,
        groups: &BTreeMap<String, RuleGroup>,
    ) -> Result<(), RuleStoreError> {
        match api.reload().await? {
            Reload::Done => {}
            Reload::Refused(words) => {
                let mut message = format!("Prometheus refused the rules of `{namespace}`: {words}");
                if api.last_reload_successful().await == Some(false) {
                    message.push_str(" (`prometheus_config_last_reload_successful` is 0)");
                }
                return Err(error(message, "Prometheus' log names the file and the rule."));
            }
        }
        let path = self.files.path(namespace)?;
        let mut different = Vec::new();
        for attempt in 0..api::CONFIRM_TRIES {
            if attempt > 0 {
                tokio::time::sleep(api::CONFIRM_PAUSE).await;
            }
            let loaded = api.loaded().await?;
            let found = loaded.groups_of(&path);
            different = differences(groups, &found, loaded.default_interval_ms).into_values().collect();
            if different.is_empty() {
                return Ok(());
            }
            if found.is_empty() && attempt == api::CONFIRM_TRIES - 1 {
                let message = format!("Prometheus reloaded, but does not load `{}`", path.display());
                let hint = format!("Add `{}` to `rule_files` of its configuration.", self.files.pattern());
                return Err(error(message, &hint));
            }
        }
        let message =
            format!("Prometheus reloaded, but evaluates other rules for `{namespace}`: {}", different.join("; "));
        Err(error(message, "Somebody else may be writing the same file."))
    }

    async fn put_back(
        &self,
        api: &Api,
        namespace: &str,
        last_good: Option<&str>,
        failure: RuleStoreError,
    ) -> RuleStoreError {
        let mut message = failure.message;
        let mut hint = failure.hint;
        if let Err(error) = self.files.write(namespace, last_good) {
            message = format!("{message}; and what was there before could not be put back: {error}");
            return RuleStoreError { message, hint };
        }
        match api.reload().await {
            Ok(Reload::Done) => message.push_str("; what was there before is loaded again"),
            Ok(Reload::Refused(words)) => {
                message = format!("{message}; what was there before is put back, but does not load either: {words}");
                hint = Some(
                    "Another rule file, or Prometheus' own configuration, is broken; its log says which.".to_owned(),
                );
            }
            Err(_) => {
                message.push_str("; what was there before is put back, but Prometheus could not be asked to load it")
            }
        }
        RuleStoreError { message, hint }
    }
}

/// The file's text, after every check that can be made before anything is written. `None` for no groups.
fn checked_text(namespace: &str, groups: &BTreeMap<String, RuleGroup>) -> Result<Option<String>, RuleStoreError> {
    for (name, group) in groups {
        for rule in &group.rules {
            promql::check(&rule.expr).map_err(|reason| {
                let message = format!(
                    "rule `{}` of `{namespace}/{name}` has an expression that does not parse: {reason}",
                    rule.name()
                );
                error(message, "Nothing was written.")
            })?;
        }
    }
    if groups.is_empty() {
        return Ok(None);
    }
    let text = rule_file::render(groups);
    let read_back = rule_file::parse(&text);
    let is_same = read_back.as_ref().is_ok_and(|read_back| {
        read_back.keys().eq(groups.keys())
            && groups.iter().all(|(name, group)| same_group(group, &read_back[name]) == GroupComparison::Same)
    });
    if is_same {
        return Ok(Some(text));
    }
    let reason = read_back.err().map(|reason| format!(": {reason}")).unwrap_or_default();
    Err(error(format!("the rules of `{namespace}` cannot be written so that they read back the same{reason}"), ""))
}

/// Group by group, how the files and what Prometheus evaluates differ; in words. Prometheus does not list groups
/// without rules.
fn differences(
    written: &BTreeMap<String, RuleGroup>,
    loaded: &BTreeMap<String, RuleGroup>,
    default_interval_ms: Option<u64>,
) -> BTreeMap<String, String> {
    let mut different = BTreeMap::new();
    for (name, group) in written {
        let words = match loaded.get(name) {
            None if group.rules.is_empty() => continue,
            None => format!("group `{name}` is not loaded"),
            Some(loaded) => match same_group_as_loaded(group, loaded, default_interval_ms) {
                GroupComparison::Same => continue,
                GroupComparison::Reordered => format!("group `{name}`: order of rules"),
                GroupComparison::Different { what } => format!("group `{name}`: {}", what.join(", ")),
            },
        };
        different.insert(name.clone(), words);
    }
    for name in loaded.keys().filter(|name| !written.contains_key(*name)) {
        different.insert(name.clone(), format!("group `{name}` is loaded, but not in the file"));
    }
    different
}

fn mark_what_is_not_loaded(
    groups: &mut BTreeMap<String, RuleGroup>,
    loaded: &BTreeMap<String, RuleGroup>,
    default_interval_ms: Option<u64>,
) {
    for (name, words) in differences(groups, loaded, default_interval_ms) {
        let Some(group) = groups.get(&name).or_else(|| loaded.get(&name)) else { continue };
        let mut group = group.clone();
        let description = format!("the rule file and what Prometheus evaluates differ: {words}");
        let kind = RuleKind::Alerting {
            alert: NOT_LOADED_ALERT.to_owned(),
            for_ms: 0,
            keep_firing_for_ms: 0,
            annotations: BTreeMap::from([("description".to_owned(), description)]),
        };
        group.rules.push(Rule { kind, expr: "vector(1)".to_owned(), labels: BTreeMap::new() });
        groups.insert(name, group);
    }
}

fn error(message: impl Into<String>, hint: &str) -> RuleStoreError {
    let hint = if hint.is_empty() { None } else { Some(hint.to_owned()) };
    RuleStoreError { message: message.into(), hint }
}
