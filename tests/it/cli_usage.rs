//! Wrong command lines and wrong settings: exit 64, a reason, a next step, and nothing started.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::cli_support::Desk;

const SETTINGS: &str = "apiVersion: driftless.dev/v1
kind: Agent
environment: prod
source: {url: .}
cluster: {sandbox: cluster}
";

#[test]
fn wrong_arguments_end_with_64_and_say_why() {
    let desk = Desk::new();
    for (arguments, part) in [
        ("", "Usage: driftless"),
        ("frobnicate", "unrecognized subcommand 'frobnicate'"),
        ("plan", "--environment <ENV>"),
        ("plan -e dev", "required"),
        ("plan -e dev --sandbox a --observed b", "cannot be used with"),
        ("plan -e dev --sandbox a --frob", "unexpected argument '--frob'"),
        ("plan -e dev --sandbox a -o yaml", "invalid value 'yaml'"),
        ("plan -e dev --sandbox a --command-config c", "`--command-config` needs `--bootstrap-server`"),
        ("plan -e dev --sandbox a --rules-reload-url http://x", "`--rules-reload-url` needs `--rules-directory`"),
        ("show", "<PLAN.json>"),
        ("apply -e dev --sandbox a", "nobody is there to answer"),
        ("apply nope.json --sandbox a --yes", "there is no plan and no directory `nope.json`"),
        ("explain frob", "there is no code `frob`"),
        ("completions cobol", "invalid value 'cobol'"),
    ] {
        let stderr = desk.run(arguments).refused(64);
        assert!(stderr.contains(part), "`driftless {arguments}` said: {stderr}");
    }
}

#[test]
fn help_and_version_are_data() {
    let desk = Desk::new();
    assert!(desk.run("--help").done().contains("Exit codes: 0 done"));
    assert!(desk.run("plan --help").done().contains("--detailed-exitcode"));
    assert_eq!(desk.run("--version").done(), format!("driftless {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_problem_of_the_settings_is_shown_and_nothing_is_started() {
    let desk = Desk::new().file(
        "agent.yaml",
        "apiVersion: driftless.dev/v1\nkind: Agent\nenviroment: prod\nsource: {url: .}\ncluster: {}\n",
    );
    insta::assert_snapshot!(desk.run("plan --config agent.yaml").refused(64));
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    let stderr = Desk::new().run("drift --config nope.yaml").refused(64);
    assert!(stderr.contains("the settings file `nope.yaml` cannot be read: No such file"), "{stderr}");
}

#[test]
fn a_secret_in_the_environment_is_never_shown() {
    let settings = SETTINGS.replace(
        "cluster: {sandbox: cluster}",
        "cluster: {sandbox: '${env:HIDDEN}', properties: {a: '${env:HIDDEN}'}}",
    );
    let desk = Desk::new()
        .file("agent.yaml", &settings)
        .variable("HIDDEN", "hunter2")
        .variable("DRIFTLESS_SECRETS", "hunter2");
    for arguments in ["plan --config agent.yaml -vvv", "plan --config agent.yaml --log-format json -vvv", "plan --help"]
    {
        let outcome = desk.run(arguments);
        assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
    }
}

#[test]
fn settings_of_another_environment_are_refused() {
    let desk = Desk::new().file("agent.yaml", SETTINGS);
    let stderr = desk.run("plan -e dev --config agent.yaml").refused(64);
    assert!(stderr.contains("the environment is `dev`, and the settings are for `prod`"), "{stderr}");
}

#[test]
fn a_wrong_log_filter_is_refused() {
    let stderr = Desk::new().variable("RUST_LOG", "driftless=loud").run("explain unknown-setting").refused(64);
    assert!(stderr.contains("`RUST_LOG`"), "{stderr}");
}

#[test]
fn files_that_are_no_plans_are_refused() {
    let desk = Desk::new().file("a.json", "{}").file("b.json", "nonsense");
    for (arguments, part) in [
        ("show a.json", "`a.json` is not a plan: missing field"),
        ("show b.json", "`b.json` is not a plan: expected"),
        ("show c.json", "failed to read the plan `c.json`: No such file"),
    ] {
        let stderr = desk.run(arguments).refused(64);
        assert!(stderr.contains(part), "{stderr}");
    }
}

#[test]
fn codes_are_explained() {
    let text = Desk::new().run("explain error[unknown-setting]").done();
    assert!(text.starts_with("unknown-setting: there is no such setting\n"), "{text}");
    let stderr = Desk::new().run("explain unknown-settings").refused(64);
    assert!(stderr.contains("hint: Did you mean `unknown-setting`?"), "{stderr}");
}

#[test]
fn completions_are_written_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(Desk::new().run(&format!("completions {shell}")).done().contains("driftless"));
    }
}

#[test]
fn whoever_reads_only_the_first_line_causes_no_failure() {
    // The script is larger than a pipe holds, so the binary still writes when the reader has gone.
    let mut child = Desk::new()
        .command()
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("is piped");
    BufReader::with_capacity(16, stdout).read_line(&mut line).expect("a line");
    let output = child.wait_with_output().expect("ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn colours_only_come_when_they_are_asked_for() {
    assert!(!Desk::new().run("explain frob").refused(64).contains('\u{1b}'));
    assert!(Desk::new().run("explain frob --color always").refused(64).contains("\u{1b}["));
    let never = Desk::new().variable("CLICOLOR_FORCE", "1").run("explain frob --color never");
    assert!(!never.refused(64).contains('\u{1b}'));
}
