//! Options that several commands share, and what they come to.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::error::CommandError;
use super::surroundings::surroundings;
use crate::config;
use crate::config::secrets::SecretOptions;
use crate::config::settings::{AgentSettings, RuleSettings};

/// Which repository, and which state of it.
#[derive(Debug, Clone, Args)]
pub(super) struct RepositoryArgs {
    /// Directory of the config repository, the one that holds driftless.yaml
    #[arg(default_value = ".", value_name = "PATH")]
    pub(super) path: PathBuf,
    #[command(flatten)]
    pub(super) revision: RevisionArgs,
}

/// Which state of the repository.
#[derive(Debug, Clone, Args)]
pub(super) struct RevisionArgs {
    /// Read the files of this commit, branch or tag from git instead of the work tree
    #[arg(long, value_name = "REV")]
    pub(super) revision: Option<String>,
}

/// Which cluster. Exactly one of the first four.
#[derive(Debug, Clone, Args)]
#[group(id = "cluster", required = true, multiple = false, args = ["config", "bootstrap_server", "observed", "sandbox"])]
pub(super) struct ClusterArgs {
    /// Agent settings, of which the cluster, the secrets and the rules are used
    #[arg(long, value_name = "FILE", help_heading = CLUSTER)]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) kafka: KafkaArgs,
    /// Recorded state, read only: a directory, or a branch or commit of the repository
    #[arg(long, value_name = "DIR|REV", help_heading = CLUSTER)]
    pub(super) observed: Option<String>,
    /// The directory cluster
    #[arg(long, value_name = "DIR", help_heading = CLUSTER)]
    pub(super) sandbox: Option<PathBuf>,
}

/// Like [`ClusterArgs`], for commands that write: recorded state cannot be written to.
#[derive(Debug, Clone, Args)]
#[group(id = "cluster", required = true, multiple = false, args = ["config", "bootstrap_server", "sandbox"])]
pub(super) struct WritableClusterArgs {
    /// Agent settings, of which the cluster, the secrets and the rules are used
    #[arg(long, value_name = "FILE", help_heading = WRITABLE_CLUSTER)]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) kafka: KafkaArgs,
    /// The directory cluster
    #[arg(long, value_name = "DIR", help_heading = WRITABLE_CLUSTER)]
    pub(super) sandbox: Option<PathBuf>,
}

const CLUSTER: &str = "Cluster (one of --config, --bootstrap-server, --observed, --sandbox)";
const WRITABLE_CLUSTER: &str = "Cluster (one of --config, --bootstrap-server, --sandbox)";
const CONNECTION: &str = "Connection";

/// A Kafka cluster by its brokers.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct KafkaArgs {
    /// Brokers to connect to first, as in Kafka's own tools
    #[arg(long, value_name = "HOST:PORT,...", help_heading = CONNECTION)]
    pub(super) bootstrap_server: Option<String>,
    /// A Kafka client.properties with the credentials
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub(super) command_config: Option<PathBuf>,
    /// The cluster id that the cluster must have; also accepts it when the inventory was made for another one
    #[arg(long, value_name = "ID", help_heading = CONNECTION)]
    pub(super) cluster_id: Option<String>,
}

/// The cluster that was chosen, with its settings read.
pub(super) enum ClusterChoice {
    /// The one of an agent's settings.
    Settings(Box<AgentSettings>),
    /// The one behind these brokers.
    Kafka {
        /// `HOST:PORT,...`.
        bootstrap_server: String,
        /// A `client.properties`.
        command_config: Option<PathBuf>,
    },
    /// Recorded state: a directory, or a revision of the repository.
    Observed(String),
    /// The directory cluster.
    Sandbox(PathBuf),
}

impl WritableClusterArgs {
    /// Returns the same choice in the form of commands that only read.
    pub(super) fn general(self) -> ClusterArgs {
        ClusterArgs { config: self.config, kafka: self.kafka, observed: None, sandbox: self.sandbox }
    }
}

