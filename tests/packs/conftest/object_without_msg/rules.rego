package main

deny contains {"text": "x"} if input.kind == "KafkaTopic"
