//! The status of an agent for a terminal.

use super::escape::clean;
use super::status::{StatusReport, SyncState};
use super::{BOLD, DIM, GREEN, RED, Style, YELLOW};

/// Writes a status for a terminal: the condition and its reason first, then what is open.
pub fn status_text(report: &StatusReport, style: Style) -> String {
    let colour = match report.sync {
        SyncState::Synced => GREEN,
        SyncState::OutOfSync => RED,
        SyncState::Unknown => YELLOW,
    };
    let ready = report.conditions.iter().find(|condition| condition.kind == "Ready");
    let (reason, message) = ready.map_or(("", ""), |ready| (ready.reason.as_str(), ready.message.as_str()));
    let mut out = format!(
        "{}: {} {}\n  {}\n",
        style.paint(BOLD, &clean(&report.environment)),
        style.paint(colour, report.sync.as_str()),
        style.paint(DIM, &format!("({})", clean(reason))),
        clean(message)
    );
    let is_true = |kind: &str| report.conditions.iter().any(|found| found.kind == kind && found.status == "True");
    if is_true("Stalled") {
        out.push_str("  It waits for a person, or for another commit.\n");
    } else if is_true("Reconciling") {
        out.push_str("  It goes on by itself.\n");
    }
    let texts = [
        ("cluster", report.cluster_id.as_deref()),
        ("last looked at", report.last_attempted_revision.as_deref()),
        ("last applied", report.last_applied_revision.as_deref()),
        ("last plan", report.last_plan.as_deref()),
    ];
    out.extend(texts.iter().filter_map(|(name, text)| text.map(|text| format!("  {name}: {}\n", clean(text)))));
    let counts = &report.counts;
    let numbers = [
        ("planned", counts.planned),
        ("held", counts.held),
        ("blocked", counts.blocked),
        ("drifted", counts.drifted),
        ("not confirmed", counts.unconfirmed),
        ("contested", counts.contested),
        ("failed", counts.failed),
        ("denied", counts.denied),
        ("paused", counts.paused),
        ("not pruned", counts.unpruned),
        ("unknown", counts.unknown),
        ("unmanaged", counts.unmanaged),
    ];
    let open: Vec<String> =
        numbers.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    if !open.is_empty() {
        out.push_str(&format!("  {}\n", open.join(", ")));
    }
    out
}
