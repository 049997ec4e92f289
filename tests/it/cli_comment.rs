//! `driftless comment` as a CI job runs it, against forges of the tests' own, and the ready files in `deploy/ci/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use driftless::forge::ForgeKind;
use serde_json::{Value, json};

use super::cli_support::Desk;
use super::forge_fake::{FakeForge, ME};

const HEAD: &str = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
const BASE: &str = "9f8e7d6c5b4a39281706f5e4d3c2b1a098765432";

/// A plan with one action for each topic.
fn plan(environment: &str, topics: &[&str], findings: Value) -> String {
    let action = |topic: &&str| {
        json!({
            "id": format!("topic/{topic}/create"), "kind": "topic", "name": topic, "action": "create", "origin": "change",
            "reason": "not-in-cluster", "risk": "none", "status": "planned", "validated": true,
            "fields": [{"path": "partitions", "applied": null, "observed": null, "desired": "3"}],
            "location": {"file": "base/topics.yaml", "line": 4, "column": 9},
        })
    };
    let plan = json!({
        "apiVersion": "driftless.dev/v1", "kind": "Plan", "id": "sha256:0123", "environment": environment,
        "cluster": {"id": "c1", "brokers": 3}, "source": {"revision": HEAD, "base": BASE},
        "summary": {"create": topics.len(), "update": 0, "delete": 0, "held": 0, "blocked": 0, "unmanaged": 0},
        "preconditions": {"clusterId": "c1", "topicIds": {}, "observedFingerprint": "sha256:ff"},
        "actions": topics.iter().map(action).collect::<Vec<_>>(), "unmanaged": [], "unknown": [], "findings": findings,
    });
    plan.to_string()
}

fn denial() -> Value {
    json!([{
        "code": "replication-below-minimum", "severity": "deny", "resource": "topic/orders",
        "message": "topic `orders` has replication factor 1", "help": "set `replicas: 3`",
        "location": {"file": "base/topics.yaml", "line": 7, "column": 13},
    }])
}

fn event() -> String {
    json!({"action": "synchronize", "number": 5, "pull_request": {"number": 5, "head": {"sha": HEAD}, "base": {"sha": BASE}}}).to_string()
}

