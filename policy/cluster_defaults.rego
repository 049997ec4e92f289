# What the brokers give to topics that do not say otherwise.
package driftless.cluster_defaults

import data.driftless.effective

# METADATA
# title: New topics get enough replicas by default
# description: >-
#   A topic that is made without a number of replicas, by a client, by Kafka Streams or from a manifest without `replicas`, gets
#   the brokers' `default.replication.factor`, which is 1 unless they were told otherwise. It should be at least
#   `minimumReplicationFactor` (default 3). It stands in the brokers' properties, and git cannot change it.
# custom:
#   severity: warn
#   code: default-replication-factor-below-minimum
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs_default.replication.factor
warn contains finding if {
	minimum := effective.minimum_replication_factor
	low := below("default.replication.factor", minimum)
	count(low) > 0
	finding := {
		"code": "default-replication-factor-below-minimum",
		"resource": "broker-config/default",
		"message": sprintf(
			"`default.replication.factor` is below %v on %s: topics made without a number get too few replicas",
			[minimum, concat(", ", low)],
		),
		"help": sprintf("set `default.replication.factor=%v` in the brokers' properties and restart them one after the other", [minimum]),
	}
}

# METADATA
# title: Topics need enough in-sync replicas by default
# description: >-
#   A topic without `min.insync.replicas` of its own has the brokers' value, which is 1 unless they were told otherwise: then a
#   record that was acknowledged may be on one disk only. It should be at least `minimumInsyncReplicas` (default 2). With a
#   default in git, what git says is judged with the topics instead.
# custom:
#   severity: warn
#   code: default-min-insync-replicas-below-minimum
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs_min.insync.replicas
warn contains finding if {
	not effective.git_sets_default
	minimum := effective.minimum_insync_replicas
	low := below("min.insync.replicas", minimum)
	count(low) > 0
	finding := {
		"code": "default-min-insync-replicas-below-minimum",
		"resource": "broker-config/default",
		"message": sprintf(
			"`min.insync.replicas` is below %v on %s: topics without a value of their own may lose acknowledged records",
			[minimum, concat(", ", low)],
		),
		"help": sprintf("set `min.insync.replicas: %v` under `default` of a `KafkaClusterConfig`", [minimum]),
	}
}

# METADATA
# title: New topics get enough partitions by default
# description: >-
#   A topic that is made without a number of partitions gets the brokers' `num.partitions`, 1 by default. Parameter
#   `minimumPartitions`; without it nothing is judged.
# custom:
#   severity: warn
#   code: default-partitions-below-minimum
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs_num.partitions
warn contains finding if {
	minimum := input.environment.parameters.minimumPartitions
	low := below("num.partitions", minimum)
	count(low) > 0
	finding := {
		"code": "default-partitions-below-minimum",
		"resource": "broker-config/default",
		"message": sprintf(
			"`num.partitions` is below %v on %s: topics made without a number get too few partitions",
			[minimum, concat(", ", low)],
		),
		"help": sprintf("set `num.partitions=%v` in the brokers' properties and restart them one after the other", [minimum]),
	}
}

# METADATA
# title: The cluster's defaults are those that manifests assume
# description: >-
#   A manifest that does not say `cleanup.policy` means `delete`, and so do its readers; where the brokers were told `compact`,
#   records without keys are refused. What is assumed are Kafka's own defaults of `cleanup.policy`, `compression.type`,
#   `max.message.bytes` and `message.timestamp.type`. Parameter `assumedTopicDefaults`: other keys, or other values, such as
#   `{retention.ms: 259200000}`. Only configs that some topic of git leaves to the brokers are compared.
# custom:
#   severity: warn
#   code: broker-default-differs
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs
warn contains finding if {
	some [key, assumed, live] in differing
	left := leaves_to_brokers(key)
	count(left) > 0
	finding := {
		"code": "broker-default-differs",
		"message": sprintf(
			"%v topics leave `%s` to the brokers, who give `%s`; manifests assume `%v`",
			[count(left), key, live, assumed],
		),
		"help": sprintf("set `%s` in these topics' `config`, or say in `assumedTopicDefaults` what is assumed", [key]),
	}
}

# METADATA
# title: Brokers agree on their defaults
# description: >-
#   A config that a topic leaves to the brokers has the value of whichever broker leads the partition. Where brokers differ, one
#   partition of a topic behaves otherwise than the next, and a restart or a new leader changes it.
# custom:
#   severity: warn
#   code: broker-defaults-disagree
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs
warn contains finding if {
	some [key, live] in disagreeing
	count(leaves_to_brokers(key)) > 0
	finding := {
		"code": "broker-defaults-disagree",
		"message": sprintf("brokers give different defaults of `%s` to topics: `%s`", [key, concat("`, `", live)]),
		"help": sprintf("make the brokers' properties equal, or set `%s` in the topics' `config`", [key]),
	}
}

assumptions := object.union(
	{
		"cleanup.policy": "delete",
		"compression.type": "producer",
		"max.message.bytes": "1048588",
		"message.timestamp.type": "CreateTime",
	},
	object.get(input.environment.parameters, "assumedTopicDefaults", {}),
)

differing contains [key, assumed, live] if {
	some key, assumed in assumptions
	count(input.cluster.topicDefaults[key]) == 1
	some live in input.cluster.topicDefaults[key]
	not trim_space(live) == trim_space(sprintf("%v", [assumed]))
}

disagreeing contains [key, live] if {
	some key, live in input.cluster.topicDefaults
	count(live) > 1
}

# The brokers whose value is below, with the value.
below(key, minimum) := [sprintf("broker %v (%s)", [broker.id, value]) |
	some broker in input.cluster.brokers
	value := broker.configs[key]
	effective.number(value) < minimum
]

leaves_to_brokers(key) := effective.lacking(concat(".", ["config", key]))
