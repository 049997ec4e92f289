package main

deny contains msg if {
	input.kind == "KafkaTopic"
	not input.metadata.labels.owner
	msg := sprintf("%s has no owner", [input.metadata.name])
}

deny contains "partitions are missing" if {
	input.kind == "KafkaTopic"
	not input.spec.partitions
}

warn contains sprintf("%v partitions", [input.spec.partitions]) if input.spec.partitions > 2

violation contains msg if {
	some key, value in input.spec.config
	not is_number(value)
	msg := sprintf("%s is %v", [key, value])
}
