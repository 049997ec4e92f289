//! A plan, for a pull request.

use super::acls::{acl_groups, acl_lines};
use super::counted;
use super::escape::{cut, markdown_block, markdown_code, markdown_prose, within};
use super::findings::findings_markdown;
use super::plan_text::{is_serious, summary_line};
use super::values::{approval, evidence, field_lines, kind_title, reason, remarks, sign, verb};
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::plan::types::{Action, ActionKind, FieldChange, Plan, Status};

/// Forges refuse comments of more than 65,536 characters. What each part may take, in bytes; the rest is only counted. The
/// actions take what findings and approvals leave.
const LONGEST: usize = 45_000;
const LONGEST_FINDINGS: usize = 15_000;
const LONGEST_APPROVAL: usize = 10_000;
const LONGEST_UNKNOWN: usize = 6_000;
const LONGEST_NAME: usize = 300;
const MOST_BINDINGS: usize = 50;
const MOST_NAMES: usize = 10;

/// Returns the first line of the comment, by which the next run finds it again.
pub fn plan_comment_marker(environment: &str, cluster_id: &str) -> String {
    // Nothing that could end the HTML comment, and no space that could add a field.
    let safe = |text: &str| -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        text.chars().map(|c| if fits(c) { c } else { '_' }).collect::<String>().replace("--", "__")
    };
    format!("<!-- driftless:plan environment={} cluster={} -->", safe(environment), safe(cluster_id))
}

/// Writes a plan as the body of a pull-request comment.
pub fn plan_comment(plan: &Plan) -> String {
    format!("{}\n{}", plan_comment_marker(&plan.environment, &plan.cluster.id), plan_markdown(plan))
}

/// Writes a plan as Markdown, cut where forges would refuse it.
pub fn plan_markdown(plan: &Plan) -> String {
    let revision = plan.source.revision.as_deref().map(|id| format!(", revision {}", markdown_code(id)));
    let mut out = format!(
        "### Plan for {}\n\nCluster {}{}. {}\n",
        markdown_code(&plan.environment),
        markdown_code(&plan.cluster.id),
        revision.unwrap_or_default(),
        summary_line(plan)
    );
    let denials = plan.findings.iter().filter(|finding| finding.denies()).count();
    if denials > 0 {
        out.push_str(&format!(
            "\n**Refused: {}.** Nothing of this plan can be applied.\n",
            counted(denials, "finding denies", "findings deny")
        ));
    }
    if !plan.findings.is_empty() {
        out.push_str(&format!("\n#### Findings\n\n{}", findings_markdown(&plan.findings, LONGEST_FINDINGS)));
    }
    out.push_str(&waiting(plan));
    for kind in ResourceKind::ALL {
        let actions: Vec<&Action> = plan.actions.iter().filter(|action| action.kind == kind).collect();
        out.push_str(&kind_markdown(kind, &actions, LONGEST.saturating_sub(out.len())));
    }
    out.push_str(&names("Paused and different", &plan.paused));
    out.push_str(&names("Not pruned", &plan.unpruned));
    out.push_str(&names("Passwords not compared", &plan.not_compared));
    out.push_str(&names("Unmanaged, never touched", &plan.unmanaged));
    if !plan.unknown.is_empty() {
        out.push_str("\n#### Not known, and so not planned\n\n");
        let entries = plan.unknown.iter().map(|unknown| {
            let resource = markdown_code(&cut(&unknown.resource, LONGEST_NAME));
            format!("- {resource}: {}\n", markdown_prose(&cut(&unknown.reason, LONGEST_NAME)))
        });
        out.push_str(&within(entries, LONGEST_UNKNOWN));
    }
    out.push_str(&format!("\n<sub>{}</sub>\n", markdown_code(&plan.id)));
    out
}

fn waiting(plan: &Plan) -> String {
    let held: Vec<&str> =
        plan.actions.iter().filter(|action| action.waits_for_approval()).map(|action| action.id.as_str()).collect();
    if held.is_empty() {
        return String::new();
    }
    let mut room = LONGEST_APPROVAL;
    let fits = |id: &&&str| {
        let fits = id.len() <= room;
        room = room.saturating_sub(id.len() + 10);
        fits
    };
    let shown: Vec<&str> = held.iter().take_while(fits).copied().collect();
    let cut = if held.len() > shown.len() {
        format!(" (the first {} of {})", shown.len(), held.len())
    } else {
        String::new()
    };
    format!(
        "\n#### Held\n\nThese actions wait until a commit holds this approval{cut}:\n\n{}",
        markdown_block("yaml", &approval(&plan.id, &shown))
    )
}

