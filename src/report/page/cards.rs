//! Actions, findings and values, in the shapes that the template shows.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::acls::{acl_groups, acl_lines};
use super::super::drift::{accept, happened, of_action};
use super::super::escape::{clean, cut};
use super::super::values::{evidence, field_lines, origin, reason, risk, value, verb};
use crate::domain::diagnostic::Severity;
use crate::domain::resource::ResourceKind;
use crate::plan::types::{Action, FieldChange, Finding, Hold, Origin, Risk, Status};

/// The most characters of a sentence that others wrote.
const LONGEST_SENTENCE: usize = 600;
/// The most characters of a name.
const LONGEST_NAME: usize = 300;
const MOST_FIELDS: usize = 20;
const MOST_RULE_LINES: usize = 60;

/// A sentence, of which what stands between backticks is code.
pub(super) struct Prose(pub(super) Vec<(bool, String)>);

impl Prose {
    pub(super) fn new(text: &str) -> Self {
        let text = cut(&clean(text), LONGEST_SENTENCE);
        let parts: Vec<&str> = text.split('`').collect();
        if parts.len().is_multiple_of(2) {
            // An odd number of backticks does not pair; then none of them is code.
            return Self(vec![(false, text)]);
        }
        let parts = parts.iter().enumerate().filter(|(_, part)| !part.is_empty());
        Self(parts.map(|(index, part)| (index % 2 == 1, (*part).to_owned())).collect())
    }
}

/// A time, with how long ago that was.
pub(super) struct When {
    pub(super) machine: String,
    pub(super) shown: String,
    pub(super) ago: String,
}

impl When {
    pub(super) fn new(time: Timestamp, now: Timestamp) -> Self {
        let shown = time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        Self { machine: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), shown, ago: ago(now.duration_since(time)) }
    }
}

/// Says how long ago something was, in the one or two units that matter.
pub(super) fn ago(past: SignedDuration) -> String {
    let seconds = past.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) if seconds < 2 => "just now".to_owned(),
        (0, 0, 0) => format!("{seconds} s ago"),
        (0, 0, _) => format!("{minutes} min ago"),
        (0, ..) => format!("{hours} h {} min ago", minutes % 60),
        (1, ..) => format!("1 day {} h ago", hours % 24),
        _ => format!("{days} days ago"),
    }
}

/// Says how long something took.
pub(super) fn took(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1000),
    }
}

/// A word on a card that stands out.
pub(super) struct Tag {
    pub(super) word: String,
    pub(super) tone: &'static str,
}

/// One field of a card.
pub(super) struct Row {
    pub(super) path: String,
    pub(super) applied: String,
    pub(super) observed: String,
    pub(super) desired: String,
}

/// A line of a difference of rules.
pub(super) struct Line {
    pub(super) tone: &'static str,
    pub(super) text: String,
}

/// One action.
pub(super) struct Card {
    pub(super) resource: String,
    pub(super) what: String,
    pub(super) tags: Vec<Tag>,
    pub(super) since: Option<When>,
    pub(super) meaning: Option<String>,
    pub(super) rows: Vec<Row>,
    pub(super) more_rows: usize,
    pub(super) lines: Vec<Line>,
    pub(super) note: Option<Prose>,
    pub(super) evidence: Option<String>,
    pub(super) affected: Option<String>,
    pub(super) place: Option<String>,
    /// How to take it into git instead: a sentence, and the lines to write.
    pub(super) accept: Option<(Prose, Option<String>)>,
}

impl Card {
    /// Shows an action as something that is to be done.
    pub(super) fn to_do(action: &Action) -> Self {
        let mut card = Self::plain(action);
        card.what = verb(action);
        card.tags.push(Tag { word: format!("{}: {}", origin(action.origin), reason(action.reason)), tone: "idle" });
        card
    }

    /// Shows an action as drift: what the cluster changed.
    pub(super) fn drifted(action: &Action, since: &BTreeMap<String, Timestamp>, now: Timestamp) -> Self {
        let drift = of_action(action);
        let mut card = Self::plain(action);
        card.what = happened(&drift);
        card.since = since.get(&action.id).map(|since| When::new(*since, now));
        card.tags.insert(0, state(action));
        card.affected = drift.affected.as_ref().map(|affected| cut(&clean(affected), LONGEST_SENTENCE));
        let (sentence, lines) = accept(&drift);
        card.accept = Some((Prose::new(&sentence), lines.map(|lines| cut(&lines, 2000))));
        card
    }

