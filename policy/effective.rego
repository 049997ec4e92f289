# What a topic will have once it is applied: its own value, or the one that it inherits.
package driftless.effective

# Managed topics are ours, and paused ones will be again. Unmanaged ones are somebody else's.
judged(resource) if resource.management != "unmanaged"

minimum_replication_factor := object.get(input.environment.parameters, "minimumReplicationFactor", 3)

minimum_insync_replicas := object.get(input.environment.parameters, "minimumInsyncReplicas", 2)

# Topics that say nothing, by name: the others are judged without a call of a function each, and are most.
inherits_replication_factor := {topic.name: topic |
	some topic in input.desired.topics
	not topic.replicas
	judged(topic)
}

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
default_replication_factor := min({number(value) |
	some broker in input.cluster.brokers
	value := broker.configs["default.replication.factor"]
})

# What the topics of this environment say, as a number by its text: a few texts stand for thousands of topics.
own_min_insync := {text: number(text) | some text in texts("min.insync.replicas")}

inherits_min_insync := [topic |
	some topic in input.desired.topics
	not topic.config["min.insync.replicas"]
	judged(topic)
]

# A default in git is what the brokers will have. It stands beside the brokers' own values in git, and instead of
# what the cluster has now.
default_min_insync_replicas := min(git_min_insync) if git_sets_default

default_min_insync_replicas := min(git_min_insync | seen_min_insync) if not git_sets_default

default_min_insync_source := "by the brokers' configs in git" if git_sets_default

default_min_insync_source := "by the cluster's default" if not git_sets_default

git_sets_default if git_default("min.insync.replicas")

# What git makes the default of all brokers.
git_default(key) := value if {
	some scope in input.desired.brokerConfigs
	scope.scope == "default"
	judged(scope)
	value := scope.config[key]
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

# `cleanup.policy` without a value is `delete`, unless the brokers were told otherwise: `broker-default-differs` says so.
compacts(topic) if compacting[topic.config["cleanup.policy"]]

deletes(topic) if not topic.config["cleanup.policy"]

deletes(topic) if deleting[topic.config["cleanup.policy"]]

# Topics that Kafka only compacts.
compacted_only := having("cleanup.policy", compacting - deleting)

compacting := {text |
	some text in cleanup_policies
	contains(text, "compact")
}

deleting := {text |
	some text in cleanup_policies
	contains(text, "delete")
}

cleanup_policies := texts("cleanup.policy")

# The texts that topics have as values of a config: a few texts stand for thousands of topics.
texts(key) := {topic.config[key] | some topic in input.desired.topics}

# The judged topics that have one of these texts. Where there are no texts, no topic is looked at.
having(key, wanted) := [topic |
	some topic in input.desired.topics
	wanted[topic.config[key]]
	judged(topic)
] if count(wanted) > 0

is_true(text) if lower(trim_space(text)) == "true"

number(text) := to_number(trim_space(text))
