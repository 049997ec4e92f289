//! Tests of the comments: what they say is in the snapshots; that nobody's name gets out of its place is asked of a Markdown
//! parser that reads as GitHub does.

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use proptest::prelude::*;

use super::*;
use crate::domain::diagnostic::{Diagnostic, Location, Severity};
use crate::plan::types::{Action, ActionKind, Finding, Status, Unknown};
use crate::report::samples::{self, HOSTILE};

const LIMIT: CommentContext<'static> = CommentContext {
    base: Some("9f8e7d6c5b4a39281706f5e4d3c2b1a098765432"),
    head: Some("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"),
    observed: None,
    distrust: None,
    details_url: Some("https://driftless.example.org/"),
    limit: SHORTEST_LIMIT,
};

fn observed() -> CommentContext<'static> {
    let at: Timestamp = "2026-11-21T16:00:00Z".parse().expect("a time");
    let planned: Timestamp = "2026-11-21T18:30:00Z".parse().expect("a time");
    CommentContext { observed: Some(Observation { at, planned }), ..LIMIT }
}

fn denied() -> Plan {
    let mut plan = samples::plan_in_sync();
    plan.findings = vec![samples::finding("replication-below-minimum", Severity::Deny)];
    plan
}

/// Every comment, by name.
fn everything() -> Vec<(&'static str, String)> {
    let context = observed();
    let report = samples::apply_report();
    let unsigned = Distrust { commit: HOSTILE, words: HOSTILE };
    let files = ["base/topics/a.yaml".to_owned(), format!("base/{HOSTILE}.yaml")];
    vec![
        ("plan", plan_comment(&samples::plan(), &context)),
        ("in-sync", plan_comment(&samples::plan_in_sync(), &context)),
        ("denied", plan_comment(&denied(), &context)),
        ("distrusted", plan_comment(&samples::plan_in_sync(), &CommentContext { distrust: Some(unsigned), ..context })),
        ("unchanged", unchanged_comment("prod", "vVx3-w", &context)),
        ("conflict", conflict_comment("prod", "vVx3-w", &files, &context)),
        ("bad-files", bad_files_comment("prod", "vVx3-w", &samples::diagnostics(), &context)),
        (
            "not-planned",
            not_planned_comment("prod", "vVx3-w", &format!("no broker answers at `a:1` {HOSTILE}"), &context),
        ),
        ("not-applied", not_applied_comment("prod", "vVx3-w", "1a2b3c", &format!("No broker answers at {HOSTILE}."))),
        ("applied", applied_comment(&report, "vVx3-w", "1a2b3c", Some("sha256:0123"), &context)),
    ]
}

