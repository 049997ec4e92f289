//! Counting what adapters do.

/// Counts what adapters do; the agent makes metrics of it. Implementations never block.
pub trait Tally: Send + Sync {
    /// A request to the cluster was answered, or was not: Kafka's name of the request, without `Request`.
    fn cluster_request(&self, api: &'static str, is_answered: bool);

    /// An operation of git succeeded or failed.
    fn git_operation(&self, operation: &'static str, succeeded: bool);
}
