# Whether a replica that lags behind may become the leader.
package driftless.unclean_leader_election

import data.driftless.effective

# METADATA
# title: Acknowledged records are not given up for availability
# description: >-
#   With `unclean.leader.election.enable` a replica that was not in sync becomes the leader when no other is there. Records
#   that producers hold for written are gone, and consumers see offsets go back.
# custom:
#   severity: deny
#   code: unclean-leader-election
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_unclean.leader.election.enable
deny contains finding if {
	some topic in effective.setting("config.unclean.leader.election.enable")
	effective.is_true(topic.config["unclean.leader.election.enable"])
	finding := {
		"code": "unclean-leader-election",
		"resource": topic.id,
		"path": "config.unclean.leader.election.enable",
		"message": sprintf("topic `%s` sets `unclean.leader.election.enable`: acknowledged records may be lost", [topic.name]),
		"help": "remove the line, or add a `PolicyException` where lost records do not matter",
	}
}

# METADATA
# title: Git does not switch unclean leader election on
# description: A broker config in git that gives up acknowledged records of every topic is refused before it reaches the brokers.
# custom:
#   severity: deny
#   code: unclean-leader-election
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs_unclean.leader.election.enable
deny_in_git contains finding if {
	some scope in input.desired.brokerConfigs
	effective.is_true(scope.config["unclean.leader.election.enable"])
	effective.judged(scope)
	finding := {
		"code": "unclean-leader-election",
		"resource": scope.id,
		"path": "config.unclean.leader.election.enable",
		"message": sprintf("`%s` switches `unclean.leader.election.enable` on for every topic that does not say otherwise", [scope.id]),
		"help": "remove the line, or set it to false",
	}
}

# METADATA
# title: Brokers do not elect unclean leaders by default
# description: >-
#   A live broker has `unclean.leader.election.enable`, so every topic that does not say otherwise may lose acknowledged
#   records. It is a warning, so that git can repair it: with a default in git that switches it off nothing is said.
# custom:
#   severity: warn
#   code: unclean-leader-election-default
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs_unclean.leader.election.enable
warn contains finding if {
	unclean := [sprintf("broker %v", [broker.id]) |
		some broker in input.cluster.brokers
		effective.is_true(broker.configs["unclean.leader.election.enable"])
	]
	count(unclean) > 0
	not effective.git_default("unclean.leader.election.enable")
	finding := {
		"code": "unclean-leader-election-default",
		"resource": "broker-config/default",
		"message": sprintf(
			"`unclean.leader.election.enable` is true on %s: topics may lose acknowledged records",
			[concat(", ", unclean)],
		),
		"help": "set `unclean.leader.election.enable: false` under `default` of a `KafkaClusterConfig`",
	}
}
