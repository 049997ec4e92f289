//! The branch that driftless writes back.
//!
//! Guarantees: commits are made of objects and one reference update that only succeeds from the value it was computed
//! from, so a killed process leaves the branch as it was, and two processes at once never lose a commit of either.
//! The branch only moves forward, here and at the remote; nothing is ever forced.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{Commit, ErrorCode, Oid, Reference, Repository, Signature, Sort, Time, Tree};
use tracing::warn;

use super::credentials::RemoteAccess;
use super::error::{explain, explain_open, source_error};
use super::local_push::Pushed;
use super::open::locate_required;
use super::remote::BranchRemote;
use super::signature::SigningKey;
use super::tree_edit::{self, Directory};
use crate::ports::{BranchChange, ReportBranch, SourceError};

/// How often a commit is tried when another process moved the branch meanwhile. Each try is local and short.
const COMMIT_TRIES: u32 = 10;
/// How often a push is tried again after another process pushed first.
const PUSH_RETRIES: u32 = 5;

/// How many commits are looked at, from the newest on.
const MOST_LOOKED_AT: usize = 1_000;

/// Which branch to write, as whom, and where it is pushed.
#[derive(Clone)]
pub struct ReportBranchSettings {
    /// The branch's name, where `{environment}` stands for the environment.
    pub branch: String,
    /// Name or URL of the remote. Without it: `origin`, when the repository has one.
    pub remote: Option<String>,
    /// Name of author and committer.
    pub author_name: String,
    /// Their address.
    pub author_email: String,
    /// How to authenticate to the remote.
    pub access: RemoteAccess,
    /// The private SSH key that signs commits. Read for every commit.
    pub signing_key_file: Option<PathBuf>,
}

impl Default for ReportBranchSettings {
    fn default() -> Self {
        Self {
            branch: "driftless/{environment}".to_owned(),
            remote: None,
            author_name: "driftless".to_owned(),
            author_email: "driftless@localhost".to_owned(),
            access: RemoteAccess::default(),
            signing_key_file: None,
        }
    }
}

/// The report branch of one environment, in the repository that a path lies in (bare ones too).
#[derive(Clone)]
pub struct GitReportBranch {
    repository: PathBuf,
    branch: String,
    settings: ReportBranchSettings,
}

/// Where the branch is, in this clone and, as far as this clone knows, at the remote.
struct Tips<'a> {
    local: Option<Commit<'a>>,
    tracking: Option<Commit<'a>>,
}

impl GitReportBranch {
    /// Finds the repository. Reads and writes nothing yet.
    pub fn open(path: &Path, environment: &str, settings: ReportBranchSettings) -> Result<Self, SourceError> {
        let branch = settings.branch.replace("{environment}", environment);
        if !Reference::is_valid_name(&format!("refs/heads/{branch}")) {
            return Err(source_error(format!("`{branch}` is not a name that git allows for a branch"), ""));
        }
        // The main repository, also from a linked work tree: branches are shared, and it outlives the work tree.
        let repository = locate_required(path)?.repository.commondir().to_owned();
        Ok(Self { repository, branch, settings })
    }

    /// The commit that [`ReportBranch::read`] reads, as full hexadecimal id.
    pub fn tip(&self) -> Result<Option<String>, SourceError> {
        let repository = self.repository()?;
        let tips = self.tips(&repository)?;
        Ok(tips.truth(&repository, &self.branch)?.map(|commit| commit.id().to_string()))
    }

    /// Returns the branch's name when this clone has nothing of it and `origin` may: clones of one branch are like that.
    pub fn may_be_at_origin(&self) -> Result<Option<&str>, SourceError> {
        let repository = self.repository()?;
        let tips = self.tips(&repository)?;
        let is_here = tips.local.is_some() || tips.tracking.is_some();
        let has_origin = self.settings.remote.is_none() && self.remote(&repository)?.is_some();
        Ok((has_origin && !is_here).then_some(&self.branch))
    }

    fn repository(&self) -> Result<Repository, SourceError> {
        Repository::open(&self.repository).map_err(|error| explain_open(&self.repository, &error))
    }

    fn remote<'a>(&'a self, repository: &'a Repository) -> Result<Option<BranchRemote<'a>>, SourceError> {
        BranchRemote::find(repository, &self.branch, self.settings.remote.as_deref(), &self.settings.access)
    }

    fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    fn tips<'a>(&'a self, repository: &'a Repository) -> Result<Tips<'a>, SourceError> {
        let local = self.commit_of(repository, &self.reference())?;
        let tracking = match self.remote(repository)? {
            Some(remote) => self.commit_of(repository, &remote.tracking)?,
            None => None,
        };
        Ok(Tips { local, tracking })
    }

