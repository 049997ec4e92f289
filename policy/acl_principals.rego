# Who may hold which grants.
package driftless.acl_principals

import data.driftless.acl

# METADATA
# title: Nothing is allowed to everybody
# description: >-
#   `User:*` is every client, of whatever type its principal is, and `User:ANONYMOUS` is every client that does not log in. What
#   is allowed to them is allowed to whoever reaches a broker, now and later. Denies for everybody are fine.
# custom:
#   severity: warn
#   code: acl-allows-everybody
# related_resources:
# - ref: https://kafka.apache.org/documentation/#security_authz
warn contains finding if {
	some place, grants in everybody
	[principal, type, pattern, name, who] := place
	[id, _] := min(grants)
	finding := {
		"code": "acl-allows-everybody",
		"resource": id,
		"message": sprintf(
			"%s on %s is allowed to `%s`: %s",
			[concat(", ", operations(grants)), acl.about(type, pattern, name), principal, who],
		),
		"help": "name the principals that need it, or add a `PolicyException`",
	}
}

everybody[place] contains [id, operation] if {
	some client, who in clients
	some grant in acl.having("principal", {client})
	grant.permission == "allow"
	grant.management != "unmanaged"
	some operation, id in grant.operations
	place := [client, grant.resourceType, grant.patternType, grant.resourceName, who]
}

clients := {
	"User:*": "every client that reaches a broker",
	"User:ANONYMOUS": "every client that does not log in",
}

# METADATA
# title: Only administrators administer the cluster
# description: >-
#   On the cluster, Alter lets a principal write ACLs and passwords, and so become anybody; AlterConfigs changes brokers,
#   ClusterAction speaks for a broker, Create makes topics of any name, and All is all of it. Where parameter
#   `aclAdministrators` lists the principals that may hold them, any other one is refused. Super users of the brokers may.
# custom:
#   severity: deny
#   code: acl-not-an-administrator
# related_resources:
# - ref: https://kafka.apache.org/documentation/#operations_in_kafka
deny contains finding if {
	input.environment.parameters.aclAdministrators
	some principal, grants in cluster_administration
	finding := {
		"code": "acl-not-an-administrator",
		"resource": min(grants)[0],
		"message": sprintf(
			"`%s` may %s on the cluster, and is none of the administrators of `%s`",
			[principal, concat(", ", operations(grants)), input.environment.name],
		),
		"help": "remove the grant, or add the principal to the parameter `aclAdministrators`",
	}
}

# METADATA
# title: It is decided who administers the cluster
# description: >-
#   A principal may Alter, AlterConfigs, ClusterAction, Create or All on the cluster, and parameter `aclAdministrators` does
#   not say who the administrators are. With Alter it can write ACLs and passwords, and so become anybody.
# custom:
#   severity: warn
#   code: acl-cluster-administration
# related_resources:
# - ref: https://kafka.apache.org/documentation/#operations_in_kafka
warn contains finding if {
	not input.environment.parameters.aclAdministrators
	some principal, grants in cluster_administration
	not has_everything[principal]
	finding := {
		"code": "acl-cluster-administration",
		"resource": min(grants)[0],
		"message": sprintf("`%s` may %s on the cluster", [principal, concat(", ", operations(grants))]),
		"help": "remove the grant, or list the administrators in the parameter `aclAdministrators`",
	}
}

cluster_administration[grant.principal] contains [id, operation] if {
	some grant in acl.having("resourceType", {"cluster"})
	grant.permission == "allow"
	grant.management != "unmanaged"
	not acl.administrators[grant.principal]
	not clients[grant.principal]
	some operation, id in grant.operations
	administrative[operation]
}

administrative := {"All", "Alter", "AlterConfigs", "ClusterAction", "Create"}

# METADATA
# title: No application may do everything
# description: >-
#   All on every topic and All on the cluster is what an emergency user has. An application with it can read, change and
#   delete whatever any other one has. Principals of parameter `aclAdministrators` and super users of the brokers may.
# custom:
#   severity: warn
#   code: acl-allows-everything
# related_resources:
# - ref: https://kafka.apache.org/documentation/#security_authz
warn contains finding if {
	some principal, ids in has_everything
	finding := {
		"code": "acl-allows-everything",
		"resource": min(ids),
		"message": sprintf("`%s` may do everything: it has All on every topic and on the cluster", [principal]),
		"help": "grant it the topics and operations that it needs, or add it to the parameter `aclAdministrators`",
	}
}

has_everything[principal] contains id if {
	some principal, grants in cluster_administration
	some [_, "All"] in grants
	some [id, "All"] in every_name[[principal, "topic"]]
}

# METADATA
# title: Grants name what they are about
# description: >-
#   The literal name `*` is every topic, group or transactional id, those of other teams and those to come too. Describe and
#   DescribeConfigs on everything are what monitoring needs, and pass. Principals of parameter `aclAdministrators` and super
#   users of the brokers may.
# custom:
#   severity: warn
#   code: acl-allows-every-name
# related_resources:
# - ref: https://kafka.apache.org/documentation/#security_authz
warn contains finding if {
	some [principal, type], grants in every_name
	not has_everything[principal]
	finding := {
		"code": "acl-allows-every-name",
		"resource": min(grants)[0],
		"message": sprintf(
			"`%s` may %s on %s",
			[principal, concat(", ", operations(grants)), acl.about(type, "literal", "*")],
		),
		"help": "name them, or a prefix of them (`patternType: prefix`), or add the principal to the parameter `aclAdministrators`",
	}
}

every_name[place] contains [id, operation] if {
	some grant in acl.having("resourceName", {"*"})
	grant.patternType == "literal"
	grant.permission == "allow"
	grant.management != "unmanaged"
	not acl.administrators[grant.principal]
	not clients[grant.principal]
	some operation, id in grant.operations
	not harmless[operation]
	place := [grant.principal, grant.resourceType]
}

harmless := {"Describe", "DescribeConfigs"}

operations(grants) := {operation | some [_, operation] in grants}
