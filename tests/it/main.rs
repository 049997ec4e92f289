//! The integration tests, one binary: the command line, the real brokers, the architecture rules.
