//! Opens the cluster that the arguments chose.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::arguments::ClusterChoice;
use super::error::CommandError;
use super::repository::Repository;
use super::surroundings::surroundings;
use crate::config::settings::ClusterAccess;
use crate::domain::diagnostic::Diagnostic;
use crate::domain::secret::Secret;
use crate::domain::snapshot::SnapshotFile;
use crate::kafka::KafkaCluster;
use crate::kafka::properties::ClientProperties;
use crate::ports::{Access, Cluster, Tally};
use crate::sandbox::DirectoryCluster;

/// What an agent wants of its connections besides.
#[derive(Default)]
pub(super) struct Attached {
    /// Who counts requests.
    pub(super) tally: Option<Arc<dyn Tally>>,
    /// Whether this process may write, asked right before each write.
    pub(super) may_write: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

/// Opens the chosen cluster. Connects to nothing yet, but reads every file that the choice names.
pub(super) fn open(
    choice: &ClusterChoice,
    repository: &Repository,
    allowed: Access,
) -> Result<Box<dyn Cluster>, CommandError> {
    match choice {
        ClusterChoice::Settings(settings) => match &settings.cluster.access {
            ClusterAccess::Sandbox(directory) => directory_cluster(directory),
            ClusterAccess::PropertiesFile(_) | ClusterAccess::Properties(_) => {
                open_for_agent(&settings.cluster.access, allowed, Attached::default())
            }
        },
        ClusterChoice::Kafka { bootstrap_server, command_config } => {
            let properties = match command_config {
                Some(path) => read_properties(path)?,
                None => ClientProperties::plaintext(),
            };
            connect(properties, Some(bootstrap_server), allowed, Attached::default())
        }
        ClusterChoice::Sandbox(directory) => directory_cluster(directory),
        ClusterChoice::Observed(observed) => recorded(observed, repository),
    }
}

/// Opens the cluster of an agent's settings. Here the directory cluster refuses writes too, where there may be none.
pub(super) fn open_for_agent(
    access: &ClusterAccess,
    allowed: Access,
    attached: Attached,
) -> Result<Box<dyn Cluster>, CommandError> {
    match (access, allowed) {
        (ClusterAccess::PropertiesFile(path), _) => connect(read_properties(path)?, None, allowed, attached),
        (ClusterAccess::Properties(properties), _) => connect(inline_properties(properties)?, None, allowed, attached),
        (ClusterAccess::Sandbox(directory), Access::ReadWrite) => directory_cluster(directory),
        (ClusterAccess::Sandbox(directory), Access::ReadOnly) => Ok(Box::new(DirectoryCluster::guarded(directory)?)),
    }
}

/// Returns the connection of an agent's settings in librdkafka's words. Reads the files that they name.
pub(super) fn librdkafka(access: &ClusterAccess) -> Result<BTreeMap<String, Secret>, CommandError> {
    let properties = match access {
        ClusterAccess::PropertiesFile(path) => read_properties(path)?,
        ClusterAccess::Properties(properties) => inline_properties(properties)?,
        ClusterAccess::Sandbox(_) => {
            return Err(CommandError::usage("the directory cluster has no brokers to send records through"));
        }
    };
    Ok(properties.librdkafka()?)
}

fn connect(
    properties: ClientProperties,
    bootstrap: Option<&str>,
    allowed: Access,
    attached: Attached,
) -> Result<Box<dyn Cluster>, CommandError> {
    for key in properties.ignored() {
        match ClientProperties::meant(key) {
            Some(meant) if meant == key.as_str() => {
                tracing::warn!(%key, "property has no effect with this security.protocol")
            }
            Some(meant) => tracing::warn!(%key, %meant, "property has no meaning here; another was probably meant"),
            None => tracing::info!(%key, "property has no meaning here"),
        }
    }
    let mut cluster = KafkaCluster::new(properties, bootstrap, allowed)?;
    if let Some(tally) = attached.tally {
        cluster = cluster.counted(tally);
    }
    if let Some(may_write) = attached.may_write {
        cluster = cluster.while_it_may(may_write);
    }
    Ok(Box::new(cluster))
}

fn read_properties(path: &Path) -> Result<ClientProperties, CommandError> {
    let shown = path.display().to_string();
    let failed = || CommandError::usage(format!("failed to read the properties `{shown}`"));
    let bytes = (surroundings().read_file)(path).map_err(|error| failed().because(error))?;
    let text = Secret::new(bytes);
    let text = std::str::from_utf8(text.expose()).map_err(|error| failed().because(error))?;
    ClientProperties::parse(&shown, text).map_err(|problems| invalid(&format!("the properties `{shown}`"), problems))
}

fn inline_properties(properties: &BTreeMap<String, Secret>) -> Result<ClientProperties, CommandError> {
    let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
    let properties = properties.iter().map(|(key, value)| (key.clone(), text(value))).collect();
    ClientProperties::from_map(&properties).map_err(|problems| invalid("the setting `cluster.properties`", problems))
}

fn invalid(what: &str, problems: Vec<Diagnostic>) -> CommandError {
    CommandError::usage(format!("{what} cannot be used")).diagnostics(problems)
}

/// Opens the directory cluster, writable even for a plan: only then does it answer dry runs as brokers do.
fn directory_cluster(directory: &Path) -> Result<Box<dyn Cluster>, CommandError> {
    if !directory.exists() {
        tracing::warn!(directory = %directory.display(), "there is no such directory, so an empty cluster is made there");
    }
    Ok(Box::new(DirectoryCluster::open(directory, Access::ReadWrite)?))
}

/// Opens recorded state: a directory, or a revision of the repository. What the agent writes stands below `observed/`.
fn recorded(observed: &str, repository: &Repository) -> Result<Box<dyn Cluster>, CommandError> {
    let directory = Path::new(observed);
    if directory.is_dir() {
        let below = directory.join("observed");
        let directory = if below.is_dir() { below } else { directory.to_owned() };
        return Ok(Box::new(DirectoryCluster::open(&directory, Access::ReadOnly)?));
    }
    let neither = |error: CommandError| {
        error.hint(format!("`--observed {observed}` names neither a directory nor a revision with recorded state."))
    };
    let snapshot = repository.files_of(observed).map_err(neither)?;
    let is_below = snapshot.files.keys().any(|path| path.starts_with("observed/"));
    let mut files = BTreeMap::new();
    for (path, file) in snapshot.files {
        let path = match path.strip_prefix("observed/") {
            Some(below) => below.to_owned(),
            None if is_below => continue,
            None => path,
        };
        match file {
            SnapshotFile::Content(bytes) => files.insert(path, bytes),
            SnapshotFile::TooLarge(_) | SnapshotFile::BadLink(_) | SnapshotFile::Unreadable(_) => {
                return Err(CommandError::failed(format!(
                    "failed to read `{path}` of the recorded state `{observed}`"
                )));
            }
        };
    }
    Ok(Box::new(DirectoryCluster::from_files(files, observed)?))
}
