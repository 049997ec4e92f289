//! A small config repository, the binary on it, and Kafka's own word on what the cluster holds afterwards.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests panic and print like tests")]
#![allow(clippy::disallowed_methods, reason = "bounds of time are measured")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command};

use serde_json::Value;

use crate::cli_support::{Desk, Outcome};
use crate::git_support;
use crate::support::brokers::{Client, KafkaEnv};

/// A repository with one environment, `test`, made of the layer `base`; and the cluster that it is for.
pub(crate) struct Place {
    pub(crate) desk: Desk,
    cluster: String,
}

/// What Kafka's own tool says of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) partitions: u32,
    pub(crate) replication: u32,
    pub(crate) configs: BTreeMap<String, String>,
}

impl Place {
    /// The built-in policy asks for three replicas there, as it does by default.
    pub(crate) fn strict(kafka: &KafkaEnv) -> Self {
        Self::at(kafka.bootstrap(Client::Plaintext), "{layers: [base]}")
    }

    /// One replica will do there.
    pub(crate) fn relaxed(kafka: &KafkaEnv) -> Self {
        let parameters = "{minimumReplicationFactor: 1, minimumInsyncReplicas: 1}";
        Self::at(kafka.bootstrap(Client::Plaintext), &format!("{{layers: [base], parameters: {parameters}}}"))
    }

    /// A place for other brokers, reached without encryption.
    pub(crate) fn at(bootstrap: &str, environment: &str) -> Self {
        let place = Self { desk: Desk::new(), cluster: format!("--bootstrap-server {bootstrap}") };
        let file = format!("apiVersion: driftless.dev/v1\nkind: Repository\nenvironments:\n  test: {environment}\n");
        place.write("driftless.yaml", &file);
        git_support::git(place.desk.path(), &["init", "-q", "-b", "main", "repo"]);
        place
    }

    /// Reaches the cluster with these arguments from now on.
    pub(crate) fn through(mut self, cluster: &str) -> Self {
        self.cluster = cluster.to_owned();
        self
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.desk.path().join("repo")
    }

    /// Writes a file of the repository.
    pub(crate) fn write(&self, path: &str, content: &str) {
        git_support::write(&self.repository(), &[(path, content)]);
    }

    /// Writes `base/topics.yaml`.
    pub(crate) fn topics(&self, documents: &[String]) {
        self.write("base/topics.yaml", &documents.join("---\n"));
    }

    pub(crate) fn commit(&self) -> String {
        git_support::commit_all(&self.repository(), "a change")
    }

    fn line(&self, line: &str) -> String {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        format!("{command} repo -e test {} {rest}", self.cluster)
    }

    /// Runs a command on the repository and the cluster; `line` is the command with its further options.
    pub(crate) fn run(&self, line: &str) -> Outcome {
        self.desk.run(&self.line(line))
    }

    /// Like [`Place::run`], without waiting for the end. What it says goes to files: a pipe that nobody empties would
    /// stop it.
    pub(crate) fn start(&self, line: &str) -> Child {
        let mut command = self.desk.command();
        let file = |name: &str| std::fs::File::create(self.desk.path().join(name)).unwrap();
        command.args(self.line(line).split_whitespace()).stdout(file("stdout")).stderr(file("stderr"));
        command.spawn().unwrap()
    }

    /// Waits for a started command.
    pub(crate) fn end(&self, mut child: Child) -> (Option<i32>, String, String) {
        let code = child.wait().unwrap().code();
        let text = |name: &str| std::fs::read_to_string(self.desk.path().join(name)).unwrap();
        (code, text("stdout"), text("stderr"))
    }

    /// Returns how `plan`, `plan --detailed-exitcode` and `apply` end, in this order.
    pub(crate) fn codes(&self) -> [i32; 3] {
        ["plan", "plan --detailed-exitcode", "apply --yes"].map(|line| {
            let outcome = self.run(line);
            println!("== {line}: {}\n{}{}", outcome.code, outcome.stdout, outcome.stderr);
            outcome.code
        })
    }

    /// Applies what the repository says, which must go well.
    #[track_caller]
    pub(crate) fn applied(&self) {
        let outcome = self.run("apply --yes");
        assert_eq!(outcome.code, 0, "{}{}", outcome.stdout, outcome.stderr);
    }

