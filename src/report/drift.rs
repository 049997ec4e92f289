//! Drift: what the cluster changed since the last apply. `drift.json`, `drift.md`, and text.
//!
//! Nothing in it depends on the revision, the plan or the time, and numbers that always move (records, bytes) are given in
//! steps, so that looking again at the same drift gives the same bytes.

mod acceptance;

use serde::Serialize;

pub(super) use acceptance::accept;

use super::escape::{clean, closed, markdown_block, markdown_code, markdown_prose};
use super::status::is_drift;
use super::values::{approval, field_lines, origin, reason, value, yaml};
use super::{BOLD, GREEN, RED, Style, YELLOW, counted};
use crate::domain::API_VERSION;
use crate::domain::inventory::Inventory;
use crate::domain::observed::TopicEvidence;
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::plan::types::{
    Action, ActionKind, FieldChange, Finding, Hold, OTHER_CLUSTER, Origin, Plan, Reason, Status, Unknown,
};

const MOST_IN_TITLE: usize = 3;
const MOST_SECTIONS: usize = 100;
const MOST_NAMES: usize = 20;

/// What the cluster changed since the last apply.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftReport {
    /// `driftless.dev/v1`.
    pub api_version: String,
    /// `DriftReport`.
    pub kind: String,
    /// The environment.
    pub environment: String,
    /// Kafka's cluster id.
    pub cluster_id: String,
    /// `true` when the cluster is what git says and everything could be looked at; `false` when something drifted, is paused or
    /// is not applied; else `null`: something could not be looked at, or differs and is not confirmed yet.
    pub in_sync: Option<bool>,
    /// Set when no apply is recorded: then nothing can have drifted, whatever differs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub never_applied: bool,
    /// Differences that are no drift: what git changed, and no apply has done.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_applied: usize,
    /// What drifted.
    pub drift: Vec<Drift>,
    /// Resources that differ while their manifests pause them.
    pub paused: Vec<ResourceId>,
    /// Resources on the cluster that are not ours.
    pub unmanaged: Vec<ResourceId>,
    /// What could not be read.
    pub unknown: Vec<Unknown>,
    /// Resources that differ and were not seen so in enough checks in a row to be called drifted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unconfirmed: Vec<ResourceId>,
}

