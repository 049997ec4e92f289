# Topics come from git, and not from whoever writes to a name first.
package driftless.automatic_topic_creation

import data.driftless.effective

# METADATA
# title: Brokers do not create topics by themselves
# description: >-
#   With `auto.create.topics.enable` a client that writes to or reads from a misspelt name makes a topic, with the brokers'
#   defaults and nobody's review. Every live broker is looked at: one is enough to make topics for all.
# custom:
#   severity: deny
#   code: automatic-topic-creation
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs_auto.create.topics.enable
deny contains finding if {
	some broker in input.cluster.brokers
	effective.is_true(broker.configs["auto.create.topics.enable"])
	finding := {
		"code": "automatic-topic-creation",
		"resource": sprintf("broker-config/%v", [broker.id]),
		"message": sprintf("broker %v creates topics by itself: `auto.create.topics.enable` is true", [broker.id]),
		"help": "set `auto.create.topics.enable=false` in the broker's properties and restart it",
	}
}

# METADATA
# title: Git does not switch automatic topic creation on
# description: A broker config in git that lets brokers create topics is refused before it reaches them.
# custom:
#   severity: deny
#   code: automatic-topic-creation
deny_in_git contains finding if {
	some scope in input.desired.brokerConfigs
	effective.judged(scope)
	effective.is_true(scope.config["auto.create.topics.enable"])
	finding := {
		"code": "automatic-topic-creation",
		"resource": scope.id,
		"path": "config.auto.create.topics.enable",
		"message": sprintf("`%s` switches `auto.create.topics.enable` on", [scope.id]),
		"help": "remove the line, or set it to false",
	}
}

# METADATA
# title: Every broker was asked whether it creates topics
# description: >-
#   The brokers' configs could not be read, so nobody knows whether they create topics. The principal needs DescribeConfigs
#   on the cluster.
# custom:
#   severity: warn
#   code: automatic-topic-creation-not-checked
warn contains finding if {
	some broker in input.cluster.brokers
	not broker.configs["auto.create.topics.enable"]
	finding := {
		"code": "automatic-topic-creation-not-checked",
		"resource": sprintf("broker-config/%v", [broker.id]),
		"message": sprintf(
			"it is not known whether broker %v creates topics by itself: %s",
			[broker.id, object.get(broker, "configsUnknown", "it does not say")],
		),
		"help": "allow the principal `DescribeConfigs` on the cluster",
	}
}

# METADATA
# title: There are brokers to ask
# description: Without a live broker nothing is known of their configs.
# custom:
#   severity: warn
#   code: automatic-topic-creation-not-checked
warn_without_brokers contains finding if {
	count(input.cluster.brokers) == 0
	finding := {
		"code": "automatic-topic-creation-not-checked",
		"message": "it is not known whether brokers create topics by themselves: no live broker was seen",
		"help": "look at the cluster's metadata",
	}
}
