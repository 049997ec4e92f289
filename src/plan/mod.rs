//! The plan as a value: what differs, why, how risky it is, and in which order it is done.
//!
//! Pure. [`diff::plan`] compares three sources (git now, the cluster now, what we last wrote) field by field, the same way
//! for every kind; `assess` says how risky each action is and what stops it; [`seal`] gives the plan its id. What comes
//! from the cluster in between (evidence, the broker's dry run) is added by the pass. Nothing here decides at apply time.

mod access;
mod along;
pub mod apply_report;
mod assess;
mod budget;
mod codes;
pub mod diff;
mod draft;
mod drift;
pub mod fields;
pub mod input;
pub mod operations;
mod ownership;
pub mod record;
pub mod seal;
pub mod types;
pub mod watch;

pub use codes::{CODES, WORDS};

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
