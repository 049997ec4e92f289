//! The branch that driftless writes back: committing, pushing, and several writers at once.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use driftless::git::{GitReportBranch, ReportBranchSettings};
use driftless::ports::{BranchChange, ReportBranch};

use crate::git_support::{Sandbox, Server, commit_all, git, git_succeeds, write};

const BRANCH: &str = "driftless/prod";

fn open(path: &Path) -> GitReportBranch {
    GitReportBranch::open(path, "prod", ReportBranchSettings::default()).unwrap()
}

fn open_with_remote(path: &Path, remote: &str) -> GitReportBranch {
    let settings = ReportBranchSettings { remote: Some(remote.to_owned()), ..ReportBranchSettings::default() };
    GitReportBranch::open(path, "prod", settings).unwrap()
}

fn change(files: &[(&str, &str)]) -> BranchChange {
    BranchChange {
        files: files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(),
        exact_directories: Vec::new(),
        message: "status(prod): in sync\n\nDriftless-Environment: prod\n".to_owned(),
        timestamp: 1_767_225_600,
    }
}

fn texts(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<&str, &str> {
    files.iter().map(|(path, bytes)| (path.as_str(), std::str::from_utf8(bytes).unwrap())).collect()
}

fn tree(repository: &Path, revision: &str) -> String {
    git(repository, &["ls-tree", "-r", "--name-only", revision])
}

fn n_commits(repository: &Path, revision: &str) -> usize {
    git(repository, &["rev-list", "--count", revision]).parse().unwrap()
}

#[test]
fn the_first_commit_is_an_orphan_and_touches_neither_work_tree_nor_head() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[("base/a.yaml", "a")]);
    write(&repository, &[("base/uncommitted.yaml", "u")]);
    let state = || (git(&repository, &["status", "--porcelain"]), git(&repository, &["rev-parse", "HEAD", "main"]));
    let before = state();
    let branch = open(&repository.join("base"));
    assert_eq!(branch.read("").unwrap(), BTreeMap::new());

    let commit = branch.commit(&change(&[("status.json", "{}"), ("observed/t.yaml", "t")])).unwrap().unwrap();

    assert_eq!(git(&repository, &["rev-parse", BRANCH]), commit);
    assert_eq!(branch.tip().unwrap(), Some(commit));
    assert_eq!(n_commits(&repository, BRANCH), 1);
    assert_eq!(tree(&repository, BRANCH), "observed/t.yaml\nstatus.json");
    let shown = git(&repository, &["log", "-1", "--format=%an <%ae> %at %ct%n%B", BRANCH]);
    let trailers = "status(prod): in sync\n\nDriftless-Environment: prod";
    assert_eq!(shown, format!("driftless <driftless@localhost> 1767225600 1767225600\n{trailers}"));
    assert_eq!(state(), before);
    assert_eq!(git(&repository, &["fsck", "--strict", "--no-dangling"]), "");
    assert!(git(&repository, &["reflog", "show", BRANCH]).ends_with("commit (initial): status(prod): in sync"));
}

#[test]
fn the_same_content_is_not_committed_again() {
    let sandbox = Sandbox::new();
    let branch = open(&sandbox.bare("config.git"));
    let files = change(&[("status.json", "{}"), ("observed/t.yaml", "t")]);
    assert!(branch.commit(&files).unwrap().is_some());
    let later = BranchChange { timestamp: files.timestamp + 1, message: "another".to_owned(), ..files };
    assert_eq!(branch.commit(&later).unwrap(), None);
    assert_eq!(branch.commit(&change(&[])).unwrap(), None);
    assert_eq!(n_commits(&sandbox.path("config.git"), BRANCH), 1);
}

#[test]
fn nothing_is_committed_for_nothing() {
    let sandbox = Sandbox::new();
    let branch = open(&sandbox.bare("config.git"));
    assert_eq!(branch.commit(&change(&[])).unwrap(), None);
    assert_eq!(branch.tip().unwrap(), None);
}

