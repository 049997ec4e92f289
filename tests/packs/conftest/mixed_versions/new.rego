package main

import rego.v1

helper(kind) if kind == "KafkaTopic"

warn contains "new" if helper(input.kind)
