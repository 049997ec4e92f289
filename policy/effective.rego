# What a topic will have once it is applied: its own value, or the one that it inherits.
package driftless.effective

# Managed topics are ours, and paused ones will be again. Unmanaged ones are somebody else's.
judged(resource) if resource.management != "unmanaged"

minimum_replication_factor := object.get(input.environment.parameters, "minimumReplicationFactor", 3)

minimum_insync_replicas := object.get(input.environment.parameters, "minimumInsyncReplicas", 2)

# The manifest's, else that of the topic as it is on the cluster, else what the brokers give to new topics.
replication_factor(topic) := topic.replicas

replication_factor(topic) := input.cluster.topics[topic.name].replicas if not topic.replicas

replication_factor(topic) := default_replication_factor if {
	not topic.replicas
	not input.cluster.topics[topic.name]
	not input.cluster.unknownTopics[topic.name]
}

replication_source(topic) := "in its manifest" if topic.replicas

replication_source(topic) := "on the cluster" if {
	not topic.replicas
	input.cluster.topics[topic.name]
}

replication_source(topic) := "by the brokers' `default.replication.factor`" if {
	not topic.replicas
	not input.cluster.topics[topic.name]
}

# Brokers may differ, and any of them may answer: the lowest counts.
default_replication_factor := min({number(value) |
	some broker in input.cluster.brokers
	value := broker.configs["default.replication.factor"]
})

# The manifest's, else the default that topics inherit.
min_insync_replicas(topic) := number(topic.config["min.insync.replicas"])

min_insync_replicas(topic) := default_min_insync_replicas if not topic.config["min.insync.replicas"]

min_insync_source(topic) := "in its manifest" if topic.config["min.insync.replicas"]

min_insync_source(topic) := default_min_insync_source if not topic.config["min.insync.replicas"]

# A default in git is what the brokers will have. It stands beside the brokers' own values in git, and instead of
# what the cluster has now.
default_min_insync_replicas := min(git_min_insync) if git_sets_default

default_min_insync_replicas := min(git_min_insync | seen_min_insync) if {
	not git_sets_default
	count(seen_min_insync) > 0
}

default_min_insync_source := "by the brokers' configs in git" if git_sets_default

default_min_insync_source := "by the cluster's default" if not git_sets_default

git_sets_default if {
	some scope in input.desired.brokerConfigs
	judged(scope)
	scope.scope == "default"
	scope.config["min.insync.replicas"]
}

git_min_insync contains number(value) if {
	some scope in input.desired.brokerConfigs
	judged(scope)
	value := scope.config["min.insync.replicas"]
}

# What topics without an override have now, or, when there are none, what the brokers have.
seen_min_insync := topic_defaults if count(topic_defaults) > 0

seen_min_insync := broker_values if count(topic_defaults) == 0

topic_defaults contains number(value) if some value in input.cluster.topicDefaults["min.insync.replicas"]

broker_values contains number(value) if {
	some broker in input.cluster.brokers
	value := broker.configs["min.insync.replicas"]
}

number(text) := to_number(trim_space(text))
