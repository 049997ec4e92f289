//! The config repository of a command: its files, its report branch, and where state is kept for it.

use std::path::{Path, PathBuf};

use super::arguments::RepositoryArgs;
use super::error::CommandError;
use crate::config::settings::{AgentSettings, GitAuthentication};
use crate::domain::snapshot::Snapshot;
use crate::git::{self, GitReportBranch, RemoteAccess, ReportBranchSettings, RevisionSource, WorkTreeSource};
use crate::ports::Source;

/// A config repository on this machine.
#[derive(Clone)]
pub(super) struct Repository {
    path: PathBuf,
    revision: Option<String>,
    is_known: bool,
}

impl RepositoryArgs {
    /// Returns the repository, which must be a directory.
    pub(super) fn open(&self) -> Result<Repository, CommandError> {
        Repository::open(&self.path, self.revision.revision.clone())
    }
}

impl Repository {
    /// Names a repository, which must be a directory.
    pub(super) fn open(path: &Path, revision: Option<String>) -> Result<Self, CommandError> {
        if !path.is_dir() {
            return Err(CommandError::usage(format!("there is no directory `{}`", path.display()))
                .hint("Name the directory that holds `driftless.yaml`."));
        }
        Ok(Self { path: path.to_owned(), revision, is_known: true })
    }

    /// Finds the repository of a saved plan: the current directory, or the nearest above the plan's file, that holds
    /// `driftless.yaml`. Without one nothing is read or written in git: the current directory may be anybody's repository.
    pub(super) fn of_saved_plan(plan: &Path) -> Self {
        let absolute = std::path::absolute(plan).unwrap_or_else(|_| plan.to_owned());
        let candidates = std::iter::once(Path::new(".")).chain(absolute.ancestors().skip(1));
        match candidates.into_iter().find(|directory| directory.join("driftless.yaml").is_file()) {
            Some(directory) => Self { path: directory.to_owned(), revision: None, is_known: true },
            None => Self { path: PathBuf::from("."), revision: None, is_known: false },
        }
    }

    /// Reads the files: of the work tree, or of the revision.
    pub(super) fn snapshot(&self) -> Result<Snapshot, CommandError> {
        if !self.is_known {
            return Ok(Snapshot::default());
        }
        let snapshot = match &self.revision {
            Some(revision) => RevisionSource::new(&self.path, revision).snapshot(),
            None => WorkTreeSource::new(&self.path).snapshot(),
        };
        Ok(snapshot?)
    }

    /// Reads the files of another revision, from the top of the git repository: recorded state on a branch, for example.
    pub(super) fn files_of(&self, revision: &str) -> Result<Snapshot, CommandError> {
        let absolute = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let top = absolute.ancestors().find(|directory| directory.join(".git").exists()).unwrap_or(&absolute);
        Ok(RevisionSource::new(top, revision).snapshot()?)
    }

    /// Returns the report branch; `None` outside git, where nothing can be owned.
    pub(super) fn report_branch(
        &self,
        environment: &str,
        settings: Option<&AgentSettings>,
    ) -> Result<Option<GitReportBranch>, CommandError> {
        if self.state_directory()?.is_none() {
            return Ok(None);
        }
        Ok(Some(GitReportBranch::open(&self.path, environment, branch_settings(settings))?))
    }

    /// Returns where driftless keeps what belongs to this clone but not into git; `None` outside git.
    pub(super) fn state_directory(&self) -> Result<Option<PathBuf>, CommandError> {
        if self.is_known { Ok(git::state_directory(&self.path)?) } else { Ok(None) }
    }
}

/// Turns an agent's settings into those of the report branch.
pub(super) fn branch_settings(settings: Option<&AgentSettings>) -> ReportBranchSettings {
    let mut branch = ReportBranchSettings::default();
    let Some(settings) = settings else { return branch };
    let report = &settings.report;
    branch.branch = report.branch.clone();
    branch.remote = report.url.as_ref().map(|url| url.expose().to_owned());
    if let Some(name) = &report.author_name {
        branch.author_name = name.clone();
    }
    if let Some(email) = &report.author_email {
        branch.author_email = email.clone();
    }
    branch.signing_key_file = report.signing_key_file.clone();
    branch.access = remote_access(report.auth.as_ref().unwrap_or(&settings.source.auth));
    branch
}

/// Turns the settings of a login into those of the git adapter, which reads the files whenever it connects.
pub(super) fn remote_access(auth: &GitAuthentication) -> RemoteAccess {
    RemoteAccess {
        user: auth.username.clone(),
        token_file: auth.password_file.clone(),
        ssh_key_file: auth.ssh_key_file.clone(),
        ssh_key_passphrase_file: auth.ssh_key_passphrase_file.clone(),
        known_hosts_file: auth.known_hosts_file.clone(),
        ca_file: auth.ca_file.clone(),
    }
}
