//! Config values as the controller checks them and as brokers describe them.

use std::collections::{BTreeMap, BTreeSet};

/// The longest value that Kafka stores (`Short.MAX_VALUE` characters).
const LONGEST_VALUE: usize = 32_767;

#[derive(Debug, Clone, Copy)]
enum Type {
    Boolean,
    Int(i64, i64),
    Long(i64),
    Double(f64, f64),
    OneOf(&'static [&'static str]),
    ListOf(&'static [&'static str]),
    Throttle,
}

const INT: i64 = i32::MAX as i64;
const LONG: i64 = i64::MAX;

/// Topic configs of Kafka 4.3 with type and default (Kafka: `storage/.../LogConfig.java`).
const TOPIC: &[(&str, Type, &str)] = &[
    ("cleanup.policy", Type::ListOf(&["compact", "delete"]), "delete"),
    ("compression.gzip.level", Type::Int(-1, 9), "-1"),
    ("compression.lz4.level", Type::Int(1, 17), "9"),
    ("compression.type", Type::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), "producer"),
    ("compression.zstd.level", Type::Int(-131_072, 22), "3"),
    ("delete.retention.ms", Type::Long(0), "86400000"),
    ("file.delete.delay.ms", Type::Long(0), "60000"),
    ("flush.messages", Type::Long(1), "9223372036854775807"),
    ("flush.ms", Type::Long(0), "9223372036854775807"),
    ("follower.replication.throttled.replicas", Type::Throttle, ""),
    ("index.interval.bytes", Type::Int(0, INT), "4096"),
    ("leader.replication.throttled.replicas", Type::Throttle, ""),
    ("local.retention.bytes", Type::Long(-2), "-2"),
    ("local.retention.ms", Type::Long(-2), "-2"),
    ("max.compaction.lag.ms", Type::Long(1), "9223372036854775807"),
    ("max.message.bytes", Type::Int(0, INT), "1048588"),
    ("message.timestamp.after.max.ms", Type::Long(0), "3600000"),
    ("message.timestamp.before.max.ms", Type::Long(0), "9223372036854775807"),
    ("message.timestamp.type", Type::OneOf(&["CreateTime", "LogAppendTime"]), "CreateTime"),
    ("min.cleanable.dirty.ratio", Type::Double(0.0, 1.0), "0.5"),
    ("min.compaction.lag.ms", Type::Long(0), "0"),
    ("min.insync.replicas", Type::Int(1, INT), "1"),
    ("preallocate", Type::Boolean, "false"),
    ("remote.log.copy.disable", Type::Boolean, "false"),
    ("remote.log.delete.on.disable", Type::Boolean, "false"),
    ("remote.storage.enable", Type::Boolean, "false"),
    ("retention.bytes", Type::Long(i64::MIN), "-1"),
    ("retention.ms", Type::Long(-1), "604800000"),
    ("segment.bytes", Type::Int(1_048_576, INT), "1073741824"),
    ("segment.index.bytes", Type::Int(4, INT), "10485760"),
    ("segment.jitter.ms", Type::Long(0), "0"),
    ("segment.ms", Type::Long(1), "604800000"),
    ("unclean.leader.election.enable", Type::Boolean, "false"),
];

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

/// Broker configs that only a restart changes, of those that people try (Kafka: absent from `DynamicBrokerConfig`).
pub(crate) const STATIC: &[&str] = &[
    "allow.everyone.if.no.acl.found",
    "authorizer.class.name",
    "auto.create.topics.enable",
    "broker.id",
    "broker.rack",
    "controller.quorum.voters",
    "default.replication.factor",
    "delete.topic.enable",
    "log.dir",
    "log.dirs",
    "node.id",
    "num.partitions",
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "process.roles",
    "super.users",
    "transaction.state.log.min.isr",
    "transaction.state.log.num.partitions",
    "transaction.state.log.replication.factor",
];

/// Other dynamic broker configs with a type that is checked.
const BROKER: &[(&str, Type)] = &[
    ("background.threads", Type::Int(1, INT)),
    ("follower.replication.throttled.rate", Type::Long(0)),
    ("leader.replication.throttled.rate", Type::Long(0)),
    ("log.cleaner.backoff.ms", Type::Long(0)),
    ("log.cleaner.threads", Type::Int(0, INT)),
    ("max.connection.creation.rate", Type::Int(0, INT)),
    ("max.connections", Type::Int(0, INT)),
    ("max.connections.per.ip", Type::Int(0, INT)),
    ("num.io.threads", Type::Int(1, INT)),
    ("num.network.threads", Type::Int(1, INT)),
    ("num.recovery.threads.per.data.dir", Type::Int(1, INT)),
    ("num.replica.fetchers", Type::Int(1, INT)),
];

/// What topics get that override nothing, where no broker says otherwise.
pub(crate) fn topic_defaults() -> BTreeMap<String, BTreeSet<String>> {
    TOPIC
        .iter()
        .map(|(key, _, default)| {
            let default = if *key == "min.insync.replicas" { "2" } else { default };
            ((*key).to_owned(), BTreeSet::from([default.to_owned()]))
        })
        .collect()
}

