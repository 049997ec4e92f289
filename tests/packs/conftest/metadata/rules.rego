# METADATA
# title: A pack
# scope: package
# organizations: [x]
package main

# METADATA
# title: Owners
# description: Everything has one.
# related_resources:
# - https://example.org
# - ref: https://example.org/2
#   description: more
# authors: [a]
# custom:
#   severity: high
deny_owner contains "no owner" if not input.metadata.labels.owner

print_it if print("seen", input.kind)

warn contains "printed" if print_it
