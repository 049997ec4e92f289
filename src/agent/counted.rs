//! Git ports that count what goes through them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::snapshot::Snapshot;
use crate::ports::{BranchChange, CommitDistrust, ReportBranch, SignedCommits, SourceError, SourceMirror, Tally};

/// A source or a report branch whose operations are counted.
#[derive(Clone)]
pub struct Counted<T> {
    inner: T,
    tally: Arc<dyn Tally>,
}

impl<T> Counted<T> {
    /// Counts what goes through.
    pub fn new(inner: T, tally: Arc<dyn Tally>) -> Self {
        Self { inner, tally }
    }

    /// Changes what is counted.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Counted<U> {
        Counted { inner: change(self.inner), tally: self.tally }
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

    fn distrusted(
        &self,
        head: &str,
        commits: &SignedCommits<'_>,
        now: jiff::Timestamp,
    ) -> Result<Option<CommitDistrust>, SourceError> {
        self.inner.distrusted(head, commits, now)
    }

    fn replaces(&self, head: &str, replaced: &str, now: jiff::Timestamp) -> Result<bool, SourceError> {
        self.inner.replaces(head, replaced, now)
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

    fn newest(&self, is_wanted: &dyn Fn(&str) -> bool) -> Result<Option<(String, i64)>, SourceError> {
        self.inner.newest(is_wanted)
    }

    fn push(&self, change: &BranchChange) -> Result<(), SourceError> {
        self.count("push-report", self.inner.push(change))
    }
}
