//! The agent's own repositories after many fetches and many reports: whole, and as small as the program git keeps its own.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use driftless::git::{self, GitReportBranch, Mirror, MirrorSettings, RemoteAccess, ReportBranchSettings};
use driftless::ports::{BranchChange, ReportBranch, SourceMirror};

use crate::git_support::{Sandbox, git, git_with_input};

/// More than it takes to gather twice.
const ROUNDS: usize = 120;

/// Files and bytes below a directory.
fn weight(directory: &Path) -> (usize, u64) {
    let entries = std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("listed").path());
    entries.fold((0, 0), |(files, bytes), path| {
        let (more, larger) = match path.is_dir() {
            true => weight(&path),
            false => (1, std::fs::metadata(&path).expect("there").len()),
        };
        (files + more, bytes + larger)
    })
}

fn text(round: usize) -> String {
    (0..200).map(|line| format!("line {line} of round {}\n", if line % 50 == 0 { round } else { 0 })).collect()
}

#[test]
fn a_mirror_that_is_fetched_often_stays_small_and_whole() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let mut stream = String::new();
    for round in 0..ROUNDS {
        let text = text(round);
        write!(
            stream,
            "commit refs/heads/all\ncommitter t <t@localhost> {round} +0000\ndata 1\nx\nM 100644 inline base/a.yaml\ndata {}\n{text}\n",
            text.len()
        )
        .expect("written");
    }
    git_with_input(&remote, &["fast-import", "--quiet"], &stream);
    let commits = git(&remote, &["rev-list", "--reverse", "all"]);
    // libgit2 takes from a directory whatever its references lead to.
    git(&remote, &["update-ref", "-d", "refs/heads/all"]);
    let state = sandbox.path("state");
    let settings = MirrorSettings {
        url: remote.display().to_string(),
        branch: "main".to_owned(),
        path: ".".to_owned(),
        access: RemoteAccess::default(),
    };
    let mirror = Mirror::new(&state, settings);
    let own = state.join("source.git");
    let mut most = 0;
    let mut first = None;
    for commit in commits.lines() {
        git(&remote, &["update-ref", "refs/heads/main", commit]);
        assert_eq!(mirror.fetch().expect("fetched"), commit);
        git::tidy(&state);
        most = most.max(weight(&own.join("objects")).0);
        let first = first.get_or_insert_with(|| commit.to_owned());
        assert!(mirror.descends(commit, first).expect("an answer"));
    }
    println!("{ROUNDS} fetches: at most {most} files, at last {:?}", weight(&own));
    assert!(most < 150, "{most}");
    git(&own, &["fsck", "--full", "--strict"]);
    assert_eq!(git(&own, &["rev-list", "--all", "--count"]), ROUNDS.to_string());
    // A fetch that was killed leaves what it was writing.
    let left = own.join("objects/pack/pack_git2_0123456789abcdef");
    std::fs::write(&left, "half").expect("written");
    git::remove_stale_locks(&state);
    assert!(!left.exists());
}

#[test]
fn a_report_branch_that_is_written_often_stays_small_and_whole() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("remote.git");
    let state = sandbox.path("state");
    let own = git::report_repository(&state).expect("made");
    let settings = ReportBranchSettings { remote: Some(remote.display().to_string()), ..Default::default() };
    let branch = GitReportBranch::open(&own, "prod", settings).expect("opened");
    // Each leaves at least seven objects: more than 2,048 of them in the end.
    let rounds = 4 * ROUNDS;
    for round in 0..rounds {
        let files = (0..4).map(|file| (format!("d{file}/f.json"), format!("{file} {}", text(round)).into_bytes()));
        let change = BranchChange {
            files: files.collect::<BTreeMap<_, _>>(),
            exact_directories: Vec::new(),
            message: format!("apply(prod): {round}\n"),
            timestamp: i64::try_from(round).expect("few"),
        };
        branch.commit(&change).expect("committed");
        if round % 10 == 0 {
            branch.push(&change).expect("pushed");
        }
        git::tidy(&state);
    }
    let (files, bytes) = weight(&own);
    println!("{rounds} reports: {files} files, {bytes} bytes");
    assert!(files < 4_000, "{files}");
    git(&own, &["fsck", "--full", "--strict"]);
    assert_eq!(git(&own, &["rev-list", "--all", "--count"]), rounds.to_string());
    assert!(branch.read("d1").expect("read").contains_key("d1/f.json"));
}
