//! Notices when files on this machine change: the settings, the secret files that they name, a source that lies here.
//!
//! What the operating system tells is only a hint to look: the files' content decides. So it does not matter how a file was
//! changed: written in place, renamed over, or swapped with all its neighbours by one link, as Kubernetes does with what it
//! mounts (`file -> ..data/file`, `..data -> ..2026_01_01`, and a new `..data` is renamed over the old one).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::EventKind;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use ring::digest;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How long changes are gathered before somebody looks.
const DEBOUNCE: Duration = Duration::from_millis(500);
/// The most bytes of a file that are compared. Longer ones are compared by size and time.
const LARGEST_FILE: u64 = 4 << 20;
/// The most files below a directory that are compared.
const MOST_FILES: usize = 10_000;

/// A watch over files; it ends with the value.
pub struct Watch {
    _watcher: RecommendedWatcher,
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells `changed` whenever the content of the files, or of what is below the directories, is another than before. A file that is
/// not there is watched too. Needs a running tokio.
pub fn content(paths: BTreeSet<PathBuf>, changed: Arc<Notify>) -> notify::Result<Watch> {
    let hint = Arc::new(Notify::new());
    let mut watcher = watcher(Arc::clone(&hint))?;
    for path in &paths {
        // Only a directory tells of what is renamed over a file in it.
        if path.is_dir() {
            watcher.watch(path, RecursiveMode::Recursive)?;
        }
        for directory in neighbourhoods(path) {
            watcher.watch(&directory, RecursiveMode::NonRecursive)?;
        }
    }
    let mut known = fingerprint(&paths);
    let task = tokio::spawn(async move {
        loop {
            hint.notified().await;
            tokio::time::sleep(DEBOUNCE).await;
            let looked_at = paths.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || fingerprint(&looked_at)).await else { return };
            if now.as_ref() != known.as_ref() {
                known = now;
                changed.notify_one();
            }
        }
    });
    Ok(Watch { _watcher: watcher, task })
}

/// Tells `moved` when a reference of the git repository may have moved. Needs a running tokio.
pub fn references(repository: &Path, moved: Arc<Notify>) -> notify::Result<Watch> {
    let inside = repository.join(".git");
    let directory = if inside.is_dir() { inside } else { repository.to_owned() };
    let hint = Arc::new(Notify::new());
    let mut watcher = watcher(Arc::clone(&hint))?;
    // `packed-refs` lies at the top.
    watcher.watch(&directory, RecursiveMode::NonRecursive)?;
    watcher.watch(&directory.join("refs"), RecursiveMode::Recursive)?;
    let task = tokio::spawn(async move {
        loop {
            hint.notified().await;
            tokio::time::sleep(DEBOUNCE).await;
            moved.notify_one();
        }
    });
    Ok(Watch { _watcher: watcher, task })
}

fn watcher(hint: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_hint = match event {
            Ok(event) => match event.kind {
                // Looking is no change, and would be a hint to look again.
                EventKind::Access(_) => false,
                EventKind::Any
                | EventKind::Create(_)
                | EventKind::Modify(_)
                | EventKind::Remove(_)
                | EventKind::Other => true,
            },
            // Events were lost, for example.
            Err(_) => true,
        };
        if is_hint {
            hint.notify_one();
        }
    })
}

/// Lists the directories in which a change can be one of that path: its own, and those of the links that lead to the file.
fn neighbourhoods(path: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut at = path.to_owned();
    // As many links as Linux follows in one path.
    for _ in 0..40 {
        let Some(parent) = at.parent().filter(|parent| parent.is_dir()) else { break };
        found.insert(parent.to_owned());
        let Ok(target) = std::fs::read_link(&at) else { break };
        at = parent.join(target);
    }
    found
}

fn fingerprint(paths: &BTreeSet<PathBuf>) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut left = MOST_FILES;
    for path in paths {
        add(&mut context, path, &mut left, 0);
    }
    context.finish()
}

fn add(context: &mut digest::Context, path: &Path, left: &mut usize, depth: usize) {
    if *left == 0 || depth > 8 {
        return;
    }
    *left -= 1;
    let name = path.as_os_str().as_encoded_bytes();
    context.update(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
    context.update(name);
    let Ok(metadata) = std::fs::metadata(path) else {
        context.update(b"absent");
        return;
    };
    if metadata.is_dir() {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let entries: BTreeSet<PathBuf> = entries.map(|entry| entry.path()).collect();
        context.update(b"directory");
        for entry in entries {
            add(context, &entry, left, depth + 1);
        }
    } else if metadata.is_file() && metadata.len() <= LARGEST_FILE {
        let bytes = std::fs::read(path).unwrap_or_default();
        context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(&bytes);
    } else {
        context.update(&metadata.len().to_be_bytes());
        context.update(format!("{:?}", metadata.modified().ok()).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Watches `DIRECTORY/mount/file` in a directory that `prepare` made; says how often a change was told after each step.
    fn told(prepare: fn(&Path), steps: &[fn(&Path)]) -> Vec<bool> {
        let directory = tempfile::tempdir().expect("a directory");
        let mount = directory.path().join("mount");
        std::fs::create_dir(&mount).expect("made");
        prepare(&mount);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let changed = Arc::new(Notify::new());
            let _watch = content(BTreeSet::from([mount.join("file")]), Arc::clone(&changed)).expect("watches");
            let mut told = Vec::new();
            for step in steps {
                step(&mount);
                told.push(tokio::time::timeout(DEBOUNCE * 3, changed.notified()).await.is_ok());
            }
            told
        })
    }

    #[test]
    fn a_change_is_told_however_the_file_is_changed_and_only_then() {
        let told = told(
            |mount| std::fs::write(mount.join("file"), "1").expect("written"),
            &[
                |mount| std::fs::write(mount.join("file"), "2").expect("written"),
                |mount| std::fs::write(mount.join("file"), "2").expect("written"),
                |mount| std::fs::write(mount.join("other"), "3").expect("written"),
                |mount| drop(std::fs::read(mount.join("file")).expect("readable")),
                |mount| {
                    std::fs::write(mount.join("new"), "3").expect("written");
                    std::fs::rename(mount.join("new"), mount.join("file")).expect("renamed");
                },
                |mount| std::fs::remove_file(mount.join("file")).expect("removed"),
                |mount| std::fs::write(mount.join("file"), "3").expect("written"),
            ],
        );
        assert_eq!(told, [true, false, false, false, true, true, true]);
    }

    #[test]
    fn a_mount_of_kubernetes_is_seen_to_change() {
        fn swap(mount: &Path, name: &str, text: &str) {
            std::fs::create_dir(mount.join(name)).expect("made");
            std::fs::write(mount.join(name).join("file"), text).expect("written");
            symlink(name, mount.join("..data_tmp")).expect("linked");
            std::fs::rename(mount.join("..data_tmp"), mount.join("..data")).expect("renamed");
        }
        let told = told(
            |mount| {
                swap(mount, "..1", "1");
                symlink("..data/file", mount.join("file")).expect("linked");
            },
            &[|mount| swap(mount, "..2", "2"), |mount| swap(mount, "..3", "3"), |mount| swap(mount, "..4", "3")],
        );
        assert_eq!(told, [true, true, false]);
    }
}
