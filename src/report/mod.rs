//! Reports: what plan, policy, drift and apply have to say, for people and for programs.
//!
//! Every function here takes a value and returns text; nothing is decided, read or printed. The same value gives the same
//! bytes. Names and messages come from files and brokers that others write, so no text of theirs reaches a terminal or
//! Markdown as it is: control characters and marks that turn text around are shown as escapes, and Markdown shows names as
//! code (`escape.rs`); in HTML, the template itself escapes (`page/`). Secrets cannot come here: the types of a plan hold only marks where one stands.

mod acls;
pub mod apply;
mod ci;
pub mod comment;
pub mod commit;
pub mod drift;
mod escape;
mod findings;
mod junit;
pub mod page;
mod plan_text;
mod sarif;
pub mod status;
mod status_text;
pub mod validation;
mod values;

pub use apply::{apply_json, apply_text};
pub use ci::{validation_codequality, validation_github};
pub use comment::{apply_markdown, plan_comment, plan_comment_marker, plan_markdown};
pub use drift::{DriftReport, drift_json, drift_markdown, drift_text};
pub use escape::{clean, clean_lines, markdown_code, markdown_prose};
pub use findings::{diagnostics_text, findings_text};
pub use junit::validation_junit;
pub use plan_text::{Detail, plan_text};
pub use status::{StatusReport, status_json};
pub use status_text::status_text;
pub use validation::{ValidationReport, validation_json, validation_markdown, validation_sarif, validation_text};

use crate::plan::types::Plan;

/// Whether text is coloured. Everything is understandable without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// No escape sequences.
    Plain,
    /// ANSI colours.
    Colour,
}

impl Style {
    /// Wraps text in a colour.
    fn paint(self, style: anstyle::Style, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("{}{text}{}", style.render(), style.render_reset()),
        }
    }
}

const BOLD: anstyle::Style = anstyle::Style::new().bold();
const DIM: anstyle::Style = anstyle::Style::new().dimmed();
const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default();
const YELLOW: anstyle::Style = anstyle::AnsiColor::Yellow.on_default();

/// Writes a plan as JSON, as `-o json` and `--out` have it.
pub fn plan_json(plan: &Plan) -> String {
    json(plan)
}

/// Pretty JSON with a final newline. The reports are made of strings, numbers and lists, which always can be written.
fn json<T: serde::Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("reports have string keys and no failing serializers");
    text.push('\n');
    text
}

/// Writes a number with its noun: `1 topic`, `2 topics`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Writes a number with separated thousands and its noun.
fn counted_large(count: u64, one: &str, many: &str) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
