//! Comments that are not about a plan: why there is none, and what an apply did.

use super::fit::{Section, fit};
use super::sections::folded;
use super::{CommentContext, LONGEST_NAME, LONGEST_SENTENCE, SHORTEST_LIMIT, field, footer, name, plan_comment_marker};
use crate::domain::diagnostic::Diagnostic;
use crate::plan::apply_report::{ActionResult, ApplyReport, Outcome};
use crate::report::apply::{Line, headline, lines};
use crate::report::counted;
use crate::report::escape::{cut, markdown_prose};
use crate::report::findings::diagnostic_markdown;

/// Says that the merge result leaves what the environment declares as it is. `cluster_id` must be that of the comment before.
pub fn unchanged_comment(environment: &str, cluster_id: &str, context: &CommentContext<'_>) -> String {
    let words = format!("**No changes**: merging this leaves what {} declares as it is.", name(environment));
    whole(environment, cluster_id, context, &words, &[])
}

/// Says that head and base do not merge, with the files that conflict.
pub fn conflict_comment(environment: &str, cluster_id: &str, files: &[String], context: &CommentContext<'_>) -> String {
    let words = "**No plan: this does not merge.** Merge the base branch into this one, and resolve the conflicts.";
    let section = Section {
        what: "files",
        rank: 0,
        share: 100,
        before: "\n#### Files in conflict\n\n".to_owned(),
        entries: files.iter().map(|file| format!("- {}\n", name(file)).into()).collect(),
        after: String::new(),
    };
    whole(environment, cluster_id, context, words, &[section])
}

/// Says that files are bad: all problems, with their places.
pub fn bad_files_comment(
    environment: &str,
    cluster_id: &str,
    diagnostics: &[Diagnostic],
    context: &CommentContext<'_>,
) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let words = format!(
        "**No plan: {}.** Nothing is applied while there is one.",
        counted(errors, "error in the files", "errors in the files")
    );
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| (!diagnostic.is_error(), *diagnostic));
    let section = Section {
        what: "problems",
        rank: 0,
        share: 100,
        before: "\n#### Problems\n\n".to_owned(),
        entries: sorted.into_iter().map(|diagnostic| diagnostic_markdown(diagnostic).into()).collect(),
        after: String::new(),
    };
    whole(environment, cluster_id, context, &words, &[section])
}

/// Says why there is no plan now, in one sentence: what was said before may not hold any more.
pub fn not_planned_comment(environment: &str, cluster_id: &str, reason: &str, context: &CommentContext<'_>) -> String {
    let words = format!("**No plan now**: {}", markdown_prose(&cut(reason, LONGEST_SENTENCE)));
    whole(environment, cluster_id, context, &words, &[])
}

/// Returns the first line of the reply that says what was applied for one merge.
pub fn apply_comment_marker(environment: &str, cluster_id: &str, revision: &str) -> String {
    format!(
        "<!-- driftless:apply environment={} cluster={} revision={} -->",
        field(environment),
        field(cluster_id),
        field(revision)
    )
}

/// Says what was applied after the merge. `planned` is the id of the plan that the comment showed before: people are told
/// whether what was applied is that plan.
pub fn applied_comment(
    report: &ApplyReport,
    cluster_id: &str,
    revision: &str,
    planned: Option<&str>,
    context: &CommentContext<'_>,
) -> String {
    let same = match planned {
        Some(planned) if planned == report.plan_id => " Exactly the plan that was shown here.".to_owned(),
        Some(planned) => format!(" Another plan than {}, which was shown here.", name(planned)),
        None => String::new(),
    };
    let head = format!(
        "{}\n### Applied to {}\n\n**{}**{same}\n",
        apply_comment_marker(&report.environment, cluster_id, revision),
        name(&report.environment),
        headline(report),
    );
    let merged = CommentContext { base: None, head: None, ..*context };
    let footer = format!(
        "\n<sub>merge {} · plan {}</sub>\n{}",
        name(revision),
        name(&report.plan_id),
        footer(&report.environment, cluster_id, None, &merged)
    );
    with_results(report, &head, &footer, context.limit)
}

/// Says that nothing was applied after the merge, and why, in one sentence.
pub fn not_applied_comment(environment: &str, cluster_id: &str, revision: &str, reason: &str) -> String {
    format!(
        "{}\n### Not applied to {}\n\n{}\n\n<sub>merge {}</sub>\n",
        apply_comment_marker(environment, cluster_id, revision),
        name(environment),
        markdown_prose(&cut(reason, LONGEST_SENTENCE)),
        name(revision),
    )
}

/// Writes what came of an apply as Markdown.
pub fn apply_markdown(report: &ApplyReport) -> String {
    let head = format!("### Applied to {}\n\n**{}**\n", name(&report.environment), headline(report));
    with_results(report, &head, &format!("\n<sub>plan {}</sub>\n", name(&report.plan_id)), SHORTEST_LIMIT)
}

/// Writes the result of each action between head and footer, as far as there is room.
fn with_results(report: &ApplyReport, head: &str, footer: &str, limit: usize) -> String {
    let attention = |line: Line| {
        let why = cut(&line.why, LONGEST_SENTENCE);
        let why = if why.is_empty() { String::new() } else { format!(": {}", markdown_prose(&why)) };
        format!("- **{}** {}{why}\n", line.label, name(&line.action)).into()
    };
    let attention = Section {
        what: "results",
        rank: 0,
        share: 80,
        before: "\n#### Needs attention\n\n".to_owned(),
        entries: lines(report).into_iter().map(attention).collect(),
        after: String::new(),
    };
    let done: Vec<&ActionResult> = report.results.iter().filter(|result| result.outcome == Outcome::Applied).collect();
    let (before, after) = folded(&format!("Applied and read back: {}", done.len()));
    let done = Section {
        what: "applied actions",
        rank: 1,
        share: 20,
        before,
        entries: done.iter().map(|result| format!("- {}\n", name(&result.action_id)).into()).collect(),
        after,
    };
    let mut sections = vec![attention, done];
    sections.retain(|section| !section.entries.is_empty());
    let room = limit.saturating_sub(head.len() + footer.len());
    format!("{head}{}{footer}", fit(&sections, room))
}

fn whole(
    environment: &str,
    cluster_id: &str,
    context: &CommentContext<'_>,
    words: &str,
    sections: &[Section],
) -> String {
    let head = format!(
        "{}\n### Plan for {}\n\n{words}\n",
        plan_comment_marker(environment, cluster_id),
        name(&cut(environment, LONGEST_NAME))
    );
    let footer = footer(environment, cluster_id, None, context);
    let shown: Vec<&Section> = sections.iter().filter(|section| !section.entries.is_empty()).collect();
    let room = context.limit.saturating_sub(head.len() + footer.len());
    let body = if shown.is_empty() { String::new() } else { fit(sections, room) };
    format!("{head}{body}{footer}")
}
