//! Fetching and pushing one branch.

use git2::{
    AutotagOption, Config, Direction, ErrorCode, FetchOptions, ObjectType, Oid, PushOptions, Remote, Repository,
};

use super::credentials::{RemoteAccess, callbacks};
use super::error::{explain, redact, redact_url};
use super::local_push::{self, Pushed};
use super::timeouts::{self, Signs};
use crate::ports::SourceError;

/// A remote, and where this clone remembers what its branch was.
pub(super) struct BranchRemote<'a> {
    pub(super) repository: &'a Repository,
    /// The branch's full name, here and there.
    pub(super) branch: String,
    /// The reference that remembers the remote's branch.
    pub(super) tracking: String,
    /// Its URL; may hold a token, so it is never shown as it is.
    url: String,
    access: &'a RemoteAccess,
}

impl<'a> BranchRemote<'a> {
    /// Finds the remote by name or URL; without either it is `origin`. `None` when there is none.
    pub(super) fn find(
        repository: &'a Repository,
        branch: &str,
        remote: Option<&str>,
        access: &'a RemoteAccess,
    ) -> Result<Option<Self>, SourceError> {
        let (url, namespace) = match named(repository, remote.unwrap_or("origin"))? {
            Some((name, url)) => (url, format!("refs/remotes/{name}")),
            None => match remote {
                None => return Ok(None),
                Some(url) => {
                    // Another URL is another remote, and must not be mistaken for what `origin` has.
                    let id = Oid::hash_object(ObjectType::Blob, redact_url(url).as_bytes())
                        .map_err(|error| explain("name the remote", &error))?;
                    (url.to_owned(), format!("refs/driftless/remotes/{}", &id.to_string()[..12]))
                }
            },
        };
        let tracking = format!("{namespace}/{branch}");
        Ok(Some(Self { repository, branch: format!("refs/heads/{branch}"), tracking, url, access }))
    }

    /// The remote's URL without any credentials.
    pub(super) fn shown(&self) -> String {
        redact_url(&self.url)
    }

    /// Reads the remote's branch; afterwards the tracking reference is what the remote has, or gone.
    pub(super) fn fetch(&self) -> Result<(), SourceError> {
        self.try_fetch().map_err(|error| self.explain("fetch from", &error))
    }

    /// Like [`Self::fetch`], with git's own error: the caller tells a damaged repository from a remote that is away.
    pub(super) fn try_fetch(&self) -> Result<(), git2::Error> {
        timeouts::bounded(&self.url, |signs| self.fetch_branch(signs))
    }

    fn fetch_branch(&self, signs: &Signs) -> Result<(), git2::Error> {
        let mut remote = self.connectable()?;
        let callbacks =
            || -> Result<_, git2::Error> { Ok(callbacks(self.access, self.config()?, &self.url, signs, |_| true)) };
        let mut connection = remote.connect_auth(Direction::Fetch, Some(callbacks()?), None)?;
        let is_there = connection.list()?.iter().any(|head| head.name() == self.branch);
        if !is_there {
            drop(connection);
            return match self.repository.find_reference(&self.tracking) {
                Ok(mut stale) => stale.delete(),
                Err(error) if error.code() == ErrorCode::NotFound => Ok(()),
                Err(error) => Err(error),
            };
        }
        let mut options = FetchOptions::new();
        options.remote_callbacks(callbacks()?);
        options.download_tags(AutotagOption::None).update_fetchhead(false);
        let refspec = format!("+{}:{}", self.branch, self.tracking);
        connection.remote().fetch(&[refspec.as_str()], Some(&mut options), Some("fetch"))
    }

    /// Fetches one other reference of the remote to a reference here. Ends with an error of code `User` when `goes_on` says no:
    /// it is asked again and again with the objects and the bytes that there are so far, and how many objects there will be.
    pub(super) fn fetch_bounded(
        &self,
        reference: &str,
        here: &str,
        goes_on: impl FnMut(&git2::Progress<'_>) -> bool,
    ) -> Result<(), git2::Error> {
        timeouts::bounded(&self.url, |signs| {
            let mut remote = self.connectable()?;
            let mut options = FetchOptions::new();
            options.remote_callbacks(callbacks(self.access, self.config()?, &self.url, signs, goes_on));
            options.download_tags(AutotagOption::None).update_fetchhead(false);
            remote.fetch(&[format!("+{reference}:{here}").as_str()], Some(&mut options), Some("fetch"))
        })
    }

    /// Pushes the branch, which is at `commit`. Never forces.
    pub(super) fn push(&self, commit: Oid) -> Result<Pushed, SourceError> {
        let pushed = match local_push::local_path(self.repository, &self.url) {
            Some(path) => local_push::push(self.repository, &path, &self.branch, commit)?,
            None => match timeouts::bounded(&self.url, |signs| self.push_to_server(signs)) {
                Ok(pushed) => pushed,
                Err(error) if error.code() == ErrorCode::NotFastForward => Pushed::Rejected(error.message().to_owned()),
                Err(error) => return Err(self.explain("push to", &error)),
            },
        };
        if pushed == Pushed::Done {
            // Only what this clone remembers of the remote; the next fetch would set it too.
            drop(self.repository.reference(&self.tracking, commit, true, "push of the report branch"));
        }
        Ok(pushed)
    }

    fn push_to_server(&self, signs: &Signs) -> Result<Pushed, git2::Error> {
        let mut rejection = None;
        {
            let mut callbacks = callbacks(self.access, self.config()?, &self.url, signs, |_| true);
            // libgit2 returns success when the server refused the update; only this tells.
            callbacks.push_update_reference(|_, status| {
                rejection = status.map(str::to_owned);
                Ok(())
            });
            let mut options = PushOptions::new();
            options.remote_callbacks(callbacks);
            let refspec = format!("{0}:{0}", self.branch);
            self.connectable()?.push(&[refspec.as_str()], Some(&mut options))?;
        }
        Ok(rejection.map_or(Pushed::Done, Pushed::Rejected))
    }

    fn connectable(&self) -> Result<Remote<'a>, git2::Error> {
        match local_push::local_path(self.repository, &self.url) {
            // libgit2 would take a relative path as relative to where the process was started.
            Some(path) => self.repository.remote_anonymous(&path.to_string_lossy()),
            None => self.repository.remote_anonymous(&self.url),
        }
    }

    fn config(&self) -> Result<Config, git2::Error> {
        self.repository.config()
    }

    pub(super) fn explain(&self, action: &str, error: &git2::Error) -> SourceError {
        let mut explained = redact(explain(&format!("{action} `{}`", self.shown()), error), &self.url);
        explained.hint.get_or_insert_with(|| "Check the address of the remote, and the network.".to_owned());
        explained
    }
}

/// Looks for a remote of that name or URL in the repository's configuration; returns its name and URL.
fn named(repository: &Repository, name_or_url: &str) -> Result<Option<(String, String)>, SourceError> {
    let failed = |error: git2::Error| explain("read the repository's remotes", &error);
    let names = repository.remotes().map_err(failed)?;
    for name in names.iter().flatten().flatten() {
        let remote = repository.find_remote(name).map_err(failed)?;
        let Ok(url) = remote.url() else { continue };
        let push_url = remote.pushurl().ok().flatten().unwrap_or(url);
        if name == name_or_url || url == name_or_url || push_url == name_or_url {
            return Ok(Some((name.to_owned(), push_url.to_owned())));
        }
    }
    Ok(None)
}
