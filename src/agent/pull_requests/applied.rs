//! After the merge: what became of it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::judge::{Verdict, sentence};
use super::round::RoundProblem;
use crate::agent::pass::{PassResult, WhatToDo};
use crate::plan::apply_report::ApplyReport;
use crate::plan::types::{Finding, Plan, Status};
use crate::ports::{Comment, CommitState, Forge, PullRequest, PullRequestSource};
use crate::report::comment::{
    CommentContext, applied_comment, apply_comment_marker, not_applied_comment, plan_comment_marker, plan_verdict,
};

/// The most commits that are looked at for pull requests when several landed at once.
const MOST_COMMITS: usize = 20;
/// The most notes that wait for a forge that is away.
const MOST_NOTES: usize = 8;

/// What a pass came to that is news about its revision.
#[derive(Debug, Clone, PartialEq)]
pub struct PassNote {
    /// The revision.
    pub revision: String,
    /// The revision that was applied before it; absent when there was none.
    pub previous: Option<String>,
    /// What the status says.
    pub state: CommitState,
    /// In one line.
    pub description: String,
    /// What was applied, when anything was to be.
    pub applied: Option<ApplyReport>,
    /// The cluster, when it was reached.
    pub cluster_id: Option<String>,
}

/// Returns what there is to tell of a pass: nothing when its revision was applied before, or nothing may be applied.
pub fn note(result: &PassResult, what_to_do: WhatToDo) -> Option<PassNote> {
    let revision = result.revision.clone()?;
    let previous = match &result.plan {
        Some(plan) => plan.source.base.clone(),
        None => result.last_applied.clone(),
    };
    if what_to_do == WhatToDo::Observe || previous.as_ref() == Some(&revision) {
        return None;
    }
    let (state, description) = match (&result.problem, &result.plan) {
        (_, Some(plan)) if is_done(result, plan) => (CommitState::Success, counted(result, plan)),
        (Some(problem), _) if problem.reason.stalls() => (CommitState::Failure, problem.message.clone()),
        (Some(problem), _) => (CommitState::Pending, format!("Tried again: {}", problem.message)),
        (None, Some(plan)) => (CommitState::Failure, counted(result, plan)),
        (None, None) => return None,
    };
    let cluster_id = result.cluster_id.clone();
    Some(PassNote { revision, previous, state, description, applied: result.apply.clone(), cluster_id })
}

/// Says whether everything was applied. That it could not be reported afterwards takes nothing back.
fn is_done(result: &PassResult, plan: &Plan) -> bool {
    let all_planned = plan.actions.iter().all(|action| action.status == Status::Planned);
    all_planned && result.apply.as_ref().is_some_and(|applied| applied.not_done() == 0 && !applied.interrupted)
}

/// Says in one line how much was done, and what is left.
fn counted(result: &PassResult, plan: &Plan) -> String {
    let denied = plan.findings.iter().any(Finding::denies);
    match &result.apply {
        Some(_) if plan.actions.is_empty() => "Nothing to do.".to_owned(),
        Some(applied) => {
            let left = [(plan.summary.held, "held"), (plan.summary.blocked, "blocked")];
            let left = left.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(" {count} {what}."));
            format!("Applied {} of {}.{}", applied.applied(), applied.wanted(), left.collect::<String>())
        }
        None if denied => plan_verdict(plan).1,
        None => format!("Nothing was applied: {}", plan_verdict(plan).1),
    }
}

/// What is still to be told.
#[derive(Default)]
pub(super) struct Notes(VecDeque<PassNote>);

impl Notes {
    /// Takes a note. One of the same revision replaces what waits of it.
    pub(super) fn push(&mut self, note: PassNote) {
        self.0.retain(|waiting| waiting.revision != note.revision);
        self.0.push_back(note);
        while self.0.len() > MOST_NOTES {
            self.0.pop_front();
        }
    }

    /// Tells what waits, oldest first; what cannot be told now stays.
    pub(super) async fn tell(
        &mut self,
        environment: &str,
        forge: &dyn Forge,
        source: &Arc<dyn PullRequestSource>,
    ) -> Result<(), RoundProblem> {
        while let Some(note) = self.0.front() {
            tell(note, environment, forge, source).await?;
            self.0.pop_front();
        }
        Ok(())
    }
}

async fn tell(
    note: &PassNote,
    environment: &str,
    forge: &dyn Forge,
    source: &Arc<dyn PullRequestSource>,
) -> Result<(), RoundProblem> {
    let context = format!("driftless/apply/{environment}");
    let status = |url: Option<String>| Verdict::new(note.state, sentence(&note.description)).status(&context, url);
    let mut told_head = false;
    let mut replied = BTreeSet::new();
    for commit in landed(note, source).await? {
        let Some(pull_request) = forge.merged_as(&commit).await? else { continue };
        // Where a pull request landed as several commits, its reply names the last one.
        let replies = note.state != CommitState::Pending && replied.insert(pull_request.number);
        let url = if replies { reply(note, environment, forge, &pull_request, &commit).await? } else { None };
        told_head |= commit == note.revision;
        forge.set_status(&commit, &status(url.or(Some(pull_request.url)))).await?;
    }
    if !told_head {
        forge.set_status(&note.revision, &status(None)).await?;
    }
    Ok(())
}

async fn landed(note: &PassNote, source: &Arc<dyn PullRequestSource>) -> Result<Vec<String>, RoundProblem> {
    let Some(previous) = note.previous.clone() else { return Ok(vec![note.revision.clone()]) };
    let (source, newer) = (Arc::clone(source), note.revision.clone());
    let listing = tokio::task::spawn_blocking(move || {
        source.fetch_base()?;
        source.landed(&previous, &newer, MOST_COMMITS)
    });
    Ok(listing.await.unwrap_or_else(|stopped| std::panic::resume_unwind(stopped.into_panic()))?)
}

/// Replies to a pull request that was told its plan; who saw no plan of this environment is told nothing of it. Returns where
/// the reply stands.
async fn reply(
    note: &PassNote,
    environment: &str,
    forge: &dyn Forge,
    pull_request: &PullRequest,
    commit: &str,
) -> Result<Option<String>, RoundProblem> {
    let Some(cluster_id) = &note.cluster_id else { return Ok(None) };
    let Some(plan) = forge.comment(pull_request.number, &plan_comment_marker(environment, cluster_id)).await? else {
        return Ok(None);
    };
    let marker = apply_comment_marker(environment, cluster_id, commit);
    let text = match &note.applied {
        Some(applied) => {
            let limit = forge.longest_comment();
            let context = CommentContext { details_url: Some(&plan.url), limit, ..CommentContext::default() };
            applied_comment(applied, cluster_id, commit, plan_id(&plan), &context)
        }
        None => not_applied_comment(environment, cluster_id, commit, &sentence(&note.description)),
    };
    Ok(Some(forge.put_comment(pull_request.number, &marker, &text).await?.url))
}

/// Finds the plan's id in the comment that shows it.
fn plan_id(comment: &Comment) -> Option<&str> {
    let start = comment.text.rfind("sha256:")?;
    let id = comment.text[start..].split(|c: char| !c.is_ascii_alphanumeric() && c != ':').next()?;
    (id.len() == "sha256:".len() + 64).then_some(id)
}
