//! What is wrong with a pack, and where.

use std::panic::AssertUnwindSafe;

use crate::domain::diagnostic::Location;

/// Does something with the engine. Should the engine panic, that is an error like any other: a rule must not end an agent, and
/// what no rule could judge is refused.
pub(super) fn survived<T, E: std::fmt::Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, PackError> {
    match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| PackError::of(&error, None)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("for no known reason");
            Err(PackError { place: None, message: format!("the engine failed: {}", text.trim()) })
        }
    }
}

/// A problem of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackError {
    pub(super) place: Option<Location>,
    pub(super) message: String,
}

impl PackError {
    /// Names a line of a file.
    pub(super) fn at(file: &str, line: u32, message: impl Into<String>) -> Self {
        Self { place: Some(Location::new(file, line, 1)), message: message.into() }
    }

    /// Adds the column.
    pub(super) fn column(mut self, column: u32) -> Self {
        if let Some(place) = &mut self.place {
            place.column = column;
        }
        self
    }

    /// Reads file, line and column out of the engine's message, which has no other form than text.
    pub(super) fn of(error: &impl std::fmt::Display, file: Option<&str>) -> Self {
        let text = error.to_string();
        let place = text.lines().find_map(|line| {
            let mut parts = line.strip_prefix("--> ")?.rsplitn(3, ':');
            let (column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Location::new(file, line.parse().ok()?, column.parse().ok()?))
        });
        let message =
            text.rsplit("error: ").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let message = if message.contains("exceeded memory limit") {
            format!("policy needs more memory than it may have ({message})")
        } else {
            message
        };
        Self { place: place.or_else(|| file.map(|file| Location::new(file, 1, 1))), message }
    }

    /// Returns the line, for comparing how far two readings of a file came.
    pub(super) fn line(&self) -> u32 {
        self.place.as_ref().map_or(0, |place| place.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let panicking =
            |text: &'static str| survived(|| if text.is_empty() { Ok::<_, String>(1) } else { panic!("{text}") });
        assert_eq!(panicking(""), Ok(1));
        let error = panicking("window size").map_err(|error: PackError| error.message);
        assert_eq!(error, Err("the engine failed: window size".to_owned()));
        assert!(survived(|| Err::<(), _>("error: wrong")).is_err_and(|error| error.message == "wrong"));
    }
}
