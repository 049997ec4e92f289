# How passwords travel.
package driftless.passwords

# METADATA
# title: Passwords travel through TLS only
# description: >-
#   A SCRAM credential is sent to the brokers as salt and salted password, and that is all that somebody needs who reads along to log
#   in as that user. The connection of driftless to the cluster is without TLS (`PLAINTEXT` or `SASL_PLAINTEXT`) and the plan
#   writes a credential.
# custom:
#   severity: warn
#   code: password-over-plaintext
# related_resources:
# - ref: https://kafka.apache.org/documentation/#security_sasl_scram_security
warn contains finding if {
	input.cluster.securityProtocol in {"PLAINTEXT", "SASL_PLAINTEXT"}
	some action in input.plan.actions
	action.kind == "user"
	action.status != "blocked"
	action.action != "delete"
	finding := {
		"code": "password-over-plaintext",
		"resource": concat("/", ["user", action.name]),
		"message": sprintf(
			"the credential of user `%s` would travel over %s, readable for whoever listens",
			[action.name, input.cluster.securityProtocol],
		),
		"help": "let driftless connect with `SASL_SSL` or `SSL`",
	}
}
