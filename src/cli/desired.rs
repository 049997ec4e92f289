//! What git wants: manifests and policy packs of a snapshot.

use super::error::CommandError;
use crate::agent::pull_requests::Proposed;
use crate::domain::desired::DesiredState;
use crate::domain::diagnostic::Diagnostic;
use crate::domain::snapshot::{Snapshot, SnapshotFile};
use crate::manifest::{self, Documents, RepositoryFile};
use crate::policy::{self, Pack};

/// An environment that was loaded without an error.
pub(super) struct Loaded {
    /// What it declares.
    pub(super) desired: DesiredState,
    /// Warnings of its files.
    pub(super) warnings: Vec<Diagnostic>,
    /// The repository's own policy packs for it.
    pub(super) packs: Vec<Pack>,
}

/// Loads one environment. One bad file means that nothing of it is used.
pub(super) fn load(snapshot: &Snapshot, environment: &str) -> Result<Loaded, CommandError> {
    // Only packs of the repository's own look at single documents; a tree of 50,000 rules costs tens of megabytes.
    let has_packs =
        |file: &RepositoryFile| file.environments.get(environment).is_some_and(|found| !found.policies.is_empty());
    let has_packs = manifest::environments(snapshot).0.as_ref().is_some_and(has_packs);
    let (desired, warnings) =
        load_files(snapshot, environment, if has_packs { Documents::Keep } else { Documents::Drop })?;
    let packs = packs(snapshot, &desired.policy_directories)?;
    Ok(Loaded { desired, warnings, packs })
}

/// Loads one environment as a pull request would make it, to be judged by what its base says: the pull request decides what is
/// planned, and the base decides what is allowed (docs/adr/0007-pull-requests.md). An environment that the base does not have
/// is judged by the built-in pack with its own defaults.
pub(super) fn load_proposed(merged: &Snapshot, base: &Snapshot, environment: &str) -> Result<Proposed, CommandError> {
    let (file, problems) = manifest::environments(base);
    let Some(mut file) = file else {
        return Err(CommandError::failed("`driftless.yaml` of the base cannot be read, so nothing can judge this")
            .diagnostics(problems));
    };
    let (parameters, policies) = match file.environments.remove(environment) {
        Some(settings) => (settings.parameters, settings.policies),
        None => Default::default(),
    };
    let documents = if policies.is_empty() { Documents::Drop } else { Documents::Keep };
    let (mut desired, _) = load_files(merged, environment, documents)?;
    let packs = packs(base, &policies)?;
    desired.parameters = parameters;
    // They stand in the base's file, and what is shown are places of the pull request's.
    desired.parameter_locations.clear();
    desired.policy_directories = policies;
    Ok(Proposed { desired, packs })
}

fn load_files(
    snapshot: &Snapshot,
    environment: &str,
    documents: Documents,
) -> Result<(DesiredState, Vec<Diagnostic>), CommandError> {
    let (desired, diagnostics) = manifest::load(snapshot, environment, documents);
    match desired {
        Some(desired) => Ok((desired, diagnostics)),
        None => {
            let n_errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
            let problems = if n_errors == 1 { "problem" } else { "problems" };
            Err(CommandError::failed(format!(
                "{n_errors} {problems} in the files of `{environment}`, so nothing was done"
            ))
            .diagnostics(diagnostics)
            .hint("`driftless validate` shows the problems of all environments, `driftless explain CODE` says more."))
        }
    }
}

/// Gathers the Rego and data files below each directory. One that cannot be read is an error: a rule must not go missing.
pub(super) fn packs(snapshot: &Snapshot, directories: &[String]) -> Result<Vec<Pack>, CommandError> {
    directories.iter().map(|directory| pack(snapshot, directory)).collect()
}

