package main

import rego.v1

# Alerting rules of a plain rule file and of a PrometheusRule alike.
alerting_rules contains rule if {
	some group in object.get(input, "groups", [])
	some rule in group.rules
	rule.alert
}

alerting_rules contains rule if {
	input.kind == "PrometheusRule"
	some group in input.spec.groups
	some rule in group.rules
	rule.alert
}

# METADATA
# title: Alerts say which system they are about
# description: Alertmanager routes by the label `system`.
# custom:
#   severity: deny
deny_alert_system contains msg if {
	some rule in alerting_rules
	not object.get(rule, ["labels", "system"], "") in teams
	msg := sprintf("alert %s: label `system` must name a system", [rule.alert])
}

# METADATA
# title: Alerts link to a runbook
# description: On the company's runbook site, so that the link still works in a year.
# custom:
#   severity: warn
warn_alert_runbook contains msg if {
	some rule in alerting_rules
	not startswith(object.get(rule, ["annotations", "runbook_url"], ""), "https://runbooks.example.org/")
	msg := sprintf("alert %s: runbook_url must be on https://runbooks.example.org/", [rule.alert])
}
