package main

deny[msg] { helper(input.kind); msg := "old" }
