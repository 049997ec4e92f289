package main

deny contains msg if {
	input.kind == "KafkaTopic"
	msg := sprintf("%s", [name])
}