    fn commit_of<'a>(&self, repository: &'a Repository, reference: &str) -> Result<Option<Commit<'a>>, SourceError> {
        match repository.find_reference(reference).and_then(|reference| reference.peel_to_commit()) {
            Ok(commit) => Ok(Some(commit)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", &error)),
        }
    }

    fn failed(&self, action: &str, error: &git2::Error) -> SourceError {
        explain(&format!("{action} the branch `{}`", self.branch), error)
    }

    /// Makes a commit of the tree, and moves the local branch to it if that still is where it was.
    /// `None` when the branch moved meanwhile.
    fn advance(
        &self,
        repository: &Repository,
        change: &BranchChange,
        tree: Oid,
        parents: &[Commit<'_>],
        local: Option<Oid>,
    ) -> Result<Option<Oid>, SourceError> {
        let commit = self.write_commit(repository, change, tree, parents)?;
        let kind = if parents.is_empty() { "commit (initial)" } else { "commit" };
        let subject = change.message.lines().next().unwrap_or_default();
        let moved = self.move_local(repository, local, commit, &format!("{kind}: {subject}"))?;
        Ok(moved.then_some(commit))
    }

    /// Writes a commit that no branch has yet.
    fn write_commit(
        &self,
        repository: &Repository,
        change: &BranchChange,
        tree: Oid,
        parents: &[Commit<'_>],
    ) -> Result<Oid, SourceError> {
        let failed = |error: git2::Error| self.failed("commit to", &error);
        let time = Time::new(change.timestamp, 0);
        let author = Signature::new(&self.settings.author_name, &self.settings.author_email, &time).map_err(failed)?;
        let tree = repository.find_tree(tree).map_err(failed)?;
        let (message, parents): (_, Vec<&Commit<'_>>) = (&change.message, parents.iter().collect());
        let Some(file) = &self.settings.signing_key_file else {
            return repository.commit(None, &author, &author, message, &tree, &parents).map_err(failed);
        };
        let key = SigningKey::read(file)?;
        let content = repository.commit_create_buffer(&author, &author, message, &tree, &parents).map_err(failed)?;
        let content = std::str::from_utf8(&content)
            .map_err(|_| source_error("failed to sign the report: its message is not UTF-8", ""))?;
        key.commit(repository, content)
    }

    /// Moves the local branch from one commit to another; `false` when it was not there any more.
    fn move_local(
        &self,
        repository: &Repository,
        from: Option<Oid>,
        to: Oid,
        reflog: &str,
    ) -> Result<bool, SourceError> {
        self.refuse_checked_out(repository)?;
        let reference = self.reference();
        match repository.reference_matching(&reference, to, true, from.unwrap_or(Oid::ZERO_SHA1), reflog) {
            Ok(_) => Ok(true),
            // A deleted reference is "not found" where a value was expected.
            Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::Locked | ErrorCode::NotFound) => {
                Ok(false)
            }
            Err(error) => Err(self.failed("write", &error)),
        }
    }

    /// Moving a branch under somebody's checkout would make their next commit undo the report.
    fn refuse_checked_out(&self, repository: &Repository) -> Result<(), SourceError> {
        let reference = self.reference();
        let is_head_of = |repository: &Repository| {
            let head = repository.find_reference("HEAD");
            !repository.is_bare() && head.is_ok_and(|head| head.symbolic_target() == Ok(Some(&reference)))
        };
        let linked = repository.worktrees().map_err(|error| self.failed("write", &error))?;
        let is_head_of_linked = linked.iter().flatten().flatten().any(|name| {
            // A work tree whose directory is gone has nothing checked out.
            let tree = repository.find_worktree(name).and_then(|tree| Repository::open_from_worktree(&tree));
            tree.is_ok_and(|tree| is_head_of(&tree))
        });
        if is_head_of(repository) || is_head_of_linked {
            let message = format!("the branch `{}` is checked out, so driftless does not write it", self.branch);
            return Err(source_error(
                message,
                "Check out another branch; `git show` and `git log` read this one as well.",
            ));
        }
        Ok(())
    }

    /// Brings the local branch and the fetched one together, with `change` on top. Returns without doing so when the
    /// local branch moved meanwhile; the caller looks again anyway.
    fn integrate(&self, repository: &Repository, change: &BranchChange) -> Result<(), SourceError> {
        let Tips { local, tracking } = self.tips(repository)?;
        let (Some(local), Some(tracking)) = (local, tracking) else { return Ok(()) };
        if is_ahead(repository, &local, &tracking)? {
            return Ok(());
        }
        if is_ahead(repository, &tracking, &local)? {
            self.move_local(repository, Some(local.id()), tracking.id(), "fast-forward to the remote")?;
            return Ok(());
        }
        // Our own commit of this change is made again on top of theirs. Whatever else was not pushed yet is kept, as
        // second parent.
        let is_own = local.message() == Ok(change.message.as_str()) && local.time().seconds() == change.timestamp;
        let kept: Option<Commit<'_>> = if !is_own {
            Some(local.clone())
        } else {
            match local.parent(0) {
                Ok(parent) => Some(parent),
                Err(error) if error.code() == ErrorCode::NotFound => None,
                Err(error) => return Err(self.failed("read", &error)),
            }
        };
        let kept = match kept {
            Some(kept) if !is_ahead(repository, &tracking, &kept)? => Some(kept),
            Some(_) | None => None,
        };
        let is_simple = kept.is_none();
        let base = self.base(repository, kept.as_ref(), &tracking)?;
        let tree = self.tree_with(repository, base, change)?;
        if is_simple && tree == tracking.tree_id() {
            self.move_local(repository, Some(local.id()), tracking.id(), "fast-forward to the remote")?;
            return Ok(());
        }
        let parents: Vec<Commit<'_>> = [Some(tracking), kept].into_iter().flatten().collect();
        self.advance(repository, change, tree, &parents, Some(local.id()))?;
        Ok(())
    }

    /// The tree to build on: the remote's, joined with what only the local branch has.
    fn base<'a>(
        &self,
        repository: &'a Repository,
        local: Option<&Commit<'_>>,
        tracking: &Commit<'a>,
    ) -> Result<Option<Tree<'a>>, SourceError> {
        let failed = |error: git2::Error| self.failed("read", &error);
        let theirs = tracking.tree().map_err(failed)?;
        let Some(local) = local else { return Ok(Some(theirs)) };
        let base = match repository.merge_base(local.id(), tracking.id()) {
            Ok(base) => Some(repository.find_commit(base).and_then(|base| base.tree()).map_err(failed)?),
            Err(error) if error.code() == ErrorCode::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let joined = tree_edit::join(repository, base.as_ref(), &local.tree().map_err(failed)?, &theirs)?;
        joined.map(|id| repository.find_tree(id)).transpose().map_err(failed)
    }

    fn tree_with(
        &self,
        repository: &Repository,
        base: Option<Tree<'_>>,
        change: &BranchChange,
    ) -> Result<Oid, SourceError> {
        match tree_edit::apply(repository, base.as_ref(), &Directory::of_change(change)?)? {
            Some(tree) => Ok(tree),
            // git knows no empty directories, but a commit may be empty.
            None => repository
                .treebuilder(None)
                .and_then(|builder| builder.write())
                .map_err(|error| self.failed("write", &error)),
        }
    }
}

