//! The integration tests, one binary: the command line, the real brokers, the architecture rules.

mod git_report_branch;
mod git_source;
mod git_support;
