//! Opens the lease that the settings name.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Current;
use super::events::Telling;
use crate::agent::board::Board;
use crate::cli::error::CommandError;
use crate::config::settings::{AgentSettings, LeaseSettings};
use crate::messaging::{GroupLease, GroupLeaseSettings};
use crate::ports::{Lease, NoLease};
use crate::report::page::Leadership;
use crate::state::FileLease;

/// How long a single pass waits for the lease: a group that was empty lets its first member wait for others, three seconds
/// unless the brokers' settings say otherwise.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Opens the lease. It is not held yet when this returns, unless there is none.
pub(super) fn open(current: &Current) -> Result<Arc<dyn Lease>, CommandError> {
    let settings = current.get();
    let environments = BTreeSet::from([settings.environment.clone()]);
    Ok(match &settings.lease {
        None => Arc::new(NoLease::of(environments)),
        Some(LeaseSettings::File(path)) => Arc::new(FileLease::open(path, environments)?),
        Some(LeaseSettings::Group { group, topic }) => {
            let properties = current.properties()?;
            let lease = GroupLease::join(GroupLeaseSettings {
                group: group.clone(),
                topic: topic.to_string(),
                environments,
                properties,
            });
            Arc::new(lease.map_err(|error| CommandError::failed("failed to start the lease").because(error))?)
        }
    })
}

/// Waits until the lease is held, or it is clear that another agent has it.
pub(super) async fn wait_for(lease: &dyn Lease, environment: &str) {
    let mut mine = lease.mine();
    // Not being the holder is no failure: the pass then only looks.
    let _ = tokio::time::timeout(LONGEST_WAIT, mine.wait_for(|mine| mine.contains(environment))).await;
}

/// Shows and tells who acts, and wakes the loop whenever that changes from what it was at the start: what `writes` has.
pub(super) async fn watch(
    lease: Arc<dyn Lease>,
    has_lease: bool,
    writes: tokio::sync::watch::Sender<bool>,
    environment: String,
    board: Arc<Board>,
    telling: Arc<Telling>,
    pass: Arc<tokio::sync::Notify>,
) {
    let mut mine = lease.mine();
    let (mut led, led_at_start) = (None, *writes.borrow());
    loop {
        let leads = mine.borrow_and_update().contains(&environment);
        let before = led.replace(leads);
        if before != Some(leads) {
            writes.send_replace(leads);
            board.metrics.note_leader(leads);
            if has_lease {
                board.lead(if leads { Leadership::Leader } else { Leadership::Standby });
            }
            tracing::info!(%environment, leads, "lease");
            telling.lease(&environment, leads);
            // The first pass is made at once, as what this agent was when it started.
            if before.unwrap_or(led_at_start) != leads {
                pass.notify_one();
            }
        }
        if mine.changed().await.is_err() {
            return;
        }
    }
}

/// Says what of a lease cannot change while the agent runs. The group of another cluster is another group.
pub(super) fn identity(settings: &AgentSettings) -> Option<(String, PathBuf)> {
    settings.lease.as_ref().map(|lease| match lease {
        LeaseSettings::Group { group, topic } => {
            let cluster = settings.cluster.cluster_id.as_deref().unwrap_or_default();
            (format!("{group} {topic} {cluster}"), PathBuf::new())
        }
        LeaseSettings::File(path) => (String::new(), path.clone()),
    })
}
