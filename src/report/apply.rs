//! What came of an apply, for people and programs.

use super::escape::clean;
use super::{BOLD, GREEN, RED, Style, YELLOW, counted};
use crate::plan::apply_report::{ActionResult, ApplyReport, Outcome};
use crate::plan::types::Status;

const MOST_FAILURES: usize = 100;

/// One action that is not simply done.
pub(super) struct Line {
    pub(super) label: &'static str,
    pub(super) action: String,
    pub(super) why: String,
}

fn line(result: &ActionResult) -> Option<Line> {
    let (label, why) = match &result.outcome {
        Outcome::Applied => return None,
        Outcome::AppliedUnconfirmed { message } => ("unconfirmed", message.clone()),
        Outcome::Failed { code, message, unchanged } => {
            let changed = if *unchanged { "nothing was changed" } else { "it is not known whether it was changed" };
            ("failed", format!("{code}: {message} ({changed})"))
        }
        Outcome::NotAttempted { reason } => ("not attempted", reason.clone()),
        Outcome::Skipped { status: Status::Held, reason } => {
            ("held", reason.clone().unwrap_or_else(|| "waits for an approval".to_owned()))
        }
        Outcome::Skipped { status: Status::Blocked, reason } => {
            ("blocked", reason.clone().unwrap_or_else(|| "cannot be done".to_owned()))
        }
        Outcome::Skipped { status: Status::Planned, reason } => ("skipped", reason.clone().unwrap_or_default()),
    };
    Some(Line { label, action: result.action_id.clone(), why })
}

/// Returns the first line: `Applied 41 of 57.`
pub(super) fn headline(report: &ApplyReport) -> String {
    let stopped = if report.interrupted { " Interrupted; run it again to go on." } else { "" };
    format!("Applied {} of {}.{stopped}", report.applied(), report.wanted())
}

/// Groups the lines by what is to be done about them, failures first.
pub(super) fn lines(report: &ApplyReport) -> Vec<Line> {
    let rank = |line: &Line| match line.label {
        "failed" => 0,
        "unconfirmed" => 1,
        "not attempted" => 2,
        _ => 3,
    };
    let mut lines: Vec<Line> = report.results.iter().filter_map(line).collect();
    lines.sort_by_key(rank);
    lines
}

/// Writes the result for a terminal.
pub fn apply_text(report: &ApplyReport, style: Style) -> String {
    let colour = if report.not_done() == 0 && !report.interrupted { GREEN } else { RED };
    let mut out = format!("{}\n", style.paint(colour, &headline(report)));
    let lines = lines(report);
    for line in lines.iter().take(MOST_FAILURES) {
        let colour = if line.label == "failed" { RED } else { YELLOW };
        let why = if line.why.is_empty() { String::new() } else { format!(": {}", clean(&line.why)) };
        out.push_str(&format!(
            "  {} {}{why}\n",
            style.paint(colour, line.label),
            style.paint(BOLD, &clean(&line.action))
        ));
    }
    if lines.len() > MOST_FAILURES {
        out.push_str(&format!("  … and {}\n", counted(lines.len() - MOST_FAILURES, "more", "more")));
    }
    out
}

/// Writes the result as JSON.
pub fn apply_json(report: &ApplyReport) -> String {
    super::json(report)
}
