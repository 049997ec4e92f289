//! The topic configs (Kafka: `storage/.../LogConfig.java`).

use super::ConfigType::{Boolean, Choice, Double, Int, Long, Set, Text, ThrottledReplicas};
use super::{ConfigDefinition, ConfigType, config, since, until};

const INT: i64 = i32::MAX as i64;
const LONG: i64 = i64::MAX;
const LONGEST: &str = "9223372036854775807";
const COMPRESSION: ConfigType = Choice(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]);

/// Every topic config of Kafka 3.6 to 4.4, sorted by key.
pub const TOPIC_CONFIGS: &[ConfigDefinition] = &[
    config("cleanup.policy", Set(&["compact", "delete"]), "delete"),
    since((3, 8), config("compression.gzip.level", Int(-1, 9), "-1")),
    since((3, 8), config("compression.lz4.level", Int(1, 17), "9")),
    config("compression.type", COMPRESSION, "producer"),
    since((3, 8), config("compression.zstd.level", Int(-131_072, 22), "3")),
    config("delete.retention.ms", Long(0, LONG), "86400000"),
    since((4, 4), config("errors.deadletterqueue.group.enable", Boolean, "false")),
    config("file.delete.delay.ms", Long(0, LONG), "60000"),
    config("flush.messages", Long(1, LONG), LONGEST),
    config("flush.ms", Long(0, LONG), LONGEST),
    config("follower.replication.throttled.replicas", ThrottledReplicas, ""),
    config("index.interval.bytes", Int(0, INT), "4096"),
    config("leader.replication.throttled.replicas", ThrottledReplicas, ""),
    config("local.retention.bytes", Long(-2, LONG), "-2"),
    config("local.retention.ms", Long(-2, LONG), "-2"),
    config("max.compaction.lag.ms", Long(1, LONG), LONGEST),
    config("max.message.bytes", Int(0, INT), "1048588"),
    until((4, 0), config("message.downconversion.enable", Boolean, "true")),
    until((4, 0), config("message.format.version", Text, "3.0-IV1")),
    config("message.timestamp.after.max.ms", Long(0, LONG), "3600000"), // 3.x: no limit.
    config("message.timestamp.before.max.ms", Long(0, LONG), LONGEST),
    until((4, 0), config("message.timestamp.difference.max.ms", Long(0, LONG), LONGEST)),
    config("message.timestamp.type", Choice(&["CreateTime", "LogAppendTime"]), "CreateTime"),
    config("min.cleanable.dirty.ratio", Double(0.0, 1.0), "0.5"),
    config("min.compaction.lag.ms", Long(0, LONG), "0"),
    config("min.insync.replicas", Int(1, INT), "1"),
    config("preallocate", Boolean, "false"),
    since((4, 4), config("remote.copy.lag.bytes", Long(-1, LONG), "-1")),
    since((4, 4), config("remote.copy.lag.ms", Long(-1, LONG), "0")),
    since((3, 9), config("remote.log.copy.disable", Boolean, "false")),
    since((3, 9), config("remote.log.delete.on.disable", Boolean, "false")),
    config("remote.storage.enable", Boolean, "false"),
    config("retention.bytes", Long(i64::MIN, LONG), "-1"),
    config("retention.ms", Long(-1, LONG), "604800000"),
    config("segment.bytes", Int(14, INT), "1073741824"), // 4.1: at least 1048576, see check_versioned_value.
    config("segment.index.bytes", Int(4, INT), "10485760"),
    config("segment.jitter.ms", Long(0, LONG), "0"),
    config("segment.ms", Long(1, LONG), "604800000"),
    config("unclean.leader.election.enable", Boolean, "false"),
];
