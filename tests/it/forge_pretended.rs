//! Pull requests at a GitHub and a GitLab of the tests' own, with an agent that applies to a directory cluster. Every request
//! of the agent is compared with the forge's description of its API.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use driftless::forge::ForgeKind;
use driftless::ports::{Access, Cluster};
use driftless::sandbox::DirectoryCluster;
use serde_json::{Value, json};

use super::forge_fake::{FakeForge, Fault, ME, Seen, TOKEN, pull};
use super::forge_life::{Life, Place, World, topic};
use crate::git_support::{git, is_there};
use crate::support::brokers::unique_name;

/// The time for which the forge wants to be left alone: longer than what is waited for within a request.
const SILENCE: Duration = Duration::from_secs(7);

/// A forge of the tests' own before a bare repository.
struct Pretended {
    forge: FakeForge,
    kind: ForgeKind,
    directory: tempfile::TempDir,
}

impl Pretended {
    async fn world(kind: ForgeKind) -> Option<World<Self>> {
        let forge = FakeForge::start(kind).await?;
        if kind == ForgeKind::GitHub {
            // A GitHub app, because only those annotate lines.
            forge.world().tokens = vec!["ghs_installation".to_owned()];
            forge.world().login = "driftless-bot[bot]";
        }
        let directory = tempfile::tempdir().expect("a directory");
        git(directory.path(), &["init", "-q", "--bare", "-b", "main", "remote.git"]);
        Some(World::new(Self { forge, kind, directory }))
    }

    fn remote(&self) -> PathBuf {
        self.directory.path().join("remote.git")
    }

    fn head_reference(&self, number: u64) -> String {
        match self.kind {
            ForgeKind::GitHub | ForgeKind::Gitea => format!("refs/pull/{number}/head"),
            ForgeKind::GitLab => format!("refs/merge-requests/{number}/head"),
        }
    }

    /// Changes a pull request, as people do at the forge.
    fn change(&self, number: u64, change: impl FnOnce(&mut super::forge_fake::Pull)) {
        let mut world = self.forge.world();
        change(world.pulls.iter_mut().find(|pull| pull.number == number).expect("it was opened"));
    }

    fn open_as(&self, branch: &str, fork: bool) -> u64 {
        let number = self.forge.world().pulls.len() as u64 + 1;
        let head = git(&self.remote(), &["rev-parse", &format!("refs/heads/{branch}")]);
        git(&self.remote(), &["update-ref", &self.head_reference(number), &head]);
        let opened = super::forge_fake::Pull { branch: branch.to_owned(), head, fork, ..pull(number) };
        self.forge.world().pulls.push(opened);
        number
    }
}

impl Place for Pretended {
    fn settings(&self, directory: &Path) -> String {
        let (login, kind) = match self.kind {
            ForgeKind::GitHub => {
                let key = openssl::rsa::Rsa::generate(2048).expect("a key");
                std::fs::write(directory.join("app.pem"), key.private_key_to_pem().expect("PEM")).expect("written");
                ("app: {id: '1234', installationId: 55, privateKeyFile: app.pem}", "github")
            }
            ForgeKind::GitLab | ForgeKind::Gitea => {
                std::fs::write(directory.join("token"), TOKEN).expect("written");
                ("tokenFile: token", "gitlab")
            }
        };
        format!(
            "source: {{url: '{}', interval: 1s}}
cluster: {{sandbox: '{}'}}
forge: {{type: {kind}, apiUrl: '{}', repository: org/kafka, {login}, interval: 1s}}",
            self.remote().display(),
            self.directory.path().join("cluster").display(),
            self.forge.api(),
        )
    }

    fn cluster(&self) -> Box<dyn Cluster> {
        let directory = self.directory.path().join("cluster");
        Box::new(DirectoryCluster::open(&directory, Access::ReadOnly).expect("the agent made it"))
    }

