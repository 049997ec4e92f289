//! What of a repository counts for one environment, as one digest.

use ring::digest::{Context, SHA256};

use crate::domain::digest::hex;
use crate::domain::snapshot::{Snapshot, SnapshotFile};

use super::repository::{Environment, REPOSITORY_FILE, environments};

/// Encrypted secrets stand here; which of them an environment needs only its manifests tell.
const SECRETS: &str = "secrets/";

/// Digests what counts for one environment: its part of `driftless.yaml`, the files of its layers and of its policy directories,
/// and encrypted secrets. Two snapshots with the same digest give the same desired state and the same policy. Where
/// `driftless.yaml` cannot be read, or does not name the environment, everything counts. The digest is for comparing within one
/// version of driftless, not for storing.
pub fn content_digest(snapshot: &Snapshot, environment: &str) -> String {
    let mut context = Context::new(&SHA256);
    let file = environments(snapshot).0;
    let settings = file.as_ref().and_then(|file| file.environments.get(environment));
    match (settings, &file) {
        (Some(settings), Some(file)) => {
            // Where something stands is not what it says.
            let Environment {
                layers,
                layer_locations: _,
                kafka_version,
                parameters,
                parameter_locations: _,
                policies,
                selector,
                location: _,
            } = settings;
            let decided = format!("{layers:?}{kafka_version:?}{parameters:?}{policies:?}{selector:?}{:?}", file.ignore);
            part(&mut context, decided.as_bytes());
            let directories: Vec<&String> = layers.iter().chain(policies).collect();
            for (path, content) in &snapshot.files {
                let counts = path.starts_with(SECRETS) || directories.iter().any(|directory| is_in(path, directory));
                if counts && path != REPOSITORY_FILE {
                    add(&mut context, path, content);
                }
            }
        }
        (None, _) | (Some(_), None) => {
            for (path, content) in &snapshot.files {
                add(&mut context, path, content);
            }
        }
    }
    hex(context.finish())
}

/// Says whether a path is a directory of the repository or lies below it.
fn is_in(path: &str, directory: &str) -> bool {
    directory == "." || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn add(context: &mut Context, path: &str, content: &SnapshotFile) {
    part(context, path.as_bytes());
    let (tag, bytes): (&[u8], &[u8]) = match content {
        SnapshotFile::Content(bytes) => (b"content", bytes),
        SnapshotFile::TooLarge(size) => return part(context, format!("too large {size}").as_bytes()),
        SnapshotFile::BadLink(target) => (b"link", target.as_bytes()),
        SnapshotFile::Unreadable(reason) => (b"unreadable", reason.as_bytes()),
    };
    part(context, tag);
    part(context, bytes);
}

/// Adds bytes with their length, so that no two lists of parts look the same.
fn part(context: &mut Context, bytes: &[u8]) {
    context.update(&(bytes.len() as u64).to_be_bytes());
    context.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPOSITORY: &str = "apiVersion: driftless.dev/v1
kind: Repository
environments:
  prod: {layers: [base, environments/prod], policies: [policy], parameters: {minimumReplicationFactor: 3}}
  dev: {layers: [base, environments/dev]}
";

    /// Says whether changing this file changes what counts for `prod`.
    fn counts(path: &str, text: &str) -> bool {
        let mut snapshot = Snapshot::default();
        let file = |text: &str| SnapshotFile::Content(text.as_bytes().to_vec());
        for (path, text) in [
            ("driftless.yaml", REPOSITORY),
            ("base/a.yaml", "a"),
            ("base-2/a.yaml", "a"),
            ("environments/prod/a.yaml", "a"),
            ("environments/dev/a.yaml", "a"),
            ("policy/a.rego", "package main"),
            ("secrets/alice.age", "age"),
            ("other.yaml", "x"),
        ] {
            snapshot.files.insert(path.to_owned(), file(text));
        }
        let before = content_digest(&snapshot, "prod");
        snapshot.files.insert(path.to_owned(), file(text));
        content_digest(&snapshot, "prod") != before
    }

    #[test]
    fn only_what_the_environment_is_made_of_counts() {
        let other_parameters = REPOSITORY.replace("minimumReplicationFactor: 3", "minimumReplicationFactor: 1");
        let other_environment = REPOSITORY.replace("environments/dev]", "environments/dev, more]");
        let ignoring = format!("{REPOSITORY}ignore: {{topics: [\"^x\"]}}\n");
        for (path, text, expected) in [
            ("base/a.yaml", "b", true),
            ("base/new.yaml", "a", true),
            ("environments/prod/a.yaml", "b", true),
            ("policy/b.rego", "package main", true),
            ("secrets/alice.age", "other", true),
            ("driftless.yaml", other_parameters.as_str(), true),
            ("driftless.yaml", ignoring.as_str(), true),
            ("driftless.yaml", "nonsense", true),
            ("base/a.yaml", "a", false),
            ("base-2/a.yaml", "b", false),
            ("environments/dev/a.yaml", "b", false),
            ("other.yaml", "y", false),
            ("driftless.yaml", other_environment.as_str(), false),
            ("driftless.yaml", &format!("# a comment\n{REPOSITORY}"), false),
        ] {
            assert_eq!(counts(path, text), expected, "{path}: {text}");
        }
    }
}
