package main

deny[key] := value if some key, value in input.metadata
