# How many copies there are of a topic's records.
package driftless.replication

import data.driftless.effective
import data.driftless.replication_factors

# METADATA
# title: Topics have enough replicas
# description: >-
#   A topic keeps at least `minimumReplicationFactor` (default 3) copies of its records, so that one broker can be
#   down for maintenance and another one may fail. Without `replicas` the brokers' default is what counts.
# custom:
#   severity: deny
#   code: replication-below-minimum
# related_resources:
# - ref: https://kafka.apache.org/documentation/#replication
deny contains finding if {
	some [topic, factor, source] in below_minimum
	minimum := effective.minimum_replication_factor
	finding := {
		"code": "replication-below-minimum",
		"resource": topic.id,
		"path": "replicationFactor",
		"message": sprintf(
			"topic `%s` has replication factor %v %s, and `%s` requires at least %v",
			[topic.name, factor, source, input.environment.name, minimum],
		),
		"help": sprintf("set `replicas: %v`, or add a `PolicyException`", [minimum]),
	}
}

# METADATA
# title: Topics do not ask for more replicas than there are brokers
# description: >-
#   Kafka puts at most one replica of a partition on a broker, and refuses to create a topic that asks for more than there
#   are live brokers. Topics that already have their replicas are not judged: a broker that is down is no reason.
# custom:
#   severity: deny
#   code: replication-above-brokers
# related_resources:
# - ref: https://kafka.apache.org/documentation/#replication
deny contains finding if {
	brokers := count(input.cluster.brokers)
	brokers > 0
	above := {text |
		some text in effective.texts("replicas")
		to_number(text) > brokers
	}
	some topic in effective.having("replicas", above)
	not has_its_replicas(topic)
	finding := {
		"code": "replication-above-brokers",
		"resource": topic.id,
		"path": "replicationFactor",
		"message": sprintf(
			"topic `%s` asks for replication factor %v, and the cluster has %v live brokers",
			[topic.name, topic.replicas, brokers],
		),
		"help": sprintf("set `replicas` to at most %v, or wait until more brokers are up", [brokers]),
	}
}

# METADATA
# title: The replication factor is known
# description: >-
#   A topic without `replicas` gets the brokers' default, which is 1 unless they were told otherwise. Without a look at the
#   cluster nobody can tell whether that is enough.
# custom:
#   severity: warn
#   code: replication-not-set
warn contains finding if {
	effective.minimum_replication_factor > 1
	some name, topic in replication_factors.inherits_replication_factor
	not replication_factors.inherited_replication_factor[name]
	finding := {
		"code": "replication-not-set",
		"resource": topic.id,
		"message": sprintf(
			"topic `%s` sets no `replicas`, and the brokers' default could not be looked at",
			[topic.name],
		),
		"help": sprintf("set `replicas: %v`", [effective.minimum_replication_factor]),
	}
}

# METADATA
# title: The replicas of a topic lie evenly over the racks
# description: >-
#   Kafka spreads replicas over racks. With more replicas than racks, and not a multiple of them, one rack holds more copies
#   than another, and losing that one costs more than the replication factor promises. Only topics that are still to be made
#   are judged, and only where every live broker says its rack and there are at least two.
# custom:
#   severity: warn
#   code: replication-above-racks
# related_resources:
# - ref: https://kafka.apache.org/documentation/#basic_ops_racks
warn contains finding if {
	every broker in input.cluster.brokers {
		broker.rack
	}
	racks := count({broker.rack | some broker in input.cluster.brokers})
	brokers := count(input.cluster.brokers)
	uneven := {text |
		some text in effective.texts("replicas")
		to_number(text) > racks
		to_number(text) <= brokers
		to_number(text) % racks != 0
	}
	some topic in effective.having("replicas", uneven)
	not has_its_replicas(topic)
	finding := {
		"code": "replication-above-racks",
		"resource": topic.id,
		"path": "replicationFactor",
		"message": sprintf(
			"topic `%s` asks for replication factor %v, and the live brokers stand in %v racks: one of them gets more copies than another",
			[topic.name, topic.replicas, racks],
		),
		"help": sprintf("set `replicas` to at most %v or to a multiple of it, or add brokers in another rack", [racks]),
	}
}

below_minimum contains judged if {
	low := {text |
		some text in effective.texts("replicas")
		to_number(text) < effective.minimum_replication_factor
	}
	some topic in effective.having("replicas", low)
	judged := [topic, topic.replicas, "in its manifest"]
}

below_minimum contains judged if {
	some name, factor in replication_factors.inherited_replication_factor
	factor < effective.minimum_replication_factor
	topic := replication_factors.inherits_replication_factor[name]
	judged := [topic, factor, replication_factors.replication_source(name)]
}

has_its_replicas(topic) if input.cluster.topics[topic.name].replicas == topic.replicas

has_its_replicas(topic) if input.cluster.unknownTopics[topic.name]
