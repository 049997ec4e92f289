//! What the template shows: every value a text, every list cut.

use std::collections::{BTreeMap, BTreeSet};

use super::super::commit::RecordedApply;
use super::super::status::{StatusReport, SyncState, is_drift};
use super::super::values::{approval, kind_title};
use super::super::{clean, counted};
use super::advice::next_step;
use super::cards::{Card, Found, Prose, When, name, took};
use super::{Leadership, PastApply, PastPlan, STYLE, StatusPage};
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::plan::apply_report::Outcome;
use crate::plan::types::{Action, Status};

/// What each list may hold; the rest is counted.
const MOST_CARDS: usize = 50;
/// Cards that are open without a click.
pub(super) const MOST_OPEN: usize = 10;
const MOST_FINDINGS: usize = 50;
const MOST_NAMES: usize = 30;
const MOST_DETAILS: usize = 100;
const LONGEST_APPROVAL: usize = 10_000;

/// A list that was cut.
pub(super) struct Cut<T> {
    pub(super) shown: Vec<T>,
    pub(super) all: usize,
    pub(super) more: usize,
}

impl<T> Cut<T> {
    fn new<S>(items: &[S], most: usize, show: impl FnMut(&S) -> T) -> Self {
        let shown: Vec<T> = items.iter().take(most).map(show).collect();
        let more = items.len() - shown.len();
        Self { shown, all: items.len(), more }
    }
}

/// The line on top.
pub(super) struct Banner {
    /// `ok`, `busy`, `bad`, `warn` or `idle`.
    pub(super) tone: &'static str,
    pub(super) state: &'static str,
    pub(super) sync: Option<&'static str>,
    pub(super) reason: Option<String>,
    pub(super) message: Prose,
    pub(super) next: Option<Prose>,
}

/// A title with a value below.
pub(super) struct Fact {
    pub(super) title: &'static str,
    pub(super) value: String,
    pub(super) is_code: bool,
    pub(super) more: Option<String>,
    pub(super) when: Option<When>,
}

/// Resources that are only named.
pub(super) struct Names {
    pub(super) title: &'static str,
    pub(super) meaning: Prose,
    pub(super) counts: String,
    pub(super) names: Cut<String>,
}

/// One line of the history.
pub(super) struct Pass {
    pub(super) when: When,
    pub(super) trigger: &'static str,
    pub(super) revision: Option<String>,
    pub(super) reason: String,
    pub(super) tone: &'static str,
    pub(super) message: Prose,
    pub(super) took: String,
}

/// What failed in the last apply.
pub(super) struct NotDone {
    pub(super) id: String,
    pub(super) word: &'static str,
    pub(super) why: Prose,
}

#[derive(askama::Template)]
#[template(path = "page.html", config = "src/report/page/askama.toml")]
pub(super) struct View {
    style: &'static str,
    icon: &'static str,
    environment: String,
    version: &'static str,
    refresh: Option<u32>,
    now: When,
    banner: Banner,
    facts: Vec<Fact>,
    details: Cut<String>,
    /// Set when the plan is not that of the last pass.
    plan_of: Option<When>,
    drift: Cut<Card>,
    held: Cut<Card>,
    approval: Option<String>,
    not_approved: usize,
    branch: String,
    blocked: Cut<Card>,
    findings: Cut<Found>,
    not_done: Cut<NotDone>,
    to_do: Cut<Card>,
    unknown: Cut<(String, Prose)>,
    names: Vec<Names>,
    passes: Vec<Pass>,
    most_open: usize,
    /// Whether the cluster was compared with git at all.
    is_compared: bool,
}

