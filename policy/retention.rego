# How long a topic keeps its records, and how many of them.
package driftless.retention

import data.driftless.cleanup_policies
import data.driftless.effective

# METADATA
# title: Topics keep their records long enough
# description: >-
#   A consumer that was away longer than `retention.ms` has lost records, and nobody tells it. Parameter
#   `minimumRetentionMs`; without it nothing is judged. The topic's own value counts, else the lowest that topics inherit on
#   the cluster. Topics that are only compacted keep their records whatever it says.
# custom:
#   severity: deny
#   code: retention-below-minimum
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_retention.ms
deny contains finding if {
	minimum := input.environment.parameters.minimumRetentionMs
	some [topic, value, source] in retained(minimum)
	value >= 0
	value < minimum
	finding := {
		"code": "retention-below-minimum",
		"resource": topic.id,
		"path": "config.retention.ms",
		"message": sprintf(
			"topic `%s` keeps records for %v ms %s, and `%s` requires at least %v",
			[topic.name, value, source, input.environment.name, minimum],
		),
		"help": sprintf("set `retention.ms` to at least %v in the topic's `config`, or add a `PolicyException`", [minimum]),
	}
}

# METADATA
# title: Topics do not keep their records too long
# description: >-
#   What is kept costs disks and, for personal data, more than that. Parameter `maximumRetentionMs`; without it nothing is
#   judged. A negative `retention.ms` keeps records for ever and is above every maximum. The topic's own value counts, else
#   the highest that topics inherit on the cluster. Topics that are only compacted are not judged.
# custom:
#   severity: deny
#   code: retention-above-maximum
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_retention.ms
deny contains finding if {
	maximum := input.environment.parameters.maximumRetentionMs
	some [topic, value, source] in retained(maximum)
	exceeds(value, maximum)
	finding := {
		"code": "retention-above-maximum",
		"resource": topic.id,
		"path": "config.retention.ms",
		"message": sprintf(
			"topic `%s` keeps records for %v ms %s (negative is for ever), and `%s` allows at most %v",
			[topic.name, value, source, input.environment.name, maximum],
		),
		"help": sprintf("set `retention.ms` to at most %v in the topic's `config`, or add a `PolicyException`", [maximum]),
	}
}

# METADATA
# title: The size of a partition has a bound
# description: >-
#   `retention.bytes` counts for each partition; negative, Kafka's default, is unlimited, and a producer gone wild fills the
#   disks of all. Parameter `maximumRetentionBytes`; without it nothing is judged. Topics that are only compacted are not judged.
# custom:
#   severity: deny
#   code: retention-bytes-above-maximum
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_retention.bytes
deny contains finding if {
	maximum := input.environment.parameters.maximumRetentionBytes
	some topic in input.desired.topics
	effective.judged(topic)
	cleanup_policies.deletes(topic)
	value := retention_bytes(topic)
	exceeds(value, maximum)
	finding := {
		"code": "retention-bytes-above-maximum",
		"resource": topic.id,
		"path": "config.retention.bytes",
		"message": sprintf(
			"topic `%s` keeps up to %v bytes in each partition (negative is without a bound), and `%s` allows at most %v",
			[topic.name, value, input.environment.name, maximum],
		),
		"help": sprintf("set `retention.bytes` to at most %v in the topic's `config`, or add a `PolicyException`", [maximum]),
	}
}

# METADATA
# title: Records are not kept for ever by accident
# description: >-
#   With a negative `retention.ms` and no `retention.bytes`, or (Kafka 4.2 and later) with an empty `cleanup.policy`, nothing
#   is ever removed and the disks fill. Where that is meant, a `PolicyException` says why. With `maximumRetentionMs` a
#   negative `retention.ms` is refused as `retention-above-maximum` instead.
# custom:
#   severity: warn
#   code: retention-infinite
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_retention.ms
# - ref: https://kafka.apache.org/documentation/#topicconfigs_cleanup.policy
warn contains finding if {
	some [topic, path, reason] in unbounded
	finding := {
		"code": "retention-infinite",
		"resource": topic.id,
		"path": path,
		"message": sprintf("topic `%s` keeps its records for ever: %s", [topic.name, reason]),
		"help": "set a bound (`retention.ms` or `retention.bytes`), compact the topic, or add a `PolicyException` that says why",
	}
}

# METADATA
# title: Retention is set where it does something
# description: >-
#   With `cleanup.policy: compact` alone Kafka removes older records of the same key and nothing else: `retention.ms` and
#   `retention.bytes` are ignored, and who reads them in the manifest believes that old records go. `compact,delete` does both.
# custom:
#   severity: warn
#   code: retention-without-effect
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_cleanup.policy
warn contains finding if {
	some topic in cleanup_policies.compacted_only
	some key in ["retention.ms", "retention.bytes"]
	effective.number(topic.config[key]) >= 0
	finding := {
		"code": "retention-without-effect",
		"resource": topic.id,
		"path": concat(".", ["config", key]),
		"message": sprintf("topic `%s` is compacted only, so its `%s` has no effect", [topic.name, key]),
		"help": sprintf("remove `%s`, or set `cleanup.policy: compact,delete` if old records are to go", [key]),
	}
}

# Topics that remove old records, and when. A function, as nothing is to be looked at where no parameter asks for it.
retained(_) := {[topic, effective.number(topic.config["retention.ms"]), "by its manifest"] |
	some topic in effective.setting("config.retention.ms")
	cleanup_policies.deletes(topic)
} | {[topic, effective.number(text), "by the cluster's default"] |
	some text in input.cluster.topicDefaults["retention.ms"]
	some topic in effective.lacking("config.retention.ms")
	cleanup_policies.deletes(topic)
}

unbounded contains judged if {
	not input.environment.parameters.maximumRetentionMs
	negative := {text |
		some text, _ in input.desired.topicsBy["config.retention.ms"]
		contains(text, "-")
		effective.number(text) < 0
	}
	some topic in effective.having("config.retention.ms", negative)
	trim_space(object.get(topic.config, "cleanup.policy", "delete")) == "delete"
	retention_bytes(topic) < 0
	judged := [topic, "config.retention.ms", "`retention.ms` is negative and `retention.bytes` is not set"]
}

unbounded contains judged if {
	empty := {text |
		some text in cleanup_policies.texts
		trim_space(text) == ""
	}
	some topic in effective.having("config.cleanup.policy", empty)
	judged := [topic, "config.cleanup.policy", "`cleanup.policy` is empty"]
}

retention_bytes(topic) := effective.number(topic.config["retention.bytes"])

retention_bytes(topic) := default_retention_bytes if not topic.config["retention.bytes"]

# Any broker without a bound leaves some partition without one; without a look at the cluster Kafka's own default counts.
default default_retention_bytes := -1

default_retention_bytes := max(inherited_bytes) if min(inherited_bytes) >= 0

inherited_bytes contains effective.number(text) if some text in input.cluster.topicDefaults["retention.bytes"]

exceeds(value, maximum) if value > maximum

exceeds(value, _) if value < 0
