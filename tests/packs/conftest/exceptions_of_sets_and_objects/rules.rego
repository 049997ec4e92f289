package main

deny_a contains "a"

deny_b contains "b"

deny_violation_c contains "c"

exception["first"] := {"a"}

exception["second"] := names if {
	input.kind == "KafkaTopic"
	names := ["b", "violation_c", "c"]
}