impl View {
    pub(super) fn new(page: &StatusPage<'_>) -> Self {
        let remaining = page.plan.map(remaining).unwrap_or_default();
        let of = |wanted: &dyn Fn(&Action) -> bool| -> Vec<&Action> {
            remaining.iter().copied().filter(|action| wanted(action)).collect()
        };
        let drifted = of(&is_drift);
        let waiting = of(&|action| action.waits_for_approval());
        let blocked = of(&|action| action.status == Status::Blocked && !is_drift(action));
        let to_do = of(&|action| {
            let is_elsewhere = is_drift(action) || action.waits_for_approval() || action.status == Status::Blocked;
            !is_elsewhere
        });
        let (approval, not_approved) = approval_of(page, &waiting);
        let mut findings: Vec<_> = page.plan.into_iter().flat_map(|past| &past.plan.findings).collect();
        findings.sort_by_key(|finding| Found::rank(finding));
        let unknown = page.plan.map(|past| past.plan.unknown.as_slice()).unwrap_or_default();
        let lines: Vec<&str> = page.details.unwrap_or_default().lines().collect();
        let last_pass = page.passes.first().map(|pass| pass.ended);
        let banner = banner(page);
        Self {
            style: STYLE,
            icon: icon(banner.tone),
            environment: clean(&page.about.environment),
            version: page.about.version,
            refresh: page.refresh,
            now: When::new(page.now, page.now),
            facts: facts(page),
            banner,
            details: Cut::new(&lines, MOST_DETAILS, |line| name(line)),
            plan_of: page
                .plan
                .filter(|past| last_pass.is_some_and(|last| last != past.ended))
                .map(|past| When::new(past.ended, page.now)),
            drift: Cut::new(&drifted, MOST_CARDS, |action| Card::drifted(action, page.drift_since, page.now)),
            held: Cut::new(&waiting, MOST_CARDS, |action| Card::to_do(action)),
            approval,
            not_approved,
            branch: clean(&page.about.branch),
            blocked: Cut::new(&blocked, MOST_CARDS, |action| Card::to_do(action)),
            findings: Cut::new(&findings, MOST_FINDINGS, |finding| Found::new(finding)),
            not_done: Cut::new(&failures(own_apply(page)), MOST_CARDS, not_done),
            to_do: Cut::new(&to_do, MOST_CARDS, |action| Card::to_do(action)),
            unknown: Cut::new(unknown, MOST_NAMES, |unknown| (name(&unknown.resource), Prose::new(&unknown.reason))),
            names: names(page.plan),
            passes: page.passes.iter().map(|pass| past(pass, page)).collect(),
            most_open: MOST_OPEN,
            is_compared: page.plan.is_some_and(|past| past.plan.other_cluster().is_none()),
        }
    }

    fn is_quiet(&self) -> bool {
        let n_shown = self.drift.all + self.held.all + self.blocked.all + self.findings.all;
        self.is_compared && n_shown + self.not_done.all + self.to_do.all + self.unknown.all + self.details.all == 0
    }
}

/// The actions that were not done in the pass that planned them.
fn remaining(past: &PastPlan) -> Vec<&Action> {
    let done: BTreeSet<&str> = past
        .applied
        .iter()
        .flat_map(|report| &report.results)
        .filter(|result| match result.outcome {
            Outcome::Applied | Outcome::AppliedUnconfirmed { .. } => true,
            Outcome::Failed { .. } | Outcome::NotAttempted { .. } | Outcome::Skipped { .. } => false,
        })
        .map(|result| result.action_id.as_str())
        .collect();
    past.plan.actions.iter().filter(|action| !done.contains(action.id.as_str())).collect()
}

fn banner(page: &StatusPage<'_>) -> Banner {
    let idle = |state: &'static str, message: &str| Banner {
        tone: "idle",
        state,
        sync: None,
        reason: None,
        message: Prose::new(message),
        next: None,
    };
    let Some(status) = page.status else {
        return match page.leadership {
            Leadership::Standby => {
                idle("Standby", "Another agent holds the lease; this one takes over when it is gone.")
            }
            Leadership::Alone | Leadership::Leader => {
                idle("Starting", "The first pass has not ended yet. Ask again in a few seconds.")
            }
        };
    };
    let ready = status.conditions.first();
    let reason = ready.map(|condition| condition.reason.as_str()).unwrap_or_default();
    let (state, tone) = match page.leadership {
        Leadership::Standby => ("Standby", "idle"),
        Leadership::Alone | Leadership::Leader => state(status),
    };
    let advice = page.hint.or_else(|| next_step(reason)).filter(|_| tone != "ok");
    Banner {
        tone,
        state,
        sync: Some(status.sync.as_str()),
        reason: Some(clean(reason)).filter(|reason| reason != status.sync.as_str()),
        message: Prose::new(ready.map(|condition| condition.message.as_str()).unwrap_or_default()),
        next: advice.map(Prose::new),
    }
}