impl ClusterArgs {
    /// Reads the settings that the choice needs.
    pub(super) fn choose(&self) -> Result<ClusterChoice, CommandError> {
        if self.kafka.command_config.is_some() && self.kafka.bootstrap_server.is_none() {
            return Err(CommandError::usage("`--command-config` needs `--bootstrap-server`")
                .hint("Say where the brokers are with `--bootstrap-server HOST:PORT`."));
        }
        if let Some(path) = &self.config {
            return load_settings(path).map(|settings| ClusterChoice::Settings(Box::new(settings)));
        }
        if let Some(directory) = &self.sandbox {
            return Ok(ClusterChoice::Sandbox(directory.clone()));
        }
        if let Some(observed) = &self.observed {
            return Ok(ClusterChoice::Observed(observed.clone()));
        }
        let none = || {
            CommandError::usage("no cluster was chosen")
                .hint("Give one of `--config`, `--bootstrap-server`, `--sandbox`.")
        };
        Ok(ClusterChoice::Kafka {
            bootstrap_server: self.kafka.bootstrap_server.clone().ok_or_else(none)?,
            command_config: self.kafka.command_config.clone(),
        })
    }

    /// Returns the cluster id that the person or the settings name.
    pub(super) fn cluster_id(&self, choice: &ClusterChoice) -> Option<String> {
        self.kafka
            .cluster_id
            .clone()
            .or_else(|| choice.settings().and_then(|settings| settings.cluster.cluster_id.clone()))
    }
}

impl ClusterChoice {
    /// Returns the agent's settings when they were given.
    pub(super) fn settings(&self) -> Option<&AgentSettings> {
        match self {
            Self::Settings(settings) => Some(settings),
            Self::Kafka { .. } | Self::Observed(_) | Self::Sandbox(_) => None,
        }
    }

    /// Keeps the agent's settings when they were given.
    pub(super) fn into_settings(self) -> Option<Box<AgentSettings>> {
        match self {
            Self::Settings(settings) => Some(settings),
            Self::Kafka { .. } | Self::Observed(_) | Self::Sandbox(_) => None,
        }
    }

    /// Returns the environment: the given one, or that of the settings. Both must agree.
    pub(super) fn environment(&self, given: Option<&str>) -> Result<String, CommandError> {
        match (given, self.settings()) {
            (Some(given), Some(settings)) if given != settings.environment => Err(CommandError::usage(format!(
                "the environment is `{given}`, and the settings are for `{}`",
                settings.environment
            ))
            .hint("Leave out `--environment`, or give the settings of that environment.")),
            (Some(given), Some(_) | None) => Ok(given.to_owned()),
            (None, Some(settings)) => Ok(settings.environment.clone()),
            (None, None) => Err(CommandError::usage("the environment is missing")
                .hint("Name one of the environments in `driftless.yaml` with `-e ENV`.")),
        }
    }
}

/// Reads agent settings; wrong ones are an error of usage.
pub(super) fn load_settings(path: &Path) -> Result<AgentSettings, CommandError> {
    config::load(path, surroundings()).map_err(|problems| {
        let n_problems = problems.len();
        let plural = if n_problems == 1 { "" } else { "s" };
        CommandError::usage(format!("{n_problems} problem{plural} in the settings `{}`", path.display()))
            .diagnostics(problems)
            .hint("Nothing was started. `driftless explain CODE` says more about a code.")
    })
}

/// Where passwords come from.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct SecretArgs {
    /// Directory with NAME/KEY files, as Kubernetes mounts secrets
    #[arg(long, value_name = "DIR", env = "DRIFTLESS_SECRETS", hide_env_values = true, help_heading = "Secrets")]
    pub(super) secrets: Option<PathBuf>,
    /// Identity that decrypts secrets/NAME.age of the repository
    #[arg(long, value_name = "FILE", help_heading = "Secrets")]
    pub(super) age_identity: Option<PathBuf>,
}

