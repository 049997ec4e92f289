//! The port's side of the directory cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::directory::{Locked, broken, read_directory};
use super::faults::{FAULTS_FILE, Faults};
use super::requests::{self, refused};
use super::view::{deny_reads, select};
use super::{effective, initial};
use crate::domain::diagnostic::Diagnostic;
use crate::domain::names::TopicName;
use crate::domain::observed::{Interest, ObservedState, TopicEvidence};
use crate::domain::operation::{Operation, Passwords, dry_run_requests};
use crate::domain::resource::ResourceKind;
use crate::ports::{Access, Cluster, ClusterError, ClusterErrorKind, DryRun, ResourceError};
use crate::recorded;

type Files = BTreeMap<String, Vec<u8>>;

/// A cluster that is a directory of files. Cheap to clone; all clones are one cluster.
///
/// Several processes may use one writable directory: each request holds a lock on it, reads it anew, and replaces whole
/// files, so a process that is killed leaves a cluster on which some operations of a batch were done and others not.
#[derive(Clone)]
pub struct DirectoryCluster {
    shared: Arc<Shared>,
}

struct Shared {
    backing: Backing,
    access: Access,
    memory: Mutex<Memory>,
}

enum Backing {
    /// Files that do not change, and what they are called in messages.
    Recorded { files: Files, name: String },
    /// A directory that is read and written at every request.
    Directory(PathBuf),
}

/// What one process remembers between requests.
#[derive(Default)]
struct Memory {
    faults: Faults,
    /// How often each refusal of the faults was used.
    refusals: Vec<usize>,
    /// The files that were parsed last, and what they say.
    parsed: Option<(Files, ObservedState)>,
    /// The state before the last write, and how many reads still show it.
    stale: Option<(ObservedState, usize)>,
}

impl DirectoryCluster {
    /// Opens a directory. With [`Access::ReadWrite`], a missing or empty one becomes a new cluster: three brokers, the
    /// guard configs of a sanely run production cluster, a random id, and nothing else.
    pub fn open(directory: &Path, access: Access) -> Result<Self, ClusterError> {
        let backing = match access {
            Access::ReadOnly => {
                Backing::Recorded { files: read_directory(directory)?, name: directory.display().to_string() }
            }
            Access::ReadWrite => {
                std::fs::create_dir_all(directory).map_err(|error| broken(directory, "make", &error))?;
                let locked = Locked::acquire(directory).map_err(|error| broken(directory, "lock", &error))?;
                let files = read_directory(directory)?;
                if files.keys().all(|path| path == FAULTS_FILE) {
                    let made = recorded::write(&initial::cluster());
                    locked.replace(&files, &made).map_err(|error| broken(directory, "write", &error))?;
                }
                Backing::Directory(directory.to_owned())
            }
        };
        let cluster = Self::new(backing, access);
        cluster.shared.load()?;
        Ok(cluster)
    }

    /// Opens a directory that is a cluster: dry runs are answered as brokers do, and every write with `READ_ONLY`.
    pub fn guarded(directory: &Path) -> Result<Self, ClusterError> {
        // Nothing is made here: what is no cluster is said as for recorded state.
        Self::open(directory, Access::ReadOnly)?;
        Ok(Self::new(Backing::Directory(directory.to_owned()), Access::ReadOnly))
    }

    /// Takes recorded state that the caller has read, for example from a git revision; `name` says in messages where
    /// it comes from. It can only be read.
    pub fn from_files(files: Files, name: &str) -> Result<Self, ClusterError> {
        let cluster = Self::new(Backing::Recorded { files, name: name.to_owned() }, Access::ReadOnly);
        cluster.shared.load()?;
        Ok(cluster)
    }

    fn new(backing: Backing, access: Access) -> Self {
        Self { shared: Arc::new(Shared { backing, access, memory: Mutex::new(Memory::default()) }) }
    }

    /// Lets things go wrong from now on, in this process. A file [`FAULTS_FILE`] in the directory wins over it.
    pub fn set_faults(&self, faults: Faults) {
        let mut memory = self.shared.memory();
        memory.refusals = Vec::new();
        memory.faults = faults;
    }

    /// Runs file work off the scheduler's threads. What has begun ends, even if nobody waits any more.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> Result<T, ClusterError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || work(&shared)).await.map_err(|error| ClusterError {
            message: format!("the directory cluster failed: {error}"),
            kind: ClusterErrorKind::Protocol,
            hint: None,
        })
    }
}

#[async_trait]
impl Cluster for DirectoryCluster {
    async fn observe(&self, interest: &Interest) -> Result<ObservedState, ClusterError> {
        let interest = interest.clone();
        self.run(move |shared| shared.observe(&interest)).await?
    }

    async fn evidence(&self, topics: &BTreeSet<TopicName>) -> Result<BTreeMap<TopicName, TopicEvidence>, ClusterError> {
        let topics = topics.clone();
        self.run(move |shared| shared.evidence(&topics)).await?
    }

    async fn dry_run(&self, operations: &[Operation]) -> Result<Vec<DryRun>, ClusterError> {
        let operations = operations.to_vec();
        self.run(move |shared| shared.dry_run(&operations)).await?
    }

