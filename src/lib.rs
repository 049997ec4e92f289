//! driftless keeps Apache Kafka clusters equal to a git repository.
//!
//! One straight line of values: a snapshot of the repository becomes the desired state, the cluster is read into the
//! observed state, the two and the inventory become a plan, policy judges it, apply performs exactly what it lists, and a
//! report says what came of it. The modules below stand in that reading order; `ARCHITECTURE.md` tells the rest.

// The pure core.
pub mod domain;

pub mod manifest;

pub mod plan;

pub mod policy;

pub mod report;

pub mod recorded;

// The pass: ports only.
pub mod ports;

pub mod apply;

pub mod reconcile;

// The edge.
pub mod git;

pub mod kafka;

pub mod prometheus;

pub mod forge;

pub mod sandbox;

pub mod state;

pub mod messaging;

pub mod config;

pub mod telemetry;

pub mod agent;

pub mod cli;
