package odd["with-dash"]

deny contains "odd"