    async fn perform(&self, batch: &[Operation], passwords: &Passwords) -> Vec<Result<(), ResourceError>> {
        let (operations, passwords) = (batch.to_vec(), passwords.clone());
        let outcome = self.run(move |shared| shared.perform(&operations, &passwords)).await;
        outcome.unwrap_or_else(|error| all(batch.len(), &lost(&error.message)))
    }
}

fn all(count: usize, error: &ResourceError) -> Vec<Result<(), ResourceError>> {
    (0..count).map(|_| Err(error.clone())).collect()
}

/// After this it is not known whether anything was changed.
fn lost(message: &str) -> ResourceError {
    ResourceError { code: "NETWORK_EXCEPTION".to_owned(), message: message.to_owned(), unchanged: false }
}

/// What was read for one request.
struct Loaded {
    files: Files,
    state: ObservedState,
    lock: Option<Locked>,
}

impl Shared {
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // What is in it is right whatever panicked: it is replaced as a whole.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self) -> Result<Loaded, ClusterError> {
        let (files, name, lock) = match &self.backing {
            Backing::Recorded { files, name } => (files.clone(), name.clone(), None),
            Backing::Directory(directory) => {
                let lock = Locked::acquire(directory).map_err(|error| broken(directory, "lock", &error))?;
                (read_directory(directory)?, directory.display().to_string(), Some(lock))
            }
        };
        let mut memory = self.memory();
        if let Some(bytes) = files.get(FAULTS_FILE) {
            memory.faults =
                recorded::read_document(FAULTS_FILE, bytes).map_err(|problem| unreadable(&name, &[problem]))?;
        }
        if memory.faults.unreachable {
            return Err(ClusterError {
                message: format!("no broker of `{name}` answers"),
                kind: ClusterErrorKind::Unreachable,
                hint: Some("The faults of the directory cluster say so.".to_owned()),
            });
        }
        if memory.parsed.as_ref().is_none_or(|(parsed, _)| *parsed != files) {
            let state: Files = files
                .iter()
                .filter(|(path, _)| *path != FAULTS_FILE)
                .map(|(path, bytes)| (path.clone(), bytes.clone()))
                .collect();
            let state = recorded::read(&state).map_err(|problems| unreadable(&name, &problems))?;
            memory.parsed = Some((files.clone(), state));
        }
        let state = memory.parsed.as_ref().map(|(_, state)| state.clone()).expect("it was just put there");
        Ok(Loaded { files, state, lock })
    }

    fn observe(&self, interest: &Interest) -> Result<ObservedState, ClusterError> {
        let mut state = self.load()?.state;
        let mut memory = self.memory();
        if let Some((before, left)) = memory.stale.take()
            && left > 0
        {
            state = before.clone();
            memory.stale = Some((before, left - 1));
        }
        let faults = memory.faults.clone();
        drop(memory);
        let writable = matches!(self.backing, Backing::Directory(_));
        let mut seen = select(effective::described(&state), interest, writable);
        deny_reads(&mut seen, interest, &faults.denied_reads);
        Ok(seen)
    }

    fn evidence(&self, topics: &BTreeSet<TopicName>) -> Result<BTreeMap<TopicName, TopicEvidence>, ClusterError> {
        let loaded = self.load()?;
        let known = recorded::read_evidence(&loaded.files).map_err(|problems| unreadable("evidence", &problems))?;
        let there = |name: &TopicName| topics.contains(name) && loaded.state.topics.contains_key(name);
        Ok(known.into_iter().filter(|(name, _)| there(name)).collect())
    }

    fn dry_run(&self, operations: &[Operation]) -> Result<Vec<DryRun>, ClusterError> {
        let Backing::Directory(_) = self.backing else {
            let reason = "recorded state was read, and no broker asked";
            return Ok(operations.iter().map(|_| DryRun::NotChecked(reason.to_owned())).collect());
        };
        let loaded = self.load()?;
        let faults = self.memory().faults.clone();
        let mut answers: Vec<DryRun> = operations
            .iter()
            .map(|operation| operation.kind().dry_run().err().unwrap_or("it was not asked for"))
            .map(|reason| DryRun::NotChecked(reason.to_owned()))
            .collect();
        for indices in dry_run_requests(operations) {
            let batch: Vec<&Operation> = indices.iter().map(|index| &operations[*index]).collect();
            for (index, result) in indices.iter().zip(requests::check(&loaded.state, &batch, None)) {
                let denied = denial(&operations[*index], &faults);
                answers[*index] = match denied.map_or(result.map(drop), Err) {
                    Ok(()) => DryRun::Accepted,
                    Err(error) => DryRun::Refused(error),
                };
            }
        }
        Ok(answers)
    }

    fn perform(&self, batch: &[Operation], passwords: &Passwords) -> Vec<Result<(), ResourceError>> {
        let read_only = match (&self.backing, self.access) {
            (Backing::Directory(_), Access::ReadWrite) => None,
            (Backing::Directory(directory), Access::ReadOnly) => {
                Some(format!("`{}` was opened for reading", directory.display()))
            }
            (Backing::Recorded { name, .. }, _) => Some(format!("`{name}` is recorded state, and can only be read")),
        };
        if let Some(message) = read_only {
            return all(batch.len(), &refused("READ_ONLY", message));
        }
        let loaded = match self.load() {
            Ok(loaded) => loaded,
            Err(error) => return all(batch.len(), &refused("NOT_SENT", error.message)),
        };
        let mut memory = self.memory();
        let faults = memory.faults.clone();
        std::thread::sleep(Duration::from_millis(faults.delay_ms));
        let reached = faults.lose_connection_after.unwrap_or(batch.len()).min(batch.len());
        let mut results = all(batch.len(), &lost("the connection was lost before an answer came"));
        let mut tried = Vec::new();
        for (index, operation) in batch.iter().enumerate().take(reached) {
            match denial(operation, &faults).or_else(|| refusal(operation, &faults, &mut memory.refusals)) {
                Some(error) => results[index] = Err(error),
                None => tried.push(index),
            }
        }
        let operations: Vec<&Operation> = tried.iter().map(|index| &batch[*index]).collect();
        let mut state = loaded.state.clone();
        let mut changed = false;
        for (index, result) in tried.iter().zip(requests::check(&loaded.state, &operations, Some(passwords))) {
            results[*index] = result.map(|write| {
                requests::commit(&mut state, write);
                changed = true;
            });
        }
        if changed {
            match self.save(&loaded, &state) {
                // What was written is what the next request reads, so it need not be parsed again.
                Ok(files) => memory.parsed = Some((files, state)),
                Err(error) => {
                    let error = ResourceError { code: "KAFKA_STORAGE_ERROR".to_owned(), ..lost(&error.message) };
                    results.iter_mut().filter(|result| result.is_ok()).for_each(|result| *result = Err(error.clone()));
                }
            }
        }
        if changed && faults.stale_reads > 0 {
            memory.stale = Some((loaded.state, faults.stale_reads));
        }
        for (operation, result) in batch.iter().zip(&mut results) {
            if result.is_ok() && faults.time_out_after_write.iter().any(|matching| matching.matches(operation)) {
                *result = Err(ResourceError {
                    code: "TIMED_OUT".to_owned(),
                    message: "no answer came in time".to_owned(),
                    unchanged: false,
                });
            }
        }
        results
    }

    /// Writes the state to the directory, and returns the files that it then holds.
    fn save(&self, loaded: &Loaded, state: &ObservedState) -> Result<Files, ClusterError> {
        let (Backing::Directory(directory), Some(lock)) = (&self.backing, &loaded.lock) else {
            return Ok(loaded.files.clone());
        };
        let mut files = recorded::write(state);
        for other in [FAULTS_FILE, recorded::EVIDENCE_FILE] {
            if let Some(bytes) = loaded.files.get(other) {
                files.insert(other.to_owned(), bytes.clone());
            }
        }
        let gone = |name: &TopicName| loaded.state.topics.contains_key(name) && !state.topics.contains_key(name);
        if let Ok(mut evidence) = recorded::read_evidence(&loaded.files)
            && evidence.keys().any(gone)
        {
            evidence.retain(|name, _| !gone(name));
            files.insert(recorded::EVIDENCE_FILE.to_owned(), recorded::write_evidence(&evidence));
        }
        lock.replace(&loaded.files, &files).map_err(|error| broken(directory, "write", &error))?;
        Ok(files)
    }
}

