//! The real opa and conftest, which the verdicts of policy are compared with.
//!
//! `dev/with-brokers` builds them (`dev/oracles`) and says where they are. Without them a test prints why it is skipped and
//! passes; in CI that is a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use driftless::policy::Pack;
use serde_json::Value;

/// A verdict on one document: whether it refuses, and the message.
pub(crate) type Verdict = (bool, String);

/// What an oracle says of every document, or why it says nothing.
pub(crate) type Verdicts = Result<Vec<Vec<Verdict>>, String>;

/// The two binaries.
pub(crate) struct Oracles {
    directory: PathBuf,
}

/// Returns the oracles, or says why the test is skipped.
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "whoever runs the tests says where the oracles are")]
pub(crate) fn oracles() -> Option<Oracles> {
    match std::env::var_os("DRIFTLESS_TEST_ORACLES") {
        Some(directory) => Some(Oracles { directory: directory.into() }),
        None => {
            let in_ci = std::env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false");
            assert!(!in_ci, "DRIFTLESS_TEST_ORACLES is not set, and CI must not skip tests (see dev/with-brokers)");
            eprintln!(
                "skipped: DRIFTLESS_TEST_ORACLES is not set (`make test` builds opa and conftest where Go is there)"
            );
            None
        }
    }
}

impl Oracles {
    /// The directory of OPA's own cases of conformance.
    pub(crate) fn cases(&self) -> PathBuf {
        self.directory.join("cases")
    }

    /// Evaluates a query over files of Rego with `opa eval`. The error is what it says on standard error.
    pub(crate) fn opa(&self, pack: &Pack, input: &Value, query: &str) -> Result<Value, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("input.json");
        std::fs::write(&file, input.to_string()).expect("is written");
        let mut command = Command::new(self.directory.join("opa"));
        command.args(["eval", "--strict-builtin-errors", "--format", "json"]);
        for (path, text) in &pack.files {
            let rego = directory.path().join(path.replace('/', "-"));
            std::fs::write(&rego, text).expect("is written");
            command.arg("--data").arg(rego);
        }
        let output = command.arg("--input").arg(&file).arg(query).stdin(Stdio::null()).output().expect("opa runs");
        let answer: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        match answer.pointer("/result/0/expressions/0/value") {
            Some(value) => Ok(value.clone()),
            None => Err(answer.to_string()),
        }
    }

    /// Judges documents with `conftest test --all-namespaces`: as version 1 of Rego, and when the pack is none, as version 0.
    pub(crate) fn conftest(&self, pack: &Pack, documents: &[Value]) -> Verdicts {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |path: &Path, text: &str| {
            std::fs::create_dir_all(path.parent().expect("below the directory")).expect("is made");
            std::fs::write(path, text).expect("is written");
        };
        for (path, text) in pack.files.iter().chain(&pack.data) {
            write(&directory.path().join(path), text);
        }
        for (index, document) in documents.iter().enumerate() {
            write(&directory.path().join(format!("inputs/{index:05}.json")), &document.to_string());
        }
        let first = self.run_conftest(directory.path(), pack, "v1", documents.len());
        match first {
            Ok(verdicts) => Ok(verdicts),
            Err(first) => self.run_conftest(directory.path(), pack, "v0", documents.len()).map_err(|second| {
                // A file is no version 0 either: the first reason is the one that counts.
                if second.contains("rego_parse_error") { first } else { second }
            }),
        }
    }

    fn run_conftest(&self, directory: &Path, pack: &Pack, version: &str, n_documents: usize) -> Verdicts {
        let mut command = Command::new(self.directory.join("conftest"));
        command.current_dir(directory).stdin(Stdio::null());
        command.args(["test", "--no-color", "--all-namespaces", "--show-builtin-errors", "--output", "json"]);
        command.args(["--rego-version", version, "--policy", &pack.name]);
        let roots: BTreeSet<&str> = pack.data.iter().map(|(path, _)| data_root(&pack.name, path)).collect();
        for root in roots {
            command.args(["--data", root]);
        }
        let output = command.arg("inputs").output().expect("conftest runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let Ok(Value::Array(results)) = serde_json::from_slice(&output.stdout) else {
            return Err(format!("{}{}", text(&output.stdout), text(&output.stderr)));
        };
        let mut verdicts: BTreeMap<usize, Vec<Verdict>> = BTreeMap::new();
        for result in results {
            let name = result["filename"].as_str().expect("a name");
            let index = Path::new(name).file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let of_document = verdicts.entry(index.expect("a number")).or_default();
            for (key, refuses) in [("failures", true), ("warnings", false)] {
                for found in result[key].as_array().into_iter().flatten() {
                    of_document.push((refuses, found["msg"].as_str().expect("a message").to_owned()));
                }
            }
        }
        Ok((0..n_documents)
            .map(|index| {
                let mut of_document = verdicts.remove(&index).unwrap_or_default();
                of_document.sort();
                of_document
            })
            .collect())
    }
}

/// The directory that conftest must be given so that a data file stands where driftless has it.
fn data_root<'a>(pack: &'a str, path: &'a str) -> &'a str {
    let below = &path[pack.len() + 1..];
    if below.starts_with("data/") { &path[..pack.len() + "/data".len()] } else { path.split_at(pack.len()).0 }
}

/// Reads a pack from a directory, as a repository would hold it below `policy/`.
pub(crate) fn read_pack(directory: &Path) -> Pack {
    fn walk(directory: &Path, below: &str, pack: &mut Pack) {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(directory).expect("can be listed").map(|entry| entry.expect("an entry").path()).collect();
        entries.sort();
        for path in entries {
            let name = format!("{below}{}", path.file_name().expect("a name").to_string_lossy());
            if path.is_dir() {
                walk(&path, &format!("{name}/"), pack);
            } else if name.ends_with(".rego") {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                pack.files.push((format!("policy/{name}"), text));
            } else if driftless::policy::is_data_path(&name) && name != "inputs.json" {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                pack.data.push((format!("policy/{name}"), text));
            }
        }
    }
    let mut pack = Pack { name: "policy".to_owned(), ..Pack::default() };
    walk(directory, "", &mut pack);
    pack
}
