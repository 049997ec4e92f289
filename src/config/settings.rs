//! Settings that are known to be valid. Paths are resolved against the settings file's directory.
//!
//! No type in here has `Debug`: settings can hold passwords (`cluster.properties`, the address of a repository).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::names::TopicName;
use crate::domain::secret::Secret;

/// Everything that an agent needs to know.
pub struct AgentSettings {
    /// Which environment of the repository this agent keeps.
    pub environment: String,
    /// Where the config repository is.
    pub source: SourceSettings,
    /// Where the cluster is.
    pub cluster: ClusterSettings,
    /// What may be done to it.
    pub apply: ApplySettings,
    /// When it is compared.
    pub drift: DriftSettings,
    /// Where passwords come from.
    pub secrets: SecretSettings,
    /// Where alert rules go; absent when this agent has nothing to do with them.
    pub rules: Option<RuleSettings>,
    /// Where reports go.
    pub report: ReportSettings,
    /// The forge that hosts the repository.
    pub forge: Option<ForgeSettings>,
    /// Who is told of what happens.
    pub events: EventSettings,
    /// How several agents choose one of them; absent means that there is only one.
    pub lease: Option<LeaseSettings>,
    /// The HTTP server.
    pub http: Option<HttpSettings>,
    /// The agent's own directory; absent means the default of the command.
    pub state_directory: Option<PathBuf>,
    /// The files, and directories of files, that the settings are read from or name as secrets: what they hold may change while
    /// the agent runs.
    pub files: BTreeSet<PathBuf>,
}

/// The config repository.
pub struct SourceSettings {
    /// Its address. May hold credentials; [`RepositoryUrl::shown`] does not.
    pub url: RepositoryUrl,
    /// The branch that is followed.
    pub branch: String,
    /// The directory in the repository that holds `driftless.yaml`; `.` is its root.
    pub path: String,
    /// Time between two fetches.
    pub interval: Duration,
    /// How to log in.
    pub auth: GitAuthentication,
    /// Whose signatures are needed.
    pub verify: VerifySettings,
    /// A commit that is accepted although it does not descend from the last applied one.
    pub accept_revision: Option<String>,
}

/// The address of a git repository: a URL, `user@host:path`, or a directory.
#[derive(Clone, PartialEq, Eq)]
pub struct RepositoryUrl(String);

impl RepositoryUrl {
    /// Takes an address.
    pub(crate) fn new(url: String) -> Self {
        Self(url)
    }

    /// Gives the address to the one place that connects. It may hold a password: never log or store it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the directory, when the repository lies on this machine.
    pub fn local_path(&self) -> Option<PathBuf> {
        if let Some(rest) = self.0.strip_prefix("file://") {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            return Some(PathBuf::from(percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()));
        }
        // As in git, `host:path` is ssh unless a slash comes before the colon.
        let is_remote = self.0.contains("://") || self.0.split_once(':').is_some_and(|(host, _)| !host.contains('/'));
        (!is_remote).then(|| PathBuf::from(&self.0))
    }

    /// Returns the address without what stands before the host's `@`.
    pub fn shown(&self) -> String {
        match self.0.split_once("://").map(|(scheme, rest)| (scheme, rest, rest.find('/').unwrap_or(rest.len()))) {
            Some((scheme, rest, end)) => match rest[..end].rfind('@') {
                Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
                None => self.0.clone(),
            },
            None => self.0.clone(),
        }
    }
}

/// How to log in to a git repository. What is absent is left to git's own means (the SSH agent, no login).
#[derive(Default)]
pub struct GitAuthentication {
    /// Private key for SSH.
    pub ssh_key_file: Option<PathBuf>,
    /// File with the passphrase of that key.
    pub ssh_key_passphrase_file: Option<PathBuf>,
    /// Host keys that are trusted.
    pub known_hosts_file: Option<PathBuf>,
    /// User name for HTTPS.
    pub username: Option<String>,
    /// File with the password or token for HTTPS.
    pub password_file: Option<PathBuf>,
    /// Certificates that are trusted for HTTPS, beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// Which commits must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VerifyMode {
    /// None.
    #[default]
    None,
    /// The one that is applied.
    Head,
    /// Every one since the last that was applied.
    EveryCommit,
}

/// Whose signatures are needed.
#[derive(Default)]
pub struct VerifySettings {
    /// Which commits must be signed.
    pub mode: VerifyMode,
    /// Files, or directories of files, with public keys. Not empty unless the mode is `None`.
    pub keys: Vec<PathBuf>,
}

/// Where the cluster is.
pub struct ClusterSettings {
    /// How to reach it.
    pub access: ClusterAccess,
    /// The id it must have.
    pub cluster_id: Option<String>,
}

/// How to reach a cluster.
#[derive(Clone)]
pub enum ClusterAccess {
    /// A Kafka `client.properties`.
    PropertiesFile(PathBuf),
    /// The properties themselves; values may be secret.
    Properties(BTreeMap<String, Secret>),
    /// The directory cluster.
    Sandbox(PathBuf),
}

/// Whether differences are only shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApplyMode {
    /// They are only shown.
    Observe,
    /// They are applied.
    #[default]
    Apply,
}

/// What may be done to the cluster.
pub struct ApplySettings {
    /// Whether anything is.
    pub mode: ApplyMode,
    /// Whether drift is put back.
    pub correct_drift: bool,
    /// Whether owned resources that left git are deleted.
    pub prune: bool,
    /// The most deletions of one plan; a plan with more deletes nothing.
    pub max_deletions: usize,
    /// The time for one apply.
    pub timeout: Duration,
}

