# Which configs a topic may set, and which it must.
package driftless.config_keys

import data.driftless.effective

# METADATA
# title: Topics set only the configs that are allowed
# description: >-
#   Some configs are the platform team's to choose, such as throttles or tiered storage. Parameter `allowedTopicConfigs`: the keys
#   that a manifest may set; without it all are.
# custom:
#   severity: deny
#   code: topic-config-not-allowed
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs
deny contains finding if {
	list := input.environment.parameters.allowedTopicConfigs
	allowed := {key | some key in list}
	some field, _ in input.desired.topicsBy
	startswith(field, "config.")
	key := trim_prefix(field, "config.")
	not allowed[key]
	some topic in effective.setting(field)
	finding := {
		"code": "topic-config-not-allowed",
		"resource": topic.id,
		"path": concat(".", ["config", key]),
		"message": sprintf("topic `%s` sets `%s`, which `%s` does not allow", [topic.name, key, input.environment.name]),
		"help": sprintf("remove `%s`, or add a `PolicyException`", [key]),
	}
}

# METADATA
# title: Topics set the configs that must be explicit
# description: >-
#   What a manifest does not say comes from the brokers, and may differ from cluster to cluster. Parameter
#   `requiredTopicConfigs`: the keys that every topic sets, such as `retention.ms`; without it none are required.
# custom:
#   severity: deny
#   code: topic-config-missing
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs
deny contains finding if {
	some key in input.environment.parameters.requiredTopicConfigs
	some topic in effective.lacking(concat(".", ["config", key]))
	finding := {
		"code": "topic-config-missing",
		"resource": topic.id,
		"message": sprintf("topic `%s` does not set `%s`, and `%s` requires it", [topic.name, key, input.environment.name]),
		"help": sprintf("set `%s` in the topic's `config`, or add a `PolicyException`", [key]),
	}
}
