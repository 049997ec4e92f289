package main

deny { input.kind }
