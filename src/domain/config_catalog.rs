//! The configs that Kafka knows: types, bounds, versions, and how values are compared.
//!
//! The tables were read from the `ConfigDef`s of Kafka 3.9.1, 4.1.1 and 4.3.1 (`LogConfig`, `KafkaConfig`,
//! `DynamicBrokerConfig`), and from the sources of 3.6 and 4.4 for what lies outside. They are not generated from
//! `TopicConfig.java`, which still names keys that brokers refuse.

mod brokers;
mod topics;
mod values;

use self::values::{check_value, parse_integer, same_value, split_list};
use super::nearest::nearest;

pub use brokers::{BROKER_CONFIGS, STATIC_BROKER_CONFIGS};
pub use topics::TOPIC_CONFIGS;

/// A Kafka version as `(major, minor)`.
pub type KafkaVersion = (u16, u16);

/// The oldest version that the tables cover.
pub const OLDEST_VERSION: KafkaVersion = (3, 6);

/// The newest version that the tables cover.
pub const NEWEST_VERSION: KafkaVersion = (4, 4);

/// Writes a version as people do.
pub fn version_text((major, minor): KafkaVersion) -> String {
    format!("{major}.{minor}")
}

/// Prefixes of keys that other vendors' brokers add. Kafka itself refuses them.
const VENDOR_PREFIXES: [&str; 4] = ["confluent.", "redpanda.", "aws.", "eventhubs."];

/// How Kafka parses and compares a config (`clients/.../config/ConfigDef.java`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ConfigType {
    /// `true` or `false`, in any case.
    Boolean,
    /// A 16-bit number.
    Short,
    /// A 32-bit number within the bounds.
    Int(i64, i64),
    /// A 64-bit number within the bounds.
    Long(i64, i64),
    /// A floating point number within the bounds.
    Double(f64, f64),
    /// Any text.
    Text,
    /// One of these words, case-sensitive.
    Choice(&'static [&'static str]),
    /// A comma-separated list in which order counts.
    List,
    /// A comma-separated set of these words.
    Set(&'static [&'static str]),
    /// `*`, or `partition:broker` pairs with commas between.
    ThrottledReplicas,
    /// A secret: never in git, never shown, and brokers do not say its value.
    Password,
}

/// What is known of one config.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfigDefinition {
    /// The key.
    pub key: &'static str,
    /// Its type and bounds, as of the newest version.
    pub kind: ConfigType,
    /// Kafka's default, as the newest version describes it; empty when there is none.
    pub default: &'static str,
    /// The first version that knows the key; [`OLDEST_VERSION`] when it is older.
    pub since: KafkaVersion,
    /// The first version that refuses the key, when it was removed.
    pub until: Option<KafkaVersion>,
}

/// A definition that holds for every version: how the tables begin a row.
const fn config(key: &'static str, kind: ConfigType, default: &'static str) -> ConfigDefinition {
    ConfigDefinition { key, kind, default, since: OLDEST_VERSION, until: None }
}

const fn since(version: KafkaVersion, mut definition: ConfigDefinition) -> ConfigDefinition {
    definition.since = version;
    definition
}

const fn until(version: KafkaVersion, mut definition: ConfigDefinition) -> ConfigDefinition {
    definition.until = Some(version);
    definition
}

/// Why a config would be refused, or might be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigProblem {
    /// No supported version knows the key; with the nearest key that exists.
    UnknownKey {
        /// The key that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A vendor's key: it cannot be checked.
    VendorKey,
    /// The key exists, but not in the target version.
    WrongVersion {
        /// First version that knows it.
        since: KafkaVersion,
        /// First version that refuses it.
        until: Option<KafkaVersion>,
        /// Whether the target is known, so that the broker will certainly refuse.
        certain: bool,
    },
    /// The value does not fit; with the reason, which fits after "the value is not valid: ".
    BadValue(String),
    /// The value fits some supported versions; with the reason.
    VersionedValue(String),
    /// The key can only be set in a broker's own `server.properties`.
    StaticBrokerKey,
    /// The key exists for single brokers only, not for the cluster-wide default.
    PerBrokerKey,
    /// The key holds a secret.
    SecretKey,
}

