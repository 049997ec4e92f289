package main

import future.keywords

deny contains "not of a team" if not startswith(input.metadata.labels.owner, "team-")

deny contains "not one of two" if not input.spec.partitions in {1, 3}

deny contains "no sum" if not input.spec.partitions + input.spec.replicas == 6

warn contains sprintf("%v", [names]) if {
	names := [name | some name in ["retention.ms", "cleanup.policy"]; not input.spec.config[name] == input.spec.nothing]
}
