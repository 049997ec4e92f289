//! The status page: what somebody on call opens first, as one HTML document without scripts or anything from elsewhere.
//!
//! A value in, text out: whoever serves it brings the time. Every list is cut, so that a page stays readable and small
//! whatever the plan is; the API has all of it. Whatever the template shows passes [`Visible`], which leaves nothing of what
//! others wrote that could be markup, hide, or turn text around.

mod advice;
mod cards;
mod view;

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use askama::Template as _;
use jiff::Timestamp;

use super::commit::RecordedApply;
use super::escape::clean;
use super::status::StatusReport;
use crate::plan::apply_report::ApplyReport;
use crate::plan::types::Plan;

/// The stylesheet, which stands in the page itself: its hash is all that a Content-Security-Policy has to allow.
pub const STYLE: &str = include_str!("page.css");

/// Who may act, where several agents keep one environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Leadership {
    /// There is no lease: this agent is the only one.
    #[default]
    Alone,
    /// This agent holds the lease.
    Leader,
    /// Another one does; this one waits.
    Standby,
}

/// The agent that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The environment.
    pub environment: String,
    /// The address of the config repository, without credentials.
    pub source: String,
    /// Its branch.
    pub branch: String,
    /// Whether the settings say that nothing is written to the cluster.
    pub observes: bool,
    /// The agent's version.
    pub version: &'static str,
    /// When it was started.
    pub started: Timestamp,
}

/// A pass of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastPass {
    /// When it ended.
    pub ended: Timestamp,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// What started it, in a few words.
    pub trigger: &'static str,
    /// The head of the branch, as far as it was known.
    pub revision: Option<String>,
    /// The reason of its conditions.
    pub reason: String,
    /// Why, as a sentence.
    pub message: String,
    /// Whether everything was as it should be.
    pub ready: bool,
    /// Actions that were applied.
    pub applied: usize,
}

/// A plan that was made, and what became of it in the same pass.
#[derive(Debug, Clone)]
pub struct PastPlan {
    /// The plan.
    pub plan: Plan,
    /// What was applied of it in the same pass.
    pub applied: Option<ApplyReport>,
    /// When the pass ended.
    pub ended: Timestamp,
}

/// The last pass that wrote to the cluster.
#[derive(Debug, Clone)]
pub struct PastApply {
    /// What came of it.
    pub report: ApplyReport,
    /// The revision.
    pub revision: Option<String>,
    /// When the pass ended.
    pub ended: Timestamp,
}

/// Everything that the page shows.
#[derive(Debug, Clone, Copy)]
pub struct StatusPage<'a> {
    /// The agent.
    pub about: &'a About,
    /// Who may act.
    pub leadership: &'a Leadership,
    /// The status of the last pass; absent before the first one ended.
    pub status: Option<&'a StatusReport>,
    /// What a person can do about its problem.
    pub hint: Option<&'a str>,
    /// Its problem at length, in lines without colours.
    pub details: Option<&'a str>,
    /// The last plan that was made, in the last pass or before.
    pub plan: Option<&'a PastPlan>,
    /// The last apply of this agent since it was started.
    pub apply: Option<&'a PastApply>,
    /// The last apply that the report branch tells of, and when that was: of this agent before it was started, or of another one.
    pub recorded: Option<&'a (RecordedApply, Timestamp)>,
    /// When each drifted resource (by the id of the action that repairs it) was first seen so.
    pub drift_since: &'a BTreeMap<String, Timestamp>,
    /// The last passes, newest first.
    pub passes: &'a [PastPass],
    /// Now.
    pub now: Timestamp,
    /// After how many seconds the browser is to ask again; never by itself when absent.
    pub refresh: Option<u32>,
}

/// Writes the page.
pub fn status_page(page: &StatusPage<'_>) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail, and the template calls nothing that does.
    let _ = view::View::new(page).render_into(&mut out);
    out
}

/// Escapes HTML, and makes visible what would hide or turn around its neighbours.
#[derive(Debug, Clone, Copy)]
pub struct Visible;

impl askama::filters::Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, dest: W, string: &str) -> fmt::Result {
        askama::filters::Escaper::write_escaped_str(&askama::filters::Html, dest, &clean(string))
    }
}

#[cfg(test)]
mod tests;
