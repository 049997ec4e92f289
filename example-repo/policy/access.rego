package main

import rego.v1

# The only principals that may hold a grant on every topic or every group.
administrators := {"User:admin"}

# Grants of either kind of manifest, as {principal, rule}. A rule without a type allows.
grants contains {"principal": principal, "rule": rule} if {
	input.kind == "KafkaAcl"
	some principal in input.spec.principals
	some rule in input.spec.rules
	object.get(rule, "type", "allow") == "allow"
}

grants contains {"principal": principal, "rule": rule} if {
	input.kind == "KafkaUser"
	some rule in object.get(input, ["spec", "authorization", "acls"], [])
	object.get(rule, "type", "allow") == "allow"
	principal := concat("", ["User:", input.metadata.name])
}

# METADATA
# title: Grants on everything are for administrators
# description: Applications get a name or a prefix. The literal `*` is every topic, also those of other teams to come.
# custom:
#   severity: deny
deny_grant_on_everything contains msg if {
	some grant in grants
	grant.rule.resource.name == "*"
	not grant.principal in administrators
	msg := sprintf("%s %s: %s may not have a grant on every %s", [
		input.kind,
		input.metadata.name,
		grant.principal,
		grant.rule.resource.type,
	])
}

# METADATA
# title: Prefixes are long enough to belong to somebody
# description: A prefix of one or two letters grants the next team's topics too.
# custom:
#   severity: warn
warn_short_prefix contains msg if {
	some grant in grants
	grant.rule.resource.patternType == "prefix"
	count(grant.rule.resource.name) < 4
	msg := sprintf("%s %s: the prefix `%s` is short", [input.kind, input.metadata.name, grant.rule.resource.name])
}
