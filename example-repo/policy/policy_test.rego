# Run with `opa test policy` or `conftest verify -p policy`. Each rule has an input that passes and one that fails.
package main_test

import rego.v1

import data.main

topic := {
	"kind": "KafkaTopic",
	"metadata": {"name": "orders", "labels": {"owner": "shop"}},
	"spec": {"config": {"retention.ms": 604800000}},
}

topic_named(name) := object.union(topic, {"metadata": {"name": name}})

test_good_topic if {
	count(main.deny_owner) == 0 with input as topic
	count(main.deny_topic_name) == 0 with input as topic
	count(main.deny_topic_suffix) == 0 with input as topic
	count(main.warn_retention) == 0 with input as topic
}

test_owner_must_be_a_team if {
	count(main.deny_owner) == 1 with input as object.union(topic, {"metadata": {"labels": {"owner": "nobody"}}})
	count(main.deny_owner) == 1 with input as {"kind": "KafkaUser", "metadata": {"name": "bob"}}
	count(main.deny_owner) == 0 with input as {"kind": "ConfigMap", "metadata": {"name": "bob"}}
}

test_topic_name if {
	count(main.deny_topic_name) == 1 with input as topic_named("Orders")
	count(main.deny_topic_name) == 1 with input as topic_named("order_events")
	count(main.deny_topic_name) == 0 with input as topic_named("notes.events-2")
}

test_topic_name_in_kafka_counts if {
	renamed := object.union(topic, {"spec": {"topicName": "Orders"}})
	count(main.deny_topic_name) == 1 with input as renamed
}

test_topic_suffix if {
	count(main.deny_topic_suffix) == 1 with input as topic_named("orders-topic")
}

test_grandfathered_name if {
	labelled := object.union(topic, {"metadata": {"labels": {"example.org/grandfathered": "true"}}})
	main.exception == {["topic_suffix"]} with input as labelled
	count(main.exception) == 0 with input as topic
}

test_retention if {
	bare := {"kind": "KafkaTopic", "metadata": {"name": "orders"}}
	count(main.warn_retention) == 1 with input as bare
	compacted := object.union(bare, {"spec": {"config": {"cleanup.policy": "compact"}}})
	count(main.warn_retention) == 0 with input as compacted
}

grant(principal, resource) := {
	"kind": "KafkaAcl",
	"metadata": {"name": "grant"},
	"spec": {
		"principals": [principal],
		"rules": [{"type": "allow", "resource": resource, "operations": ["Read"]}],
	},
}

everything := {"type": "topic", "name": "*"}

test_grant_on_everything if {
	count(main.deny_grant_on_everything) == 1 with input as grant("User:app", everything)
	count(main.deny_grant_on_everything) == 0 with input as grant("User:admin", everything)
	count(main.deny_grant_on_everything) == 0 with input as grant("User:app", {"type": "topic", "name": "orders"})
}

test_grant_of_a_user if {
	user := {
		"kind": "KafkaUser",
		"metadata": {"name": "app"},
		"spec": {"authorization": {"acls": [{"resource": everything, "operations": ["Read"]}]}},
	}
	count(main.deny_grant_on_everything) == 1 with input as user
}

test_deny_on_everything_is_fine if {
	rule := {"type": "deny", "resource": everything, "operations": ["Delete"]}
	denied := object.union(grant("User:app", everything), {"spec": {"rules": [rule]}})
	count(main.deny_grant_on_everything) == 0 with input as denied
}

test_short_prefix if {
	short := {"type": "topic", "name": "ll", "patternType": "prefix"}
	count(main.warn_short_prefix) == 1 with input as grant("User:app", short)
	count(main.warn_short_prefix) == 0 with input as grant("User:app", object.union(short, {"name": "llm-"}))
}

rules_file(rule) := {"groups": [{"name": "shop", "rules": [rule]}]}

good_alert := {
	"alert": "ShopDown",
	"labels": {"system": "shop"},
	"annotations": {"runbook_url": "https://runbooks.example.org/kafka/down"},
}

test_alerts if {
	count(main.deny_alert_system) == 0 with input as rules_file(good_alert)
	count(main.warn_alert_runbook) == 0 with input as rules_file(good_alert)
	count(main.deny_alert_system) == 1 with input as rules_file({"alert": "ShopDown"})
	count(main.warn_alert_runbook) == 1 with input as rules_file({"alert": "ShopDown"})
	count(main.deny_alert_system) == 0 with input as rules_file({"record": "shop:up:sum"})
}

test_alerts_of_the_operator if {
	resource := {"kind": "PrometheusRule", "metadata": {"name": "shop"}, "spec": rules_file({"alert": "ShopDown"})}
	count(main.deny_alert_system) == 1 with input as resource
}
