//! Config values as the controller checks them and as brokers describe them.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::config_catalog::{
    ConfigProblem, ConfigType, KafkaVersion, TOPIC_CONFIGS, broker_config, topic_config, validate_broker_value,
    validate_topic_value,
};
use crate::domain::observed::ObservedState;

/// The newest version that a directory claims to be when it does not say its `metadata.version`.
const DEFAULT_VERSION: KafkaVersion = (4, 3);

/// The first `metadata.version` level of each Kafka version (Kafka: `server-common/.../MetadataVersion.java`).
const LEVELS: &[(i16, KafkaVersion)] = &[
    (31, (4, 4)),
    (30, (4, 3)),
    (28, (4, 2)),
    (26, (4, 1)),
    (22, (4, 0)),
    (21, (3, 9)),
    (20, (3, 8)),
    (15, (3, 7)),
    (i16::MIN, (3, 6)),
];

/// Returns the version whose rules the directory's cluster follows.
pub(crate) fn version(state: &ObservedState) -> KafkaVersion {
    state.cluster.metadata_version.map_or(DEFAULT_VERSION, |level| {
        LEVELS.iter().find(|(first, _)| level >= *first).map_or(DEFAULT_VERSION, |(_, version)| *version)
    })
}

/// Broker configs whose cluster-wide dynamic value is a topic config's default (Kafka:
/// `server-common/.../ServerTopicConfigSynonyms.java`).
pub(crate) const SYNONYMS: &[(&str, &str)] = &[
    ("compression.gzip.level", "compression.gzip.level"),
    ("compression.lz4.level", "compression.lz4.level"),
    ("compression.type", "compression.type"),
    ("compression.zstd.level", "compression.zstd.level"),
    ("log.cleaner.delete.retention.ms", "delete.retention.ms"),
    ("log.cleaner.max.compaction.lag.ms", "max.compaction.lag.ms"),
    ("log.cleaner.min.cleanable.ratio", "min.cleanable.dirty.ratio"),
    ("log.cleaner.min.compaction.lag.ms", "min.compaction.lag.ms"),
    ("log.cleanup.policy", "cleanup.policy"),
    ("log.flush.interval.messages", "flush.messages"),
    ("log.flush.interval.ms", "flush.ms"),
    ("log.index.interval.bytes", "index.interval.bytes"),
    ("log.index.size.max.bytes", "segment.index.bytes"),
    ("log.message.timestamp.after.max.ms", "message.timestamp.after.max.ms"),
    ("log.message.timestamp.before.max.ms", "message.timestamp.before.max.ms"),
    ("log.message.timestamp.type", "message.timestamp.type"),
    ("log.preallocate", "preallocate"),
    ("log.retention.bytes", "retention.bytes"),
    ("log.retention.ms", "retention.ms"),
    ("log.roll.jitter.ms", "segment.jitter.ms"),
    ("log.roll.ms", "segment.ms"),
    ("log.segment.bytes", "segment.bytes"),
    ("log.segment.delete.delay.ms", "file.delete.delay.ms"),
    ("message.max.bytes", "max.message.bytes"),
    ("min.insync.replicas", "min.insync.replicas"),
    ("unclean.leader.election.enable", "unclean.leader.election.enable"),
];

/// What topics get that override nothing, where no broker says otherwise.
pub(crate) fn topic_defaults() -> BTreeMap<String, BTreeSet<String>> {
    TOPIC_CONFIGS
        .iter()
        .filter(|config| config.since <= DEFAULT_VERSION && config.until.is_none())
        .map(|config| {
            let default = if config.key == "min.insync.replicas" { "2" } else { config.default };
            (config.key.to_owned(), BTreeSet::from([default.to_owned()]))
        })
        .collect()
}

