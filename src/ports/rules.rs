//! Where alert rules live.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::domain::rule::{RuleGroup, RuleGroupId};

/// Why the rule store could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RuleStoreError {
    /// What went wrong.
    pub message: String,
    /// What the person can do.
    pub hint: Option<String>,
}

/// Where alert rules live: a directory that Prometheus loads.
#[async_trait]
pub trait RuleStore: Send + Sync {
    /// Reads every namespace that driftless wrote (files with its marker); files of others are not touched or shown.
    async fn observe(&self) -> Result<BTreeMap<RuleGroupId, RuleGroup>, RuleStoreError>;

    /// Replaces the groups of one namespace, and returns when Prometheus has loaded them. An empty map removes the
    /// namespace. When Prometheus refuses, what was there before is put back, and the error says why.
    async fn replace(&self, namespace: &str, groups: &BTreeMap<String, RuleGroup>) -> Result<(), RuleStoreError>;
}