    fn plain(action: &Action) -> Self {
        let (rules, fields): (Vec<&FieldChange>, Vec<&FieldChange>) =
            action.fields.iter().partition(|field| field.path == "rules");
        let is_binding = action.kind == ResourceKind::Acl;
        let tone = if action.risk == Risk::Irreversible { "bad" } else { "warn" };
        let risk = risk(action.risk).map(|word| Tag { word: word.to_owned(), tone });
        Self {
            resource: name(&format!("{}/{}", action.kind, action.name)),
            what: String::new(),
            tags: risk.into_iter().collect(),
            since: None,
            meaning: is_binding.then(|| binding(action)),
            rows: fields.iter().take(MOST_FIELDS).map(|field| row(field)).collect(),
            more_rows: fields.len().saturating_sub(MOST_FIELDS),
            lines: rules.iter().flat_map(|field| rule_lines(field, action)).take(MOST_RULE_LINES).collect(),
            note: action.note.as_deref().map(Prose::new),
            evidence: action.evidence.as_ref().and_then(evidence),
            affected: None,
            place: action.location.as_ref().map(|location| name(&location.to_string())),
            accept: None,
        }
    }
}

/// Cuts a name that nobody could read to its end.
pub(super) fn name(text: &str) -> String {
    cut(&clean(text), LONGEST_NAME)
}

/// Says what becomes of a drifted resource.
fn state(action: &Action) -> Tag {
    let (word, tone) = match (action.status, action.hold, action.origin) {
        (Status::Held, Some(Hold::DriftNotCorrected), _) => ("reported, not corrected", "warn"),
        (Status::Held, Some(Hold::DriftUnconfirmed), _) => ("seen once, not confirmed yet", "idle"),
        (Status::Held, Some(Hold::Contested), _) => ("contested: somebody changes it back", "warn"),
        (Status::Held, None, _) => ("held: needs an approval", "warn"),
        (Status::Blocked, ..) => ("blocked", "bad"),
        (Status::Planned, _, Origin::Conflict) => ("to be corrected; git moved too", "busy"),
        (Status::Planned, _, Origin::Drift | Origin::Change | Origin::Adopt) => ("to be corrected", "busy"),
    };
    Tag { word: word.to_owned(), tone }
}

fn row(field: &FieldChange) -> Row {
    let [applied, observed, desired] =
        [&field.applied, &field.observed, &field.desired].map(|side| value(side.as_ref()));
    Row { path: name(&field.path), applied, observed, desired }
}

fn rule_lines(field: &FieldChange, action: &Action) -> Vec<Line> {
    let tone = |line: &str| match line.as_bytes().first() {
        Some(b'-') => "gone",
        Some(b'+') => "new",
        Some(_) | None => "same",
    };
    field_lines(field, 0, action.action).into_iter().map(|text| Line { tone: tone(&text), text }).collect()
}

/// Says in words what a binding allows.
fn binding(action: &Action) -> String {
    let groups = acl_groups(&[action]);
    let lines = groups.iter().flat_map(|group| {
        acl_lines(group).into_iter().map(|line| format!("{}: {line}", clean(&group.principal))).collect::<Vec<_>>()
    });
    cut(&lines.collect::<Vec<_>>().join("; "), LONGEST_SENTENCE)
}

/// What policy found.
pub(super) struct Found {
    pub(super) word: &'static str,
    pub(super) tone: &'static str,
    pub(super) code: String,
    pub(super) message: Prose,
    pub(super) place: Option<String>,
    pub(super) help: Option<Prose>,
    pub(super) waiver: Option<String>,
}

impl Found {
    pub(super) fn new(finding: &Finding) -> Self {
        let (word, tone) = match (&finding.waived, finding.severity) {
            (Some(_), _) => ("waived", "idle"),
            (None, Severity::Deny) => ("denies", "bad"),
            (None, Severity::Warn) => ("warns", "warn"),
        };
        Self {
            word,
            tone,
            code: name(&finding.code),
            message: Prose::new(&finding.message),
            place: finding.location.as_ref().map(|location| name(&location.to_string())),
            help: finding.help.as_deref().filter(|_| finding.waived.is_none()).map(Prose::new),
            waiver: finding.waived.as_ref().map(|waiver| cut(&clean(&waiver.sentence()), LONGEST_SENTENCE)),
        }
    }

    /// What stops everything comes first, what is waived last.
    pub(super) fn rank(finding: &Finding) -> u8 {
        match (&finding.waived, finding.severity) {
            (None, Severity::Deny) => 0,
            (None, Severity::Warn) => 1,
            (Some(_), Severity::Deny | Severity::Warn) => 2,
        }
    }
}
