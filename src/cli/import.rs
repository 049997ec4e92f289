//! `driftless import`: manifests for what a cluster holds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::arguments::{ClusterArgs, RuleArgs};
use super::cluster;
use super::console::Console;
use super::error::CommandError;
use super::exit::Exit;
use super::repository::Repository;
use crate::domain::ignore::IgnoreRules;
use crate::domain::observed::{Interest, ObservedState};
use crate::ports::{Access, Cluster};
use crate::recorded::{ImportOptions, import};

/// Write manifests for what the cluster holds; a plan made from them is empty
///
/// Files that are there are never overwritten. System topics are left out.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// Directory of the config repository to write into; made when it is not there
    #[arg(default_value = ".", value_name = "PATH")]
    pub(super) path: PathBuf,
    /// Environment to write the manifests for [default: that of --config]
    #[arg(short, long, value_name = "ENV", required_unless_present = "config")]
    pub(super) environment: Option<String>,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
    #[command(flatten)]
    pub(super) rules: RuleArgs,
}

pub(super) async fn run(arguments: &ImportArgs, console: &Console) -> Result<Exit, CommandError> {
    let choice = arguments.cluster.choose()?;
    let environment = choice.environment(arguments.environment.as_deref())?;
    let here = if arguments.path.is_dir() { arguments.path.as_path() } else { Path::new(".") };
    let cluster = cluster::open(&choice, &Repository::open(here, None)?, Access::ReadOnly)?;
    let observed = observe_all(cluster.as_ref()).await?;
    let layer = format!("environments/{environment}");
    let import = import(&observed, &ImportOptions { environment, layer, ignore: IgnoreRules::default() });
    let written = write(&arguments.path, import.files, import.repository_file)?;
    for note in &import.notes {
        console.note(&format!("note: {note}"));
    }
    console.data(&written.iter().map(|path| format!("{path}\n")).collect::<String>())?;
    console.note(&format!("{} files written. Look at them, then run `driftless validate`.", written.len()));
    Ok(Exit::Done)
}

/// Reads everything, the brokers' own configs too: which brokers there are is asked first.
async fn observe_all(cluster: &dyn Cluster) -> Result<ObservedState, CommandError> {
    let nothing = Interest::Only {
        topics: BTreeSet::new(),
        users: false,
        acls: false,
        quotas: false,
        broker_configs: BTreeSet::new(),
    };
    let brokers = cluster.observe(&nothing).await?.cluster.brokers.into_keys().collect();
    Ok(cluster.observe(&Interest::Everything { topics: BTreeSet::new(), brokers }).await?)
}

/// Writes the files below `root` and returns the paths of those that are new. A file that is there with another content
/// stops everything before anything is written; `driftless.yaml` is left as it is.
fn write(root: &Path, files: BTreeMap<String, Vec<u8>>, repository: String) -> Result<Vec<String>, CommandError> {
    let mut files = files;
    if !root.join(REPOSITORY_FILE).exists() {
        files.insert(REPOSITORY_FILE.to_owned(), repository.into_bytes());
    }
    let mut in_the_way = Vec::new();
    files.retain(|path, content| match std::fs::read(root.join(path)) {
        Ok(found) if found == *content => false,
        Ok(_) => {
            in_the_way.push(format!("`{path}`"));
            true
        }
        // What cannot be read is either not there, or fails below with its reason.
        Err(_) => true,
    });
    if let Some(first) = in_the_way.first() {
        let others = in_the_way.len() - 1;
        let more = if others == 0 { String::new() } else { format!(" and {others} more") };
        return Err(CommandError::failed(format!("{first}{more} would be overwritten, so nothing was written"))
            .hint("Import into an empty directory, and move what you want from there."));
    }
    for (path, content) in &files {
        let target = root.join(path);
        let directory = target.parent().unwrap_or(root);
        std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::File::create_new(&target)?.write_all(content))
            .map_err(|error| CommandError::failed(format!("failed to write `{}`", target.display())).because(error))?;
    }
    Ok(files.into_keys().collect())
}

const REPOSITORY_FILE: &str = "driftless.yaml";
