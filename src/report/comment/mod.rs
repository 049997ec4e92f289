//! What driftless writes into pull requests: what a plan will do, why there is no plan, what an apply did.
//!
//! The first line is the marker by which the comment is found again. Then one line of counts, what needs attention, and details
//! that are folded. What is too long for the forge is cut, the least important first, and the text says what.

mod diff;
mod fit;
mod other;
mod sections;

use std::fmt::Write as _;

use jiff::Timestamp;

pub use other::{
    applied_comment, apply_comment_marker, apply_markdown, bad_files_comment, conflict_comment, not_applied_comment,
    not_planned_comment, unchanged_comment,
};

use self::fit::fit;
use super::escape::{clean, cut, markdown_block, markdown_code, markdown_prose};
use super::values::yaml;
use crate::plan::types::{Plan, Summary};

/// Bytes that every forge takes: the limit of GitHub. Also the length of `-o markdown`.
pub const SHORTEST_LIMIT: usize = 65_536;

/// The most characters of one name, and of one sentence.
const LONGEST_NAME: usize = 300;
const LONGEST_SENTENCE: usize = 600;

/// What a comment says besides the plan: where it comes from, and how to make it again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommentContext<'a> {
    /// The commit that the pull request is to be merged into.
    pub base: Option<&'a str>,
    /// The commit that is to be merged.
    pub head: Option<&'a str>,
    /// When the cluster was read. It must not change while the plan does not, or every comment is written again.
    pub observed: Option<Observation>,
    /// The commit that keeps this from being applied as it is, where commits must be signed.
    pub distrust: Option<Distrust<'a>>,
    /// Where the agent shows the plan.
    pub details_url: Option<&'a str>,
    /// Bytes that the forge takes; see `Forge::longest_comment`.
    pub limit: usize,
}

/// A commit whose signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distrust<'a> {
    /// Its id.
    pub commit: &'a str,
    /// Why; fits after "the commit `ID` ".
    pub words: &'a str,
}

/// When the cluster was read, and when the plan was made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// When the cluster was read.
    pub at: Timestamp,
    /// When the plan was made.
    pub planned: Timestamp,
}

/// Returns the first line of the comment about a plan, by which the next run finds it again.
pub fn plan_comment_marker(environment: &str, cluster_id: &str) -> String {
    format!("<!-- driftless:plan environment={} cluster={} -->", field(environment), field(cluster_id))
}

/// Returns text that can neither end the HTML comment nor add a field.
fn field(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.chars().take(LONGEST_NAME).map(|c| if fits(c) { c } else { '_' }).collect::<String>().replace("--", "__")
}

/// Writes a plan as the comment of a pull request.
pub fn plan_comment(plan: &Plan, context: &CommentContext<'_>) -> String {
    format!("{}\n{}", plan_comment_marker(&plan.environment, &plan.cluster.id), plan_body(plan, context))
}

/// Writes a plan as Markdown.
pub fn plan_markdown(plan: &Plan) -> String {
    plan_body(plan, &CommentContext { limit: SHORTEST_LIMIT, ..CommentContext::default() })
}

fn plan_body(plan: &Plan, context: &CommentContext<'_>) -> String {
    let distrust = context.distrust.map(distrust).unwrap_or_default();
    let head = format!("### Plan for {}\n\n{}\n{distrust}", name(&plan.environment), counts(plan));
    let footer = footer(&plan.environment, &plan.cluster.id, Some(plan), context);
    // The marker is at most two names long.
    let room = context.limit.saturating_sub(head.len() + footer.len() + 2 * LONGEST_NAME + 100);
    format!("{head}{}{footer}", fit(&sections::of_plan(plan), room))
}

/// Says that the plan is only a plan.
fn distrust(distrust: Distrust<'_>) -> String {
    format!(
        "\n**Not signed by a trusted key**: the commit {} {}. Only what trusted keys signed is followed here, so this is \
         not applied as it is.\n",
        name(distrust.commit),
        markdown_prose(&cut(distrust.words, LONGEST_SENTENCE))
    )
}

/// Returns the line of counts.
fn counts(plan: &Plan) -> String {
    let Summary { create, update, delete, held, blocked, unmanaged: _ } = plan.summary;
    let denials = plan.findings.iter().filter(|finding| finding.denies()).count();
    let mut parts = Vec::new();
    if denials > 0 {
        parts.push(format!("**Policy refuses this ({denials}): nothing of it can be applied.**"));
    }
    if plan.actions.is_empty() {
        parts.push(nothing_to_do(plan).to_owned());
    } else {
        parts.push(format!(
            "**{create} to create, {update} to update, {delete} to delete**, {held} held, {blocked} blocked."
        ));
    }
    if !plan.adopted.is_empty() {
        parts.push(format!("{} adopted as they are.", plan.adopted.len()));
    }
    if !plan.unknown.is_empty() {
        parts.push(format!("{} could not be read.", plan.unknown.len()));
    }
    parts.join(" ")
}

