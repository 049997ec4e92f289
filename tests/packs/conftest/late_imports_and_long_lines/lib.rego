package lib["with-dash"]

import rego.v1

owners contains owner if owner := input.metadata.labels.owner
