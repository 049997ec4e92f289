//! The agent as a daemon: passes until it is told to end.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::events::Telling;
use super::pull_requests::PullRequestWatch;
use super::rest;
use super::{Agent, Current, absolute, check_files, lease, load_settings, refuse_what_is_not_built};
use crate::agent::board::{Board, EndedPass};
use crate::agent::hooks::{self, Hooks};
use crate::agent::http::{self, Door, Server};
use crate::agent::metrics::Metrics;
use crate::agent::watch::{self as files, Watch};
use crate::agent::{Following, Known, LONGEST_END, Pace, PassResult, Wakes, Woken, follow};
use crate::cli::clock::SystemClock;
use crate::cli::console::Console;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Shutdown;
use crate::config::settings::{AgentSettings, ApplyMode, HttpSettings};
use crate::ports::{Clock, Lease, SourceMirror, Tally};
use crate::report::page::About;
use crate::report::status::{Problem, ProblemReason, StatusReport};

/// Reads the settings about time; a schedule that is none is an error of usage.
pub(super) fn pace(settings: &AgentSettings) -> Result<Pace, CommandError> {
    Pace::new(settings.source.interval, &settings.drift.schedule, settings.drift.time_zone).map_err(|problem| {
        CommandError::usage(format!(
            "`drift.schedule` is `{}`, which is no schedule: {problem}",
            settings.drift.schedule
        ))
        .hint("Six fields: second, minute, hour, day of month, month, day of week, as in `0 */10 * * * *`.")
    })
}

/// Makes passes until SIGTERM or Ctrl-C. SIGHUP reads the settings again.
pub(super) async fn run(
    path: &Path,
    mut settings: Arc<AgentSettings>,
    console: &Console,
) -> Result<Exit, CommandError> {
    let current = Current::new(Arc::clone(&settings));
    let started = SystemClock.now();
    let board = Arc::new(Board::new(Metrics::new(&settings.environment), about(&settings, started)));
    let _lock = Agent::open(&settings, tally(&board))?.lock()?;
    let shutdown = Shutdown::watch(console);
    let (fetch, at_the_forge) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let server = match &settings.http {
        Some(http) => {
            let door = door(http)?;
            let told = vec![Arc::clone(&fetch), Arc::clone(&at_the_forge)];
            let hooks = http.webhook_secret_file.clone().map(|file| Hooks { secret_file: file, told });
            let listener = http::listen(http.listen).await.map_err(|error| {
                CommandError::failed(format!("failed to listen on `{}`", http.listen)).because(error)
            })?;
            let server = Server { board: Arc::clone(&board), clock: Arc::new(SystemClock) };
            Some(tokio::spawn(http::serve(listener, door, server, hooks::routes(hooks), shutdown.ended.clone())))
        }
        None => None,
    };
    let telling = Arc::new(Telling::open(&current, &board.metrics)?);
    let lease = lease::open(&current)?;
    let wakes =
        Wakes { ended: shutdown.ended.clone(), look: Arc::clone(&shutdown.look), fetch, pass: Arc::new(Notify::new()) };
    // Only who holds the lease writes to the forge.
    let (writes, may_write) = watch::channel(lease.mine().borrow().contains(&settings.environment));
    let leading = tokio::spawn(lease::watch(
        Arc::clone(&lease),
        settings.lease.is_some(),
        writes,
        settings.environment.clone(),
        Arc::clone(&board),
        Arc::clone(&telling),
        Arc::clone(&wakes.pass),
    ));
    tracing::info!(environment = %settings.environment, source = %settings.source.url.shown(), "the agent starts");
    let at_last = tokio::spawn(end_at_last(shutdown.ended.clone(), Arc::clone(&lease)));
    loop {
        let woken = {
            let _watches = watch(path, &settings, &wakes);
            let agent = Agent::open(&settings, tally(&board))?;
            let ended = &shutdown.ended;
            let requests = PullRequestWatch::start(&settings, tally(&board), ended, &at_the_forge, &may_write)?;
            let followed = Followed {
                agent: &agent,
                ended,
                lease: &lease,
                telling: &telling,
                board: &board,
                requests: requests.as_ref(),
                known: Mutex::new(None),
            };
            follow(&followed, &pace(&settings)?, &SystemClock, &wakes).await
        };
        match woken {
            Woken::End => break,
            Woken::Pass => {}
            Woken::Look => match reload(path, &settings, &board) {
                Ok(new) => {
                    settings = Arc::new(new);
                    current.set(Arc::clone(&settings));
                    board.describe(about(&settings, started));
                    if let Err(error) = telling.reopen(&current) {
                        tracing::error!("events go where they went before");
                        console.error(&error);
                    }
                }
                Err(error) => {
                    tracing::error!("the settings cannot be used, so the ones before are kept");
                    console.error(&error);
                }
            },
        }
    }
    at_last.abort();
    lease.give_up().await;
    leading.abort();
    // It was aborted, or had ended.
    let _ = leading.await;
    if let Some(telling) = Arc::into_inner(telling) {
        telling.close().await;
    }
    if let Some(server) = server {
        // It ends with the same signal; a panic in it was logged.
        let _ = server.await;
    }
    tracing::info!("the agent ended");
    Ok(Exit::Done)
}

