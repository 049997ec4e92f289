package team.payments

import data.lib.kafka

deny_topic contains "payments" if kafka.is_topic

warn contains "not a topic" if not kafka.is_topic

exception contains ["topic"] if input.metadata.name == "a-topic"