#[test]
fn files_are_kept_replaced_or_removed_as_the_change_says() {
    let start =
        [("a", "1"), ("observed/topics/x.yaml", "x"), ("observed/topics/y.yaml", "y"), ("observed/z.yaml", "z")];
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str], &'static str);
    let cases: [Case; 7] = [
        ("others stay", &[("b", "2")], &[], "a b observed/topics/x.yaml observed/topics/y.yaml observed/z.yaml"),
        (
            "an exact directory, at any depth",
            &[("observed/topics/x.yaml", "x")],
            &["observed"],
            "a observed/topics/x.yaml",
        ),
        ("an exact directory inside", &[], &["observed/topics/"], "a observed/z.yaml"),
        ("an empty exact directory", &[], &["observed"], "a"),
        ("the whole branch", &[("only", "1")], &[""], "only"),
        ("a file becomes a directory", &[("a/b", "2")], &["observed"], "a/b"),
        ("a directory becomes a file", &[("observed", "2")], &[], "a observed"),
    ];
    for (what, files, exact, wanted) in cases {
        let sandbox = Sandbox::new();
        let repository = sandbox.bare("config.git");
        let branch = open(&repository);
        branch.commit(&change(&start)).unwrap().unwrap();
        let exact_directories = exact.iter().map(|path| (*path).to_owned()).collect();
        branch.commit(&BranchChange { exact_directories, ..change(files) }).unwrap().unwrap();
        assert_eq!(tree(&repository, BRANCH).replace('\n', " "), wanted, "{what}");
        assert_eq!(git(&repository, &["fsck", "--strict", "--no-dangling"]), "", "{what}");
    }
}

#[test]
fn paths_that_git_must_not_hold_are_refused_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    let branch = open(&sandbox.bare("config.git"));
    for path in ["", "/a", "a//b", "a/", "../a", "a/./b", ".git/config", "a/.GIT/hooks/update"] {
        assert!(branch.commit(&change(&[(path, "x")])).is_err(), "`{path}`");
    }
    assert!(branch.commit(&change(&[("a", "x"), ("a/b", "x")])).is_err());
    assert_eq!(branch.tip().unwrap(), None);
}

#[test]
fn a_prefix_reads_a_directory_or_one_file_by_whole_paths() {
    let sandbox = Sandbox::new();
    let branch = open(&sandbox.bare("config.git"));
    branch.commit(&change(&[("status.json", "s"), ("observed/t.yaml", "t"), ("observed-not", "n")])).unwrap();
    let cases: [(&str, &[(&str, &str)]); 5] = [
        ("", &[("observed-not", "n"), ("observed/t.yaml", "t"), ("status.json", "s")]),
        ("observed", &[("observed/t.yaml", "t")]),
        ("observed/", &[("observed/t.yaml", "t")]),
        ("status.json", &[("status.json", "s")]),
        ("missing", &[]),
    ];
    for (prefix, wanted) in cases {
        assert_eq!(texts(&branch.read(prefix).unwrap()), wanted.iter().copied().collect(), "`{prefix}`");
    }
}

/// Sum of the sizes of everything in the object database.
fn object_bytes(repository: &Path) -> u64 {
    fn size(path: &Path) -> u64 {
        let metadata = path.metadata().unwrap();
        if !metadata.is_dir() {
            return metadata.len();
        }
        path.read_dir().unwrap().map(|entry| size(&entry.unwrap().path())).sum()
    }
    size(&repository.join("objects"))
}

#[test]
fn one_topic_among_ten_thousand_costs_less_than_50_kb() {
    let sandbox = Sandbox::new();
    let repository = sandbox.bare("config.git");
    let branch = open(&repository);
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for number in 0..10_000_u32 {
        let name = format!("observed/topics/{:02x}/topic-{number}.yaml", number.wrapping_mul(2_654_435_761) >> 24);
        files.insert(name, format!("metadata: {{name: topic-{number}}}\nspec: {{partitions: 6}}\n").into_bytes());
    }
    let all = BranchChange { files, exact_directories: vec!["observed".to_owned()], ..change(&[]) };
    branch.commit(&all).unwrap().unwrap();
    let before = object_bytes(&repository);

    let mut one = all.clone();
    *one.files.values_mut().nth(5_000).unwrap() = b"changed".to_vec();
    branch.commit(&one).unwrap().unwrap();

    let growth = object_bytes(&repository) - before;
    assert!(growth < 50_000, "grew by {growth} bytes");
    assert_eq!(git(&repository, &["diff", "--shortstat", "driftless/prod~1", BRANCH]).split(' ').nth(1), Some("1"));
    assert_eq!(branch.commit(&one).unwrap(), None);
    assert_eq!(object_bytes(&repository) - before, growth);
}

