package main

texts contains value if {
	walk(input, [_, value])
	is_string(value)
}

warn contains sprintf("%s: %s %s %d", [text, upper(text), trim(text, "a"), count(text)]) if some text in texts

warn_split contains sprintf("%v", [split(text, "-")]) if some text in texts

warn_replace contains sprintf("replaced %s", [replace(text, "a", "bb")]) if some text in texts

warn_regex contains sprintf("%v", [regex.find_n("[a-z]+", text, -1)]) if some text in texts

warn_index contains sprintf("%d", [indexof(text, "-")]) if some text in texts

warn_glob contains text if {
	some text in texts
	glob.match("a-*", [], text)
}

warn_hash contains sprintf("hash %s", [base64.encode(text)]) if some text in texts

warn_numbers contains sprintf("%v %v %v", [value, round(value), abs(value)]) if {
	walk(input, [_, value])
	is_number(value)
	value < 1000000 # What conftest reads from JSON is a float, and prints with an exponent.
}

warn_format contains format_int(input.spec.partitions, 10) if is_number(input.spec.partitions)

warn_time contains sprintf("%v", [time.parse_rfc3339_ns("2026-01-02T03:04:05Z")])

warn_units contains sprintf("%v %v", [units.parse_bytes("10Mi"), units.parse("10K")])

warn_semver contains "newer" if semver.compare("4.3.1", "4.2.0") == 1

warn_object contains sprintf("%v", [object.union({"a": 1}, {"b": input.kind})])

warn_json contains sprintf("%v", [json.filter(input, ["metadata/labels", "kind"])])

warn_sets contains sprintf("%v", [{1, 2, 3} & {2, 3, 4}])

warn_sum contains sprintf("%v", [sum([1, 2, 3]) / 4])

warn_yaml contains sprintf("%v", [yaml.unmarshal(yaml.marshal({"a": [1, 2]}))])

warn_cidr contains "inside" if net.cidr_contains("10.0.0.0/8", "10.1.2.3")

warn_types contains sprintf("%s", [type_name(input.spec)])

warn_formats contains sprintf("%5d|%-5s|%05.2f|%x|%q|%t|%v", [42, "ab", 3.14159, 255, "q", true, {"a": [1, "x"]}])
