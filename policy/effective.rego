# What many subjects ask. A look at one value of a package computes all of them, so what looks at every topic stands in a
# package of its own; functions cost nothing until they are called.
package driftless.effective

# Managed topics are ours, and paused ones will be again. Unmanaged ones are somebody else's.
judged(resource) if resource.management != "unmanaged"

minimum_replication_factor := object.get(input.environment.parameters, "minimumReplicationFactor", 3)

minimum_insync_replicas := object.get(input.environment.parameters, "minimumInsyncReplicas", 2)

git_sets_default if git_default("min.insync.replicas")

# What git makes the default of all brokers.
git_default(key) := value if {
	some scope in input.desired.brokerConfigs
	scope.scope == "default"
	judged(scope)
	value := scope.config[key]
}

# The texts that topics have as values of a config: a few texts stand for thousands of topics.
texts(key) := {topic.config[key] | some topic in input.desired.topics}

# The judged topics that have one of these texts. Where there are no texts, no topic is looked at.
having(key, wanted) := [topic |
	some topic in input.desired.topics
	wanted[topic.config[key]]
	judged(topic)
] if count(wanted) > 0

is_true(text) if lower(trim_space(text)) == "true"

# As Java reads it: `+5` and `007` are numbers to Kafka, and none to Rego.
number(text) := to_number(regex.replace(trim_space(text), `^\+?(-?)0*([0-9])`, "$1$2"))
