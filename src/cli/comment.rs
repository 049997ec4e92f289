//! `driftless comment`: plans on a pull request, from CI.

mod surroundings;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use self::surroundings::Job;
use super::clock::SystemClock;
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use super::saved_plan;
use crate::agent::pull_requests::{Verdict, annotate, plan_context};
use crate::domain::diagnostic::Diagnostic;
use crate::forge::{self, ForgeKind, ForgeOptions};
use crate::plan::types::Plan;
use crate::ports::{Clock, Forge};
use crate::report::comment::{
    CommentContext, Observation, bad_files_comment, not_planned_comment, plan_comment, plan_comment_marker,
    says_the_same,
};

/// Write saved plans to the pull request that this CI job is for
///
/// One comment for each environment, edited in place, the commit status driftless/plan/ENV, and annotations where the forge has
/// them. In GitHub Actions, GitLab CI, Gitea and Forgejo Actions everything is taken from the job's variables; elsewhere the
/// options say it. A plan without changes does not start a comment, but it updates one that is there.
#[derive(Debug, clap::Args)]
pub(super) struct CommentArgs {
    /// Plans saved with `driftless plan --out`, at most one for each environment and cluster
    #[arg(value_name = "PLAN.json", required_unless_present = "problems")]
    plans: Vec<PathBuf>,
    /// Instead of a plan that could not be made: the problems, as `driftless validate -o json` writes them
    #[arg(long, value_name = "FILE", requires_all = ["environment", "cluster_id"], conflicts_with = "plans")]
    problems: Option<PathBuf>,
    /// The environment of the problems
    #[arg(short, long, value_name = "ENV", requires = "problems")]
    environment: Option<String>,
    /// The cluster of that environment, by which its comment is found (`clusterId` of status.json)
    #[arg(long, value_name = "ID", requires = "problems")]
    cluster_id: Option<String>,
    /// Kind of the forge [default: that of the job]
    #[arg(long, value_name = "KIND", help_heading = "Forge")]
    forge: Option<ForgeKind>,
    /// Address of its API [default: GITHUB_API_URL, CI_API_V4_URL, or the public one]
    #[arg(long, value_name = "URL", help_heading = "Forge")]
    api_url: Option<String>,
    /// The repository there [default: GITHUB_REPOSITORY, CI_PROJECT_PATH]
    #[arg(long, value_name = "OWNER/NAME", help_heading = "Forge")]
    repository: Option<String>,
    /// Number of the pull request [default: from GITHUB_EVENT_PATH, CI_MERGE_REQUEST_IID]
    #[arg(long, value_name = "N", help_heading = "Forge")]
    pull_request: Option<u64>,
    /// Commit that gets the status: the head of the pull request [default: from GITHUB_EVENT_PATH, CI_COMMIT_SHA]
    #[arg(long, value_name = "SHA", help_heading = "Forge")]
    commit: Option<String>,
    /// Commit that it is to be merged into [default: from GITHUB_EVENT_PATH, CI_MERGE_REQUEST_DIFF_BASE_SHA]
    #[arg(long, value_name = "SHA", help_heading = "Forge")]
    base: Option<String>,
    /// File with the token [default: GITHUB_TOKEN, GITLAB_TOKEN, CI_JOB_TOKEN, GITEA_TOKEN]
    #[arg(long, value_name = "FILE", help_heading = "Forge")]
    token_file: Option<PathBuf>,
    /// User under which the token writes, where it may not ask [default in GitHub Actions: github-actions[bot]]
    #[arg(long, value_name = "USER", help_heading = "Forge")]
    author: Option<String>,
    /// When the cluster was read, as in 2026-11-21T16:00:00Z
    #[arg(long, value_name = "TIME")]
    observed_at: Option<jiff::Timestamp>,
    /// Page to which the statuses link
    #[arg(long, value_name = "URL")]
    target_url: Option<String>,
    /// Set no commit status
    #[arg(long)]
    no_status: bool,
}

impl ValueEnum for ForgeKind {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::GitHub, Self::GitLab, Self::Gitea]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(match self {
            Self::GitHub => clap::builder::PossibleValue::new("github").help("GitHub, also Enterprise Server"),
            Self::GitLab => clap::builder::PossibleValue::new("gitlab").help("GitLab"),
            Self::Gitea => clap::builder::PossibleValue::new("gitea").help("Gitea, Forgejo"),
        })
    }
}

/// What is written for one environment.
struct Said {
    environment: String,
    marker: String,
    /// The comment.
    text: String,
    /// Whether a comment is only worth while when there is one already.
    says_nothing: bool,
    verdict: Verdict,
}

