//! What a pass means for those who were not there: events, told once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::pass::PassResult;
use crate::domain::event::{Event, EventKind};
use crate::plan::apply_report::{ApplyReport, Outcome};
use crate::plan::types::{Action, Plan};
use crate::report::status::is_drift;

/// So many actions, resources or findings are told one by one; the rest is counted.
const MOST_TOLD: usize = 100;
/// So much of a message is told.
const LONGEST_MESSAGE: usize = 500;

/// What was told before. After a restart it is told again.
#[derive(Debug, Default)]
pub struct Chronicle {
    plan: Option<String>,
    drifted: BTreeSet<String>,
    denied: BTreeSet<(String, Option<String>)>,
}

impl Chronicle {
    /// Returns the events of a pass. A standby has none: whoever acts tells them.
    pub fn of_pass(&mut self, environment: &str, result: &PassResult, now: Timestamp) -> Vec<Event> {
        let Some(plan) = result.plan.as_ref().filter(|_| !result.standby) else { return Vec::new() };
        let event = |kind, summary: String, data: Value| Event {
            id: uuid::Uuid::new_v4().to_string(),
            kind,
            environment: environment.to_owned(),
            time: now,
            summary,
            data: with_common(environment, result, plan, data),
        };
        let mut events = Vec::new();
        if let Some((summary, data)) = self.plan(environment, plan) {
            events.push(event(EventKind::Plan, summary, data));
        }
        if let Some((summary, data)) = self.denial(environment, plan) {
            events.push(event(EventKind::PolicyDenied, summary, data));
        }
        if let Some((summary, data)) = self.drift(environment, plan) {
            events.push(event(EventKind::Drift, summary, data));
        }
        if let Some((summary, data)) = result.apply.as_ref().and_then(|report| applied(environment, report)) {
            events.push(event(EventKind::Apply, summary, data));
        }
        events
    }

    fn plan(&mut self, environment: &str, plan: &Plan) -> Option<(String, Value)> {
        let is_news = self.plan.as_ref() != Some(&plan.id) && (self.plan.is_some() || !plan.actions.is_empty());
        self.plan = Some(plan.id.clone());
        if !is_news {
            return None;
        }
        let summary = &plan.summary;
        let told = format!(
            "{environment}: plan with {} to create, {} to update, {} to delete, {} held, {} blocked",
            summary.create, summary.update, summary.delete, summary.held, summary.blocked
        );
        let actions = plan.actions.iter().take(MOST_TOLD).map(action);
        Some((told, json!({"summary": summary, "actions": actions.collect::<Vec<_>>(), "total": plan.actions.len()})))
    }

    fn drift(&mut self, environment: &str, plan: &Plan) -> Option<(String, Value)> {
        let drifted: Vec<&Action> = plan.actions.iter().filter(|action| is_drift(action)).collect();
        let names: BTreeSet<String> = drifted.iter().map(|action| format!("{}/{}", action.kind, action.name)).collect();
        if names == self.drifted {
            return None;
        }
        self.drifted = names;
        let told = match drifted.len() {
            0 => format!("{environment}: nothing drifts any more"),
            count => format!("{environment}: {count} resources drifted"),
        };
        let actions: Vec<Value> = drifted.iter().take(MOST_TOLD).map(|found| action(found)).collect();
        Some((told, json!({"actions": actions, "total": drifted.len()})))
    }

    fn denial(&mut self, environment: &str, plan: &Plan) -> Option<(String, Value)> {
        let denials: Vec<_> = plan.findings.iter().filter(|finding| finding.denies()).collect();
        let denied: BTreeSet<(String, Option<String>)> =
            denials.iter().map(|finding| (finding.code.clone(), finding.resource.clone())).collect();
        if self.denied == denied {
            return None;
        }
        self.denied = denied;
        if denials.is_empty() {
            return None;
        }
        let finding = |finding: &&crate::plan::types::Finding| json!({"code": finding.code, "resource": finding.resource, "message": cut(&finding.message)});
        let findings: Vec<Value> = denials.iter().take(MOST_TOLD).map(finding).collect();
        let told = format!("{environment}: policy denies the plan ({} findings)", denials.len());
        Some((told, json!({"findings": findings, "total": denials.len()})))
    }
}

/// Returns the event of an agent that begins or ceases to act.
pub fn lease_event(environment: &str, held: bool, now: Timestamp) -> Event {
    let word = if held { "acts" } else { "stands by" };
    Event {
        id: uuid::Uuid::new_v4().to_string(),
        kind: EventKind::Lease,
        environment: environment.to_owned(),
        time: now,
        summary: format!("{environment}: this agent {word} now"),
        data: json!({"environment": environment, "held": held}),
    }
}