/// One resource that drifted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Id of the action that repairs it.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// Its kind.
    pub kind: ResourceKind,
    /// Only the cluster moved, or git too.
    pub origin: Origin,
    /// What is different.
    pub reason: Reason,
    /// Whether an apply may repair it.
    pub status: Status,
    /// What holds it, when it is not an approval that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// What differs: `observed` is what the cluster has, `desired` what git says.
    pub fields: Vec<FieldChange>,
    /// Why it is held, blocked or risky.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who is likely to feel it, in steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affected: Option<String>,
    /// The file of git that declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip)]
    name: String,
    #[serde(skip)]
    repair: ActionKind,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl DriftReport {
    /// Reads the drift out of a plan; `inventory` is what earlier applies are known to have done.
    pub fn new(plan: &Plan, inventory: &Inventory) -> Self {
        let drift: Vec<Drift> = plan.actions.iter().filter(|action| is_drift(action)).map(of_action).collect();
        let unconfirmed = plan.actions.iter().filter(|action| action.hold == Some(Hold::DriftUnconfirmed));
        let unconfirmed: Vec<ResourceId> = unconfirmed.filter_map(Action::resource).collect();
        let mut unknown = plan.unknown.clone();
        // Nothing of another cluster was ever applied, so nothing of it can have drifted, and nothing is in sync. Where git says
        // nothing at all, that is no cluster without topics either.
        let reason = |finding: &Finding| {
            let resource = if finding.code == OTHER_CLUSTER { "cluster" } else { "repository" };
            Unknown { resource: resource.to_owned(), reason: finding.message.clone() }
        };
        unknown.extend(plan.says_nothing().map(reason));
        let not_applied = plan.actions.len() - drift.len() - unconfirmed.len() + plan.unpruned.len();
        let differs = drift.len() + not_applied + plan.paused.len() > 0;
        let in_sync = match (differs, unknown.is_empty() && unconfirmed.is_empty()) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            (false, false) => None,
        };
        Self {
            api_version: API_VERSION.to_owned(),
            kind: "DriftReport".to_owned(),
            environment: plan.environment.clone(),
            cluster_id: plan.cluster.id.clone(),
            in_sync,
            never_applied: inventory.resources.is_empty(),
            not_applied,
            drift,
            paused: plan.paused.clone(),
            unmanaged: plan.unmanaged.clone(),
            unknown,
            unconfirmed,
        }
    }

    /// Counts the differences that `--detailed-exitcode` reports with 2.
    pub fn differences(&self) -> usize {
        self.drift.len()
    }

    /// Returns the counts of commit subjects: `2 changed, 1 unmanaged`.
    pub fn counts(&self) -> String {
        let mut counts = vec![format!("{} changed", self.drift.len())];
        let more =
            [(self.unmanaged.len(), "unmanaged"), (self.paused.len(), "paused"), (self.unknown.len(), "unknown")];
        counts.extend(more.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")));
        counts.join(", ")
    }

    fn headline(&self) -> String {
        if !self.drift.is_empty() {
            let mut names: Vec<String> =
                self.drift.iter().take(MOST_IN_TITLE).map(|drift| format!("`{}`", drift.resource)).collect();
            if self.drift.len() > MOST_IN_TITLE {
                names.push(format!("{} more", self.drift.len() - MOST_IN_TITLE));
            }
            let changes = counted(self.drift.len(), "change", "changes");
            return format!("Drift: {changes} on the cluster: {}", names.join(", "));
        }
        if !self.unconfirmed.is_empty() {
            let differences = counted(self.unconfirmed.len(), "difference", "differences");
            return format!("{differences}, seen once: not known to be drift yet");
        }
        if self.never_applied {
            return "No apply is on record here, so nothing can be called drift".to_owned();
        }
        if !self.unknown.is_empty() {
            return format!("No drift seen, but {} could not be read", counted(self.unknown.len(), "thing", "things"));
        }
        match self.in_sync {
            Some(true) => "In sync: nothing changed on the cluster since the last apply".to_owned(),
            Some(false) | None => "No drift seen, but the cluster is not what git says".to_owned(),
        }
    }

    /// Says what differs and is no drift, or what makes drift visible, in a sentence.
    fn beside_drift(&self) -> Option<String> {
        let environment = yaml(&self.environment);
        if self.not_applied > 0 {
            let changes = counted(self.not_applied, "change of git is", "changes of git are");
            return Some(format!(
                "{changes} not applied, which is no drift: `driftless plan -e {environment}` shows what an apply would do."
            ));
        }
        (self.never_applied && self.in_sync == Some(true)).then(|| {
            format!(
                "The cluster is what git says: `driftless apply -e {environment}` changes nothing and records that, and from then on drift is seen."
            )
        })
    }
}

pub(super) fn of_action(action: &Action) -> Drift {
    Drift {
        action: action.id.clone(),
        resource: format!("{}/{}", action.kind, action.name),
        kind: action.kind,
        origin: action.origin,
        reason: action.reason,
        status: action.status,
        hold: action.hold,
        fields: action.fields.clone(),
        note: action.note.clone(),
        affected: affected(action),
        file: action.location.as_ref().map(|location| location.file.to_string()),
        name: action.name.clone(),
        repair: action.action,
    }
}

/// Says who is likely to feel it: groups that read the topic, the order of magnitude of what is in it, the principal of an ACL.
fn affected(action: &Action) -> Option<String> {
    match action.resource() {
        Some(ResourceId::Acl(binding)) => Some(format!("clients that log in as {}", binding.principal)),
        Some(ResourceId::User(name)) => Some(format!("clients that log in as User:{name}")),
        Some(ResourceId::Quota(entity)) => Some(format!("clients with {entity}")),
        Some(ResourceId::BrokerConfig(_)) => Some("every client of the brokers".to_owned()),
        Some(ResourceId::RuleGroup(_)) => Some("whoever relies on these alerts".to_owned()),
        Some(ResourceId::Topic(_)) | None => action.evidence.as_ref().and_then(steps),
    }
}

fn steps(evidence: &TopicEvidence) -> Option<String> {
    let mut facts = Vec::new();
    if let Some(groups) = evidence.active_groups.as_ref().filter(|groups| !groups.is_empty()) {
        let names: Vec<&str> = groups.iter().take(5).map(String::as_str).collect();
        let more = if groups.len() > 5 { " and others" } else { "" };
        facts.push(format!("consumer groups {}{more}", names.join(", ")));
    }
    facts.extend(evidence.records.map(|records| match records {
        0 => "no records".to_owned(),
        1..=9 => "a few records".to_owned(),
        _ => format!("at least {}", super::counted_large(10_u64.pow(records.ilog10()), "record", "records")),
    }));
    (!facts.is_empty()).then(|| facts.join("; "))
}