pub(super) async fn run(arguments: &CommentArgs, console: &Console) -> Result<Exit, CommandError> {
    let plans = read(&arguments.plans)?;
    let problems = arguments.problems.as_deref().map(read_problems).transpose()?;
    let job = Job::new(arguments, &super::surroundings::surroundings())?;
    let forge = forge::connect(ForgeOptions {
        kind: job.kind,
        api_url: job.api_url.clone(),
        repository: job.repository.clone(),
        credential: job.credential,
        author: job.author.clone(),
    })?;
    let context = CommentContext {
        base: job.base.as_deref(),
        head: Some(&job.commit),
        observed: arguments.observed_at.map(|at| Observation { at, planned: SystemClock.now() }),
        distrust: None,
        details_url: arguments.target_url.as_deref(),
        limit: forge.longest_comment(),
    };
    let mut all: Vec<Said> = plans.iter().map(|plan| of_plan(plan, &context)).collect();
    if let (Some(problems), Some(environment), Some(cluster_id)) =
        (&problems, &arguments.environment, &arguments.cluster_id)
    {
        all.push(of_problems(problems, environment, cluster_id, &context));
    }
    for said in &all {
        let became = write(forge.as_ref(), job.pull_request, said).await?;
        console.note(&format!("{}: {became}", crate::report::clean(&said.environment)));
        tell(forge.as_ref(), &job.commit, said, arguments).await?;
    }
    Ok(Exit::Done)
}

fn of_plan(plan: &Plan, context: &CommentContext<'_>) -> Said {
    Said {
        environment: plan.environment.clone(),
        marker: plan_comment_marker(&plan.environment, &plan.cluster.id),
        text: plan_comment(plan, context),
        says_nothing: plan.actions.is_empty() && plan.findings.is_empty() && plan.unknown.is_empty(),
        verdict: Verdict::of_plan(plan),
    }
}

fn of_problems(problems: &[Diagnostic], environment: &str, cluster_id: &str, context: &CommentContext<'_>) -> Said {
    let (line, text) = match problems.iter().filter(|problem| problem.is_error()).count() {
        0 => {
            let reason = "the job could not make a plan, and its log says why.";
            let text = not_planned_comment(environment, cluster_id, reason, context);
            ("no plan: the log of the job says why".to_owned(), text)
        }
        errors => {
            let line = format!("no plan: {} in the files", crate::report::counted(errors, "error", "errors"));
            (line, bad_files_comment(environment, cluster_id, problems, context))
        }
    };
    Said {
        environment: environment.to_owned(),
        marker: plan_comment_marker(environment, cluster_id),
        text,
        says_nothing: false,
        verdict: Verdict::of_files(&line, problems),
    }
}

/// What `driftless validate -o json` writes, as far as it is of interest.
#[derive(serde::Deserialize)]
struct Validation {
    diagnostics: Vec<Diagnostic>,
}

fn read_problems(path: &Path) -> Result<Vec<Diagnostic>, CommandError> {
    let shown = path.display();
    let bytes = (super::surroundings::surroundings().read_file)(path)
        .map_err(|error| CommandError::usage(format!("failed to read the problems `{shown}`")).because(error))?;
    let validation: Validation = serde_json::from_slice(&bytes).map_err(|error| {
        CommandError::usage(format!("`{shown}` holds no problems"))
            .because(error)
            .hint("Make it with `driftless validate -o json`.")
    })?;
    Ok(validation.diagnostics)
}

fn read(paths: &[PathBuf]) -> Result<Vec<Plan>, CommandError> {
    let plans = paths.iter().map(|path| saved_plan::read(path)).collect::<Result<Vec<Plan>, CommandError>>()?;
    let mut seen = BTreeSet::new();
    for plan in &plans {
        let marker = plan_comment_marker(&plan.environment, &plan.cluster.id);
        if !seen.insert(marker) {
            let environment = crate::report::clean(&plan.environment);
            return Err(CommandError::usage(format!("there are two plans for `{environment}` and the same cluster"))
                .hint("Each has one comment: name each plan once."));
        }
    }
    Ok(plans)
}

/// Writes a comment, and says what became of it.
async fn write(forge: &dyn Forge, pull_request: u64, said: &Said) -> Result<String, CommandError> {
    match forge.comment(pull_request, &said.marker).await? {
        None if said.says_nothing => return Ok("no changes, and no comment that says otherwise".to_owned()),
        Some(held) if says_the_same(&held.text, &said.text) => {
            return Ok(format!("the comment says that already, {}", crate::report::clean(&held.url)));
        }
        Some(_) | None => {}
    }
    let written = forge.put_comment(pull_request, &said.marker, &said.text).await?;
    Ok(format!("commented, {}", crate::report::clean(&written.url)))
}

/// Sets the status and shows annotations.
async fn tell(forge: &dyn Forge, commit: &str, said: &Said, arguments: &CommentArgs) -> Result<(), CommandError> {
    if !arguments.no_status {
        let status = said.verdict.status(&plan_context(&said.environment), arguments.target_url.clone());
        forge.set_status(commit, &status).await?;
    }
    annotate(forge, commit, &said.environment, &said.verdict).await?;
    Ok(())
}
