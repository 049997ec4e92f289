//! What changes, per kind, as differences.

use super::LONGEST_NAME;
use super::fit::{Entry, Section};
use super::sections::folded;
use crate::domain::resource::ResourceKind;
use crate::plan::types::{Action, ActionKind, FieldChange, Plan, Status};
use crate::report::acls::{AclGroup, acl_groups, acl_lines};
use crate::report::counted;
use crate::report::escape::{clean, cut, fence};
use crate::report::plan_text::is_serious;
use crate::report::values::{evidence, field_lines, kind_title, remarks, value, verb};

/// The most lines of one entry: one group of rules or of bindings must not hide the others.
const MOST_LINES: usize = 100;

pub(super) fn of_kind(plan: &Plan, kind: ResourceKind) -> Section {
    let mut actions: Vec<&Action> = plan.actions.iter().filter(|action| action.kind == kind).collect();
    // What could hurt comes first: it is the last to be cut.
    actions.sort_by_key(|action| !is_serious(action));
    let entries: Vec<Entry> = if kind == ResourceKind::Acl {
        acl_groups(&actions).iter().map(bindings).collect()
    } else {
        actions.iter().map(|action| of_action(action).into()).collect()
    };
    let fence = fence(entries.iter().map(|entry| entry.text.as_str()));
    let (before, after) = folded(&summary(kind, &actions));
    Section {
        what: what(kind),
        rank: 7,
        share: 10,
        before: format!("{before}{fence}diff\n"),
        entries,
        after: format!("{fence}\n{after}"),
    }
}

fn what(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Topic => "actions on topics",
        ResourceKind::User => "actions on users",
        ResourceKind::Acl => "actions on ACLs",
        ResourceKind::Quota => "actions on quotas",
        ResourceKind::BrokerConfig => "actions on broker configs",
        ResourceKind::RuleGroup => "actions on rule groups",
    }
}

fn summary(kind: ResourceKind, actions: &[&Action]) -> String {
    let count = |wanted: fn(&Action) -> bool| actions.iter().filter(|action| wanted(action)).count();
    let planned = [
        (count(|action| action.status == Status::Planned && action.action == ActionKind::Create), "to create"),
        (count(|action| action.status == Status::Planned && action.action == ActionKind::Update), "to update"),
        (count(|action| action.status == Status::Planned && action.action == ActionKind::Delete), "to delete"),
        (count(|action| action.status == Status::Held), "held"),
        (count(|action| action.status == Status::Blocked), "blocked"),
    ];
    let counts: Vec<String> =
        planned.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    format!("{}: {}", kind_title(kind), counts.join(", "))
}

/// A line that only names: the colour of a difference marks it, and it can be no line of a value.
fn head(action: &Action, what: &str) -> String {
    let remarks = cut(&clean(&remarks(action)), LONGEST_NAME);
    format!("@@ {} {} @@ {remarks}\n", verb(action), cut(&clean(what), LONGEST_NAME))
}

fn of_action(action: &Action) -> String {
    let mut out = head(action, &format!("{}/{}", action.kind, action.name));
    let lines: Vec<String> = action.fields.iter().flat_map(|field| field_diff(field, action.action)).collect();
    for line in lines.iter().take(MOST_LINES) {
        out.push_str(&format!("{line}\n"));
    }
    if lines.len() > MOST_LINES {
        out.push_str(&format!("  … and {} more\n", counted(lines.len() - MOST_LINES, "line", "lines")));
    }
    if action.action == ActionKind::Delete && lines.is_empty() {
        out.push_str(&format!("- {}\n", cut(&clean(&format!("{}/{}", action.kind, action.name)), LONGEST_NAME)));
    }
    out.push_str(&facts(action));
    out
}

fn field_diff(field: &FieldChange, action: ActionKind) -> Vec<String> {
    if field.path == "rules" {
        let lines = field_lines(field, 0, action);
        let sign = match action {
            ActionKind::Create => "+",
            ActionKind::Update => " ",
            ActionKind::Delete => "-",
        };
        return match lines.as_slice() {
            [line] => vec![format!("{sign} {line}")],
            // The first line is the title, the others have their signs.
            [_, rest @ ..] => rest.to_vec(),
            [] => Vec::new(),
        };
    }
    let path = cut(&clean(&field.path), LONGEST_NAME);
    let mut lines = Vec::new();
    lines.extend(field.observed.as_ref().map(|observed| format!("- {path}: {}", value(Some(observed)))));
    lines.extend(field.desired.as_ref().map(|desired| format!("+ {path}: {}", value(Some(desired)))));
    if field.applied.is_some() && field.applied != field.observed && field.applied != field.desired {
        lines.push(format!("  {path}: {} (last applied)", value(field.applied.as_ref())));
    }
    lines
}

fn bindings(group: &AclGroup<'_>) -> Entry {
    let count = counted(group.actions.len(), "binding", "bindings");
    let mut text = head(group.first, &format!("{count} of {}", group.principal));
    let sign = match group.first.action {
        ActionKind::Create => "+",
        ActionKind::Update => "!",
        ActionKind::Delete => "-",
    };
    let lines = acl_lines(group);
    for line in lines.iter().take(MOST_LINES) {
        text.push_str(&format!("{sign} {}\n", cut(line, LONGEST_NAME)));
    }
    if lines.len() > MOST_LINES {
        text.push_str(&format!("  … and {} more\n", counted(lines.len() - MOST_LINES, "line", "lines")));
    }
    text.push_str(&facts(group.first));
    Entry { text, count: group.actions.len() }
}

fn facts(action: &Action) -> String {
    let mut out = String::new();
    if let Some(note) = &action.note {
        out.push_str(&format!("  note: {}\n", cut(&clean(note), LONGEST_NAME)));
    }
    if let Some(facts) = action.evidence.as_ref().and_then(evidence) {
        out.push_str(&format!("  on the cluster: {}\n", cut(&facts, LONGEST_NAME)));
    }
    if let Some(location) = &action.location {
        out.push_str(&format!("  {}\n", cut(&clean(&location.to_string()), LONGEST_NAME)));
    }
    out
}
