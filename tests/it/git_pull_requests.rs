//! Merging pull requests in memory: what comes out, and what a hostile one cannot do.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests panic like tests, and time is measured"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use driftless::domain::snapshot::SnapshotFile;
use driftless::git::{MergeLimits, MirrorSettings, PullRequests, RemoteAccess};
use driftless::ports::{Merge, PullRequestSource};

use crate::git_support::{Sandbox, Server, commit_all, git, write};

/// A forge's repository, a clone that people push from, and what the agent keeps.
struct Forge {
    sandbox: Sandbox,
    clone: PathBuf,
    requests: PullRequests,
}

impl Forge {
    fn new(files: &[(&str, &str)]) -> Self {
        Self::with_url(files, |sandbox| sandbox.path("remote.git").display().to_string())
    }

    /// One whose only file is `a.yaml`, behind a git server; `None` where git has no daemon.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests is told what is skipped")]
    fn served() -> Option<(Self, Server)> {
        let mut server = None;
        let forge = Self::with_url(&[("a.yaml", "a\n")], |sandbox| {
            server = Server::start(sandbox.path("remote.git").parent().unwrap());
            server.as_ref().map(|server| server.url("remote.git")).unwrap_or_default()
        });
        if server.is_none() {
            eprintln!("skipped: git has no daemon here");
        }
        Some((forge, server?))
    }

    fn with_url(files: &[(&str, &str)], url: impl FnOnce(&Sandbox) -> String) -> Self {
        let sandbox = Sandbox::new();
        let remote = sandbox.bare("remote.git");
        let clone = sandbox.clone_of(&remote, "clone");
        write(&clone, files);
        commit_all(&clone, "base");
        git(&clone, &["push", "-q", "origin", "main"]);
        let settings = MirrorSettings {
            url: url(&sandbox),
            branch: "main".to_owned(),
            path: ".".to_owned(),
            access: RemoteAccess::default(),
        };
        let requests = PullRequests::new(&sandbox.path("agent"), settings);
        Self { sandbox, clone, requests }
    }

    fn limited(mut self, change: impl FnOnce(&mut MergeLimits)) -> Self {
        let mut limits = MergeLimits::default();
        change(&mut limits);
        self.requests = self.requests.with_limits(limits);
        self
    }

    /// Commits the clone's files, on top of where it stands, as the head of a pull request; goes back to `main`.
    fn open(&self, number: u64) -> String {
        let head = commit_all(&self.clone, "change");
        self.publish(number, &head);
        git(&self.clone, &["reset", "-q", "--hard", "origin/main"]);
        head
    }

    fn publish(&self, number: u64, head: &str) {
        git(&self.clone, &["push", "-q", "-f", "origin", &format!("{head}:refs/pull/{number}/head")]);
    }

    fn open_with(&self, number: u64, files: &[(&str, &str)]) -> String {
        write(&self.clone, files);
        self.open(number)
    }

    fn move_base(&self, files: &[(&str, &str)]) {
        write(&self.clone, files);
        commit_all(&self.clone, "base moves");
        git(&self.clone, &["push", "-q", "origin", "main"]);
    }

    fn merge(&self, number: u64, head: &str) -> Merge {
        let base = self.requests.fetch_base().unwrap();
        self.requests.merge(&base, number, &format!("refs/pull/{number}/head"), head).unwrap()
    }

