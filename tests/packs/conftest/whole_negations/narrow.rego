package narrow

import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains "not of a team" if not startswith(input.metadata.labels.owner, "team-")

deny contains "not one of two" if not input.spec.partitions in {1, 3}
