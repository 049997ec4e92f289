//! `driftless drift`: what the cluster changed since the last apply.

use super::arguments::{ClusterArgs, OutputFormat, RepositoryArgs, RuleArgs, SecretArgs, StateArgs};
use super::console::Console;
use super::error::{CommandError, ErrorKind};
use super::exit::Exit;
use super::passwords::Need;
use super::session::{Session, SessionArgs, Wanted};
use crate::ports::Access;
use crate::reconcile::Push;
use crate::report::{self, DriftReport, Style};

/// Show what was changed on the cluster behind git's back since the last apply
///
/// Changes nothing on the cluster. With --commit the report is written to the branch driftless/ENV, when it changed.
#[derive(Debug, clap::Args)]
pub(super) struct DriftArgs {
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
    pub(super) state: StateArgs,
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: OutputFormat,
    /// Exit with 2 when there is drift
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
    /// Commit the report to the branch driftless/ENV
    #[arg(long)]
    pub(super) commit: bool,
    /// Also push that branch
    #[arg(long, requires = "commit")]
    pub(super) push: bool,
}

pub(super) async fn run(arguments: &DriftArgs, console: &Console) -> Result<Exit, CommandError> {
    let repository = arguments.repository.open()?;
    let session = Session::open(&arguments.session(), &repository, Access::ReadOnly)?;
    if arguments.commit && !session.has_branch() {
        return Err(CommandError::usage("there is no git repository to commit the report to")
            .hint("Run this inside a clone of the config repository, or leave out `--commit`."));
    }
    let (wanted, observation) = session.prepare(&repository, &arguments.secrets, Need::Optional).await?;
    let Wanted { loaded, secrets, source } = wanted;
    let pass = session.pass(&secrets, &loaded.packs);
    let planned = pass.plan(observation, &loaded.desired, &source).await?;
    if let Some(finding) = planned.plan.other_cluster() {
        let error = CommandError::new(ErrorKind::Refused, format!("{}, so nothing was compared", finding.message));
        return Err(finding.help.iter().fold(error, |error, help| error.hint(help.clone())));
    }
    let drift = DriftReport::new(&planned.plan, &planned.inventory);
    console.warnings(&loaded.warnings);
    session.note_missing_record(console)?;
    console.data(&match arguments.output {
        OutputFormat::Text => report::drift_text(&drift, Style::Colour),
        OutputFormat::Json => report::drift_json(&drift),
        OutputFormat::Markdown => report::drift_markdown(&drift),
    })?;
    if arguments.commit {
        let push = if arguments.push { Push::Yes } else { Push::No };
        match pass.record_drift(&planned, &loaded.desired, push)? {
            Some(commit) => console.note(&format!("Committed the report as {commit}.")),
            None => console.note("The report is as it was; nothing to commit."),
        }
    }
    Ok(if arguments.detailed_exitcode && drift.differences() > 0 { Exit::Differences } else { Exit::Done })
}

impl DriftArgs {
    fn session(&self) -> SessionArgs<'_> {
        SessionArgs {
            cluster: &self.cluster,
            environment: self.environment.as_deref(),
            rules: &self.rules,
            prune: None,
            state: &self.state,
        }
    }
}