/// Checks the whole resulting overrides of a topic, as the controller does; the error is its message.
pub(crate) fn check_topic<'a>(overrides: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), String> {
    let mut lags: BTreeMap<&str, i64> = BTreeMap::new();
    for (key, value) in overrides {
        let Some((_, kind, _)) = TOPIC.iter().find(|(known, ..)| *known == key) else {
            return Err(format!("Unknown topic config name: {key}"));
        };
        let described = described(*kind, value).map_err(|why| invalid(key, value, &why))?;
        if let (true, Ok(lag)) = (key.ends_with(".compaction.lag.ms"), described.parse()) {
            lags.insert(key, lag);
        }
    }
    let least = lags.get("min.compaction.lag.ms").copied().unwrap_or(0);
    let most = lags.get("max.compaction.lag.ms").copied().unwrap_or(LONG);
    if least > most {
        return Err(format!(
            "conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})"
        ));
    }
    Ok(())
}

/// Says why a value is too long to be stored.
pub(crate) fn check_length(key: &str, value: &str) -> Result<(), String> {
    if value.encode_utf16().count() > LONGEST_VALUE {
        return Err(format!("The configuration value for {key} cannot be longer than {LONGEST_VALUE} characters."));
    }
    Ok(())
}

/// Checks a dynamic broker config; keys that Kafka does not know are accepted, as it does. The error is its message.
pub(crate) fn check_broker(key: &str, value: &str) -> Result<(), String> {
    broker_type(key).map_or(Ok(()), |kind| described(kind, value).map(drop).map_err(|why| invalid(key, value, &why)))
}

/// Returns a topic's value as brokers describe it; `None` when they would not show it, because they do not know the key.
pub(crate) fn describe_topic(key: &str, value: &str) -> Option<String> {
    let (_, kind, _) = TOPIC.iter().find(|(known, ..)| *known == key)?;
    Some(described(*kind, value).unwrap_or_else(|_| value.to_owned()))
}

/// Returns a broker's dynamic value as brokers describe it.
pub(crate) fn describe_broker(key: &str, value: &str) -> String {
    broker_type(key).and_then(|kind| described(kind, value).ok()).unwrap_or_else(|| value.to_owned())
}

fn broker_type(key: &str) -> Option<Type> {
    let synonym = SYNONYMS.iter().find(|(broker, _)| *broker == key).map(|(_, topic)| *topic);
    let of_topic = synonym.and_then(|topic| TOPIC.iter().find(|(known, ..)| *known == topic)).map(|(_, kind, _)| *kind);
    of_topic.or_else(|| BROKER.iter().find(|(known, _)| *known == key).map(|(_, kind)| *kind))
}

fn invalid(key: &str, value: &str, why: &str) -> String {
    format!("Invalid value {value} for configuration {key}: {why}")
}

/// Reads a value as its type and writes it as a broker does (Kafka: `ConfigDef.parseType`, `convertToString`).
fn described(kind: Type, raw: &str) -> Result<String, String> {
    let value = raw.trim();
    match kind {
        Type::Boolean if value.eq_ignore_ascii_case("true") => Ok("true".to_owned()),
        Type::Boolean if value.eq_ignore_ascii_case("false") => Ok("false".to_owned()),
        Type::Boolean => Err("Expected value to be either true or false".to_owned()),
        Type::Int(least, most) => {
            let number: i32 = value.parse().map_err(|_| "Not a number of type INT".to_owned())?;
            within(i64::from(number), least, most)
        }
        Type::Long(least) => {
            let number: i64 = value.parse().map_err(|_| "Not a number of type LONG".to_owned())?;
            within(number, least, LONG)
        }
        Type::Double(least, most) => {
            let number: f64 = value.parse().map_err(|_| "Not a number of type DOUBLE".to_owned())?;
            match number {
                number if number < least => Err(format!("Value must be at least {least:?}")),
                number if number > most => Err(format!("Value must be no more than {most:?}")),
                number if number.is_finite() => Ok(java_double(number)),
                _ => Err("Not a number of type DOUBLE".to_owned()),
            }
        }
        Type::OneOf(values) if values.contains(&value) => Ok(value.to_owned()),
        Type::OneOf(values) => Err(format!("String must be one of: {}", values.join(", "))),
        Type::ListOf(values) => match list(value).into_iter().find(|item| !values.contains(item)) {
            Some(_) => Err(format!("String must be one of: {}", values.join(", "))),
            None => Ok(list(value).join(",")),
        },
        Type::Throttle => {
            let fine = value == "*" || list(value).iter().all(|item| is_partition_and_broker(item));
            let why = "Must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...";
            if fine { Ok(list(value).join(",")) } else { Err(why.to_owned()) }
        }
    }
}

fn within(number: i64, least: i64, most: i64) -> Result<String, String> {
    if number < least {
        Err(format!("Value must be at least {least}"))
    } else if number > most {
        Err(format!("Value must be no more than {most}"))
    } else {
        Ok(number.to_string())
    }
}

fn list(value: &str) -> Vec<&str> {
    if value.is_empty() { Vec::new() } else { value.split(',').map(str::trim).collect() }
}

fn is_partition_and_broker(item: &str) -> bool {
    item.split_once(':')
        .is_some_and(|(partition, broker)| partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok())
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
            ("leader.replication.throttled.replicas", "0:1, 1:2", "0:1,1:2"),
        ] {
            assert_eq!(describe_topic(key, raw).as_deref(), Some(shown), "{key}");
            assert_eq!(check_topic([(key, raw)].into_iter()), Ok(()), "{key}={raw}");
        }
        assert_eq!(describe_topic("vendor.key", "x"), None);
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
            assert!(check_topic([(key, raw)].into_iter()).is_err(), "{key}={raw}");
        }
    }

    #[test]
    fn every_default_is_a_valid_value_as_it_is_described() {
        for (key, kind, default) in TOPIC {
            assert_eq!(described(*kind, default).as_deref(), Ok(*default), "{key}");
        }
    }
}
