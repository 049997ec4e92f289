//! Logs: what is written where, and how much of it. Metric names will stand here too.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// How much is logged, unless `RUST_LOG` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verbosity {
    /// How often `-v` was given.
    pub verbose: u8,
    /// Whether `-q` was given.
    pub quiet: bool,
}

impl Verbosity {
    /// Returns the filter in `RUST_LOG`'s language. Only driftless' own lines get more: what libraries log at their
    /// lowest levels can hold the bytes of requests.
    fn filter(self) -> &'static str {
        match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "warn,driftless=info",
            (false, 2) => "warn,driftless=debug",
            (false, _) => "warn,driftless=trace",
        }
    }
}

/// How logs are written.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// How lines look.
    pub format: LogFormat,
    /// How much is logged.
    pub verbosity: Verbosity,
    /// The value of `RUST_LOG`, which overrides the verbosity.
    pub filter: Option<String>,
    /// Whether lines have colours.
    pub colour: bool,
}

/// Starts logging. The error is about `RUST_LOG`. Called a second time it changes nothing.
pub fn init<W>(options: &LogOptions, writer: W) -> Result<(), String>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = match options.filter.as_deref().filter(|filter| !filter.is_empty()) {
        Some(filter) => EnvFilter::try_new(filter)
            .map_err(|error| format!("the variable `RUST_LOG` is not a filter such as `driftless=debug`: {error}"))?,
        None => EnvFilter::new(options.verbosity.filter()),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // A second subscriber can only come from a second call, which then has nothing to do.
    let _ = match options.format {
        LogFormat::Text => builder.with_ansi(options.colour).with_target(false).without_time().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// A log writer that hands whole lines to a function, so that they do not tear a progress bar.
#[derive(Clone)]
pub struct LineWriter<F>(pub F);

impl<'w, F> MakeWriter<'w> for LineWriter<F>
where
    F: Fn(&[u8]) -> io::Result<()> + Clone + 'w,
{
    type Writer = Line<F>;

    fn make_writer(&'w self) -> Self::Writer {
        Line { sink: self.0.clone(), buffer: Vec::new() }
    }
}

/// One log line while it is written.
pub struct Line<F: Fn(&[u8]) -> io::Result<()>> {
    sink: F,
    buffer: Vec<u8>,
}

impl<F: Fn(&[u8]) -> io::Result<()>> io::Write for Line<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.buffer);
        if line.is_empty() { Ok(()) } else { (self.sink)(&line) }
    }
}

impl<F: Fn(&[u8]) -> io::Result<()>> Drop for Line<F> {
    fn drop(&mut self) {
        // Nobody is left to tell when the log itself cannot be written.
        let _ = io::Write::flush(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_lines_get_more_with_v() {
        for verbose in 0..5 {
            let filter = Verbosity { verbose, quiet: false }.filter();
            assert!(filter.starts_with("warn"), "{filter}");
        }
        assert_eq!(Verbosity { verbose: 3, quiet: true }.filter(), "error");
    }
}
