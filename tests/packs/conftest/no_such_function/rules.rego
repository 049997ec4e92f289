package main

deny contains "x" if no.such_function(input.kind)
