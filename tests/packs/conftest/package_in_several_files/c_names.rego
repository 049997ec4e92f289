package lib

owners := {"payments", "a-topic"}