#[test]
fn a_branch_that_is_checked_out_is_not_moved() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[("a.yaml", "a")]);
    let branch = open(&repository);
    let first = branch.commit(&change(&[("status.json", "1")])).unwrap();
    git(&repository, &["worktree", "add", "-q", "../linked", BRANCH]);
    let refused = |branch: &GitReportBranch| branch.commit(&change(&[("status.json", "2")])).unwrap_err().to_string();
    assert!(refused(&branch).contains("checked out"));
    assert!(refused(&open(&sandbox.path("linked"))).contains("checked out"));
    git(&repository, &["worktree", "remove", "../linked"]);
    git(&repository, &["checkout", "-q", BRANCH]);
    assert!(refused(&branch).contains("checked out"));
    assert_eq!(branch.tip().unwrap(), first);
    git(&repository, &["checkout", "-q", "main"]);
    assert!(branch.commit(&change(&[("status.json", "2")])).unwrap().is_some());
}

#[test]
fn a_lock_that_a_killed_process_left_is_named() {
    let sandbox = Sandbox::new();
    let repository = sandbox.bare("config.git");
    write(&repository, &[("refs/heads/driftless/prod.lock", "")]);
    let error = open(&repository).commit(&change(&[("status.json", "1")])).unwrap_err();
    assert!(error.hint.unwrap().contains("refs/heads/driftless/prod.lock"));
}

#[test]
fn a_push_creates_the_branch_and_the_next_clone_reads_it() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let first = open(&sandbox.clone_of(&remote, "first"));
    let report = change(&[("status.json", "1")]);
    let commit = first.commit(&report).unwrap().unwrap();
    first.push(&report).unwrap();
    assert_eq!(git(&remote, &["rev-parse", BRANCH]), commit);
    first.push(&report).unwrap();

    let second = open(&sandbox.clone_of(&remote, "second"));
    assert_eq!(texts(&second.read("").unwrap()), [("status.json", "1")].into());
    let report = change(&[("drift.json", "2")]);
    second.commit(&report).unwrap().unwrap();
    second.push(&report).unwrap();
    assert_eq!(tree(&remote, BRANCH), "drift.json\nstatus.json");
    assert_eq!(n_commits(&remote, BRANCH), 2);

    assert_eq!(texts(&first.read("").unwrap()), [("status.json", "1")].into());
    first.fetch().unwrap();
    assert_eq!(texts(&first.read("").unwrap()), [("drift.json", "2"), ("status.json", "1")].into());
}

#[test]
fn a_report_made_from_an_old_state_is_made_again_on_top_of_the_new_one() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let (first, second) = (open(&sandbox.clone_of(&remote, "first")), open(&sandbox.clone_of(&remote, "second")));
    let (ours, theirs) =
        (change(&[("status.json", "ours"), ("o", "1")]), change(&[("status.json", "theirs"), ("t", "1")]));
    first.commit(&theirs).unwrap().unwrap();
    second.commit(&ours).unwrap().unwrap();
    first.push(&theirs).unwrap();
    second.push(&ours).unwrap();

    assert_eq!(n_commits(&remote, BRANCH), 2);
    assert_eq!(git(&remote, &["show", "driftless/prod:status.json"]), "ours");
    assert_eq!(tree(&remote, BRANCH), "o\nstatus.json\nt");
    assert_eq!(second.tip().unwrap(), Some(git(&remote, &["rev-parse", BRANCH])));
}

#[test]
fn a_report_that_the_remote_has_already_adds_no_commit() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let (first, second) = (open(&sandbox.clone_of(&remote, "first")), open(&sandbox.clone_of(&remote, "second")));
    let report = change(&[("status.json", "same")]);
    first.commit(&report).unwrap();
    second.commit(&BranchChange { timestamp: report.timestamp + 60, ..report.clone() }).unwrap();
    first.push(&report).unwrap();
    second.push(&BranchChange { timestamp: report.timestamp + 60, ..report.clone() }).unwrap();
    assert_eq!(n_commits(&remote, BRANCH), 1);
    assert_eq!(second.tip().unwrap(), first.tip().unwrap());
}

