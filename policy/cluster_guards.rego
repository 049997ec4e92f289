# Which guards of the live cluster could not look.
package driftless.cluster_guards

# METADATA
# title: The guards have looked at every broker
# description: >-
#   The guards over the live cluster (unclean leader election, open access, missing authorizer, defaults of replication, in-sync
#   replicas and partitions) read the configs of every live broker. Where a broker does not say one, the guard that needs it says
#   nothing, which is not the same as good. Automatic topic creation has a finding of its own.
# custom:
#   severity: warn
#   code: cluster-guards-not-checked
# related_resources:
# - ref: https://kafka.apache.org/documentation/#brokerconfigs
warn contains finding if {
	count(silent) > 0
	finding := {
		"code": "cluster-guards-not-checked",
		"message": sprintf(
			"not checked: `%s` on %s: %s",
			[
				concat("`, `", {key | some [_, key, _] in silent}),
				concat(", ", {sprintf("broker %v", [id]) | some [id, _, _] in silent}),
				concat("; ", {reason | some [_, _, reason] in silent}),
			],
		),
		"help": "allow the principal `DescribeConfigs` on the cluster",
	}
}

# METADATA
# title: The guards have a cluster to look at
# description: >-
#   A plan was made without a live broker, so no guard over the cluster could look. Files that are only validated have no plan and no
#   cluster, and nothing is said.
# custom:
#   severity: warn
#   code: cluster-guards-not-checked
warn_without_brokers contains finding if {
	is_object(input.plan)
	not input.cluster.brokers[0]
	finding := {
		"code": "cluster-guards-not-checked",
		"message": sprintf("not checked without a live broker: `%s`", [concat("`, `", guards)]),
		"help": "plan against the live cluster",
	}
}

# METADATA
# title: It is known how passwords travel
# description: >-
#   The plan writes a credential, and it is not known whether the connection to the cluster is encrypted, because the cluster is a
#   recorded one.
# custom:
#   severity: warn
#   code: cluster-guards-not-checked
warn_connection contains finding if {
	some action in input.plan.actions
	action.kind == "user"
	action.action != "delete"
	not input.cluster.securityProtocol
	finding := {
		"code": "cluster-guards-not-checked",
		"resource": concat("/", ["user", action.name]),
		"message": sprintf("not checked: whether the credential of user `%s` would travel over TLS", [action.name]),
		"help": "plan against the live cluster",
	}
}

guards := {
	"allow.everyone.if.no.acl.found",
	"authorizer.class.name",
	"default.replication.factor",
	"min.insync.replicas",
	"num.partitions",
	"unclean.leader.election.enable",
}

silent contains what if {
	some broker in input.cluster.brokers
	some key in guards
	not broker.configs[key]
	what := [broker.id, key, object.get(broker, "configsUnknown", "it does not say")]
}
