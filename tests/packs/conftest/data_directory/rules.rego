package main

deny contains msg if {
	some name, tier in data.tiers
	input.metadata.labels.tier == name
	tier.replicas > input.spec.replicas
	msg := sprintf("%s needs %d replicas", [name, tier.replicas])
}
