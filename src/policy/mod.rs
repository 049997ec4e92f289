//! Policy: Rego rules over what git wants, what would be done, and what the cluster is like; out come findings.
//!
//! Two kinds of rules, told apart by their package. `package driftless` and the packages below it see the whole of an
//! environment at once (the shape is in `docs/reference/policy-input.md`); every other package sees one merged manifest
//! at a time, as in conftest with `--all-namespaces`. Rule sets are called `deny`, `violation` or `warn`, with or without a suffix.
//!
//! Invariant: policy fails closed. A pack that does not compile, a rule that errors or takes too long, a result that is no
//! finding: each is a finding `policy-error` that denies and that no exception waives. A rule is never skipped.
//!
//! The pack of this repository's `policy/` is embedded and always judged, in an engine of its own, so that nothing in a
//! user's pack can change what it says. Everything here is pure; the one clock is the engine's own stopwatch.

mod access;
mod builtin;
mod calls;
pub mod cases;
mod codes;
mod corrected;
mod data;
mod declared;
mod depth;
mod edits;
mod engine;
mod error;
mod exceptions;
mod finding;
mod functions;
mod guide;
mod imports;
mod input;
mod json_schema;
mod limits;
mod loading;
mod negation;
mod parameters;
mod prepared;
mod qualify;
mod reading;
mod recursion;
mod regexes;
mod rules;
mod shape;
mod sprintf;
mod texts;
pub mod trial;
mod unknown_fields;
mod words;

use std::time::Duration;

use jiff::civil::Date;

use crate::domain::desired::DesiredState;
use crate::domain::diagnostic::Severity;
use crate::domain::observed::ObservedState;
use crate::plan::types::{Finding, Plan};

pub use builtin::{builtin_pack, read_built_in_rules};
pub use codes::CODES;
pub use data::{is_case_path, is_data_path};
pub use guide::{Guide, guides, page};
pub use prepared::{Prepared, prepare_while};
pub use rules::{RuleDoc, rules};

/// Rego files that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pack {
    /// What people call it: `built-in`, or the directory.
    pub name: String,
    /// Path below the repository's root, and text, of every `.rego` file.
    pub files: Vec<(String, String)>,
    /// Path and text of every file that can be data of the rules ([`is_data_path`]).
    pub data: Vec<(String, String)>,
    /// Path and text of every file with cases ([`is_case_path`]).
    pub cases: Vec<(String, String)>,
}

/// Everything that policy judges.
#[derive(Debug, Clone, Copy)]
pub struct PolicyInput<'a> {
    /// What git wants.
    pub desired: &'a DesiredState,
    /// What would be done; absent when only files are validated.
    pub plan: Option<&'a Plan>,
    /// The live cluster; absent when only files are validated.
    pub observed: Option<&'a ObservedState>,
    /// The user's packs, from the base revision. The built-in pack is always judged too and is not among these.
    pub packs: &'a [Pack],
    /// The day (UTC) on which exceptions are looked at.
    pub today: Date,
}

/// How long all rules together may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Judges, and returns every finding, as [`Prepared::judge`] does.
pub fn judge(input: &PolicyInput<'_>) -> Vec<Finding> {
    judge_within(input, TIME_LIMIT)
}

/// Judges within another time limit.
pub fn judge_within(input: &PolicyInput<'_>, limit: Duration) -> Vec<Finding> {
    let (prepared, ()) = prepare_while(input.desired, input.packs, || ());
    prepared.judge_within(input.plan, input.observed, input.today, limit)
}

fn order(finding: &Finding) -> (Severity, &str, &str, Option<&crate::domain::diagnostic::Location>, &str) {
    (
        finding.severity,
        finding.resource.as_deref().unwrap_or_default(),
        &finding.code,
        finding.location.as_ref(),
        &finding.message,
    )
}

#[cfg(test)]
mod mutation;
#[cfg(test)]
mod tests;