fn unreadable(name: &str, problems: &[Diagnostic]) -> ClusterError {
    let list: Vec<String> = problems
        .iter()
        .take(20)
        .map(|problem| {
            let place = problem.location.as_ref().map(|location| format!("{location}: ")).unwrap_or_default();
            format!("\n  {place}{}", problem.message)
        })
        .collect();
    let more = problems.len().saturating_sub(list.len());
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    ClusterError {
        message: format!("failed to read the recorded state of `{name}`:{}{more}", list.concat()),
        kind: ClusterErrorKind::Settings,
        hint: problems.first().and_then(|problem| problem.help.clone()),
    }
}

/// Returns Kafka's authorization error when the faults deny the operation.
fn denial(operation: &Operation, faults: &Faults) -> Option<ResourceError> {
    let kind = operation.resource().kind();
    faults.denied_writes.contains(&kind).then(|| match kind {
        ResourceKind::Topic => refused("TOPIC_AUTHORIZATION_FAILED", "Topic authorization failed."),
        ResourceKind::User
        | ResourceKind::Acl
        | ResourceKind::Quota
        | ResourceKind::BrokerConfig
        | ResourceKind::RuleGroup => refused("CLUSTER_AUTHORIZATION_FAILED", "Cluster authorization failed."),
    })
}

fn refusal(operation: &Operation, faults: &Faults, used: &mut Vec<usize>) -> Option<ResourceError> {
    used.resize(faults.refuse.len(), 0);
    for (refusal, used) in faults.refuse.iter().zip(used) {
        if refusal.matching.matches(operation) && refusal.times.is_none_or(|times| *used < times) {
            *used += 1;
            return Some(refused(&refusal.code, refusal.message.clone()));
        }
    }
    None
}
