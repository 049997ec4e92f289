//! Keeps the agent's own repositories small. Each fetch leaves a pack and each report some files of one object; the program git
//! gathers those now and then (git-gc(1)), and libgit2 never does.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use git2::{Oid, Repository};
use tracing::{debug, warn};

use super::error::{explain, source_error};
use super::mirror::{MIRROR, REPORTS};
use crate::ports::SourceError;

/// So many packs are left alone, as by git's `gc.autoPackLimit`.
const MOST_PACKS: usize = 50;
/// So many files of one object are left alone. Like git, one of their 256 directories is looked at: they are spread by chance.
const MOST_LOOSE: usize = 2_048;
const SAMPLE: &str = "17";
/// Packs of more bytes are never written again: what a gathering costs does not grow with the history.
const LARGE: u64 = 64 << 20;
/// The memory for the differences between objects, in bytes. libgit2's own default is 256 MiB.
const DELTA_MEMORY: i64 = 16 << 20;
/// The commits whose history is in packs that are kept.
const KEPT: &str = "refs/driftless/kept/";
/// What libgit2 calls the files that it is writing; a process that was killed leaves them.
const UNFINISHED: [&str; 2] = ["pack_git2_", "tmp_object_git2_"];

/// Gathers what has become many in the repositories below the agent's directory. Only for who holds the agent's own lock, between
/// two passes. Where it fails nothing is lost, and nothing is smaller.
pub fn tidy(directory: &Path) {
    for name in [MIRROR, REPORTS] {
        let path = directory.join(name);
        if path.exists()
            && let Err(error) = gather(&path)
        {
            warn!(repository = name, problem = %error, "the objects of a repository could not be gathered");
        }
    }
}

/// Removes what killed processes were writing into a repository.
pub(super) fn remove_unfinished(repository: &Path) {
    let objects = repository.join("objects");
    let directories = std::iter::once(objects.join("pack")).chain(fans(&objects));
    for path in directories.flat_map(|directory| files(&directory)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if UNFINISHED.iter().any(|prefix| name.starts_with(prefix)) {
            drop(std::fs::remove_file(path));
        }
    }
}

/// Keeps what a new clone brought as it is, where that is large.
pub(super) fn keep_large(repository: &Repository) -> Result<(), SourceError> {
    let packs = packs(&repository.path().join("objects"));
    if packs.iter().map(|pack| size(pack)).sum::<u64>() <= LARGE {
        return Ok(());
    }
    let tips = tips(repository).map_err(failed)?;
    for reference in repository.references_glob(&format!("{KEPT}*")).map_err(failed)? {
        reference.and_then(|mut old| old.delete()).map_err(failed)?;
    }
    for tip in tips {
        repository.reference(&format!("{KEPT}{tip}"), tip, true, "keep").map_err(failed)?;
    }
    // Also for the program git, which does the same with such a file.
    packs
        .iter()
        .try_for_each(|pack| std::fs::write(pack.with_extension("keep"), ""))
        .map_err(|error| unwritable(&error))
}

fn gather(path: &Path) -> Result<(), SourceError> {
    let objects = path.join("objects");
    let old = packs(&objects);
    if old.len() <= MOST_PACKS && files(&objects.join(SAMPLE)).len() <= MOST_LOOSE / 256 {
        return Ok(());
    }
    let loose: Vec<PathBuf> = fans(&objects).flat_map(|directory| files(&directory)).collect();
    let repository = Repository::open_bare(path).map_err(failed)?;
    let new = write_pack(&repository, &objects).map_err(failed)?;
    if let Some(new) = &new {
        // Before what was there goes away the new pack is on the disk.
        let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        [new.clone(), new.with_extension("idx"), objects.join("pack")]
            .iter()
            .try_for_each(|path| sync(path))
            .map_err(|error| unwritable(&error))?;
    }
    let old: Vec<&PathBuf> = old.iter().filter(|pack| Some(*pack) != new.as_ref()).collect();
    // The index first: a pack without one is not there.
    let gone = old.iter().map(|pack| pack.with_extension("idx")).chain(old.iter().map(|pack| pack.to_path_buf()));
    let gone: Vec<PathBuf> = gone.chain(loose).collect();
    gone.iter().try_for_each(std::fs::remove_file).map_err(|error| unwritable(&error))?;
    debug!(repository = %path.display(), files = gone.len(), "the objects of a repository were gathered");
    keep_large(&repository)
}

/// Writes everything that is reachable, and not in a pack that is kept, into one pack.
fn write_pack(repository: &Repository, objects: &Path) -> Result<Option<PathBuf>, git2::Error> {
    let mut config = repository.config()?;
    for setting in ["pack.deltaCacheSize", "pack.windowMemory"] {
        config.set_i64(setting, DELTA_MEMORY)?;
    }
    let mut commits = repository.revwalk()?;
    for tip in tips(repository)? {
        commits.push(tip)?;
    }
    for reference in repository.references_glob(&format!("{KEPT}*"))? {
        if let Some(kept) = reference?.target() {
            commits.hide(kept)?;
        }
    }
    let mut builder = repository.packbuilder()?;
    builder.set_threads(1);
    builder.insert_walk(&mut commits)?;
    if builder.object_count() == 0 {
        return Ok(None);
    }
    let directory = objects.join("pack");
    builder.write(&directory, 0o444)?;
    Ok(builder.name()?.map(|name| directory.join(format!("pack-{name}.pack"))))
}

/// The commits that references of the repository lead to.
fn tips(repository: &Repository) -> Result<Vec<Oid>, git2::Error> {
    let mut tips = Vec::new();
    for reference in repository.references()? {
        let reference = reference?;
        if !reference.name_bytes().starts_with(KEPT.as_bytes())
            && let Some(tip) = reference.target()
        {
            tips.push(tip);
        }
    }
    Ok(tips)
}

/// The packs that may be written again.
fn packs(objects: &Path) -> Vec<PathBuf> {
    let is_pack = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "pack");
    let packs = files(&objects.join("pack")).into_iter().filter(is_pack);
    packs.filter(|pack| !pack.with_extension("keep").exists()).collect()
}

/// The directories of files of one object.
fn fans(objects: &Path) -> impl Iterator<Item = PathBuf> {
    (0..=u8::MAX).map(|byte| objects.join(format!("{byte:02x}")))
}

fn files(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn failed(error: git2::Error) -> SourceError {
    explain("gather the objects", &error)
}

fn unwritable(error: &io::Error) -> SourceError {
    source_error(
        format!("failed to gather the objects: {error}"),
        "Check the disk and the rights of the state directory.",
    )
}
