package main

deny := "text" if input.kind
