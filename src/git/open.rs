//! Finding the repository that a path lies in.

use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository};

use super::error::{explain_open, source_error};
use crate::ports::SourceError;

/// A repository, and where in it the path lies.
pub(super) struct Located {
    pub(super) repository: Repository,
    /// Path below the work tree's root, with `/`; empty for the root itself and in a bare repository.
    pub(super) prefix: String,
}

/// Opens the repository that the path lies in, when there is one. The path need not exist: a revision may hold a
/// directory that the work tree has no more.
pub(super) fn locate(path: &Path) -> Result<Option<Located>, SourceError> {
    let path = canonical_as_far_as_it_exists(path)?;
    let start = path.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(&path);
    let repository = match Repository::discover(start) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(explain_open(start, &error)),
    };
    let Some(root) = repository.workdir() else { return Ok(Some(Located { repository, prefix: String::new() })) };
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let Ok(below) = path.strip_prefix(&root) else {
        // Inside the git directory of a work tree that lies elsewhere.
        return Ok(Some(Located { repository, prefix: String::new() }));
    };
    let parts: Option<Vec<&str>> = below.components().map(|part| part.as_os_str().to_str()).collect();
    let Some(parts) = parts else {
        return Err(source_error(format!("the path `{}` is not UTF-8", path.display()), ""));
    };
    if parts.first() == Some(&".git") {
        let message = format!("the path `{}` lies inside a git directory", path.display());
        return Err(source_error(message, "Name the directory that holds `driftless.yaml`."));
    }
    Ok(Some(Located { prefix: parts.join("/"), repository }))
}

/// Like [`locate`], for what cannot do without git.
pub(super) fn locate_required(path: &Path) -> Result<Located, SourceError> {
    locate(path)?.ok_or_else(|| {
        let message = format!("`{}` is not inside a git repository", path.display());
        source_error(message, "Run this inside a clone of the config repository, or run `git init` there.")
    })
}

/// Returns the directory where driftless keeps what belongs to this clone but not into git: below the main
/// repository's git directory, so that linked work trees share it. `None` outside git; a repository that cannot be opened is an
/// error, as what is on record in it must not look like nothing. Does not create it.
pub fn state_directory(path: &Path) -> Result<Option<PathBuf>, SourceError> {
    let Some(located) = locate(path)? else { return Ok(None) };
    let common = located.repository.commondir();
    Ok(Some(common.canonicalize().unwrap_or_else(|_| common.to_owned()).join("driftless")))
}

fn canonical_as_far_as_it_exists(path: &Path) -> Result<PathBuf, SourceError> {
    let absolute = std::path::absolute(path)
        .map_err(|error| source_error(format!("failed to read the path `{}`: {error}", path.display()), ""))?;
    for ancestor in absolute.ancestors() {
        if let Ok(canonical) = ancestor.canonicalize() {
            let rest = absolute.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return Ok(if rest.as_os_str().is_empty() { canonical } else { canonical.join(rest) });
        }
    }
    Ok(absolute)
}
