//! The life of a pull request, written once for all forges: opened, denied, broken, repaired, merged, applied. And the agent
//! that takes part in it, as a process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use driftless::domain::names::TopicName;
use driftless::domain::observed::Interest;
use driftless::ports::Cluster;
use serde_json::Value;

use crate::git_support::{commit_all, git, write};
use crate::support::brokers::unique_name;
use crate::support::ports::free_port;

/// Where a life takes place: a forge with one repository, and a cluster.
pub(crate) trait Place {
    /// The parts `source`, `cluster` and `forge` of the agent's settings. Writes the credentials into the agent's directory.
    fn settings(&self, directory: &Path) -> String;
    /// The cluster, for reading.
    fn cluster(&self) -> Box<dyn Cluster>;
    /// Pushes what a clone has as a branch. A pull request of that branch then has it as its head.
    async fn push(&self, clone: &Path, branch: &str);
    /// Opens a pull request of a branch, and returns its number.
    async fn open(&self, branch: &str, title: &str) -> u64;
    /// Merges as a person does; the merge commit, or `None` as long as the forge does not let it.
    async fn merge(&self, clone: &Path, number: u64) -> Option<String>;
    /// The last status of a commit in a context: `pending`, `success` or `failure`, and its description.
    async fn status(&self, revision: &str, context: &str) -> Option<(String, String)>;
    /// The comments that the agent's user wrote.
    async fn comments(&self, number: u64) -> Vec<String>;
    /// Refuses the next request as one too many, where the forge does so on demand.
    fn want_fewer_requests(&self) {}
}

/// The agent beside its repository; killed with the value.
pub(crate) struct World<P> {
    pub(crate) place: P,
    directory: tempfile::TempDir,
    agent: Option<Child>,
    port: u16,
}

impl<P> Drop for World<P> {
    fn drop(&mut self) {
        if let Some(agent) = &mut self.agent {
            drop(agent.kill());
            drop(agent.wait());
        }
    }
}

/// The commits of a life, and its number.
pub(crate) struct Life {
    pub(crate) number: u64,
    /// The head that policy denied.
    pub(crate) denied: String,
    /// The head whose files could not be read.
    pub(crate) broken: String,
}

pub(crate) fn topic(name: &str, replicas: u8, hours: u64) -> String {
    let retention = hours * 3_600_000;
    format!(
        "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {{name: {name}}}\nspec:\n  partitions: 3\n  replicas: {replicas}\n  config: {{retention.ms: {retention}, min.insync.replicas: {}}}\n",
        replicas.saturating_sub(1).max(1)
    )
}

pub(crate) const REPOSITORY: &str = "apiVersion: driftless.dev/v1
kind: Repository
environments:
  prod: {layers: [base], policies: [policy], parameters: {minimumReplicationFactor: 3}}
  dev: {layers: [dev]}
";

pub(crate) const RULE: &str = "package main

deny contains msg if {
\tinput.kind == \"KafkaTopic\"
\tinput.spec.partitions > 12
\tmsg := \"more than twelve partitions\"
}
";

