//! The status page in a real browser: every state, light and dark, on a screen and on a telephone; and the one that a running
//! agent serves, with its login, its headers and a keyboard.
//!
//! Pictures are left in `target/status-page/`, for people to look at.

use std::collections::BTreeMap;
use std::path::PathBuf;

use driftless::plan::types::Plan;
use driftless::report::page::{About, Leadership, PastApply, PastPass, PastPlan, StatusPage, status_page};
use driftless::report::status::{PassOutcome, Problem, ProblemReason, StatusReport};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::agent_support::{AgentDesk, RunningAgent};
use crate::support::browser::{Browser, browser};
use crate::support::ports::free_port;

const REVISION: &str = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn action(id: &str, more: Value) -> Value {
    let (resource, what) = id.rsplit_once('/').expect("an action");
    let (kind, name) = resource.split_once('/').expect("a resource");
    let mut action = json!({
        "id": id, "kind": kind, "name": name, "action": what, "origin": "change", "reason": "config-differs",
        "risk": "low", "status": "planned", "validated": true, "fields": [],
    });
    for (key, value) in more.as_object().expect("an object") {
        action[key] = value.clone();
    }
    action
}

fn plan(actions: Vec<Value>, more: Value) -> Plan {
    let mut plan = json!({
        "apiVersion": "driftless.dev/v1", "kind": "Plan", "id": "sha256:5f2c9d", "environment": "prod",
        "cluster": {"id": "q1Sh-9_ISia_zwGINzRvyQ", "brokers": 3}, "source": {"revision": REVISION, "base": REVISION},
        "summary": {"create": 0, "update": 0, "delete": 0, "held": 0, "blocked": 0, "unmanaged": 2},
        "preconditions": {"clusterId": "q1Sh-9_ISia_zwGINzRvyQ", "topicIds": {}, "observedFingerprint": "sha256:00"},
        "actions": actions, "unmanaged": ["topic/legacy.clicks", "topic/tmp-debug"], "unknown": [], "findings": [],
    });
    for (key, value) in more.as_object().expect("an object") {
        plan[key] = value.clone();
    }
    serde_json::from_value(plan).expect("a plan")
}

fn field(path: &str, applied: Value, observed: Value, desired: Value) -> Value {
    json!({"path": path, "applied": applied, "observed": observed, "desired": desired})
}

fn drifted() -> Vec<Value> {
    vec![
        action(
            "topic/financial-transactions/update",
            json!({"origin": "drift", "status": "held", "hold": "drift-not-corrected", "risk": "high",
            "note": "drift is reported and not corrected (`apply.correctDrift` is false)",
            "evidence": {"records": 1_234_567, "bytes": 734_003_200, "activeGroups": ["billing", "fraud-detection"]},
            "location": {"file": "base/payments/topics.yaml", "line": 7, "column": 5},
            "fields": [
                field("config.retention.ms", json!("604800000"), json!("3600000"), json!("604800000")),
                field("config.cleanup.policy", json!(null), json!("compact"), json!(null)),
            ]}),
        ),
        action(
            "acl/User:mallory/allow/All/cluster/literal/kafka-cluster/*/delete",
            json!({"origin": "drift", "reason": "not-in-git", "status": "held", "hold": "drift-not-corrected"}),
        ),
    ]
}

fn held() -> Value {
    action(
        "topic/orders.v0/delete",
        json!({"reason": "removed-from-git", "risk": "irreversible", "status": "held", "pruned": true,
            "note": "deletes the topic with everything in it",
            "evidence": {"records": 48_211_903, "bytes": 21_474_836_480_u64, "activeGroups": ["legacy-export"]}}),
    )
}

fn finding(code: &str, severity: &str) -> Value {
    json!({"code": code, "severity": severity, "resource": "topic/returns",
        "message": "topic `returns` has replication factor 1 in its manifest, and `prod` requires at least 3",
        "location": {"file": "base/shop/returns.yaml", "line": 4, "column": 22},
        "help": "set `replicas: 3`, or add a `PolicyException`"})
}

/// What somebody who means no good would call a topic.
const HOSTILE: &str = "</code></details><img src=x onerror=alert(1)><script>alert(2)</script>\u{202e}gnp.\u{1b}[31m";

/// A state of an agent, by name.
#[derive(Default)]
struct State {
    plan: Option<Plan>,
    problem: Option<Problem>,
    details: Option<&'static str>,
    leadership: Leadership,
    nothing_yet: bool,
}

