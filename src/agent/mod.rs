//! The agent: follows the config repository of one environment, and makes the same pass as the command line.
//!
//! Nothing in here picks an adapter or decides about a resource: [`run_pass`] says in which order the ports are asked and what
//! stops a pass, `reconcile` does the rest, and [`follow`] says when the next pass is made.

pub mod board;
mod chronicle;
mod counted;
mod follow;
pub mod hooks;
pub mod http;
pub mod metrics;
pub mod outbox;
mod pass;
pub mod pull_requests;
mod schedule;
mod trust;
mod unchanged;
pub mod watch;

pub use chronicle::{Chronicle, lease_event};
pub use counted::Counted;
pub use follow::{Following, LONGEST_END, Wakes, Woken, follow};
pub use pass::{AgentPass, Conclusion, PassResult, Unloadable, Wanted, WhatToDo, run_pass};
pub use schedule::{Next, Pace, next};
pub use trust::{Trust, untrusted};
pub use unchanged::{Known, Look, is_unchanged};
