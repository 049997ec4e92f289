//! Problems in what people wrote: code, place, and what to do about it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A place in a file of the repository.
///
/// `file` is relative to the repository's root, with `/` between its parts; `line` and `column` count from 1, and a
/// column counts characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// Path below the repository's root.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Location {
    /// Names a place.
    pub fn new(file: impl Into<Arc<str>>, line: u32, column: u32) -> Self {
        Self { file: file.into(), line, column }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// How serious a diagnostic or a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Stops plan and apply.
    Deny,
    /// Is shown, and stops nothing.
    Warn,
}

/// One problem in the user's files. `Deny` diagnostics mean that nothing of the repository is used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Where it is; absent for problems of the whole repository.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Location>,
    /// Stable kebab-case code, explained by `driftless explain CODE`.
    pub code: String,
    /// How serious it is.
    pub severity: Severity,
    /// What is wrong, one sentence without a final period, values in backticks.
    pub message: String,
    /// What to do next, when there is something to add.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<String>,
}

impl Diagnostic {
    /// Makes a diagnostic that stops everything.
    pub fn error(code: &str, location: Option<Location>, message: impl Into<String>) -> Self {
        Self { location, code: code.to_owned(), severity: Severity::Deny, message: message.into(), help: None }
    }

    /// Makes a diagnostic that is only shown.
    pub fn warning(code: &str, location: Option<Location>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warn, ..Self::error(code, location, message) }
    }

    /// Adds the next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says whether this problem stops plan and apply.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Deny
    }
}
