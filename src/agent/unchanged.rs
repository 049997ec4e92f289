//! Whether a commit means anything to the environment.

use crate::config::settings::VerifyMode;
use crate::domain::snapshot::Snapshot;
use crate::ports::{AgentMemory, AgentRecord, Clock, SourceMirror};

use super::trust::{Trust, untrusted};

/// What is known of the configuration that the last pass looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The last commit that was looked at, by the pass or since.
    pub revision: String,
    /// The digest of all files that can mean something to the environment.
    pub content: String,
    /// The revision that was last applied, as the pass knew it.
    pub last_applied: Option<String>,
}

/// What looking at a commit needs.
pub struct Look<'a> {
    /// The branch that is followed.
    pub source: &'a dyn SourceMirror,
    /// What this machine remembers.
    pub memory: &'a dyn AgentMemory,
    /// The revision that the settings accept.
    pub accept_revision: Option<&'a str>,
    /// Which commits must be signed.
    pub verify: VerifyMode,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Returns the digest of what can mean something to the environment.
    pub content: &'a (dyn Fn(&Snapshot) -> Option<String> + Sync),
}

/// Says whether a head that moved wants nothing else than what the last pass looked at, so that no pass is needed. Then it is what
/// was applied last, where the revision before was: the next head must descend from it.
///
/// A head that is not trusted, and whatever cannot be told, is a change: the pass says what is wrong.
pub fn is_unchanged(look: &Look<'_>, head: &str, known: &Known) -> bool {
    let Ok(record) = look.memory.read() else { return false };
    let own_last_applied = record.last_applied_revision.as_deref();
    let last_applied = [known.last_applied.as_deref(), own_last_applied].into_iter().flatten().collect();
    let (accepted, verify, now) = (look.accept_revision, look.verify, look.clock.now());
    let trust = Trust { last_applied, own_last_applied, accepted, verify, now };
    if !matches!(untrusted(look.source, head, &trust), Ok(None)) {
        return false;
    }
    let content = look.source.snapshot(head).ok().and_then(|snapshot| (look.content)(&snapshot));
    if content.as_ref() != Some(&known.content) {
        return false;
    }
    if own_last_applied == Some(known.revision.as_str()) {
        let moved = AgentRecord { last_applied_revision: Some(head.to_owned()), ..record.clone() };
        return look.memory.write(&moved).is_ok();
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::future::BoxFuture;
    use jiff::Timestamp;

    use super::*;
    use crate::domain::drift_memory::DriftMemory;
    use crate::ports::{CommitDistrust, SignedCommits, SourceError, StateError};

    /// Revisions `a1` < `a2` < `b3`, where the letter is the content; `a0` is somewhere else.
    struct Line;

    impl SourceMirror for Line {
        fn fetch(&self) -> Result<String, SourceError> {
            Ok("b3".to_owned())
        }

        fn snapshot(&self, revision: &str) -> Result<Snapshot, SourceError> {
            Ok(Snapshot { revision: Some(revision.to_owned()), ..Snapshot::default() })
        }

        fn descends(&self, newer: &str, older: &str) -> Result<bool, SourceError> {
            Ok(newer != "a0" && newer[1..] >= older[1..])
        }

        fn distrusted(
            &self,
            head: &str,
            _commits: &SignedCommits<'_>,
            _now: Timestamp,
        ) -> Result<Option<CommitDistrust>, SourceError> {
            Ok(Some(CommitDistrust { commit: head.to_owned(), words: "is not signed".to_owned() }))
        }

        fn replaces(&self, _head: &str, _replaced: &str, _now: Timestamp) -> Result<bool, SourceError> {
            Ok(false)
        }
    }

    struct Memory(Mutex<AgentRecord>);

    impl AgentMemory for Memory {
        fn read(&self) -> Result<AgentRecord, StateError> {
            Ok(self.0.lock().expect("not poisoned").clone())
        }

        fn write(&self, record: &AgentRecord) -> Result<(), StateError> {
            *self.0.lock().expect("not poisoned") = record.clone();
            Ok(())
        }

        fn drift(&self) -> DriftMemory {
            DriftMemory::default()
        }

        fn remember_drift(&self, _memory: &DriftMemory) -> Result<(), StateError> {
            Ok(())
        }
    }

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn sleep(&self, _wait: std::time::Duration) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn a_commit_beside_the_environment_is_remembered_as_applied_where_the_one_before_was() {
        for (head, applied, verify, unchanged, then) in [
            ("a2", Some("a1"), VerifyMode::None, true, Some("a2")),
            // Something of `a1` is left to be done: `a2` is not applied either.
            ("a2", None, VerifyMode::None, true, None),
            ("b3", Some("a1"), VerifyMode::None, false, Some("a1")),
            ("a0", Some("a1"), VerifyMode::None, false, Some("a1")),
            ("a2", Some("a1"), VerifyMode::Head, false, Some("a1")),
        ] {
            let record = AgentRecord { last_applied_revision: applied.map(str::to_owned), ..AgentRecord::default() };
            let memory = Memory(Mutex::new(record));
            let look = Look {
                source: &Line,
                memory: &memory,
                accept_revision: None,
                verify,
                clock: &Still,
                content: &|snapshot| snapshot.revision.as_ref().map(|revision| revision[..1].to_owned()),
            };
            let known =
                Known { revision: "a1".to_owned(), content: "a".to_owned(), last_applied: applied.map(str::to_owned) };
            assert_eq!(is_unchanged(&look, head, &known), unchanged, "{head} {applied:?}");
            let record = memory.read().expect("there");
            assert_eq!(record.last_applied_revision.as_deref(), then, "{head} {applied:?}");
        }
    }
}
