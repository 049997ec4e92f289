//! The integration tests, one binary: the architecture's rules, the command line, the real brokers and Prometheus.

mod architecture;
mod contract;

mod support {
    pub(crate) mod brokers;
}
