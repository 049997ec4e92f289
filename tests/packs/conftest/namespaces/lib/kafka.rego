package lib.kafka

default is_topic := false

is_topic if input.kind == "KafkaTopic"
