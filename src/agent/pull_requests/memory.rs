//! What is remembered of pull requests, within a round and from one to the next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use super::judge::Verdict;
use crate::domain::snapshot::Snapshot;
use crate::reconcile::Observation;

/// What was told of a pull request, and what for.
pub(super) struct Told {
    pub(super) base: String,
    pub(super) head: String,
    pub(super) holds: Holds,
    /// Digest of the comment that was put last.
    pub(super) comment: Option<String>,
    pub(super) verdict: Option<Verdict>,
    pub(super) took: Duration,
    /// Whether a fork was let through.
    pub(super) admitted: bool,
}

/// How long what was told holds, as long as base and head stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    /// It does not depend on anything else.
    Always,
    /// As long as the cluster looks like this, on this day.
    While { seen: String, day: Date },
    /// Until the agent has made another pass: it may have been a bad moment.
    UntilPass(u64),
}

/// What is remembered from one round to the next. Losing it costs a plan of each pull request, and no write.
#[derive(Default)]
pub struct Memory {
    pub(super) told: BTreeMap<u64, Told>,
    pub(super) seen: Option<Seen>,
    /// What is large is kept for one round only.
    pub(super) this_round: ThisRound,
}

#[derive(Default)]
pub(super) struct ThisRound {
    pub(super) observation: Option<Arc<Observation>>,
    pub(super) base: Option<Arc<Base>>,
    /// Why the cluster cannot be read: it is not asked again for every pull request.
    pub(super) unseen: Option<(String, Option<String>)>,
}

/// When the cluster was looked at, and what was seen.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) n_passes: u64,
    pub(super) digest: String,
    pub(super) cluster_id: String,
    pub(super) at: Timestamp,
}

/// The files of the base.
pub(super) struct Base {
    pub(super) files: Snapshot,
    pub(super) digest: String,
}

/// What is to be said.
pub(super) struct Said {
    pub(super) verdict: Verdict,
    /// The comment, and whether one is put where none stands.
    pub(super) comment: Option<(String, bool)>,
    pub(super) holds: Holds,
}
