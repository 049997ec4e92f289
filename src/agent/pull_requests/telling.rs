//! Writing to the forge what a round found out, as far as it was not said yet.

use std::time::Duration;

use super::judge::Verdict;
use super::memory::{Memory, Said, Told};
use super::round::{Round, RoundProblem};
use crate::domain::digest::sha256;
use crate::ports::{CommitState, Forge, ForgeError, PullRequest};
use crate::report::clean;
use crate::report::comment::{self, CommentContext, says_the_same};

/// Returns the context of the status about an environment's plan.
pub fn plan_context(environment: &str) -> String {
    format!("driftless/plan/{environment}")
}

/// Shows what stands beside the lines, where the forge can. The check there has another name than the status: one that is required must
/// be the status.
pub async fn annotate(
    forge: &dyn Forge,
    revision: &str,
    environment: &str,
    verdict: &Verdict,
) -> Result<(), ForgeError> {
    forge.annotate(revision, &format!("{} findings", plan_context(environment)), &verdict.annotations).await
}

impl Round<'_> {
    fn context(&self) -> String {
        plan_context(self.environment)
    }

    /// Writes a comment that is put only where one stands; `None` as long as the cluster's id is not known, for then none stands.
    pub(super) fn comment(
        &self,
        pull_request: &PullRequest,
        base: &str,
        memory: &Memory,
        text: impl FnOnce(&str, &CommentContext<'_>) -> String,
    ) -> Option<(String, bool)> {
        let seen = memory.seen.as_ref();
        let cluster_id = seen.map(|seen| seen.cluster_id.as_str()).or(self.cluster_id)?;
        let context = CommentContext {
            base: Some(base),
            head: Some(&pull_request.head),
            observed: seen.map(|seen| comment::Observation { at: seen.at, planned: self.clock.now() }),
            distrust: None,
            details_url: None,
            limit: self.forge.longest_comment(),
        };
        Some((text(cluster_id, &context), false))
    }

    /// Says that a head is being planned, once.
    pub(super) async fn announce(&self, pull_request: &PullRequest, memory: &Memory) -> Result<(), RoundProblem> {
        let is_new = memory.told.get(&pull_request.number).is_none_or(|told| told.head != pull_request.head);
        if is_new {
            let verdict = Verdict::new(CommitState::Pending, "Being planned.");
            self.forge.set_status(&pull_request.head, &verdict.status(&self.context(), None)).await?;
        }
        Ok(())
    }

    /// Says that what was told before no longer holds and cannot be replaced yet.
    pub(super) async fn mark_stale(
        &self,
        pull_request: &PullRequest,
        memory: &mut Memory,
        problem: &RoundProblem,
    ) -> Result<(), RoundProblem> {
        if problem.wait.is_some() {
            return Ok(());
        }
        let words = format!("Stale, cannot be planned now: {}", clean(&problem.message));
        let verdict = Verdict::new(CommitState::Pending, words);
        let status = verdict.status(&self.context(), None);
        self.forge.set_status(&pull_request.head, &status).await?;
        if let Some(told) = memory.told.get_mut(&pull_request.number) {
            // What was told is planned again as soon as that is possible.
            told.base.clear();
            told.verdict = None;
        }
        Ok(())
    }

    /// Writes what is to be said, as far as it was not said yet, and remembers it.
    pub(super) async fn tell(
        &self,
        pull_request: &PullRequest,
        base: &str,
        memory: &mut Memory,
        said: Said,
        admitted: bool,
    ) -> Result<(), RoundProblem> {
        let before = memory.told.get(&pull_request.number);
        let mut comment = before.and_then(|told| told.comment.clone());
        let mut url = None;
        if let Some((text, is_put_anew)) = &said.comment {
            let marker = text.lines().next().unwrap_or_default().to_owned();
            let new = sha256(text);
            if comment.as_deref() != Some(&new) {
                let stands = self.forge.comment(pull_request.number, &marker).await?;
                let is_said = stands.as_ref().is_some_and(|stands| says_the_same(&stands.text, text));
                if !is_said && (*is_put_anew || stands.is_some()) {
                    url = Some(self.forge.put_comment(pull_request.number, &marker, text).await?.url);
                } else {
                    url = stands.map(|stands| stands.url);
                }
                comment = Some(new);
            }
        }
        let same_verdict =
            before.is_some_and(|told| told.head == pull_request.head && told.verdict.as_ref() == Some(&said.verdict));
        if !same_verdict {
            let target = url.or_else(|| Some(pull_request.url.clone()));
            self.forge.set_status(&pull_request.head, &said.verdict.status(&self.context(), target)).await?;
            annotate(self.forge, &pull_request.head, self.environment, &said.verdict).await?;
        }
        let took = before.map_or(Duration::ZERO, |told| told.took);
        let told = Told {
            base: base.to_owned(),
            head: pull_request.head.clone(),
            holds: said.holds,
            comment,
            verdict: Some(said.verdict),
            took,
            admitted,
        };
        memory.told.insert(pull_request.number, told);
        Ok(())
    }
}
