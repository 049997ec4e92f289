package main

name := input.metadata.name

labels := object.get(input, ["metadata", "labels"], {})

# Written without an `else` branch on purpose: undefined for everything else.
size("small") := 1

size("large") := 3

tier := "gold" if {
	input.spec.replicas >= 3
} else := "silver" if {
	input.spec.replicas == 2
} else := "bronze"

deny contains sprintf("%s is %s", [name, tier]) if {
	is_string(name)
	tier != "gold"
}

warn contains sprintf("%d labels", [count(labels)]) if is_object(labels)

warn_walk contains sprintf("%s", [concat("/", [sprintf("%v", [part]) | some part in path])]) if {
	walk(input, [path, value])
	value == "a-topic"
}

violation contains msg if {
	keys := [key | some key, _ in input.spec.config]
	sorted := sort(keys)
	count(sorted) > 0
	msg := json.marshal(sorted)
}

deny_nothing contains "never" if size(input.kind) > 2

default allowed := false

allowed if {
	some prefix in ["a-", "b-"]
	startswith(name, prefix)
}

deny_prefix contains msg if {
	is_string(name)
	not allowed
	msg := sprintf("prefix of %q", [name])
}
