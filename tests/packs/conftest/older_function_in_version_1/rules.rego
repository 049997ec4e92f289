package main

import rego.v1

deny contains "x" if re_match("a", input.kind)
