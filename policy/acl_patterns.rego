# What names and prefixes of grants mean.
package driftless.acl_patterns

import data.driftless.acl

# METADATA
# title: A literal name does not end in an asterisk
# description: >-
#   Only the name `*` alone means every name. `orders-*` is compared sign by sign, and no topic can be called so: the grant, or
#   the deny, never matches. Kafka accepts it without a word.
# custom:
#   severity: warn
#   code: acl-literal-name-ends-in-star
# related_resources:
# - ref: https://kafka.apache.org/documentation/#security_authz
warn contains finding if {
	some place, grants in starred
	[principal, permission, type, pattern, name] := place
	pattern == "literal"
	name != "*"
	finding := {
		"code": "acl-literal-name-ends-in-star",
		"resource": min(grants)[0],
		"message": sprintf(
			"`%s` is %s %s on the literal %s `%s`, which is compared as it is and never matches",
			[principal, did[permission], operations(grants), acl.words[type], name],
		),
		"help": sprintf(
			"did you mean `patternType: prefix` with the name `%s`? Only `*` alone is every name",
			[trim_right(name, "*")],
		),
	}
}

# METADATA
# title: A prefix does not end in an asterisk
# description: >-
#   In a prefix an asterisk is a sign like any other: the prefix `*` matches names that start with an asterisk, and no topic's
#   does. Kafka accepts it without a word.
# custom:
#   severity: warn
#   code: acl-prefix-ends-in-star
# related_resources:
# - ref: https://kafka.apache.org/documentation/#security_authz
warn contains finding if {
	some place, grants in starred
	[principal, permission, type, pattern, name] := place
	pattern == "prefixed"
	finding := {
		"code": "acl-prefix-ends-in-star",
		"resource": min(grants)[0],
		"message": sprintf(
			"`%s` is %s %s on the prefix `%s` of %ss, in which the asterisk is a sign like any other",
			[principal, did[permission], operations(grants), name, acl.words[type]],
		),
		"help": "leave the asterisk off a prefix; every name is the literal name `*`",
	}
}

starred[place] contains [id, operation] if {
	some name, _ in input.desired.grantsBy.resourceName
	endswith(name, "*")
	some grant in acl.having("resourceName", {name})
	grant.management != "unmanaged"
	some operation, id in grant.operations
	place := [grant.principal, grant.permission, grant.resourceType, grant.patternType, name]
}

did := {"allow": "allowed", "deny": "denied"}

# METADATA
# title: Prefixes are long enough to belong to somebody
# description: >-
#   A prefix of a letter or two also grants what other teams will call theirs. Parameter `minimumAclPrefixLength`, default 3.
#   Administrators (parameter `aclAdministrators`, and super users of the brokers) may have any.
# custom:
#   severity: warn
#   code: acl-prefix-too-short
# related_resources:
# - ref: https://kafka.apache.org/documentation/#multitenancy-security
warn contains finding if {
	some place, grants in short
	[principal, type, name] := place
	finding := {
		"code": "acl-prefix-too-short",
		"resource": min(grants)[0],
		"message": sprintf(
			"`%s` may %s on %s, and `%s` asks for prefixes of at least %v characters",
			[principal, operations(grants), acl.about(type, "prefixed", name), input.environment.name, minimum_length],
		),
		"help": "use the prefix that all names of the team have, or grant the names one by one",
	}
}

short[place] contains [id, operation] if {
	some grant in acl.having("patternType", {"prefixed"})
	count(grant.resourceName) < minimum_length
	grant.permission == "allow"
	grant.management != "unmanaged"
	not endswith(grant.resourceName, "*")
	not acl.administrators[grant.principal]
	some operation, id in grant.operations
	place := [grant.principal, grant.resourceType, grant.resourceName]
}

minimum_length := object.get(input.environment.parameters, "minimumAclPrefixLength", 3)

# METADATA
# title: Prefixes are those of the principal's team
# description: >-
#   Parameter `aclPrefixes` says which prefixes a principal may be granted, as in `{"User:shop-*": ["shop.", "shop-"]}`. A
#   principal that no entry names is not judged, and neither are literal names, which teams grant each other. Without the
#   parameter nothing is judged.
# custom:
#   severity: warn
#   code: acl-prefix-not-of-team
# related_resources:
# - ref: https://kafka.apache.org/documentation/#multitenancy-security
warn contains finding if {
	teams := input.environment.parameters.aclPrefixes
	some place, grants in prefixed_grants
	[principal, type, name] := place
	prefixes := {prefix |
		some whom, list in teams
		is_named(whom, principal)
		some prefix in list
	}
	count(prefixes) > 0
	within := {prefix | some prefix in prefixes; startswith(name, prefix)}
	count(within) == 0
	finding := {
		"code": "acl-prefix-not-of-team",
		"resource": min(grants)[0],
		"message": sprintf(
			"`%s` may %s on %s, and its prefixes are `%s`",
			[principal, operations(grants), acl.about(type, "prefixed", name), concat("`, `", prefixes)],
		),
		"help": "grant the names one by one, or add the prefix to the parameter `aclPrefixes`",
	}
}

prefixed_grants[place] contains [id, operation] if {
	some grant in acl.having("patternType", {"prefixed"})
	grant.permission == "allow"
	grant.management != "unmanaged"
	some operation, id in grant.operations
	place := [grant.principal, grant.resourceType, grant.resourceName]
}

is_named(whom, principal) if whom == principal

is_named(whom, principal) if {
	endswith(whom, "*")
	startswith(principal, trim_suffix(whom, "*"))
}

operations(grants) := concat(", ", {operation | some [_, operation] in grants})