impl<P: Place> World<P> {
    pub(crate) fn new(place: P) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let world = Self { place, directory, agent: None, port: free_port() };
        git(world.path(), &["init", "-q", "-b", "main", "clone"]);
        git(world.path(), &["init", "-q", "--bare", "-b", "main", "reports.git"]);
        world
    }

    /// The agent's directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The clone that people push from.
    pub(crate) fn clone(&self) -> PathBuf {
        self.path().join("clone")
    }

    /// Commits these files on top of what the clone has, and pushes the branch.
    pub(crate) async fn push(&self, branch: &str, files: &[(&str, &str)]) -> String {
        write(&self.clone(), files);
        let commit = commit_all(&self.clone(), "change");
        self.place.push(&self.clone(), branch).await;
        commit
    }

    /// Pushes `main`, with what the environments declare from the beginning.
    pub(crate) async fn begin(&self, orders: &str) -> String {
        let files = [
            ("driftless.yaml", REPOSITORY),
            ("policy/partitions.rego", RULE),
            ("base/orders.yaml", &*topic(orders, 3, 24)),
            ("dev/a.yaml", &*topic("dev-only", 3, 1)),
        ];
        self.push("main", &files).await
    }

    /// Goes to a new branch from where `main` is.
    pub(crate) fn branch(&self, name: &str) {
        git(&self.clone(), &["checkout", "-q", "-b", name, "main"]);
    }

    /// Starts the agent with these further settings.
    pub(crate) fn start_agent(&mut self, more: &str) {
        self.configure(more);
        self.start();
    }

    /// Writes the agent's settings, with these further ones.
    pub(crate) fn configure(&self, more: &str) {
        let path = self.path();
        let settings = format!(
            "apiVersion: driftless.dev/v1
kind: Agent
environment: prod
stateDirectory: state
report: {{url: reports.git}}
drift: {{schedule: '0 0 0 1 1 *'}}
http: {{listen: '127.0.0.1:{}'}}
{}
{more}
",
            self.port,
            self.place.settings(path),
        );
        std::fs::write(path.join("agent.yaml"), settings).expect("written");
    }

    /// Writes this instead of that in the agent's settings.
    pub(crate) fn reconfigure(&self, old: &str, new: &str) {
        let file = self.path().join("agent.yaml");
        let settings = std::fs::read_to_string(&file).expect("it was configured");
        assert!(settings.contains(old), "{settings}");
        std::fs::write(file, settings.replace(old, new)).expect("written");
    }

    /// Starts the agent; one that runs is killed before.
    pub(crate) fn start(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            agent.kill().expect("killed");
            agent.wait().expect("waited");
        }
        let path = self.path();
        let log = std::fs::File::options().create(true).append(true).open(path.join("agent.log")).expect("made");
        let mut command = Command::new(env!("CARGO_BIN_EXE_driftless"));
        command.env_clear().env("HOME", path).env("RUST_LOG", "info,driftless::agent::pull_requests=debug");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.current_dir(path).args(["--log-format", "json", "agent", "--config", "agent.yaml"]);
        let agent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the binary runs");
        self.agent = Some(agent);
    }

    /// The most memory that the agent ever had, in bytes (proc_pid_status(5)); `None` where the system does not say.
    pub(crate) fn most_memory(&self) -> Option<u64> {
        let id = self.agent.as_ref().expect("it was started").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes * 1024)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("agent.log")).unwrap_or_default()
    }

    /// Waits until the commit's status is so; returns the description.
    pub(crate) async fn status_becomes(&self, revision: &str, kind: &str, state: &str) -> String {
        self.status_says(revision, kind, state, "").await
    }

    /// Waits until the commit's status is so and its description holds these words; returns the description.
    pub(crate) async fn status_says(&self, revision: &str, kind: &str, state: &str, words: &str) -> String {
        let context = format!("driftless/{kind}/prod");
        let mut last = None;
        for _ in 0..600 {
            last = self.place.status(revision, &context).await;
            match &last {
                Some((found, description)) if found == state && description.contains(words) => {
                    return description.clone();
                }
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
        panic!("{context} of {revision} never becomes {state} with `{words}`: {last:?}\n{}", self.log());
    }

    /// The one comment of the agent of that kind.
    pub(crate) async fn comment(&self, number: u64, kind: &str) -> Option<String> {
        let marker = format!("<!-- driftless:{kind} environment=prod ");
        let mut ours = self.place.comments(number).await;
        ours.retain(|text| text.starts_with(&marker));
        assert!(ours.len() <= 1, "{ours:#?}");
        ours.pop()
    }

    /// The comment with the plan.
    pub(crate) async fn plan_comment(&self, number: u64) -> String {
        self.comment(number, "plan").await.unwrap_or_else(|| panic!("no comment\n{}", self.log()))
    }

    /// What the agent planned last for a pull request, as its log has it.
    pub(crate) fn planned(&self, number: u64) -> Value {
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

    /// How long the cluster keeps a topic, in milliseconds; `None` when it has no such topic.
    pub(crate) async fn retention(&self, name: &str) -> Option<String> {
        let name = TopicName::parse(name).expect("a name");
        let interest = Interest::Only {
            topics: [name.clone()].into(),
            users: false,
            acls: false,
            quotas: false,
            broker_configs: Default::default(),
        };
        let observed = self.place.cluster().observe(&interest).await.expect("answers");
        observed.topics.get(&name)?.overrides.get("retention.ms")?.clone()
    }

    /// Merges as soon as the forge lets it. What is then applied is what was shown before: same actions, same id.
    pub(crate) async fn merge(&self, number: u64, result: &str) {
        let comment = self.plan_comment(number).await;
        let planned = self.planned(number);
        let id = planned["id"].as_str().expect("an id");
        assert!(comment.contains(id), "{id}: {comment}");
        let mut merged = None;
        for _ in 0..300 {
            // A forge may work out in the background whether it can be merged.
            merged = self.place.merge(&self.clone(), number).await;
            if merged.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let merge = merged.unwrap_or_else(|| panic!("{number} cannot be merged\n{}", self.log()));
        assert_eq!(self.status_becomes(&merge, "apply", "success").await, result);
        let reply = self.comment(number, "apply").await.expect("a reply");
        assert!(reply.contains(result.trim_end_matches('.')) && reply.contains(&merge), "{reply}");
        assert!(reply.contains("Exactly the plan that was shown here"), "{reply}");
        let applied = self.applied_plan().await;
        assert_eq!(planned["actions"].to_string(), applied["actions"].to_string());
        assert_eq!(planned["id"], applied["id"]);
    }

    /// The whole life of a pull request that changes this topic of the beginning.
    pub(crate) async fn live(&mut self, orders: &str) -> Life {
        let invoices = unique_name("invoices");
        self.start_agent("");

        // Opened: planned, not yet there.
        self.branch("feature");
        let opened = [("base/invoices.yaml", &*topic(&invoices, 3, 2)), ("base/orders.yaml", &*topic(orders, 3, 48))];
        let head = self.push("feature", &opened).await;
        let number = self.place.open("feature", "Invoices <b>@everyone</b>").await;
        let description = self.status_becomes(&head, "plan", "success").await;
        assert_eq!(description, "1 to create, 1 to update, 0 to delete, 0 held, 0 blocked");
        let first = self.plan_comment(number).await;
        assert!(first.contains(orders) && first.contains(&invoices), "{first}");
        assert_eq!(self.retention(&invoices).await, None);

        // What breaks the base's rules fails, whatever the pull request makes of those rules.
        self.place.want_fewer_requests();
        let lax = REPOSITORY.replace("minimumReplicationFactor: 3", "minimumReplicationFactor: 1");
        let bad = [
            ("base/invoices.yaml", &*topic(&invoices, 1, 2)),
            ("driftless.yaml", &*lax),
            ("policy/partitions.rego", "package main\n"),
            ("agent.yaml", "kind: Agent\nenvironment: dev\n"),
        ];
        let denied = self.push("feature", &bad).await;
        let description = self.status_becomes(&denied, "plan", "failure").await;
        assert!(description.starts_with("Policy refuses"), "{description}");
        let comment = self.plan_comment(number).await;
        assert!(comment.contains("replication-below-minimum") && comment.contains("base/invoices.yaml:6"), "{comment}");
        let merged = self.place.merge(&self.clone(), number).await;
        assert_eq!(merged, None, "the required status keeps it from being merged");

        // Files that are none say where.
        let broken = self.push("feature", &[("base/invoices.yaml", "kind: [\n")]).await;
        self.status_becomes(&broken, "plan", "failure").await;
        let comment = self.plan_comment(number).await;
        assert!(comment.contains("base/invoices.yaml:"), "{comment}");

        // Repaired, merged, applied.
        let repaired = [
            ("base/invoices.yaml", &*topic(&invoices, 3, 2)),
            ("driftless.yaml", REPOSITORY),
            ("policy/partitions.rego", RULE),
        ];
        let fixed = self.push("feature", &repaired).await;
        self.status_becomes(&fixed, "plan", "success").await;
        self.merge(number, "Applied 2 of 2.").await;
        assert_eq!(self.retention(&invoices).await.as_deref(), Some("7200000"));
        assert_eq!(self.retention(orders).await.as_deref(), Some("172800000"));
        Life { number, denied, broken }
    }
}
