# How large a batch of records may be.
package driftless.message_size

import data.driftless.effective

# METADATA
# title: Messages are not larger than allowed
# description: >-
#   Large messages cost every broker and every consumer memory, and consumers that were set up for smaller ones stand still.
#   Parameter `maximumMessageBytes`: the highest `max.message.bytes` of a topic; without it nothing is judged.
# custom:
#   severity: deny
#   code: message-size-above-maximum
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_max.message.bytes
deny contains finding if {
	maximum := input.environment.parameters.maximumMessageBytes
	some [topic, value] in sized
	value > maximum
	finding := {
		"code": "message-size-above-maximum",
		"resource": topic.id,
		"path": "config.max.message.bytes",
		"message": sprintf(
			"topic `%s` has `max.message.bytes` %v, and `%s` allows at most %v",
			[topic.name, value, input.environment.name, maximum],
		),
		"help": sprintf("set `max.message.bytes` to at most %v, or put large content elsewhere and send a reference to it", [maximum]),
	}
}

# METADATA
# title: Messages fit into a request
# description: >-
#   A broker closes the connection of a client that sends more than `socket.request.max.bytes` (104857600 by default) in one
#   request, so a topic whose `max.message.bytes` is not below that promises what no producer can do.
# custom:
#   severity: warn
#   code: message-size-above-request-size
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs_socket.request.max.bytes
warn contains finding if {
	some [topic, value] in sized
	value >= 104857600
	finding := {
		"code": "message-size-above-request-size",
		"resource": topic.id,
		"path": "config.max.message.bytes",
		"message": sprintf(
			"topic `%s` has `max.message.bytes` %v, and brokers take requests of at most 104857600 bytes by default",
			[topic.name, value],
		),
		"help": "lower `max.message.bytes`; whoever raised `socket.request.max.bytes` on every broker adds a `PolicyException`",
	}
}

sized contains pair if {
	some topic in effective.setting("config.max.message.bytes")
	pair := [topic, effective.number(topic.config["max.message.bytes"])]
}
