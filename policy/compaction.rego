# What compaction needs to do its work.
package driftless.compaction

import data.driftless.cleanup_policies
import data.driftless.effective

# METADATA
# title: Compaction is set up where it happens
# description: >-
#   `min.compaction.lag.ms`, `max.compaction.lag.ms`, `min.cleanable.dirty.ratio` and `delete.retention.ms` mean something for
#   compacted topics only. On a topic that is not compacted they are a sign that `cleanup.policy: compact` was forgotten, and
#   then the last value of every key goes with its retention.
# custom:
#   severity: warn
#   code: compaction-config-without-effect
# related_resources:
# - ref: https://kafka.apache.org/documentation/#compaction
warn contains finding if {
	some key in ["delete.retention.ms", "max.compaction.lag.ms", "min.cleanable.dirty.ratio", "min.compaction.lag.ms"]
	some topic in effective.setting(concat(".", ["config", key]))
	not cleanup_policies.compacts(topic)
	finding := {
		"code": "compaction-config-without-effect",
		"resource": topic.id,
		"path": concat(".", ["config", key]),
		"message": sprintf("topic `%s` sets `%s` and is not compacted", [topic.name, key]),
		"help": sprintf("add `compact` to `cleanup.policy`, or remove `%s`", [key]),
	}
}