fn pack(snapshot: &Snapshot, directory: &str) -> Result<Pack, CommandError> {
    let at_root = directory == ".";
    let prefix = if at_root { String::new() } else { format!("{}/", directory.trim_end_matches('/')) };
    let mut pack = Pack { name: directory.to_owned(), ..Pack::default() };
    for (path, file) in &snapshot.files {
        let Some(below) = path.strip_prefix(&prefix) else { continue };
        // At the root everything else is YAML too, so there only what is called data is data.
        let is_data = policy::is_data_path(below) && (!at_root || below.starts_with("data"));
        let is_case = policy::is_case_path(below);
        if !below.ends_with(".rego") && !is_data && !is_case {
            continue;
        }
        let text = match file {
            SnapshotFile::Content(bytes) => std::str::from_utf8(bytes).ok(),
            SnapshotFile::TooLarge(_) | SnapshotFile::BadLink(_) | SnapshotFile::Unreadable(_) => None,
        };
        let unreadable = || {
            CommandError::failed(format!("failed to read the policy `{path}`"))
                .hint("It must be UTF-8 text inside the repository. Nothing is planned without its rules.")
        };
        let entry = (path.clone(), text.ok_or_else(unreadable)?.to_owned());
        match (is_data, is_case) {
            (true, _) => pack.data.push(entry),
            (false, true) => pack.cases.push(entry),
            (false, false) => pack.files.push(entry),
        }
    }
    Ok(pack)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(files: &[(&str, &str)]) -> Snapshot {
        let file = |text: &str| SnapshotFile::Content(text.as_bytes().to_vec());
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect();
        Snapshot { files, ..Snapshot::default() }
    }

    fn repository(settings: &str) -> String {
        format!("apiVersion: driftless.dev/v1\nkind: Repository\nenvironments:\n  prod: {settings}\n")
    }

    const TOPIC: &str = "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: orders}\nspec: {partitions: 3, replicas: 3}\n";

    #[test]
    fn a_pull_request_is_judged_by_the_rules_and_parameters_of_its_base() {
        let strict = repository("{layers: [base], policies: [policy], parameters: {minimumReplicationFactor: 3}}");
        let base = snapshot(&[("driftless.yaml", &strict), ("base/a.yaml", TOPIC), ("policy/a.rego", "package main")]);
        let lax = repository("{layers: [base, more], parameters: {minimumReplicationFactor: 1}}");
        let topic = TOPIC.replace("orders", "new");
        let merged = snapshot(&[("driftless.yaml", &lax), ("base/a.yaml", TOPIC), ("more/b.yaml", &topic)]);
        let proposed = load_proposed(&merged, &base, "prod").expect("loads");
        assert_eq!(proposed.desired.topics.len(), 2, "what is planned comes from the merge");
        assert_eq!(proposed.desired.parameters["minimumReplicationFactor"], 3);
        assert_eq!(proposed.packs[0].files, [("policy/a.rego".to_owned(), "package main".to_owned())]);
        assert!(!proposed.desired.documents.is_empty(), "rules for single documents need them");
    }

    #[test]
    fn a_new_environment_is_judged_by_the_built_in_rules_alone_and_a_broken_base_judges_nothing() {
        let other = repository("{layers: [base]}").replace("prod", "dev");
        let merged = repository("{layers: [base], parameters: {minimumReplicationFactor: 1}}");
        let merged = snapshot(&[("driftless.yaml", &merged), ("base/a.yaml", TOPIC)]);
        let base = snapshot(&[("driftless.yaml", &other)]);
        let proposed = load_proposed(&merged, &base, "prod").expect("loads");
        assert!(proposed.desired.parameters.is_empty() && proposed.packs.is_empty());
        let broken = snapshot(&[("driftless.yaml", "nonsense")]);
        assert!(load_proposed(&merged, &broken, "prod").is_err());
        let error = load_proposed(&base, &base, "prod").err().expect("the merge has no such environment");
        assert!(error.problems()[0].message.contains("`prod`"));
    }

    #[test]
    fn a_policy_that_cannot_be_read_stops_everything() {
        let mut snapshot = Snapshot::default();
        let rule = |text: &str| SnapshotFile::Content(text.as_bytes().to_vec());
        snapshot.files.insert("policy/a.rego".to_owned(), rule("package main"));
        snapshot.files.insert("policy-old/b.rego".to_owned(), rule("package main"));
        let directories = ["policy".to_owned()];
        let found = packs(&snapshot, &directories).expect("readable");
        assert_eq!(found[0].files, [("policy/a.rego".to_owned(), "package main".to_owned())]);
        let found = packs(&snapshot, &[".".to_owned()]).expect("readable");
        assert_eq!(found[0].files.len(), 2, "the root is a directory as well");
        snapshot.files.insert("policy/c.rego".to_owned(), SnapshotFile::BadLink("/etc".to_owned()));
        assert!(packs(&snapshot, &directories).expect_err("a bad link").render().contains("`policy/c.rego`"));
    }
}
