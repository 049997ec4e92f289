//! The merge itself: weighed before it is made, made in memory.

use std::collections::BTreeMap;

use git2::{Delta, ErrorCode, MergeOptions, ObjectType, Oid, Repository, Tree};

use super::super::ReadLimits;
use super::super::revision::files_of;
use super::{PullRequests, Stopped, unusable};
use crate::domain::snapshot::Snapshot;
use crate::ports::Merge;

const MOST_CONFLICTS: usize = 100;
/// A blob up to this size is compared with others to find what was renamed.
const RENAME_BYTES: u64 = 1 << 20;
/// As many renames as the forges look for at least.
const MOST_RENAMES: u32 = 200;
/// Histories that were merged into each other this often are nobody's honest work.
const MOST_MERGE_BASES: usize = 8;

impl PullRequests {
    pub(super) fn try_merge(&self, base: &str, number: u64, reference: &str, head: &str) -> Result<Merge, Stopped> {
        let repository = self.open()?;
        let (base_id, head_id) = (Oid::from_str(base)?, Oid::from_str(head)?);
        self.fetch_head(&repository, number, reference, head_id)?;
        // What the merge makes is never written to the disk.
        let objects = repository.odb()?;
        let _memory = objects.add_new_mempack_backend(1000)?;
        let (ours, theirs) = (repository.find_commit(base_id)?, repository.find_commit(head_id)?);
        let mut counted = BTreeMap::new();
        if count_entries(&repository, &theirs.tree()?, 0, &mut counted)? > self.limits.entries {
            return unusable(format!("has more than {} files and directories", self.limits.entries));
        }
        let bases = match repository.merge_bases(base_id, head_id) {
            Ok(bases) => bases,
            Err(error) if error.code() == ErrorCode::NotFound => return unusable("shares no history with its base"),
            Err(error) => return Err(error.into()),
        };
        let [nearest, ..] = &*bases else { return unusable("shares no history with its base") };
        if bases.len() > MOST_MERGE_BASES {
            return unusable("has been merged with its base crosswise too often");
        }
        let ancestor = repository.find_commit(*nearest)?.tree()?;
        let finds_renames = self.weigh(&repository, &ancestor, &ours.tree()?, &theirs.tree()?)?;
        let mut options = MergeOptions::new();
        options.find_renames(finds_renames).target_limit(MOST_RENAMES).recursion_limit(4).skip_reuc(true);
        let mut index = repository.merge_commits(&ours, &theirs, Some(&options))?;
        if index.has_conflicts() {
            return Ok(Merge::Conflict(conflicts(&index)?));
        }
        let root = repository.find_tree(index.write_tree_to(&repository)?)?;
        let files = files_of(&repository, &root, self.below(), head, ReadLimits::default());
        match files {
            Ok(files) => Ok(Merge::Merged(Snapshot { revision: Some(head.to_owned()), dirty: false, files })),
            Err(error) => unusable(format!("cannot be read: {}", error.message)),
        }
    }

    /// Refuses what would be dear to merge. Says whether looking for renames is cheap.
    fn weigh(
        &self,
        repository: &Repository,
        ancestor: &Tree<'_>,
        ours: &Tree<'_>,
        theirs: &Tree<'_>,
    ) -> Result<bool, Stopped> {
        let objects = repository.odb()?;
        let mut changed_by_us: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        let mut finds_renames = true;
        for (tree, is_ours) in [(ours, true), (theirs, false)] {
            let diff = repository.diff_tree_to_tree(Some(ancestor), Some(tree), None)?;
            for delta in diff.deltas() {
                let file = if delta.status() == Delta::Deleted { delta.old_file() } else { delta.new_file() };
                if file.mode() == git2::FileMode::Commit {
                    continue; // A submodule: its commit is not here.
                }
                let (size, _) = objects.read_header(file.id())?;
                let size = size as u64;
                finds_renames &= size <= RENAME_BYTES;
                let path = file.path_bytes().unwrap_or_default().to_vec();
                if is_ours {
                    changed_by_us.insert(path, size);
                } else if let Some(other) = changed_by_us.get(&path)
                    && size.max(*other) > self.limits.merged_file_bytes
                {
                    let name = String::from_utf8_lossy(&path).escape_debug().to_string();
                    return unusable(format!(
                        "changes `{name}`, which its base changed too and which is too large to merge"
                    ));
                }
            }
        }
        Ok(finds_renames)
    }
}

/// Counts what a tree holds when it is written out. A directory that stands in many places is looked at once, so a few small
/// objects that unfold into millions of files cost nothing.
fn count_entries(
    repository: &Repository,
    tree: &Tree<'_>,
    depth: usize,
    counted: &mut BTreeMap<Oid, u64>,
) -> Result<u64, Stopped> {
    if let Some(count) = counted.get(&tree.id()) {
        return Ok(*count);
    }
    if depth > ReadLimits::default().depth {
        return unusable("has too many directories inside each other");
    }
    let mut count = tree.len() as u64;
    for entry in tree.iter().filter(|entry| entry.kind() == Some(ObjectType::Tree)) {
        let below = count_entries(repository, &repository.find_tree(entry.id())?, depth + 1, counted)?;
        count = count.saturating_add(below);
    }
    counted.insert(tree.id(), count);
    Ok(count)
}

fn conflicts(index: &git2::Index) -> Result<Vec<String>, git2::Error> {
    let mut paths = std::collections::BTreeSet::new();
    for conflict in index.conflicts()?.take(MOST_CONFLICTS) {
        let conflict = conflict?;
        let entry = conflict.our.or(conflict.their).or(conflict.ancestor);
        paths.extend(entry.map(|entry| String::from_utf8_lossy(&entry.path).into_owned()));
    }
    Ok(paths.into_iter().collect())
}
