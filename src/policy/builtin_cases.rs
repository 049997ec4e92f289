//! The cases of the built-in pack, which `driftless policy test` runs and `driftless explain` shows.

macro_rules! embedded {
    ($($name:literal)*) => {
        &[$((concat!("policy/cases/", $name, ".yaml"), include_str!(concat!("../../policy/cases/", $name, ".yaml")))),*]
    };
}

/// Path and text of every file, by name.
pub(super) const FILES: &[(&str, &str)] = embedded![
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_case_file_is_embedded() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policy/cases");
        let on_disk: BTreeSet<String> = std::fs::read_dir(directory)
            .expect("policy/cases is there")
            .map(|entry| format!("policy/cases/{}", entry.expect("readable").file_name().to_string_lossy()))
            .collect();
        assert_eq!(on_disk, super::FILES.iter().map(|(path, _)| (*path).to_owned()).collect());
    }
}
