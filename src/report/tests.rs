//! Tests of the renderers: what they say is in the snapshots beside this file; the rest is what must never be said.

use std::collections::BTreeMap;

use super::samples::{self, HOSTILE};
use super::status::{PassOutcome, Problem, ProblemReason, SyncState};
use super::validation::EnvironmentReport;
use super::*;
use crate::domain::code_doc::CodeDoc;
use crate::domain::desired::DesiredState;
use crate::domain::diagnostic::Severity;
use crate::domain::inventory::{Inventory, LastApplied};
use crate::domain::resource::ResourceId;
use crate::plan::apply_report::{ActionResult, ApplyReport, Outcome};
use crate::plan::types::{Action, ActionKind, EMPTY, OTHER_CLUSTER, Origin, Reason, Status, Unknown};

fn validation() -> ValidationReport {
    let mut desired = DesiredState { environment: "prod".to_owned(), ..DesiredState::default() };
    desired.passed_over.insert("apps/v1/Deployment".to_owned(), 2);
    let findings = vec![
        samples::finding("replication-below-minimum", Severity::Deny),
        samples::finding("replication-not-set", Severity::Warn),
        samples::waived(),
    ];
    ValidationReport::new(samples::diagnostics(), vec![EnvironmentReport::new(&desired, findings)])
}

const DOCS: &[CodeDoc] = &[CodeDoc {
    code: "unknown-field",
    title: "a field that does not exist",
    explanation: "It would be ignored.",
    fix: "Correct its name.",
}];

fn outcome(plan: &Plan) -> PassOutcome<'_> {
    PassOutcome {
        environment: "prod",
        cluster_id: Some("vVx3-w"),
        plan: Some(plan),
        apply: None,
        standby: false,
        problem: None,
        last_attempted_revision: Some("1a2b3c"),
        last_applied_revision: Some("9f8e7d"),
    }
}

/// The drift after an apply that is on record.
fn drift_of(plan: &Plan) -> DriftReport {
    let resources = BTreeMap::from([(ResourceId::parse("topic/orders").expect("an id"), LastApplied::default())]);
    DriftReport::new(plan, &Inventory { cluster_id: None, resources })
}

/// Every renderer's output, by name.
fn everything() -> Vec<(&'static str, String)> {
    let plan = samples::plan();
    let drift = drift_of(&plan);
    let apply = samples::apply_report();
    let validation = validation();
    vec![
        ("plan.txt", plan_text(&plan, Style::Plain, Detail::Short)),
        ("plan.md", plan_markdown(&plan)),
        ("plan.json", plan_json(&plan)),
        ("drift.txt", drift_text(&drift, Style::Plain)),
        ("drift.md", drift_markdown(&drift)),
        ("drift.json", drift_json(&drift)),
        ("status.json", status_json(&StatusReport::new(&outcome(&plan)))),
        ("apply.txt", apply_text(&apply, Style::Plain)),
        ("apply.md", apply_markdown(&apply)),
        ("apply.json", apply_json(&apply)),
        ("validation.txt", validation_text(&validation, Style::Plain)),
        ("validation.md", validation_markdown(&validation)),
        ("validation.json", validation_json(&validation)),
        ("validation.sarif", validation_sarif(&validation, DOCS)),
        ("validation.junit.xml", validation_junit(&validation)),
        ("validation.github.txt", validation_github(&validation)),
        ("validation.codequality.json", validation_codequality(&validation)),
    ]
}

#[test]
fn every_report_says_what_its_snapshot_says() {
    for (name, text) in everything() {
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn the_same_value_gives_the_same_bytes() {
    assert_eq!(everything(), everything());
}

#[test]
fn no_text_of_others_controls_a_terminal_or_a_page() {
    for (name, text) in everything() {
        let machine = name.ends_with("json") || name.ends_with("sarif") || name.ends_with("xml");
        assert!(!text.contains('\u{1b}'), "{name} lets an escape sequence through");
        assert!(!text.contains("\nDriftless-Plan: forged"), "{name} lets a line break through");
        assert!(machine || !text.contains('\u{202e}'), "{name} lets a bidirectional mark through");
        if name.ends_with(".md") {
            let outside_code: String = outside_code(&text);
            // Plans and results have their own `</details>`; see the tests of comments.
            let folds = ["plan.md", "apply.md"].contains(&name);
            for bad in ["<img", "</details>", "@admins", "<b>"].iter().filter(|bad| !folds || **bad != "</details>") {
                assert!(!outside_code.contains(bad), "{name} shows {bad} as it is:\n{outside_code}");
            }
        }
    }
}

/// Returns a Markdown text without its code spans, as CommonMark finds them: a run of backticks closes at the next run of the
/// same length.
fn outside_code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        out.push_str(&rest[..start]);
        let fence = rest[start..].chars().take_while(|c| *c == '`').count();
        let after = &rest[start + fence..];
        let mut at = 0;
        let close = loop {
            let Some(next) = after[at..].find('`') else { break None };
            let run = after[at + next..].chars().take_while(|c| *c == '`').count();
            if run == fence {
                break Some(at + next + run);
            }
            at += next + run;
        };
        rest = match close {
            Some(end) => &after[end..],
            None => after,
        };
    }
    out.push_str(rest);
    out
}

