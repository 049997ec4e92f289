package main

names := {"payments", "a-topic"}

deny_in contains "in" if not input.metadata.labels.owner in names

deny_call contains "call" if {
	not startswith(input.metadata.name, "a")
}

deny_index contains "index" if {
	input.kind
	not names[input.metadata.labels.owner]
}

deny_compared contains "compared" if not input.spec.partitions > 2

deny_equal contains "equal" if not input.spec.partitions == 3

deny_there contains "there" if not input.spec.partitions

deny_different contains "different" if not input.spec.partitions != 3

deny_nested contains "nested" if not count(object.get(input.spec, "config", {})) == 2

deny_arithmetic contains "arithmetic" if not input.spec.partitions + 1 == 4

deny_comprehension contains "comprehension" if {
	count([key | some key, _ in input.metadata.labels; not key in input.spec.allowed]) > 0
}

small if not input.spec.partitions > 2

deny_double contains "double" if not small

listed(name) if name in names

deny_function contains "function" if not listed(input.metadata.labels.owner)

deny_path contains "path" if not input.metadata[input.kind]
