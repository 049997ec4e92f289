//! The directory cluster: a Kafka cluster that is a directory of files in the format of [`crate::recorded`].
//!
//! `--sandbox DIR` opens it writable: demo, tests and first steps need no broker. It answers as Kafka's controller does
//! (validation, error codes, what is all-or-nothing and what is not); the contract suite in `tests/it/contract.rs` holds
//! it and real brokers to the same behaviour. `--observed DIR|REV` opens recorded state to be read only.
//!
//! Two differences are on purpose. No password and nothing derived from one is ever in the directory: a credential is
//! its mechanism and its iteration count. And nobody is authenticated: whoever may write the directory is the admin.

mod access;
mod broker_configs;
mod cluster;
mod configs;
mod directory;
mod effective;
mod faults;
mod initial;
mod requests;
mod topics;
mod view;

#[cfg(test)]
mod tests;

pub use cluster::DirectoryCluster;
pub use directory::read_directory;
pub use faults::{FAULTS_FILE, Faults, Matching, Refusal};
