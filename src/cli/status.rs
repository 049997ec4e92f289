//! `driftless status`: what the agent of an environment last did.

use std::path::PathBuf;

use super::arguments::{TextOrJson, load_settings};
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use super::repository;
use super::surroundings::surroundings;
use crate::config::secrets;
use crate::config::settings::AgentSettings;
use crate::git::{self, GitReportBranch};
use crate::messaging::{TlsAddress, agent_status, agent_status_over_tls};
use crate::ports::ReportBranch;
use crate::report::status::{StatusReport, SyncState};
use crate::report::{self, Style};

const STATUS_FILE: &str = "status.json";

/// Show what the agent of an environment last did
///
/// Asks the agent at its HTTP address; where none answers, its report branch tells.
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// Agent settings
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    #[command(flatten)]
    pub(super) address: AddressArgs,
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: TextOrJson,
    /// Exit with 2 when the cluster is not what git says, with 3 when that waits for a person, with 1 when it is not known
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

/// Where an agent is asked that speaks TLS.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct AddressArgs {
    /// Address of an agent with `http.tls`, by a name in its certificate; without it such an agent is not asked
    #[arg(long, value_name = "https://HOST:PORT", help_heading = ADDRESS)]
    pub(super) url: Option<String>,
    /// Authorities that signed the agent's certificate, beside those of the system, as PEM
    #[arg(long, value_name = "FILE", requires = "url", help_heading = ADDRESS)]
    pub(super) ca_file: Option<PathBuf>,
    /// Certificate that is shown to the agent, as PEM with those between
    #[arg(long, value_name = "FILE", requires_all = ["url", "client_key"], help_heading = ADDRESS)]
    pub(super) client_certificate: Option<PathBuf>,
    /// Its key, as PEM in PKCS #8 form
    #[arg(long, value_name = "FILE", requires = "client_certificate", help_heading = ADDRESS)]
    pub(super) client_key: Option<PathBuf>,
}

const ADDRESS: &str = "Agent with TLS";

impl AddressArgs {
    /// Reads the files.
    fn read(&self) -> Result<Option<TlsAddress>, CommandError> {
        let Some(url) = self.url.clone() else { return Ok(None) };
        let read = |path: &PathBuf| {
            secrets::read(surroundings(), path)
                .map_err(|error| CommandError::usage(format!("failed to read `{}`", path.display())).because(error))
        };
        let authorities = self.ca_file.as_ref().map(read).transpose()?;
        let identity = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
            (Some(_) | None, _) => None,
        };
        Ok(Some(TlsAddress { url, authorities, identity }))
    }
}

pub(super) async fn run(arguments: &StatusArgs, console: &Console) -> Result<Exit, CommandError> {
    let path = std::path::absolute(&arguments.config).unwrap_or_else(|_| arguments.config.clone());
    let settings = load_settings(&path)?;
    let address = arguments.address.read()?;
    let text = match asked(&settings, address.as_ref(), console).await? {
        Some(text) => text,
        None => reported(&settings)?,
    };
    let status: StatusReport = serde_json::from_str(&text)
        .map_err(|error| CommandError::failed("the agent's status makes no sense").because(error))?;
    console.data(&match arguments.output {
        TextOrJson::Text => report::status_text(&status, Style::Colour),
        TextOrJson::Json => report::status_json(&status),
    })?;
    Ok(if arguments.detailed_exitcode { detailed(&status) } else { Exit::Done })
}

fn detailed(status: &StatusReport) -> Exit {
    let stalls = status.conditions.iter().any(|condition| condition.kind == "Stalled" && condition.status == "True");
    match status.sync {
        SyncState::Synced => Exit::Done,
        SyncState::Unknown => Exit::Failed,
        SyncState::OutOfSync if stalls => Exit::Refused,
        SyncState::OutOfSync => Exit::Differences,
    }
}

/// Asks the running agent; `None` when it cannot be asked.
async fn asked(
    settings: &AgentSettings,
    address: Option<&TlsAddress>,
    console: &Console,
) -> Result<Option<String>, CommandError> {
    let http = settings.http.as_ref();
    let token_file = http.and_then(|http| http.token_file.as_deref());
    let token = token_file.and_then(|path| secrets::read(surroundings(), path).ok());
    let answer = match (address, http) {
        (Some(address), _) => agent_status_over_tls(address, token.as_ref()).await,
        (None, None) => return Ok(None),
        (None, Some(http)) if http.tls.is_some() => {
            // Its certificate is for the name by which others ask it, which is not known here.
            console.note("The agent speaks TLS: `--url` asks it. The report branch is read instead.");
            return Ok(None);
        }
        (None, Some(http)) => agent_status(http.listen, token.as_ref()).await,
    };
    match answer {
        Ok(text) => Ok(Some(text)),
        Err(error) if !error.is_retryable => Err(CommandError::usage(error.message)),
        Err(error) => {
            console.note(&format!("{}; the report branch is read instead.", error.message));
            Ok(None)
        }
    }
}

/// Reads the report branch where it is pushed to, in a repository that lives as long as this.
fn reported(settings: &AgentSettings) -> Result<String, CommandError> {
    let directory =
        tempfile::tempdir().map_err(|error| CommandError::failed("failed to make a directory").because(error))?;
    let mut branch = repository::branch_settings(Some(settings));
    branch.remote.get_or_insert_with(|| settings.source.url.expose().to_owned());
    let name = branch.branch.clone();
    let branch = GitReportBranch::open(&git::report_repository(directory.path())?, &settings.environment, branch)?;
    branch.fetch()?;
    let bytes = branch.read(STATUS_FILE)?.remove(STATUS_FILE).ok_or_else(|| {
        CommandError::failed(format!("there is no report on the branch `{name}`"))
            .hint("An agent writes it with its first pass.")
    })?;
    String::from_utf8(bytes).map_err(|error| CommandError::failed("the agent's status makes no sense").because(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::status::Condition;

    #[test]
    fn exit_codes_say_whether_somebody_must_come() {
        for (sync, stalled, expected) in [
            (SyncState::Synced, "False", Exit::Done),
            (SyncState::OutOfSync, "False", Exit::Differences),
            (SyncState::OutOfSync, "True", Exit::Refused),
            (SyncState::Unknown, "False", Exit::Failed),
            (SyncState::Unknown, "True", Exit::Failed),
        ] {
            let condition =
                Condition { kind: "Stalled".into(), status: stalled.into(), reason: "R".into(), message: "M.".into() };
            let status = StatusReport {
                api_version: "driftless.dev/v1".into(),
                kind: "Status".into(),
                environment: "prod".into(),
                cluster_id: None,
                standby: false,
                sync,
                conditions: vec![condition],
                last_attempted_revision: None,
                last_applied_revision: None,
                last_plan: None,
                counts: Default::default(),
            };
            assert_eq!(detailed(&status), expected, "{sync:?} {stalled}");
        }
    }
}
