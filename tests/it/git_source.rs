//! Reading a config repository from the work tree and from a revision.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;

use driftless::domain::snapshot::{Snapshot, SnapshotFile};
use driftless::git::{ReadLimits, RevisionSource, WorkTreeSource, state_directory};
use driftless::ports::{Source, SourceError};

use crate::git_support::{Sandbox, commit_all, git, write};

fn work_tree(path: &Path) -> Snapshot {
    WorkTreeSource::new(path).snapshot().unwrap()
}

fn revision(path: &Path, revision: &str) -> Snapshot {
    RevisionSource::new(path, revision).snapshot().unwrap()
}

/// Each file's path and, in few letters, what stands there.
fn listing(snapshot: &Snapshot) -> BTreeMap<&str, String> {
    let show = |file: &SnapshotFile| match file {
        SnapshotFile::Content(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        SnapshotFile::TooLarge(size) => format!("too large: {size}"),
        SnapshotFile::BadLink(target) => format!("bad link: {target}"),
        SnapshotFile::Unreadable(reason) => format!("unreadable: {reason}"),
    };
    snapshot.files.iter().map(|(path, file)| (path.as_str(), show(file))).collect()
}

fn expected(files: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
    files.iter().map(|(path, content)| (*path, (*content).to_owned())).collect()
}

const FILES: [(&str, &str); 8] = [
    ("driftless.yaml", "root"),
    ("base/topics.yaml", "topics"),
    ("base/users.yml", "users"),
    ("policy/a.rego", "rego"),
    ("secrets/alice.age", "age"),
    ("README.md", "not for us"),
    (".github/workflow.yaml", "hidden"),
    ("base/.hidden.yaml", "hidden"),
];

const READ: [(&str, &str); 5] = [
    ("base/topics.yaml", "topics"),
    ("base/users.yml", "users"),
    ("driftless.yaml", "root"),
    ("policy/a.rego", "rego"),
    ("secrets/alice.age", "age"),
];

#[test]
fn a_directory_outside_git_is_read_without_a_revision() {
    let sandbox = Sandbox::new();
    write(&sandbox.path("plain"), &FILES);
    let snapshot = work_tree(&sandbox.path("plain"));
    assert_eq!(listing(&snapshot), expected(&READ));
    assert_eq!((snapshot.revision, snapshot.dirty), (None, false));
    assert_eq!(state_directory(&sandbox.path("plain")).unwrap(), None);
}

#[test]
fn a_clean_work_tree_and_its_revision_are_the_same() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &FILES);
    let snapshot = work_tree(&repository);
    assert_eq!(listing(&snapshot), expected(&READ));
    assert_eq!(snapshot.revision, Some(git(&repository, &["rev-parse", "HEAD"])));
    assert_eq!(snapshot, revision(&repository, "HEAD"));
    let bare = sandbox.path("bare.git");
    git(&repository, &["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    assert_eq!(snapshot, revision(&bare, "main"));
}

#[test]
fn only_what_lies_below_the_path_counts() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[("kafka/a.yaml", "a"), ("other/b.yaml", "b")]);
    write(&repository, &[("other/b.yaml", "changed")]);
    let snapshot = work_tree(&repository.join("kafka"));
    assert_eq!(listing(&snapshot), expected(&[("a.yaml", "a")]));
    assert!(!snapshot.dirty);
    assert_eq!(revision(&repository.join("kafka"), "HEAD"), snapshot);
    assert!(work_tree(&repository).dirty);
}

#[test]
fn what_makes_a_work_tree_dirty() {
    type Case = (&'static str, fn(&Path), bool);
    let cases: [Case; 6] = [
        ("a changed file", |root| write(root, &[("kafka/a.yaml", "changed")]), true),
        ("a removed file", |root| std::fs::remove_file(root.join("kafka/a.yaml")).unwrap(), true),
        ("a new file", |root| write(root, &[("kafka/deep/down/b.yaml", "new")]), true),
        (
            "a change that is staged",
            |root| {
                write(root, &[("kafka/a.yaml", "changed")]);
                git(root, &["add", "-A"]);
            },
            true,
        ),
        ("an ignored file", |root| write(root, &[("kafka/x.ignored", "x")]), false),
        ("a file beside the path", |root| write(root, &[("kafka-other/b.yaml", "new")]), false),
    ];
    for (what, change, dirty) in cases {
        let sandbox = Sandbox::new();
        let repository = sandbox.repository("config", &[("kafka/a.yaml", "a"), (".gitignore", "*.ignored\n")]);
        change(&repository);
        assert_eq!(work_tree(&repository.join("kafka")).dirty, dirty, "{what}");
    }
}

#[test]
fn a_path_that_the_commit_does_not_hold_is_dirty_and_an_ignored_one_has_no_revision() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[(".gitignore", "target\n")]);
    write(&repository, &[("new/a.yaml", "a"), ("target/a.yaml", "a")]);
    let new = work_tree(&repository.join("new"));
    assert_eq!((new.revision.is_some(), new.dirty), (true, true));
    let ignored = work_tree(&repository.join("target"));
    assert_eq!((ignored.revision, ignored.dirty), (None, false));
}