#[test]
fn a_secret_is_only_a_mark() {
    for (name, text) in everything() {
        if name.starts_with("plan.") && !name.ends_with("json") {
            assert!(text.contains("(secret) → (secret)") || text.contains("+ password: (secret)"), "{name}: {text}");
        }
    }
}

#[test]
fn colour_adds_only_escape_sequences() {
    let plan = samples::plan();
    let coloured = plan_text(&plan, Style::Colour, Detail::Full);
    assert!(coloured.contains('\u{1b}'));
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plan_text(&plan, Style::Plain, Detail::Full));
}

#[test]
fn in_sync_is_said_only_when_everything_was_looked_at() {
    let mut plan = samples::plan_in_sync();
    let says = |plan: &Plan| {
        let drift = drift_of(plan);
        let texts =
            [plan_text(plan, Style::Plain, Detail::Short), drift_text(&drift, Style::Plain), drift_markdown(&drift)];
        texts.map(|text| text.contains("In sync"))
    };
    assert_eq!(says(&plan), [true, true, true]);
    assert_eq!(drift_of(&plan).in_sync, Some(true));
    plan.findings = vec![samples::finding(OTHER_CLUSTER, Severity::Deny)];
    assert_eq!(says(&plan), [false, false, false]);
    assert_eq!(drift_of(&plan).in_sync, None);
    plan.findings = vec![samples::finding(EMPTY, Severity::Deny)];
    assert_eq!((says(&plan), drift_of(&plan).in_sync), ([false; 3], None), "git says nothing");
    plan.findings.clear();
    plan.unknown = vec![Unknown { resource: "acl".into(), reason: "no permission".into() }];
    assert_eq!(says(&plan), [false, false, false]);
    assert_eq!(drift_of(&plan).in_sync, None);
    assert!(drift_markdown(&drift_of(&plan)).starts_with("# No drift seen, but 1 thing could not be read\n"));
}

#[test]
fn what_is_not_applied_paused_or_never_recorded_is_neither_drift_nor_in_sync() {
    let create = samples::action("topic/a", ActionKind::Create, vec![]);
    let open = Plan { actions: vec![create], ..samples::plan_in_sync() };
    let left = ResourceId::parse("topic/left").expect("an id");
    let unpruned = Plan { unpruned: vec![left.clone()], ..samples::plan_in_sync() };
    let paused = Plan { paused: vec![left], ..samples::plan_in_sync() };
    let first = |plan: &Plan| DriftReport::new(plan, &Inventory::default());
    let never = "No apply is on record here, so nothing can be called drift";
    let differs = "No drift seen, but the cluster is not what git says";
    let shown =
        "1 change of git is not applied, which is no drift: `driftless plan -e prod` shows what an apply would do.";
    for (drift, in_sync, headline, next) in [
        (first(&open), Some(false), never, shown),
        (
            first(&samples::plan_in_sync()),
            Some(true),
            never,
            "`driftless apply -e prod` changes nothing and records that",
        ),
        (drift_of(&open), Some(false), differs, shown),
        (drift_of(&unpruned), Some(false), differs, shown),
        (drift_of(&paused), Some(false), differs, "left alone"),
    ] {
        assert_eq!((drift.in_sync, drift.differences()), (in_sync, 0), "{headline}");
        let text = drift_text(&drift, Style::Plain);
        assert!(text.starts_with(&format!("{headline}.\n")) && text.contains(next), "{text}");
        let page = drift_markdown(&drift);
        assert!(page.starts_with(&format!("# {headline}\n")) && page.contains(next), "{page}");
        assert!(!(text + &page).contains("In sync"), "{page}");
    }
    let json = drift_json(&first(&open));
    assert!(json.contains("\"neverApplied\": true") && json.contains("\"notApplied\": 1"), "{json}");
}