fn states() -> Vec<(&'static str, State)> {
    let problem = |reason, message: &str| Some(Problem { reason, message: message.to_owned() });
    let many = (0..10_000).map(|index| {
        let mut one = drifted().swap_remove(0);
        one["name"] = json!(format!("topic-{index}"));
        one["id"] = json!(format!("topic/topic-{index}/update"));
        one
    });
    let hostile = vec![action(
        &format!("user/{}/update", HOSTILE.replace('/', "%2F")),
        json!({"origin": "drift", "note": HOSTILE, "fields": [field(HOSTILE, json!(HOSTILE), json!(HOSTILE), json!(HOSTILE))]}),
    )];
    vec![
        ("in-sync", State { plan: Some(plan(vec![], json!({}))), ..State::default() }),
        ("drift", State { plan: Some(plan(drifted(), json!({}))), ..State::default() }),
        (
            "held",
            State {
                plan: Some(plan(
                    vec![held(), action("topic/returns/create", json!({"reason": "not-in-cluster"}))],
                    json!({"unknown": [{"resource": "quota", "reason": "CLUSTER_AUTHORIZATION_FAILED"}]}),
                )),
                ..State::default()
            },
        ),
        (
            "denied",
            State {
                plan: Some(plan(
                    vec![action("topic/returns/create", json!({"reason": "not-in-cluster"}))],
                    json!({"findings": [finding("approval-expired", "warn"), finding("replication-below-minimum", "deny")]}),
                )),
                ..State::default()
            },
        ),
        (
            "stalled",
            State {
                plan: Some(plan(drifted(), json!({}))),
                problem: problem(ProblemReason::ManifestsInvalid, "1 of 84 files cannot be used."),
                details: Some(
                    "error[invalid-yaml]: a value is missing after `[`\n  --> base/shop/returns.yaml:3:7\n   = help: close the list with `]`\n",
                ),
                ..State::default()
            },
        ),
        (
            "retrying",
            State {
                problem: problem(
                    ProblemReason::SourceFailed,
                    "Failed to fetch `main` from `ssh://git.example.org/kafka.git`: connection refused.",
                ),
                ..State::default()
            },
        ),
        ("before-the-first-pass", State { nothing_yet: true, ..State::default() }),
        ("standby", State { nothing_yet: true, leadership: Leadership::Standby, ..State::default() }),
        ("hostile", State { plan: Some(plan(hostile, json!({}))), ..State::default() }),
        ("ten-thousand", State { plan: Some(plan(many.collect(), json!({}))), ..State::default() }),
    ]
}

impl State {
    fn page(self) -> String {
        let about = About {
            environment: "prod".to_owned(),
            source: "ssh://git.example.org/platform/kafka.git".to_owned(),
            branch: "main".to_owned(),
            observes: false,
            version: "0.1.0",
            started: time("2026-05-30T08:00:00Z"),
        };
        let before = "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c";
        let status = StatusReport::new(&PassOutcome {
            environment: "prod",
            cluster_id: self.plan.as_ref().map(|plan| plan.cluster.id.as_str()),
            plan: self.plan.as_ref(),
            apply: None,
            standby: false,
            problem: self.problem.as_ref(),
            last_attempted_revision: Some(REVISION),
            last_applied_revision: Some(if self.problem.is_some() { before } else { REVISION }),
        });
        let pass = |ended: &str, trigger, ready: bool, reason: &str, message: &str| PastPass {
            ended: time(ended),
            milliseconds: 1234,
            trigger,
            revision: Some(REVISION.to_owned()),
            reason: reason.to_owned(),
            message: message.to_owned(),
            ready,
            applied: 0,
        };
        let now = &status.conditions[0];
        let last = pass("2026-06-01T03:10:00Z", "drift check", now.status == "True", &now.reason, &now.message);
        let mut passes = vec![
            last,
            pass("2026-06-01T03:00:00Z", "drift check", true, "Synced", "The cluster is what git says."),
            pass("2026-06-01T02:50:00Z", "another try", true, "Synced", "The cluster is what git says."),
            pass(
                "2026-06-01T02:49:58Z",
                "drift check",
                false,
                "ClusterUnreachable",
                "No broker answers at `kafka-1:9093`.",
            ),
        ];
        let report = json!({"planId": "sha256:5f2c9d", "environment": "prod", "interrupted": false,
            "results": [{"actionId": "topic/orders/create", "outcome": {"result": "applied"}}]});
        let mut apply = Some(PastApply {
            report: serde_json::from_value(report).expect("a report"),
            revision: Some(REVISION.to_owned()),
            ended: time("2026-05-31T14:02:11Z"),
        });
        if self.nothing_yet {
            passes.clear();
            apply = None;
        }
        // A problem of files comes before a plan, which then is that of the pass before.
        let planned = if self.problem.is_some() { "2026-06-01T03:00:00Z" } else { "2026-06-01T03:10:00Z" };
        let plan = self.plan.map(|plan| PastPlan { plan, applied: None, ended: time(planned) });
        let since = BTreeMap::from([
            ("topic/financial-transactions/update".to_owned(), time("2026-06-01T01:30:00Z")),
            (
                "acl/User:mallory/allow/All/cluster/literal/kafka-cluster/*/delete".to_owned(),
                time("2026-06-01T03:10:00Z"),
            ),
        ]);
        status_page(&StatusPage {
            about: &about,
            leadership: &self.leadership,
            status: (!self.nothing_yet).then_some(&status),
            hint: None,
            details: self.details,
            plan: plan.as_ref(),
            apply: apply.as_ref(),
            recorded: None,
            drift_since: &since,
            passes: &passes,
            now: time("2026-06-01T03:12:00Z"),
            refresh: None,
        })
    }
}

