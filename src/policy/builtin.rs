//! The pack that ships with the binary.

use std::sync::LazyLock;

use super::Pack;
use super::engine::PackEngine;

/// What the built-in pack is called.
pub(super) const BUILT_IN: &str = "built-in";

macro_rules! embedded {
    ($directory:literal, $ending:literal: $($name:literal)*) => {
        &[$((
            concat!($directory, $name, $ending),
            include_str!(concat!("../../", $directory, $name, $ending)),
        )),*]
    };
}

/// Path and text of every file with rules, by name.
const FILES: &[(&str, &str)] = embedded!["policy/", ".rego":
    "acl"
    "acl_hosts"
    "acl_incomplete"
    "acl_overlap"
    "acl_patterns"
    "acl_principals"
    "acl_reach"
    "alert_rules"
    "authorization"
    "automatic_topic_creation"
    "cleanup_policies"
    "cluster_defaults"
    "cluster_guards"
    "compaction"
    "compression"
    "config_keys"
    "effective"
    "insync_defaults"
    "labels"
    "message_size"
    "min_insync_replicas"
    "partitions"
    "passwords"
    "planned_changes"
    "quotas"
    "replication"
    "replication_factors"
    "retention"
    "segments"
    "timestamps"
    "topic_names"
    "unclean_leader_election"
];

/// Path and text of every case file, which `driftless policy test` runs and `driftless explain` shows.
const CASES: &[(&str, &str)] = embedded!["policy/cases/", ".yaml":
    "acl_hosts"
    "acl_incomplete"
    "acl_overlap"
    "acl_patterns"
    "acl_principals"
    "acl_reach"
    "alert_rules"
    "authorization"
    "automatic_topic_creation"
    "cluster_defaults"
    "cluster_guards"
    "compaction"
    "compression"
    "config_keys"
    "labels"
    "message_size"
    "min_insync_replicas"
    "partitions"
    "passwords"
    "planned_changes"
    "quotas"
    "replication"
    "retention"
    "segments"
    "timestamps"
    "topic_names"
    "unclean_leader_election"
];

/// Returns the built-in pack.
pub fn builtin_pack() -> Pack {
    Pack { name: BUILT_IN.to_owned(), files: owned(FILES), cases: owned(CASES), ..Pack::default() }
}

/// The rules that are judged by the first engine: those that find most and take longest are there, so that both take about as long.
const OF_THE_FIRST: [&str; 5] = [
    "policy/acl.rego",
    "policy/acl_hosts.rego",
    "policy/acl_incomplete.rego",
    "policy/acl_overlap.rego",
    "policy/acl_reach.rego",
];

/// What rules of both engines import.
const OF_BOTH: &str = "policy/acl.rego";

/// The rules in two engines that need nothing of each other, so that they can judge at once. Both are read and analysed once in
/// the life of a process, as an agent judges thousands of times.
pub(super) static ENGINES: [LazyLock<PackEngine>; 2] = [
    LazyLock::new(|| engine_of(|path| OF_THE_FIRST.contains(&path))),
    LazyLock::new(|| engine_of(|path| path == OF_BOTH || !OF_THE_FIRST.contains(&path))),
];

/// Reads the built-in rules, so that the first judgement in this process does not wait for it.
pub fn read_built_in_rules() {
    std::thread::scope(|scope| {
        for engine in &ENGINES {
            scope.spawn(|| LazyLock::force(engine));
        }
    });
}

fn engine_of(is_wanted: impl Fn(&str) -> bool) -> PackEngine {
    let files = owned(FILES).into_iter().filter(|(path, _)| is_wanted(path)).collect();
    PackEngine::load([&Pack { name: BUILT_IN.to_owned(), files, ..Pack::default() }])
}

fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Asserts that all files of a directory with this ending are embedded, and no others.
    fn assert_embedded(directory: &str, ending: &str, embedded: &[(&str, &str)]) {
        let on_disk: BTreeSet<String> =
            std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(directory))
                .expect("the directory is there")
                .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
                .filter(|name| name.ends_with(ending))
                .map(|name| format!("{directory}/{name}"))
                .collect();
        assert_eq!(on_disk, embedded.iter().map(|(path, _)| (*path).to_owned()).collect());
    }

    #[test]
    fn every_rego_file_of_the_policy_directory_is_embedded() {
        assert_embedded("policy", ".rego", super::FILES);
    }

    #[test]
    fn every_case_file_is_embedded() {
        assert_embedded("policy/cases", "", super::CASES);
    }
}