#[test]
fn every_comment_says_what_its_snapshot_says() {
    for (name, text) in everything() {
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn every_comment_begins_with_its_marker_and_stays_in_its_bounds() {
    for (name, text) in everything() {
        let first = text.lines().next().expect("a line");
        let marker = plan_comment_marker("prod", "vVx3-w");
        let applied = apply_comment_marker("prod", "vVx3-w", "1a2b3c");
        assert_eq!(first, if name.ends_with("applied") { applied } else { marker }, "{name}");
        check(&text);
    }
    assert_eq!(plan_comment_marker("prod", "a--> <b"), "<!-- driftless:plan environment=prod cluster=a_____b -->");
}

#[test]
fn only_the_time_of_the_observation_may_differ_between_comments_that_say_the_same() {
    let plan = samples::plan();
    let later: Timestamp = "2026-11-21T16:20:00Z".parse().expect("a time");
    let later = CommentContext { observed: Some(Observation { at: later, planned: later }), ..LIMIT };
    let (first, second) = (plan_comment(&plan, &observed()), plan_comment(&plan, &later));
    assert!(first != second && says_the_same(&first, &second) && says_the_same(&first, &format!("{second}\n\n")));
    assert!(!says_the_same(&first, &plan_comment(&denied(), &observed())));
}

#[test]
fn the_status_line_fits_and_fails_on_denials_only() {
    assert_eq!(plan_verdict(&denied()), (false, "Policy refuses: 1 finding denies".to_owned()));
    assert_eq!(plan_verdict(&samples::plan_in_sync()).1, "No changes: the cluster is what git will say");
    let plan = Plan { findings: Vec::new(), ..samples::plan() };
    let (passes, line) = plan_verdict(&plan);
    assert!(passes && line.chars().count() <= 140 && line.contains("1 held"), "{line}");
}

#[test]
fn an_unread_topic_is_never_said_to_be_empty() {
    let delete = samples::action("topic/orders", ActionKind::Delete, vec![]);
    let plan = Plan { actions: vec![delete], ..samples::plan_in_sync() };
    assert!(plan_comment(&plan, &LIMIT).contains("how much it holds is not known"));
}

fn long_plan() -> Plan {
    let create = |index: usize| samples::action(&format!("topic/t{index}"), ActionKind::Create, vec![]);
    let mut plan = samples::plan_in_sync();
    plan.actions = (0..10_000).map(create).collect();
    plan.actions.push(samples::action("topic/zzz", ActionKind::Delete, vec![]));
    plan.actions.push(Action { status: Status::Held, ..samples::action("topic/yyy", ActionKind::Delete, vec![]) });
    plan.findings = (0..1_500)
        .map(|index| Finding {
            message: "x y ".repeat(180),
            ..samples::finding(&format!("rule-{index}"), Severity::Deny)
        })
        .collect();
    plan.unknown = (0..500).map(|_| Unknown { resource: "acl".into(), reason: "`".repeat(5_000) }).collect();
    plan
}

#[test]
fn ten_thousand_changes_and_a_megabyte_of_findings_fit_and_hide_nothing_serious() {
    let plan = long_plan();
    for limit in [SHORTEST_LIMIT, 200_000, 1_000_000] {
        let text = plan_comment(&plan, &CommentContext { limit, ..LIMIT });
        assert!(text.len() <= limit, "{} > {limit}", text.len());
        assert!(text.len() > limit * 8 / 10, "room is left: {} of {limit}", text.len());
        check(&text);
        for needed in
            ["rule-0", "`topic/zzz`", "`topic/yyy`", "Too long for one comment", "actions on topics", "denials"]
        {
            assert!(text.contains(needed), "{needed} is missing at {limit}:\n{text}");
        }
        assert!(text.contains("How to approve") && text.contains("topic/yyy/delete"));
    }
}

#[test]
fn long_names_and_values_fit_too() {
    let long = "x`".repeat(15_000);
    let update = |index: usize| {
        let fields = vec![samples::field("config.a", None, samples::text(&long), samples::text(&long))];
        Action {
            status: Status::Held,
            note: Some("*".repeat(9_000)),
            location: Some(Location::new("d/".repeat(4_000), 1, 1)),
            ..samples::action(&format!("topic/{}{index}", "y".repeat(240)), ActionKind::Update, fields)
        }
    };
    let mut plan = samples::plan_in_sync();
    plan.actions = (0..500).map(update).collect();
    plan.unknown = (0..500).map(|_| Unknown { resource: "`".repeat(9_000), reason: "`".repeat(5_000) }).collect();
    plan.findings = vec![Finding { message: "*".repeat(20_000), ..samples::finding("x", Severity::Deny) }];
    let text = plan_comment(&plan, &LIMIT);
    assert!(text.len() <= SHORTEST_LIMIT, "{}", text.len());
    check(&text);
    let problem =
        |index: u32| Diagnostic::error("c", Some(Location::new("a", index, 1)), "z ".repeat(9_000)).help("<b>");
    let problems: Vec<Diagnostic> = (0..1_000).map(problem).collect();
    let text = bad_files_comment("prod", "c", &problems, &LIMIT);
    assert!(text.len() <= SHORTEST_LIMIT && text.contains("Too long"), "{}", text.len());
    check(&text);
}

/// Pieces that mean something to one forge or another.
const PIECES: &[&str] = &[
    "`",
    "``",
    "```",
    "~~~",
    "@admins",
    "@org/team",
    "#1",
    "org/repo#2",
    "!3",
    "$4",
    "$$",
    "GH-5",
    "~bug",
    "%1",
    "&1",
    "&amp;",
    "<!--",
    "-->",
    "<b>",
    "</details>",
    "</sub>",
    "<script>",
    "<img src=x onerror=y>",
    "|",
    "---",
    "===",
    "\n",
    "\r\n",
    "\n\n",
    "\n# h",
    "\n- l",
    "\n> q",
    "    ",
    "\t",
    "[x](http://e.example)",
    "![i](http://e.example/i)",
    "[^1]",
    "[[_TOC_]]",
    "[ ]",
    "http://e.example",
    "www.e.example",
    "a@e.example",
    ":smile:",
    "*",
    "_",
    "**",
    "__",
    "\\",
    "\\`",
    "\u{202e}",
    "\u{200b}",
    "\u{1b}[31m",
    "\0",
    "\u{2028}",
    "{{ x }}",
    "{% x %}",
    "/close",
    "\n/close",
    "deadbeefdeadbeef",
    "1.",
    "2)",
    "+",
    "é",
    "orders",
    "v1",
    " ",
    "^x^",
    "==m==",
    "::: x",
    "$`a`$",
    "```diff",
    "@@",
    "\n```\n",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A plan in which everything that others choose is this.
fn plan_with(raw: &str) -> Plan {
    let mut plan = samples::plan();
    let clean_id = raw.replace('/', "%2F");
    plan.environment = raw.to_owned();
    plan.cluster.id = raw.to_owned();
    for action in &mut plan.actions {
        action.name = clean_id.clone();
        action.id = format!("{}/{clean_id}/{}", action.kind, action.action.as_str());
        action.note = Some(raw.to_owned());
        action.approved_by = Some(raw.to_owned());
        action.location = Some(Location::new(raw, 1, 1));
        for field in &mut action.fields {
            field.path = if field.path == "rules" { "rules".to_owned() } else { raw.to_owned() };
            field.desired = samples::text(raw);
        }
        if let Some(evidence) = &mut action.evidence {
            evidence.active_groups = Some([raw.to_owned()].into());
        }
    }
    for finding in &mut plan.findings {
        finding.code = raw.to_owned();
        finding.message = raw.to_owned();
        finding.help = Some(raw.to_owned());
        finding.rule = Some(raw.to_owned());
        finding.location = Some(Location::new(raw, 1, 1));
        if let Some(waiver) = &mut finding.waived {
            waiver.reason = raw.to_owned();
            waiver.exception = raw.to_owned();
        }
    }
    for unknown in &mut plan.unknown {
        unknown.resource = raw.to_owned();
        unknown.reason = raw.to_owned();
    }
    plan
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_text_of_others_gets_out_of_its_place(raw in hostile()) {
        let details_url = (!is_link(&raw)).then_some(raw.as_str());
        let context = CommentContext { base: Some(&raw), head: Some(&raw), details_url, ..observed() };
        check(&plan_comment(&plan_with(&raw), &context));
        let problems = [Diagnostic::error(&raw, Some(Location::new(raw.clone(), 1, 1)), raw.clone()).help(raw.clone())];
        check(&bad_files_comment(&raw, &raw, &problems, &context));
        check(&conflict_comment(&raw, &raw, std::slice::from_ref(&raw), &context));
        check(&not_planned_comment(&raw, &raw, &raw, &context));
    }

    #[test]
    fn sentences_say_what_they_said(raw in hostile()) {
        let prose = crate::report::markdown_prose(&raw);
        check(&prose);
        let squeezed = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace() && *c != '`').collect() };
        prop_assert_eq!(squeezed(&shown(&prose)), squeezed(&clean(&raw)));
    }
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    (extension.strikethrough, extension.table, extension.autolink, extension.tasklist) = (true, true, true, true);
    (extension.footnotes, extension.math_dollars, extension.math_code, extension.alerts) = (true, true, true, true);
    (extension.superscript, extension.highlight) = (true, true);
    options
}

/// The HTML that the comments themselves write.
fn is_ours(html: &str) -> bool {
    html.lines().map(str::trim).filter(|line| !line.is_empty()).all(|line| {
        let inner = |before: &str, after: &str| line.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let plain = |text: &str| !text.contains(['<', '>', '@', '#', '`', '$', '&']);
        inner("<!-- driftless:", " -->").is_some_and(|fields| plain(fields) && !fields.contains("--"))
            || inner("<details><summary>", "</summary>").is_some_and(plain)
            || matches!(line, "</details>" | "<sub>" | "</sub>")
    })
}

/// Parses a text as GitHub does and fails when there is anything in it that we do not write.
#[track_caller]
fn check(text: &str) {
    let arena = Arena::new();
    let root = parse_document(&arena, text, &options());
    let mut open = 0_i32;
    for node in root.descendants() {
        match &node.data.borrow().value {
            NodeValue::HtmlBlock(block) => {
                assert!(is_ours(&block.literal), "{:?} in\n{text}", block.literal);
                open += block.literal.matches("<details>").count() as i32;
                open -= block.literal.matches("</details>").count() as i32;
                assert!(open >= 0, "closed too early:\n{text}");
            }
            NodeValue::HtmlInline(html) => assert!(is_ours(html), "{html:?} in\n{text}"),
            NodeValue::Text(words) => {
                assert!(
                    !words.contains(['@', '#', '$', '~', '^', '<', '`', '\u{202e}', '\u{1b}']),
                    "{words:?} in\n{text}"
                );
            }
            NodeValue::Link(link) => assert_eq!(link.url, "https://driftless.example.org/", "{text}"),
            NodeValue::CodeBlock(block) => {
                assert!(block.fenced && block.closed, "{text}");
                assert!(matches!(block.info.as_str(), "diff" | "yaml" | "sh"), "{:?}", block.info);
            }
            NodeValue::Document
            | NodeValue::List(_)
            | NodeValue::Item(_)
            | NodeValue::Paragraph
            | NodeValue::Heading(_)
            | NodeValue::Code(_)
            | NodeValue::Strong
            | NodeValue::SoftBreak => {}
            other => panic!("{other:?} in\n{text}"),
        }
    }
    assert_eq!(open, 0, "{text}");
}

/// Returns what people read of it.
fn shown(markdown: &str) -> String {
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &options());
    root.descendants()
        .map(|node| match &node.data.borrow().value {
            NodeValue::Text(text) => text.to_string(),
            NodeValue::Code(code) => code.literal.clone(),
            _ => String::new(),
        })
        .collect()
}

