package main

deny[msg] {
	input.kind == "KafkaTopic"
	sprintf("topic %v", [input.metadata.name], msg)
}

warn[msg] {
	is_string(input.metadata.name)
	split(input.metadata.name, "-", parts)
	count(parts, n)
	re_match("^a", input.metadata.name, starts)
	sprintf("%v %d %v", [parts, n, starts], msg)
}

warn[msg] {
	is_string(input.metadata.name)
	not split(input.metadata.name, "-", ["a", "topic"])
	msg := "another name"
}
