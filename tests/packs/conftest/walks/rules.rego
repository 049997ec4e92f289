package main

deny contains sprintf("null at %v", [path]) if {
	[path, value] := walk(input)
	value == null
}

deny_text contains sprintf("empty text at %v", [path]) if {
	some path
	[path, ""] = walk(input)
}

deny_deep contains sprintf("%d values", [count(all)]) if {
	all := [value | [path, value] := walk(input); count(path) > 2]
	count(all) > 4
}

warn contains sprintf("%v is a number", [path]) if {
	walk(input, [path, value])
	is_number(value)
}

warn_pair contains pair[0][0] if {
	pair := walk(input.metadata)
	count(pair[0]) == 1
	is_string(pair[0][0])
}

warn_topic contains "no value is a-topic" if not walk(input, [["metadata", "name"], "a-topic"])

leaves := [path | [path, value] := walk(object.get(input, "spec", {})); not is_object(value)]

warn_leaves contains sprintf("%d leaves", [count(leaves)]) if count(leaves) > 0
