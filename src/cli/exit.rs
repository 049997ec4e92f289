//! How driftless ends.

use std::process::ExitCode;

/// The exit codes, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Exit {
    /// Done, or in sync.
    Done,
    /// Failed; partly applied counts as failed.
    Failed,
    /// There are differences, and `--detailed-exitcode` asked for them.
    Differences,
    /// Policy refuses, or something is held. Nothing was changed.
    Refused,
    /// The command line or the settings are wrong. Nothing was started.
    Usage,
}

impl Exit {
    /// Returns the number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Differences => 2,
            Self::Refused => 3,
            Self::Usage => 64,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
