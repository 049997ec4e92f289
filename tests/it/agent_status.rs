//! `driftless status`, as a process: from the running agent, and from the report branch.

use serde_json::Value;

use crate::agent_process::Agent;
use crate::agent_support::AgentDesk;

/// Runs `driftless status`; returns exit code, standard output and standard error.
fn status(desk: &AgentDesk, arguments: &[&str]) -> (i32, String, String) {
    let mut command = desk.desk.command();
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.arg("status").args(arguments).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("ends by itself"), text(output.stdout), text(output.stderr))
}

#[test]
fn the_report_branch_tells_what_an_agent_last_did() {
    let desk = AgentDesk::new("drift: {confirmations: 1}");
    let detailed = ["--config", "agent.yaml", "--detailed-exitcode"];
    let (code, _, problem) = status(&desk, &detailed);
    assert_eq!(code, 1);
    assert!(problem.contains("no report on the branch `driftless/prod`"), "{problem}");
    desk.ends_with(0);
    let (code, text, _) = status(&desk, &detailed);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("prod: Synced (Synced)\n"), "{text}");
    desk.change_by_hand("orders", 24, 12);
    desk.ends_with(3);
    let (code, text, _) = status(&desk, &detailed);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("1 held, 1 drifted"), "{text}");
    let (code, json, _) = status(&desk, &["--config", "agent.yaml", "-o", "json"]);
    assert_eq!(code, 0);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["sync"], "OutOfSync");
}

#[test]
fn a_running_agent_is_asked_first() {
    let desk = AgentDesk::new("");
    let agent = Agent::start(&desk, "running", "");
    agent.until("the first apply", std::time::Duration::from_secs(60), Agent::is_synced);
    let (code, text, note) = status(&desk, &["--config", "running.yaml"]);
    assert_eq!((code, note.as_str()), (0, ""), "{text}");
    assert!(text.starts_with("prod: Synced"), "{text}");
    assert_eq!(agent.end().0, Some(0));
    let (code, text, note) = status(&desk, &["--config", "running.yaml"]);
    assert_eq!(code, 0, "{text}");
    assert!(note.contains("the report branch is read instead"), "{note}");
}
