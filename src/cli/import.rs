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
use crate::manifest::{self, REPOSITORY_FILE};
use crate::ports::{Access, Cluster};
use crate::recorded::{ImportOptions, import};

/// Write manifests for what the cluster holds; a plan made from them is empty
///
/// They go to environments/ENV, or to the last layer that driftless.yaml names for the environment. Files that are there
/// are never overwritten. System topics, and those that driftless.yaml ignores, are left out.
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
    let Target { layer, ignore, missing } = target(&arguments.path, &environment)?;
    let import = import(&observed, &ImportOptions { environment, layer, ignore });
    let written = write(&arguments.path, import.files, import.repository_file)?;
    for note in &import.notes {
        console.note(&format!("note: {note}"));
    }
    console.data(&written.iter().map(|path| format!("{path}\n")).collect::<String>())?;
    console.note(&match written.len() {
        0 => "Nothing was written: every file is there already.".to_owned(),
        1 => "1 file written. Look at it, then run `driftless validate`.".to_owned(),
        n_files => format!("{n_files} files written. Look at them, then run `driftless validate`."),
    });
    if let Some(missing) = missing {
        console.note(&missing);
    }
    Ok(Exit::Done)
}

/// Where an import goes.
struct Target {
    layer: String,
    ignore: IgnoreRules,
    /// What `driftless.yaml` needs before the files count.
    missing: Option<String>,
}

/// Finds the layer of an environment: the one of its own name, or the last, which only patches others. A repository without
/// `driftless.yaml` gets one.
fn target(root: &Path, environment: &str) -> Result<Target, CommandError> {
    let own = format!("environments/{environment}");
    if !root.join(REPOSITORY_FILE).exists() {
        return Ok(Target { layer: own, ignore: IgnoreRules::default(), missing: None });
    }
    let (file, problems) = manifest::environments(&Repository::open(root, None)?.snapshot()?);
    let Some(file) = file else {
        return Err(CommandError::failed("`driftless.yaml` is not valid, so nothing was written").diagnostics(problems));
    };
    let (layer, missing) = match file.environments.get(environment).map(|found| &found.layers) {
        Some(layers) if layers.contains(&own) => (own, None),
        Some(layers) => (layers.last().cloned().unwrap_or(own), None),
        None => {
            let missing = format!(
                "driftless.yaml does not name `{environment}`: add `{environment}: {{layers: [{own}]}}` below `environments`."
            );
            (own, Some(missing))
        }
    };
    Ok(Target { layer, ignore: file.ignore, missing })
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
