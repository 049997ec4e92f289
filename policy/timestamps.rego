# The time that a record carries, on which retention depends.
package driftless.timestamps

import data.driftless.effective

# METADATA
# title: Limits on timestamps are set where producers set them
# description: >-
#   With `message.timestamp.type: LogAppendTime` the broker writes its own time into every record, so
#   `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms` refuse nothing.
# custom:
#   severity: warn
#   code: timestamp-limit-without-effect
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_message.timestamp.type
warn contains finding if {
	some [topic, key, _] in limited
	topic.config["message.timestamp.type"] == "LogAppendTime"
	finding := {
		"code": "timestamp-limit-without-effect",
		"resource": topic.id,
		"path": concat(".", ["config", key]),
		"message": sprintf("topic `%s` has the brokers' timestamps, so its `%s` has no effect", [topic.name, key]),
		"help": sprintf("remove `%s`, or set `message.timestamp.type: CreateTime`", [key]),
	}
}

# METADATA
# title: Limits on timestamps leave room for clocks and batches
# description: >-
#   A producer waits for a batch, retries, and has a clock of its own. With a limit below a minute ordinary records are
#   refused with INVALID_TIMESTAMP, and at 0 all of them.
# custom:
#   severity: warn
#   code: timestamp-limit-too-tight
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_message.timestamp.before.max.ms
warn contains finding if {
	some [topic, key, value] in limited
	value < 60000
	not topic.config["message.timestamp.type"] == "LogAppendTime"
	finding := {
		"code": "timestamp-limit-too-tight",
		"resource": topic.id,
		"path": concat(".", ["config", key]),
		"message": sprintf("topic `%s` has `%s` %v: less than a minute refuses ordinary records", [topic.name, key, value]),
		"help": sprintf("set `%s` to 60000 or more", [key]),
	}
}

# METADATA
# title: Records from the future are refused
# description: >-
#   Retention looks at the largest timestamp of a segment. One record dated years ahead, from a broken clock or from seconds
#   taken for milliseconds, keeps its whole segment for years. Kafka 4.0 refuses more than an hour
#   (`message.timestamp.after.max.ms`); a topic that allows more than a day opens that trap again.
# custom:
#   severity: warn
#   code: timestamps-from-the-future
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_message.timestamp.after.max.ms
warn contains finding if {
	some [topic, key, value] in limited
	key == "message.timestamp.after.max.ms"
	value > 86400000
	not topic.config["message.timestamp.type"] == "LogAppendTime"
	finding := {
		"code": "timestamps-from-the-future",
		"resource": topic.id,
		"path": "config.message.timestamp.after.max.ms",
		"message": sprintf("topic `%s` takes records dated up to %v ms ahead, and retention waits for that day", [topic.name, value]),
		"help": "remove `message.timestamp.after.max.ms`, or set it to at most 86400000",
	}
}

limited contains limit if {
	some key in ["message.timestamp.after.max.ms", "message.timestamp.before.max.ms"]
	some topic in effective.setting(concat(".", ["config", key]))
	limit := [topic, key, effective.number(topic.config[key])]
}
