# METADATA
# title: The platform team's own rules
# description: >-
#   What this company asks for beyond driftless' built-in pack. Written as for conftest: every merged manifest is
#   `input` once. `opa test policy` runs policy_test.rego.
package main

import rego.v1

# Every team that may own something; on-call and the cost report are looked up by these names.
teams := {"platform", "shop", "tutorial", "payments", "llm-hub", "notes"}

labels := object.get(input, ["metadata", "labels"], {})

# The name in Kafka: topicName where it is given, otherwise the manifest's.
topic_name := object.get(input, ["spec", "topicName"], input.metadata.name) if input.kind == "KafkaTopic"

# METADATA
# title: Everything of Kafka's has an owner
# description: The label `owner` names one of the teams.
# custom:
#   severity: deny
deny_owner contains msg if {
	input.kind in {"KafkaTopic", "KafkaUser", "KafkaAcl", "KafkaQuota"}
	not object.get(labels, "owner", "") in teams
	msg := sprintf("%s %s: label `owner` must be one of %s", [input.kind, input.metadata.name, concat(", ", sort(teams))])
}

# METADATA
# title: Topic names are lower-case words
# description: Words of letters and digits, joined by `-` or `.`. No `_`, which Kafka's metrics cannot tell from `.`.
# custom:
#   severity: deny
deny_topic_name contains msg if {
	not regex.match(`^[a-z][a-z0-9]*([.-][a-z0-9]+)*$`, topic_name)
	msg := sprintf("topic %s: the name must be lower-case words joined by `-` or `.`", [topic_name])
}

# METADATA
# title: Topic names do not say that they are topics
# description: A name ends in what the records are, not in `-topic`.
# custom:
#   severity: deny
deny_topic_suffix contains msg if {
	endswith(topic_name, "-topic")
	msg := sprintf("topic %s: leave `-topic` off the name", [topic_name])
}

# METADATA
# title: Names that are older than the rule
# description: A topic cannot be renamed. The label is given in review and nobody gets it for a new topic.
exception contains rules if {
	input.kind == "KafkaTopic"
	labels["example.org/grandfathered"] == "true"
	rules := ["topic_suffix"]
}

# METADATA
# title: Retention is chosen, not inherited
# description: A topic that is not only compacted states retention.ms, so that its cost is seen in review.
# custom:
#   severity: warn
warn_retention contains msg if {
	input.kind == "KafkaTopic"
	config := object.get(input, ["spec", "config"], {})
	object.get(config, "cleanup.policy", "delete") != "compact"
	not "retention.ms" in object.keys(config)
	msg := sprintf("topic %s: state retention.ms", [topic_name])
}
