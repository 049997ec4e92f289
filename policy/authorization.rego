# Whether the brokers ask anybody's rights at all.
package driftless.authorization

import data.driftless.effective

# METADATA
# title: What has no ACL is closed
# description: >-
#   With `allow.everyone.if.no.acl.found` every client may do everything to a resource that no ACL matches, new topics first of all;
#   and the first ACL on a resource locks everybody else out of it. It is a warning, because moving away from it means to grant
#   everything first. Amazon MSK has it by default.
# custom:
#   severity: warn
#   code: everyone-allowed-without-acl
# related_resources:
# - ref: https://kafka.apache.org/documentation/#security_authz
warn contains finding if {
	open := [sprintf("broker %v", [broker.id]) |
		some broker in input.cluster.brokers
		effective.is_true(broker.configs["allow.everyone.if.no.acl.found"])
		has_authorizer(broker)
	]
	count(open) > 0
	finding := {
		"code": "everyone-allowed-without-acl",
		"resource": "broker-config/default",
		"message": sprintf(
			"everybody may do everything where no ACL is: `allow.everyone.if.no.acl.found` is true on %s",
			[concat(", ", open)],
		),
		"help": "grant what clients need, then set `allow.everyone.if.no.acl.found=false` in the brokers' properties",
	}
}

# METADATA
# title: There is an authorizer to ask the ACLs of git
# description: >-
#   A broker without `authorizer.class.name` refuses to store ACLs and lets every client do everything: the grants and the denials
#   in git protect nothing.
# custom:
#   severity: warn
#   code: authorizer-missing
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs_authorizer.class.name
warn contains finding if {
	count(input.desired.grants) > 0
	without := [sprintf("broker %v", [broker.id]) |
		some broker in input.cluster.brokers
		trim_space(broker.configs["authorizer.class.name"]) == ""
	]
	count(without) > 0
	finding := {
		"code": "authorizer-missing",
		"resource": "broker-config/default",
		"message": sprintf(
			"git declares %v ACLs, and there is no authorizer (`authorizer.class.name`) on %s: every client may do everything",
			[sum([count(grant.operations) | some grant in input.desired.grants]), concat(", ", without)],
		),
		"help": "set `authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer` and `super.users` on every node",
	}
}

has_authorizer(broker) if trim_space(broker.configs["authorizer.class.name"]) != ""
