//! `driftless apply`: performs a plan.

use std::path::{Path, PathBuf};

use super::arguments::{
    ClusterArgs, OutputFormat, PruneArgs, RevisionArgs, RuleArgs, SecretArgs, StateArgs, WritableClusterArgs,
};
use super::console::Console;
use super::error::{CommandError, ErrorKind};
use super::exit::Exit;
use super::passwords::{self, Need};
use super::plan::render;
use super::repository::Repository;
use super::session::{Session, SessionArgs, Wanted};
use super::{interrupt, saved_plan};
use crate::domain::desired::DesiredState;
use crate::plan::types::{Plan, Status};
use crate::ports::Access;
use crate::reconcile::{Decision, Pass, Planned, Push};
use crate::report::{self, Detail, Style};

/// Make the cluster equal to git: perform a saved plan, or plan, show, ask and perform
///
/// Performs exactly what the plan lists, in a safe order, and reads back what it wrote. Ctrl-C ends after the batch in
/// flight; the next apply goes on. Exits with 0 when everything was done, with 1 when something was not, and with 3 when
/// policy refuses: then nothing was changed.
#[derive(Debug, clap::Args)]
pub(super) struct ApplyArgs {
    /// A plan saved with `driftless plan --out`, or the directory of the config repository
    #[arg(default_value = ".", value_name = "PLAN.json|PATH")]
    pub(super) target: PathBuf,
    #[command(flatten)]
    pub(super) revision: RevisionArgs,
    /// Environment of driftless.yaml [default: that of the plan or of --config]
    #[arg(short, long, value_name = "ENV")]
    pub(super) environment: Option<String>,
    #[command(flatten)]
    pub(super) cluster: WritableClusterArgs,
    #[command(flatten)]
    pub(super) secrets: SecretArgs,
    #[command(flatten)]
    pub(super) rules: RuleArgs,
    #[command(flatten)]
    pub(super) prune: PruneArgs,
    #[command(flatten)]
    pub(super) state: StateArgs,
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: OutputFormat,
    /// Do not ask; needed when there is no terminal
    #[arg(long)]
    pub(super) yes: bool,
    /// Also push the branch driftless/ENV, on which the apply is recorded
    #[arg(long)]
    pub(super) push: bool,
}

/// What an apply starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A saved plan.
    SavedPlan(PathBuf),
    /// A config repository.
    Repository(PathBuf),
}

impl ApplyArgs {
    /// Says what the first argument is: a file is a plan, a directory is a repository.
    pub(super) fn target(&self) -> Result<Target, CommandError> {
        let path = self.target.clone();
        if path.is_dir() {
            return Ok(Target::Repository(path));
        }
        if !path.exists() {
            return Err(CommandError::usage(format!("there is no plan and no directory `{}`", path.display()))
                .hint("Save a plan with `driftless plan --out FILE`."));
        }
        if self.revision.revision.is_some() {
            return Err(CommandError::usage("a saved plan has its own revision").hint("Leave out `--revision`."));
        }
        Ok(Target::SavedPlan(path))
    }

    fn session<'a>(&'a self, cluster: &'a ClusterArgs, environment: Option<&'a str>) -> SessionArgs<'a> {
        SessionArgs { cluster, environment, rules: &self.rules, prune: Some(&self.prune), state: &self.state }
    }

    /// Makes sure that somebody agrees or can be asked, before anything is read from the cluster.
    pub(super) fn check_consent(&self, console: &Console) -> Result<(), CommandError> {
        if self.yes || console.can_ask() {
            return Ok(());
        }
        Err(CommandError::usage("nobody is there to answer whether to apply the plan")
            .hint("Give `--yes` to apply without asking, or run `driftless plan` to only look."))
    }
}

pub(super) async fn run(arguments: &ApplyArgs, console: &Console) -> Result<Exit, CommandError> {
    let target = arguments.target()?;
    arguments.check_consent(console)?;
    let cluster = arguments.cluster.clone().general();
    match target {
        Target::SavedPlan(path) => saved(arguments, &cluster, &path, console).await,
        Target::Repository(path) => fresh(arguments, &cluster, &path, console).await,
    }
}

