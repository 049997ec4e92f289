package main

import future.keywords.contains
import future.keywords.every
import future.keywords.if
import future.keywords.in

kinds := ["KafkaTopic", "KafkaUser"]

deny[msg] {
	input.kind in kinds
	some key
	input.metadata.labels[key] == ""
	msg := sprintf("label %s is empty", [key])
}

warn contains msg if {
	input.kind == "KafkaTopic"
	every _, value in input.spec.config { is_string(value) }
	msg := "every value is text"
}
