package main

topic_without_owner if not input.metadata.labels.owner

deny contains "would be refused" if topic_without_owner with input.metadata.labels as {}

warn contains "all short" if {
	is_object(input.metadata.labels)
	every _, value in input.metadata.labels {
		is_string(value)
		count(value) < 3
	}
}

warn_nested contains msg if {
	some outer in [1, 2]
	inner := [value | some value in [1, 2, 3]; value > outer]
	count(inner) == 2
	msg := sprintf("%v", [inner])
}
