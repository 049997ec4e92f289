//! `driftless status`, as a process: from the running agent, and from the report branch.

use std::time::Duration;

use serde_json::Value;

use crate::agent_http::Identity;
use crate::agent_process::Agent;
use crate::agent_support::{AgentDesk, RunningAgent};
use crate::support::ports::free_port;

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

#[test]
fn an_agent_that_wants_a_client_certificate_is_asked_with_one() {
    let port = free_port();
    let tls = "tls: {certificateFile: server.crt, keyFile: server.key, clientCaFile: authority.crt}";
    let desk = AgentDesk::new(&format!("http: {{listen: '127.0.0.1:{port}', {tls}}}"));
    let directory = desk.desk.path();
    let (authority, stranger) = (Identity::new("authority", None, 1), Identity::new("stranger", None, 2));
    authority.write(directory, "authority");
    stranger.write(directory, "stranger");
    Identity::new("server", Some(&authority), 10).write(directory, "server");
    Identity::new("operator", Some(&authority), 20).write(directory, "operator");
    let agent = RunningAgent::start(&desk);
    let url = format!("https://localhost:{port}");
    let from_the_branch = "the report branch is read instead";
    let ask = |more: &[&str]| {
        let mut arguments = vec!["--config", "agent.yaml", "--url", &url];
        arguments.extend(more);
        status(&desk, &arguments)
    };
    let operator =
        ["--ca-file", "authority.crt", "--client-certificate", "operator.crt", "--client-key", "operator.key"];
    agent.eventually("the first report", || desk.reported("status.json").is_some());
    let mut last = Default::default();
    agent.eventually("an answer", || {
        last = ask(&operator);
        last.0 == 0 && last.2.is_empty() && last.1.starts_with("prod: Synced")
    });
    for (more, words) in [
        (&["--ca-file", "authority.crt"][..], "401"),
        (&["--ca-file", "stranger.crt"], "certificate"),
        (&[], "certificate"),
    ] {
        let (code, text, note) = ask(more);
        assert_eq!(code, 0, "{more:?} {note}");
        assert!(note.contains(words) && note.to_lowercase().contains(from_the_branch), "{more:?}: {note}");
        assert!(text.starts_with("prod: Synced"), "{text}");
    }
    let (code, _, note) = status(&desk, &["--config", "agent.yaml"]);
    assert!(code == 0 && note.contains("`--url`"), "{note}");
    // What is given and cannot be used is an error, not a reason to look elsewhere.
    for (arguments, words) in [
        (vec!["--url", &url, "--ca-file", "nowhere.crt"], "`nowhere.crt`"),
        (vec!["--url", &url, "--ca-file", "agent.yaml"], "no certificate"),
        (vec!["--url", &url, "--client-certificate", "operator.crt"], "--client-key"),
        (vec!["--url", &url, "--client-certificate", "operator.crt", "--client-key", "agent.yaml"], "PKCS #8"),
        (vec!["--url", "http://localhost:1"], "https://"),
        (vec!["--ca-file", "authority.crt"], "--url"),
    ] {
        let mut all = vec!["--config", "agent.yaml"];
        all.extend(&arguments);
        let (code, _, problem) = status(&desk, &all);
        assert_eq!(code, 64, "{arguments:?}: {problem}");
        assert!(problem.contains(words), "{arguments:?}: {problem}");
    }
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn the_page_says_after_a_restart_what_was_last_applied() {
    let desk = AgentDesk::new("");
    let long = Duration::from_secs(120);
    let shows = |agent: &Agent<'_>| agent.get("/").is_some_and(|page| page.contains("1 applied of"));
    let agent = Agent::start(&desk, "first", "");
    agent.until("the first apply", long, |agent| agent.is_synced() && shows(agent));
    assert_eq!(agent.end().0, Some(0));
    let agent = Agent::start(&desk, "first", "");
    agent.until("the apply before the restart", long, |agent| agent.is_synced() && shows(agent));
    assert_eq!(agent.end().0, Some(0));
}
