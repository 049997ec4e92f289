package patterns

import rego.v1

deny contains "digits" if regex.match(`^\d+$`, input.k)

deny contains "words" if regex.match(`^\w+$`, input.k)

warn contains "blank" if regex.match(`\s`, input.k)

warn contains "border" if regex.match(`\bx`, input.k)

warn contains "kelvin" if regex.match(`(?i)^k$`, input.k)

warn contains "large" if regex.match(`[^\.](?:\b[A-Z]{2}\d{2} ?\d{4} ?\d{4} ?\d{4} ?\d{4} ?[\d]{0,2}\b)`, input.k)

warn contains msg if msg := sprintf("found %v", [regex.find_n(`\w+`, input.k, -1)])

warn contains msg if msg := sprintf("first %v", [regex.find_n(`\w`, input.k, 1)])

warn contains msg if msg := sprintf("groups %v", [regex.find_all_string_submatch_n(`(\w)(\d)?`, input.k, 2)])

warn contains msg if msg := sprintf("replaced %v", [regex.replace(input.k, `(\w)(\d)?`, "<$1$$${2}>$3")])

warn contains msg if msg := sprintf("split %v %v", [regex.split(`\W*`, input.k), regex.split(`x`, input.k)])

warn contains msg if msg := sprintf("valid %v", [[regex.is_valid(pattern) | some pattern in [input.k, "(", `\C`, "a{1001}", `\pN`]]])
