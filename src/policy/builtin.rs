//! The pack that ships with the binary.

use super::Pack;

const FILES: [(&str, &str); 4] = [
    ("policy/automatic_topic_creation.rego", include_str!("../../policy/automatic_topic_creation.rego")),
    ("policy/effective.rego", include_str!("../../policy/effective.rego")),
    ("policy/min_insync_replicas.rego", include_str!("../../policy/min_insync_replicas.rego")),
    ("policy/replication.rego", include_str!("../../policy/replication.rego")),
];

/// Returns the built-in pack.
pub fn builtin_pack() -> Pack {
    Pack {
        name: "built-in".to_owned(),
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
