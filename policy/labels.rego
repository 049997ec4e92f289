# Whose a resource is, and whatever else the company wants to know of it.
package driftless.labels

import data.driftless.effective

# METADATA
# title: Topics and users say whose they are
# description: >-
#   A topic without an owner is a topic that nobody dares to delete. Parameter `requiredLabels`: the labels that every topic
#   and every user has, with a value; without it nothing is judged.
# custom:
#   severity: deny
#   code: label-missing
# related_resources:
# - ref: https://kafka.apache.org/documentation/#multitenancy-topic-naming
deny contains finding if {
	required := input.environment.parameters.requiredLabels
	some resource in array.concat(input.desired.topics, input.desired.users)
	some label in required
	object.get(resource.labels, label, "") == ""
	effective.judged(resource)
	finding := {
		"code": "label-missing",
		"resource": resource.id,
		"message": sprintf("`%s` has no label `%s`, and `%s` requires it", [resource.id, label, input.environment.name]),
		"help": sprintf("add `%s` under `metadata.labels`, or add a `PolicyException`", [label]),
	}
}
