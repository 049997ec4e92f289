package main

deny := {"msg": "text"} if input.kind
