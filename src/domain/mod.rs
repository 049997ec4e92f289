//! Pure values: what a cluster can hold, what git wants, what was seen, what was last applied.
//!
//! Nothing in here reads a file, a clock, the environment or the network. Every type is parsed once into a form
//! that cannot be wrong; maps are ordered, so the same input always gives the same bytes.

/// The `apiVersion` of everything that driftless itself reads and writes.
pub const API_VERSION: &str = "driftless.dev/v1";

pub mod acl;
pub mod broker_config;
pub mod code_doc;
pub mod config_catalog;
pub mod desired;
pub mod diagnostic;
pub mod digest;
pub mod drift_memory;
pub mod duration;
pub mod event;
pub(crate) mod go_regex;
pub mod ignore;
pub mod inventory;
pub mod names;
pub mod nearest;
pub mod observed;
pub mod operation;
pub mod promql;
pub mod quota;
pub mod resource;
pub mod rule;
pub mod rule_comparison;
pub mod secret;
pub mod snapshot;
pub mod topic;
pub mod user;
