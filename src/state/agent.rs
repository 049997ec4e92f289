//! What an agent remembers of its environment: `ENVIRONMENT/agent.json` and `ENVIRONMENT/drift.json`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{StateLock, failed, file_name, make_directory, write_atomically};
use crate::domain::drift_memory::DriftMemory;
use crate::ports::{AgentMemory, AgentRecord, StateError};

/// The file of one environment.
#[derive(Debug, Clone)]
pub struct FileAgentMemory {
    path: PathBuf,
}

impl FileAgentMemory {
    /// Names the file below the state directory.
    pub fn new(root: &Path, environment: &str) -> Self {
        Self { path: root.join(file_name(environment)).join("agent.json") }
    }

    /// The directory of the environment, which the agent's mirrors share.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    fn drift_path(&self) -> PathBuf {
        self.directory().join("drift.json")
    }

    /// Makes sure that only one agent works with the directory. Does not wait.
    pub fn lock(&self) -> Result<StateLock, StateError> {
        let directory = self.directory();
        make_directory(directory).map_err(|source| failed("make the directory", directory, source))?;
        StateLock::take(
            &directory.join("agent.lock"),
            "another agent of this environment is running here",
            "Stop it first, or give each its own `stateDirectory`.",
        )
    }
}

impl AgentMemory for FileAgentMemory {
    fn read(&self) -> Result<AgentRecord, StateError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(AgentRecord::default()),
            Err(error) => return Err(failed("read", &self.path, error)),
        };
        serde_json::from_slice(&bytes).map_err(|error| StateError {
            message: format!("`{}` makes no sense: {error}", self.path.display()),
            hint: Some(
                "It pins the cluster and the last applied revision. Repair it, or remove it to trust both anew."
                    .to_owned(),
            ),
            source: None,
        })
    }

    fn write(&self, record: &AgentRecord) -> Result<(), StateError> {
        let json = serde_json::to_vec_pretty(record).expect("texts are JSON");
        write_atomically(&self.path, &json).map_err(|error| failed("write", &self.path, error))
    }

    fn drift(&self) -> DriftMemory {
        let Ok(bytes) = fs::read(self.drift_path()) else { return DriftMemory::default() };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            let file = self.drift_path();
            tracing::warn!(file = %file.display(), problem = %error, "what earlier checks saw of drift is forgotten");
            DriftMemory::default()
        })
    }

    fn remember_drift(&self, memory: &DriftMemory) -> Result<(), StateError> {
        let path = self.drift_path();
        if !path.exists() && memory.resources.is_empty() {
            return Ok(());
        }
        let json = serde_json::to_vec(memory).expect("texts and times are JSON");
        if fs::read(&path).is_ok_and(|bytes| bytes == json) {
            return Ok(());
        }
        write_atomically(&path, &json).map_err(|error| failed("write", &path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_makes_no_sense_is_an_error() {
        let root = tempfile::tempdir().expect("a directory");
        let memory = FileAgentMemory::new(root.path(), "prod");
        assert_eq!(memory.read().expect("nothing yet"), AgentRecord::default());
        let record = AgentRecord { cluster_id: Some("a".to_owned()), last_applied_revision: Some("b".to_owned()) };
        memory.write(&record).expect("written");
        assert_eq!(memory.read().expect("there"), record);
        fs::write(&memory.path, "{").expect("written");
        assert!(memory.read().expect_err("damaged").message.contains("agent.json"));
    }

    #[test]
    fn what_was_seen_of_drift_is_kept_and_damage_only_forgets_it() {
        let root = tempfile::tempdir().expect("a directory");
        let memory = FileAgentMemory::new(root.path(), "prod");
        memory.remember_drift(&DriftMemory::default()).expect("nothing to do");
        assert!(!memory.drift_path().exists());
        let id = crate::domain::resource::ResourceId::parse("topic/orders").expect("an id");
        let record = crate::domain::drift_memory::DriftRecord {
            checks: 1,
            last_check: Some("2026-06-01T12:00:00Z".parse().expect("a time")),
            ..Default::default()
        };
        let seen = DriftMemory { resources: [(id, record)].into() };
        memory.remember_drift(&seen).expect("written");
        assert_eq!(memory.drift(), seen);
        fs::write(memory.drift_path(), "{").expect("written");
        assert_eq!(memory.drift(), DriftMemory::default());
    }
}
