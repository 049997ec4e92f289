//! What the process says, and to whom: data on standard output; progress, questions, notes and logs on standard error.

use std::io::{self, BufRead, IsTerminal, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::error::CommandError;
use crate::apply::Progress;
use crate::domain::diagnostic::Diagnostic;
use crate::report::{self, Style};

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// Makes it the choice for everything that this process writes.
    pub(super) fn install(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

/// The process' own terminal, or what stands in for it.
#[derive(Clone)]
pub struct Console {
    quiet: bool,
    bars: MultiProgress,
}

impl Console {
    /// Opens it. Progress bars are only drawn for people: on a terminal, not with `-q`, and not between lines of JSON.
    pub(super) fn new(quiet: bool, machine_logs: bool) -> Self {
        let hidden = quiet || machine_logs || !io::stderr().is_terminal();
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self { quiet, bars: MultiProgress::with_draw_target(target) }
    }

    /// Writes the command's result to standard output. Colours in it are taken out when nobody would see them.
    ///
    /// That whoever reads it has enough (`driftless plan | head`) is no failure, and changes nothing of what the command does
    /// and how it ends.
    pub fn data(&self, text: &str) -> Result<(), CommandError> {
        let written = self.bars.suspend(|| {
            let mut stdout = anstream::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            if !text.is_empty() && !text.ends_with('\n') {
                stdout.write_all(b"\n")?;
            }
            stdout.flush()
        });
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(CommandError::failed("failed to write the output").because(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes a line for people to standard error, unless they asked for quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.say(&format!("{text}\n"));
        }
    }

    /// Writes to standard error what somebody must see who is about to be asked, quiet or not.
    pub(super) fn show(&self, text: &str) {
        self.say(text);
    }

    /// Writes warnings about files to standard error, unless they asked for quiet.
    pub(super) fn warnings(&self, warnings: &[Diagnostic]) {
        if !warnings.is_empty() {
            self.note(&report::diagnostics_text(warnings, Style::Colour));
        }
    }

    /// Writes an error to standard error, quiet or not.
    pub(super) fn error(&self, error: &CommandError) {
        self.say(&error.render());
    }

    /// Writes to standard error. When that is gone there is nobody left to tell.
    fn say(&self, text: &str) {
        let _ = self.log(text.as_bytes());
    }

    /// Writes a line of the log without tearing a progress bar.
    pub(super) fn log(&self, line: &[u8]) -> io::Result<()> {
        self.bars.suspend(|| {
            let mut stderr = anstream::stderr().lock();
            stderr.write_all(line)?;
            stderr.flush()
        })
    }

    /// Says whether somebody is there to answer a question.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks whether to go on. Only `yes` is a yes.
    pub fn confirm(&self, question: &str) -> Result<bool, CommandError> {
        self.say(&format!("{question}\n  Only 'yes' will be accepted to go on: "));
        let mut answer = String::new();
        let failed = |error| CommandError::failed("failed to read the answer").because(error);
        io::stdin().lock().read_line(&mut answer).map_err(failed)?;
        Ok(answer.trim_end_matches(['\r', '\n']) == "yes")
    }

    /// Makes a progress bar, which shows itself with the first step; invisible when nobody is there to see it.
    pub fn progress(&self) -> Bar {
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} ({eta} left)")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        Bar { bar: self.bars.add(ProgressBar::new(0).with_style(style)) }
    }
}

/// A progress bar. It goes away when it is dropped.
pub struct Bar {
    bar: ProgressBar,
}

impl Progress for Bar {
    fn advance(&self, done: usize, total: usize, what: &str) {
        self.bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
        self.bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        self.bar.set_message(what.to_owned());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