#[test]
fn looking_again_at_the_same_drift_gives_the_same_files() {
    let first = samples::plan();
    let mut later = first.clone();
    later.id = "sha256:other".into();
    later.source.revision = Some("another".into());
    later.source.base = None;
    for action in &mut later.actions {
        if let Some(evidence) = &mut action.evidence {
            evidence.records = evidence.records.map(|records| records + 1_000);
            evidence.bytes = evidence.bytes.map(|bytes| bytes * 2);
        }
        if let Some(location) = &mut action.location {
            location.line += 3;
        }
    }
    let (first, later) = (drift_of(&first), drift_of(&later));
    assert_eq!(drift_json(&first), drift_json(&later));
    assert_eq!(drift_markdown(&first), drift_markdown(&later));
}

#[test]
fn a_large_plan_is_cut_with_a_count_and_deletions_are_not_hidden() {
    let mut plan = samples::plan_in_sync();
    let create = |index: usize| samples::action(&format!("topic/t{index}"), ActionKind::Create, vec![]);
    plan.actions = (0..10_000).map(create).collect();
    plan.actions.push(samples::action("topic/zzz", ActionKind::Delete, vec![]));
    let short = plan_text(&plan, Style::Plain, Detail::Short);
    assert!(short.lines().count() < 150 && short.contains("… and 9900 more"), "{short}");
    assert!(short.contains("- delete topic/zzz"));
    assert!(plan_text(&plan, Style::Plain, Detail::Full).lines().count() > 10_000);
}

#[test]
fn the_bindings_of_one_principal_are_one_entry_however_many() {
    let mut plan = samples::plan_in_sync();
    let binding = |index: usize, operation: &str| {
        let id = format!("acl/User:alice/allow/{operation}/topic/literal/t{index}/*");
        samples::action(&id, ActionKind::Create, vec![])
    };
    plan.actions = (0..5_000).flat_map(|index| [binding(index, "Read"), binding(index, "Describe")]).collect();
    let short = plan_text(&plan, Style::Plain, Detail::Short);
    assert!(short.contains("+ create 10000 bindings of User:alice"), "{short}");
    assert!(short.contains("allow Read, Describe on topic t0, from anywhere"));
    assert!(short.contains("… and 4900 more") && short.lines().count() < 130);
    assert!(plan_markdown(&plan).contains("… and 4900 lines more"));
}

fn pass<'a>(plan: Option<&'a Plan>, apply: Option<&'a ApplyReport>, problem: Option<&'a Problem>) -> StatusReport {
    StatusReport::new(&PassOutcome {
        environment: "prod",
        cluster_id: Some("vVx3-w"),
        plan,
        apply,
        problem,
        standby: false,
        last_attempted_revision: Some("1a2b3c"),
        last_applied_revision: None,
    })
}

