# How many replicas topics have whose manifests do not say.
package driftless.replication_factors

import data.driftless.effective

# Topics that say nothing, by name.
inherits_replication_factor := {topic.name: topic | some topic in effective.lacking("replicas")}

# What they have: the topic as it is on the cluster, else what the brokers give to new topics.
inherited_replication_factor[name] := input.cluster.topics[name].replicas if some name, _ in inherits_replication_factor

inherited_replication_factor[name] := default_replication_factor if {
	some name, _ in inherits_replication_factor
	not input.cluster.topics[name]
	not input.cluster.unknownTopics[name]
}

replication_source(name) := "on the cluster" if input.cluster.topics[name]

replication_source(name) := "by the brokers' `default.replication.factor`" if not input.cluster.topics[name]

# Brokers may differ, and any of them may answer: the lowest counts.
default_replication_factor := min({effective.number(value) |
	some broker in input.cluster.brokers
	value := broker.configs["default.replication.factor"]
})