fn kind_markdown(kind: ResourceKind, actions: &[&Action], room: usize) -> String {
    if actions.is_empty() {
        return String::new();
    }
    // What could hurt comes first: it is the last thing to be cut.
    let mut sorted = actions.to_vec();
    sorted.sort_by_key(|action| !is_serious(action));
    let mut body = String::new();
    let mut written = 0;
    for (item, count) in items(kind, &sorted) {
        if body.len() + item.len() > room {
            break;
        }
        body.push_str(&item);
        written += count;
    }
    if written < actions.len() {
        body.push_str(&format!("- … and {} more, in the plan's JSON\n", actions.len() - written));
    }
    format!("\n#### {} ({})\n\n{body}", kind_title(kind), actions.len())
}

/// Returns the entries of a list with the number of actions that each stands for.
fn items(kind: ResourceKind, actions: &[&Action]) -> Vec<(String, usize)> {
    if kind == ResourceKind::Acl {
        return acl_groups(actions)
            .iter()
            .map(|group| {
                let head = format!("- {} of {}", title(group.first), markdown_code(&group.principal));
                let all = acl_lines(group);
                let mut lines: String =
                    all.iter().take(MOST_BINDINGS).map(|line| format!("  - {}\n", markdown_code(line))).collect();
                if all.len() > MOST_BINDINGS {
                    lines.push_str(&format!("  - … and {} more\n", all.len() - MOST_BINDINGS));
                }
                (
                    format!("{head} ({})\n{lines}{}", markdown_prose(&remarks(group.first)), details(group.first)),
                    group.actions.len(),
                )
            })
            .collect();
    }
    actions
        .iter()
        .map(|action| {
            let resource = markdown_code(&format!("{}/{}", action.kind, action.name));
            let head = format!("- {} {resource} ({})\n", title(action), markdown_prose(&remarks(action)));
            let fields: String = action.fields.iter().map(|field| field_markdown(field, action.action)).collect();
            (format!("{head}{fields}{}", details(action)), 1)
        })
        .collect()
}

/// Writes one field as an entry of a nested list; the lines of a rule group as a block.
fn field_markdown(field: &FieldChange, action: ActionKind) -> String {
    let lines = field_lines(field, 0, action);
    match lines.as_slice() {
        [line] => format!("  - {}\n", markdown_code(line)),
        [title, rest @ ..] => {
            let block = markdown_block("diff", &rest.join("\n"));
            let indented: String = block.lines().map(|line| format!("    {line}\n")).collect();
            format!("  - {}\n\n{indented}", markdown_code(title))
        }
        [] => String::new(),
    }
}

fn title(action: &Action) -> String {
    format!("{} **{}**", markdown_code(sign(action)), verb(action))
}

fn details(action: &Action) -> String {
    let mut out = String::new();
    match (&action.note, action.status) {
        (Some(note), _) => out.push_str(&format!("  - note: {}\n", markdown_prose(note))),
        (None, Status::Blocked) => out.push_str(&format!("  - blocked: {}\n", reason(action.reason))),
        (None, Status::Planned | Status::Held) => {}
    }
    if let Some(facts) = action.evidence.as_ref().and_then(evidence) {
        out.push_str(&format!("  - on the cluster: {}\n", markdown_prose(&facts)));
    }
    if let Some(location) = &action.location {
        out.push_str(&format!("  - {}\n", markdown_code(&location.to_string())));
    }
    out
}

fn names(title: &str, ids: &[ResourceId]) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let mut shown: Vec<String> =
        ids.iter().take(MOST_NAMES).map(|id| markdown_code(&cut(&id.to_string(), LONGEST_NAME))).collect();
    if ids.len() > MOST_NAMES {
        shown.push(format!("and {} more", ids.len() - MOST_NAMES));
    }
    format!("\n**{title}** ({}): {}\n", ids.len(), shown.join(", "))
}
