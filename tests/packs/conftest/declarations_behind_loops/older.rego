package older

violation[msg] {
  manifests := input.groups[_]
  some i

  lower(manifests[i].kind) == "namespace"
  namespace := manifests[i]; some field; value := namespace[field]

  not all_named(manifests)

  msg := sprintf("%s: %v", [namespace.name, value])
}

all_named(manifests) {
  named := [m | m := manifests[_]; m.name]
  some x; named[x]
  count(named) == count(manifests)
}
