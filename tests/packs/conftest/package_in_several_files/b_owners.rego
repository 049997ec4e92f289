package lib

unowned if not object.get(input, ["metadata", "labels", "owner"], "") in owners
