//! What the codes of policy mean.

use crate::domain::code_doc::CodeDoc;

/// Every code that policy itself and the built-in pack give, by name.
pub const CODES: &[CodeDoc] = &[
    CodeDoc {
        code: "automatic-topic-creation",
        title: "brokers create topics by themselves",
        explanation: "`auto.create.topics.enable` is true on a live broker, or a `KafkaClusterConfig` sets it. Any client that uses a name that does not exist then makes a topic, with the brokers' defaults and without a review. One such broker is enough.",
        fix: "Set `auto.create.topics.enable=false` in the properties of every broker and restart them one after the other; remove it from git.",
    },
    CodeDoc {
        code: "automatic-topic-creation-not-checked",
        title: "it is not known whether brokers create topics",
        explanation: "The configs of a broker could not be read, so `auto.create.topics.enable` is unknown there. Unknown is not the same as off.",
        fix: "Allow the principal of driftless `DescribeConfigs` on the cluster.",
    },
    CodeDoc {
        code: "exception-expired",
        title: "an exception is over",
        explanation: "A `PolicyException` is past its last day. The findings that it waived count again.",
        fix: "Repair what was excepted, or renew `expires` in a review.",
    },
    CodeDoc {
        code: "exception-matches-nothing",
        title: "an exception waives nothing",
        explanation: "No finding has a code and a resource that the `PolicyException` names. Either it is no longer needed, or a name in it is misspelt and what it should waive still counts.",
        fix: "Remove it, or correct its `rules` and `resources`. In `resources`, `*` stands for any text and `?` for one character; findings about no resource are called `cluster`.",
    },
    CodeDoc {
        code: "exception-not-allowed",
        title: "an exception for a rule that nobody may waive",
        explanation: "The METADATA of the rule says `custom.waivable: false`, so neither a `PolicyException` nor an `exception` rule waives what it finds. The finding counts as if the exception were not there.",
        fix: "Repair what the rule names, and remove its code from the exception. Whoever keeps the pack decides what may be waived.",
    },
    CodeDoc {
        code: "min-insync-replicas-below-minimum",
        title: "a record counts as written on too few replicas",
        explanation: "The effective `min.insync.replicas` of the topic is below the environment's `minimumInsyncReplicas` (default 2). With 1, records that were acknowledged are lost with one broker. The topic's own value counts, else the brokers' default as git or the cluster has it.",
        fix: "Set `min.insync.replicas` in the topic's `config`, or once for all in a `KafkaClusterConfig`; or add a `PolicyException`.",
    },
    CodeDoc {
        code: "min-insync-replicas-not-below-replication-factor",
        title: "one broker down stops producers",
        explanation: "The effective `min.insync.replicas` is not below the replication factor. At the same number, producers with `acks=all` get NOT_ENOUGH_REPLICAS as soon as one replica is away; above it they can never write. Kafka accepts both.",
        fix: "Lower `min.insync.replicas`, or raise `replicas`: 3 and 2 is the usual pair.",
    },
    CodeDoc {
        code: "min-insync-replicas-not-set",
        title: "min.insync.replicas is not known",
        explanation: "The topic sets no `min.insync.replicas`, git sets no default, and the brokers' default could not be looked at: there was no cluster, or it does not say. Kafka's own default is 1.",
        fix: "Set `min.insync.replicas` in the topic's `config`, or a default in a `KafkaClusterConfig`.",
    },
    CodeDoc {
        code: "policy-error",
        title: "policy could not judge",
        explanation: "A policy file does not compile, a rule failed or took too long, or a rule gives something that is no finding. As nobody knows what it would have said, it counts as a refusal, and no exception waives it.",
        fix: "Repair the rule at the place that is named. `opa check` and `opa fmt --v0-v1` help with files for older versions of Rego. `http.send`, `time.now_ns`, `rand.intn` and other functions that look beyond their input are not available; `input.today` is the day.",
    },
    CodeDoc {
        code: "policy-parameter-invalid",
        title: "a parameter of the built-in rules is not valid",
        explanation: "`minimumReplicationFactor` and `minimumInsyncReplicas` are whole numbers from 1. Anything else refuses everything rather than nothing.",
        fix: "Correct it under the environment's `parameters` in `driftless.yaml`.",
    },
    CodeDoc {
        code: "replication-above-brokers",
        title: "more replicas than live brokers",
        explanation: "The topic is to be made with more replicas than there are live brokers. Kafka refuses that. Topics that have their replicas already are not judged.",
        fix: "Set `replicas` to at most the number of brokers, or wait until more brokers are up.",
    },
    CodeDoc {
        code: "replication-below-minimum",
        title: "too few copies of the records",
        explanation: "The effective replication factor is below the environment's `minimumReplicationFactor` (default 3). The manifest's `replicas` counts; without it, what the topic has on the cluster, and for a new topic the lowest `default.replication.factor` of the brokers.",
        fix: "Set `replicas` in the manifest, or add a `PolicyException`. Changing an existing topic needs a reassignment.",
    },
    CodeDoc {
        code: "replication-not-set",
        title: "the replication factor is not known",
        explanation: "The topic sets no `replicas`, and the brokers' `default.replication.factor` could not be looked at: there was no cluster, or it does not say. Kafka's own default is 1.",
        fix: "Set `replicas` in the manifest.",
    },
];

#[cfg(test)]
mod tests {
    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(super::CODES.is_sorted_by(|left, right| left.code < right.code));
    }
}