#[test]
fn a_repository_without_a_commit_has_no_revision() {
    let sandbox = Sandbox::new();
    git(&sandbox.path(""), &["init", "-q", "new"]);
    write(&sandbox.path("new"), &[("a.yaml", "a")]);
    assert_eq!(work_tree(&sandbox.path("new")).revision, None);
    assert!(hint(RevisionSource::new(sandbox.path("new"), "HEAD").snapshot()).contains("git fetch"));
}

#[test]
fn links_inside_the_repository_are_followed_and_others_are_bad() {
    let sandbox = Sandbox::new();
    write(&sandbox.path("outside"), &[("secret.yaml", "secret")]);
    let repository = sandbox.repository("config", &[("kafka/a.yaml", "a"), ("shared/deep/s.yaml", "s")]);
    let links = [
        ("kafka/file.yaml", "a.yaml"),
        ("kafka/up.yaml", "../shared/deep/s.yaml"),
        ("kafka/directory", "../shared"),
        ("kafka/twice", "directory/deep"),
        ("kafka/dangling.yaml", "nowhere.yaml"),
        ("kafka/outside.yaml", "../../outside/secret.yaml"),
        ("kafka/outside-directory", "../../outside"),
        ("kafka/git.yaml", "../.git/config"),
        ("kafka/self", "."),
        ("kafka/root", ".."),
        ("kafka/round.yaml", "round.yaml"),
        ("kafka/file-as-directory.yaml", "a.yaml/b.yaml"),
    ];
    for (link, target) in links {
        symlink(target, repository.join(link)).unwrap();
    }
    commit_all(&repository, "links");
    let snapshot = work_tree(&repository.join("kafka"));
    let wanted = expected(&[
        ("a.yaml", "a"),
        ("file.yaml", "a"),
        ("up.yaml", "s"),
        ("directory/deep/s.yaml", "s"),
        ("twice/s.yaml", "s"),
        ("dangling.yaml", "bad link: nowhere.yaml"),
        ("outside.yaml", "bad link: ../../outside/secret.yaml"),
        ("outside-directory", "bad link: ../../outside"),
        ("git.yaml", "bad link: ../.git/config"),
        ("self", "bad link: ."),
        ("root", "bad link: .."),
        ("round.yaml", "bad link: round.yaml"),
        ("file-as-directory.yaml", "bad link: a.yaml/b.yaml"),
    ]);
    assert_eq!(listing(&snapshot), wanted);
    assert_eq!(revision(&repository.join("kafka"), "HEAD"), snapshot);
}

#[test]
fn an_absolute_link_is_bad_in_a_revision() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[]);
    symlink("/etc/hosts.yaml", repository.join("a.yaml")).unwrap();
    commit_all(&repository, "link");
    assert_eq!(listing(&revision(&repository, "HEAD")), expected(&[("a.yaml", "bad link: /etc/hosts.yaml")]));
}

#[test]
fn links_that_multiply_end_with_an_error_in_bounded_time() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[("d0/a.yaml", "a")]);
    for level in 1..40 {
        std::fs::create_dir(repository.join(format!("d{level}"))).unwrap();
        for link in ["left", "right"] {
            symlink(format!("../d{}", level - 1), repository.join(format!("d{level}/{link}"))).unwrap();
        }
    }
    commit_all(&repository, "links");
    let limits = ReadLimits { entries: 10_000, ..ReadLimits::default() };
    let tree = WorkTreeSource::new(&repository).with_limits(limits).snapshot();
    assert!(tree.unwrap_err().message.contains("10000"));
    let commit = RevisionSource::new(&repository, "HEAD").with_limits(limits).snapshot();
    assert!(commit.unwrap_err().message.contains("10000"));
}

