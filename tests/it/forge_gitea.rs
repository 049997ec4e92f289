//! The life of a pull request at a real Gitea, with an agent that applies to a real Kafka.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use driftless::domain::names::TopicName;
use driftless::domain::observed::Interest;
use driftless::ports::{Access, Cluster};
use serde_json::{Value, json};

use crate::git_support::{commit_all, git, write};
use crate::kafka_support::connect;
use crate::support::brokers::{self, Client, KafkaEnv, KafkaVersion, unique_name};
use crate::support::gitea::Gitea;

/// The agent beside its repository; killed with the value.
struct World {
    gitea: Gitea,
    kafka: KafkaEnv,
    directory: tempfile::TempDir,
    agent: Option<Child>,
    port: u16,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(agent) = &mut self.agent {
            drop(agent.kill());
            drop(agent.wait());
        }
    }
}

fn topic(name: &str, replicas: u8, hours: u64) -> String {
    let retention = hours * 3_600_000;
    format!(
        "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {{name: {name}}}\nspec:\n  partitions: 3\n  replicas: {replicas}\n  config: {{retention.ms: {retention}, min.insync.replicas: {}}}\n",
        replicas.saturating_sub(1).max(1)
    )
}

const REPOSITORY: &str = "apiVersion: driftless.dev/v1
kind: Repository
environments:
  prod: {layers: [base], policies: [policy], parameters: {minimumReplicationFactor: 3}}
  dev: {layers: [dev]}
";

const RULE: &str = "package main

deny contains msg if {
\tinput.kind == \"KafkaTopic\"
\tinput.spec.partitions > 12
\tmsg := \"more than twelve partitions\"
}
";

impl World {
    async fn new() -> Option<Self> {
        let kafka = brokers::kafka(KafkaVersion::V4)?;
        let gitea = Gitea::new().await?;
        let directory = tempfile::tempdir().expect("a directory");
        let world = Self { gitea, kafka, directory, agent: None, port: crate::support::ports::free_port() };
        git(world.path(), &["init", "-q", "-b", "main", "clone"]);
        git(world.path(), &["init", "-q", "--bare", "-b", "main", "reports.git"]);
        Some(world)
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn clone(&self) -> PathBuf {
        self.path().join("clone")
    }

    /// Commits these files on top of what the clone has, and pushes the branch.
    fn push(&self, branch: &str, files: &[(&str, &str)]) -> String {
        write(&self.clone(), files);
        let commit = commit_all(&self.clone(), "change");
        self.gitea.push(&self.clone(), branch);
        commit
    }

    fn start_agent(&mut self) {
        let (gitea, path) = (&self.gitea, self.path());
        std::fs::write(path.join("token"), &gitea.bot.token).expect("written");
        let settings = format!(
            "apiVersion: driftless.dev/v1
kind: Agent
environment: prod
stateDirectory: state
source: {{url: '{}', interval: 1s, auth: {{username: {}, passwordFile: token}}}}
cluster: {{propertiesFile: '{}'}}
report: {{url: reports.git}}
drift: {{schedule: '0 0 0 1 1 *'}}
forge: {{type: gitea, apiUrl: '{}', repository: {}/kafka, tokenFile: token, interval: 1s}}
http: {{listen: '127.0.0.1:{}'}}
",
            gitea.clone_url(),
            gitea.bot.name,
            self.kafka.properties(Client::Admin).display(),
            gitea.api_url(),
            gitea.organisation,
            self.port
        );
        std::fs::write(path.join("agent.yaml"), settings).expect("written");
        let log = std::fs::File::create(path.join("agent.log")).expect("made");
        let mut command = Command::new(env!("CARGO_BIN_EXE_driftless"));
        command.env_clear().env("HOME", path).env("RUST_LOG", "info,driftless::agent::pull_requests=debug");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.current_dir(path).args(["--log-format", "json", "agent", "--config", "agent.yaml"]);
        let agent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the binary runs");
        self.agent = Some(agent);
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("agent.log")).unwrap_or_default()
    }