    async fn push(&self, clone: &Path, branch: &str) {
        let remote = self.remote().display().to_string();
        let mut command = vec!["push".to_owned(), "-q".to_owned(), "-f".to_owned(), remote];
        command.push(format!("HEAD:refs/heads/{branch}"));
        let is_it = |pull: &&mut super::forge_fake::Pull| pull.open && pull.branch == branch;
        let number = self.forge.world().pulls.iter_mut().find(is_it).map(|pull| pull.number);
        command.extend(number.map(|number| format!("HEAD:{}", self.head_reference(number))));
        git(clone, &command.iter().map(String::as_str).collect::<Vec<_>>());
        if let Some(number) = number {
            let head = git(clone, &["rev-parse", "HEAD"]);
            self.change(number, |pull| pull.head = head);
        }
    }

    async fn open(&self, branch: &str, _title: &str) -> u64 {
        self.open_as(branch, false)
    }

    async fn merge(&self, clone: &Path, number: u64) -> Option<String> {
        let pull = self.forge.world().pulls.iter().find(|pull| pull.number == number).expect("it was opened").clone();
        let required = self.status(&pull.head, "driftless/plan/prod").await;
        if required.is_none_or(|(state, _)| state != "success") {
            return None;
        }
        git(clone, &["checkout", "-q", "main"]);
        git(clone, &["merge", "-q", "--no-ff", "-m", "Merge", &pull.head]);
        let commit = git(clone, &["rev-parse", "HEAD"]);
        self.change(number, |pull| (pull.open, pull.merge_commit) = (false, Some(commit.clone())));
        self.push(clone, "main").await;
        Some(commit)
    }

    async fn status(&self, revision: &str, context: &str) -> Option<(String, String)> {
        let world = self.forge.world();
        let is_it = |body: &Value| body["context"] == context || body["name"] == context;
        let (_, body) = world.statuses.iter().rfind(|(of, body)| of == revision && is_it(body))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some((text(&body["state"]).replace("failed", "failure"), text(&body["description"])))
    }

    async fn comments(&self, number: u64) -> Vec<String> {
        let world = self.forge.world();
        let ours = world.comments.iter().filter(|held| held.pull == number && held.author == ME);
        ours.map(|held| held.text.clone()).collect()
    }

    fn want_fewer_requests(&self) {
        let wait = vec![("retry-after", SILENCE.as_secs().to_string())];
        self.forge.fault("GET", "/", Fault::Answer(429, wait, "{\"message\": \"slow down\"}".to_owned()));
    }
}