/// Performs a saved plan, if everything that it relies on still holds.
async fn saved(
    arguments: &ApplyArgs,
    cluster: &ClusterArgs,
    path: &Path,
    console: &Console,
) -> Result<Exit, CommandError> {
    let plan = saved_plan::read(path)?;
    if let Some(given) = arguments.environment.as_deref().filter(|given| *given != plan.environment) {
        let message = format!("the environment is `{given}`, and the plan is for `{}`", plan.environment);
        return Err(CommandError::usage(message).hint("Leave out `--environment`."));
    }
    let environment = plan.environment.clone();
    let repository = Repository::of_saved_plan(path);
    let session = Session::open(&arguments.session(cluster, Some(&environment)), &repository, Access::ReadWrite)?;
    let options = arguments.secrets.options(session.settings.as_deref());
    let secrets = passwords::of_plan(&options, &repository.snapshot()?, &plan);
    let pass = session.pass(&secrets, &[]);
    let planned = pass.resume(plan).await?;
    perform(arguments, &pass, &planned, None, console).await
}

/// Plans, shows, asks, performs.
async fn fresh(
    arguments: &ApplyArgs,
    cluster: &ClusterArgs,
    path: &Path,
    console: &Console,
) -> Result<Exit, CommandError> {
    let repository = Repository::open(path, arguments.revision.revision.clone())?;
    let environment = arguments.environment.as_deref();
    let session = Session::open(&arguments.session(cluster, environment), &repository, Access::ReadWrite)?;
    let (wanted, observation) = session.prepare(&repository, &arguments.secrets, Need::Required).await?;
    let Wanted { loaded, secrets, source } = wanted;
    console.warnings(&loaded.warnings);
    session.note_missing_record(console)?;
    let pass = session.pass(&secrets, &loaded.packs);
    let planned = pass.plan(observation, &loaded.desired, &source).await?;
    perform(arguments, &pass, &planned, Some(&loaded.desired), console).await
}

async fn perform(
    arguments: &ApplyArgs,
    pass: &Pass<'_>,
    planned: &Planned,
    desired: Option<&DesiredState>,
    console: &Console,
) -> Result<Exit, CommandError> {
    let plan = &planned.plan;
    // A saved plan was looked at already: shown again only to whoever is asked.
    let shown = desired.is_some() || !arguments.yes || refusal(plan).is_some();
    match arguments.output {
        OutputFormat::Text | OutputFormat::Markdown if shown => {
            console.data(&render(plan, arguments.output, Detail::Short))?;
        }
        OutputFormat::Text | OutputFormat::Markdown => {}
        // Standard output holds one JSON document: the result.
        OutputFormat::Json if arguments.yes => console.note(&render(plan, OutputFormat::Text, Detail::Short)),
        OutputFormat::Json => console.show(&render(plan, OutputFormat::Text, Detail::Short)),
    }
    if let Some(refusal) = refusal(plan) {
        return Err(refusal);
    }
    let n_planned = plan.actions.iter().filter(|action| action.status == Status::Planned).count();
    if n_planned > 0 && !arguments.yes {
        let question = format!(
            "Perform {} on the cluster `{}` of `{}`?",
            report::counted(n_planned, "action", "actions"),
            plan.cluster.id,
            plan.environment
        );
        if !console.confirm(&question)? {
            return Err(CommandError::failed("nothing was applied, because the answer was not `yes`"));
        }
    }
    let (bar, stop) = (console.progress(), interrupt::watch(console));
    let push = if arguments.push { Push::Yes } else { Push::No };
    let applied = pass.apply(planned, desired, &bar, &stop, push).await?;
    drop(bar);
    console.data(&match arguments.output {
        OutputFormat::Text => report::apply_text(&applied.report, Style::Colour),
        OutputFormat::Json => report::apply_json(&applied.report),
        OutputFormat::Markdown => report::apply_markdown(&applied.report),
    })?;
    if pass.branch.is_none() {
        console.show(
            "warning: no git repository with `driftless.yaml` was found, so nothing is recorded: what was applied is not owned\n",
        );
    }
    let all_recorded = applied.not_recorded.is_empty();
    for error in applied.not_recorded {
        console.error(&error.into());
    }
    let all_done = applied.report.not_done() == 0 && !applied.report.interrupted;
    let none_left = plan.actions.len() == n_planned;
    Ok(if all_done && none_left && all_recorded { Exit::Done } else { Exit::Failed })
}