#[test]
fn conditions_follow_from_what_happened() {
    let in_sync = samples::plan_in_sync();
    let with = |change: &dyn Fn(&mut Plan)| {
        let mut plan = in_sync.clone();
        change(&mut plan);
        plan
    };
    let action = samples::action("topic/a", ActionKind::Create, vec![]);
    let planned = with(&|plan| plan.actions = vec![action.clone()]);
    let held = with(&|plan| plan.actions = vec![Action { status: Status::Held, ..action.clone() }]);
    let denied = with(&|plan| plan.findings = vec![samples::finding("x", Severity::Deny)]);
    let unknown = with(&|plan| plan.unknown = vec![Unknown { resource: "acl".into(), reason: "no".into() }]);
    let elsewhere = with(&|plan| plan.findings = vec![samples::finding(OTHER_CLUSTER, Severity::Deny)]);
    let unpruned = with(&|plan| plan.unpruned = action.resource().into_iter().collect());
    let done = |outcome| ApplyReport {
        plan_id: planned.id.clone(),
        environment: "prod".into(),
        results: vec![ActionResult { action_id: action.id.clone(), outcome }],
        interrupted: false,
    };
    let applied = done(Outcome::Applied);
    let failed = done(Outcome::Failed { code: "X".into(), message: "no".into(), unchanged: true });
    let down = Problem { reason: ProblemReason::ClusterUnreachable, message: "nobody answers".into() };
    let invalid = Problem { reason: ProblemReason::ManifestsInvalid, message: "3 errors".into() };
    let cases = [
        ("in sync", pass(Some(&in_sync), None, None), SyncState::Synced, "Synced", ["True", "False", "False"]),
        ("to do", pass(Some(&planned), None, None), SyncState::OutOfSync, "OutOfSync", ["False", "True", "False"]),
        (
            "applied",
            pass(Some(&planned), Some(&applied), None),
            SyncState::Synced,
            "Synced",
            ["True", "False", "False"],
        ),
        (
            "failed",
            pass(Some(&planned), Some(&failed), None),
            SyncState::OutOfSync,
            "ApplyFailed",
            ["False", "True", "False"],
        ),
        ("held", pass(Some(&held), None, None), SyncState::OutOfSync, "ActionsHeld", ["False", "False", "True"]),
        ("denied", pass(Some(&denied), None, None), SyncState::Synced, "PolicyDenied", ["False", "False", "True"]),
        (
            "elsewhere",
            pass(Some(&elsewhere), None, None),
            SyncState::Unknown,
            "PolicyDenied",
            ["False", "False", "True"],
        ),
        (
            "unknown",
            pass(Some(&unknown), None, None),
            SyncState::Unknown,
            "PartlyUnknown",
            ["Unknown", "True", "False"],
        ),
        (
            "not pruned",
            pass(Some(&unpruned), None, None),
            SyncState::OutOfSync,
            "NotPruned",
            ["False", "True", "False"],
        ),
        ("down", pass(None, None, Some(&down)), SyncState::Unknown, "ClusterUnreachable", ["False", "True", "False"]),
        (
            "invalid",
            pass(None, None, Some(&invalid)),
            SyncState::Unknown,
            "ManifestsInvalid",
            ["False", "False", "True"],
        ),
    ];
    for (name, report, sync, reason, statuses) in cases {
        assert_eq!(report.sync, sync, "{name}");
        assert_eq!(report.conditions.iter().map(|c| c.status.as_str()).collect::<Vec<_>>(), statuses, "{name}");
        assert!(report.conditions.iter().all(|condition| condition.reason == reason), "{name}: {report:#?}");
    }
}

#[test]
fn commit_messages_have_the_promised_subjects_and_trailers() {
    let plan = samples::plan();
    let trailers = commit::Trailers {
        environment: "prod".into(),
        cluster_id: HOSTILE.into(),
        revision: Some("1a2b3c".into()),
        plan: Some("sha256:01".into()),
        digest: None,
    };
    let drift = commit::drift_message(&drift_of(&plan), &trailers);
    assert_eq!(drift.lines().next(), Some("drift(prod): 4 changed, 12 unmanaged, 1 paused, 1 unknown"));
    let names: Vec<&str> = drift.lines().skip(2).filter_map(|line| line.split(':').next()).collect();
    assert_eq!(names, ["Driftless-Environment", "Driftless-Cluster-Id", "Driftless-Revision", "Driftless-Plan"]);
    let apply = commit::apply_message(&samples::apply_report(), &trailers);
    assert_eq!(apply.lines().next(), Some("apply(prod): 42 applied, 4 failed"));
    let status = commit::status_message(&pass(Some(&plan), None, None), &trailers);
    assert_eq!(status.lines().next(), Some("status(prod): OutOfSync, PolicyDenied"));
}

#[test]
fn a_status_says_which_passwords_were_not_compared() {
    let bob = ResourceId::parse("user/bob").expect("an id");
    let plan = Plan { not_compared: vec![bob], ..samples::plan_in_sync() };
    let message = "The cluster is what git says, but for 1 password, which was not compared.";
    assert_eq!(pass(Some(&plan), None, None).conditions[0].message, message);
}

#[test]
fn drift_is_what_the_cluster_moved() {
    let mut plan = samples::plan_in_sync();
    for (origin, expected) in [(Origin::Change, 0), (Origin::Adopt, 0), (Origin::Drift, 1), (Origin::Conflict, 1)] {
        let action = samples::action("topic/a", ActionKind::Create, vec![]);
        plan.actions = vec![Action { origin, reason: Reason::DeletedInCluster, ..action }];
        assert_eq!(drift_of(&plan).differences(), expected, "{origin:?}");
    }
}
