//! driftless keeps Apache Kafka clusters equal to a git repository.
//!
//! One straight line of values: a snapshot of the repository becomes the desired state, the cluster is read into the
//! observed state, the two and the inventory become a plan, policy judges it, apply performs exactly what it lists, and a
//! report says what came of it. The modules below are listed in that reading order; `ARCHITECTURE.md` tells the rest.

pub mod domain;
pub mod manifest;
pub mod plan;
pub mod ports;