#[test]
fn reports_that_could_not_be_pushed_earlier_stay_in_the_history() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let (first, second) = (open(&sandbox.clone_of(&remote, "first")), open(&sandbox.clone_of(&remote, "second")));
    let unpushed = BranchChange { message: "unpushed".to_owned(), ..change(&[("status.json", "old"), ("kept", "1")]) };
    let lost = second.commit(&unpushed).unwrap().unwrap();
    let theirs = change(&[("status.json", "theirs"), ("t", "1")]);
    first.commit(&theirs).unwrap();
    first.push(&theirs).unwrap();
    second.fetch().unwrap();
    assert_eq!(texts(&second.read("").unwrap()), [("status.json", "theirs"), ("t", "1")].into());

    let report = BranchChange { message: "later".to_owned(), ..change(&[("drift.json", "1")]) };
    second.commit(&report).unwrap().unwrap();
    second.push(&report).unwrap();

    assert!(git_succeeds(&remote, &["merge-base", "--is-ancestor", &lost, BRANCH]));
    assert_eq!(tree(&remote, BRANCH), "drift.json\nkept\nstatus.json\nt");
    assert_eq!(git(&remote, &["show", "driftless/prod:status.json"]), "theirs");
}

#[test]
fn a_refusal_by_the_remote_is_an_error_with_its_words() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let hook = remote.join("hooks/pre-receive");
    write(&remote, &[("hooks/pre-receive", "#!/bin/sh\necho reports are not welcome >&2\nexit 1\n")]);
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let branch = open(&sandbox.clone_of(&remote, "clone"));
    let report = change(&[("status.json", "1")]);
    branch.commit(&report).unwrap();
    let error = branch.push(&report).unwrap_err();
    assert!(error.message.contains("refused") && error.message.contains("not welcome"), "{error}");
    assert!(!git_succeeds(&remote, &["rev-parse", "--verify", "--quiet", BRANCH]));

    std::fs::remove_file(hook).unwrap();
    branch.push(&report).unwrap();
    assert_eq!(n_commits(&remote, BRANCH), 1);
}

#[test]
fn hooks_that_agree_are_run() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let log = sandbox.path("log");
    write(&remote, &[("hooks/update", &format!("#!/bin/sh\necho \"$1\" >>'{}'\n", log.display()))]);
    std::fs::set_permissions(remote.join("hooks/update"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let branch = open(&sandbox.clone_of(&remote, "clone"));
    let report = change(&[("status.json", "1")]);
    branch.commit(&report).unwrap();
    branch.push(&report).unwrap();
    assert_eq!(std::fs::read_to_string(log).unwrap(), "refs/heads/driftless/prod\n");
}

#[test]
fn a_branch_that_was_removed_at_the_remote_comes_back_without_force() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let branch = open(&sandbox.clone_of(&remote, "clone"));
    let report = change(&[("status.json", "1")]);
    branch.commit(&report).unwrap();
    branch.push(&report).unwrap();
    git(&remote, &["branch", "-q", "-D", BRANCH]);
    branch.fetch().unwrap();
    let report = change(&[("status.json", "2")]);
    branch.commit(&report).unwrap();
    branch.push(&report).unwrap();
    assert_eq!(n_commits(&remote, BRANCH), 2);
}

#[test]
fn a_remote_given_by_url_is_kept_apart_from_origin() {
    let sandbox = Sandbox::new();
    let (origin, reports) = (sandbox.bare("origin.git"), sandbox.bare("reports.git"));
    let clone = sandbox.clone_of(&origin, "clone");
    let (to_origin, to_reports) = (open(&clone), open_with_remote(&clone, reports.to_str().unwrap()));
    let report = change(&[("status.json", "1")]);
    to_reports.commit(&report).unwrap();
    to_reports.push(&report).unwrap();
    assert_eq!(n_commits(&reports, BRANCH), 1);
    assert!(!git_succeeds(&origin, &["rev-parse", "--verify", "--quiet", BRANCH]));
    to_origin.push(&report).unwrap();
    assert_eq!(n_commits(&origin, BRANCH), 1);
    assert!(
        open(&sandbox.repository("alone", &[])).push(&report).unwrap_err().hint.unwrap().contains("git remote add")
    );
}

