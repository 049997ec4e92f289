//! Where problems are gathered while everything is looked at.

use std::sync::Arc;

use crate::domain::diagnostic::{Diagnostic, Location};

use super::codes::Code;
use super::node::Span;
use super::yaml::Problem;

/// The most problems that one load reports.
const MAX_PROBLEMS: usize = 5_000;

/// The problems found so far, and the names of the files that places refer to.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    files: Vec<Arc<str>>,
    problems: Vec<Diagnostic>,
    n_errors: usize,
}

impl Sink {
    /// Adds a file and returns its index for places.
    pub(crate) fn add_file(&mut self, name: &str) -> u32 {
        self.files.push(name.into());
        u32::try_from(self.files.len() - 1).expect("a repository has fewer than four billion files")
    }

    pub(crate) fn location(&self, span: Span) -> Location {
        let file = self.files.get(span.file as usize).map_or_else(|| "".into(), Arc::clone);
        Location { file, line: span.line, column: span.column }
    }

    /// Adds an error at a place.
    pub(crate) fn error(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        let location = self.location(span);
        self.push(Diagnostic { help: help.into(), ..Diagnostic::error(code.as_str(), Some(location), message) });
    }

    /// Adds a warning at a place.
    pub(crate) fn warning(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        let location = self.location(span);
        self.push(Diagnostic { help: help.into(), ..Diagnostic::warning(code.as_str(), Some(location), message) });
    }

    /// Adds an error of a file as a whole.
    pub(crate) fn file_error(
        &mut self,
        code: Code,
        file: &str,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        let location = Some(Location::new(file, 1, 1));
        self.push(Diagnostic { help: help.into(), ..Diagnostic::error(code.as_str(), location, message) });
    }

    /// Adds a problem of the text.
    pub(crate) fn text(&mut self, problem: Problem) {
        self.error(problem.code, problem.span, problem.message, problem.help);
    }

    /// Adds a finished diagnostic.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.problems.len() < MAX_PROBLEMS || (diagnostic.is_error() && !self.has_errors()) {
            self.n_errors += usize::from(diagnostic.is_error());
            self.problems.push(diagnostic);
        }
    }

    /// Says whether nothing more will be reported, so that messages need not be worked out.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS && self.has_errors()
    }

    /// Returns a mark for [`Self::forget_missing_fields`].
    pub(crate) fn mark(&self) -> usize {
        self.problems.len()
    }

    /// Drops what was said of missing fields since a mark: they may stand in a file that could not be read.
    pub(crate) fn forget_missing_fields(&mut self, mark: usize) {
        let kept =
            self.problems.split_off(mark).into_iter().filter(|problem| problem.code != Code::MissingField.as_str());
        self.problems.extend(kept);
        self.n_errors = self.problems.iter().filter(|problem| problem.is_error()).count();
    }

    /// Adds help to what was said of missing fields since a mark.
    pub(crate) fn help_missing_fields(&mut self, mark: usize, help: &str) {
        let missing = |problem: &&mut Diagnostic| problem.code == Code::MissingField.as_str() && problem.help.is_none();
        for problem in self.problems.iter_mut().skip(mark).filter(missing) {
            problem.help = Some(help.to_owned());
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.n_errors > 0
    }

    /// Returns everything, sorted by place.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        let is_full = self.problems.len() >= MAX_PROBLEMS;
        self.problems.sort();
        self.problems.dedup();
        if is_full {
            let message = format!("there are {MAX_PROBLEMS} problems or more; the rest is not shown");
            self.problems.push(Diagnostic::error(Code::TooManyProblems.as_str(), None, message));
        }
        self.problems
    }
}