/// A job with the variables that the forge's CI sets.
fn job(forge: &FakeForge, kind: ForgeKind, token: &str) -> Desk {
    let desk = Desk::new().file("event.json", &event());
    let event = desk.path().join("event.json").display().to_string();
    let of_actions = |desk: Desk| {
        desk.variable("GITHUB_ACTIONS", "true")
            .variable("GITHUB_API_URL", &forge.api())
            .variable("GITHUB_REPOSITORY", "org/kafka")
            .variable("GITHUB_SHA", "ffffffffffffffffffffffffffffffffffffffff")
            .variable("GITHUB_EVENT_PATH", &event)
            .variable("GITHUB_TOKEN", token)
    };
    match kind {
        ForgeKind::GitHub => of_actions(desk),
        ForgeKind::Gitea => of_actions(desk).variable("GITEA_ACTIONS", "true"),
        ForgeKind::GitLab => desk
            .variable("GITLAB_CI", "true")
            .variable("CI_API_V4_URL", &forge.api())
            .variable("CI_PROJECT_PATH", "org/kafka")
            .variable("CI_PROJECT_ID", "4711")
            .variable("CI_MERGE_REQUEST_IID", "5")
            .variable("CI_COMMIT_SHA", HEAD)
            .variable("CI_MERGE_REQUEST_DIFF_BASE_SHA", BASE)
            .variable("CI_JOB_TOKEN", "job-token")
            .variable("GITLAB_TOKEN", token),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_writes_one_comment_and_one_status_for_each_environment() {
    for kind in [ForgeKind::GitHub, ForgeKind::GitLab, ForgeKind::Gitea] {
        let Some(forge) = FakeForge::start(kind).await else { return };
        let desk = job(&forge, kind, super::forge_fake::TOKEN)
            .file("prod.json", &plan("prod", &["orders", "payments"], json!([])))
            .file("dev.json", &plan("dev", &[], json!([])));
        let said = desk.run("comment prod.json dev.json");
        assert_eq!((said.code, said.stdout.as_str()), (0, ""), "{}", said.stderr);
        assert!(
            said.stderr.contains("prod: commented, ") && said.stderr.contains("dev: no changes, and no comment"),
            "{}",
            said.stderr
        );
        let comment = forge.world().comments.clone();
        assert_eq!(comment.iter().map(|held| (held.pull, held.author)).collect::<Vec<_>>(), [(5, ME)]);
        for part in [
            "<!-- driftless:plan environment=prod cluster=c1 -->\n",
            "**2 to create",
            HEAD,
            BASE,
            "sha256:0123",
            "+ partitions: 3",
        ] {
            assert!(comment[0].text.contains(part), "{part} is not in\n{}", comment[0].text);
        }
        let statuses = forge.world().statuses.clone();
        let named = |(of, body): &(String, Value)| {
            let name = body["context"].as_str().or(body["name"].as_str()).expect("a name").to_owned();
            (of.clone(), name, body["state"].as_str().expect("a state").to_owned())
        };
        let of_head = |name: &str, state: &str| (HEAD.to_owned(), format!("driftless/plan/{name}"), state.to_owned());
        assert_eq!(
            statuses.iter().map(named).collect::<Vec<_>>(),
            [of_head("prod", "success"), of_head("dev", "success")]
        );

        // The same again writes nothing, and another push with nothing says so in the comment that is there.
        let writes = forge.writes().len();
        let said = desk.run("comment prod.json dev.json");
        assert!(said.code == 0 && said.stderr.contains("says that already"), "{}", said.stderr);
        assert_eq!(forge.writes().len(), writes);
        let desk = desk.file("prod.json", &plan("prod", &[], json!([])));
        assert_eq!(desk.run("comment prod.json").code, 0);
        let comment = forge.world().comments.clone();
        assert!(comment.len() == 1 && comment[0].text.contains("**No changes**"), "{comment:?}");

        // Policy refuses: the status fails, the comment names the line.
        let desk = desk.file("prod.json", &plan("prod", &["orders"], denial()));
        assert_eq!(desk.run("comment prod.json").code, 0);
        let comment = forge.world().comments.clone();
        let statuses = forge.world().statuses.clone();
        assert!(comment.len() == 1 && comment[0].text.contains("`base/topics.yaml:7:13`"), "{comment:?}");
        assert!(matches!(named(statuses.last().expect("one")).2.as_str(), "failure" | "failed"), "{statuses:?}");

        // Bad files: the same comment says why there is no plan.
        let problems = json!({"diagnostics": [{"code": "unknown-field", "severity": "deny", "message": "no `partition`",
            "location": {"file": "base/topics.yaml", "line": 3, "column": 5}}], "environments": []});
        let desk = desk.file("problems.json", &problems.to_string());
        assert_eq!(desk.run("comment --problems problems.json -e prod --cluster-id c1").code, 0);
        let comment = forge.world().comments.clone();
        let statuses = forge.world().statuses.clone();
        assert!(comment.len() == 1 && comment[0].text.contains("**No plan: 1 error in the files.**"), "{comment:?}");
        assert_eq!(statuses.last().expect("one").1["description"], "No plan: 1 error in the files.");
        let _ = forge.writes();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_of_github_actions_writes_as_its_bot_and_annotates() {
    let Some(forge) = FakeForge::start(ForgeKind::GitHub).await else { return };
    forge.world().tokens = vec!["ghs_job".to_owned()];
    let desk = job(&forge, ForgeKind::GitHub, "ghs_job").file("prod.json", &plan("prod", &["orders"], denial()));
    // This server's users are called otherwise: it is noticed, and there is no comment that nobody would find again.
    let said = desk.run("comment prod.json").refused(1);
    assert!(said.contains("writes as `driftless`") && !said.contains("ghs_job"), "{said}");
    assert!(forge.world().comments.is_empty());
    let said = desk.run("comment --author driftless prod.json");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let world = forge.world();
    let annotation = &world.check_runs[0]["output"]["annotations"][0];
    assert_eq!((annotation["path"].as_str(), annotation["start_line"].as_i64()), (Some("base/topics.yaml"), Some(7)));
    assert!(world.seen.iter().all(|seen| !seen.target.ends_with("/user")), "an installation may not ask who it is");
    drop(world);
    let _ = forge.writes();
}

#[test]
fn what_is_missing_is_named_at_once_and_nothing_is_sent() {
    let desk = Desk::new().file("plan.json", &plan("prod", &[], json!([])));
    insta::assert_snapshot!(desk.run("comment plan.json").refused(64), @r"
    error: this is no job of GitHub Actions, GitLab CI, Gitea or Forgejo Actions
    hint: Name the forge with `--forge`, and with `--repository`, `--pull-request`, `--commit` where to write.
    ");
    insta::assert_snapshot!(desk.run("comment --forge github plan.json").refused(64), @r"
    error: missing is what `--repository` (in CI: GITHUB_REPOSITORY), `--pull-request` (in CI: GITHUB_EVENT_PATH of a pull request), `--commit` (in CI: GITHUB_EVENT_PATH of a pull request), `--token-file` (in CI: GITHUB_TOKEN) would say
    hint: Nothing was written. Run it in a job for a pull request, or give the options.
    ");
    insta::assert_snapshot!(desk.run("comment --forge gitlab --commit abc --pull-request 1 --repository a/b plan.json").refused(64), @r"
    error: missing is what `--token-file` (in CI: GITLAB_TOKEN or CI_JOB_TOKEN) would say
    hint: Nothing was written. Run it in a job for a pull request, or give the options.
    ");
    let desk = desk.variable("GITLAB_TOKEN", "t");
    insta::assert_snapshot!(desk.run("comment --forge gitlab --commit abc --pull-request 1 --repository a/b plan.json").refused(64), @r"
    error: the commit of the pull request is not a full commit id
    hint: Give all 40 hexadecimal digits with `--commit`.
    ");
    insta::assert_snapshot!(desk.run("comment --forge gitlab plan.json plan.json").refused(64), @r"
    error: there are two plans for `prod` and the same cluster
    hint: Each has one comment: name each plan once.
    ");
    let desk = desk.variable("GITHUB_EVENT_PATH", "/nowhere/event.json").variable("GITHUB_TOKEN", "t");
    insta::assert_snapshot!(desk.run("comment --forge github plan.json").refused(64), @"error: failed to read the event of the job from `/nowhere/event.json`: No such file or directory (os error 2)");
}

fn ci_files() -> BTreeMap<PathBuf, String> {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/ci");
    ["github", "gitea", "gitlab"]
        .map(|forge| below.join(forge).join("driftless.yaml"))
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(&path).expect("is there")))
        .collect()
}

/// Finds every text in a YAML value.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn the_ready_ci_files_are_yaml_whose_commands_exist() {
    for (path, text) in ci_files() {
        let value: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut found = Vec::new();
        texts(&value, &mut found);
        let script = found.join("\n").replace("\\\n", " ");
        let mut commands = std::collections::BTreeSet::new();
        for start in script.match_indices("driftless ").map(|(at, _)| at) {
            let is_start =
                start == 0 || script[..start].ends_with(['\n', ' ']) && !script[..start].ends_with("Install ");
            if !is_start {
                continue;
            }
            let command = script[start..].split(['\n', ';', '>', '|']).next().expect("a line");
            let arguments = command
                .split_whitespace()
                .map(|word| word.trim_matches('"').replace("$observed_at", "2026-11-21T16:00:00+00:00").into());
            let arguments: Vec<std::ffi::OsString> = arguments.collect();
            assert!(driftless::cli::parse(arguments).is_ok(), "{}: {command}", path.display());
            commands.insert(command.split_whitespace().nth(1).expect("a command").to_owned());
        }
        assert_eq!(commands.into_iter().collect::<Vec<_>>(), ["comment", "plan", "validate"], "{}", path.display());
    }
}

#[test]
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "whoever runs the tests says where actionlint is")]
fn the_ready_workflows_pass_actionlint() {
    let Some(actionlint) = std::env::var_os("DRIFTLESS_TEST_ACTIONLINT") else {
        let in_ci = std::env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false");
        assert!(!in_ci, "DRIFTLESS_TEST_ACTIONLINT is not set, and CI must not skip tests (see dev/actionlint)");
        eprintln!("skipped: DRIFTLESS_TEST_ACTIONLINT is not set (`dev/actionlint` builds it and prints where it is)");
        return;
    };
    for path in ci_files().into_keys().filter(|path| !path.ends_with("gitlab/driftless.yaml")) {
        let output = Command::new(&actionlint)
            .args(["-no-color", "-shellcheck=", "-pyflakes="])
            .arg(&path)
            .output()
            .expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    // It does find mistakes.
    let directory = tempfile::tempdir().expect("a directory");
    let wrong = directory.path().join("wrong.yaml");
    let (_, text) = ci_files().pop_first().expect("a file");
    std::fs::write(
        &wrong,
        text.replace("github.token", "github.tokken").replace("matrix.environment", "matrix.enviroment"),
    )
    .expect("is written");
    let output =
        Command::new(&actionlint).args(["-no-color", "-shellcheck=", "-pyflakes="]).arg(&wrong).output().expect("runs");
    assert!(!output.status.success());
}
