//! The parts of a comment about a plan, in their order: what needs attention, then details.

use super::diff::of_kind;
use super::fit::{Entry, Section};
use super::{LONGEST_NAME, LONGEST_SENTENCE, approval_lines, name};
use crate::domain::acl::AclPermission;
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::plan::types::{Action, ActionKind, Finding, Hold, Plan, Risk, Status};
use crate::report::acls::{acl_groups, acl_lines};
use crate::report::escape::{cut, fence, markdown_prose};
use crate::report::findings::finding_markdown;
use crate::report::values::{approval_after, approval_before, bytes, evidence, reason};
use crate::report::{counted, counted_large};

/// The most lines of one entry.
const MOST_BINDINGS: usize = 50;

pub(super) fn of_plan(plan: &Plan) -> Vec<Section> {
    let mut sections = vec![
        denied(plan),
        irreversible(plan),
        lost_access(plan),
        held(plan),
        approval(plan),
        blocked(plan),
        unknown(plan),
    ];
    sections.extend(ResourceKind::ALL.into_iter().map(|kind| of_kind(plan, kind)));
    sections.push(other_findings(plan));
    for (title, what, ids) in [
        ("Paused and different", "paused resources", &plan.paused),
        ("Not pruned: ours, no longer in git", "unpruned resources", &plan.unpruned),
        ("Passwords not compared", "passwords", &plan.not_compared),
        ("Adopted as they are", "adopted resources", &plan.adopted),
        ("Unmanaged, never touched", "unmanaged resources", &plan.unmanaged),
    ] {
        sections.push(names(title, what, ids));
    }
    sections.retain(|section| !section.entries.is_empty());
    sections
}

fn heading(title: &str) -> String {
    format!("\n#### {title}\n\n")
}

/// Returns what stands before and after something that is folded. The title is ours, never a name.
pub(super) fn folded(title: &str) -> (String, String) {
    (format!("\n<details><summary>{title}</summary>\n\n"), "\n</details>\n".to_owned())
}

fn denied(plan: &Plan) -> Section {
    let denials = plan.findings.iter().filter(|finding| finding.denies());
    Section {
        what: "denials",
        rank: 0,
        share: 30,
        before: heading("Denied by policy"),
        entries: denials.map(|finding| finding_markdown(finding).into()).collect(),
        after: String::new(),
    }
}

fn irreversible(plan: &Plan) -> Section {
    let is_one = |action: &&Action| {
        let loses_data = action.kind == ResourceKind::Topic && action.action == ActionKind::Delete;
        action.status != Status::Blocked && (loses_data || action.risk == Risk::Irreversible)
    };
    let actions: Vec<&Action> = plan.actions.iter().filter(is_one).collect();
    let total = destroyed(&actions);
    Section {
        what: "irreversible actions",
        rank: 1,
        share: 20,
        before: format!("{}{total}", heading("Cannot be taken back")),
        entries: actions.into_iter().map(|action| irreversible_entry(action).into()).collect(),
        after: String::new(),
    }
}

fn irreversible_entry(action: &Action) -> String {
    let facts = action.evidence.as_ref().and_then(evidence).map(|facts| cut(&facts, LONGEST_SENTENCE));
    let facts = match (action.action, facts) {
        (ActionKind::Delete, Some(facts)) => format!(": destroys {}", markdown_prose(&facts)),
        (ActionKind::Delete, None) if action.kind == ResourceKind::Topic => {
            ": how much it holds is not known".to_owned()
        }
        (ActionKind::Create | ActionKind::Update, Some(facts)) => {
            format!(": on the cluster are {}", markdown_prose(&facts))
        }
        (ActionKind::Create | ActionKind::Update | ActionKind::Delete, None) => String::new(),
    };
    format!("- {}{facts}{}\n", title(action), note(action))
}

/// Sums up what deletions would destroy; says so when a part of it is not known.
fn destroyed(actions: &[&Action]) -> String {
    let is_delete = |action: &&&Action| action.kind == ResourceKind::Topic && action.action == ActionKind::Delete;
    let deletes: Vec<&&Action> = actions.iter().filter(is_delete).collect();
    if deletes.len() < 2 {
        return String::new();
    }
    let sum = |value: fn(&Action) -> Option<u64>| -> (u64, bool) {
        let values: Vec<Option<u64>> = deletes.iter().map(|action| value(action)).collect();
        let known = values.iter().flatten().fold(0_u64, |sum, value| sum.saturating_add(*value));
        (known, values.iter().all(Option::is_some))
    };
    let (records, all_records) = sum(|action| action.evidence.as_ref()?.records);
    let (size, all_sizes) = sum(|action| action.evidence.as_ref()?.bytes);
    let at_least = if all_records && all_sizes { "" } else { "at least " };
    format!(
        "{} of topics, which destroy {at_least}{} and {}:\n\n",
        counted_large(deletes.len() as u64, "deletion", "deletions"),
        counted_large(records, "record", "records"),
        bytes(size)
    )
}