/// When the cluster is compared.
pub struct DriftSettings {
    /// A cron expression with seconds.
    pub schedule: String,
    /// The time zone whose wall clock it is about.
    pub time_zone: chrono_tz::Tz,
    /// In how many checks in a row a drift must be seen before it counts; at least 1.
    pub confirmations: u32,
}

/// Who is told of what happens.
#[derive(Default)]
pub struct EventSettings {
    /// A topic of the environment's own cluster.
    pub topic: Option<TopicName>,
    /// A webhook.
    pub webhook: Option<WebhookSettings>,
    /// An Alertmanager.
    pub alertmanager: Option<AlertmanagerSettings>,
}

/// A webhook that is told of events.
pub struct WebhookSettings {
    /// Its address, which may be a secret as a whole.
    pub url: Secret,
    /// What it gets.
    pub format: WebhookFormat,
    /// File with the secret that signs what it gets.
    pub secret_file: Option<PathBuf>,
}

/// What a webhook gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebhookFormat {
    /// The event itself.
    #[default]
    Generic,
    /// A line of text, as Slack takes it.
    Slack,
}

/// An Alertmanager that is told when something holds for too long.
pub struct AlertmanagerSettings {
    /// Its address, without `/api`.
    pub url: String,
    /// How long it must hold.
    pub after: Duration,
}

/// How several agents of one environment choose the one that acts.
pub enum LeaseSettings {
    /// By a consumer group of the environment's own cluster.
    Group {
        /// The group.
        group: String,
        /// The topic that its members subscribe to.
        topic: TopicName,
    },
    /// By a lock on a file.
    File(PathBuf),
}

/// Where passwords come from.
#[derive(Default)]
pub struct SecretSettings {
    /// A directory with `NAME/KEY`.
    pub directory: Option<PathBuf>,
    /// The age identity for `secrets/NAME.age` in the repository.
    pub age_identity_file: Option<PathBuf>,
}

/// Where alert rules go.
pub enum RuleSettings {
    /// A directory that Prometheus loads.
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Prometheus' address, for reload and read-back.
        reload_url: Option<String>,
    },
    /// A ruler such as Mimir's.
    Ruler {
        /// Its address.
        url: String,
        /// The tenant.
        tenant: Option<String>,
        /// File with the bearer token.
        token_file: Option<PathBuf>,
    },
}

/// Where reports go.
pub struct ReportSettings {
    /// The repository, when it is not the source.
    pub url: Option<RepositoryUrl>,
    /// The branch, with the environment put in.
    pub branch: String,
    /// Name of the commits' author.
    pub author_name: Option<String>,
    /// Address of the commits' author.
    pub author_email: Option<String>,
    /// SSH key that signs the commits.
    pub signing_key_file: Option<PathBuf>,
    /// How to log in to push them; absent means as to the source.
    pub auth: Option<GitAuthentication>,
}

/// The kinds of forges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeType {
    /// GitHub.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea, Forgejo.
    Gitea,
}

/// The forge that hosts the repository.
pub struct ForgeSettings {
    /// Its kind.
    pub forge_type: ForgeType,
    /// Address of its API; absent means the public one.
    pub api_url: Option<String>,
    /// `organisation/name`.
    pub repository: String,
    /// How to log in.
    pub login: ForgeLogin,
    /// Time between two looks at the pull requests.
    pub interval: Duration,
    /// Whether pull requests of forks are planned without anybody's word.
    pub forks: bool,
    /// The label by which a maintainer lets one of a fork be planned.
    pub label: String,
}

/// How to log in to the forge. The files are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgeLogin {
    /// A file with a token.
    TokenFile(PathBuf),
    /// A GitHub app.
    App {
        /// Its id, or its client id.
        id: String,
        /// Its installation; absent means the one that the repository has.
        installation_id: Option<u64>,
        /// Its private key (PEM).
        private_key_file: PathBuf,
    },
}

/// The HTTP server. An address that others can reach has a token file or certificates of clients.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// The address.
    pub listen: SocketAddr,
    /// File with the token that whoever asks must give.
    pub token_file: Option<PathBuf>,
    /// Encryption, and certificates of clients.
    pub tls: Option<HttpTlsSettings>,
    /// Names by which the server is asked on loopback, beside those of this machine.
    pub allowed_hosts: Vec<String>,
    /// File with the secret that signs web hooks.
    pub webhook_secret_file: Option<PathBuf>,
}

/// TLS of the HTTP server; all files are PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpTlsSettings {
    /// The certificate, with those between it and its authority.
    pub certificate_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// The authorities whose clients may come in.
    pub client_ca_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_address_has_no_credentials() {
        for (url, shown) in [
            ("https://bot:hunter2@git.example.org/kafka.git", "https://git.example.org/kafka.git"),
            ("https://git.example.org/a@b.git", "https://git.example.org/a@b.git"),
            ("ssh://git@git.example.org/kafka.git", "ssh://git.example.org/kafka.git"),
            ("git@git.example.org:kafka.git", "git@git.example.org:kafka.git"),
            ("/srv/kafka.git", "/srv/kafka.git"),
        ] {
            assert_eq!(RepositoryUrl::new(url.to_owned()).shown(), shown);
        }
    }

    #[test]
    fn only_an_address_of_this_machine_has_a_path() {
        for (url, path) in [
            ("/srv/kafka.git", Some("/srv/kafka.git")),
            ("file:///srv/a%20b.git", Some("/srv/a b.git")),
            ("git@git.example.org:kafka.git", None),
            ("https://git.example.org/kafka.git", None),
        ] {
            assert_eq!(RepositoryUrl::new(url.to_owned()).local_path(), path.map(PathBuf::from), "{url}");
        }
    }
}
