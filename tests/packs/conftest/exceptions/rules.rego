package main

deny_owner contains msg if {
	not input.metadata.labels.owner
	msg := "no owner"
}

violation_tier contains "no tier" if not input.metadata.labels.tier

warn_kind contains "not a topic" if input.kind != "KafkaTopic"

deny contains "no spec" if not input.spec

exception contains rules if {
	input.kind == "KafkaUser"
	rules := ["owner", ""]
}

exception contains rules if {
	input.metadata.name == "a-topic"
	rules := ["tier", "kind"]
}