fn lost_access(plan: &Plan) -> Section {
    let takes = |action: &&Action| match (action.status, action.kind, action.action) {
        (Status::Blocked, _, _) => false,
        (_, ResourceKind::User, ActionKind::Delete) => true,
        (_, ResourceKind::Acl, kind) => {
            let permission = match action.resource() {
                Some(ResourceId::Acl(binding)) => Some(binding.permission),
                Some(_) | None => None,
            };
            match kind {
                ActionKind::Delete => permission != Some(AclPermission::Deny),
                ActionKind::Create | ActionKind::Update => permission == Some(AclPermission::Deny),
            }
        }
        (_, _, _) => false,
    };
    let actions: Vec<&Action> = plan.actions.iter().filter(takes).collect();
    let (bindings, users): (Vec<&Action>, Vec<&Action>) =
        actions.into_iter().partition(|action| action.kind == ResourceKind::Acl);
    let mut entries: Vec<Entry> = users
        .iter()
        .map(|action| format!("- {}: loses its credentials{}\n", title(action), note(action)).into())
        .collect();
    for group in acl_groups(&bindings) {
        let lines = acl_lines(&group);
        let what = if group.first.action == ActionKind::Delete { "loses" } else { "is denied" };
        let held = if group.first.status == Status::Held { " (held)" } else { "" };
        let mut text = format!("- {} {what}{held}{}\n", name(&group.principal), note(group.first));
        text.extend(lines.iter().take(MOST_BINDINGS).map(|line| format!("  - {}\n", name(line))));
        if lines.len() > MOST_BINDINGS {
            text.push_str(&format!("  - … and {} more\n", lines.len() - MOST_BINDINGS));
        }
        entries.push(Entry { text, count: group.actions.len() });
    }
    Section {
        what: "losses of access",
        rank: 2,
        share: 15,
        before: heading("Who loses access"),
        entries,
        after: String::new(),
    }
}

fn held(plan: &Plan) -> Section {
    let held: Vec<&Action> = plan.actions.iter().filter(|action| action.waits_for_approval()).collect();
    let before = format!(
        "{}{} until a reviewed commit holds an approval that names it.\n\n",
        heading("Held"),
        if held.len() == 1 { "This action waits" } else { "Each of these actions waits" }
    );
    Section {
        what: "held actions",
        rank: 3,
        share: 15,
        before,
        entries: held
            .into_iter()
            .map(|action| format!("- {}{}{}\n", title(action), note(action), place(action)).into())
            .collect(),
        after: String::new(),
    }
}

fn approval(plan: &Plan) -> Section {
    let ids: Vec<&str> =
        plan.actions.iter().filter(|action| action.waits_for_approval()).map(|action| action.id.as_str()).collect();
    let lines = approval_lines(&ids);
    let fence = fence(lines.iter().map(String::as_str));
    let (before, after) = folded("How to approve: commit this, with a reason and a date");
    Section {
        what: "lines of the approval",
        rank: 6,
        share: 10,
        before: format!("{before}{fence}yaml\n{}", approval_before(&plan.id)),
        entries: lines.into_iter().map(Entry::from).collect(),
        after: format!("{}{fence}\n{after}", approval_after()),
    }
}

fn blocked(plan: &Plan) -> Section {
    let blocked = plan.actions.iter().filter(|action| action.status == Status::Blocked);
    let entry = |action: &Action| {
        let why = match &action.note {
            Some(_) => note(action),
            None => format!(": {}", reason(action.reason)),
        };
        format!("- {}{why}{}\n", title(action), place(action))
    };
    Section {
        what: "blocked actions",
        rank: 4,
        share: 10,
        before: heading("Blocked"),
        entries: blocked.map(|action| entry(action).into()).collect(),
        after: String::new(),
    }
}

fn unknown(plan: &Plan) -> Section {
    let entry = |resource: &str, reason: &str| {
        format!("- {}: {}\n", name(resource), markdown_prose(&cut(reason, LONGEST_SENTENCE)))
    };
    Section {
        what: "things that are not known",
        rank: 5,
        share: 10,
        before: heading("Not known, and so not planned"),
        entries: plan.unknown.iter().map(|unknown| entry(&unknown.resource, &unknown.reason).into()).collect(),
        after: String::new(),
    }
}

fn other_findings(plan: &Plan) -> Section {
    let others: Vec<&Finding> = plan.findings.iter().filter(|finding| !finding.denies()).collect();
    let waived = others.iter().filter(|finding| finding.waived.is_some()).count();
    let title = format!("{}, {waived} waived", counted(others.len() - waived, "warning", "warnings"));
    let (before, after) = folded(&title);
    Section {
        what: "warnings",
        rank: 8,
        share: 5,
        before,
        entries: others.into_iter().map(|finding| finding_markdown(finding).into()).collect(),
        after,
    }
}

fn names(title: &'static str, what: &'static str, ids: &[ResourceId]) -> Section {
    let (before, after) = folded(&format!("{title}: {}", ids.len()));
    Section {
        what,
        rank: 9,
        share: 1,
        before,
        entries: ids.iter().map(|id| format!("- {}\n", name(&id.to_string())).into()).collect(),
        after,
    }
}

/// Returns what is done to what: `delete (held)` and the resource.
pub(super) fn title(action: &Action) -> String {
    format!("{} {}", crate::report::values::verb(action), name(&format!("{}/{}", action.kind, action.name)))
}

fn note(action: &Action) -> String {
    let why = match (&action.note, action.hold) {
        (Some(note), _) => note.as_str(),
        (None, Some(Hold::DriftNotCorrected)) => "the settings leave drift as it is",
        (None, Some(Hold::DriftUnconfirmed)) => "the drift is not confirmed yet",
        (None, Some(Hold::Contested)) => "somebody else keeps changing it back",
        (None, None) => "",
    };
    let why = if why.is_empty() { String::new() } else { format!(": {}", markdown_prose(&cut(why, LONGEST_SENTENCE))) };
    // The approval may be part of the very change that reviewers look at.
    let approval = action.approved_by.as_ref().map(|approval| format!("; approved by {}", name(approval)));
    format!("{why}{}", approval.unwrap_or_default())
}

fn place(action: &Action) -> String {
    let place = action.location.as_ref().map(|location| cut(&location.to_string(), LONGEST_NAME));
    place.map(|place| format!(" ({})", name(&place))).unwrap_or_default()
}
