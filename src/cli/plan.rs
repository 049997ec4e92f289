//! `driftless plan`: what an apply would do.

use std::path::PathBuf;

use super::arguments::{ClusterArgs, OutputFormat, PruneArgs, RepositoryArgs, RuleArgs, SecretArgs, StateArgs};
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use super::passwords::Need;
use super::saved_plan;
use super::session::{Session, SessionArgs, Wanted};
use crate::plan::types::{Finding, Plan};
use crate::ports::Access;
use crate::report::{self, Detail, Style};

/// Show what differs between git and the cluster, and what an apply would do
///
/// Changes nothing. Exits with 0; with 2 when there are differences and --detailed-exitcode is given; with 3 when policy
/// refuses.
#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) repository: RepositoryArgs,
    /// Environment of driftless.yaml [default: that of --config]
    #[arg(short, long, value_name = "ENV", required_unless_present = "config")]
    pub(super) environment: Option<String>,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
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
    /// Also save the plan, for `driftless apply FILE` and `driftless show FILE`
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Exit with 2 when there are differences
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

pub(super) async fn run(arguments: &PlanArgs, console: &Console) -> Result<Exit, CommandError> {
    let repository = arguments.repository.open()?;
    let session = Session::open(&arguments.session(), &repository, Access::ReadOnly)?;
    let (wanted, observation) = session.prepare(&repository, &arguments.secrets, Need::Optional).await?;
    let Wanted { loaded, secrets, source } = wanted;
    let planned = session.pass(&secrets, &loaded.packs).plan(observation, &loaded.desired, &source).await?;
    if let Some(path) = &arguments.out {
        saved_plan::write(&planned.plan, path)?;
    }
    console.warnings(&loaded.warnings);
    session.note_missing_record(console)?;
    console.data(&render(&planned.plan, arguments.output, Detail::Short))?;
    let exit = exit(&planned.plan, arguments.detailed_exitcode);
    // The process ends: to give back piece by piece what a large environment takes costs a tenth of a second.
    std::mem::forget((planned, loaded));
    Ok(exit)
}

impl PlanArgs {
    fn session(&self) -> SessionArgs<'_> {
        SessionArgs {
            cluster: &self.cluster,
            environment: self.environment.as_deref(),
            rules: &self.rules,
            prune: Some(&self.prune),
            state: &self.state,
        }
    }
}

/// Writes a plan in the form that was asked for.
pub(super) fn render(plan: &Plan, format: OutputFormat, detail: Detail) -> String {
    match format {
        OutputFormat::Text => report::plan_text(plan, Style::Colour, detail),
        OutputFormat::Json => report::plan_json(plan),
        OutputFormat::Markdown => report::plan_markdown(plan),
    }
}

/// Says how a command ends that only shows a plan.
pub(super) fn exit(plan: &Plan, detailed: bool) -> Exit {
    if plan.findings.iter().any(Finding::denies) {
        Exit::Refused
    } else if detailed && !plan.actions.is_empty() {
        Exit::Differences
    } else {
        Exit::Done
    }
}
