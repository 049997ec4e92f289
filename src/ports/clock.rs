//! Time.

/// The only source of time for the core.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> jiff::Timestamp;
    /// Today, in UTC: the day that approvals and exceptions are looked at.
    fn today(&self) -> jiff::civil::Date {
        self.now().to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    /// Waits.
    fn sleep(&self, duration: std::time::Duration) -> futures::future::BoxFuture<'_, ()>;
}
