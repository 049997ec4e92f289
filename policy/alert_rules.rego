# What alerts say, and what they look at.
package driftless.alert_rules

import data.driftless.acl

# METADATA
# title: Alerts say how urgent they are
# description: >-
#   Alertmanager routes by labels, and without `severity` nobody knows whether to wake somebody. The label may stand at the
#   group (Prometheus 3.0).
# custom:
#   severity: warn
#   code: alert-without-severity
# related_resources:
# - ref: https://prometheus.io/docs/practices/alerting/
warn contains finding if {
	some group in input.desired.ruleGroups
	group.management != "unmanaged"
	not group.definition.labels.severity
	some number, rule in group.definition.rules
	alert := rule.kind.alerting.alert
	object.get(rule, ["labels", "severity"], "") == ""
	finding := {
		"code": "alert-without-severity",
		"resource": group.id,
		"path": sprintf("rules.%v", [number]),
		"message": sprintf("alert `%s` has no label `severity`", [alert]),
		"help": "add `severity` to its `labels`, such as `critical` or `warning`",
	}
}

# METADATA
# title: Alerts explain themselves
# description: >-
#   Parameter `requiredAlertAnnotations` lists the annotations that each alert has, such as `["summary", "runbook_url"]`.
#   Without the parameter nothing is judged.
# custom:
#   severity: warn
#   code: alert-without-annotation
# related_resources:
# - ref: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
warn contains finding if {
	some annotation in input.environment.parameters.requiredAlertAnnotations
	some group in input.desired.ruleGroups
	group.management != "unmanaged"
	some number, rule in group.definition.rules
	alert := rule.kind.alerting
	object.get(alert, ["annotations", annotation], "") == ""
	finding := {
		"code": "alert-without-annotation",
		"resource": group.id,
		"path": sprintf("rules.%v", [number]),
		"message": sprintf("alert `%s` has no annotation `%s`", [alert.alert, annotation]),
		"help": sprintf("add `%s` to its `annotations`", [annotation]),
	}
}

# METADATA
# title: Alerts wait until what they see lasts
# description: >-
#   An alert without `for`, or with a short one, fires on a single bad scrape. Parameter `minimumAlertForSeconds` is the least
#   that `for` may be. Without the parameter nothing is judged.
# custom:
#   severity: warn
#   code: alert-for-too-short
# related_resources:
# - ref: https://prometheus.io/docs/practices/alerting/
warn contains finding if {
	seconds := input.environment.parameters.minimumAlertForSeconds
	some group in input.desired.ruleGroups
	group.management != "unmanaged"
	some number, rule in group.definition.rules
	alert := rule.kind.alerting
	alert.forMs < seconds * 1000
	finding := {
		"code": "alert-for-too-short",
		"resource": group.id,
		"path": sprintf("rules.%v", [number]),
		"message": sprintf(
			"alert `%s` fires after %v ms, and `%s` asks for at least %v s",
			[alert.alert, alert.forMs, input.environment.name, seconds],
		),
		"help": "set or raise its `for`",
	}
}

# METADATA
# title: One alert has one threshold
# description: >-
#   Two files have an alert of the same name, of the same severity and on the same expression, with different numbers or a
#   different `for`. Whoever is woken cannot tell which of them it was, and whoever changes one forgets the other.
# custom:
#   severity: warn
#   code: alert-defined-twice
# related_resources:
# - ref: https://prometheus.io/docs/practices/alerting/
warn contains finding if {
	some key, alerts in same_alerts
	[alert, _, _] := key
	[namespace, _, _, canonical, waits] := min(alerts)
	some [other_namespace, id, number, other_canonical, other_waits] in alerts
	other_namespace != namespace
	[other_canonical, other_waits] != [canonical, waits]
	finding := {
		"code": "alert-defined-twice",
		"resource": id,
		"path": sprintf("rules.%v", [number]),
		"message": sprintf(
			"alert `%s` has another threshold in `%s`: `%s` for %v ms, and here `%s` for %v ms",
			[alert, namespace, canonical, waits, other_canonical, other_waits],
		),
		"help": "keep one of them, or give them different names",
	}
}

same_alerts[key] contains [group.namespace, group.id, number, expression.canonical, rule.kind.alerting.forMs] if {
	some group in input.desired.ruleGroups
	group.management != "unmanaged"
	some number, rule in group.definition.rules
	expression := group.parsed[number]
	severity := object.get(rule, ["labels", "severity"], object.get(group.definition, ["labels", "severity"], ""))
	key := [rule.kind.alerting.alert, expression.withoutNumbers, severity]
}

