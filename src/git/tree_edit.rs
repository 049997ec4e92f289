//! Making a commit's tree from another, without a work tree or an index.
//!
//! Only what differs is written: content is hashed first, and trees in which nothing changed are not built again. So
//! one changed file among ten thousand costs one blob and the trees on the way to it.

use std::collections::BTreeMap;

use git2::{ErrorCode, ObjectType, Oid, Repository, Tree};

use super::error::{explain, source_error};
use crate::ports::{BranchChange, SourceError};

const FILE: i32 = 0o100_644;

/// What is to stand at one name of a directory.
enum Edit<'a> {
    /// A file with this content.
    File(&'a [u8]),
    /// An object that is in the database already, with its mode.
    Object(Oid, i32),
    /// Nothing.
    Nothing,
    /// A directory.
    Directory(Directory<'a>),
}

/// Edits of one directory.
#[derive(Default)]
pub(super) struct Directory<'a> {
    /// Whether everything that has no edit goes, at any depth.
    exact: bool,
    edits: BTreeMap<String, Edit<'a>>,
}

impl<'a> Directory<'a> {
    /// The edits that a change of the report branch asks for.
    pub(super) fn of_change(change: &'a BranchChange) -> Result<Self, SourceError> {
        let mut root = Self::default();
        for (path, content) in &change.files {
            root.place(path, Edit::File(content))?;
        }
        for path in &change.exact_directories {
            let mut directory = &mut root;
            for part in path.split('/').filter(|part| !part.is_empty()) {
                directory = directory.enter(part, path)?;
            }
            directory.exact = true;
        }
        Ok(root)
    }

    fn place(&mut self, path: &str, edit: Edit<'a>) -> Result<(), SourceError> {
        let (parents, name) = path.rsplit_once('/').map_or((None, path), |(parents, name)| (Some(parents), name));
        let mut directory = self;
        for part in parents.into_iter().flat_map(|parents| parents.split('/')) {
            directory = directory.enter(part, path)?;
        }
        check_name(name, path)?;
        match directory.edits.insert(name.to_owned(), edit) {
            None => Ok(()),
            Some(_) => Err(source_error(format!("the report's path `{path}` is a file and a directory"), "")),
        }
    }

    fn enter(&mut self, part: &str, path: &str) -> Result<&mut Self, SourceError> {
        check_name(part, path)?;
        match self.edits.entry(part.to_owned()).or_insert_with(|| Edit::Directory(Self::default())) {
            Edit::Directory(directory) => Ok(directory),
            Edit::File(_) | Edit::Object(..) | Edit::Nothing => {
                Err(source_error(format!("the report's path `{path}` lies below a file"), ""))
            }
        }
    }
}

fn check_name(name: &str, path: &str) -> Result<(), SourceError> {
    let bad =
        name.is_empty() || name == "." || name == ".." || name.eq_ignore_ascii_case(".git") || name.contains('\0');
    if bad { Err(source_error(format!("the report's path `{path}` is not valid"), "")) } else { Ok(()) }
}

/// Applies the edits to a tree and returns the new tree's id; `None` when nothing is left in it.
pub(super) fn apply(
    repository: &Repository,
    old: Option<&Tree<'_>>,
    directory: &Directory<'_>,
) -> Result<Option<Oid>, SourceError> {
    apply_below(repository, old, directory, false).map_err(|error| explain("write the report's files into git", &error))
}

fn apply_below(
    repository: &Repository,
    old: Option<&Tree<'_>>,
    directory: &Directory<'_>,
    exact: bool,
) -> Result<Option<Oid>, git2::Error> {
    let exact = exact || directory.exact;
    let mut builder = repository.treebuilder(old)?;
    let mut changed = false;
    if exact && let Some(old) = old {
        for entry in old {
            let is_kept = std::str::from_utf8(entry.name_bytes()).is_ok_and(|name| directory.edits.contains_key(name));
            if !is_kept {
                builder.remove(entry.name_bytes())?;
                changed = true;
            }
        }
    }
    for (name, edit) in &directory.edits {
        let before = old.and_then(|old| old.get_name(name)).map(|entry| (entry.id(), entry.filemode(), entry.kind()));
        let after = match edit {
            Edit::Nothing => None,
            Edit::Object(id, mode) => Some((*id, *mode)),
            Edit::File(content) => {
                let id = Oid::hash_object(ObjectType::Blob, content)?;
                let is_there = before.is_some_and(|(before, mode, _)| before == id && mode == FILE);
                Some((if is_there { id } else { repository.blob(content)? }, FILE))
            }
            Edit::Directory(below) => {
                let tree = match before {
                    Some((id, _, Some(ObjectType::Tree))) => Some(repository.find_tree(id)?),
                    Some(_) | None => None,
                };
                apply_below(repository, tree.as_ref(), below, exact)?.map(|id| (id, 0o040_000))
            }
        };
        if after == before.map(|(id, mode, _)| (id, mode)) {
            continue;
        }
        changed = true;
        match after {
            Some((id, mode)) => drop(builder.insert(name, id, mode)?),
            None => builder.remove(name)?,
        }
    }
    match old {
        Some(old) if !changed => Ok(Some(old.id()).filter(|_| !old.is_empty())),
        Some(_) | None if builder.is_empty() => Ok(None),
        Some(_) | None => builder.write().map(Some),
    }
}

