//! The pack that ships with the binary.

use super::Pack;

/// What the built-in pack is called.
pub(super) const BUILT_IN: &str = "built-in";

macro_rules! embedded {
    ($($name:literal)*) => {
        &[$((concat!("policy/", $name, ".rego"), include_str!(concat!("../../policy/", $name, ".rego")))),*]
    };
}

/// Path and text of every file, by name.
const FILES: &[(&str, &str)] = embedded![
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

/// Returns the built-in pack.
pub fn builtin_pack() -> Pack {
    Pack {
        name: BUILT_IN.to_owned(),
        files: FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect(),
        cases: super::builtin_cases::FILES
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect(),
        ..Pack::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_rego_file_of_the_policy_directory_is_embedded() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policy");
        let on_disk: BTreeSet<String> = std::fs::read_dir(directory)
            .expect("policy/ is there")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".rego"))
            .map(|name| format!("policy/{name}"))
            .collect();
        let embedded: BTreeSet<String> = super::builtin_pack().files.into_iter().map(|(path, _)| path).collect();
        assert_eq!(on_disk, embedded);
    }
}
