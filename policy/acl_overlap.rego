# Grants that other grants make needless, or take away. What overlaps is computed before (`input.access`).
package driftless.acl_overlap

import data.driftless.acl

# METADATA
# title: No grant is needless beside a wider one
# description: >-
#   Every request that the grant allows is allowed by another one in git: for everybody, for every host or a block of them, for
#   every name or a prefix, or for All. Whoever removes the narrow one to take a right away takes nothing away. Operations that
#   only spell out what another one on the same name implies, as in `[Read, Describe]`, pass.
# custom:
#   severity: warn
#   code: acl-redundant
# related_resources:
# - ref: https://kafka.apache.org/documentation/#operations_in_kafka
warn contains finding if {
	some pair in input.access.redundant
	narrow := input.desired.grants[pair.grant]
	wide := input.desired.grants[pair.by]
	finding := {
		"code": "acl-redundant",
		"resource": narrow.operations[pair.operations[0]],
		"message": sprintf(
			"%s for `%s` on %s%s is allowed already: `%s` may %s on %s%s",
			[
				concat(", ", pair.operations), narrow.principal, about(narrow), from(narrow),
				wide.principal, pair.byOperation, about(wide), from(wide),
			],
		),
		"help": "remove it, or remove the wider grant if that is too wide",
	}
}

# METADATA
# title: No grant is taken away by a deny
# description: >-
#   A deny wins over every allow, however wide it is and however narrow the allow. Every request for the operations that the
#   grant names is denied by another binding in git. What they imply is not denied with them: where Read is denied, Describe
#   stays allowed.
# custom:
#   severity: warn
#   code: acl-denied
# related_resources:
# - ref: https://kafka.apache.org/documentation/#security_authz
warn contains finding if {
	some pair in input.access.denied
	narrow := input.desired.grants[pair.grant]
	wide := input.desired.grants[pair.by]
	finding := {
		"code": "acl-denied",
		"resource": narrow.operations[pair.operations[0]],
		"message": sprintf(
			"%s for `%s` on %s%s is allowed in vain: `%s` is denied %s on %s%s, and a deny wins",
			[
				concat(", ", pair.operations), narrow.principal, about(narrow), from(narrow),
				wide.principal, pair.byOperation, about(wide), from(wide),
			],
		),
		"help": "remove the grant, or make the deny narrower",
	}
}

# METADATA
# title: Every deny takes something away
# description: >-
#   Nothing that the deny forbids is allowed by any grant in git or on the cluster. It may be a precaution; it may also be
#   about a principal or a name that is misspelt. Judged only with parameter `warnOfIdleDenies: true`, and not where brokers
#   allow what has no ACL (`allow.everyone.if.no.acl.found`).
# custom:
#   severity: warn
#   code: acl-deny-without-effect
# related_resources:
# - ref: https://kafka.apache.org/documentation/#security_authz
warn contains finding if {
	input.environment.parameters.warnOfIdleDenies == true
	not is_open
	some fact in input.access.idleDenies
	grant := input.desired.grants[fact.grant]
	finding := {
		"code": "acl-deny-without-effect",
		"resource": grant.operations[fact.operations[0]],
		"message": sprintf(
			"`%s` is denied %s on %s%s, and nothing allows it",
			[grant.principal, concat(", ", fact.operations), about(grant), from(grant)],
		),
		"help": "correct the principal and the name, or remove the deny",
	}
}

is_open if {
	some broker in input.cluster.brokers
	lower(trim_space(broker.configs["allow.everyone.if.no.acl.found"])) == "true"
}

about(grant) := acl.about(grant.resourceType, grant.patternType, grant.resourceName)

from(grant) := "" if grant.host == "*"

from(grant) := sprintf(" from `%s`", [grant.host]) if grant.host != "*"
