//! The files of a config repository at one moment.

use std::collections::BTreeMap;

/// The files of a revision, as read from a work tree or from git.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The commit the files come from, as full hexadecimal id; absent outside git.
    pub revision: Option<String>,
    /// Whether the work tree differs from that commit.
    pub dirty: bool,
    /// Path below the root (with `/`) to what stands there. Directories and files that start with `.` are left out.
    pub files: BTreeMap<String, SnapshotFile>,
}

/// One entry of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotFile {
    /// The bytes of a file, not yet known to be UTF-8.
    Content(Vec<u8>),
    /// A file that was not read because it is larger than the source's limit; its size in bytes.
    TooLarge(u64),
    /// A symbolic link whose target lies outside the repository, or which leads nowhere; its target as written.
    BadLink(String),
    /// A file that could not be read, with the reason.
    Unreadable(String),
}
