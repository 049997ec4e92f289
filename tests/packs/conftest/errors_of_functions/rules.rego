package main

deny contains "large" if to_number(input.spec.partitions) > 2
