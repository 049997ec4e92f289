//! Messages of the commits on the branch `driftless/ENV`: a subject, and trailers for programs.

use super::drift::DriftReport;
use super::escape::clean;
use super::status::StatusReport;
use crate::plan::apply_report::ApplyReport;

/// What every commit of the branch says of itself at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trailers {
    /// The environment.
    pub environment: String,
    /// Kafka's cluster id.
    pub cluster_id: String,
    /// The revision of the config repository.
    pub revision: Option<String>,
    /// Id of the plan.
    pub plan: Option<String>,
    /// `sha256:` and the digest of what the commit holds.
    pub digest: Option<String>,
}

impl Trailers {
    fn text(&self) -> String {
        let all = [
            ("Driftless-Environment", Some(&self.environment)),
            ("Driftless-Cluster-Id", Some(&self.cluster_id)),
            ("Driftless-Revision", self.revision.as_ref()),
            ("Driftless-Plan", self.plan.as_ref()),
            ("Driftless-Digest", self.digest.as_ref()),
        ];
        // A line break in a value would be a trailer of somebody else's making.
        all.into_iter().filter_map(|(name, value)| value.map(|value| format!("{name}: {}\n", clean(value)))).collect()
    }
}

fn message(subject: &str, trailers: &Trailers) -> String {
    format!("{}\n\n{}", clean(subject), trailers.text())
}

/// Returns the message of a commit that reports drift: `drift(prod): 2 changed, 1 unmanaged`.
pub fn drift_message(report: &DriftReport, trailers: &Trailers) -> String {
    message(&format!("drift({}): {}", report.environment, report.counts()), trailers)
}

/// Returns the message of a commit after an apply: `apply(prod): 5 applied, 1 failed`.
pub fn apply_message(report: &ApplyReport, trailers: &Trailers) -> String {
    let failed = report.not_done();
    let failed = if failed == 0 { String::new() } else { format!(", {failed} failed") };
    message(&format!("apply({}): {} applied{failed}", report.environment, report.applied()), trailers)
}

/// Returns the message of a commit that only changes the status: `status(prod): Synced`.
pub fn status_message(report: &StatusReport, trailers: &Trailers) -> String {
    let reason = report.conditions.iter().find(|condition| condition.kind == "Ready").map(|ready| &ready.reason);
    let sync = report.sync.as_str();
    let reason = reason.filter(|reason| *reason != sync).map(|reason| format!(", {reason}")).unwrap_or_default();
    message(&format!("status({}): {}{reason}", report.environment, sync), trailers)
}