#[test]
fn large_files_are_listed_and_too_much_together_is_an_error() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[("a.yaml", "1234567890"), ("b.yaml", "12345678901")]);
    let limits = ReadLimits { file_bytes: 10, ..ReadLimits::default() };
    let wanted = expected(&[("a.yaml", "1234567890"), ("b.yaml", "too large: 11")]);
    assert_eq!(listing(&WorkTreeSource::new(&repository).with_limits(limits).snapshot().unwrap()), wanted);
    assert_eq!(listing(&RevisionSource::new(&repository, "HEAD").with_limits(limits).snapshot().unwrap()), wanted);
    let limits = ReadLimits { total_bytes: 20, ..ReadLimits::default() };
    assert!(WorkTreeSource::new(&repository).with_limits(limits).snapshot().is_err());
    assert!(RevisionSource::new(&repository, "HEAD").with_limits(limits).snapshot().is_err());
}

#[test]
fn a_socket_is_unreadable_and_does_not_stop_the_rest() {
    let sandbox = Sandbox::new();
    write(&sandbox.path("plain"), &[("a.yaml", "a")]);
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path("plain/s.yaml")).unwrap();
    let wanted = expected(&[("a.yaml", "a"), ("s.yaml", "unreadable: not a regular file")]);
    assert_eq!(listing(&work_tree(&sandbox.path("plain"))), wanted);
}

#[test]
fn submodules_are_left_out_of_both() {
    let sandbox = Sandbox::new();
    let inner = sandbox.repository("inner", &[("inner.yaml", "inner")]);
    let repository = sandbox.repository("config", &[("a.yaml", "a")]);
    let inner = inner.to_str().unwrap();
    git(&repository, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "sub"]);
    commit_all(&repository, "submodule");
    let snapshot = work_tree(&repository);
    assert_eq!(listing(&snapshot), expected(&[("a.yaml", "a")]));
    assert_eq!(revision(&repository, "HEAD"), snapshot);
}

#[test]
fn an_older_revision_and_a_directory_that_is_gone_can_be_read() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[("kafka/a.yaml", "old"), ("kafka/observed/t.yaml", "t")]);
    git(&repository, &["rm", "-q", "-r", "kafka"]);
    commit_all(&repository, "moved away");
    let old = revision(&repository.join("kafka"), "HEAD~1");
    assert_eq!(listing(&old), expected(&[("a.yaml", "old"), ("observed/t.yaml", "t")]));
    let observed = RevisionSource::new(repository.join("kafka"), "HEAD~1").below("observed/").snapshot().unwrap();
    assert_eq!(listing(&observed), expected(&[("t.yaml", "t")]));
    let error = RevisionSource::new(repository.join("kafka"), "HEAD").snapshot().unwrap_err();
    assert!(error.message.contains("no directory `kafka`"), "{error}");
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[("a.yaml", "a")]);
    let bare = sandbox.bare("bare.git");
    write(&sandbox.path("plain"), &[("a.yaml", "a")]);
    let hints = [
        (hint(RevisionSource::new(&repository, "nowhere").snapshot()), "git fetch"),
        (hint(RevisionSource::new(sandbox.path("plain"), "HEAD").snapshot()), "git init"),
        (hint(WorkTreeSource::new(&bare).snapshot()), "--revision"),
        (hint(WorkTreeSource::new(repository.join("a.yaml")).snapshot()), "driftless.yaml"),
        (hint(WorkTreeSource::new(repository.join(".git")).snapshot()), "driftless.yaml"),
    ];
    for (hint, part) in hints {
        assert!(hint.contains(part), "`{hint}` should contain `{part}`");
    }
    assert!(WorkTreeSource::new(sandbox.path("missing")).snapshot().is_err());
}

#[test]
fn a_repository_that_cannot_be_opened_is_no_directory_outside_git() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[("a.yaml", "a")]);
    std::fs::write(repository.join(".git/config"), "[core\n").unwrap();
    assert!(state_directory(&repository).is_err());
}

#[test]
fn linked_work_trees_share_the_state_directory() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[("a.yaml", "a")]);
    git(&repository, &["worktree", "add", "-q", "../linked"]);
    let state = state_directory(&repository).unwrap().unwrap();
    assert_eq!(state, repository.canonicalize().unwrap().join(".git/driftless"));
    assert_eq!(state_directory(&sandbox.path("linked")).unwrap(), Some(state));
    assert_eq!(listing(&work_tree(&sandbox.path("linked"))), expected(&[("a.yaml", "a")]));
}

fn hint(result: Result<Snapshot, SourceError>) -> String {
    result.unwrap_err().hint.unwrap_or_default()
}