fn pictures() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("status-page")
}

#[test]
fn every_state_can_be_read_by_everybody_on_every_screen() {
    let Some(browser) = browser() else { return };
    let desk = tempfile::tempdir().expect("a directory");
    for (name, state) in states() {
        let file = desk.path().join(format!("{name}.html"));
        std::fs::write(&file, state.page()).expect("written");
        for (width, height) in [(1200, 1000), (400, 900)] {
            for scheme in ["light", "dark"] {
                browser.resize(width, height);
                browser.prefer(scheme);
                browser.open(&format!("file://{}", file.display()));
                let case = format!("{name}, {width} wide, {scheme}");
                assert_eq!(browser.violations(), Vec::<String>::new(), "{case}");
                let is_wider = "return document.documentElement.scrollWidth > window.innerWidth";
                assert_eq!(browser.run(is_wider), json!(false), "{case} scrolls sideways");
                let background = browser.run("return getComputedStyle(document.body).backgroundColor");
                let expected = if scheme == "light" { "rgb(246, 246, 243)" } else { "rgb(18, 21, 24)" };
                assert_eq!(background, json!(expected), "{case}");
                browser.picture(&pictures().join(format!("{name}-{width}-{scheme}.png")));
                assert_eq!(browser.complaints(), Vec::<String>::new(), "{case}");
            }
        }
        // Whatever others called their things, the page is made of what its template has.
        let foreign =
            browser.run("return document.querySelectorAll('script, img, iframe, object, [onerror], [style]').length");
        assert_eq!(foreign, json!(0), "{name}");
        let deep = browser.run("return [...document.querySelectorAll('code')].some(code => code.children.length > 0)");
        assert_eq!(deep, json!(false), "{name}");
    }
}

/// Where the keyboard is: the text of what has the focus.
fn focus(browser: &Browser) -> String {
    let script = "return document.activeElement.textContent.trim().split('\\n')[0].slice(0, 60)";
    browser.run(script).as_str().expect("text").to_owned()
}

#[test]
fn a_running_agent_serves_the_page_to_a_keyboard_without_scripts() {
    let Some(browser) = browser() else { return };
    let port = free_port();
    let world =
        AgentDesk::new(&format!("http: {{listen: '127.0.0.1:{port}', tokenFile: token}}\ndrift: {{confirmations: 1}}"));
    std::fs::write(world.desk.path().join("token"), "correct-horse-battery\n").expect("written");
    world.ends_with(0);
    world.change_by_hand("orders", 24, 48);
    let agent = RunningAgent::start(&world);
    agent.answers_on(port);
    browser.without_scripts();
    browser.resize(1200, 1000);
    browser.open(&format!("http://anna:correct-horse-battery@127.0.0.1:{port}/"));
    let text = browser.run("return document.body.innerText");
    let text = text.as_str().expect("text");
    for part in ["Stalled", "DriftNotCorrected", "topic/orders", "86400000", "172800000", "reported, not corrected"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new(), "the policy of the page must allow its own parts");
    // The stylesheet counts although the policy allows nothing but it.
    assert_ne!(
        browser.run("return getComputedStyle(document.querySelector('.banner')).borderLeftStyle"),
        json!("none")
    );

    let stops = browser.run(
        "return [...document.querySelectorAll('a[href], summary, pre[tabindex]')].map(stop => stop.textContent.trim().split('\\n')[0].slice(0, 60))",
    );
    let stops: Vec<String> = serde_json::from_value(stops).expect("texts");
    assert_eq!(stops[0], "Skip to the content");
    let mut visited = Vec::new();
    for _ in &stops {
        browser.press("\u{e004}");
        let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle");
        assert_eq!(outline, json!("solid"), "the focus on {} is not seen", focus(&browser));
        visited.push(focus(&browser));
    }
    // Elements in a card that is closed are no stops, and there is none of these here.
    assert_eq!(visited, stops);
    browser.open(&format!("http://anna:correct-horse-battery@127.0.0.1:{port}/"));
    browser.press("\u{e004}");
    browser.press("\u{e007}");
    assert_eq!(browser.run("return document.activeElement.id"), json!("main"));
    browser.picture(&pictures().join("agent-1200-light.png"));
    assert_eq!(agent.end(), Some(0));
}
