use super::*;
use crate::domain::diagnostic::Severity;
use crate::plan::types::OTHER_CLUSTER;
use crate::report::samples;
use crate::report::status::{PassOutcome, Problem, ProblemReason};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn about() -> About {
    About {
        environment: "prod".to_owned(),
        source: "ssh://git.example.org/kafka.git".to_owned(),
        branch: "main".to_owned(),
        observes: false,
        version: "1.2.3",
        started: time("2026-06-01T00:00:00Z"),
    }
}

fn past_plan(plan: Plan) -> PastPlan {
    PastPlan { plan, applied: None, ended: time("2026-06-01T03:00:00Z") }
}

/// What a test says about the pass; the rest is as in an ordinary night.
#[derive(Default)]
struct Night {
    plan: Option<PastPlan>,
    apply: Option<ApplyReport>,
    recorded: Option<(RecordedApply, Timestamp)>,
    problem: Option<Problem>,
    details: Option<String>,
    leadership: Leadership,
    nothing_yet: bool,
}

impl Night {
    fn page(self) -> String {
        let status = StatusReport::new(&PassOutcome {
            environment: "prod",
            cluster_id: Some("vVx3-w"),
            plan: self.plan.as_ref().map(|past| &past.plan),
            apply: self.apply.as_ref(),
            standby: false,
            problem: self.problem.as_ref(),
            last_attempted_revision: Some("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"),
            last_applied_revision: Some("9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c"),
        });
        let ended = self.plan.as_ref().map_or(time("2026-06-01T03:00:00Z"), |past| past.ended);
        let pass = PastPass {
            ended,
            milliseconds: 1234,
            trigger: "schedule",
            revision: status.last_attempted_revision.clone(),
            reason: status.conditions[0].reason.clone(),
            message: status.conditions[0].message.clone(),
            ready: status.conditions[0].status == "True",
            applied: status.counts.applied,
        };
        let apply = self.apply.map(|report| PastApply { report, revision: Some("1a2b3c".to_owned()), ended });
        status_page(&StatusPage {
            about: &about(),
            leadership: &self.leadership,
            status: (!self.nothing_yet).then_some(&status),
            hint: None,
            details: self.details.as_deref(),
            plan: self.plan.as_ref(),
            apply: apply.as_ref(),
            recorded: self.recorded.as_ref(),
            drift_since: &BTreeMap::from([("topic/orders.v1/update".to_owned(), time("2026-06-01T01:30:00Z"))]),
            passes: if self.nothing_yet { &[] } else { std::slice::from_ref(&pass) },
            now: time("2026-06-01T03:12:00Z"),
            refresh: None,
        })
    }
}

