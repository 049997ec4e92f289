//! The integration tests, one binary: the command line, the real brokers, the architecture rules.

mod cli_support;
mod cli_usage;
