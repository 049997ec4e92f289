//! A plan, for people at a terminal.

use std::collections::BTreeMap;

use super::escape::clean;
use super::values::{approval, evidence, field_lines, kind_title, remarks, sign, verb};
use super::{BOLD, DIM, GREEN, RED, Style, YELLOW, counted, findings_text};
use crate::domain::acl::{AclBinding, AclResourceType, PatternType};
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::plan::types::{Action, ActionKind, Plan, Status};

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
    out.push_str(&names("Unmanaged", &plan.unmanaged, "on the cluster, in no manifest, never touched", detail));
    if !plan.unknown.is_empty() {
        out.push_str(&format!("\n{}\n", style.paint(YELLOW, "Not known, and so not planned")));
        for unknown in &plan.unknown {
            out.push_str(&format!("  ? {}: {}\n", clean(&unknown.resource), clean(&unknown.reason)));
        }
    }
    if !plan.findings.is_empty() {
        out.push_str(&format!("\n{}", findings_text(&plan.findings, style)));
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
    let (shown, left_out) = select(&actions, detail);
    if kind == ResourceKind::Acl {
        for group in acl_groups(&shown) {
            out.push_str(&acl_text(&group, style));
        }
    } else {
        for action in shown {
            out.push_str(&action_text(action, style));
        }
    }
    if left_out > 0 {
        out.push_str(&format!("  … and {left_out} more; show all of them with `--verbose`\n"));
    }
    out
}

/// Returns the actions that are shown, and how many are not.
pub(super) fn select<'a>(actions: &[&'a Action], detail: Detail) -> (Vec<&'a Action>, usize) {
    if detail == Detail::Full {
        return (actions.to_vec(), 0);
    }
    let (mut plain, mut serious) = (0, 0);
    let shown: Vec<&Action> = actions
        .iter()
        .filter(|action| {
            let (count, most) = if action.status != Status::Planned || action.action == ActionKind::Delete {
                (&mut serious, MOST_SERIOUS)
            } else {
                (&mut plain, MOST_PLAIN)
            };
            *count += 1;
            *count <= most
        })
        .copied()
        .collect();
    let left_out = actions.len() - shown.len();
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
    for line in action.fields.iter().flat_map(|field| field_lines(field, width)) {
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

/// ACL actions of one principal that differ in nothing but the binding.
pub(super) struct AclGroup<'a> {
    pub(super) principal: String,
    pub(super) first: &'a Action,
    pub(super) actions: Vec<&'a Action>,
}

/// Gathers ACL actions by principal and by everything that is said about them.
pub(super) fn acl_groups<'a>(actions: &[&'a Action]) -> Vec<AclGroup<'a>> {
    let mut groups: Vec<AclGroup<'a>> = Vec::new();
    let mut index: BTreeMap<(String, String), usize> = BTreeMap::new();
    for action in actions {
        let principal = match action.resource() {
            Some(ResourceId::Acl(binding)) => binding.principal.to_string(),
            Some(_) | None => action.name.clone(),
        };
        let said = format!("{} {} {:?}", verb(action), remarks(action), action.note);
        let position = *index.entry((principal.clone(), said)).or_insert(groups.len());
        match groups.get_mut(position) {
            Some(group) => group.actions.push(action),
            None => groups.push(AclGroup { principal, first: action, actions: vec![action] }),
        }
    }
    groups
}

/// Returns the bindings of a group, with operations on the same thing on one line.
pub(super) fn acl_lines(group: &AclGroup<'_>) -> Vec<String> {
    let mut lines: Vec<(String, String, Vec<&'static str>)> = Vec::new();
    for action in &group.actions {
        let Some(ResourceId::Acl(binding)) = action.resource() else {
            lines.push((String::new(), clean(&action.name), Vec::new()));
            continue;
        };
        let what = format!("{}, {}", target(&binding), origin_of(&binding.host));
        let operation = binding.operation.as_str();
        match lines
            .iter_mut()
            .rev()
            .find(|(permission, target, _)| *permission == binding.permission.as_str() && *target == what)
        {
            Some((_, _, operations)) => operations.push(operation),
            None => lines.push((binding.permission.as_str().to_owned(), what, vec![operation])),
        }
    }
    lines
        .into_iter()
        .map(|(permission, what, operations)| {
            format!("{permission} {} {what}", operations.join(", ")).trim().to_owned()
        })
        .collect()
}

/// Says in words what a binding is about.
fn target(binding: &AclBinding) -> String {
    let name = clean(&binding.resource_name);
    match (binding.resource_type, binding.pattern_type) {
        (AclResourceType::Cluster, _) => "on the cluster".to_owned(),
        (kind, PatternType::Prefixed) => format!("on every {kind} that starts with {name}"),
        (kind, PatternType::Literal) if binding.resource_name == "*" => format!("on every {kind}"),
        (kind, PatternType::Literal) => format!("on {kind} {name}"),
    }
}

fn origin_of(host: &str) -> String {
    if host == "*" { "from anywhere".to_owned() } else { format!("from {}", clean(host)) }
}

fn acl_text(group: &AclGroup<'_>, style: Style) -> String {
    let principal = style.paint(BOLD, &clean(&group.principal));
    let mut out = format!(
        "  {} {} of {principal}  ({})\n",
        paint_sign(group.first, style),
        counted(group.actions.len(), "binding", "bindings"),
        remarks(group.first)
    );
    for line in acl_lines(group) {
        out.push_str(&format!("      {line}\n"));
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
        plan.actions.iter().filter(|action| action.status == Status::Held).map(|action| action.id.as_str()).collect();
    let mut out = String::new();
    if denials > 0 {
        let refused = format!(
            "Refused: {}. Nothing of this plan can be applied.",
            counted(denials, "finding denies", "findings deny")
        );
        out.push_str(&format!("{}\n", style.paint(RED, &refused)));
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
    let planned = plan.summary.create + plan.summary.update + plan.summary.delete + plan.adopted.len();
    if denials == 0 && planned > 0 {
        out.push_str(&format!("Apply it with `driftless apply -e {}`.\n", clean(&plan.environment)));
    }
    if plan.actions.is_empty() && denials == 0 {
        // In sync is said only when nothing is left out of the comparison.
        out.push_str(if !plan.unknown.is_empty() {
            "Nothing to do as far as could be read.\n"
        } else if !plan.paused.is_empty() || !plan.unpruned.is_empty() {
            "Nothing to do; what is listed above stays different.\n"
        } else {
            "In sync: nothing to do.\n"
        });
    }
    out
}