/// Checks the whole resulting overrides of a topic, as the controller does; the error is its message.
pub(crate) fn check_topic<'a>(
    version: KafkaVersion,
    overrides: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), String> {
    let mut lags: BTreeMap<&str, i64> = BTreeMap::new();
    for (key, value) in overrides {
        match validate_topic_value(key, value, Some(version)) {
            Ok(()) => {}
            Err(problem) => return Err(refusal(key, value, &problem)),
        }
        let shown = describe_topic(version, key, value).and_then(|shown| shown.parse().ok());
        if let (true, Some(lag)) = (key.ends_with(".compaction.lag.ms"), shown) {
            lags.insert(key, lag);
        }
    }
    let least = lags.get("min.compaction.lag.ms").copied().unwrap_or(0);
    let most = lags.get("max.compaction.lag.ms").copied().unwrap_or(i64::MAX);
    if least > most {
        return Err(format!(
            "conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})"
        ));
    }
    Ok(())
}

/// Writes a problem as brokers do.
fn refusal(key: &str, value: &str, problem: &ConfigProblem) -> String {
    match problem {
        ConfigProblem::UnknownKey { .. } | ConfigProblem::VendorKey | ConfigProblem::WrongVersion { .. } => {
            format!("Unknown topic config name: {key}")
        }
        ConfigProblem::BadValue(why) | ConfigProblem::VersionedValue(why) => {
            format!("Invalid value {value} for configuration {key}: {why}")
        }
        ConfigProblem::StaticBrokerKey => format!("Cannot update these configs dynamically: [{key}]"),
        ConfigProblem::PerBrokerKey => {
            format!("Cannot update these configs at default cluster level, broker id must be specified: [{key}]")
        }
        ConfigProblem::SecretKey => format!("the value of {key} is a secret"),
    }
}

/// Checks a dynamic broker config; keys that Kafka does not know are accepted, as it does. The error is its message.
pub(crate) fn check_broker(version: KafkaVersion, key: &str, value: &str, cluster_wide: bool) -> Result<(), String> {
    match validate_broker_value(key, value, cluster_wide, Some(version)) {
        Ok(()) => Ok(()),
        Err(ConfigProblem::UnknownKey { .. } | ConfigProblem::VendorKey | ConfigProblem::SecretKey) => Ok(()),
        // What is not dynamic in this version is static there.
        Err(ConfigProblem::WrongVersion { .. }) => Err(refusal(key, value, &ConfigProblem::StaticBrokerKey)),
        Err(
            problem @ (ConfigProblem::BadValue(_)
            | ConfigProblem::VersionedValue(_)
            | ConfigProblem::StaticBrokerKey
            | ConfigProblem::PerBrokerKey),
        ) => Err(refusal(key, value, &problem)),
    }
}

/// Returns a topic's value as brokers describe it; `None` when they would not show it, because they do not know the key.
pub(crate) fn describe_topic(version: KafkaVersion, key: &str, value: &str) -> Option<String> {
    let kind = topic_config(key)?.kind;
    let shown = described(kind, value);
    match kind {
        // Since 4.2 a word that is there twice counts once.
        ConfigType::Set(_) if version >= (4, 2) => {
            let mut words: Vec<&str> = Vec::new();
            for word in list(&shown) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
            Some(words.join(","))
        }
        ConfigType::Boolean
        | ConfigType::Short
        | ConfigType::Int(..)
        | ConfigType::Long(..)
        | ConfigType::Double(..)
        | ConfigType::Text
        | ConfigType::Choice(_)
        | ConfigType::List
        | ConfigType::Set(_)
        | ConfigType::ThrottledReplicas
        | ConfigType::Password => Some(shown),
    }
}

/// Returns a broker's dynamic value as brokers describe it. Secrets are not shown, and what Kafka does not know neither.
pub(crate) fn describe_broker(key: &str, value: &str) -> Option<String> {
    match broker_config(key)?.kind {
        ConfigType::Password => None,
        kind => Some(described(kind, value)),
    }
}

