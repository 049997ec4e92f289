# Grants that are of no use without another one.
package driftless.acl_incomplete

import data.driftless.acl

# METADATA
# title: Who reads topics may read with a group
# description: >-
#   A consumer reads topics as a member of a group, and needs Read on both. A principal with Read on a topic and on no group,
#   in git or on the cluster, can only read partitions that it assigns to itself, without committing offsets.
#   Administrators (parameter `aclAdministrators`, and super users of the brokers) are not judged.
# custom:
#   severity: warn
#   code: acl-read-without-group
# related_resources:
# - ref: https://kafka.apache.org/documentation/#operations_resources_and_protocols
warn contains finding if {
	not group_readers["User:*"]
	some principal, positions in input.desired.grantsBy.principal
	principal != "User:*"
	not group_readers[principal]
	not acl.administrators[principal]
	[id, pattern, name] := min(readable(positions))
	finding := {
		"code": "acl-read-without-group",
		"resource": id,
		"message": sprintf(
			"`%s` may read %s, and has Read on no group: as a consumer it will be refused",
			[principal, acl.about("topic", pattern, name)],
		),
		"help": "allow it Read on its group, or a prefix of its groups",
	}
}

# The topics that some of these grants allow to read.
readable(positions) := {[id, grant.patternType, grant.resourceName] |
	some position in positions
	grant := input.desired.grants[position]
	id := grant.operations.Read
	grant.resourceType == "topic"
	grant.permission == "allow"
	grant.management != "unmanaged"
}

group_readers contains grant.principal if {
	some grant in acl.having("resourceType", {"group"})
	grant.permission == "allow"
	some operation in reading
	grant.operations[operation]
}

group_readers contains principal if some principal in input.cluster.groupReaders

reading := {"Read", "All"}

# METADATA
# title: Who may see transactions of its own may write with them
# description: >-
#   A transactional producer needs Write on its transactional id. A principal that writes to topics, and has a grant on a
#   transactional id without Write on any, cannot start a transaction.
# custom:
#   severity: warn
#   code: acl-transactional-id-without-write
# related_resources:
# - ref: https://kafka.apache.org/documentation/#operations_resources_and_protocols
warn contains finding if {
	some principal, grants in transactional
	not writes_with(grants)
	not writes_with(object.get(transactional, "User:*", set()))
	topic_writers[principal]
	[id, operation, pattern, name] := min(grants)
	finding := {
		"code": "acl-transactional-id-without-write",
		"resource": id,
		"message": sprintf(
			"`%s` writes to topics and may %s on %s, and has Write on none: it cannot start a transaction",
			[principal, operation, acl.about("transactionalId", pattern, name)],
		),
		"help": "allow it Write on the transactional id",
	}
}

# METADATA
# title: Who has a transactional id has a topic to write to
# description: >-
#   A transactional producer needs Write on its topics too. A principal with Write on a transactional id and on no topic has
#   nothing that a transaction could hold.
# custom:
#   severity: warn
#   code: acl-transactional-id-without-topic
# related_resources:
# - ref: https://kafka.apache.org/documentation/#operations_resources_and_protocols
warn contains finding if {
	some principal, grants in transactional
	principal != "User:*"
	writes_with(grants)
	not topic_writers[principal]
	not topic_writers["User:*"]
	not acl.administrators[principal]
	[id, _, pattern, name] := min(grants)
	finding := {
		"code": "acl-transactional-id-without-topic",
		"resource": id,
		"message": sprintf(
			"`%s` may write with %s, and has Write on no topic",
			[principal, acl.about("transactionalId", pattern, name)],
		),
		"help": "allow it Write on its topics, or remove the grant",
	}
}

transactional[grant.principal] contains [id, operation, grant.patternType, grant.resourceName] if {
	some grant in acl.having("resourceType", {"transactionalId"})
	grant.permission == "allow"
	grant.management != "unmanaged"
	some operation, id in grant.operations
}

topic_writers contains grant.principal if {
	some grant in acl.having("resourceType", {"topic"})
	grant.permission == "allow"
	some operation in writing
	grant.operations[operation]
}

writes_with(grants) if {
	some [_, operation, _, _] in grants
	writing[operation]
}

writing := {"Write", "All"}
