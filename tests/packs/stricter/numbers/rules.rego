package main

deny contains 7