/// Ends the process when the pass does not let go of its thread after a request to end: a server that drips is waited
/// for longer than that. While git is waited for, nothing is on its way to the cluster.
async fn end_at_last(mut ended: watch::Receiver<bool>, lease: Arc<dyn Lease>) {
    // A sender that is gone belongs to a process that ends.
    let _ = ended.wait_for(|ended| *ended).await;
    tokio::time::sleep(LONGEST_END + Duration::from_secs(1)).await;
    tracing::warn!("git does not come back, so the agent ends without waiting for it");
    lease.give_up().await;
    std::process::exit(i32::from(Exit::Done.code()));
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

fn tally(board: &Board) -> Arc<dyn Tally> {
    Arc::clone(&board.metrics) as _
}

/// Reads the settings again. What other parts were started with cannot change.
fn reload(path: &Path, before: &AgentSettings, board: &Board) -> Result<AgentSettings, CommandError> {
    let settings = load_settings(&absolute(path)?)?;
    refuse_what_is_not_built(&settings)?;
    check_files(&settings)?;
    pace(&settings)?;
    Agent::open(&settings, tally(board))?;
    let same = settings.environment == before.environment
        && settings.state_directory == before.state_directory
        && settings.http == before.http
        && lease::identity(&settings) == lease::identity(before);
    if !same {
        return Err(CommandError::usage(
            "`environment`, `stateDirectory`, `http`, `lease`, or `cluster.clusterId` beside `lease.group` changed",
        )
        .hint("Restart the agent for these."));
    }
    Ok(settings)
}

/// Watches the settings, the secrets that they name, and a source on this machine. What cannot be watched is noticed later: by
/// SIGHUP, and in the pass that reads it anyway.
fn watch(path: &Path, settings: &AgentSettings, wakes: &Wakes) -> Vec<Watch> {
    let mut watched = settings.files.clone();
    watched.extend(absolute(path).ok());
    let mut watches = vec![files::content(watched, Arc::clone(&wakes.look))];
    if let Some(repository) = settings.source.url.local_path() {
        watches.push(files::references(&repository, Arc::clone(&wakes.fetch)));
    }
    let usable = |watch: notify::Result<Watch>| {
        watch.inspect_err(|problem| tracing::warn!(%problem, "changes of files are not noticed at once")).ok()
    };
    watches.into_iter().filter_map(usable).collect()
}

struct Followed<'a> {
    agent: &'a Agent<'a>,
    ended: &'a watch::Receiver<bool>,
    lease: &'a Arc<dyn Lease>,
    telling: &'a Telling,
    board: &'a Board,
    requests: Option<&'a PullRequestWatch>,
    /// What the last pass looked at, and which of its revisions the loop knows.
    known: Mutex<Option<(String, Known)>>,
}

impl Followed<'_> {
    fn remember(&self, result: &PassResult) {
        let known = match (&result.revision, &result.content) {
            (Some(revision), Some(content)) => {
                let last_applied = result.last_applied.clone();
                let known = Known { revision: revision.clone(), content: content.clone(), last_applied };
                Some((revision.clone(), known))
            }
            (Some(_) | None, _) => None,
        };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

#[async_trait]
impl Following for Followed<'_> {
    async fn head(&self) -> Option<String> {
        let head = self.agent.source.fetch().ok()?;
        let begin = |head: &str| {
            if let Some(requests) = self.requests {
                requests.begin(head);
            }
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((of_pass, known)) = known.as_mut() else {
            begin(&head);
            return Some(head);
        };
        if head == known.revision {
            return Some(of_pass.clone());
        }
        if !self.agent.is_unchanged(&head, known).unwrap_or(false) {
            begin(&head);
            return Some(head);
        }
        tracing::info!(revision = %head, "the branch moved, and nothing of this environment");
        self.board.see(&head);
        known.revision = head;
        Some(of_pass.clone())
    }

    async fn pass(&self) -> PassResult {
        let started = SystemClock.now();
        let result = self.agent.pass(self.ended, self.lease, self.board).await.unwrap_or_else(|error| PassResult {
            // Files that the settings name are gone, or make no sense: they may come back by themselves no more than settings.
            problem: Some(Problem { reason: ProblemReason::SettingsInvalid, message: error.message().to_owned() }),
            details: Some(error.render()),
            ..PassResult::default()
        });
        self.remember(&result);
        let environment = &self.agent.settings.environment;
        let status = result.status(environment);
        let ended = SystemClock.now();
        let took = Duration::try_from(ended.duration_since(started)).unwrap_or_default();
        if let Some(requests) = self.requests {
            requests.end(&result);
        }
        log_pass(&result, &status, took);
        let what_to_do = self.agent.what_to_do();
        self.telling.pass(environment, &result, &status).await;
        let recorded = self.agent.recorded_apply();
        self.board.note(&EndedPass { result: &result, status: &status, what_to_do, ended, took, recorded });
        rest::give_back_code();
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