/// Says in a few words what happened.
pub(super) fn happened(drift: &Drift) -> String {
    let what = match (drift.repair, drift.reason) {
        (ActionKind::Create, _) => "was deleted on the cluster",
        (ActionKind::Delete, _) => "was added on the cluster",
        (ActionKind::Update, _) => "was changed on the cluster",
    };
    match drift.origin {
        Origin::Conflict => format!("{what}, and git moved too"),
        Origin::Drift | Origin::Change | Origin::Adopt => what.to_owned(),
    }
}

/// Writes `drift.json`.
pub fn drift_json(report: &DriftReport) -> String {
    super::json(report)
}

/// Writes `drift.md`: what somebody who is woken up by it wants to know.
pub fn drift_markdown(report: &DriftReport) -> String {
    let mut out = format!(
        "# {}\n\nEnvironment {}, cluster {}.\n",
        markdown_prose(&report.headline()),
        markdown_code(&report.environment),
        markdown_code(&report.cluster_id)
    );
    for drift in report.drift.iter().take(MOST_SECTIONS) {
        out.push_str(&drift_section(drift));
    }
    if report.drift.len() > MOST_SECTIONS {
        out.push_str(&format!("\n## … and {} more, in `drift.json`\n", report.drift.len() - MOST_SECTIONS));
    }
    out.push_str(&repair_markdown(report));
    out.extend(report.beside_drift().map(|sentence| format!("\n{}\n", markdown_prose(&sentence))));
    if !report.unknown.is_empty() {
        out.push_str("\n## Not known\n\nThis could not be read. It may have drifted too.\n\n");
        for unknown in &report.unknown {
            out.push_str(&format!("- {}: {}\n", markdown_code(&unknown.resource), markdown_prose(&unknown.reason)));
        }
    }
    out.push_str(&list_markdown(
        "Not confirmed",
        "These differ, and were not seen so in enough checks in a row to be called drift.",
        &report.unconfirmed,
    ));
    out.push_str(&list_markdown(
        "Paused",
        "These differ, and are left alone until their annotation goes.",
        &report.paused,
    ));
    out.push_str(&list_markdown(
        "Unmanaged",
        "These are on the cluster and in no manifest. driftless never touches them; `driftless import` writes manifests for them.",
        &report.unmanaged,
    ));
    out
}

fn drift_section(drift: &Drift) -> String {
    let mut out = format!("\n## {} {}\n\n", markdown_code(&drift.resource), happened(drift));
    out.push_str(&format!("What: {}.\n", reason(drift.reason)));
    if !drift.fields.is_empty() {
        out.push('\n');
    }
    for field in &drift.fields {
        if field.path == "rules" {
            let lines = field_lines(&reversed(field), 0, ActionKind::Update);
            out.push_str(&format!("From git to the cluster:\n\n{}", markdown_block("diff", &lines.join("\n"))));
            continue;
        }
        let [git, cluster, applied] = sides(field).map(|side| markdown_code(&side));
        let applied = if field.applied == field.desired || field.applied.is_none() {
            String::new()
        } else {
            format!(", last applied was {applied}")
        };
        out.push_str(&format!(
            "- {}: git says {git}, the cluster has {cluster}{applied}\n",
            markdown_code(&field.path)
        ));
    }
    if let Some(affected) = &drift.affected {
        out.push_str(&format!("\nLikely affected: {}.\n", markdown_prose(affected)));
    }
    if let Some(note) = &drift.note {
        out.push_str(&format!("\nNote: {}\n", markdown_prose(&closed(note))));
    }
    let (sentence, lines) = accept(drift);
    out.push_str(&format!("\nTo keep it instead, {}.\n", markdown_prose(&sentence)));
    out.extend(lines.map(|lines| format!("\n{}", markdown_block("yaml", &lines))));
    out
}

/// Returns what git says, what the cluster has, and what was last applied.
fn sides(field: &FieldChange) -> [String; 3] {
    [&field.desired, &field.observed, &field.applied].map(|side| value(side.as_ref()))
}

/// Turns a field around: drift is read from what git says to what the cluster has.
fn reversed(field: &FieldChange) -> FieldChange {
    FieldChange {
        path: field.path.clone(),
        applied: field.applied.clone(),
        observed: field.desired.clone(),
        desired: field.observed.clone(),
    }
}

