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

# The texts that grants say in a field: `host`, `patternType`, `principal`, `resourceName` or `resourceType`.
texts(field) := object.keys(object.get(input.desired.grantsBy, field, {}))

# The grants that say one of these texts in a field.
having(field, wanted) := [grant |
	some text in wanted
	some position in input.desired.grantsBy[field][text]
	grant := input.desired.grants[position]
]

words := {
	"topic": "topic",
	"group": "group",
	"transactionalId": "transactional id",
	"delegationToken": "delegation token",
	"user": "user",
}
