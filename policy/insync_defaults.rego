# How many in-sync replicas topics ask for, and what those inherit that ask for none.
package driftless.insync_defaults

import data.driftless.effective

# What the topics of this environment say, as a number by its text: a few texts stand for thousands of topics.
own_min_insync := {text: effective.number(text) | some text in effective.texts("config.min.insync.replicas")}

inherits_min_insync := effective.lacking("config.min.insync.replicas")

# A default in git is what the brokers will have. It stands beside the brokers' own values in git, and instead of
# what the cluster has now.
default_min_insync_replicas := min(git_min_insync) if effective.git_sets_default

default_min_insync_replicas := min(git_min_insync | seen_min_insync) if not effective.git_sets_default

default_min_insync_source := "by the brokers' configs in git" if effective.git_sets_default

default_min_insync_source := "by the cluster's default" if not effective.git_sets_default

git_min_insync contains effective.number(value) if {
	some scope in input.desired.brokerConfigs
	effective.judged(scope)
	value := scope.config["min.insync.replicas"]
}

# What topics without an override have now, or, when there are none, what the brokers have.
seen_min_insync := topic_defaults if count(topic_defaults) > 0

seen_min_insync := broker_values if count(topic_defaults) == 0

topic_defaults contains effective.number(value) if some value in input.cluster.topicDefaults["min.insync.replicas"]

broker_values contains effective.number(value) if {
	some broker in input.cluster.brokers
	value := broker.configs["min.insync.replicas"]
}
