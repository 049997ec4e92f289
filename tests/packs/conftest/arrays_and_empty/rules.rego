package main

deny := ["first", {"msg": "second"}] if input.kind == "KafkaTopic"

default warn := false

violation := [] if input.kind == "KafkaTopic"
