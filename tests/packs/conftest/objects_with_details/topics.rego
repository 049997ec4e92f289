package main

import rego.v1

violation contains {"msg": msg, "details": {"missing": missing}} if {
	required := {"owner", "tier"}
	provided := {key | some key, _ in input.metadata.labels}
	missing := required - provided
	count(missing) > 0
	msg := sprintf("labels %v are missing", [missing])
}

warn_config contains {"msg": "no retention", "resource": input.metadata.name} if {
	is_string(input.metadata.name)
	not input.spec.config["retention.ms"]
}
