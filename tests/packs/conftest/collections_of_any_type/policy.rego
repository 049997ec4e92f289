package main

import rego.v1

deny contains msg if {
	some x in input.k
	msg := sprintf("some %v", [x])
}

warn contains msg if {
	some key, x in input.k
	msg := sprintf("some %v %v", [key, x])
}

warn contains msg if {
	names := [name | some name in object.get(input, ["k", "names"], input.k)]
	msg := sprintf("names %v", [names])
}

deny_every contains "every" if every x in input.k { x != "a" }

warn_member contains "member" if "a" in input.k
