# Words and sets that the rules on ACLs share.
package driftless.acl

# Principals that may hold any grant.
administrators contains principal if some principal in input.environment.parameters.aclAdministrators

# Those that brokers never ask the authorizer about.
administrators contains trim_space(principal) if {
	some broker in input.cluster.brokers
	some principal in split(broker.configs["super.users"], ";")
}

# What a grant is about, for people.
about("cluster", _, _) := "the cluster"

about(type, "literal", "*") := sprintf("every %s", [words[type]])

about(type, "literal", name) := sprintf("%s `%s`", [words[type], name]) if name != "*"

about(type, "prefixed", name) := sprintf("%ss that start with `%s`", [words[type], name])

words := {
	"topic": "topic",
	"group": "group",
	"transactionalId": "transactional id",
	"delegationToken": "delegation token",
	"user": "user",
}
