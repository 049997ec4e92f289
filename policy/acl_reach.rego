# What grants are about on the cluster as it is. What is computed before is in `input.access`.
package driftless.acl_reach

import data.driftless.acl

# METADATA
# title: Grants are about topics that there are
# description: >-
#   No topic of the name, or with the prefix, is in git or on the cluster: most often the name is misspelt. Judged only when
#   every topic of the cluster could be seen. Principals that may create the topic are about to.
# custom:
#   severity: warn
#   code: acl-without-topic
# related_resources:
# - ref: https://kafka.apache.org/documentation/#security_authz
warn contains finding if {
	some fact in input.access.withoutTopic
	grant := input.desired.grants[fact.grant]
	finding := {
		"code": "acl-without-topic",
		"resource": grant.operations[fact.operations[0]],
		"message": sprintf(
			"`%s` may %s on %s, and there is none in git or on the cluster",
			[
				grant.principal, concat(", ", fact.operations),
				acl.about(grant.resourceType, grant.patternType, grant.resourceName),
			],
		),
		"help": "correct the name, or declare the topic",
	}
}

# METADATA
# title: The first ACL on something shuts nobody out
# description: >-
#   Brokers with `allow.everyone.if.no.acl.found=true`, as on MSK, let everybody use what has no ACL at all. The first one,
#   whomever it is for and whether it allows or denies, ends that: everybody that no ACL allows is refused from then on.
# custom:
#   severity: warn
#   code: acl-first-on-open-resource
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs_allow.everyone.if.no.acl.found
warn contains finding if {
	some fact in input.access.firstOnResource
	grant := input.desired.grants[fact.grant]
	finding := {
		"code": "acl-first-on-open-resource",
		"resource": grant.operations[fact.operations[0]],
		"message": sprintf(
			"the ACL of `%s` is the first on %s%s: brokers allow everybody what has no ACL, and will refuse all others then",
			[grant.principal, acl.about(grant.resourceType, grant.patternType, grant.resourceName), example(fact)],
		),
		"help": "grant everybody who uses it what they need in the same change",
	}
}

example(fact) := "" if not fact.example

example(fact) := sprintf(" (topic `%s`)", [fact.example])
