package main

import rego.v1

wanted := "KafkaTopic"

# OPA takes an import wherever it stands at the top level.
import data.names # of people

deny contains msg if {
	input.kind == wanted
	not input.metadata.name in names.known
	msg := sprintf("nobody knows %v", [input.metadata.name])
}

import data.lib["with-dash"].owners as people

warn contains "no owner" if count(people) == 0
