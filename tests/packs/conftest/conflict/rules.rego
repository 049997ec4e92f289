package main

owner := "a" if input.kind == "KafkaTopic"

owner := "b" if input.spec.partitions

deny contains sprintf("owner %s", [owner])
