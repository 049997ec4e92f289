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

use std::collections::BTreeMap;
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
pub use rules::{RuleDoc, rules};

use engine::{Judgement, PackEngine};
use limits::Budget;

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

/// Judges, and returns every finding: those that deny first, then by resource, code and message. Waived findings are
/// among them, marked as such. Same input, same findings in the same order.
pub fn judge(input: &PolicyInput<'_>) -> Vec<Finding> {
    judge_within(input, TIME_LIMIT)
}

/// Judges within another time limit.
pub fn judge_within(input: &PolicyInput<'_>, limit: Duration) -> Vec<Finding> {
    let budget = Budget::start(limit);
    let (parameters, mut findings) = parameters::checked(input.desired);
    let own = || PackEngine::load(input.packs).with_unknown_fields();
    // Each with an engine of its own, and on a thread of its own.
    let engines: [&(dyn Fn() -> PackEngine + Sync); 3] =
        [&|| builtin::ENGINES[0].clone(), &|| builtin::ENGINES[1].clone(), &own];
    let judge = |engine: PackEngine| judge_by(engine, input, &parameters, &budget);
    let judged = std::thread::scope(|scope| {
        let threads = engines.map(|engine| {
            let thread = std::thread::Builder::new().name("policy".to_owned()).stack_size(limits::STACK);
            thread.spawn_scoped(scope, move || judge(engine())).expect("the system has a thread for policy")
        });
        threads.map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let judged = judged.into_iter().flatten().collect();
    findings.extend(exceptions::waive(judged, input));
    findings.sort_by(|left, right| order(left).cmp(&order(right)));
    findings.dedup();
    findings
}

/// Judges by the rules of one engine, with an input that holds what they read.
fn judge_by(
    mut engine: PackEngine,
    input: &PolicyInput<'_>,
    parameters: &BTreeMap<String, serde_json::Value>,
    budget: &Budget,
) -> Vec<Judgement> {
    let mut judged = engine.take_errors();
    if engine.judges_whole() {
        match input::whole(input, parameters, &engine.reading) {
            Ok(value) => judged.extend(engine.judge_whole(value, input.desired, budget)),
            Err(error) => judged.push(finding::broken_input(&error)),
        }
    }
    judged.extend(engine.judge_documents(&input.desired.documents, input.desired, budget));
    judged
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