impl SecretArgs {
    /// Joins the options with the settings; options win.
    pub(super) fn options(&self, settings: Option<&AgentSettings>) -> SecretOptions {
        let settings = settings.map(|settings| &settings.secrets);
        SecretOptions {
            directory: self.secrets.clone().or_else(|| settings?.directory.clone()),
            age_identity_file: self.age_identity.clone().or_else(|| settings?.age_identity_file.clone()),
        }
    }
}

/// Where alert rules go.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct RuleArgs {
    /// Directory of rule files that Prometheus loads; without it nothing is said about alert rules
    #[arg(long, value_name = "DIR", help_heading = "Alert rules")]
    pub(super) rules_directory: Option<PathBuf>,
    /// Address of Prometheus, for reload and read-back
    #[arg(long, value_name = "URL", help_heading = "Alert rules")]
    pub(super) rules_reload_url: Option<String>,
}

/// A directory of rule files, and the Prometheus that loads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RuleDirectory {
    pub(super) directory: PathBuf,
    pub(super) reload_url: Option<String>,
}

impl RuleArgs {
    /// Joins the options with the settings; options win.
    pub(super) fn directory(&self, settings: Option<&AgentSettings>) -> Result<Option<RuleDirectory>, CommandError> {
        let given = self.rules_directory.clone();
        let from_settings = match settings.and_then(|settings| settings.rules.as_ref()) {
            Some(RuleSettings::Directory { directory, reload_url }) => Some((directory.clone(), reload_url.clone())),
            Some(RuleSettings::Ruler { .. }) if given.is_none() => {
                return Err(CommandError::usage("`rules.ruler` is not supported yet").hint("Use `rules.directory`."));
            }
            Some(RuleSettings::Ruler { .. }) | None => None,
        };
        let (directory, reload_url) = match (given, from_settings) {
            (Some(directory), _) => (directory, None),
            (None, Some((directory, reload_url))) => (directory, reload_url),
            (None, None) if self.rules_reload_url.is_some() => {
                return Err(CommandError::usage("`--rules-reload-url` needs `--rules-directory`"));
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(RuleDirectory { directory, reload_url: self.rules_reload_url.clone().or(reload_url) }))
    }
}

/// What a plan may delete.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct PruneArgs {
    /// Also delete what driftless owns and git no longer declares
    #[arg(long, help_heading = "Deletions")]
    pub(super) prune: bool,
    /// Most resources that one plan may delete with --prune; a plan with more deletes none
    #[arg(long, value_name = "N", default_value_t = 5, help_heading = "Deletions")]
    pub(super) max_deletions: usize,
}

/// How a status is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum TextOrJson {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// The forms in which plans, drift and validations are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For pull requests
    Markdown,
}

/// The forms in which problems in files are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum ProblemFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For pull requests
    Markdown,
    /// For code scanning
    Sarif,
    /// For CI systems that show results of tests
    Junit,
    /// For GitHub Actions: workflow commands, shown beside the lines
    #[value(name = "github")]
    GitHub,
    /// For GitLab: its code quality report
    #[value(name = "gitlab-codequality")]
    GitLabCodeQuality,
}

/// Where driftless keeps its own files.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct StateArgs {
    /// Directory for what driftless remembers between runs [default: inside the repository's .git]
    #[arg(long, value_name = "DIR", env = "DRIFTLESS_STATE", hide_env_values = true)]
    pub(super) state: Option<PathBuf>,
}

impl StateArgs {
    /// Returns the directory: the given one, that of the settings, `in_repository`, or the user's own.
    pub(super) fn directory(
        &self,
        settings: Option<&AgentSettings>,
        in_repository: Option<PathBuf>,
    ) -> Result<PathBuf, CommandError> {
        self.state
            .clone()
            .or_else(|| settings.and_then(|settings| settings.state_directory.clone()))
            .or(in_repository)
            .or_else(super::surroundings::default_state_directory)
            .ok_or_else(|| {
                CommandError::usage("there is no directory for what driftless remembers")
                    .hint("Name one with `--state DIR`.")
            })
    }
}