# METADATA
# title: Alerts look at topics that there are
# description: >-
#   The expression asks for a topic that is neither in git nor on the cluster, or that this plan deletes. Such an alert never
#   fires. Judged on metrics with `kafka` in their name, and only when every topic of the cluster could be seen.
# custom:
#   severity: warn
#   code: alert-without-topic
# related_resources:
# - ref: https://prometheus.io/docs/prometheus/latest/querying/basics/
warn contains finding if {
	input.cluster.topicsAfterApply
	some [id, number, rule, "topic", op, value] in kafka_matchers
	some missing in missing_names(op, value, topics, topics_text)
	finding := {
		"code": "alert-without-topic",
		"resource": id,
		"path": sprintf("rules.%v", [number]),
		"message": sprintf(
			"`%s` looks at topic `%s`, and there is none in git or on the cluster",
			[rule, missing],
		),
		"help": "correct the name, or declare the topic",
	}
}

topics contains name if some name in input.cluster.topicsAfterApply

topics_text := concat("\n", topics)

# METADATA
# title: Alerts look at groups that there can be
# description: >-
#   The expression asks for a consumer group that no grant lets anybody read with, in git or on the cluster. Such an alert
#   never fires. Judged on metrics with `kafka` in their name, where the ACLs of the cluster are known and some of them are
#   about groups.
# custom:
#   severity: warn
#   code: alert-without-group
# related_resources:
# - ref: https://prometheus.io/docs/prometheus/latest/querying/basics/
warn contains finding if {
	input.cluster.groupGrants
	some [id, number, rule, label, op, value] in kafka_matchers
	group_labels[label]
	count(literal_groups) + count(group_prefixes) > 0
	some missing in missing_names(op, value, literal_groups, "")
	not literal_groups["*"]
	starts := {substring(missing, 0, length) | some length in numbers.range(1, count(missing))}
	count(starts & group_prefixes) == 0
	finding := {
		"code": "alert-without-group",
		"resource": id,
		"path": sprintf("rules.%v", [number]),
		"message": sprintf(
			"`%s` looks at group `%s`, and no grant lets anybody read with it",
			[rule, missing],
		),
		"help": "correct the name, or allow its consumer `Read` on the group",
	}
}

group_labels := {"group", "consumergroup", "consumer_group", "group_id"}

literal_groups contains grant.resourceName if {
	some grant in group_grants
	grant.patternType == "literal"
}

group_prefixes contains grant.resourceName if {
	some grant in group_grants
	grant.patternType == "prefixed"
}

group_grants contains grant if some grant in input.cluster.groupGrants

group_grants contains {"patternType": grant.patternType, "resourceName": grant.resourceName} if {
	some grant in acl.having("resourceType", {"group"})
	grant.permission == "allow"
	some operation in reading
	grant.operations[operation]
}

reading := {"Read", "All"}

kafka_matchers contains [group.id, number, rule, matcher.label, matcher.op, matcher.value] if {
	some group in input.desired.ruleGroups
	group.management != "unmanaged"
	some number, expression in group.parsed
	some selector in expression.selectors
	contains(selector.metric, "kafka")
	some matcher in selector.matchers
	rule := rule_name(group.definition.rules[number])
}

# The names that a matcher asks for and that are not there: one name, or each of several in a plain `a|b`. Kafka's own
# topics are there once they are needed.
missing_names("=", value, names, _) := {value} - names if {
	value != ""
	not startswith(value, "__")
}

missing_names("=~", value, names, _) := {name | some name in split(value, "|"); not startswith(name, "__")} - names if {
	is_plain(value)
}

# Any other pattern is missing when it matches none of the names, one on each line; groups have no list of names.
missing_names("=~", value, _, text) := {value} if {
	not is_plain(value)
	text != ""
	pattern := concat("", ["(?m)^(?:", value, ")$"])
	regex.is_valid(pattern)
	not regex.match(pattern, text)
}

# A dot is most often meant as one.
is_plain(value) if regex.match(`^[A-Za-z0-9._-]+(\|[A-Za-z0-9._-]+)*$`, value)

rule_name(rule) := rule.kind.alerting.alert

rule_name(rule) := rule.kind.recording.record
