//! A plan, for people at a terminal.

use super::acls::{AclGroup, acl_groups, acl_lines};
use super::escape::clean;
use super::values::{approval, evidence, field_lines, kind_title, remarks, sign, verb};
use super::{BOLD, DIM, GREEN, RED, Style, YELLOW, counted, findings_text};
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::plan::types::{Action, ActionKind, Finding, Plan, Status};

/// How much of a large plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What a person can read: of each kind at most 100 harmless actions, and 1,000 that are held, blocked or
    /// deletions; the rest is counted.
    Short,
    /// Everything.
    Full,
}

/// The most harmless actions of one kind that [`Detail::Short`] shows.
pub(super) const MOST_PLAIN: usize = 100;
/// The most held, blocked or deleting actions of one kind that [`Detail::Short`] shows.
pub(super) const MOST_SERIOUS: usize = 1_000;
const MOST_NAMES: usize = 10;

/// Writes a plan.
pub fn plan_text(plan: &Plan, style: Style, detail: Detail) -> String {
    let mut out = header(plan, style);
    for kind in ResourceKind::ALL {
        out.push_str(&kind_text(plan, kind, style, detail));
    }
    out.push_str(&names("Paused and different", &plan.paused, "left alone until the annotation goes", detail));
    out.push_str(&names("Not pruned", &plan.unpruned, "ours, no longer in git, kept because prune is off", detail));
    out.push_str(&names("Passwords not compared", &plan.not_compared, "no secrets were given", detail));
    out.push_str(&names("Unmanaged", &plan.unmanaged, "on the cluster, in no manifest, never touched", detail));
    if !plan.unknown.is_empty() {
        out.push_str(&format!("\n{}\n", style.paint(YELLOW, "Not known, and so not planned")));
        let (shown, left_out) = select(&plan.unknown, detail, |_| false);
        for unknown in shown {
            out.push_str(&format!("  ? {}: {}\n", clean(&unknown.resource), clean(&unknown.reason)));
        }
        if left_out > 0 {
            out.push_str(&format!("  … and {left_out} more\n"));
        }
    }
    if !plan.findings.is_empty() {
        let (shown, left_out) = select(&plan.findings, detail, Finding::denies);
        let shown: Vec<Finding> = shown.into_iter().cloned().collect();
        out.push_str(&format!("\n{}", findings_text(&shown, style)));
        if left_out > 0 {
            out.push_str(&format!("\n… and {left_out} more findings\n"));
        }
    }
    out.push_str(&format!("\n{}\n", style.paint(BOLD, &summary_line(plan))));
    out.push_str(&next_steps(plan, style, detail));
    out
}

fn header(plan: &Plan, style: Style) -> String {
    let title = format!("Plan for {}", clean(&plan.environment));
    let mut out = format!(
        "{}  cluster {} ({})\n",
        style.paint(BOLD, &title),
        clean(&plan.cluster.id),
        counted(plan.cluster.brokers, "broker", "brokers")
    );
    let revision =
        plan.source.revision.as_deref().map_or("no revision".to_owned(), |id| format!("revision {}", clean(id)));
    let dirty = if plan.source.dirty { ", with uncommitted changes" } else { "" };
    let base = plan.source.base.as_deref().map(|id| format!(", last applied {}", clean(id))).unwrap_or_default();
    out.push_str(&style.paint(DIM, &format!("{revision}{dirty}{base}\n{}", clean(&plan.id))));
    out.push('\n');
    out
}

/// Returns the counts, as the last words of every plan.
pub(super) fn summary_line(plan: &Plan) -> String {
    let summary = plan.summary;
    let adopted =
        if plan.adopted.is_empty() { String::new() } else { format!(" {} adopted as they are.", plan.adopted.len()) };
    format!(
        "Plan: {} to create, {} to update, {} to delete, {} held, {} blocked.{adopted}",
        summary.create, summary.update, summary.delete, summary.held, summary.blocked
    )
}

fn kind_text(plan: &Plan, kind: ResourceKind, style: Style, detail: Detail) -> String {
    let actions: Vec<&Action> = plan.actions.iter().filter(|action| action.kind == kind).collect();
    if actions.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", style.paint(BOLD, kind_title(kind)));
    let left_out = if kind == ResourceKind::Acl {
        let groups = acl_groups(&actions);
        let (shown, left_out) = select(&groups, detail, |group| is_serious(group.first));
        out.extend(shown.into_iter().map(|group| acl_text(group, style, detail)));
        left_out
    } else {
        let (shown, left_out) = select(&actions, detail, |action| is_serious(action));
        out.extend(shown.into_iter().map(|action| action_text(action, style)));
        left_out
    };
    if left_out > 0 {
        out.push_str(&format!("  … and {left_out} more; show all of them with `--verbose`\n"));
    }
    out
}

/// Says whether leaving it out could hide what matters.
pub(super) fn is_serious(action: &Action) -> bool {
    action.status != Status::Planned || action.action == ActionKind::Delete
}

