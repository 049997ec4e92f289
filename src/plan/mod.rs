//! The plan as a value: what differs, why, how risky it is, and in which order it is done.

pub mod types;