/// Tells of an apply that tried something.
fn applied(environment: &str, report: &ApplyReport) -> Option<(String, Value)> {
    if report.applied() + report.not_done() == 0 {
        return None;
    }
    let failures = report.results.iter().filter_map(|result| match &result.outcome {
        Outcome::Failed { code, message, .. } => {
            Some(json!({"action": result.action_id, "code": code, "message": cut(message)}))
        }
        Outcome::Applied
        | Outcome::AppliedUnconfirmed { .. }
        | Outcome::NotAttempted { .. }
        | Outcome::Skipped { .. } => None,
    });
    let failures: Vec<Value> = failures.take(MOST_TOLD).collect();
    let told = format!("{environment}: {} applied, {} not done", report.applied(), report.not_done());
    let data = json!({
        "applied": report.applied(),
        "notDone": report.not_done(),
        "interrupted": report.interrupted,
        "failures": failures,
    });
    Some((told, data))
}

fn action(action: &Action) -> Value {
    json!({
        "id": action.id,
        "origin": action.origin,
        "reason": action.reason,
        "risk": action.risk,
        "status": action.status,
        "hold": action.hold,
    })
}

/// Adds what every event about a plan says.
fn with_common(environment: &str, result: &PassResult, plan: &Plan, mut data: Value) -> Value {
    if let Value::Object(fields) = &mut data {
        fields.insert("environment".to_owned(), json!(environment));
        fields.insert("clusterId".to_owned(), json!(plan.cluster.id));
        fields.insert("revision".to_owned(), json!(result.revision));
        fields.insert("planId".to_owned(), json!(plan.id));
    }
    data
}

fn cut(message: &str) -> String {
    message.chars().take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::diagnostic::Severity;
    use crate::plan::testing::drifted;
    use crate::plan::types::{Finding, Hold, Status};

    fn told(chronicle: &mut Chronicle, change: impl FnOnce(&mut Plan)) -> Vec<(EventKind, String)> {
        let mut plan = drifted("orders");
        change(&mut plan);
        crate::plan::seal::seal(&mut plan);
        let result = PassResult { plan: Some(plan), ..PassResult::default() };
        let now = "2026-06-01T12:00:00Z".parse().expect("a time");
        let events = chronicle.of_pass("prod", &result, now);
        events.into_iter().map(|event| (event.kind, event.summary)).collect()
    }

    #[test]
    fn what_stays_the_same_is_told_once() {
        let mut chronicle = Chronicle::default();
        let kinds = |told: Vec<(EventKind, String)>| told.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
        assert_eq!(kinds(told(&mut chronicle, |_| {})), [EventKind::Plan, EventKind::Drift]);
        assert_eq!(told(&mut chronicle, |_| {}), []);
        // The same drift under another plan is no other drift.
        let held = |plan: &mut Plan| plan.actions[0].status = Status::Held;
        assert_eq!(kinds(told(&mut chronicle, held)), [EventKind::Plan]);
        let gone = told(&mut chronicle, |plan| plan.actions.clear());
        assert_eq!(gone[1], (EventKind::Drift, "prod: nothing drifts any more".to_owned()));
        assert_eq!(told(&mut chronicle, |plan| plan.actions.clear()), []);
    }

    #[test]
    fn what_is_not_confirmed_is_no_drift() {
        let unconfirmed = |plan: &mut Plan| {
            plan.actions[0].status = Status::Held;
            plan.actions[0].hold = Some(Hold::DriftUnconfirmed);
        };
        let events = told(&mut Chronicle::default(), unconfirmed);
        assert!(events.iter().all(|(kind, _)| *kind != EventKind::Drift), "{events:?}");
    }

    #[test]
    fn a_denial_is_told_when_it_begins_and_a_standby_tells_nothing() {
        let mut chronicle = Chronicle::default();
        let deny = |plan: &mut Plan| {
            plan.findings.push(Finding {
                code: "no".to_owned(),
                severity: Severity::Deny,
                resource: None,
                message: "x".repeat(10_000),
                location: None,
                rule: None,
                help: None,
                waived: None,
            });
        };
        let first = told(&mut chronicle, deny);
        assert!(first.iter().any(|(kind, _)| *kind == EventKind::PolicyDenied), "{first:?}");
        assert_eq!(told(&mut chronicle, deny), []);
        let result = PassResult { plan: Some(drifted("a")), standby: true, ..PassResult::default() };
        assert_eq!(Chronicle::default().of_pass("prod", &result, Timestamp::UNIX_EPOCH), []);
    }
}
