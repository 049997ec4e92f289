//! The integration tests, one binary: the command line, the real brokers, the architecture rules.

mod cli_support;
mod cli_usage;
mod git_report_branch;
mod git_source;
mod git_support;