/// Returns what is known of a topic config.
pub fn topic_config(key: &str) -> Option<&'static ConfigDefinition> {
    find(TOPIC_CONFIGS, key)
}

/// Returns what is known of a dynamic broker config. Keys of a listener (`listener.name.NAME.KEY`) are found by their
/// last part, as brokers do.
pub fn broker_config(key: &str) -> Option<&'static ConfigDefinition> {
    find(BROKER_CONFIGS, base_broker_key(key))
}

fn find(table: &'static [ConfigDefinition], key: &str) -> Option<&'static ConfigDefinition> {
    table.binary_search_by(|definition| definition.key.cmp(key)).ok().map(|index| &table[index])
}

/// Cuts `listener.name.NAME.` and, for SASL, the mechanism after it.
fn base_broker_key(key: &str) -> &str {
    let Some(rest) = key.strip_prefix("listener.name.") else { return key };
    let Some((_, suffix)) = rest.split_once('.') else { return key };
    match suffix.split_once('.') {
        Some((_, tail)) if find(BROKER_CONFIGS, suffix).is_none() && tail.starts_with("sasl.") => tail,
        Some(_) | None => suffix,
    }
}

/// Says whether a vendor's broker may know a key that Kafka does not.
fn is_vendor_key(key: &str) -> bool {
    VENDOR_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// Checks a topic config as the target broker will. Without a version, what any supported version takes passes, and
/// what not all of them take is told as uncertain.
pub fn validate_topic_value(key: &str, value: &str, version: Option<KafkaVersion>) -> Result<(), ConfigProblem> {
    let Some(definition) = topic_config(key) else {
        return Err(if is_vendor_key(key) {
            ConfigProblem::VendorKey
        } else {
            ConfigProblem::UnknownKey { nearest: nearest(key, TOPIC_CONFIGS.iter().map(|definition| definition.key)) }
        });
    };
    check_value(definition, value).map_err(ConfigProblem::BadValue)?;
    check_version(definition, version)?;
    check_versioned_value(key, value, version)
}

/// Checks a dynamic broker config. `cluster_wide` is whether it is set as the default of all brokers.
pub fn validate_broker_value(
    key: &str,
    value: &str,
    cluster_wide: bool,
    version: Option<KafkaVersion>,
) -> Result<(), ConfigProblem> {
    let Some(definition) = broker_config(key) else {
        return Err(if STATIC_BROKER_CONFIGS.binary_search(&key).is_ok() {
            ConfigProblem::StaticBrokerKey
        } else if is_vendor_key(key) {
            ConfigProblem::VendorKey
        } else {
            let candidates =
                BROKER_CONFIGS.iter().map(|definition| definition.key).chain(STATIC_BROKER_CONFIGS.iter().copied());
            ConfigProblem::UnknownKey { nearest: nearest(key, candidates) }
        });
    };
    if definition.kind == ConfigType::Password {
        return Err(ConfigProblem::SecretKey);
    }
    if cluster_wide && (brokers::PER_BROKER_KEYS.contains(&definition.key) || key.starts_with("listener.name.")) {
        return Err(ConfigProblem::PerBrokerKey);
    }
    check_value(definition, value).map_err(ConfigProblem::BadValue)?;
    check_version(definition, version)?;
    check_versioned_value(key, value, version)
}

fn check_version(definition: &ConfigDefinition, version: Option<KafkaVersion>) -> Result<(), ConfigProblem> {
    let ConfigDefinition { since, until, .. } = *definition;
    let fits = |version: KafkaVersion| version >= since && until.is_none_or(|until| version < until);
    let (fine, certain) = match version {
        Some(version) => (fits(version.max(OLDEST_VERSION)), true),
        None => (fits(OLDEST_VERSION) && fits(NEWEST_VERSION), false),
    };
    if fine { Ok(()) } else { Err(ConfigProblem::WrongVersion { since, until, certain }) }
}

/// Bounds that changed between versions; the table holds the widest.
fn check_versioned_value(key: &str, value: &str, version: Option<KafkaVersion>) -> Result<(), ConfigProblem> {
    const SEGMENT_MINIMUM: i128 = 1_048_576;
    if matches!(key, "segment.bytes" | "log.segment.bytes")
        && parse_integer(value).is_some_and(|bytes| bytes < SEGMENT_MINIMUM)
    {
        let reason = format!("Kafka 4.1 and later want at least {SEGMENT_MINIMUM}");
        match version {
            Some(version) if version >= (4, 1) => return Err(ConfigProblem::BadValue(reason)),
            Some(_) => {}
            None => return Err(ConfigProblem::VersionedValue(reason)),
        }
    }
    if matches!(key, "cleanup.policy" | "log.cleanup.policy") && split_list(value).is_empty() {
        let reason = "only Kafka 4.2 and later take an empty list, and keep such data for ever".to_owned();
        match version {
            Some(version) if version >= (4, 2) => {}
            Some(_) => return Err(ConfigProblem::BadValue(reason)),
            None => return Err(ConfigProblem::VersionedValue(reason)),
        }
    }
    Ok(())
}

/// Compares two values of a topic config by meaning, as the broker parses them.
pub fn same_topic_value(key: &str, left: &str, right: &str) -> bool {
    same_value(topic_config(key), left, right)
}

/// Compares two values of a broker config by meaning, as the broker parses them.
pub fn same_broker_value(key: &str, left: &str, right: &str) -> bool {
    same_value(broker_config(key), left, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_their_defaults_are_valid() {
        for table in [TOPIC_CONFIGS, BROKER_CONFIGS] {
            assert!(table.is_sorted_by(|left, right| left.key < right.key));
            for definition in table {
                if !definition.default.is_empty() {
                    assert_eq!(check_value(definition, definition.default), Ok(()), "{}", definition.key);
                }
            }
        }
        assert!(STATIC_BROKER_CONFIGS.is_sorted_by(|left, right| left < right));
        assert!(STATIC_BROKER_CONFIGS.iter().all(|key| broker_config(key).is_none()));
    }

    #[test]
    fn values_are_refused_where_kafka_refuses_them() {
        for (key, value, version, fine) in [
            ("retention.ms", "604800000", None, true),
            ("retention.ms", "-1", None, true),
            ("retention.ms", "-2", None, false),
            ("retention.ms", "+5", None, true),
            ("retention.ms", " 5 ", None, true),
            ("retention.ms", "7d", None, false),
            ("retention.ms", "1.0E7", None, false),
            ("retention.ms", "1_000", None, false),
            ("retention.ms", "", None, false),
            ("retention.bytes", "-5", None, true),
            ("max.message.bytes", "2147483648", None, false),
            ("min.cleanable.dirty.ratio", "0.5", None, true),
            ("min.cleanable.dirty.ratio", "1.1", None, false),
            ("min.cleanable.dirty.ratio", "NaN", None, false),
            ("cleanup.policy", "compact, delete", None, true),
            ("cleanup.policy", "compacted", None, false),
            ("cleanup.policy", "", Some((4, 3)), true),
            ("cleanup.policy", "", Some((4, 1)), false),
            ("compression.type", "none", None, false),
            ("compression.type", "LZ4", None, false),
            ("compression.gzip.level", "0", None, false),
            ("preallocate", "TRUE", None, true),
            ("preallocate", "yes", None, false),
            ("segment.bytes", "1000", Some((4, 0)), true),
            ("segment.bytes", "1000", Some((4, 1)), false),
            ("segment.bytes", "13", Some((3, 9)), false),
            ("message.format.version", "3.0-IV1", Some((3, 9)), true),
            ("message.format.version", "3.0-IV1", Some((4, 0)), false),
            ("remote.copy.lag.ms", "0", Some((4, 4)), true),
            ("remote.copy.lag.ms", "0", Some((4, 3)), false),
            ("leader.replication.throttled.replicas", "*", None, true),
            ("leader.replication.throttled.replicas", "0:1, 1:2", None, true),
            ("leader.replication.throttled.replicas", "0-1", None, false),
        ] {
            let result = validate_topic_value(key, value, version);
            assert_eq!(result.is_ok(), fine, "{key}={value} on {version:?}: {result:?}");
        }
    }

    #[test]
    fn a_misspelt_key_is_told_the_right_one() {
        assert_eq!(
            validate_topic_value("min.isync.replicas", "2", None),
            Err(ConfigProblem::UnknownKey { nearest: Some("min.insync.replicas") })
        );
        assert_eq!(
            validate_topic_value("confluent.value.schema.validation", "true", None),
            Err(ConfigProblem::VendorKey)
        );
        assert_eq!(validate_topic_value("zzz", "2", None), Err(ConfigProblem::UnknownKey { nearest: None }));
    }

    #[test]
    fn an_unknown_target_version_is_told_apart_from_a_known_one() {
        let removed = |certain| ConfigProblem::WrongVersion { since: (3, 6), until: Some((4, 0)), certain };
        assert_eq!(validate_topic_value("message.downconversion.enable", "true", None), Err(removed(false)));
        assert_eq!(validate_topic_value("message.downconversion.enable", "true", Some((4, 2))), Err(removed(true)));
    }

    #[test]
    fn values_compare_by_meaning() {
        for (key, left, right, same) in [
            ("retention.ms", "007", "7", true),
            ("retention.ms", "7", "8", false),
            ("min.cleanable.dirty.ratio", "0.50", "0.5", true),
            ("min.cleanable.dirty.ratio", "1", "1.0", true),
            ("preallocate", "True", "true", true),
            ("cleanup.policy", "compact, delete", "delete,compact", true),
            ("cleanup.policy", "compact", "compact,delete", false),
            ("follower.replication.throttled.replicas", "0:1,1:2", "1:2,0:1", true),
            ("compression.type", " zstd", "zstd", true),
            ("confluent.x", "a", " a", false),
        ] {
            assert_eq!(same_topic_value(key, left, right), same, "{key}: {left} and {right}");
        }
        assert!(same_broker_value(
            "log.cleaner.io.max.bytes.per.second",
            "1.7976931348623157E308",
            "1.7976931348623157e308"
        ));
        assert!(same_broker_value("log.cleaner.threads", "2 ", "2"));
        assert!(!same_broker_value("ssl.key.password", "a", " a"));
    }

    #[test]
    fn broker_configs_are_dynamic_static_secret_or_unknown() {
        let check = |key, wide| validate_broker_value(key, "1", wide, None);
        assert_eq!(check("log.cleaner.threads", true), Ok(()));
        assert_eq!(check("auto.create.topics.enable", true), Err(ConfigProblem::StaticBrokerKey));
        assert_eq!(check("num.partitions", true), Err(ConfigProblem::StaticBrokerKey));
        assert_eq!(check("ssl.keystore.password", false), Err(ConfigProblem::SecretKey));
        assert_eq!(
            check("listener.name.internal.scram-sha-512.sasl.jaas.config", false),
            Err(ConfigProblem::SecretKey)
        );
        assert_eq!(check("ssl.keystore.location", true), Err(ConfigProblem::PerBrokerKey));
        assert_eq!(check("listener.name.internal.ssl.keystore.location", false), Ok(()));
        assert_eq!(
            check("log.cleaner.thread", true),
            Err(ConfigProblem::UnknownKey { nearest: Some("log.cleaner.threads") })
        );
    }
}
