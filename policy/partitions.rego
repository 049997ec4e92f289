# How many partitions a topic has.
package driftless.partitions

import data.driftless.effective

# METADATA
# title: Topics have enough partitions
# description: >-
#   A consumer group has at most one working member for each partition, and partitions of a topic with keys cannot be added
#   later without moving keys. Parameter `minimumPartitions`; without it nothing is judged.
# custom:
#   severity: deny
#   code: partitions-below-minimum
# related_resources:
# - ref: https://kafka.apache.org/documentation/#basic_ops_modify_topic
deny contains finding if {
	minimum := input.environment.parameters.minimumPartitions
	some topic in input.desired.topics
	topic.partitions < minimum
	effective.judged(topic)
	finding := {
		"code": "partitions-below-minimum",
		"resource": topic.id,
		"path": "partitions",
		"message": sprintf(
			"topic `%s` has %v partitions, and `%s` requires at least %v",
			[topic.name, topic.partitions, input.environment.name, minimum],
		),
		"help": sprintf("set `partitions` to at least %v, or add a `PolicyException`", [minimum]),
	}
}

# METADATA
# title: Topics do not have too many partitions
# description: >-
#   Every partition costs files, memory and time at every change of a leader, and they cannot be taken away again. Parameter
#   `maximumPartitions`; without it nothing is judged.
# custom:
#   severity: deny
#   code: partitions-above-maximum
# related_resources:
# - ref: https://kafka.apache.org/documentation/#basic_ops_modify_topic
deny contains finding if {
	maximum := input.environment.parameters.maximumPartitions
	some topic in input.desired.topics
	topic.partitions > maximum
	effective.judged(topic)
	finding := {
		"code": "partitions-above-maximum",
		"resource": topic.id,
		"path": "partitions",
		"message": sprintf(
			"topic `%s` has %v partitions, and `%s` allows at most %v",
			[topic.name, topic.partitions, input.environment.name, maximum],
		),
		"help": sprintf("set `partitions` to at most %v, or add a `PolicyException`", [maximum]),
	}
}

# METADATA
# title: A new topic says how many partitions it has
# description: >-
#   Without `partitions` a new topic gets what the controller's `num.partitions` says, 1 unless it was told otherwise, and the
#   same manifest makes different topics on different clusters. Topics that exist keep what they have and are not judged.
# custom:
#   severity: warn
#   code: partitions-not-set
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs_num.partitions
warn contains finding if {
	some topic in effective.lacking("partitions")
	not input.cluster.topics[topic.name]
	not input.cluster.unknownTopics[topic.name]
	finding := {
		"code": "partitions-not-set",
		"resource": topic.id,
		"message": sprintf("topic `%s` sets no `partitions`, so it gets the brokers' `num.partitions`", [topic.name]),
		"help": "set `partitions` to what its consumers need",
	}
}
