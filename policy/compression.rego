# How records are compressed.
package driftless.compression

import data.driftless.effective

# METADATA
# title: Topics use an allowed compression
# description: >-
#   A `compression.type` other than `producer` makes brokers compress everything again, and a codec that some client cannot read
#   makes its consumers fail. Parameter `allowedCompressionTypes`; without it nothing is judged. A topic that sets none inherits
#   the brokers' value, `producer` by default, and is not judged (`requiredTopicConfigs` can ask for it).
# custom:
#   severity: deny
#   code: compression-type-not-allowed
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_compression.type
deny contains finding if {
	list := input.environment.parameters.allowedCompressionTypes
	refused := {text |
		some text in effective.texts("config.compression.type")
		not trim_space(text) in list
	}
	some topic in effective.having("config.compression.type", refused)
	finding := {
		"code": "compression-type-not-allowed",
		"resource": topic.id,
		"path": "config.compression.type",
		"message": sprintf(
			"topic `%s` has `compression.type` %s, and `%s` allows %s",
			[topic.name, topic.config["compression.type"], input.environment.name, concat(", ", list)],
		),
		"help": "use one of these, or add a `PolicyException`",
	}
}
