//! The agent: follows the config repository of one environment, and makes the same pass as the command line.
//!
//! Nothing in here picks an adapter or decides about a resource: [`run_pass`] says in which order the ports are asked and what
//! stops a pass, and `reconcile` does the rest.

mod pass;
mod trust;

pub use pass::{AgentPass, Conclusion, PassResult, Unloadable, Wanted, WhatToDo, run_pass};
pub use trust::untrusted;
