# How many replicas must have a record before its producer hears that it is safe.
package driftless.min_insync_replicas

import data.driftless.effective
import data.driftless.insync_defaults
import data.driftless.replication_factors

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
	some [topic, value, source] in below_minimum
	minimum := effective.minimum_insync_replicas
	finding := {
		"code": "min-insync-replicas-below-minimum",
		"resource": topic.id,
		"path": "config.min.insync.replicas",
		"message": sprintf(
			"topic `%s` has `min.insync.replicas` %v %s, and `%s` requires at least %v",
			[topic.name, value, source, input.environment.name, minimum],
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
	some [topic, value, source, factor] in not_below_factor
	value > 1
	finding := {
		"code": "min-insync-replicas-not-below-replication-factor",
		"resource": topic.id,
		"path": "config.min.insync.replicas",
		"message": sprintf(
			"topic `%s` has `min.insync.replicas` %v %s and replication factor %v: %s",
			[topic.name, value, source, factor, consequence(value, factor)],
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
	not insync_defaults.default_min_insync_replicas
	some topic in insync_defaults.inherits_min_insync
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

# A topic has its own value or the default, and its own factor or an inherited one. What most topics have, both of their own,
# is compared without a call of a function each.
below_minimum contains judged if {
	low := {text |
		some text, value in insync_defaults.own_min_insync
		value < effective.minimum_insync_replicas
	}
	some topic in effective.having("config.min.insync.replicas", low)
	value := insync_defaults.own_min_insync[topic.config["min.insync.replicas"]]
	judged := [topic, value, "in its manifest"]
}

below_minimum contains judged if {
	value := insync_defaults.default_min_insync_replicas
	value < effective.minimum_insync_replicas
	some topic in insync_defaults.inherits_min_insync
	judged := [topic, value, insync_defaults.default_min_insync_source]
}

not_below_factor contains judged if {
	some text, value in insync_defaults.own_min_insync

	# Most often no topic has so few replicas.
	value >= min({to_number(factor) | some factor in effective.texts("replicas")})
	some topic in effective.having("config.min.insync.replicas", {text})
	value >= topic.replicas
	judged := [topic, value, "in its manifest", topic.replicas]
}

not_below_factor contains judged if {
	some name, topic in replication_factors.inherits_replication_factor
	value := insync_defaults.own_min_insync[topic.config["min.insync.replicas"]]
	factor := replication_factors.inherited_replication_factor[name]
	value >= factor
	judged := [topic, value, "in its manifest", factor]
}

not_below_factor contains judged if {
	value := insync_defaults.default_min_insync_replicas
	some topic in insync_defaults.inherits_min_insync
	factor := factor_of(topic)
	value >= factor
	judged := [topic, value, insync_defaults.default_min_insync_source, factor]
}

factor_of(topic) := topic.replicas

factor_of(topic) := replication_factors.inherited_replication_factor[topic.name] if not topic.replicas

consequence(value, factor) := "producers with `acks=all` can never write" if value > factor

consequence(value, factor) := "producers with `acks=all` stop as soon as one replica is away" if not value > factor