fn state(status: &StatusReport) -> (&'static str, &'static str) {
    let tone = match (status.condition(), status.sync) {
        ("Stalled", _) => "bad",
        ("Ready", _) => "ok",
        (_, SyncState::Unknown) => "warn",
        (_, SyncState::Synced | SyncState::OutOfSync) => "busy",
    };
    (status.condition(), tone)
}

/// A dot of the banner's colour for the browser's tab.
fn icon(tone: &str) -> &'static str {
    match tone {
        "ok" => "%2315803d",
        "bad" => "%23b91c1c",
        "warn" => "%23b45309",
        "busy" => "%231d4ed8",
        _ => "%236b7280",
    }
}

fn fact(title: &'static str, value: impl Into<String>) -> Fact {
    Fact { title, value: value.into(), is_code: false, more: None, when: None }
}

fn facts(page: &StatusPage<'_>) -> Vec<Fact> {
    let status = page.status;
    let attempted = status.and_then(|status| status.last_attempted_revision.as_deref());
    let revision = |revision: Option<&str>| revision.map_or_else(|| "none yet".to_owned(), short);
    let mut facts = vec![Fact {
        is_code: attempted.is_some(),
        more: Some(format!("of {}", clean(&page.about.branch))),
        ..fact("Source revision", attempted.map_or_else(|| "not known".to_owned(), short))
    }];
    let applied = status.and_then(|status| status.last_applied_revision.as_deref());
    facts.push(Fact {
        is_code: applied.is_some(),
        more: applied.is_some_and(|applied| Some(applied) == attempted).then(|| "the same".to_owned()),
        ..fact("Applied revision", revision(applied))
    });
    facts.push(match (own_apply(page), page.recorded) {
        (Some(apply), _) => Fact { when: Some(When::new(apply.ended, page.now)), ..fact("Last apply", outcome(apply)) },
        (None, Some((recorded, when))) => {
            Fact { when: Some(When::new(*when, page.now)), ..fact("Last apply", recorded_outcome(recorded)) }
        }
        (None, None) => fact("Last apply", "none that is known"),
    });
    facts.push(match page.passes.first() {
        Some(pass) => {
            let value = format!("{}, took {}", pass.trigger, took(pass.milliseconds));
            Fact { when: Some(When::new(pass.ended, page.now)), ..fact("Last pass", value) }
        }
        None => fact("Last pass", "none yet"),
    });
    if let Some(id) = status.and_then(|status| status.cluster_id.as_deref()) {
        let brokers = page.plan.map(|past| counted(past.plan.cluster.brokers, "broker", "brokers"));
        facts.push(Fact { is_code: true, more: brokers, ..fact("Cluster", name(id)) });
    }
    let mode = if page.about.observes { "observe: writes nothing to the cluster" } else { "apply" };
    facts.push(fact("Mode", mode));
    match page.leadership {
        Leadership::Alone => {}
        Leadership::Leader => facts.push(fact("Lease", "this agent holds it")),
        Leadership::Standby => facts.push(fact("Lease", "another agent holds it")),
    }
    facts.push(Fact { is_code: true, ..fact("Repository", name(&page.about.source)) });
    let started = Some(When::new(page.about.started, page.now));
    facts.push(Fact { when: started, ..fact("Agent", format!("driftless {}, started", page.about.version)) });
    facts
}

/// Returns the part of a commit id that people say.
fn short(revision: &str) -> String {
    name(&revision.chars().take(10).collect::<String>())
}

/// The last apply, when it was this agent that made it since it was started.
fn own_apply<'a>(page: &StatusPage<'a>) -> Option<&'a PastApply> {
    page.apply.filter(|apply| page.recorded.is_none_or(|(_, recorded)| *recorded <= apply.ended))
}

fn outcome(apply: &PastApply) -> String {
    let report = &apply.report;
    let mut words = tally(report.applied(), report.not_done());
    if report.interrupted {
        words.push_str(", interrupted");
    }
    words + &of_revision(apply.revision.as_deref())
}