#[test]
fn a_remote_that_does_not_answer_is_an_error_without_the_token() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[]);
    let branch = open_with_remote(&repository, "http://user:hunter2@127.0.0.1:1/config.git");
    let report = change(&[("status.json", "1")]);
    branch.commit(&report).unwrap();
    for error in [branch.push(&report).unwrap_err(), branch.fetch().unwrap_err()] {
        assert!(error.message.contains("`http://127.0.0.1:1/config.git`"), "{error}");
        assert!(!error.message.contains("hunter2"), "{error}");
        assert!(error.hint.is_some());
    }
}

/// Several threads, each committing and pushing reports from its clone; every report must arrive.
fn assert_no_report_is_lost(remote: &Path, clones: &[std::path::PathBuf], url: Option<&str>) {
    const REPORTS: usize = 6;
    thread::scope(|scope| {
        for (writer, clone) in clones.iter().enumerate() {
            scope.spawn(move || {
                let branch = url.map_or_else(|| open(clone), |url| open_with_remote(clone, url));
                for number in 0..REPORTS {
                    let mut report = change(&[(format!("w{writer}/{number}").as_str(), "x")]);
                    report.message = format!("writer {writer} report {number}");
                    branch.commit(&report).unwrap().unwrap();
                    // Writers without a break are more than the retries are for.
                    while let Err(error) = branch.push(&report) {
                        assert!(error.message.contains("again and again"), "{error}");
                    }
                }
            });
        }
    });
    let log = git(remote, &["log", "--format=%s", BRANCH]);
    for writer in 0..clones.len() {
        for number in 0..REPORTS {
            let subject = format!("writer {writer} report {number}");
            assert!(log.lines().any(|line| line == subject), "missing: {subject}");
        }
    }
    assert_eq!(tree(remote, BRANCH).lines().count(), clones.len() * REPORTS);
    assert_eq!(git(remote, &["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
fn writers_at_once_in_clones_of_their_own_lose_no_report() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let clones: Vec<_> = (0..4).map(|writer| sandbox.clone_of(&remote, &format!("clone-{writer}"))).collect();
    assert_no_report_is_lost(&remote, &clones, None);
}

#[test]
fn writers_at_once_in_one_clone_lose_no_report() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let clones = vec![sandbox.clone_of(&remote, "clone"); 4];
    assert_no_report_is_lost(&remote, &clones, None);
}

#[test]
fn writers_at_once_through_a_server_lose_no_report() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let Some(server) = Server::start(&sandbox.path("")) else { return };
    let clones: Vec<_> = (0..3).map(|writer| sandbox.clone_of(&remote, &format!("clone-{writer}"))).collect();
    assert_no_report_is_lost(&remote, &clones, Some(&server.url("remote.git")));
}

#[test]
fn a_refusal_by_a_server_is_an_error_although_libgit2_calls_it_success() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let Some(server) = Server::start(&sandbox.path("")) else { return };
    write(&remote, &[("hooks/update", "#!/bin/sh\nexit 1\n")]);
    std::fs::set_permissions(remote.join("hooks/update"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let branch = open_with_remote(&sandbox.repository("config", &[]), &server.url("remote.git"));
    let report = change(&[("status.json", "1")]);
    branch.commit(&report).unwrap();
    let error = branch.push(&report).unwrap_err();
    assert!(error.message.contains("hook declined"), "{error}");
    std::fs::remove_file(remote.join("hooks/update")).unwrap();
    branch.push(&report).unwrap();
    assert_eq!(n_commits(&remote, BRANCH), 1);
}

#[test]
fn a_repository_that_trusts_nobody_else_says_so() {
    // Needs two users; without root there is only one.
    let sandbox = Sandbox::new();
    let repository = sandbox.repository("config", &[("a.yaml", "a")]);
    commit_all(&repository, "second");
    if std::os::unix::fs::chown(repository.join(".git"), Some(65_534), None).is_err()
        || std::os::unix::fs::chown(&repository, Some(65_534), None).is_err()
    {
        return;
    }
    match GitReportBranch::open(&repository, "prod", ReportBranchSettings::default()) {
        Err(error) => assert!(error.hint.unwrap().contains("safe.directory")),
        // This machine trusts all directories.
        Ok(_) => assert!(git_succeeds(&repository, &["config", "--get-all", "safe.directory"])),
    }
}
