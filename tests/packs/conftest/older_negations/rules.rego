package main

warn[msg] {
  not startswith(input.metadata.labels.owner, "p")
  msg := "older"
}

warn_short["short"] { input.kind; not contains(input.metadata.labels.tier, "x") }

allowed = {"gold"}

deny["tier"] { not allowed[input.metadata.labels.tier] }