    /// Waits until the commit's status is so; returns the description.
    async fn status_becomes(&self, revision: &str, context: &str, state: &str) -> String {
        let mut last = None;
        for _ in 0..300 {
            last = self.gitea.status(revision, context).await;
            match &last {
                Some((found, description)) if found == state => return description.clone(),
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
        panic!("{context} of {revision} never becomes {state}: {last:?}\n{}", self.log());
    }

    /// The one comment of the bot of that kind.
    async fn comment(&self, number: u64, kind: &str) -> Option<String> {
        let marker = format!("<!-- driftless:{kind} environment=prod ");
        let comments = self.gitea.comments(number).await;
        let ours: Vec<_> = comments
            .into_iter()
            .filter(|(who, text)| *who == self.gitea.bot.name && text.starts_with(&marker))
            .collect();
        assert!(ours.len() <= 1, "{ours:#?}");
        ours.into_iter().next().map(|(_, text)| text)
    }

    /// What the agent planned last for a pull request, as its log has it.
    fn planned(&self, number: u64) -> Value {
        let log = self.log();
        let mut plans = log.lines().rev().filter_map(|line| {
            let event: Value = serde_json::from_str(line).ok()?;
            let fields = event.get("fields").unwrap_or(&event);
            let is_it = fields["pull_request"] == number;
            let plan = fields["plan"].as_str()?;
            if is_it { serde_json::from_str(plan).ok() } else { None }
        });
        plans.next().unwrap_or_else(|| panic!("no plan in the log:\n{log}"))
    }

    /// The plan of the last pass.
    async fn applied_plan(&self) -> Value {
        let url = format!("http://127.0.0.1:{}/api/v1/plan", self.port);
        reqwest::get(url).await.expect("answers").json().await.expect("JSON")
    }

    async fn on_cluster(&self, name: &str) -> Option<String> {
        let name = TopicName::parse(name).expect("a name");
        let cluster = connect(&self.kafka, Client::Admin, Access::ReadOnly);
        let interest = Interest::Only {
            topics: [name.clone()].into(),
            users: false,
            acls: false,
            quotas: false,
            broker_configs: Default::default(),
        };
        let observed = cluster.observe(&interest).await.expect("answers");
        observed.topics.get(&name)?.overrides.get("retention.ms")?.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_life_of_a_pull_request() {
    let Some(mut world) = World::new().await else { return };
    let (orders, invoices) = (unique_name("orders"), unique_name("invoices"));
    world.push(
        "main",
        &[
            ("driftless.yaml", REPOSITORY),
            ("policy/partitions.rego", RULE),
            ("base/orders.yaml", &topic(&orders, 3, 24)),
            ("dev/a.yaml", &topic("dev-only", 3, 1)),
        ],
    );
    let protection = json!({
        "rule_name": "main", "enable_push": false,
        "enable_status_check": true, "status_check_contexts": ["driftless/plan/prod"]
    });
    let path = world.gitea.repository("/branch_protections");
    world.gitea.administer("POST", &path, protection).await;
    world.start_agent();

    // Opened: planned, not yet there.
    git(&world.clone(), &["checkout", "-q", "-b", "feature"]);
    let head = world.push(
        "feature",
        &[("base/invoices.yaml", &topic(&invoices, 3, 2)), ("base/orders.yaml", &topic(&orders, 3, 48))],
    );
    let number = world.gitea.open("feature", "Invoices <b>@everyone</b>").await;
    let description = world.status_becomes(&head, "driftless/plan/prod", "success").await;
    assert_eq!(description, "1 to create, 1 to update, 0 to delete, 0 held, 0 blocked");
    let first = world.comment(number, "plan").await.expect("a comment");
    assert!(first.contains(&orders) && first.contains(&invoices), "{first}");
    assert_eq!(world.on_cluster(&invoices).await, None);

    // What breaks the base's rules fails, whatever the pull request makes of those rules.
    let lax = REPOSITORY.replace("minimumReplicationFactor: 3", "minimumReplicationFactor: 1");
    let bad = world.push(
        "feature",
        &[
            ("base/invoices.yaml", &topic(&invoices, 1, 2)),
            ("driftless.yaml", &lax),
            ("policy/partitions.rego", "package main\n"),
            ("agent.yaml", "kind: Agent\nenvironment: dev\n"),
        ],
    );
    let description = world.status_becomes(&bad, "driftless/plan/prod", "failure").await;
    assert!(description.starts_with("Policy refuses"), "{description}");
    let denied = world.comment(number, "plan").await.expect("a comment");
    assert!(denied.contains("replication-below-minimum") && denied.contains("base/invoices.yaml:6"), "{denied}");
    assert_eq!(world.gitea.merge(number).await, 405, "the required status keeps it from being merged");

    // Files that are none say where.
    let broken = world.push("feature", &[("base/invoices.yaml", "kind: [\n")]);
    world.status_becomes(&broken, "driftless/plan/prod", "failure").await;
    let comment = world.comment(number, "plan").await.expect("a comment");
    assert!(comment.contains("base/invoices.yaml:"), "{comment}");

    // Repaired, and merged.
    let fixed = world.push(
        "feature",
        &[
            ("base/invoices.yaml", &topic(&invoices, 3, 2)),
            ("driftless.yaml", REPOSITORY),
            ("policy/partitions.rego", RULE),
        ],
    );
    world.status_becomes(&fixed, "driftless/plan/prod", "success").await;
    let comment = world.comment(number, "plan").await.expect("a comment");
    let planned = world.planned(number);
    let id = planned["id"].as_str().expect("an id");
    assert!(comment.contains(id), "{id}: {comment}");
    let mut merged = 0;
    for _ in 0..100 {
        // Gitea works out in the background whether it can be merged.
        merged = world.gitea.merge(number).await;
        if merged == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(merged, 200);
    let merge =
        world.gitea.get(&format!("/pulls/{number}")).await["merge_commit_sha"].as_str().expect("merged").to_owned();

    // Applied, and said so.
    let description = world.status_becomes(&merge, "driftless/apply/prod", "success").await;
    assert_eq!(description, "Applied 2 of 2.");
    assert_eq!(world.on_cluster(&invoices).await.as_deref(), Some("7200000"));
    assert_eq!(world.on_cluster(&orders).await.as_deref(), Some("172800000"));
    let reply = world.comment(number, "apply").await.expect("a reply");
    assert!(reply.contains("Applied 2 of 2") && reply.contains(&merge), "{reply}");

    // What was shown is what was done.
    let applied = world.applied_plan().await;
    assert_eq!(planned["actions"].to_string(), applied["actions"].to_string());
    assert_eq!(planned["id"], applied["id"]);

    // And then nothing more is written.
    let before = world.gitea.get(&format!("/issues/{number}/comments")).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(world.gitea.get(&format!("/issues/{number}/comments")).await, before);
    assert_eq!(before.as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_pull_request_changes_nothing_for_another_one() {
    let Some(mut world) = World::new().await else { return };
    let orders = unique_name("orders");
    world.push(
        "main",
        &[
            ("driftless.yaml", REPOSITORY),
            ("policy/a.rego", RULE),
            ("base/orders.yaml", &topic(&orders, 3, 24)),
            ("dev/a.yaml", &topic("dev-only", 3, 1)),
        ],
    );
    world.start_agent();
    git(&world.clone(), &["checkout", "-q", "-b", "large"]);
    std::fs::write(world.clone().join("large.bin"), vec![0; 100 << 20]).expect("written");
    std::os::unix::fs::symlink("/etc", world.clone().join("base/etc")).expect("linked");
    let large = world
        .push("large", &[(".gitattributes", "* filter=evil merge=evil\n"), ("dev/b.yaml", &topic("dev-too", 3, 1))]);
    git(&world.clone(), &["checkout", "-q", "-b", "elsewhere", "main"]);
    let elsewhere =
        world.push("elsewhere", &[("dev/a.yaml", &topic("dev-only", 3, 2)), ("agent.yaml", "environment: dev\n")]);
    git(&world.clone(), &["checkout", "-q", "-b", "small", "main"]);
    let name = unique_name("small");
    let small = world.push("small", &[("base/small.yaml", &topic(&name, 3, 1))]);
    let hostile = world.gitea.open("large", "large").await;
    let other = world.gitea.open("elsewhere", "another environment").await;
    let honest = world.gitea.open("small", "small").await;

    assert_eq!(
        world.status_becomes(&small, "driftless/plan/prod", "success").await,
        "1 to create, 0 to update, 0 to delete, 0 held, 0 blocked"
    );
    assert!(world.comment(honest, "plan").await.is_some_and(|text| text.contains(&name)));
    // The link out of the repository is a file that cannot be read.
    world.status_becomes(&large, "driftless/plan/prod", "failure").await;
    assert!(
        world.comment(hostile, "plan").await.is_some_and(|text| text.contains("base/etc") && !text.contains("root:"))
    );
    let description = world.status_becomes(&elsewhere, "driftless/plan/prod", "success").await;
    assert_eq!(description, "Merging this does not change the environment.");
    assert_eq!(world.comment(other, "plan").await, None);
}