    fn merged(&self, number: u64, head: &str) -> Vec<(String, String)> {
        match self.merge(number, head) {
            Merge::Merged(snapshot) => {
                assert_eq!(snapshot.revision.as_deref(), Some(head));
                let show = |file| match file {
                    SnapshotFile::Content(bytes) => String::from_utf8(bytes).unwrap(),
                    SnapshotFile::TooLarge(size) => format!("too large: {size}"),
                    SnapshotFile::BadLink(target) => format!("bad link: {target}"),
                    SnapshotFile::Unreadable(reason) => format!("unreadable: {reason}"),
                };
                snapshot.files.into_iter().map(|(path, file)| (path, show(file))).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn is_unusable(&self, number: u64, head: &str, words: &str) {
        match self.merge(number, head) {
            Merge::Unusable(why) => assert!(why.contains(words), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

fn files(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_merge_has_what_both_sides_changed_and_follows_renames() {
    let forge = Forge::new(&[("a.yaml", "1\n2\n3\n4\n5\n6\n7\n8\n"), ("b.yaml", "b\n"), ("gone.yaml", "gone\n")]);
    std::fs::rename(forge.clone.join("a.yaml"), forge.clone.join("c.yaml")).unwrap();
    std::fs::remove_file(forge.clone.join("gone.yaml")).unwrap();
    let head = forge.open_with(7, &[("new.yaml", "new\n")]);
    forge.move_base(&[("a.yaml", "1\n2\n3\n4\n5\n6\n7\nbase\n"), ("d.yaml", "d\n")]);
    let expected =
        [("b.yaml", "b\n"), ("c.yaml", "1\n2\n3\n4\n5\n6\n7\nbase\n"), ("d.yaml", "d\n"), ("new.yaml", "new\n")];
    assert_eq!(forge.merged(7, &head), files(&expected));
    // Nothing of the merge is written, not even as a loose object.
    let counted = git(&forge.sandbox.path("agent/pull-requests.git"), &["count-objects"]);
    assert!(counted.starts_with("0 objects"), "{counted}");
}

#[test]
fn a_conflict_names_its_files() {
    let forge = Forge::new(&[("a.yaml", "a\n"), ("b.yaml", "b\n")]);
    let head = forge.open_with(7, &[("a.yaml", "ours\n"), ("b.yaml", "b2\n")]);
    forge.move_base(&[("a.yaml", "theirs\n")]);
    assert_eq!(forge.merge(7, &head), Merge::Conflict(vec!["a.yaml".to_owned()]));
}

/// With a git server: a head that is no longer one is still in a directory that can be read.
#[test]
fn a_head_that_moved_or_went_is_said_and_a_new_one_is_fetched() {
    let Some((forge, _server)) = Forge::served() else { return };
    let first = forge.open_with(7, &[("b.yaml", "1\n")]);
    let second = forge.open_with(7, &[("b.yaml", "2\n")]);
    assert_eq!(forge.merge(7, &first), Merge::Moved);
    assert_eq!(forge.merged(7, &second), files(&[("a.yaml", "a\n"), ("b.yaml", "2\n")]));
    assert_eq!(forge.merge(8, &"0".repeat(40)), Merge::Moved);
}

#[test]
fn what_landed_is_listed_without_what_merges_brought_in() {
    let forge = Forge::new(&[("a.yaml", "a\n")]);
    let older = forge.requests.fetch_base().unwrap();
    git(&forge.clone, &["checkout", "-q", "-b", "feature"]);
    write(&forge.clone, &[("b.yaml", "b\n")]);
    commit_all(&forge.clone, "inside");
    git(&forge.clone, &["checkout", "-q", "main"]);
    git(&forge.clone, &["merge", "-q", "--no-ff", "-m", "merge", "feature"]);
    let merge = git(&forge.clone, &["rev-parse", "HEAD"]);
    forge.move_base(&[("c.yaml", "c\n")]);
    let newer = forge.requests.fetch_base().unwrap();
    assert_eq!(forge.requests.landed(&older, &newer, 10).unwrap(), [newer.clone(), merge]);
    assert_eq!(forge.requests.landed(&older, &newer, 1).unwrap().len(), 1);
    assert_eq!(forge.requests.landed(&"0".repeat(40), &newer, 9).unwrap(), [newer]);
}

#[test]
fn nothing_that_a_pull_request_holds_is_run_or_followed() {
    let forge = Forge::new(&[("a.yaml", "1\n2\n3\n4\n5\n")]);
    let ran = forge.sandbox.path("ran");
    std::os::unix::fs::symlink("/etc/passwd", forge.clone.join("outside.yaml")).unwrap();
    std::os::unix::fs::symlink("../../..", forge.clone.join("up")).unwrap();
    git(&forge.clone, &["update-index", "--add", "--cacheinfo", &format!("160000,{},module", "1".repeat(40))]);
    let head = forge.open_with(
        7,
        &[
            (".gitattributes", "* merge=evil filter=evil diff=evil\n"),
            (".gitmodules", "[submodule \"m\"]\n path = module\n url = ext::sh -c 'touch /tmp/x'\n"),
            ("hooks/post-checkout", "#!/bin/sh\nexit 1\n"),
            ("new\u{1b}[31m\nline.yaml", "x\n"),
            ("a.yaml", "head\n2\n3\n4\n5\n"),
        ],
    );
    forge.move_base(&[("a.yaml", "1\n2\n3\n4\nbase\n")]);
    forge.requests.fetch_base().unwrap();
    // Even with drivers of that name in the configuration.
    let kept = forge.sandbox.path("agent/pull-requests.git");
    let evil = format!("touch {}; true", ran.display());
    for key in ["merge.evil.driver", "filter.evil.smudge", "filter.evil.clean", "diff.evil.textconv"] {
        git(&kept, &["config", key, &evil]);
    }
    let merged = forge.merged(7, &head);
    let find = |name: &str| merged.iter().find(|(path, _)| path == name).map(|(_, text)| text.as_str());
    assert_eq!(find("a.yaml"), Some("head\n2\n3\n4\nbase\n"));
    assert_eq!(find("outside.yaml"), Some("bad link: /etc/passwd"));
    assert_eq!(find("up"), Some("bad link: ../../.."));
    assert_eq!(find("new\u{1b}[31m\nline.yaml"), Some("x\n"));
    assert!(!ran.exists());
    assert!(!merged.iter().any(|(path, _)| path.contains("module")), "{merged:?}");
}

#[test]
fn a_few_objects_that_unfold_into_a_trillion_files_are_refused_at_once() {
    let forge = Forge::new(&[("a.yaml", "a\n")]);
    let make = |text: &str, arguments: &[&str]| -> String {
        let mut child = Command::new("git")
            .arg("-C")
            .arg(&forge.clone)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), text.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
    };
    let blob = make("x\n", &["hash-object", "-w", "--stdin"]);
    let mut tree = make(&format!("100644 blob {blob}\tx.yaml\n"), &["mktree"]);
    for _ in 0..12 {
        let entries: String = (0..10).map(|at| format!("040000 tree {tree}\td{at}\n")).collect();
        tree = make(&entries, &["mktree"]);
    }
    let head = git(&forge.clone, &["commit-tree", "-p", "HEAD", "-m", "bomb", &tree]);
    forge.publish(7, &head);
    let started = Instant::now();
    forge.is_unusable(7, &head, "files and directories");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let alone = git(&forge.clone, &["commit-tree", "-m", "alone", "HEAD^{tree}"]);
    forge.publish(8, &alone);
    forge.is_unusable(8, &alone, "shares no history");
}

/// Bytes that no compression makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}

/// With a git server: nothing is copied from a directory.
#[test]
fn a_pull_request_that_brings_too_much_is_refused_and_the_next_one_is_not() {
    let Some((forge, _server)) = Forge::served() else { return };
    let forge = forge.limited(|limits| limits.fetched_bytes = 1 << 20);
    std::fs::write(forge.clone.join("large.bin"), noise(8 << 20)).unwrap();
    let large = forge.open(7);
    let small = forge.open_with(8, &[("b.yaml", "b\n")]);
    forge.is_unusable(7, &large, "more than 1 MiB");
    assert_eq!(forge.merged(8, &small), files(&[("a.yaml", "a\n"), ("b.yaml", "b\n")]));
    let forge = forge.limited(|limits| limits.fetched_objects = 20);
    for at in 0..30 {
        write(&forge.clone, &[(&format!("many/{at}.yaml"), &format!("{at}\n"))]);
    }
    let many = forge.open(9);
    forge.is_unusable(9, &many, "more than 20 commits");
}

#[test]
fn a_hundred_megabytes_beside_the_manifests_change_nothing_and_cost_little() {
    let forge = Forge::new(&[("a.yaml", "1\n2\n3\n")]);
    std::fs::write(forge.clone.join("zeros.bin"), vec![0; 100 << 20]).unwrap();
    std::fs::write(forge.clone.join("zeros.yaml"), vec![b'\n'; 100 << 20]).unwrap();
    let head = forge.open_with(7, &[("b.yaml", "b\n")]);
    forge.move_base(&[("a.yaml", "1\n2\nbase\n")]);
    let started = Instant::now();
    let merged = forge.merged(7, &head);
    let expected = [("a.yaml", "1\n2\nbase\n"), ("b.yaml", "b\n"), ("zeros.yaml", "too large: 104857600")];
    assert_eq!(merged, files(&expected));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    // What lies on this machine already is read there.
    let counted = git(&forge.sandbox.path("agent/pull-requests.git"), &["count-objects", "-v"]);
    assert!(counted.contains("count: 0\n") && counted.contains("in-pack: 0\n"), "{counted}");
    // A large file that both sides changed is not merged line by line.
    forge.move_base(&[("zeros.yaml", "base\n")]);
    forge.is_unusable(7, &head, "`zeros.yaml`");
}

#[test]
fn a_damaged_or_overgrown_repository_is_made_anew() {
    let forge = Forge::new(&[("a.yaml", "a\n")]);
    let head = forge.open_with(7, &[("b.yaml", "b\n")]);
    assert_eq!(forge.merged(7, &head).len(), 2);
    let kept = forge.sandbox.path("agent/pull-requests.git");
    std::fs::write(kept.join("HEAD"), "nonsense").unwrap();
    assert_eq!(forge.merged(7, &head).len(), 2);
    for pack in std::fs::read_dir(kept.join("objects/pack")).unwrap() {
        std::fs::remove_file(pack.unwrap().path()).unwrap();
    }
    assert_eq!(forge.merged(7, &head).len(), 2);
    let forge = forge.limited(|limits| limits.growth_bytes = 0);
    std::fs::write(kept.join("objects/pack/left-over"), noise(1 << 20)).unwrap();
    assert_eq!(forge.merged(7, &head).len(), 2);
    assert!(!kept.join("objects/pack/left-over").exists());
}