/// Writes a valid value as a broker does (Kafka: `ConfigDef.parseType`, `convertToString`); another one stays as it is.
fn described(kind: ConfigType, raw: &str) -> String {
    let value = raw.trim();
    let shown = match kind {
        ConfigType::Boolean => value.to_ascii_lowercase().parse::<bool>().ok().map(|shown| shown.to_string()),
        ConfigType::Short | ConfigType::Int(..) | ConfigType::Long(..) => {
            value.parse::<i64>().ok().map(|shown| shown.to_string())
        }
        ConfigType::Double(..) => value.parse::<f64>().ok().filter(|number| number.is_finite()).map(java_double),
        ConfigType::Text | ConfigType::Choice(_) | ConfigType::Password => Some(value.to_owned()),
        ConfigType::List | ConfigType::Set(_) | ConfigType::ThrottledReplicas => Some(list(value).join(",")),
    };
    shown.unwrap_or_else(|| raw.to_owned())
}

fn list(value: &str) -> Vec<&str> {
    if value.is_empty() { Vec::new() } else { value.split(',').map(str::trim).collect() }
}

/// Writes a number as Java's `Double.toString` does: `0.5`, `1.0`, `1.0E-4`.
fn java_double(number: f64) -> String {
    let magnitude = number.abs();
    if number == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{number:?}");
    }
    let scientific = format!("{number:E}");
    match scientific.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        Some(_) | None => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::config_catalog::BROKER_CONFIGS;

    #[test]
    fn values_are_described_as_kafka_describes_them() {
        for (key, raw, shown) in [
            ("preallocate", " TRUE ", "true"),
            ("retention.ms", "+5", "5"),
            ("retention.ms", "007", "7"),
            ("min.cleanable.dirty.ratio", "0.50", "0.5"),
            ("min.cleanable.dirty.ratio", "1", "1.0"),
            ("min.cleanable.dirty.ratio", "0.0001", "1.0E-4"),
            ("cleanup.policy", "compact , delete", "compact,delete"),
            ("cleanup.policy", "delete,delete", "delete"),
            ("leader.replication.throttled.replicas", "0:1, 1:2", "0:1,1:2"),
        ] {
            assert_eq!(describe_topic((4, 3), key, raw).as_deref(), Some(shown), "{key}");
            assert_eq!(check_topic((4, 3), [(key, raw)].into_iter()), Ok(()), "{key}={raw}");
        }
        assert_eq!(describe_topic((4, 3), "vendor.key", "x"), None);
    }

    #[test]
    fn values_out_of_type_or_bounds_are_refused() {
        for (key, raw) in [
            ("retention.ms", "abc"),
            ("retention.ms", "1e3"),
            ("retention.ms", "-2"),
            ("retention.ms", ""),
            ("preallocate", "yes"),
            ("cleanup.policy", "shred"),
            ("compression.type", "LZ4"),
            ("min.cleanable.dirty.ratio", "1.5"),
            ("min.cleanable.dirty.ratio", "NaN"),
            ("segment.bytes", "100"),
            ("max.message.bytes", "2147483648"),
            ("leader.replication.throttled.replicas", "a:b"),
            ("nope", "1"),
        ] {
            assert!(check_topic((4, 3), [(key, raw)].into_iter()).is_err(), "{key}={raw}");
        }
    }

    #[test]
    fn every_default_is_described_as_it_stands_in_the_catalog() {
        for config in TOPIC_CONFIGS.iter().chain(BROKER_CONFIGS) {
            assert_eq!(described(config.kind, config.default), config.default, "{}", config.key);
        }
    }

    #[test]
    fn every_synonym_is_known_on_both_sides() {
        for (broker_key, topic_key) in SYNONYMS {
            assert!(broker_config(broker_key).is_some() && topic_config(topic_key).is_some(), "{broker_key}");
        }
    }

    #[test]
    fn older_clusters_refuse_what_they_do_not_know() {
        let check = |version, key, value| check_topic(version, [(key, value)].into_iter()).is_ok();
        assert!(check((3, 9), "segment.bytes", "100") && !check((4, 1), "segment.bytes", "100"));
        assert!(!check((3, 7), "compression.zstd.level", "3") && check((3, 8), "compression.zstd.level", "3"));
    }
}