/// Waits until the agent has listed the open pull requests this often again.
async fn rounds(world: &World<Pretended>, count: usize) {
    let listed = || {
        let seen = &world.place.forge.world().seen;
        let is_list = |seen: &&Seen| seen.target.contains("/pulls?") || seen.target.contains("/merge_requests?");
        seen.iter().filter(is_list).count()
    };
    let before = listed();
    for _ in 0..600 {
        if listed() >= before + count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("there are no more rounds\n{}", world.log());
}

/// The requests that changed something at the forge: method, what it changes, and the body.
fn written(seen: &[Seen]) -> Vec<(&str, String, Value)> {
    let is_write = |seen: &&Seen| seen.method != "GET" && !seen.target.ends_with("/access_tokens");
    let what = |seen: &Seen| {
        let body = seen.body.clone().unwrap_or_default();
        let of = body["context"].as_str().or(body["name"].as_str()).unwrap_or_default();
        let path =
            seen.target.rsplit_once("/kafka/").or(seen.target.rsplit_once("kafka/")).expect("of the repository").1;
        format!("{path} {of} {}", body["head_sha"].as_str().unwrap_or_default()).trim_end().to_owned()
    };
    let writes = seen.iter().filter(is_write);
    writes.map(|seen| (seen.method.as_str(), what(seen), seen.body.clone().unwrap_or_default())).collect()
}

/// What every forge asks of who uses it: known answers are not sent again, what is said is not said again, and a limit is obeyed.
fn had_manners(forge: &FakeForge) {
    // Fails when a request was not as the forge describes it.
    let _ = forge.writes();
    let seen = forge.world().seen.clone();
    let mut answered = BTreeSet::new();
    for request in seen.iter().filter(|request| request.method == "GET") {
        let is_conditional = request.headers.contains_key("if-none-match");
        assert_eq!(is_conditional, answered.contains(&request.target), "{}", request.target);
        if request.status == 200 {
            answered.insert(request.target.clone());
        }
    }
    assert!(seen.iter().filter(|request| request.status == 304).count() > 5, "{}", seen.len());

    let limited: Vec<usize> = (0..seen.len()).filter(|index| seen[*index].status == 429).collect();
    let [limited] = limited.as_slice() else { panic!("{limited:?}") };
    let waited = seen[limited + 1].at - seen[*limited].at;
    assert!(waited >= SILENCE - Duration::from_millis(100), "{waited:?}");

    let mut last: BTreeMap<&str, &Value> = BTreeMap::new();
    let writes = written(&seen);
    for (method, what, body) in &writes {
        assert!(*method != "DELETE" && last.insert(what, body) != Some(body), "{method} {what} {body}");
    }
    let count =
        |is_it: &dyn Fn(&str, &str) -> bool| writes.iter().filter(|(method, what, _)| is_it(method, what)).count();
    let is_comment = |what: &str| what.contains("comments") || what.contains("notes");
    assert_eq!(count(&|method, what| method == "POST" && is_comment(what)), 2, "the plan and the result: {writes:#?}");
    assert_eq!(count(&|method, what| method != "POST" && is_comment(what)), 3, "one for each later push: {writes:#?}");
    for what in last.keys() {
        let times = count(&|_, other| other == *what && what.contains("statuses"));
        assert!(times <= 2, "pending and the verdict: {writes:#?}");
    }
}

async fn lives_at(kind: ForgeKind) {
    let Some(mut world) = Pretended::world(kind).await else { return };
    let orders = unique_name("orders");
    world.begin(&orders).await;
    let Life { denied, broken, number } = world.live(&orders).await;
    rounds(&world, 3).await;
    let before = written(&world.place.forge.world().seen).len();
    rounds(&world, 3).await;
    assert_eq!(written(&world.place.forge.world().seen).len(), before, "nothing more is written");
    assert_eq!(world.place.comments(number).await.len(), 2);
    had_manners(&world.place.forge);

    let runs = world.place.forge.world().check_runs.clone();
    let shown: Vec<Value> = runs
        .iter()
        .map(|run| {
            let first = &run["output"]["annotations"][0];
            json!([run["head_sha"], run["name"], run["conclusion"], first["path"], first["annotation_level"]])
        })
        .collect();
    let name = "driftless/plan/prod findings";
    let expected = match kind {
        ForgeKind::GitHub => vec![
            json!([denied, name, "failure", "base/invoices.yaml", "failure"]),
            json!([broken, name, "failure", "base/invoices.yaml", "failure"]),
        ],
        ForgeKind::GitLab | ForgeKind::Gitea => vec![],
    };
    assert_eq!(shown, expected);
    for run in runs.iter().take(1) {
        let annotations = run["output"]["annotations"].as_array().expect("a list");
        let is_it = |shown: &Value| shown["start_line"] == 6 && shown["title"] == "replication-below-minimum";
        assert!(annotations.iter().any(is_it), "{annotations:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_life_of_a_pull_request_at_github() {
    lives_at(ForgeKind::GitHub).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_life_of_a_merge_request_at_gitlab() {
    lives_at(ForgeKind::GitLab).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_planned_when_a_label_or_the_settings_say_so_and_not_before() {
    for kind in [ForgeKind::GitHub, ForgeKind::GitLab] {
        let Some(mut world) = Pretended::world(kind).await else { return };
        world.begin("orders").await;
        world.start_agent("");
        world.branch("theirs");
        let head = world.push("theirs", &[("base/a.yaml", &topic("a", 3, 1))]).await;
        let number = world.place.open_as("theirs", true);
        let description = world.status_becomes(&head, "plan", "pending").await;
        assert_eq!(description, "Of a fork: the label driftless/plan lets it be planned.");
        rounds(&world, 2).await;
        assert_eq!(world.comment(number, "plan").await, None);
        assert!(!world.log().contains("\"pull_request\":"), "{}", world.log());

        // Somebody who maintains the repository sets the label. It holds for later commits, and goes with it.
        world.place.change(number, |pull| pull.labels = vec!["bug".to_owned(), "driftless/plan".to_owned()]);
        world.status_becomes(&head, "plan", "success").await;
        assert!(world.plan_comment(number).await.contains("topic/a"));
        let more = world.push("theirs", &[("base/b.yaml", &topic("b", 3, 1))]).await;
        world.status_becomes(&more, "plan", "success").await;
        assert!(world.plan_comment(number).await.contains("topic/b"));
        world.place.change(number, |pull| pull.labels.clear());
        let third = world.push("theirs", &[("base/c.yaml", &topic("c", 3, 1))]).await;
        world.status_says(&third, "plan", "pending", "Of a fork").await;

        // The settings let all of them through.
        world.reconfigure("repository: org/kafka", "repository: org/kafka, forks: true");
        world.start();
        world.status_becomes(&third, "plan", "success").await;
        assert!(world.plan_comment(number).await.contains("topic/c"));
        let _ = world.place.forge.writes();
    }
}

/// A manifest of ours.
fn manifest(kind: &str, spec: &str) -> String {
    format!("apiVersion: driftless.dev/v1\nkind: {kind}\nmetadata: {{name: by-the-author}}\nspec: {spec}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pull_request_approves_by_itself_is_said() {
    let Some(mut world) = Pretended::world(ForgeKind::GitHub).await else { return };
    world.begin("orders").await;
    world.push("main", &[("base/old.yaml", &topic("old", 3, 1))]).await;
    world.start_agent("apply: {prune: true, maxDeletions: 5}");
    world.branch("drop");
    std::fs::remove_file(world.clone().join("base/old.yaml")).expect("removed");
    let head = world.push("drop", &[]).await;
    let number = world.place.open("drop", "drop").await;
    let description = world.status_becomes(&head, "plan", "success").await;
    assert_eq!(description, "0 to create, 0 to update, 0 to delete, 1 held, 0 blocked");
    assert!(!world.plan_comment(number).await.contains("approved by"));

    // With the approval beside the deletion: that is what an apply would do, so that is what the plan says, and by whom.
    let approval = manifest("Approval", "{actions: [topic/old/delete], reason: unused, expires: 2999-12-31}");
    let approved = world.push("drop", &[("base/approval.yaml", &approval)]).await;
    let description = world.status_becomes(&approved, "plan", "success").await;
    assert_eq!(description, "0 to create, 0 to update, 1 to delete, 0 held, 0 blocked");
    let comment = world.plan_comment(number).await;
    let attention = comment.split("<details>").next().expect("a first part");
    assert!(
        attention.contains("Cannot be taken back") && attention.contains("approved by `by-the-author`"),
        "{comment}"
    );

    // An exception from policy is one that reviewers see too.
    world.branch("lax");
    let exception = manifest(
        "PolicyException",
        "{rules: [replication-below-minimum, min-insync-replicas-below-minimum], resources: [topic/one], reason: small, expires: 2999-12-31}",
    );
    let one = topic("one", 1, 1);
    let lax = world.push("lax", &[("base/one.yaml", &one), ("base/exception.yaml", &exception)]).await;
    let waived = world.place.open("lax", "lax").await;
    world.status_becomes(&lax, "plan", "success").await;
    let comment = world.plan_comment(waived).await;
    assert!(comment.contains("2 waived") && comment.contains("by-the-author"), "{comment}");
    world.place.change(waived, |pull| pull.open = false);

    world.merge(number, "Applied 1 of 1.").await;
    assert_eq!(world.retention("old").await, None);
    assert!(world.retention("orders").await.is_some());
    let _ = world.place.forge.writes();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_not_signed_as_it_must_be_is_planned_and_said_not_to_be_applied() {
    if !is_there("ssh-keygen") {
        return;
    }
    let Some(mut world) = Pretended::world(ForgeKind::GitLab).await else { return };
    let key = world.path().join("trusted/key");
    std::fs::create_dir_all(world.path().join("trusted")).expect("made");
    let mut keygen = std::process::Command::new("ssh-keygen");
    keygen.args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&key).stdin(std::process::Stdio::null());
    assert!(keygen.status().expect("runs").success());
    let clone = world.clone();
    let set = |name: &str, value: &str| git(&clone, &["config", name, value]);
    set("gpg.format", "ssh");
    set("user.signingkey", &key.display().to_string());
    set("commit.gpgsign", "true");
    world.begin("orders").await;
    world.configure("");
    world.reconfigure(
        "interval: 1s}\ncluster",
        "interval: 1s, verify: {mode: every-commit, keys: [trusted/]}}\ncluster",
    );
    world.start();

    set("commit.gpgsign", "false");
    world.branch("unsigned");
    let unsigned = world.push("unsigned", &[("base/a.yaml", &topic("a", 3, 1))]).await;
    let number = world.place.open("unsigned", "unsigned").await;
    world.status_becomes(&unsigned, "plan", "success").await;
    let comment = world.plan_comment(number).await;
    let words = format!("**Not signed by a trusted key**: the commit `{unsigned}` is not signed.");
    assert!(comment.contains(&words) && comment.contains("topic/a"), "{comment}");

    // One below a signed head counts where every commit must be signed.
    set("commit.gpgsign", "true");
    let on_top = world.push("unsigned", &[("base/b.yaml", &topic("b", 3, 1))]).await;
    world.status_becomes(&on_top, "plan", "success").await;
    assert!(world.plan_comment(number).await.contains(&words));
    world.branch("signed");
    let signed = world.push("signed", &[("base/c.yaml", &topic("c", 3, 1))]).await;
    let trusted = world.place.open("signed", "signed").await;
    world.status_becomes(&signed, "plan", "success").await;
    assert!(!world.plan_comment(trusted).await.contains("Not signed"));

    // Where only the head must be signed, it does not.
    world.reconfigure("mode: every-commit", "mode: head");
    world.start();
    let again = world.push("signed", &[("base/c.yaml", &topic("c", 3, 2))]).await;
    world.status_becomes(&again, "plan", "success").await;
    for _ in 0..300 {
        if !world.plan_comment(number).await.contains("Not signed") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(!world.plan_comment(number).await.contains("Not signed"), "{}", world.log());
    world.merge(trusted, "Applied 1 of 1.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_cost_the_agent_no_memory_and_others_no_time() {
    let Some(mut world) = Pretended::world(ForgeKind::GitHub).await else { return };
    world.begin("orders").await;
    world.start_agent("");
    world.branch("first");
    let first = world.push("first", &[("base/a.yaml", &topic("a", 3, 1))]).await;
    world.place.open("first", "first").await;
    world.status_becomes(&first, "plan", "success").await;
    let before = world.most_memory();

    world.branch("large");
    std::fs::write(world.clone().join("large.bin"), vec![0; 100 << 20]).expect("written");
    std::fs::write(world.clone().join("base/large.yaml"), vec![b'\n'; 100 << 20]).expect("written");
    let large = world.push("large", &[]).await;
    let number = world.place.open("large", "large").await;
    world.branch("small");
    let small = world.push("small", &[("base/small.yaml", &topic("small", 3, 1))]).await;
    world.place.open("small", "small").await;
    world.status_becomes(&small, "plan", "success").await;
    world.status_becomes(&large, "plan", "failure").await;
    assert!(world.plan_comment(number).await.contains("base/large.yaml"));
    let grown = before.zip(world.most_memory()).map(|(before, after)| after - before);
    assert!(grown.is_none_or(|grown| grown < 80 << 20), "{grown:?}");
}
