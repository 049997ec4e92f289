//! What bounds an evaluation: time for all rules together, and memory for the whole process.

use std::num::NonZeroU32;
use std::time::Duration;

use regorus::utils::limits::{ExecutionTimerConfig, monotonic_now};
use regorus::{Engine, PolicyLengthConfig};

/// Work units between two looks at the stopwatch.
const CHECK_INTERVAL: NonZeroU32 = NonZeroU32::new(256).expect("256 is not zero");

/// The memory that the process may hold while rules are loaded and evaluated, everything else in it included. Ten thousand
/// topics with fifty thousand ACLs need less than a sixth of it.
pub(super) const MEMORY_LIMIT: u64 = 2 * 1024 * 1024 * 1024;

/// The stack of a thread that evaluates rules, in bytes; what is not used costs nothing. The engine goes down with every level of a value or an
/// expression, and how deep those may be is bounded for it.
pub(super) const STACK: usize = 64 * 1024 * 1024;

/// Makes the engine give up, with an error, when the process holds more than it may. The engine looks between statements, so
/// a single step can overshoot.
pub(super) fn bound_memory() {
    regorus::set_global_memory_limit(Some(MEMORY_LIMIT));
}

/// Makes an engine that reads lines of any length, as OPA does: data in Rego can be one long line. How large a file may be is bounded
/// before.
pub(super) fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.set_policy_length_config(PolicyLengthConfig { max_col: LONGEST_LINE, ..PolicyLengthConfig::default() });
    engine
}

/// More than a file can have (1 MiB).
pub(super) const LONGEST_LINE: NonZeroU32 = NonZeroU32::new(2 * 1024 * 1024).expect("2 MiB is not zero");

/// The time that is left for all rules together.
pub(super) struct Budget {
    end: Option<Duration>,
    limit: Duration,
}

impl Budget {
    pub(super) fn start(limit: Duration) -> Self {
        Self { end: monotonic_now().map(|now| now.saturating_add(limit)), limit }
    }

    /// Returns what is left; without a stopwatch every rule has the whole limit for itself.
    pub(super) fn left(&self) -> Duration {
        match (self.end, monotonic_now()) {
            (Some(end), Some(now)) => end.saturating_sub(now),
            (None, _) | (_, None) => self.limit,
        }
    }

    /// Returns the whole.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Bounds the next evaluation by what is left.
    pub(super) fn timer(&self) -> ExecutionTimerConfig {
        ExecutionTimerConfig { limit: self.left(), check_interval: CHECK_INTERVAL }
    }
}
