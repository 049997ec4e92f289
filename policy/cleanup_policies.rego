# What Kafka removes of a topic.
package driftless.cleanup_policies

import data.driftless.effective

# `cleanup.policy` without a value is `delete`, unless the brokers were told otherwise: `broker-default-differs` says so.
compacts(topic) if compacting[topic.config["cleanup.policy"]]

deletes(topic) if not topic.config["cleanup.policy"]

deletes(topic) if deleting[topic.config["cleanup.policy"]]

# Topics that Kafka only compacts.
compacted_only := effective.having("config.cleanup.policy", compacting - deleting)

compacting := {text |
	some text in texts
	contains(text, "compact")
}

deleting := {text |
	some text in texts
	contains(text, "delete")
}

texts := effective.texts("config.cleanup.policy")
