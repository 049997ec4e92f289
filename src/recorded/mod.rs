//! Recorded state: the observed state of a cluster as a directory of files, and back.
//!
//! One format for three uses: `observed/` on the environment's branch, `--observed DIR|REV` (read only) and
//! `--sandbox DIR` (writable). What can be said as a manifest is one, so people can read it and copy from it; the
//! rest stands in annotations and in `cluster.yaml`:
//!
//! ```text
//! cluster.yaml              the cluster: id, brokers, defaults, what it lacks, what is not known
//! broker-configs.yaml       KafkaClusterConfig
//! topics/xx/NAME.yaml       KafkaTopic          xx: two digits of a digest of the name, so that a
//! users/xx/NAME.yaml        KafkaUser           commit that changes one file stores little else
//! acls/xx/PRINCIPAL.yaml    KafkaAcl
//! quotas/xx/ENTITY.yaml     KafkaQuota
//! rules/xx/NAMESPACE.yaml   PrometheusRule
//! ```
//!
//! Reading gives back exactly the state that was written, unknown parts included. The documents say what they are
//! about; file names are for people and may be anything that lies in the right directory.
//!
//! Pure: files are maps from paths to bytes. [`import`] makes a layer of a config repository from the same state.

mod documents;
mod evidence;
mod forms;
mod import;
mod place;
mod read;
mod rule_forms;
mod write;
pub(crate) mod yaml;

use crate::domain::code_doc::CodeDoc;

pub(crate) use evidence::read_document;
pub use evidence::{EVIDENCE_FILE, read_evidence, write_evidence};
pub use import::{Import, ImportOptions, import};
pub use read::read;
pub use write::write;

#[cfg(test)]
mod tests;

/// What problems of recorded state mean, for `driftless explain`.
pub const CODES: &[CodeDoc] = &[
    CodeDoc {
        code: "recorded-state-missing",
        title: "there is no recorded state",
        explanation: "A directory of recorded state holds `cluster.yaml`. One without it is something else, and no empty cluster.",
        fix: "Name `observed` of a checked-out report branch, a revision of that branch, or the directory of a sandbox.",
    },
    CodeDoc {
        code: "recorded-state-unreadable",
        title: "a file of the recorded state cannot be read",
        explanation: "It is no YAML, or has fields that recorded state does not have. A part that is left out would look as if it were not on the cluster.",
        fix: "Restore the file from git, or record the cluster again.",
    },
    CodeDoc {
        code: "recorded-state-invalid",
        title: "a file of the recorded state makes no sense",
        explanation: "A value is none that a cluster can have, or something stands twice.",
        fix: "Restore the file from git, or record the cluster again.",
    },
];

/// The file that makes a directory recorded state.
pub const CLUSTER_FILE: &str = "cluster.yaml";

pub(crate) const BROKER_CONFIGS_FILE: &str = "broker-configs.yaml";
pub(crate) const TOPICS: &str = "topics";
pub(crate) const USERS: &str = "users";
pub(crate) const ACLS: &str = "acls";
pub(crate) const QUOTAS: &str = "quotas";
pub(crate) const RULES: &str = "rules";

/// Says whether a path below the directory belongs to the format: such files are replaced and removed by whoever writes
/// the whole state; others are left alone.
pub fn is_recorded_path(path: &str) -> bool {
    path == CLUSTER_FILE
        || path == BROKER_CONFIGS_FILE
        || path == EVIDENCE_FILE
        || (path.ends_with(".yaml")
            && [TOPICS, USERS, ACLS, QUOTAS, RULES]
                .iter()
                .any(|directory| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))))
}
