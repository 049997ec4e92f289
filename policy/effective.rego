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

# The texts that topics have in a field (`replicas`, `config.KEY`): a few texts stand for thousands of topics, and topics that
# do not have the field are never looked at.
texts(field) := object.keys(object.get(input.desired.topicsBy, field, {}))

# The judged topics that have one of these texts.
having(field, wanted) := [topic |
	some text in wanted
	some position in input.desired.topicsBy[field][text]
	topic := input.desired.topics[position]
	judged(topic)
]

# The judged topics that have the field.
setting(field) := having(field, texts(field))

# The judged topics that do not have it.
lacking(field) := [] if count(input.desired.topics) == number_setting(field)

lacking(field) := [topic |
	have := {position |
		some positions in input.desired.topicsBy[field]
		some position in positions
	}
	some position, topic in input.desired.topics
	not have[position]
	judged(topic)
] if count(input.desired.topics) > number_setting(field)

number_setting(field) := sum([count(positions) | some positions in object.get(input.desired.topicsBy, field, {})])

is_true(text) if lower(trim_space(text)) == "true"

# As Java reads it: `+5` and `007` are numbers to Kafka, and none to Rego.
number(text) := to_number(regex.replace(trim_space(text), `^\+?(-?)0*([0-9])`, "$1$2"))
