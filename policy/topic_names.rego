# What topics may be called.
package driftless.topic_names

import data.driftless.effective

# METADATA
# title: Topic names follow the pattern
# description: >-
#   Teams, quotas and prefixed grants hang on names, and a topic cannot be renamed. Parameter `topicNamePattern`: a regular
#   expression (RE2) that the whole name must match; without it nothing is judged.
# custom:
#   severity: deny
#   code: topic-name-pattern
# related_resources:
# - ref: https://kafka.apache.org/documentation/#multitenancy-topic-naming
deny contains finding if {
	pattern := sprintf("^(?:%s)$", [input.environment.parameters.topicNamePattern])
	some topic in input.desired.topics
	not regex.match(pattern, topic.name)
	effective.judged(topic)
	finding := {
		"code": "topic-name-pattern",
		"resource": topic.id,
		"message": sprintf(
			"topic `%s` is not named as `%s` requires: `%s`",
			[topic.name, input.environment.name, input.environment.parameters.topicNamePattern],
		),
		"help": "rename it before it is made: Kafka cannot rename a topic. Or add a `PolicyException`",
	}
}

# METADATA
# title: A new topic does not collide with one of the cluster
# description: >-
#   Kafka's metrics write `.` and `_` alike, so `a.b` and `a_b` would count into each other, and Kafka refuses to create the
#   second one. Two topics of git are compared when manifests are read (`topic-name-collision`); here the topics that are
#   only on the cluster are too.
# custom:
#   severity: deny
#   code: topic-name-collides-on-cluster
# related_resources:
# - ref: https://kafka.apache.org/documentation/#multitenancy-topic-naming
deny contains finding if {
	some name, other in input.cluster.collidingTopics
	not input.cluster.topics[name]
	some topic in input.desired.topics
	topic.name == name
	effective.judged(topic)
	finding := {
		"code": "topic-name-collides-on-cluster",
		"resource": topic.id,
		"message": sprintf("topic `%s` collides with `%s` on the cluster: Kafka's metrics write `.` and `_` alike", [name, other]),
		"help": sprintf("give `%s` another name; Kafka refuses to create it", [name]),
	}
}
