package lib

unowned if not input.metadata.labels.owner in owners
