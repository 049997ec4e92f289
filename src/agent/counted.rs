//! Git ports that count what goes through them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::snapshot::Snapshot;
use crate::ports::{BranchChange, ReportBranch, SourceError, SourceMirror, Tally};

/// A source or a report branch whose operations are counted.
pub struct Counted<T> {
    inner: T,
    tally: Arc<dyn Tally>,
}

impl<T> Counted<T> {
    /// Counts what goes through.
    pub fn new(inner: T, tally: Arc<dyn Tally>) -> Self {
        Self { inner, tally }
    }

    fn count<V>(&self, operation: &'static str, result: Result<V, SourceError>) -> Result<V, SourceError> {
        self.tally.git_operation(operation, result.is_ok());
        result
    }
}

impl<T: SourceMirror> SourceMirror for Counted<T> {
    fn fetch(&self) -> Result<String, SourceError> {
        self.count("fetch-source", self.inner.fetch())
    }

    fn snapshot(&self, revision: &str) -> Result<Snapshot, SourceError> {
        self.count("read-source", self.inner.snapshot(revision))
    }

    fn descends(&self, newer: &str, older: &str) -> Result<bool, SourceError> {
        self.inner.descends(newer, older)
    }
}

impl<T: ReportBranch> ReportBranch for Counted<T> {
    fn read(&self, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        self.inner.read(prefix)
    }

    fn commit(&self, change: &BranchChange) -> Result<Option<String>, SourceError> {
        self.count("commit-report", self.inner.commit(change))
    }

    fn fetch(&self) -> Result<(), SourceError> {
        self.count("fetch-report", self.inner.fetch())
    }

    fn push(&self, change: &BranchChange) -> Result<(), SourceError> {
        self.count("push-report", self.inner.push(change))
    }
}