/// Returns the entries that are shown, and how many are not.
fn select<T>(entries: &[T], detail: Detail, serious: impl Fn(&T) -> bool) -> (Vec<&T>, usize) {
    let mut counts = [0, 0];
    let shown: Vec<&T> = entries
        .iter()
        .filter(|entry| {
            let serious = usize::from(serious(entry));
            counts[serious] += 1;
            detail == Detail::Full || counts[serious] <= [MOST_PLAIN, MOST_SERIOUS][serious]
        })
        .collect();
    let left_out = entries.len() - shown.len();
    (shown, left_out)
}

fn paint_sign(action: &Action, style: Style) -> String {
    let colour = match (action.status, action.action) {
        (Status::Held, _) => YELLOW,
        (Status::Blocked, _) | (Status::Planned, ActionKind::Delete) => RED,
        (Status::Planned, ActionKind::Create) => GREEN,
        (Status::Planned, ActionKind::Update) => YELLOW,
    };
    style.paint(colour, &format!("{} {}", sign(action), verb(action)))
}

fn action_text(action: &Action, style: Style) -> String {
    let resource = style.paint(BOLD, &clean(&format!("{}/{}", action.kind, action.name)));
    let mut out = format!("  {} {resource}  ({})\n", paint_sign(action, style), remarks(action));
    let width = action.fields.iter().map(|field| field.path.chars().count()).max().unwrap_or(0);
    for line in action.fields.iter().flat_map(|field| field_lines(field, width, action.action)) {
        out.push_str(&format!("      {line}\n"));
    }
    out.push_str(&details(action, style));
    out
}

fn details(action: &Action, style: Style) -> String {
    let mut out = String::new();
    if let Some(note) = &action.note {
        out.push_str(&format!("      note: {}\n", clean(note)));
    }
    if let Some(facts) = action.evidence.as_ref().and_then(evidence) {
        out.push_str(&format!("      on the cluster: {facts}\n"));
    }
    if let Some(location) = &action.location {
        out.push_str(&format!("      {}\n", style.paint(DIM, &clean(&location.to_string()))));
    }
    out
}

fn acl_text(group: &AclGroup<'_>, style: Style, detail: Detail) -> String {
    let principal = style.paint(BOLD, &clean(&group.principal));
    let mut out = format!(
        "  {} {} of {principal}  ({})\n",
        paint_sign(group.first, style),
        counted(group.actions.len(), "binding", "bindings"),
        remarks(group.first)
    );
    let lines = acl_lines(group);
    let most = match detail {
        Detail::Short if is_serious(group.first) => MOST_SERIOUS,
        Detail::Short => MOST_PLAIN,
        Detail::Full => lines.len(),
    };
    out.extend(lines.iter().take(most).map(|line| format!("      {line}\n")));
    if lines.len() > most {
        out.push_str(&format!("      … and {} more\n", lines.len() - most));
    }
    out.push_str(&details(group.first, style));
    out
}

fn names(title: &str, ids: &[ResourceId], meaning: &str, detail: Detail) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let most = match detail {
        Detail::Short => MOST_NAMES,
        Detail::Full => ids.len(),
    };
    let mut shown: Vec<String> = ids.iter().take(most).map(|id| clean(&id.to_string())).collect();
    if ids.len() > most {
        shown.push(format!("… and {} more", ids.len() - most));
    }
    format!("\n{title}: {} ({meaning})\n  {}\n", ids.len(), shown.join("\n  "))
}

fn next_steps(plan: &Plan, style: Style, detail: Detail) -> String {
    let denials = plan.findings.iter().filter(|finding| finding.denies()).count();
    let held: Vec<&str> =
        plan.actions.iter().filter(|action| action.waits_for_approval()).map(|action| action.id.as_str()).collect();
    let mut out = String::new();
    if denials > 0 {
        let refused = format!(
            "Refused: {}. Nothing of this plan can be applied.",
            counted(denials, "finding denies", "findings deny")
        );
        out.push_str(&format!("{}\n", style.paint(RED, &refused)));
    }
    let planned = plan.summary.create + plan.summary.update + plan.summary.delete;
    if denials == 0 && (planned > 0 || plan.actions.is_empty() && !plan.adopted.is_empty()) {
        out.push_str(&format!("Apply it with `driftless apply -e {}`.\n", clean(&plan.environment)));
    }
    if !held.is_empty() {
        let most = match detail {
            Detail::Short => held.len().min(MOST_PLAIN),
            Detail::Full => held.len(),
        };
        let manifest = approval(&plan.id, &held[..most]);
        let cut = if most < held.len() { format!(" (the first {most} of {})", held.len()) } else { String::new() };
        out.push_str(&format!(
            "\nHeld actions wait for an approval{cut}. Commit this, reviewed like everything else:\n\n"
        ));
        // Ids are cleaned line by line: the line breaks are ours, as ids are written as JSON strings where they hold any.
        out.extend(manifest.lines().map(|line| format!("    {}\n", clean(line))));
    }
    if plan.actions.is_empty() && denials == 0 {
        // In sync is said only when nothing is left out of the comparison.
        out.push_str(if !plan.unknown.is_empty() {
            "Nothing to do as far as could be read.\n"
        } else if !plan.paused.is_empty() || !plan.unpruned.is_empty() {
            "Nothing to do; what is listed above stays different.\n"
        } else if !plan.not_compared.is_empty() {
            "In sync but for the passwords, which were not compared.\n"
        } else {
            "In sync: nothing to do.\n"
        });
    }
    out
}
