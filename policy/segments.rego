# The files that a partition is made of.
package driftless.segments

import data.driftless.cleanup_policies
import data.driftless.effective

# METADATA
# title: A segment is smaller than what is kept
# description: >-
#   Kafka removes records by whole segments, and never the one that is being written. With `segment.bytes` above
#   `retention.bytes`, or `segment.ms` above `retention.ms`, a partition keeps far more than the manifest says. A topic without
#   `segment.bytes` has segments of 1073741824 bytes.
# custom:
#   severity: warn
#   code: segment-above-retention
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_segment.bytes
# - ref: https://kafka.apache.org/documentation/#topicconfigs_segment.ms
warn contains finding if {
	some [topic, segment, retention, size, kept] in oversized
	finding := {
		"code": "segment-above-retention",
		"resource": topic.id,
		"path": concat(".", ["config", retention]),
		"message": sprintf(
			"topic `%s` has `%s` %v, below `%s` %v: records stay until their segment is full",
			[topic.name, retention, kept, segment, size],
		),
		"help": sprintf("set `%s` below `%s`", [segment, retention]),
	}
}

# METADATA
# title: Segments are not preallocated
# description: >-
#   `preallocate` writes every new segment at its full size at once. On the file systems that Kafka runs on today that costs
#   space and time and brings nothing; it was meant for Windows.
# custom:
#   severity: warn
#   code: preallocate-enabled
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_preallocate
warn contains finding if {
	some topic in effective.setting("config.preallocate")
	effective.is_true(topic.config.preallocate)
	finding := {
		"code": "preallocate-enabled",
		"resource": topic.id,
		"path": "config.preallocate",
		"message": sprintf("topic `%s` sets `preallocate`: every segment takes its full size at once", [topic.name]),
		"help": "remove `preallocate`",
	}
}

oversized contains judged if {
	some topic in effective.setting("config.retention.bytes")
	cleanup_policies.deletes(topic)
	kept := effective.number(topic.config["retention.bytes"])
	kept >= 0
	size := effective.number(object.get(topic.config, "segment.bytes", "1073741824"))
	size > kept
	judged := [topic, "segment.bytes", "retention.bytes", size, kept]
}

oversized contains judged if {
	some topic in effective.setting("config.segment.ms")
	cleanup_policies.deletes(topic)
	kept := effective.number(topic.config["retention.ms"])
	kept >= 0
	size := effective.number(topic.config["segment.ms"])
	size > kept
	judged := [topic, "segment.ms", "retention.ms", size, kept]
}