/// Says why a plan is not performed at all.
fn refusal(plan: &Plan) -> Option<CommandError> {
    match Decision::of(plan) {
        Decision::Perform => None,
        Decision::Denied(n_denials) => {
            let message = format!(
                "policy refuses the plan ({}), so nothing was applied",
                report::counted(n_denials, "finding", "findings")
            );
            Some(CommandError::new(ErrorKind::Refused, message).hint(
                "Correct what the findings name, or add a `PolicyException`. `driftless explain CODE` says more.",
            ))
        }
        Decision::Held(n_held) => {
            let message = format!(
                "everything that is left is held ({}), so nothing was applied",
                report::counted(n_held, "action", "actions")
            );
            Some(
                CommandError::new(ErrorKind::Refused, message)
                    .hint("Let an action through with an `Approval` that names its id."),
            )
        }
        Decision::Blocked(n_blocked) => {
            let message = format!(
                "everything that is left is blocked ({}), so nothing was applied",
                report::counted(n_blocked, "action", "actions")
            );
            Some(CommandError::failed(message).hint("The plan says of each action what blocks it."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::exit;
    use super::*;

    /// Makes a plan with one action per status, and one finding per severity.
    fn plan(statuses: &[&str], severities: &[&str]) -> Plan {
        let action = |(index, status): (usize, &&str)| {
            serde_json::json!({"id": format!("topic/t{index}/update"), "kind": "topic", "name": format!("t{index}"),
                "action": "update", "origin": "change", "reason": "config-differs", "risk": "low", "status": status, "fields": []})
        };
        let finding = |severity: &&str| serde_json::json!({"code": "c", "severity": severity, "message": "m"});
        serde_json::from_value(serde_json::json!({
            "apiVersion": "driftless.dev/v1", "kind": "Plan", "id": "sha256:0", "environment": "prod",
            "cluster": {"id": "c", "brokers": 3}, "source": {"revision": null, "base": null},
            "summary": {"create": 0, "update": 0, "delete": 0, "held": 0, "blocked": 0, "unmanaged": 0},
            "preconditions": {"clusterId": "c", "observedFingerprint": "f"},
            "actions": statuses.iter().enumerate().map(action).collect::<Vec<_>>(),
            "unmanaged": [], "unknown": [], "findings": severities.iter().map(finding).collect::<Vec<_>>(),
        }))
        .expect("a plan")
    }

    #[test]
    fn nothing_is_applied_when_policy_denies_or_all_is_held_or_blocked() {
        for (statuses, severities, expected) in [
            (&["planned"][..], &["deny"][..], Some(Exit::Refused)),
            (&[], &["deny"], Some(Exit::Refused)),
            (&["held", "blocked"], &[], Some(Exit::Refused)),
            (&["blocked"], &[], Some(Exit::Failed)),
            (&["planned", "held", "blocked"], &["warn"], None),
            (&["planned"], &[], None),
            (&[], &["warn"], None),
        ] {
            let found = refusal(&plan(statuses, severities)).map(|error| error.exit());
            assert_eq!(found, expected, "{statuses:?} {severities:?}");
        }
    }

    #[test]
    fn a_plan_ends_with_3_when_policy_denies_and_with_2_only_when_asked() {
        for (statuses, severities, detailed, expected) in [
            (&["planned"][..], &["deny"][..], true, Exit::Refused),
            (&["planned"], &["warn"], true, Exit::Differences),
            (&["held"], &[], true, Exit::Differences),
            (&["planned"], &[], false, Exit::Done),
            (&[], &[], true, Exit::Done),
        ] {
            assert_eq!(exit(&plan(statuses, severities), detailed), expected, "{statuses:?} {severities:?}");
        }
    }
}