impl Tips<'_> {
    /// The commit whose files count: the newer one, and the remote's when the two went apart.
    fn truth(&self, repository: &Repository, branch: &str) -> Result<Option<&Commit<'_>>, SourceError> {
        let (Some(local), Some(tracking)) = (&self.local, &self.tracking) else {
            return Ok(self.local.as_ref().or(self.tracking.as_ref()));
        };
        if is_ahead(repository, local, tracking)? {
            return Ok(Some(local));
        }
        if !is_ahead(repository, tracking, local)? {
            warn!(branch, local = %local.id(), remote = %tracking.id(), "report branch differs from the remote's; the remote's files count");
        }
        Ok(Some(tracking))
    }
}

impl ReportBranch for GitReportBranch {
    fn read(&self, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        let repository = self.repository()?;
        let tips = self.tips(&repository)?;
        let Some(commit) = tips.truth(&repository, &self.branch)? else { return Ok(BTreeMap::new()) };
        let tree = commit.tree().map_err(|error| self.failed("read", &error))?;
        tree_edit::read(&repository, &tree, prefix).map_err(|error| self.failed("read", &error))
    }

    fn commit(&self, change: &BranchChange) -> Result<Option<String>, SourceError> {
        let repository = self.repository()?;
        self.refuse_checked_out(&repository)?;
        for attempt in 0..COMMIT_TRIES {
            pause(attempt);
            let Tips { local, tracking } = self.tips(&repository)?;
            let expected = local.as_ref().map(Commit::id);
            let (base, parents) = match (local, tracking) {
                (Some(local), Some(tracking)) if is_ahead(&repository, &tracking, &local)? => {
                    (Some(tracking.tree()), vec![tracking])
                }
                (Some(local), Some(tracking)) if !is_ahead(&repository, &local, &tracking)? => {
                    let base = self.base(&repository, Some(&local), &tracking)?;
                    (base.map(Ok), vec![tracking, local])
                }
                (Some(only), _) | (None, Some(only)) => (Some(only.tree()), vec![only]),
                (None, None) => (None, Vec::new()),
            };
            let base = base.transpose().map_err(|error| self.failed("read", &error))?;
            let before = base.as_ref().map(Tree::id);
            let tree = self.tree_with(&repository, base, change)?;
            let is_nothing = before.is_none() && change.files.is_empty();
            if is_nothing || (before == Some(tree) && parents.len() == 1) {
                return Ok(None);
            }
            if let Some(commit) = self.advance(&repository, change, tree, &parents, expected)? {
                return Ok(Some(commit.to_string()));
            }
        }
        let lock = repository.path().join(format!("{}.lock", self.reference()));
        let message = format!("the branch `{}` moved or was locked {COMMIT_TRIES} times in a row", self.branch);
        let hint = format!(
            "Another process writes the same branch; one per environment is enough. If none does, remove `{}`.",
            lock.display()
        );
        Err(source_error(message, &hint))
    }

