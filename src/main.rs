//! The `driftless` binary.

fn main() {}
