//! What is said of a pull request: decided from values, without asking anybody.

use crate::domain::diagnostic::{Diagnostic, Location, Severity};
use crate::plan::types::{Finding, Plan};
use crate::ports::{Annotation, CommitState, CommitStatus, PullRequest};
use crate::report::comment::plan_verdict;

/// Which pull requests are planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Whether those of forks are, whoever opened them.
    pub forks: bool,
    /// The label by which people who maintain the repository let one of a fork through.
    pub label: String,
}

impl Admission {
    /// Says whether a pull request is planned.
    pub fn admits(&self, pull_request: &PullRequest) -> bool {
        !pull_request.is_fork || self.forks || pull_request.labels.contains(&self.label)
    }
}

/// What the commit status says, and what stands beside the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Only what policy denies and files that cannot be used fail.
    pub state: CommitState,
    /// In one line.
    pub description: String,
    /// What stands beside the lines.
    pub annotations: Vec<Annotation>,
}

impl Verdict {
    pub(super) fn new(state: CommitState, description: impl Into<String>) -> Self {
        Self { state, description: description.into(), annotations: Vec::new() }
    }

    /// Judges a plan: only what policy denies fails. What is held waits for an approval, which the same pull request can bring.
    pub fn of_plan(plan: &Plan) -> Self {
        let (may_be_merged, description) = plan_verdict(plan);
        let state = if may_be_merged { CommitState::Success } else { CommitState::Failure };
        let open = plan.findings.iter().filter(|finding| finding.waived.is_none());
        let annotations = open.filter_map(|Finding { location, severity, code, message, help, .. }| {
            annotation(location.as_ref(), *severity, code, message, help.as_deref())
        });
        Self { state, description, annotations: annotations.collect() }
    }

    /// Judges files that cannot be used. The message is a fragment.
    pub fn of_files(message: &str, diagnostics: &[Diagnostic]) -> Self {
        let annotations =
            diagnostics.iter().filter_map(|Diagnostic { location, severity, code, message, help, .. }| {
                annotation(location.as_ref(), *severity, code, message, help.as_deref())
            });
        Self { state: CommitState::Failure, description: sentence(message), annotations: annotations.collect() }
    }

    /// Returns the status that says it.
    pub fn status(&self, context: &str, target_url: Option<String>) -> CommitStatus {
        CommitStatus {
            context: context.to_owned(),
            state: self.state,
            description: self.description.clone(),
            target_url,
        }
    }
}

fn annotation(
    location: Option<&Location>,
    severity: Severity,
    code: &str,
    message: &str,
    help: Option<&str>,
) -> Option<Annotation> {
    let help = help.map(|help| format!("\nHelp: {help}")).unwrap_or_default();
    let location = location?.clone();
    Some(Annotation { location, severity, code: code.to_owned(), message: format!("{message}{help}") })
}

/// Makes a sentence of a fragment.
pub(super) fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let end = if fragment.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull_request(is_fork: bool, label: Option<&str>) -> PullRequest {
        PullRequest {
            number: 7,
            head: "a".repeat(40),
            head_reference: "refs/pull/7/head".to_owned(),
            base_branch: "main".to_owned(),
            is_fork,
            labels: label.into_iter().map(str::to_owned).collect(),
            url: String::new(),
        }
    }

    #[test]
    fn forks_need_the_setting_or_the_label() {
        for (forks, is_fork, label, admitted) in [
            (false, false, None, true),
            (false, true, None, false),
            (false, true, Some("other"), false),
            (false, true, Some("driftless/plan"), true),
            (true, true, None, true),
        ] {
            let admission = Admission { forks, label: "driftless/plan".to_owned() };
            assert_eq!(admission.admits(&pull_request(is_fork, label)), admitted, "{forks} {is_fork} {label:?}");
        }
    }
}
