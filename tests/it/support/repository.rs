//! A config repository in git on a desk of its own, and the binary run in it against one cluster.
#![allow(dead_code, reason = "each test uses the part that it needs")]

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::brokers::{KafkaEnv, unique_name};
use crate::cli_support::{Desk, Outcome};
use crate::git_support;

/// A clone with a work tree, committed, on a desk whose environment holds nothing.
pub(crate) struct ConfigRepository {
    desk: Desk,
    /// Given to every command that talks to a cluster.
    cluster: Vec<String>,
    /// Given to every command that plans.
    options: Vec<String>,
}

impl ConfigRepository {
    /// A repository of these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let repository = Self { desk: Desk::new(), cluster: Vec::new(), options: Vec::new() };
        std::fs::create_dir(repository.root()).expect("is made");
        git_support::git(&repository.root(), &["init", "-q", "-b", "main"]);
        git_support::write(&repository.root(), files);
        repository.commit("first");
        repository
    }

    /// A copy of example-repo.
    pub(crate) fn example() -> Self {
        let repository = Self::new(&[]);
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("example-repo"), &repository.root());
        repository.commit("the example");
        repository
    }

    /// Names the cluster of every later command, as whoever the properties log in as.
    pub(crate) fn connect(&mut self, bootstrap: &str, properties: &Path) {
        self.cluster =
            vec!["--bootstrap-server".into(), bootstrap.into(), "--command-config".into(), shown(properties)];
    }

    /// Gives an option with its value to every later plan, apply and drift.
    pub(crate) fn option(&mut self, name: &str, value: &str) {
        self.options.extend([name.to_owned(), value.to_owned()]);
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.desk.path().join("repository")
    }

    /// A path on the desk, outside the repository.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.desk.path().join(name)
    }

    /// Writes a file on the desk, outside the repository, and returns its path.
    pub(crate) fn write_outside(&self, name: &str, content: &str) -> PathBuf {
        git_support::write(self.desk.path(), &[(name, content)]);
        self.outside(name)
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        git_support::write(&self.root(), &[(path, content)]);
    }

    pub(crate) fn commit(&self, message: &str) -> String {
        git_support::commit_all(&self.root(), message)
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git_support::git(&self.root(), args)
    }

    /// A new empty bare repository, as the remote `origin`.
    pub(crate) fn add_remote(&self) -> PathBuf {
        let remote = self.outside("remote.git");
        git_support::git(self.desk.path(), &["init", "-q", "--bare", "-b", "main", "remote.git"]);
        self.git(&["remote", "add", "origin", &format!("file://{}", remote.display())]);
        self.git(&["push", "-q", "origin", "main"]);
        remote
    }

    /// Runs a command that talks to the cluster.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        let all = args.iter().map(|arg| (*arg).to_owned()).chain(self.cluster.iter().chain(&self.options).cloned());
        self.call(all.collect())
    }

    /// Runs a command that plans against something else than the cluster, or imports.
    pub(crate) fn run_with(&self, args: &[&str], more: &[&str]) -> Outcome {
        self.call(args.iter().chain(more).map(|arg| (*arg).to_owned()).collect())
    }

    /// Runs a command that talks to the cluster and does not plan.
    pub(crate) fn run_plain(&self, args: &[&str]) -> Outcome {
        self.call(args.iter().map(|arg| (*arg).to_owned()).chain(self.cluster.iter().cloned()).collect())
    }

    fn call(&self, args: Vec<String>) -> Outcome {
        let mut command = self.desk.command();
        command.current_dir(self.root()).args(args);
        // Nothing of the machine's own git configuration gets in.
        for (name, value) in [("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")] {
            command.env(name, value);
        }
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "tester").env(format!("GIT_{role}_EMAIL"), "tester@localhost");
        }
        let output = command.output().expect("the binary runs");
        Outcome {
            code: output.status.code().expect("ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Returns the plan, which must not be refused.
    #[track_caller]
    pub(crate) fn plan(&self, environment: &str) -> Value {
        self.run(&["plan", "-e", environment, "-o", "json"]).json(0)
    }

    /// Returns the drift report.
    #[track_caller]
    pub(crate) fn drift(&self, environment: &str) -> Value {
        self.run(&["drift", "-e", environment, "-o", "json"]).json(0)
    }

    /// Applies everything, which must work, and returns how many actions were performed. On a machine that is much too busy
    /// the brokers may not show everything in time: then the apply says so and fails, and the next plan is empty all the same.
    #[track_caller]
    pub(crate) fn apply(&self, environment: &str) -> usize {
        self.perform(&["apply", "-e", environment])
    }

    /// Like [`ConfigRepository::apply`], with other arguments.
    #[track_caller]
    pub(crate) fn perform(&self, args: &[&str]) -> usize {
        let outcome = self.run(&[args, &["--yes", "-o", "json"]].concat());
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{}", outcome.stderr));
        let results = report["results"].as_array().expect("results");
        let with = |result: &str| results.iter().filter(|action| action["outcome"]["result"] == result).count();
        let (n_applied, n_unconfirmed) = (with("applied"), with("appliedUnconfirmed"));
        assert_eq!(n_applied + n_unconfirmed, results.len(), "{}\n{report:#}", outcome.stderr);
        assert_eq!(outcome.code, i32::from(n_unconfirmed > 0), "{}", outcome.stderr);
        if n_unconfirmed > 0 {
            std::thread::sleep(std::time::Duration::from_secs(30));
        }
        results.len()
    }

    /// Checks that a plan has nothing to do, and says so with its exit code too.
    #[track_caller]
    pub(crate) fn expect_in_sync(&self, environment: &str) {
        let outcome = self.run(&["plan", "-e", environment, "--detailed-exitcode", "-o", "json"]);
        let plan = outcome.json(0);
        assert_eq!(ids(&plan), Vec::<String>::new());
        assert_eq!(plan["unknown"], serde_json::json!([]));
    }
}

impl Outcome {
    /// Checks the exit code, and returns standard output, which is JSON.
    #[track_caller]
    pub(crate) fn json(&self, code: i32) -> Value {
        let end = self.stdout.len().saturating_sub(4000);
        assert_eq!(self.code, code, "{}\n{}", String::from_utf8_lossy(&self.stdout.as_bytes()[end..]), self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.stdout))
    }
}

/// Returns the ids of a plan's actions, in their order.
pub(crate) fn ids(plan: &Value) -> Vec<String> {
    let actions = plan["actions"].as_array().expect("a plan has actions");
    actions.iter().map(|action| action["id"].as_str().expect("an action has an id").to_owned()).collect()
}

/// Writes the `client.properties` of a SCRAM user, and returns its path.
pub(crate) fn scram_properties(
    repository: &ConfigRepository,
    kafka: &KafkaEnv,
    mechanism: &str,
    user: &str,
    password: &str,
) -> PathBuf {
    let login = "org.apache.kafka.common.security.scram.ScramLoginModule";
    let text = format!(
        "bootstrap.servers={}\nsecurity.protocol=SASL_SSL\nsasl.mechanism={mechanism}\n\
         sasl.jaas.config={login} required username=\"{user}\" password=\"{password}\";\n\
         ssl.truststore.type=PEM\nssl.truststore.location={}\n",
        kafka.bootstrap_sasl_ssl(),
        kafka.ca_file().display()
    );
    repository.write_outside(&format!("clients/{}.properties", unique_name(user)), &text)
}

pub(crate) fn shown(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("is there") {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("is readable");
        let target = to.join(name);
        if path.is_dir() {
            std::fs::create_dir_all(&target).expect("is made");
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("is copied");
        }
    }
}
