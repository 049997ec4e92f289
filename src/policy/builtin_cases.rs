//! The cases of the built-in pack, which `driftless policy test` runs and `driftless explain` shows.

pub(super) const FILES: [(&str, &str); 3] = [
    (
        "policy/cases/automatic_topic_creation.yaml",
        include_str!("../../policy/cases/automatic_topic_creation.yaml"),
    ),
    ("policy/cases/min_insync_replicas.yaml", include_str!("../../policy/cases/min_insync_replicas.yaml")),
    ("policy/cases/replication.yaml", include_str!("../../policy/cases/replication.yaml")),
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