fn repair_markdown(report: &DriftReport) -> String {
    if report.drift.is_empty() {
        return String::new();
    }
    let environment = yaml(&report.environment);
    let mut out = format!(
        "\n## How to repair\n\nLook at what would be done, then make the cluster what git says. An apply does everything that the plan shows, what git changed since the last one too:\n\n{}",
        markdown_block("sh", &format!("driftless plan -e {environment}\ndriftless apply -e {environment}"))
    );
    let with = |status: Status| report.drift.iter().filter(move |drift| drift.status == status);
    let waiting = with(Status::Held).filter(|drift| drift.hold.is_none());
    let held: Vec<&str> = waiting.map(|drift| drift.action.as_str()).collect();
    if !held.is_empty() {
        out.push_str(&format!(
            "\nHeld until a commit holds this approval:\n\n{}",
            markdown_block("yaml", &approval("drift", &held))
        ));
    }
    for drift in with(Status::Blocked).take(MOST_SECTIONS) {
        let why = drift.note.as_deref().unwrap_or(reason(drift.reason));
        out.push_str(&format!(
            "\n{} cannot be repaired by driftless: {}.\n",
            markdown_code(&drift.resource),
            markdown_prose(why)
        ));
    }
    out
}

fn list_markdown(title: &str, meaning: &str, ids: &[ResourceId]) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let mut out = format!("\n## {title} ({})\n\n{meaning}\n\n", ids.len());
    out.extend(ids.iter().take(MOST_NAMES).map(|id| format!("- {}\n", markdown_code(&id.to_string()))));
    if ids.len() > MOST_NAMES {
        out.push_str(&format!("- … and {} more, in `drift.json`\n", ids.len() - MOST_NAMES));
    }
    out
}

/// Writes the drift for a terminal.
pub fn drift_text(report: &DriftReport, style: Style) -> String {
    let colour = match report.in_sync {
        Some(true) => GREEN,
        Some(false) if !report.drift.is_empty() => RED,
        Some(false) | None => YELLOW,
    };
    let mut out = format!("{}\n", style.paint(colour, &format!("{}.", clean(&report.headline()))));
    for drift in &report.drift {
        let status = match drift.status {
            Status::Planned => "",
            Status::Held => ", held",
            Status::Blocked => ", blocked",
        };
        out.push_str(&format!(
            "\n  {} {} ({}: {}{status})\n",
            style.paint(BOLD, &clean(&drift.resource)),
            happened(drift),
            origin(drift.origin),
            reason(drift.reason)
        ));
        out.extend(drift.fields.iter().flat_map(text_lines).map(|line| format!("      {line}\n")));
        out.extend(drift.affected.as_ref().map(|affected| format!("      likely affected: {}\n", clean(affected))));
        out.extend(drift.note.as_ref().map(|note| format!("      note: {}\n", clean(note))));
        out.extend(drift.file.as_ref().map(|file| format!("      declared in {}\n", clean(file))));
    }
    for unknown in &report.unknown {
        out.push_str(&format!("  ? {} could not be read: {}\n", clean(&unknown.resource), clean(&unknown.reason)));
    }
    for id in &report.unconfirmed {
        out.push_str(&format!("  ? {} differs, and is not confirmed yet\n", clean(&id.to_string())));
    }
    out.extend(report.beside_drift().map(|sentence| format!("\n{}\n", clean(&sentence))));
    if !report.paused.is_empty() {
        let paused = counted(report.paused.len(), "resource differs and is", "resources differ and are");
        out.push_str(&format!("\n{paused} left alone, because a manifest pauses it.\n"));
    }
    if !report.unmanaged.is_empty() {
        out.push_str(&format!(
            "\n{} on the cluster that no manifest declares.\n",
            counted(report.unmanaged.len(), "resource", "resources")
        ));
    }
    if !report.drift.is_empty() {
        out.push_str(&format!(
            "\nRepair it with `driftless apply -e {}`, or change git.\n",
            clean(&report.environment)
        ));
    }
    out
}

fn text_lines(field: &FieldChange) -> Vec<String> {
    if field.path == "rules" {
        return field_lines(&reversed(field), 0, ActionKind::Update);
    }
    let [git, cluster, _] = sides(field);
    vec![format!("{}: git says {git}, the cluster has {cluster}", clean(&field.path))]
}