/// Writes pages for a browser, to be looked at: `DRIFTLESS_COMMENT_PAGES=DIR cargo test --lib comment::tests::pages`.
#[test]
fn pages_for_a_browser_are_written_when_asked_for() {
    #[expect(clippy::disallowed_methods, reason = "a test that people ask for by this variable")]
    let Ok(directory) = std::env::var("DRIFTLESS_COMMENT_PAGES") else { return };
    let mut options = options();
    options.render.r#unsafe = true;
    let mut pages = everything();
    pages.push(("long", plan_comment(&long_plan(), &observed())));
    pages.push(("hostile", plan_comment(&plan_with(&PIECES.concat()), &observed())));
    for (name, text) in pages {
        let body = comrak::markdown_to_html(&text, &options).replace("<details>", "<details open>");
        let style = "body{font:14px/1.5 sans-serif;max-width:900px;margin:16px auto;padding:0 16px}\
                     pre{background:#f6f8fa;padding:12px;overflow:auto}code{background:#eff1f3;padding:1px 4px}\
                     pre code{padding:0}sub{color:#555}";
        let page = format!("<!doctype html><meta charset=utf-8><title>{name}</title><style>{style}</style>{body}");
        std::fs::write(format!("{directory}/{name}.html"), page).expect("is written");
        std::fs::write(format!("{directory}/{name}.md"), text).expect("is written");
    }
}