/// The text between tags, as a reader of the screen hears it.
fn text(html: &str) -> String {
    let body = html.split("<body>").nth(1).expect("a body");
    let mut out = String::new();
    let mut is_tag = false;
    for c in body.chars() {
        match c {
            '<' => is_tag = true,
            '>' => {
                is_tag = false;
                out.push(' ');
            }
            c if !is_tag => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn shows(html: &str, parts: &[&str]) {
    let text = text(html);
    for part in parts {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn the_first_line_says_condition_sync_reason_and_the_next_step() {
    let of = |night: Night| text(&night.page());
    let stalled = |reason| Some(Problem { reason, message: "It is so.".to_owned() });
    let in_sync = || Some(past_plan(samples::plan_in_sync()));
    for (night, wanted) in [
        (Night { nothing_yet: true, ..Night::default() }, "Starting The first pass has not ended yet."),
        (
            Night { nothing_yet: true, leadership: Leadership::Standby, ..Night::default() },
            "Standby Another agent holds the lease",
        ),
        (Night { plan: in_sync(), ..Night::default() }, "Ready · Synced The cluster is what git says."),
        (
            Night { plan: in_sync(), leadership: Leadership::Standby, ..Night::default() },
            "Standby · Synced The cluster is what git says.",
        ),
        (
            Night { problem: stalled(ProblemReason::SourceUntrusted), ..Night::default() },
            "Stalled · Unknown · SourceUntrusted It is so. Next: Find out who replaced the branch.",
        ),
        (
            Night { problem: stalled(ProblemReason::SourceFailed), ..Night::default() },
            "Reconciling · Unknown · SourceFailed It is so. Next: Check that the repository answers",
        ),
        (
            Night { plan: Some(past_plan(samples::plan())), ..Night::default() },
            "Stalled · OutOfSync · PolicyDenied 1 finding denies; nothing was applied. Next: Correct what",
        ),
    ] {
        let page = of(night);
        assert!(page.contains(wanted), "{wanted}\n{page}");
    }
}

#[test]
fn that_nothing_drifted_is_said_only_where_something_was_compared() {
    let calm = |plan, problem| text(&Night { plan, problem, ..Night::default() }.page()).contains("Nothing drifted");
    let elsewhere = Plan { findings: vec![samples::finding(OTHER_CLUSTER, Severity::Deny)], ..samples::plan_in_sync() };
    let away = Problem { reason: ProblemReason::SourceFailed, message: "Away.".to_owned() };
    assert!(calm(Some(past_plan(samples::plan_in_sync())), None));
    assert!(!calm(None, Some(away)));
    assert!(!calm(Some(past_plan(elsewhere)), None));
}

#[test]
fn everything_that_somebody_on_call_asks_is_there() {
    let page =
        Night { plan: Some(past_plan(samples::plan())), apply: Some(samples::apply_report()), ..Night::default() }
            .page();
    shows(
        &page,
        &[
            "Source revision 1a2b3c4d5e of main",
            "Applied revision 9f8e7d6c5b",
            "Last apply 42 applied, 4 not done, interrupted of 1a2b3c 2026-06-01 03:00:00 UTC (12 min ago)",
            "Last pass schedule, took 1.2 s",
            "Cluster vVx3-w 3 brokers",
            "topic/orders.v1 was changed on the cluster to be corrected since 2026-06-01 01:30:00 UTC (1 h 42 min ago)",
            "config.retention.ms 604800000 86400000 604800000",
            "config.segment.bytes (not set) 1048576 (not set)",
            "Held, waits for an approval 1",
            "topic/orders.v0 delete (held) risk: irreversible",
            "1,234,567 records, 96.0 KiB, read by billing",
            "kind: Approval",
            "- topic/orders.v0/delete",
            "User:mallory: allow All on the cluster, from anywhere",
            "denies replication-below-minimum",
            "Unmanaged 12",
            "Topics: 12",
            "topic/bad/create failed, nothing changed INVALID_CONFIG",
            "driftless 1.2.3",
        ],
    );
    // Denials come before warnings, and those before what is waived.
    let text = text(&page);
    let place = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word}"));
    assert!(place("denies replication-below-minimum") < place("warns approval-expired"));
    assert!(place("warns approval-expired") < place("waived min-insync-replicas"));
}

#[test]
fn the_newest_apply_is_the_last_whether_this_process_made_it_or_the_report_branch_tells_of_it() {
    let recorded = |text: &str| {
        let apply = RecordedApply { applied: 7, not_done: 1, revision: Some("5e6f70".to_owned()) };
        Some((apply, time(text)))
    };
    let own = "Last apply 42 applied, 4 not done, interrupted of 1a2b3c 2026-06-01 03:00:00 UTC";
    let older = "Last apply 7 applied, 1 not done of 5e6f70 2026-06-01 02:59:59 UTC (12 min ago)";
    let newer = "Last apply 7 applied, 1 not done of 5e6f70 2026-06-01 03:00:01 UTC";
    for (apply, recorded, wanted) in [
        (None, None, "Last apply none that is known"),
        (None, recorded("2026-06-01T02:59:59Z"), older),
        (Some(samples::apply_report()), recorded("2026-06-01T02:59:59Z"), own),
        (Some(samples::apply_report()), recorded("2026-06-01T03:00:01Z"), newer),
    ] {
        let is_own = apply.is_some() && wanted == own;
        let page = Night { apply, recorded, ..Night::default() }.page();
        shows(&page, &[wanted]);
        assert_eq!(text(&page).contains("Not done in the last apply"), is_own, "{wanted}");
    }
}

#[test]
fn secrets_are_never_shown() {
    shows(
        &Night { plan: Some(past_plan(samples::plan())), ..Night::default() }.page(),
        &["password (not set) (secret) (secret)"],
    );
}

#[test]
fn names_of_others_cannot_be_markup_and_hide_nothing() {
    let page = Night {
        plan: Some(past_plan(samples::plan())),
        apply: Some(samples::apply_report()),
        details: Some(format!("error: {}", samples::HOSTILE)),
        ..Night::default()
    }
    .page();
    assert!(!page.contains("<img"), "{page}");
    for hidden in ['\u{1b}', '\u{202e}'] {
        assert!(!page.contains(hidden));
    }
    assert!(page.contains("\\u{202e}") && page.contains("\\u{1b}") && page.contains("&#60;img"), "{page}");
}

#[test]
fn what_was_applied_in_the_same_pass_is_not_shown_as_open() {
    let mut past = past_plan(samples::plan());
    let results = past.plan.actions.iter().map(|action| crate::plan::apply_report::ActionResult {
        action_id: action.id.clone(),
        outcome: crate::plan::apply_report::Outcome::Applied,
    });
    past.applied = Some(ApplyReport { results: results.collect(), interrupted: false, ..samples::apply_report() });
    past.plan.findings.clear();
    past.plan.unknown.clear();
    let page = text(&Night { plan: Some(past), ..Night::default() }.page());
    assert!(page.contains("Nothing drifted, nothing is held, blocked or to be done."), "{page}");
    assert!(!page.contains("was changed on the cluster"), "{page}");
}

#[test]
fn a_plan_of_ten_thousand_actions_makes_a_page_that_a_telephone_can_show() {
    let mut plan = samples::plan();
    let drifted = plan.actions.iter().find(|action| action.name == "orders.v1").expect("there").clone();
    let held = plan.actions.iter().find(|action| action.name == "orders.v0").expect("there").clone();
    plan.actions = (0..10_000)
        .flat_map(|index| {
            let mut pair = [drifted.clone(), held.clone()];
            for action in &mut pair {
                action.name = format!("{}-{index}", "x".repeat(200));
                action.id = format!("topic/{}/{}", action.name, action.action.as_str());
            }
            pair
        })
        .collect();
    plan.findings = vec![samples::finding(&"y".repeat(5000), crate::domain::diagnostic::Severity::Deny); 5000];
    let page = Night { plan: Some(past_plan(plan)), details: Some("z".repeat(10_000_000)), ..Night::default() }.page();
    assert!(page.len() < 600_000, "{}", page.len());
    shows(&page, &["10000", "… and 9950 more.", "… and 4950 more."]);
}

/// The pairs of colours that stand on each other, light and dark: WCAG 2.2 wants 4.5 for text, 3 for what is drawn.
#[test]
fn colours_have_enough_contrast_in_both_schemes() {
    let channel = |value: u32| {
        let part = f64::from(value) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = |colour: u32| {
        0.2126 * channel(colour >> 16) + 0.7152 * channel(colour >> 8 & 0xff) + 0.0722 * channel(colour & 0xff)
    };
    let contrast = |one: u32, other: u32| {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    };
    let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").expect("two schemes");
    let dark = dark.split("\n}\n").next().expect("a block");
    for scheme in [light, dark] {
        let colours: BTreeMap<&str, u32> = scheme
            .split(';')
            .filter_map(|part| part.rsplit_once("--")?.1.split_once(": #"))
            .map(|(name, hex)| (name, u32::from_str_radix(hex.trim(), 16).expect("a colour")))
            .collect();
        let mut pairs: Vec<(String, String, f64)> = Vec::new();
        for back in ["page", "card"] {
            for text in ["text", "muted", "link"] {
                pairs.push((text.to_owned(), back.to_owned(), 4.5));
            }
            for tone in ["ok", "busy", "warn", "bad", "idle"] {
                pairs.push((format!("{tone}-edge"), back.to_owned(), 3.0));
            }
        }
        for tone in ["ok", "busy", "warn", "bad", "idle"] {
            pairs.push((format!("{tone}-text"), format!("{tone}-back"), 4.5));
        }
        pairs.push(("text".to_owned(), "sunk".to_owned(), 4.5));
        for (text, back, least) in pairs {
            let ratio = contrast(colours[text.as_str()], colours[back.as_str()]);
            assert!(ratio >= least, "{text} on {back}: {ratio:.2}");
        }
    }
}