    /// Returns the plan, which nothing denies.
    #[track_caller]
    pub(crate) fn plan(&self) -> Value {
        let outcome = self.run("plan -o json");
        assert_eq!(outcome.code, 0, "{}{}", outcome.stdout, outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// Checks that an apply would do nothing and that no difference is left.
    #[track_caller]
    pub(crate) fn in_sync(&self) {
        assert_eq!(ids(&self.plan()), Vec::<String>::new());
        assert_eq!(self.run("plan --detailed-exitcode").code, 0);
    }

    /// Returns the resources that the report branch says are ours.
    pub(crate) fn owned(&self) -> Vec<String> {
        let branch = "driftless/test:inventory.json";
        if !git_support::git_succeeds(&self.repository(), &["cat-file", "-e", branch]) {
            return Vec::new();
        }
        let inventory: Value = serde_json::from_str(&git_support::git(&self.repository(), &["show", branch])).unwrap();
        inventory["resources"].as_object().unwrap().keys().cloned().collect()
    }
}

/// Writes a topic manifest.
pub(crate) fn topic(name: &str, partitions: u32, replicas: u32, config: &[(&str, &str)]) -> String {
    let config: String = config.iter().map(|(key, value)| format!("    {key}: {value}\n")).collect();
    let config = if config.is_empty() { String::new() } else { format!("  config:\n{config}") };
    format!(
        "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata:\n  name: {name}\nspec:\n  \
         partitions: {partitions}\n  replicas: {replicas}\n{config}"
    )
}

/// Returns the ids of a plan's actions.
pub(crate) fn ids(plan: &Value) -> Vec<String> {
    plan["actions"].as_array().unwrap().iter().map(|action| action["id"].as_str().unwrap().to_owned()).collect()
}

/// Returns an action of a plan.
#[track_caller]
pub(crate) fn action<'a>(plan: &'a Value, id: &str) -> &'a Value {
    let found = plan["actions"].as_array().unwrap().iter().find(|action| action["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} among {:?}", ids(plan)))
}

/// Returns a field of an action as `(applied, observed, desired)`.
#[track_caller]
pub(crate) fn field(action: &Value, path: &str) -> (Value, Value, Value) {
    let found = action["fields"].as_array().unwrap().iter().find(|field| field["path"] == path);
    let found = found.unwrap_or_else(|| panic!("no {path} in {action}"));
    let side = |name: &str| found.get(name).cloned().unwrap_or(Value::Null);
    (side("applied"), side("observed"), side("desired"))
}

/// Returns the codes of a plan's findings.
pub(crate) fn findings(plan: &Value) -> Vec<String> {
    plan["findings"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap().to_owned()).collect()
}

/// Asks Kafka's own tool for the topics whose names begin like that.
pub(crate) fn on_cluster(kafka: &KafkaEnv, prefix: &str) -> BTreeMap<String, Described> {
    let pattern = format!("{}.*", prefix.replace('.', "\\."));
    let text = kafka.tool(&["topics", "--describe", "--if-exists", "--topic", &pattern]);
    text.lines().filter(|line| line.contains("PartitionCount:")).map(described).collect()
}

fn described(line: &str) -> (String, Described) {
    let parts: BTreeMap<&str, &str> = line
        .split('\t')
        .filter_map(|part| part.split_once(':'))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect();
    // Values may hold commas; those of these tests do not.
    let configs = parts["Configs"].split(',').filter_map(|config| config.split_once('='));
    let described = Described {
        partitions: parts["PartitionCount"].parse().unwrap(),
        replication: parts["ReplicationFactor"].parse().unwrap(),
        configs: configs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
    };
    (parts["Topic"].to_owned(), described)
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap();
    assert!(status.success(), "kill -{name}");
}

/// Runs something with a bound of time, and gives a busy machine a second and a third chance to keep it.
#[track_caller]
pub(crate) fn within(limit: std::time::Duration, mut attempt: impl FnMut()) {
    let mut taken = Vec::new();
    for _ in 0..3 {
        let started = std::time::Instant::now();
        attempt();
        let elapsed = started.elapsed();
        if elapsed < limit {
            return;
        }
        taken.push(elapsed);
    }
    panic!("took {taken:?}, allowed are {limit:?}");
}
