package subset

import rego.v1

deny contains msg if {
	some name, pair in {
		"empty array": [[1, 2], []],
		"both empty": [[], []],
		"piece": [[1, 2, 3], [2, 3]],
		"no piece": [[1, 2, 3], [1, 3]],
		"longer": [[1], [1, 2]],
		"set of array": [[1, 2], {2}],
		"empty set": [{1}, set()],
		"no subset": [{1}, {2}],
		"object": [{"a": {"b": 1, "c": [1, 2, 3]}}, {"a": {"c": [2, 3]}}],
		"deep": [{"a": {"b": {1, 2}}}, {"a": {"b": {1}}}],
		"array and set within": [{"a": [1, 2]}, {"a": {1}}],
		"other value": [{"a": 1}, {"a": 2}],
		"input": [{"kind": input.kind, "x": 1}, {"kind": "KafkaTopic"}],
	}
	msg := sprintf("%s: %v", [name, object.subset(pair[0], pair[1])])
}
