//! What somebody sees who begins: before the first apply, and in a clone that has one branch only.

use std::process::Stdio;

use crate::cli_support::{Desk, Outcome};
use crate::git_support::{commit_all, git};

const REPOSITORY: &str = "apiVersion: driftless.dev/v1\nkind: Repository\nenvironments:\n  prod: {layers: [base], parameters: {minimumReplicationFactor: 1}}\n";
const TOPIC: &str = "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: orders}\nspec: {partitions: 3, replicas: 3, config: {min.insync.replicas: 2}}\n";

fn desk() -> Desk {
    let desk = Desk::new().file("repo/driftless.yaml", REPOSITORY).file("repo/base/topics.yaml", TOPIC);
    git(&desk.path().join("repo"), &["init", "-q", "-b", "main"]);
    commit_all(&desk.path().join("repo"), "first");
    desk
}

#[track_caller]
fn run(desk: &Desk, command: &str) -> Outcome {
    let outcome = desk.run(&format!("{command} -e prod --sandbox cluster"));
    assert_eq!(outcome.code, 0, "{command}: {}{}", outcome.stdout, outcome.stderr);
    outcome
}

#[test]
fn before_the_first_apply_nothing_is_drift_and_nothing_is_in_sync() {
    let desk = desk();
    let first = run(&desk, "drift repo --commit").stdout;
    assert!(first.starts_with("No apply is on record here, so nothing can be called drift.\n"), "{first}");
    assert!(first.contains("1 change of git is not applied") && first.contains("`driftless plan -e prod`"), "{first}");
    let branch = |file: &str| git(&desk.path().join("repo"), &["show", &format!("driftless/prod:{file}")]);
    assert!(branch("drift.md").starts_with("# No apply is on record here"), "{}", branch("drift.md"));
    let report: serde_json::Value = serde_json::from_str(&branch("drift.json")).expect("JSON");
    assert_eq!(
        (&report["inSync"], &report["neverApplied"], &report["notApplied"]),
        (&false.into(), &true.into(), &1.into())
    );

    let _ = run(&desk, "apply repo --yes");
    let after = run(&desk, "drift repo").stdout;
    assert_eq!(after, "In sync: nothing changed on the cluster since the last apply.\n");

    let desk = desk.file("repo/base/more.yaml", &TOPIC.replace("orders", "more"));
    let moved = run(&desk, "drift repo").stdout;
    assert!(moved.starts_with("No drift seen, but the cluster is not what git says.\n"), "{moved}");
}

/// Runs a command whose output nobody reads; returns how it ended.
fn unread(desk: &Desk, command: &str) -> Option<i32> {
    let mut prepared = desk.command();
    prepared.args(command.split_whitespace()).args(["-e", "prod", "--sandbox", "cluster"]);
    let mut child = prepared.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs");
    drop(child.stdout.take());
    child.wait().expect("ends").code()
}

#[test]
fn whoever_does_not_read_the_output_changes_nothing_of_what_is_done() {
    let desk = desk();
    assert_eq!(unread(&desk, "plan repo --detailed-exitcode"), Some(2));
    assert_eq!(unread(&desk, "drift repo --commit"), Some(0));
    assert!(!git(&desk.path().join("repo"), &["rev-parse", "driftless/prod"]).is_empty());
    assert_eq!(unread(&desk, "apply repo --yes"), Some(0));
    assert_eq!(unread(&desk, "plan repo --detailed-exitcode"), Some(0), "it was applied");
}

#[test]
fn a_clone_of_one_branch_is_told_where_the_record_is() {
    let desk = desk();
    let _ = run(&desk, "apply repo --yes");
    let url = format!("file://{}/repo", desk.path().display());
    git(desk.path(), &["clone", "-q", "--depth", "1", &url, "clone"]);
    let said = run(&desk, "plan clone").stderr;
    assert!(said.contains("This clone has no branch `driftless/prod`"), "{said}");
    let fetch = said.split('`').find(|part| part.starts_with("git fetch origin +refs/heads/")).expect("a command");
    let arguments: Vec<&str> = fetch.split(' ').skip(1).collect();
    git(&desk.path().join("clone"), &arguments);
    let after = run(&desk, "drift clone");
    assert_eq!((after.stderr.as_str(), after.stdout.starts_with("In sync: ")), ("", true), "{}", after.stdout);
}
