//! The tools that deploy/ is checked with: Helm and Kubernetes' own types, promtool, systemd-analyze.
//!
//! A test whose tool is missing says so and passes; in CI that is a failure.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The Kubernetes that charts are rendered for. Helm would take the one that it was built with, and `go install` names none.
const KUBERNETES: &str = "1.34.0";

/// A file of the repository.
pub(crate) fn root(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// Reads a file of the repository.
pub(crate) fn text(below: &str) -> String {
    std::fs::read_to_string(root(below)).unwrap_or_else(|error| panic!("{below}: {error}"))
}

#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "whoever runs the tests says what is there")]
fn skipped(what: &str) {
    let in_ci = std::env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false");
    assert!(!in_ci, "{what}, and CI must not skip tests (see dev/setup and dev/with-brokers)");
    eprintln!("skipped: {what}");
}

/// Returns a program of the system, or says why the test is skipped.
pub(crate) fn program(name: &str) -> Option<Command> {
    let found = Command::new(name).arg("--version").stdin(Stdio::null()).output().is_ok_and(|run| run.status.success());
    if !found {
        skipped(&format!("`{name}` is missing"));
    }
    found.then(|| Command::new(name))
}

/// Runs a program and returns what it said, standard output first.
pub(crate) fn says(command: &mut Command) -> (bool, String) {
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    (output.status.success(), all_of(&output))
}

fn all_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Helm, and what knows the types of Kubernetes and Compose.
pub(crate) struct DeployTools {
    directory: PathBuf,
}

/// Returns the directory that a variable of `dev/with-brokers` names, or says why the test is skipped.
#[allow(clippy::disallowed_methods, reason = "whoever runs the tests says where things are")]
pub(crate) fn given(variable: &str) -> Option<PathBuf> {
    let directory = std::env::var_os(variable).map(PathBuf::from);
    if directory.is_none() {
        skipped(&format!("{variable} is not set (`make test` sets it where it can)"));
    }
    directory
}

/// Returns the tools, or says why the test is skipped.
pub(crate) fn deploy_tools() -> Option<DeployTools> {
    given("DRIFTLESS_TEST_DEPLOY_TOOLS").map(|directory| DeployTools { directory })
}

impl DeployTools {
    fn helm(&self, verb: &[&str], values: &str) -> Output {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("values.yaml");
        std::fs::write(&file, values).expect("is written");
        let mut command = Command::new(self.directory.join("helm"));
        command.env("HOME", directory.path()).args(verb).arg(root("deploy/helm/driftless")).arg("--values").arg(&file);
        command.stdin(Stdio::null()).output().expect("helm runs")
    }

    /// Renders the chart as the release `kafka` in the namespace `streaming`. The error is what Helm says.
    pub(crate) fn render(&self, values: &str) -> Result<String, String> {
        let output =
            self.helm(&["template", "kafka", "--namespace", "streaming", "--kube-version", KUBERNETES], values);
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(all_of(&output))
        }
    }

    /// What `helm lint --strict` says of the chart with these values.
    pub(crate) fn lint(&self, values: &str) -> (bool, String) {
        let output = self.helm(&["lint", "--strict", "--kube-version", KUBERNETES], values);
        (output.status.success(), all_of(&output))
    }

    /// Reads manifests with Kubernetes' own types, which refuse what they do not know.
    pub(crate) fn kubernetes(&self, manifests: &str) -> Result<Vec<Value>, String> {
        let mut command = Command::new(self.directory.join("deploy-check"));
        command.arg("kubernetes").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("deploy-check runs");
        child.stdin.take().expect("piped").write_all(manifests.as_bytes()).expect("is read");
        let output = child.wait_with_output().expect("ends");
        if !output.status.success() {
            return Err(all_of(&output));
        }
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
    }

    /// Renders the chart and reads it. Every manifest must be one that Kubernetes knows.
    pub(crate) fn manifests(&self, values: &str) -> Vec<Value> {
        let rendered = self.render(values).unwrap_or_else(|error| panic!("{error}"));
        self.kubernetes(&rendered).unwrap_or_else(|error| panic!("{error}\n{rendered}"))
    }

    /// Reads a compose file as Compose does.
    pub(crate) fn compose(&self, file: &Path) -> (bool, String) {
        says(Command::new(self.directory.join("deploy-check")).arg("compose").arg(file))
    }
}
