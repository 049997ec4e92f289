# Limits of clients.
package driftless.quotas

# METADATA
# title: Quotas stay below the environment's ceilings
# description: >-
#   Parameter `quotaCeilings` gives the highest value of each limit, as in `{"producerByteRate": 52428800}`. Every broker grants
#   a client that much, so one with too high a limit can fill the network of all. Without the parameter nothing is judged.
# custom:
#   severity: deny
#   code: quota-above-ceiling
# related_resources:
# - ref: https://kafka.apache.org/documentation/#design_quotas
deny contains finding if {
	some key, ceiling in input.environment.parameters.quotaCeilings
	some quota in input.desired.quotas
	quota.quotas[key] > ceiling
	quota.management != "unmanaged"
	finding := {
		"code": "quota-above-ceiling",
		"resource": quota.id,
		"path": object.get(wire_keys, key, key),
		"message": sprintf(
			"`%s` of `%s` is %v, and `%s` allows at most %v",
			[key, trim_prefix(quota.id, "quota/"), quota.quotas[key], input.environment.name, ceiling],
		),
		"help": "lower the limit, or add a `PolicyException`",
	}
}

# As locations call them.
wire_keys := {
	"producerByteRate": "producer_byte_rate",
	"consumerByteRate": "consumer_byte_rate",
	"requestPercentage": "request_percentage",
	"controllerMutationRate": "controller_mutation_rate",
	"connectionCreationRate": "connection_creation_rate",
}

# METADATA
# title: Quotas are for users that somebody knows
# description: >-
#   The user of the quota is none that git declares, none that an ACL in git or on the cluster is about, and none with a SCRAM
#   password on the cluster: most often it is misspelt, and the one who was meant has no limit. Distinguished names
#   (`CN=...`) are not judged, nor is a repository that declares neither users nor ACLs.
# custom:
#   severity: warn
#   code: quota-for-nobody
# related_resources:
# - ref: https://kafka.apache.org/documentation/#design_quotas
warn contains finding if {
	some quota in input.desired.quotas
	user := quota.entity.user
	user != "<default>"
	quota.management != "unmanaged"
	not contains(user, "=")
	knows_users
	not users[user]
	not principals[concat("", ["User:", user])]
	finding := {
		"code": "quota-for-nobody",
		"resource": quota.id,
		"message": sprintf("the quota is for user `%s`, and no user, ACL or password is of that name", [user]),
		"help": "correct the name; it is that of the principal, without `User:`",
	}
}

knows_users if count(input.desired.users) > 0

knows_users if count(input.desired.grants) > 0

users contains user.name if some user in input.desired.users

users contains name if some name in input.cluster.users

principals contains grant.principal if some grant in input.desired.grants

principals contains principal if some principal in input.cluster.aclPrincipals

# METADATA
# title: Quotas of addresses name addresses
# description: >-
#   The controller looks a host name up when the quota is written, and brokers limit the address that it found: later changes
#   of the name count for nothing, and a name that it cannot look up is refused.
# custom:
#   severity: warn
#   code: quota-ip-is-host-name
# related_resources:
# - ref: https://kafka.apache.org/documentation/#design_quotas
warn contains finding if {
	some quota in input.desired.quotas
	ip := quota.entity.ip
	ip != "<default>"
	not is_address(ip)
	quota.management != "unmanaged"
	finding := {
		"code": "quota-ip-is-host-name",
		"resource": quota.id,
		"message": sprintf("the quota is for `ip: %s`, which is no address", [ip]),
		"help": "write the address",
	}
}

is_address(text) if net.cidr_is_valid(concat("/", [text, "32"]))

is_address(text) if net.cidr_is_valid(concat("/", [text, "128"]))

# METADATA
# title: Users without a quota of their own have the default one
# description: >-
#   Only a quota of user `<default>` limits users that nobody thought of. Judged only with parameter
#   `requireDefaultUserQuota: true`.
# custom:
#   severity: warn
#   code: quota-default-missing
# related_resources:
# - ref: https://kafka.apache.org/documentation/#multitenancy-quotas
warn contains finding if {
	input.environment.parameters.requireDefaultUserQuota == true
	not has_default
	finding := {
		"code": "quota-default-missing",
		"message": sprintf("`%s` has no quota for the user `<default>`", [input.environment.name]),
		"help": "declare a `KafkaQuota` with `entity: {user: \"<default>\"}`",
	}
}

# METADATA
# title: Every user has a quota
# description: >-
#   A user in git has no quota, of its own or with a client id. The default one of all users counts. Judged only with
#   parameter `requireUserQuotas: true`.
# custom:
#   severity: warn
#   code: user-without-quota
# related_resources:
# - ref: https://kafka.apache.org/documentation/#multitenancy-quotas
warn contains finding if {
	input.environment.parameters.requireUserQuotas == true
	not has_default
	limited := {quota.entity.user | some quota in input.desired.quotas}
	some user in input.desired.users
	user.management != "unmanaged"
	not limited[user.name]
	finding := {
		"code": "user-without-quota",
		"resource": user.id,
		"message": sprintf("user `%s` has no quota", [user.name]),
		"help": "declare a `KafkaQuota` for it, or one for the user `<default>`",
	}
}

has_default if {
	some quota in input.desired.quotas
	quota.entity == {"user": "<default>"}
}
