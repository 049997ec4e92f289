//! What `driftless explain CODE` says about a code.

/// The explanation of one stable code of a diagnostic, a finding or a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeDoc {
    /// The kebab-case code. Never renamed.
    pub code: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What it means and why it matters, in sentences.
    pub explanation: &'static str,
    /// What to do about it, in sentences.
    pub fix: &'static str,
}

impl CodeDoc {
    /// Writes down an entry of a table.
    pub const fn new(code: &'static str, title: &'static str, explanation: &'static str, fix: &'static str) -> Self {
        Self { code, title, explanation, fix }
    }
}
