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

/// An apply, as a commit of the branch tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedApply {
    /// Actions that were applied.
    pub applied: usize,
    /// Actions that were tried, or should have been, and are not done.
    pub not_done: usize,
    /// The revision of the config repository.
    pub revision: Option<String>,
}

/// Reads a message of [`apply_message`]. `None` for every other commit, and for an apply that tried nothing.
pub fn recorded_apply(message: &str) -> Option<RecordedApply> {
    let (_, counts) = message.lines().next()?.strip_prefix("apply(")?.split_once("): ")?;
    let (applied, failed) = match counts.split_once(", ") {
        Some((applied, failed)) => (applied, failed.strip_suffix(" failed")?.parse().ok()?),
        None => (counts, 0),
    };
    let applied = applied.strip_suffix(" applied")?.parse().ok()?;
    let revision = message.lines().find_map(|line| line.strip_prefix("Driftless-Revision: ")).map(str::to_owned);
    (applied + failed > 0).then_some(RecordedApply { applied, not_done: failed, revision })
}

/// Returns the message of a commit that only changes the status: `status(prod): Synced`.
pub fn status_message(report: &StatusReport, trailers: &Trailers) -> String {
    let reason = report.conditions.iter().find(|condition| condition.kind == "Ready").map(|ready| &ready.reason);
    let sync = report.sync.as_str();
    let reason = reason.filter(|reason| *reason != sync).map(|reason| format!(", {reason}")).unwrap_or_default();
    message(&format!("status({}): {}{reason}", report.environment, sync), trailers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn the_message_of_an_apply_says_what_was_applied_and_no_other_does() {
        let report = samples::apply_report();
        let trailers =
            Trailers { environment: "prod".to_owned(), revision: Some("1a2b3c".to_owned()), ..Trailers::default() };
        let (applied, not_done) = (report.applied(), report.not_done());
        assert!(applied > 0 && not_done > 0);
        let expected = RecordedApply { applied, not_done, revision: Some("1a2b3c".to_owned()) };
        assert_eq!(recorded_apply(&apply_message(&report, &trailers)), Some(expected));
        let all_done = RecordedApply { applied: 2, not_done: 0, revision: None };
        assert_eq!(recorded_apply("apply(a-b): 2 applied\n\nDriftless-Environment: a-b\n"), Some(all_done));
        for other in ["", "apply(prod): 0 applied", "apply(prod): many applied", "drift(prod): 2 changed", "apply"] {
            assert_eq!(recorded_apply(other), None, "{other}");
        }
    }
}
