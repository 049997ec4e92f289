package main

import rego.v1

# A declaration may stand anywhere before its variable is used, behind a loop too.
deny contains msg if {
	manifests := input.groups[_]
	some i
	lower(manifests[i].kind) == "namespace"
	namespace := manifests[i]
	not has_policy(manifests)
	msg := sprintf("%s has no policy", [namespace.name])
}

has_policy(manifests) if {
	some manifest in manifests
	manifest.kind == "NetworkPolicy"
}

warn contains msg if {
	not input.skip
	group := input.groups[_]
	some
		i,
		j
	first := group[i]
	second := group[j]
	i < j
	first.kind == second.kind
	msg := sprintf("%v and %v are both a %v", [i, j, first.kind])
}

deny_names contains msg if {
	group := input.groups[_]
	names := [name | member := group[_]; some key; name := member[key]; key == "name"]
	some n
	names[n] == "x"
	msg := sprintf("name %d of %d is x", [n, count(names)])
}

violation_all contains {"msg": msg} if {
	some group in input.groups
	some i
	group[i].kind == "Namespace"
	some k
	every member in group {
		some field
		member[field] != ""
	}
	group[k].name == "x"
	msg := sprintf("%d %d", [i, k])
}
