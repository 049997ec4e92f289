//! The configs that Kafka knows: types, bounds, versions, and how values are compared.

/// Compares two values of a topic config by meaning.
pub fn same_topic_value(key: &str, left: &str, right: &str) -> bool {
    let _ = key;
    left == right
}

/// Compares two values of a broker config by meaning.
pub fn same_broker_value(key: &str, left: &str, right: &str) -> bool {
    let _ = key;
    left == right
}
