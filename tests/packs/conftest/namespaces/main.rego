package main

import data.lib.kafka

deny contains "main" if kafka.is_topic