/// Joins two lines of commits that went apart: `theirs`, and of `ours` whatever they left alone. A file that both
/// changed is theirs. Returns the tree's id; `None` for an empty one.
pub(super) fn join(
    repository: &Repository,
    base: Option<&Tree<'_>>,
    ours: &Tree<'_>,
    theirs: &Tree<'_>,
) -> Result<Option<Oid>, SourceError> {
    let failed = |error: git2::Error| explain("join the report branch with the remote's", &error);
    let mut directory = Directory::default();
    for path in changed_paths(repository, base, ours).map_err(failed)? {
        let is_in = |tree: Option<&Tree<'_>>| {
            let entry = tree.and_then(|tree| tree.get_path(path.as_ref()).ok());
            entry.map(|entry| (entry.id(), entry.filemode()))
        };
        let (before, our, their) = (is_in(base), is_in(Some(ours)), is_in(Some(theirs)));
        if before != their {
            continue;
        }
        let edit = our.map_or(Edit::Nothing, |(id, mode)| Edit::Object(id, mode));
        // Where their file took the place of our directory, or the other way round, theirs stays.
        if !is_blocked(theirs, &path) {
            directory.place(&path, edit)?;
        }
    }
    apply(repository, Some(theirs), &directory)
}

/// Says whether a file stands where the path needs a directory, or a directory where it needs a file.
fn is_blocked(tree: &Tree<'_>, path: &str) -> bool {
    let kind = |path: &str| tree.get_path(path.as_ref()).ok().and_then(|entry| entry.kind());
    let above = path.match_indices('/').any(|(end, _)| kind(&path[..end]) == Some(ObjectType::Blob));
    above || kind(path) == Some(ObjectType::Tree)
}

fn changed_paths(
    repository: &Repository,
    base: Option<&Tree<'_>>,
    ours: &Tree<'_>,
) -> Result<Vec<String>, git2::Error> {
    let diff = repository.diff_tree_to_tree(base, Some(ours), None)?;
    let mut paths = Vec::new();
    for delta in diff.deltas() {
        let file = if delta.new_file().exists() { delta.new_file() } else { delta.old_file() };
        paths.extend(file.path().and_then(|path| path.to_str()).map(str::to_owned));
    }
    Ok(paths)
}

/// Collects the files below `prefix` (a directory or one file; all with `""`), by their whole paths.
pub(super) fn read(
    repository: &Repository,
    tree: &Tree<'_>,
    prefix: &str,
) -> Result<BTreeMap<String, Vec<u8>>, git2::Error> {
    let prefix = prefix.trim_matches('/');
    let mut files = BTreeMap::new();
    if prefix.is_empty() {
        read_below(repository, tree, "", &mut files)?;
        return Ok(files);
    }
    let entry = match tree.get_path(prefix.as_ref()) {
        Ok(entry) => entry,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(files),
        Err(error) => return Err(error),
    };
    match entry.kind() {
        Some(ObjectType::Tree) => read_below(repository, &repository.find_tree(entry.id())?, prefix, &mut files)?,
        Some(ObjectType::Blob) => {
            files.insert(prefix.to_owned(), repository.find_blob(entry.id())?.content().to_vec());
        }
        Some(ObjectType::Any | ObjectType::Commit | ObjectType::Tag) | None => {}
    }
    Ok(files)
}

fn read_below(
    repository: &Repository,
    tree: &Tree<'_>,
    path: &str,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), git2::Error> {
    for entry in tree {
        // driftless writes only UTF-8 names; whatever else somebody put there is not a report.
        let Ok(name) = std::str::from_utf8(entry.name_bytes()) else { continue };
        let path = super::join(path, name);
        match entry.kind() {
            Some(ObjectType::Tree) => read_below(repository, &repository.find_tree(entry.id())?, &path, files)?,
            Some(ObjectType::Blob) => {
                files.insert(path, repository.find_blob(entry.id())?.content().to_vec());
            }
            Some(ObjectType::Any | ObjectType::Commit | ObjectType::Tag) | None => {}
        }
    }
    Ok(())
}
