# From where grants hold.
package driftless.acl_hosts

import data.driftless.acl

# METADATA
# title: Hosts of grants can be those of a client
# description: >-
#   A broker compares the host of a grant with the text of the client's address: IPv4 in four decimal numbers, IPv6 in eight
#   groups without `::`, in lower case and without leading zeros. Host names, other spellings and IPv4 written as IPv6 never
#   match, and Kafka accepts them without a word. Blocks such as `10.0.0.0/8` need Kafka 4.4 (`metadata.version` 4.4-IV1);
#   before it the broker refuses them.
# custom:
#   severity: warn
#   code: acl-host-never-matches
# related_resources:
# - ref: https://kafka.apache.org/documentation/#security_authz
warn contains finding if {
	some place, grants in limited
	[principal, permission, type, pattern, name, host] := place
	problem := problem_of(host)
	finding := {
		"code": "acl-host-never-matches",
		"resource": min(grants)[0],
		"message": sprintf(
			"`%s` is %s %s on %s from host `%s`, %s",
			[
				principal, did[permission], concat(", ", {operation | some [_, operation] in grants}),
				acl.about(type, pattern, name), host, problem,
			],
		),
		"help": "write the address as Kafka logs it, such as `10.1.2.3` or `2001:db8:0:0:0:0:0:1`, or `*`",
	}
}

limited[place] contains [id, operation] if {
	some grant in acl.having("host", acl.texts("host") - {"*"})
	grant.management != "unmanaged"
	some operation, id in grant.operations
	place := [
		grant.principal, grant.permission, grant.resourceType, grant.patternType, grant.resourceName,
		grant.host,
	]
}

did := {"allow": "allowed", "deny": "denied"}

problem_of(host) := "which is no address that a client can have" if {
	not contains(host, "/")
	not regex.match(ipv4, host)
	not is_ipv6(host)
}

problem_of(host) := "which is no block of addresses" if {
	contains(host, "/")
	not net.cidr_is_valid(host)
}

problem_of(host) := "and blocks need Kafka 4.4: this cluster is older" if {
	net.cidr_is_valid(host)
	input.cluster.metadataVersion < first_level_of_4_4
}

first_level_of_4_4 := 31

ipv4 := `^(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}$`

# As Java writes it, with the scope that addresses of one link have.
is_ipv6(host) if {
	regex.match(`^(0|[1-9a-f][0-9a-f]{0,3})(:(0|[1-9a-f][0-9a-f]{0,3})){7}(%.+)?$`, host)
	not startswith(host, "0:0:0:0:0:ffff:")
}
