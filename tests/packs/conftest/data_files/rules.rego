package main

deny contains msg if {
	not input.metadata.labels.owner in data.teams
	msg := sprintf("unknown owner %v", [input.metadata.labels.owner])
}

warn contains msg if {
	some key, limit in data.limits.topics
	value := input.spec[key]
	is_number(value)
	value > limit
	msg := sprintf("%s is above %d", [key, limit])
}

warn_file contains "numbered" if startswith(data.conftest.file.name, "0000")
