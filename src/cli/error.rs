//! The one error of the command line, and the one place that prints it.

use std::error::Error;
use std::fmt::Write;

use super::exit::Exit;
use crate::domain::diagnostic::{Diagnostic, Severity};
use crate::ports::{ClusterError, ClusterErrorKind, ForgeError, RuleStoreError, SourceError, StateError};
use crate::reconcile::PassError;
use crate::report::clean_lines;

/// What kind of failure ends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line or the settings are wrong.
    Usage,
    /// The world failed, or the user's files are wrong.
    Failed,
    /// Policy refuses, or something is held.
    Refused,
}

/// Why a command ended without its result.
#[derive(Debug)]
pub struct CommandError {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
    diagnostics: Vec<Diagnostic>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl CommandError {
    /// Makes an error. The message is a lowercase fragment without a final period.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new(), diagnostics: Vec::new(), source: None }
    }

    /// Makes an error of the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Makes an error of the world.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// Adds a next step, a sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a next step when there is one.
    #[must_use]
    pub fn maybe_hint(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// Adds problems in files, which are printed before the error.
    #[must_use]
    pub fn diagnostics(mut self, diagnostics: Vec<Diagnostic>) -> Self {
        self.diagnostics = diagnostics;
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Returns the problems in files.
    pub(super) fn problems(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Returns the message without hints and problems in files.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Returns how the process ends.
    pub fn exit(&self) -> Exit {
        match self.kind {
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::Failed => Exit::Failed,
            ErrorKind::Refused => Exit::Refused,
        }
    }

    /// Writes everything that people see of it.
    pub fn render(&self) -> String {
        let mut text: String = self.diagnostics.iter().map(|problem| render_diagnostic(problem) + "\n").collect();
        let mut said = self.message.clone();
        // Writing to a String cannot fail, so the results are dropped here and below.
        let _ = write!(text, "{ERROR}error{ERROR:#}: {}", clean_lines(&self.message));
        let mut cause = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = cause {
            let message = error.to_string();
            if !said.contains(&message) {
                let _ = write!(text, ": {}", clean_lines(&message));
                said.push_str(&message);
            }
            cause = error.source();
        }
        text.push('\n');
        for hint in &self.hints {
            let _ = writeln!(text, "{HINT}hint{HINT:#}: {}", clean_lines(hint));
        }
        text
    }
}

const ERROR: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
const WARNING: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();
const HINT: anstyle::Style = anstyle::AnsiColor::Cyan.on_default().bold();
const PLACE: anstyle::Style = anstyle::AnsiColor::Blue.on_default().bold();

/// Writes one problem as a paragraph.
fn render_diagnostic(diagnostic: &Diagnostic) -> String {
    let (style, word) = match diagnostic.severity {
        Severity::Deny => (ERROR, "error"),
        Severity::Warn => (WARNING, "warning"),
    };
    let message = clean_lines(&diagnostic.message);
    let mut text = format!("{style}{word}[{}]{style:#}: {message}\n", diagnostic.code);
    if let Some(location) = &diagnostic.location {
        let _ = writeln!(text, "  {PLACE}-->{PLACE:#} {}", clean_lines(&location.to_string()));
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(text, "   = {HINT}help{HINT:#}: {}", clean_lines(help));
    }
    text
}

impl From<ClusterError> for CommandError {
    fn from(error: ClusterError) -> Self {
        let kind = match error.kind {
            ClusterErrorKind::Settings => ErrorKind::Usage,
            ClusterErrorKind::Unreachable
            | ClusterErrorKind::Authentication
            | ClusterErrorKind::Protocol
            | ClusterErrorKind::ReadOnly => ErrorKind::Failed,
        };
        Self::new(kind, error.message).maybe_hint(error.hint)
    }
}

impl From<ForgeError> for CommandError {
    fn from(error: ForgeError) -> Self {
        Self::failed(error.message).maybe_hint(error.hint)
    }
}

impl From<SourceError> for CommandError {
    fn from(error: SourceError) -> Self {
        Self::failed(error.message).maybe_hint(error.hint)
    }
}

impl From<RuleStoreError> for CommandError {
    fn from(error: RuleStoreError) -> Self {
        Self::failed(error.message).maybe_hint(error.hint)
    }
}

impl From<PassError> for CommandError {
    fn from(error: PassError) -> Self {
        let kind = match &error {
            PassError::Cluster(ClusterError { kind: ClusterErrorKind::Settings, .. }) => ErrorKind::Usage,
            PassError::Cluster(_)
            | PassError::Branch(_)
            | PassError::History { .. }
            | PassError::Rules(_)
            | PassError::State(_)
            | PassError::Stale(_)
            | PassError::LeaseLost => ErrorKind::Failed,
        };
        let (message, hint) = (error.to_string(), error.hint());
        Self::new(kind, message).maybe_hint(hint).because(error)
    }
}

impl From<StateError> for CommandError {
    fn from(error: StateError) -> Self {
        let failed = Self::failed(error.message).maybe_hint(error.hint);
        match error.source {
            Some(source) => failed.because(source),
            None => failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::domain::diagnostic::Location;

    fn plain(error: &CommandError) -> String {
        anstream::adapter::strip_str(&error.render()).to_string()
    }

    #[test]
    fn an_error_shows_its_causes_once_and_its_hints_last() {
        let state = StateError {
            message: "failed to open `x`".to_owned(),
            hint: Some("Choose another directory.".to_owned()),
            source: Some(io::Error::other("no space left")),
        };
        insta::assert_snapshot!(plain(&state.into()), @r"
        error: failed to open `x`: no space left
        hint: Choose another directory.
        ");
        let pass = PassError::Cluster(ClusterError {
            message: "no broker answers at `a:1`".to_owned(),
            kind: ClusterErrorKind::Unreachable,
            hint: None,
        });
        assert_eq!(plain(&pass.into()), "error: failed to read the cluster: no broker answers at `a:1`\n");
        let repeated = CommandError::failed("failed to connect: refused").because(io::Error::other("refused"));
        assert_eq!(plain(&repeated), "error: failed to connect: refused\n");
    }

    #[test]
    fn problems_in_files_come_first() {
        let place = Location::new("agent.yaml", 3, 5);
        let problem =
            Diagnostic::error("unknown-setting", Some(place), "there is no setting `a`").help("did you mean `b`?");
        let error = CommandError::usage("the settings are not valid").diagnostics(vec![problem]);
        insta::assert_snapshot!(plain(&error), @r"
        error[unknown-setting]: there is no setting `a`
          --> agent.yaml:3:5
           = help: did you mean `b`?

        error: the settings are not valid
        ");
    }

    #[test]
    fn what_others_wrote_cannot_draw_on_the_terminal() {
        let place = Location::new("a\u{1b}[2K.yaml", 1, 1);
        let problem =
            Diagnostic::error("unknown-field", Some(place), "there is no field `\u{1b}]0;x\u{7}`").help("\u{202e}");
        let error = CommandError::failed("one\ntwo \u{1b}[2J").hint("\u{9b}31m").diagnostics(vec![problem]);
        insta::assert_snapshot!(plain(&error.because(io::Error::other("\u{8}"))), @r"
        error[unknown-field]: there is no field `\u{1b}]0;x\u{7}`
          --> a\u{1b}[2K.yaml:1:1
           = help: \u{202e}

        error: one
        two \u{1b}[2J: \u{8}
        hint: \u{9b}31m
        ");
    }
}
