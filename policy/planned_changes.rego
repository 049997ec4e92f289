# What a plan would do to records that are there already.
package driftless.planned_changes

import data.driftless.cleanup_policies
import data.driftless.effective

# METADATA
# title: A plan that cuts retention says so
# description: >-
#   When `retention.ms` or `retention.bytes` becomes smaller, the brokers delete what is beyond it within minutes, and nothing
#   brings it back. A value that is unset counts as the cluster's default; what is not known counts as a cut. The plan holds such
#   a step until an `Approval` names it; this finding stands in every report of it.
# custom:
#   severity: warn
#   code: retention-cut
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_retention.ms
warn contains finding if {
	some action in input.plan.actions
	retained_kinds[action.kind][action.action]
	some field in action.fields
	key := retention_keys[field.path]
	not kept_whatever[action.name]
	after(key, field.desired) < before(key, field.observed)
	finding := {
		"code": "retention-cut",
		"resource": concat("/", [action.kind, action.name]),
		"path": field.path,
		"message": sprintf(
			"the plan cuts `%s` of `%s/%s` from %s to %s: records beyond it are deleted",
			[key, action.kind, action.name, shown(field.observed), shown(field.desired)],
		),
		"help": "apply it when nobody needs the older records any more; until then raise the value in git",
	}
}

# METADATA
# title: A plan that changes the cleanup policy says so
# description: >-
#   From `delete` to `compact`, records without a key are refused and older values of a key are removed; from `compact` to
#   `delete`, the last value of a key goes when it is older than the retention. Both change what consumers can rely on.
# custom:
#   severity: warn
#   code: cleanup-policy-change
# related_resources:
# - ref: https://kafka.apache.org/documentation/#topicconfigs_cleanup.policy
warn contains finding if {
	some action in input.plan.actions
	action.kind == "topic"
	action.action == "update"
	some field in action.fields
	field.path == "config.cleanup.policy"
	policies(field.observed) != policies(field.desired)
	finding := {
		"code": "cleanup-policy-change",
		"resource": concat("/", ["topic", action.name]),
		"path": field.path,
		"message": sprintf(
			"the plan changes `cleanup.policy` of topic `%s` from %s to %s",
			[action.name, shown(field.observed), shown(field.desired)],
		),
		"help": "make sure that producers send keys, and that consumers know which records stay",
	}
}

# METADATA
# title: Compacted topics keep their number of partitions
# description: >-
#   A key lives in the partition that its hash gives. With more partitions new values of a key go elsewhere, the old value stays
#   where it was for ever, and a reader that builds a table sees both in any order. The way is a new topic and a copy.
# custom:
#   severity: deny
#   code: partitions-added-to-compacted-topic
# related_resources:
# - ref: https://kafka.apache.org/documentation/#basic_ops_modify_topic
deny contains finding if {
	some action in input.plan.actions
	action.kind == "topic"
	some field in action.fields
	field.path == "partitions"
	compacted[action.name]
	is_string(field.observed)
	effective.number(field.desired) > effective.number(field.observed)
	finding := {
		"code": "partitions-added-to-compacted-topic",
		"resource": concat("/", ["topic", action.name]),
		"path": "partitions",
		"message": sprintf(
			"the plan gives the compacted topic `%s` %s partitions instead of %s: its keys move, and their old values stay",
			[action.name, field.desired, field.observed],
		),
		"help": "copy it into a new topic with more partitions, or add a `PolicyException` if its records have no keys to keep",
	}
}

# METADATA
# title: A plan deletes a few resources at once
# description: >-
#   A directory that moved, or a bad merge, looks like many deletions. Parameter `maximumDeletions`, default 5: how many
#   resources one plan may delete because they left git; the ACLs of one principal count as one. It holds whatever
#   `--max-deletions` says.
# custom:
#   severity: warn
#   code: many-deletions
warn contains finding if {
	maximum := object.get(input.environment.parameters, "maximumDeletions", 5)
	deleted := count(pruned)
	deleted > maximum
	finding := {
		"code": "many-deletions",
		"message": sprintf(
			"the plan deletes %v resources that left git, and `%s` expects at most %v at once",
			[deleted, input.environment.name, maximum],
		),
		"help": "look whether a directory moved; delete in several steps, or raise `maximumDeletions`",
	}
}

pruned contains action.id if {
	some action in input.plan.actions
	action.pruned
	action.kind != "acl"
}

pruned contains split(action.name, "/")[0] if {
	some action in input.plan.actions
	action.pruned
	action.kind == "acl"
}

# Topics that are made have nothing to lose, and those that are deleted lose everything, which the plan says. What brokers
# have for all topics is a cut in every case.
retained_kinds := {
	"topic": {"update": true},
	"broker-config": {"create": true, "update": true, "delete": true},
}

retention_keys := {
	"config.retention.ms": "retention.ms",
	"config.retention.bytes": "retention.bytes",
	"config.log.retention.ms": "log.retention.ms",
	"config.log.retention.minutes": "log.retention.minutes",
	"config.log.retention.hours": "log.retention.hours",
	"config.log.retention.bytes": "log.retention.bytes",
}

kept_whatever contains topic.name if some topic in cleanup_policies.compacted_only

compacted contains topic.name if some topic in effective.having("config.cleanup.policy", cleanup_policies.compacting)

# More than any number: what a negative value, or a value that nobody knows, stands for.
unlimited := 9223372036854775807

# What is kept. Where brokers differ, a cut is said once too often.
after(key, text) := min(amounts(key, text))

after(key, text) := 0 if count(amounts(key, text)) == 0

before(key, text) := max(amounts(key, text))

before(key, text) := unlimited if count(amounts(key, text)) == 0

amounts(_, text) := {amount(text)} if is_string(text)

amounts(key, text) := {amount(inherited) | some inherited in input.cluster.topicDefaults[key]} if not is_string(text)

amount(text) := effective.number(text) if not startswith(trim_space(text), "-")

amount(text) := unlimited if startswith(trim_space(text), "-")

policies(text) := {trim_space(word) | some word in split(text, ",")} if is_string(text)

policies(text) := {trim_space(word) |
	some inherited in default_policies
	some word in split(inherited, ",")
} if not is_string(text)

default_policies := input.cluster.topicDefaults["cleanup.policy"]

default_policies := ["delete"] if not input.cluster.topicDefaults["cleanup.policy"]

shown(text) := sprintf("`%s`", [text]) if is_string(text)

shown(text) := "the default" if not is_string(text)