    fn fetch(&self) -> Result<(), SourceError> {
        let repository = self.repository()?;
        match self.remote(&repository)? {
            Some(remote) => retry_while_locked(|| remote.fetch()),
            None => Ok(()),
        }
    }

    fn newest(&self, is_wanted: &dyn Fn(&str) -> bool) -> Result<Option<(String, i64)>, SourceError> {
        let failed = |error: git2::Error| self.failed("read", &error);
        let repository = self.repository()?;
        let tips = self.tips(&repository)?;
        let Some(tip) = tips.truth(&repository, &self.branch)? else { return Ok(None) };
        let mut walk = repository.revwalk().map_err(failed)?;
        walk.set_sorting(Sort::TIME).and_then(|()| walk.push(tip.id())).map_err(failed)?;
        for id in walk.take(MOST_LOOKED_AT) {
            let commit = id.and_then(|id| repository.find_commit(id)).map_err(failed)?;
            let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
            if is_wanted(&message) {
                return Ok(Some((message, commit.author().when().seconds())));
            }
        }
        Ok(None)
    }

    fn push(&self, change: &BranchChange) -> Result<(), SourceError> {
        let repository = self.repository()?;
        let Some(remote) = self.remote(&repository)? else {
            let message = format!("there is no remote to push the branch `{}` to", self.branch);
            return Err(source_error(message, "Add one with `git remote add origin URL`, or set the report's URL."));
        };
        let mut words = String::new();
        for attempt in 0..=PUSH_RETRIES {
            pause(attempt);
            let Some(local) = self.commit_of(&repository, &self.reference())? else { return Ok(()) };
            match remote.push(local.id())? {
                Pushed::Done => return Ok(()),
                Pushed::Rejected(why) => words = why,
            }
            retry_while_locked(|| remote.fetch())?;
            let tracking = self.commit_of(&repository, &remote.tracking)?;
            let moved = match &tracking {
                Some(tracking) => !is_ahead(&repository, &local, tracking)?,
                None => false,
            };
            // Locks are held for moments; anything else that is refused although nothing moved is refused for good.
            if !moved && !words.contains(" lock") && !words.contains("moved meanwhile") {
                let message = format!("the remote `{}` refused the branch `{}`: {words}", remote.shown(), self.branch);
                return Err(source_error(message, "Check that driftless may write this branch there."));
            }
            self.integrate(&repository, change)?;
        }
        let message =
            format!("the branch `{}` was rejected by `{}` again and again: {words}", self.branch, remote.shown());
        Err(source_error(message, "The report is kept and goes out with the next push."))
    }
}

/// Says whether `newer` is `older` or descends from it.
fn is_ahead(repository: &Repository, newer: &Commit<'_>, older: &Commit<'_>) -> Result<bool, SourceError> {
    if newer.id() == older.id() {
        return Ok(true);
    }
    repository
        .graph_descendant_of(newer.id(), older.id())
        .map_err(|error| explain("read the history of the report branch", &error))
}

fn retry_while_locked(mut action: impl FnMut() -> Result<(), SourceError>) -> Result<(), SourceError> {
    for attempt in 0..PUSH_RETRIES {
        pause(attempt);
        match action() {
            // Another process of this clone updates the same tracking reference.
            Err(error) if error.message.contains(" lock") => {}
            done_or_failed => return done_or_failed,
        }
    }
    action()
}

/// Waits before another try: longer each time, and not as long as the other process.
fn pause(attempt: u32) {
    if attempt > 0 {
        let longest = 40_u64 << attempt.min(5);
        let random = RandomState::new().build_hasher().finish();
        std::thread::sleep(Duration::from_millis(longest / 2 + random % longest));
    }
}
