package main

name := object.get(input, ["metadata", "name"], "")

deny contains sprintf("%v is %v", [name, pattern]) if {
	is_string(name)
	some pattern in ["a{,-topic}", "*-topic", "[!b-z]*", "?-*", "{a,b}-{topic,group}"]
	glob.match(pattern, [], name)
}

deny contains sprintf("%v", [found]) if {
	is_string(name)
	found := [strings.count(name, "t"), strings.replace_n({"a": "b", "b": "a", "-": ""}, name)]
}

schema := {
	"type": "object",
	"required": ["spec"],
	"properties": {"spec": {"properties": {
		"partitions": {"type": "integer", "minimum": 1},
		"config": {"type": "object"},
	}}},
}

deny contains error.error if {
	[valid, errors] := json.match_schema(input, schema)
	not valid
	some error in errors
}

warn contains sprintf("%v", [json.remove(input, ["/spec", "metadata/labels"])])

warn contains sprintf("%v", [json.filter(input, ["/metadata", "metadata/name"])])

warn contains sprintf("%v", [[semver.is_valid(version) | some version in ["v1.0.0", "1.0.0", "1.0", 1]]])

hosts := net.cidr_expand("10.0.0.0/30")

warn contains sprintf("%d hosts", [count(hosts)]) if "10.0.0.3" in hosts

warn contains "a set is its own key" if "a", "a" in {"a"}
