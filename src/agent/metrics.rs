//! The agent's metrics. No topic, user or file name is ever a label.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::pass::{Conclusion, PassResult, WhatToDo};
use crate::domain::diagnostic::Severity;
use crate::domain::resource::ResourceKind;
use crate::plan::types::{ActionKind, Plan, Status};
use crate::ports::Tally;
use crate::report::status::is_drift;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    environment: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabels {
    environment: String,
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EnvironmentLabels {
    environment: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabels {
    api: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabels {
    sink: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    environment: String,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    environment: String,
    action: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SeverityLabels {
    environment: String,
    severity: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InfoLabels {
    environment: String,
    version: &'static str,
    revision: String,
}

/// The metrics of one environment's agent.
pub struct Metrics {
    environment: String,
    registry: Registry,
    passes: Family<ResultLabels, Counter>,
    durations: Family<PhaseLabels, Histogram>,
    drift: Family<KindLabels, Gauge>,
    unknown: Family<EnvironmentLabels, Gauge>,
    last_check: Gauge,
    last_applied: Gauge,
    actions: Family<ActionLabels, Gauge>,
    findings: Family<SeverityLabels, Gauge>,
    info: Family<InfoLabels, Gauge>,
    leader: Family<EnvironmentLabels, Gauge>,
    events: Family<SinkLabels, Counter>,
    requests: Family<ApiLabels, Counter>,
    operations: Family<OperationLabels, Counter>,
}

impl Metrics {
    /// Makes the metrics of an environment.
    pub fn new(environment: &str) -> Self {
        let durations: fn() -> Histogram = || Histogram::new(exponential_buckets(0.05, 2.0, 14));
        let mut metrics = Self {
            environment: environment.to_owned(),
            registry: Registry::default(),
            passes: Family::default(),
            durations: Family::new_with_constructor(durations),
            drift: Family::default(),
            unknown: Family::default(),
            last_check: Gauge::default(),
            last_applied: Gauge::default(),
            actions: Family::default(),
            findings: Family::default(),
            info: Family::default(),
            leader: Family::default(),
            events: Family::default(),
            requests: Family::default(),
            operations: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("driftless_reconcile", "Passes", self.passes.clone());
        registry.register("driftless_reconcile_duration_seconds", "Time of a pass", self.durations.clone());
        registry.register("driftless_drift_resources", "Resources that drifted", self.drift.clone());
        let last_check = self.last_check.clone();
        registry.register("driftless_drift_last_check_timestamp_seconds", "Last comparison", last_check);
        registry.register("driftless_last_applied_timestamp_seconds", "Last complete apply", self.last_applied.clone());
        registry.register("driftless_plan_actions", "Actions of the last plan", self.actions.clone());
        registry.register("driftless_unknown_resources", "What the last plan could not read", self.unknown.clone());
        registry.register("driftless_policy_findings", "Findings of the last plan", self.findings.clone());
        registry.register("driftless_leader", "Whether this agent acts", self.leader.clone());
        registry.register("driftless_events", "Events by what became of them", self.events.clone());
        registry.register("driftless_cluster_requests", "Requests to the cluster", self.requests.clone());
        registry.register("driftless_git_operations", "Operations of git", self.operations.clone());
        registry.register("driftless_info", "Version and last revision", self.info.clone());
    }

    /// Notes what a pass came to, at that time (seconds since 1970).
    pub fn note(&self, result: &PassResult, what_to_do: WhatToDo, took: Duration, now: i64) {
        let environment = self.environment.clone();
        let word = match result.conclusion(what_to_do) {
            Conclusion::Done => "success",
            Conclusion::Failed | Conclusion::SettingsInvalid => "failure",
            Conclusion::Refused => "refused",
        };
        self.passes.get_or_create(&ResultLabels { environment: environment.clone(), result: word }).inc();
        let phase = PhaseLabels { environment, phase: "pass" };
        self.durations.get_or_create(&phase).observe(took.as_secs_f64());
        self.see(result.revision.as_deref().unwrap_or_default());
        if let Some(plan) = &result.plan {
            if plan.other_cluster().is_none() {
                self.last_check.set(now);
            }
            self.note_plan(plan);
        }
        if result.apply.as_ref().is_some_and(|report| report.not_done() == 0 && !report.interrupted) {
            self.last_applied.set(now);
        }
    }

    /// Notes the revision that was last looked at.
    pub fn see(&self, revision: &str) {
        let (environment, version) = (self.environment.clone(), env!("CARGO_PKG_VERSION"));
        self.info.clear();
        self.info.get_or_create(&InfoLabels { environment, version, revision: revision.to_owned() }).set(1);
    }

    /// Notes whether this agent acts, or another one does.
    pub fn note_leader(&self, leads: bool) {
        let labels = EnvironmentLabels { environment: self.environment.clone() };
        self.leader.get_or_create(&labels).set(i64::from(leads));
    }

    /// Shows that nothing of this sink was lost yet: what is not there before cannot be seen to grow.
    pub fn expect_events(&self, sink: &'static str) {
        self.events.get_or_create(&SinkLabels { sink, result: "dropped" }).inc_by(0);
    }

    /// Notes what became of an event: `sent`, `retried` or `dropped`.
    pub fn note_event(&self, sink: &'static str, result: &'static str) {
        self.events.get_or_create(&SinkLabels { sink, result }).inc();
    }

    fn note_plan(&self, plan: &Plan) {
        let environment = || self.environment.clone();
        let size = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for kind in ResourceKind::ALL {
            let n_drifted = plan.actions.iter().filter(|action| action.kind == kind && is_drift(action)).count();
            let labels = KindLabels { environment: environment(), kind: kind.as_str() };
            let is_unknown = plan.unknown.iter().any(|unknown| unknown.resource == kind.as_str());
            if is_unknown || plan.other_cluster().is_some() {
                // None seen is not none there: 0 would be in sync.
                self.drift.remove(&labels);
            } else {
                self.drift.get_or_create(&labels).set(size(n_drifted));
            }
        }
        let unknown = plan.unknown.len() + usize::from(plan.other_cluster().is_some());
        self.unknown.get_or_create(&EnvironmentLabels { environment: environment() }).set(size(unknown));
        for action in [ActionKind::Create, ActionKind::Update, ActionKind::Delete] {
            for (status, word) in [(Status::Planned, "planned"), (Status::Held, "held"), (Status::Blocked, "blocked")] {
                let n_found =
                    plan.actions.iter().filter(|found| found.action == action && found.status == status).count();
                let labels = ActionLabels { environment: environment(), action: action.as_str(), status: word };
                self.actions.get_or_create(&labels).set(size(n_found));
            }
        }
        for (severity, word) in [(Severity::Deny, "deny"), (Severity::Warn, "warn")] {
            let n_found =
                plan.findings.iter().filter(|found| found.severity == severity && found.waived.is_none()).count();
            let labels = SeverityLabels { environment: environment(), severity: word };
            self.findings.get_or_create(&labels).set(size(n_found));
        }
    }

    /// Writes all of them in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Tally for Metrics {
    fn cluster_request(&self, api: &'static str, is_answered: bool) {
        self.requests.get_or_create(&ApiLabels { api, result: word(is_answered) }).inc();
    }

    fn git_operation(&self, operation: &'static str, succeeded: bool) {
        self.operations.get_or_create(&OperationLabels { operation, result: word(succeeded) }).inc();
    }
}

fn word(succeeded: bool) -> &'static str {
    if succeeded { "success" } else { "failure" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::status::{Problem, ProblemReason};

    #[test]
    fn metrics_have_the_documented_names() {
        let metrics = Metrics::new("prod");
        let problem = Problem { reason: ProblemReason::SourceFailed, message: "Away.".to_owned() };
        let result = PassResult { problem: Some(problem), ..PassResult::default() };
        metrics.note(&result, WhatToDo::Apply, Duration::from_secs(1), 1_780_000_000);
        metrics.note_leader(true);
        metrics.expect_events("webhook");
        metrics.note_event("topic", "dropped");
        metrics.cluster_request("Metadata", true);
        metrics.git_operation("push-report", false);
        let text = metrics.text();
        for line in [
            "driftless_leader{environment=\"prod\"} 1",
            "driftless_events_total{sink=\"topic\",result=\"dropped\"} 1",
            "driftless_events_total{sink=\"webhook\",result=\"dropped\"} 0",
            "driftless_cluster_requests_total{api=\"Metadata\",result=\"success\"} 1",
            "driftless_git_operations_total{operation=\"push-report\",result=\"failure\"} 1",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(text.contains("driftless_reconcile_total{environment=\"prod\",result=\"failure\"} 1"), "{text}");
        assert!(
            text.contains("driftless_reconcile_duration_seconds_count{environment=\"prod\",phase=\"pass\"} 1"),
            "{text}"
        );
        assert!(text.contains("driftless_drift_last_check_timestamp_seconds 0"), "{text}");
    }

    #[test]
    fn what_could_not_be_read_has_no_drift_of_zero() {
        let metrics = Metrics::new("prod");
        let note = |unknown: serde_json::Value, findings: serde_json::Value, at| {
            let plan = serde_json::json!({
                "apiVersion": "driftless.dev/v1", "kind": "Plan", "id": "sha256:00", "environment": "prod",
                "cluster": {"id": "c", "brokers": 3}, "source": {"revision": "a", "base": "a"},
                "summary": {"create": 0, "update": 0, "delete": 0, "held": 0, "blocked": 0, "unmanaged": 0},
                "preconditions": {"clusterId": "c", "observedFingerprint": "sha256:00"},
                "actions": [], "unmanaged": [], "unknown": unknown, "findings": findings,
            });
            let plan = Some(serde_json::from_value(plan).expect("a plan"));
            metrics.note(&PassResult { plan, ..PassResult::default() }, WhatToDo::Observe, Duration::from_secs(1), at);
            let text = metrics.text();
            let drift =
                |kind| text.contains(&format!("driftless_drift_resources{{environment=\"prod\",kind=\"{kind}\"}} 0"));
            let checked = text.contains(&format!("driftless_drift_last_check_timestamp_seconds {at}"));
            let unknown = text.contains("driftless_unknown_resources{environment=\"prod\"} 1");
            (drift("topic"), drift("acl"), unknown, checked)
        };
        let empty = || serde_json::json!([]);
        let acl = serde_json::json!([{"resource": "acl", "reason": "no permission"}]);
        let elsewhere =
            serde_json::json!([{"code": "cluster-id-differs", "severity": "deny", "message": "another one"}]);
        assert_eq!(note(empty(), empty(), 7), (true, true, false, true));
        assert_eq!(note(acl, empty(), 8), (true, false, true, true));
        assert_eq!(note(empty(), elsewhere, 9), (false, false, true, false));
    }
}