/// In sync is said only when nothing is left out of the comparison.
fn nothing_to_do(plan: &Plan) -> &'static str {
    if !plan.unknown.is_empty() {
        "**No changes** as far as could be read."
    } else if !plan.paused.is_empty() || !plan.unpruned.is_empty() {
        "**No changes**; what is listed below stays different."
    } else if !plan.not_compared.is_empty() {
        "**No changes**, but for passwords, which are not compared here."
    } else {
        "**No changes**: the cluster is what git will say."
    }
}

/// Returns one line of at most 140 characters for a commit status, and whether the plan may be merged.
pub fn plan_verdict(plan: &Plan) -> (bool, String) {
    let denials = plan.findings.iter().filter(|finding| finding.denies()).count();
    let Summary { create, update, delete, held, blocked, unmanaged: _ } = plan.summary;
    let line = if denials > 0 {
        format!("Policy refuses: {}", super::counted(denials, "finding denies", "findings deny"))
    } else if plan.actions.is_empty() {
        nothing_to_do(plan).replace('*', "").trim_end_matches('.').to_owned()
    } else {
        format!("{create} to create, {update} to update, {delete} to delete, {held} held, {blocked} blocked")
    };
    (denials == 0, line)
}

/// Says whether two comments say the same but for when the cluster was read: then the old one can stay.
pub fn says_the_same(left: &str, right: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let kept = text.lines().filter(|line| !line.starts_with(OBSERVED));
        kept.map(|line| line.trim_end().to_owned()).collect()
    };
    let (mut left, mut right) = (lines(left), lines(right));
    for text in [&mut left, &mut right] {
        while text.last().is_some_and(String::is_empty) {
            text.pop();
        }
    }
    left == right
}

const OBSERVED: &str = "<sub>Cluster as of ";

fn footer(environment: &str, cluster_id: &str, plan: Option<&Plan>, context: &CommentContext<'_>) -> String {
    let mut parts = Vec::new();
    parts.extend(context.base.map(|id| format!("base {}", name(id))));
    parts.extend(context.head.map(|id| format!("head {}", name(id))));
    if let (None, Some(plan)) = (context.head, plan) {
        parts.extend(plan.source.revision.as_deref().map(|id| format!("revision {}", name(id))));
    }
    parts.extend(plan.map(|plan| format!("plan {}", name(&plan.id))));
    if !cluster_id.is_empty() {
        parts.push(format!("cluster {}", name(cluster_id)));
    }
    let mut out = format!("\n<sub>{}</sub>\n", parts.join(" · "));
    if let Some(observation) = context.observed {
        // Writing to a string cannot fail.
        let _ = write!(out, "\n{OBSERVED}{}</sub>\n", age(observation));
    }
    if let Some(url) = context.details_url.filter(|url| is_link(url)) {
        let _ = write!(out, "\n<sub>More: <{url}></sub>\n");
    }
    if let (Some(base), Some(head)) = (context.base, context.head) {
        let commands = reproduce(environment, base, head);
        let block = markdown_block("sh", &commands);
        let _ = write!(out, "\n<details><summary>Plan this locally</summary>\n\n{block}\n</details>\n");
    }
    out
}

/// Returns what makes the same plan from what the agent recorded: no credential is needed.
fn reproduce(environment: &str, base: &str, head: &str) -> String {
    let branch = format!("driftless/{environment}");
    let (base, head) = (shell(base), shell(head));
    format!(
        "git fetch origin {base} {head} {}\ngit switch --detach {base} && git merge --no-edit {head}\n\
         driftless plan . -e {} --observed {}",
        shell(&branch),
        shell(environment),
        shell(&format!("origin/{branch}"))
    )
}

/// Quotes an argument of a shell. Line breaks become visible escapes.
fn shell(argument: &str) -> String {
    let argument = cut(&clean(argument), LONGEST_NAME);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    if !argument.is_empty() && !argument.starts_with('-') && argument.chars().all(is_plain) {
        return argument;
    }
    format!("'{}'", argument.replace('\'', "'\\''"))
}

fn age(observation: Observation) -> String {
    let at = observation.at.strftime("%Y-%m-%d %H:%M UTC");
    let seconds = observation.planned.duration_since(observation.at).as_secs().max(0);
    let age = match seconds {
        0..=119 => return format!("{at}, for this plan."),
        120..=7_199 => format!("{} minutes", seconds / 60),
        7_200..=172_799 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    format!("{at}, {age} before this plan was made.")
}

/// Says whether an address can stand between `<` and `>`.
fn is_link(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://"))
        && url.len() < 2_000
        && url.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '`' | '\\'))
}

/// Returns a name as code, never without end.
fn name(text: &str) -> String {
    markdown_code(&cut(text, LONGEST_NAME))
}

/// Returns a block with the lines that let held actions through.
fn approval_lines(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| format!("  - {}\n", yaml(id))).collect()
}

#[cfg(test)]
mod tests;
