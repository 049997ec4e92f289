//! The agent as a daemon: passes until it is told to end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use super::pull_requests::PullRequestWatch;
use super::{Agent, absolute, load_settings, refuse_what_is_not_built};
use crate::agent::board::{Board, EndedPass};
use crate::agent::http::{self, Door, Server};
use crate::agent::metrics::Metrics;
use crate::agent::{Following, Pace, PassResult, Wakes, Woken, follow};
use crate::cli::clock::SystemClock;
use crate::cli::console::Console;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Shutdown;
use crate::config::settings::{AgentSettings, ApplyMode, HttpSettings};
use crate::ports::{Clock, SourceMirror};
use crate::report::page::About;
use crate::report::status::{Problem, ProblemReason, StatusReport};

/// Reads the settings about time; a schedule that is none is an error of usage.
pub(super) fn pace(settings: &AgentSettings) -> Result<Pace, CommandError> {
    Pace::new(settings.source.interval, &settings.drift.schedule).map_err(|problem| {
        CommandError::usage(format!(
            "`drift.schedule` is `{}`, which is no schedule: {problem}",
            settings.drift.schedule
        ))
        .hint("Six fields: second, minute, hour, day of month, month, day of week, as in `0 */10 * * * *` (UTC).")
    })
}

/// Makes passes until SIGTERM or Ctrl-C. SIGHUP reads the settings again.
pub(super) async fn run(path: &Path, settings: AgentSettings, console: &Console) -> Result<Exit, CommandError> {
    let mut settings = Arc::new(settings);
    let _lock = Agent::open(&settings)?.memory.lock()?;
    let shutdown = Shutdown::watch(console);
    let started = SystemClock.now();
    let board = Arc::new(Board::new(Metrics::new(&settings.environment), about(&settings, started)));
    let server = match &settings.http {
        Some(http) => {
            let door = door(http)?;
            let listener = http::listen(http.listen).await.map_err(|error| {
                CommandError::failed(format!("failed to listen on `{}`", http.listen)).because(error)
            })?;
            let server = Server { board: Arc::clone(&board), clock: Arc::new(SystemClock) };
            Some(tokio::spawn(http::serve(listener, door, server, shutdown.ended.clone())))
        }
        None => None,
    };
    let wakes = Wakes { ended: shutdown.ended.clone(), look: Arc::clone(&shutdown.look) };
    tracing::info!(environment = %settings.environment, source = %settings.source.url.shown(), "the agent starts");
    // Rung by whoever learns that something happened at the forge.
    let at_the_forge = Arc::new(tokio::sync::Notify::new());
    // Only who holds the lease writes to the forge.
    let (_writes, may_write) = watch::channel(true);
    loop {
        let woken = {
            let agent = Agent::open(&settings)?;
            let requests = PullRequestWatch::start(&settings, &shutdown.ended, &at_the_forge, &may_write)?;
            let followed =
                Followed { agent: &agent, ended: &shutdown.ended, board: &board, requests: requests.as_ref() };
            follow(&followed, &pace(&settings)?, &SystemClock, &wakes).await
        };
        match woken {
            Woken::End => break,
            Woken::Look => match reload(path, &settings) {
                Ok(new) => {
                    settings = Arc::new(new);
                    board.describe(about(&settings, started));
                }
                Err(error) => {
                    tracing::error!("the settings cannot be used, so the ones before are kept");
                    console.error(&error);
                }
            },
        }
    }
    if let Some(server) = server {
        // It ends with the same signal; a panic in it was logged.
        let _ = server.await;
    }
    tracing::info!("the agent ended");
    Ok(Exit::Done)
}

fn door(settings: &HttpSettings) -> Result<Door, CommandError> {
    Door::open(settings).map_err(CommandError::usage)
}

/// What the status page says about the agent.
fn about(settings: &AgentSettings, started: Timestamp) -> About {
    About {
        environment: settings.environment.clone(),
        source: settings.source.url.shown(),
        branch: settings.source.branch.clone(),
        observes: match settings.apply.mode {
            ApplyMode::Observe => true,
            ApplyMode::Apply => false,
        },
        version: env!("CARGO_PKG_VERSION"),
        started,
    }
}

/// Reads the settings again. What other parts were started with cannot change.
fn reload(path: &Path, before: &AgentSettings) -> Result<AgentSettings, CommandError> {
    let settings = load_settings(&absolute(path)?)?;
    refuse_what_is_not_built(&settings)?;
    pace(&settings)?;
    Agent::open(&settings)?;
    let same = settings.environment == before.environment
        && settings.state_directory == before.state_directory
        && settings.http == before.http;
    if !same {
        return Err(CommandError::usage("`environment`, `stateDirectory` or `http` changed")
            .hint("Restart the agent for these."));
    }
    Ok(settings)
}

struct Followed<'a> {
    agent: &'a Agent<'a>,
    ended: &'a watch::Receiver<bool>,
    board: &'a Board,
    requests: Option<&'a PullRequestWatch>,
}

#[async_trait]
impl Following for Followed<'_> {
    async fn head(&self) -> Option<String> {
        let head = self.agent.source.fetch().ok();
        if let (Some(requests), Some(head)) = (self.requests, &head) {
            requests.begin(head);
        }
        head
    }

    async fn pass(&self) -> PassResult {
        let started = SystemClock.now();
        let result = self.agent.pass(self.ended).await.unwrap_or_else(|error| PassResult {
            // Files that the settings name are gone, or make no sense: they may come back by themselves no more than settings.
            problem: Some(Problem { reason: ProblemReason::SettingsInvalid, message: error.message().to_owned() }),
            details: Some(error.render()),
            ..PassResult::default()
        });
        let environment = &self.agent.settings.environment;
        let status = result.status(environment);
        let ended = SystemClock.now();
        let took = Duration::try_from(ended.duration_since(started)).unwrap_or_default();
        if let Some(requests) = self.requests {
            requests.end(&result);
        }
        log_pass(&result, &status, took);
        let what_to_do = self.agent.what_to_do();
        self.board.note(&EndedPass { result: &result, status: &status, what_to_do, ended, took });
        result
    }
}

/// Logs a pass in one line. `message` is the name of the event in every line, so what the status says is `why`.
fn log_pass(result: &PassResult, status: &StatusReport, took: Duration) {
    let (environment, condition, sync) = (&status.environment, status.condition(), status.sync.as_str());
    let ready = status.conditions.first();
    let reason = ready.map_or("", |condition| condition.reason.as_str());
    let why = ready.map_or("", |condition| condition.message.as_str());
    let revision = result.revision.as_deref().unwrap_or("unknown");
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if result.problem.is_some() {
        let hint = result.hint.as_deref().unwrap_or_default();
        let details = anstream::adapter::strip_str(result.details.as_deref().unwrap_or_default()).to_string();
        tracing::warn!(%environment, condition, sync, reason, revision, milliseconds, why, hint, details, "pass");
    } else {
        let applied = status.counts.applied;
        tracing::info!(%environment, condition, sync, reason, revision, milliseconds, applied, why, "pass");
    }
}
