package main

deny[msg] {
  input.kind == "KafkaTopic"
  not input.metadata.labels.owner
  msg = sprintf("%v has no owner", [input.metadata.name])
}

violation[{"msg": msg, "details": {"value": value}}] {
  value := input.spec.config[key]
  key == "retention.ms"
  not number(value)
  msg := sprintf("%v is not a number: %v", [key, value])
}

number(value) { is_number(value) }
number(value) { is_string(value); re_match("^[0-9]+$", value) }

warn["always"]

warn_tier[msg] {
  tiers := {"gold", "silver"}
  tier := input.metadata.labels.tier
  not tiers[tier]
  msg := sprintf("tier %v", [tier])
}

deny_any[msg] {
  any([input.spec.partitions == 1, input.spec.replicas == 1])
  msg := "one of them is 1"
}

deny_all[msg] {
  all([input.spec.partitions == 3, input.spec.replicas == 3])
  msg := "both are 3"
}
