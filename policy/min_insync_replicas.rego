# How many replicas must have a record before its producer hears that it is safe.
package driftless.min_insync_replicas

import data.driftless.effective

# METADATA
# title: A record is on enough replicas before it counts as written
# description: >-
#   With `acks=all` a record is acknowledged when `min.insync.replicas` replicas have it. With 1, the loss of one broker loses
#   acknowledged records. The value that counts is the topic's own, else the brokers' default. Parameter
#   `minimumInsyncReplicas`, default 2.
# custom:
#   severity: deny
#   code: min-insync-replicas-below-minimum
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_min.insync.replicas
deny contains finding if {
	some topic in input.desired.topics
	effective.judged(topic)
	value := effective.min_insync_replicas(topic)
	minimum := effective.minimum_insync_replicas
	value < minimum
	finding := {
		"code": "min-insync-replicas-below-minimum",
		"resource": topic.id,
		"path": "config.min.insync.replicas",
		"message": sprintf(
			"topic `%s` has `min.insync.replicas` %v %s, and `%s` requires at least %v",
			[topic.name, value, effective.min_insync_source(topic), input.environment.name, minimum],
		),
		"help": sprintf("set `min.insync.replicas: %v` in the topic's `config`, or add a `PolicyException`", [minimum]),
	}
}

# METADATA
# title: A topic can be written while one broker is down
# description: >-
#   With `min.insync.replicas` as high as the replication factor, producers with `acks=all` stop as soon as one replica is
#   away; higher, they can never write. A single replica with `min.insync.replicas` 1 has nothing to choose and is left to
#   the other rules.
# custom:
#   severity: deny
#   code: min-insync-replicas-not-below-replication-factor
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_min.insync.replicas
deny contains finding if {
	some topic in input.desired.topics
	effective.judged(topic)
	value := effective.min_insync_replicas(topic)
	factor := effective.replication_factor(topic)
	value >= factor
	value > 1
	finding := {
		"code": "min-insync-replicas-not-below-replication-factor",
		"resource": topic.id,
		"path": "config.min.insync.replicas",
		"message": sprintf(
			"topic `%s` has `min.insync.replicas` %v %s and replication factor %v: %s",
			[topic.name, value, effective.min_insync_source(topic), factor, consequence(value, factor)],
		),
		"help": sprintf("set `min.insync.replicas` below %v, or raise `replicas`", [factor]),
	}
}

# METADATA
# title: The number of in-sync replicas is known
# description: >-
#   A topic without `min.insync.replicas` inherits the brokers' default, which is 1 unless they were told otherwise. Without
#   a look at the cluster nobody can tell whether that is enough.
# custom:
#   severity: warn
#   code: min-insync-replicas-not-set
warn contains finding if {
	effective.minimum_insync_replicas > 1
	some topic in input.desired.topics
	effective.judged(topic)
	not effective.min_insync_replicas(topic)
	finding := {
		"code": "min-insync-replicas-not-set",
		"resource": topic.id,
		"message": sprintf(
			"topic `%s` sets no `min.insync.replicas`, and the brokers' default could not be looked at",
			[topic.name],
		),
		"help": sprintf(
			"set `min.insync.replicas: %v` in the topic's `config`; Kafka's own default is 1",
			[effective.minimum_insync_replicas],
		),
	}
}

consequence(value, factor) := "producers with `acks=all` stop as soon as one replica is away" if value == factor

consequence(value, factor) := "producers with `acks=all` can never write" if value > factor