fn recorded_outcome(apply: &RecordedApply) -> String {
    tally(apply.applied, apply.not_done) + &of_revision(apply.revision.as_deref())
}

fn tally(applied: usize, not_done: usize) -> String {
    if not_done > 0 { format!("{applied} applied, {not_done} not done") } else { format!("{applied} applied") }
}

fn of_revision(revision: Option<&str>) -> String {
    revision.map(|revision| format!(" of {}", short(revision))).unwrap_or_default()
}

/// The manifest that lets the held actions through, as far as a page can hold it, and how many it leaves out.
fn approval_of(page: &StatusPage<'_>, waiting: &[&Action]) -> (Option<String>, usize) {
    let Some(past) = page.plan.filter(|_| !waiting.is_empty()) else { return (None, 0) };
    let mut room = LONGEST_APPROVAL;
    let fits = |action: &&&Action| {
        let size = action.id.len() + 10;
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    };
    let ids: Vec<&str> = waiting.iter().take_while(fits).map(|action| action.id.as_str()).collect();
    (Some(approval(&past.plan.id, &ids)), waiting.len() - ids.len())
}

fn failures(apply: Option<&PastApply>) -> Vec<(&str, &Outcome)> {
    let results = apply.into_iter().flat_map(|apply| &apply.report.results);
    let failed = results.filter(|result| match result.outcome {
        Outcome::Applied | Outcome::Skipped { .. } => false,
        Outcome::AppliedUnconfirmed { .. } | Outcome::Failed { .. } | Outcome::NotAttempted { .. } => true,
    });
    failed.map(|result| (result.action_id.as_str(), &result.outcome)).collect()
}

fn not_done((id, outcome): &(&str, &Outcome)) -> NotDone {
    let (word, why) = match outcome {
        Outcome::Failed { code, message, unchanged: true } => ("failed, nothing changed", format!("{code}: {message}")),
        Outcome::Failed { code, message, unchanged: false } => {
            ("failed, may have landed", format!("{code}: {message}"))
        }
        Outcome::AppliedUnconfirmed { message } => ("not confirmed", message.clone()),
        Outcome::NotAttempted { reason } => ("not tried", reason.clone()),
        Outcome::Applied | Outcome::Skipped { .. } => ("", String::new()),
    };
    NotDone { id: name(id), word, why: Prose::new(&why) }
}

fn names(past: Option<&PastPlan>) -> Vec<Names> {
    let Some(PastPlan { plan, .. }) = past else { return Vec::new() };
    let lists: [(&'static str, &str, &[ResourceId]); 4] = [
        (
            "Unmanaged",
            "On the cluster and in no manifest. Never touched; `driftless import` writes manifests for them.",
            &plan.unmanaged,
        ),
        ("Paused and different", "Left alone until their annotation goes.", &plan.paused),
        ("Not pruned", "Left git, and stay because prune is off.", &plan.unpruned),
        ("Passwords not compared", "The secret could not be had.", &plan.not_compared),
    ];
    let given = lists.into_iter().filter(|(_, _, ids)| !ids.is_empty());
    given
        .map(|(title, meaning, ids)| Names {
            title,
            meaning: Prose::new(meaning),
            counts: counts(ids),
            names: Cut::new(ids, MOST_NAMES, |id| name(&id.to_string())),
        })
        .collect()
}

fn counts(ids: &[ResourceId]) -> String {
    let mut of_kind: BTreeMap<ResourceKind, usize> = BTreeMap::new();
    for id in ids {
        *of_kind.entry(id.kind()).or_default() += 1;
    }
    let words: Vec<String> = of_kind.iter().map(|(kind, count)| format!("{}: {count}", kind_title(*kind))).collect();
    words.join(", ")
}

fn past(pass: &super::PastPass, page: &StatusPage<'_>) -> Pass {
    let applied = if pass.applied > 0 { format!(" Applied {}.", pass.applied) } else { String::new() };
    Pass {
        when: When::new(pass.ended, page.now),
        trigger: pass.trigger,
        revision: pass.revision.as_deref().map(short),
        reason: clean(&pass.reason),
        tone: if pass.ready { "ok" } else { "bad" },
        message: Prose::new(&format!("{}{applied}", pass.message)),
        took: took(pass.milliseconds),
    }
}
