//! What the codes of policy mean.

use crate::domain::code_doc::CodeDoc;

/// Every code that policy itself and the built-in pack give, by name.
pub const CODES: &[CodeDoc] = &[
    CodeDoc {
        code: "acl-allows-every-name",
        title: "a grant on every topic, group or transactional id",
        explanation: "The literal name `*` is every resource of the type: those of other teams, and those to come. Describe and DescribeConfigs are not judged. One finding for each principal and type of resource, about all its operations.",
        fix: "Grant names or prefixes (`patternType: prefix`); or add the principal to the parameter `aclAdministrators`.",
    },
    CodeDoc {
        code: "acl-allows-everybody",
        title: "a grant for everybody",
        explanation: "A `KafkaAcl` or `KafkaUser` allows something to `User:*`, which is every client of every principal type, or to `User:ANONYMOUS`, which is every client that does not log in. It holds for clients to come too.",
        fix: "Name the principals that need it; or add a `PolicyException`.",
    },
    CodeDoc {
        code: "acl-allows-everything",
        title: "a principal may do everything",
        explanation: "The principal has All on every topic and All on the cluster. It is said once, instead of a finding for each of its grants on everything.",
        fix: "Grant it what it needs; or add it to the parameter `aclAdministrators` when it is an administrator.",
    },
    CodeDoc {
        code: "acl-cluster-administration",
        title: "a grant that administers the cluster",
        explanation: "Alter on the cluster lets a principal write ACLs and passwords and so become anybody; AlterConfigs changes brokers, ClusterAction speaks for a broker, Create makes topics of any name, All is all of it. The environment does not say who its administrators are.",
        fix: "Remove the grant, or list the administrators in the parameter `aclAdministrators`; any other one is then refused (`acl-not-an-administrator`).",
    },
    CodeDoc {
        code: "acl-denied",
        title: "an allow that a deny takes away",
        explanation: "In Kafka a deny wins over every allow, however wide or narrow either is. A deny in git is about every client and every name of the allow, and about its operation. What the operation implies (Describe, for Read, Write, Delete and Alter) is not denied with it.",
        fix: "Remove the allow, or make the deny narrower.",
    },
    CodeDoc {
        code: "acl-deny-without-effect",
        title: "a deny that denies nothing",
        explanation: "No grant in git or on the cluster allows anything that the deny forbids, and without a grant everything is refused anyway. It may be a precaution, or misspelt. Only judged with the parameter `warnOfIdleDenies: true`.",
        fix: "Correct its principal, name or host, or remove it; keep a precaution by a `PolicyException`.",
    },
    CodeDoc {
        code: "acl-first-on-open-resource",
        title: "the first ACL on something that was open",
        explanation: "Brokers have `allow.everyone.if.no.acl.found=true`, so everybody may use what has no ACL at all. With the first ACL, by name or by prefix, this ends: whoever is not allowed by an ACL is refused.",
        fix: "Grant in the same change what everybody else needs who uses it.",
    },
    CodeDoc {
        code: "acl-host-never-matches",
        title: "a grant from a host that no client can have",
        explanation: "Brokers compare the host of an ACL with the text of the client's address: IPv4 as four numbers, IPv6 as eight groups without `::`, in lower case and without leading zeros. They never look up names. Blocks such as `10.0.0.0/8` need Kafka 4.4. A deny with such a host protects nothing.",
        fix: "Write the address as brokers log it, or `*`.",
    },
    CodeDoc {
        code: "acl-literal-name-ends-in-star",
        title: "a literal name that ends in an asterisk",
        explanation: "In a literal pattern only `*` alone stands for every name. `orders-*` is taken as it is, so the grant or deny never matches, and Kafka accepts it in silence.",
        fix: "Write `patternType: prefix` and leave the asterisk off.",
    },
    CodeDoc {
        code: "acl-not-an-administrator",
        title: "a grant that only administrators may have",
        explanation: "The principal may Alter, AlterConfigs, ClusterAction, Create or All on the cluster, and is neither in the parameter `aclAdministrators` nor a super user of the brokers.",
        fix: "Remove the grant, or add the principal to `aclAdministrators`.",
    },
    CodeDoc {
        code: "acl-prefix-ends-in-star",
        title: "a prefix that ends in an asterisk",
        explanation: "In a prefix the asterisk is a sign like any other: the prefix `*` matches names that start with an asterisk, and no topic's name can.",
        fix: "Leave the asterisk off. Every name is the literal name `*`.",
    },
    CodeDoc {
        code: "acl-prefix-not-of-team",
        title: "a prefix of another team",
        explanation: "The parameter `aclPrefixes` says which prefixes the principal may be granted, and this is none of them or shorter. Literal names are not judged.",
        fix: "Grant the names one by one, or add the prefix to `aclPrefixes`.",
    },
    CodeDoc {
        code: "acl-prefix-too-short",
        title: "a prefix that is too short",
        explanation: "The prefix of an allow has fewer characters than the parameter `minimumAclPrefixLength` (default 3). It will also match what other teams make later.",
        fix: "Use the prefix that the names of the team have in common, or grant the names one by one.",
    },
    CodeDoc {
        code: "acl-read-without-group",
        title: "Read on a topic and on no group",
        explanation: "A consumer needs Read on its group too. The principal has it on none, in git or on the cluster, so it can only read partitions that it assigns to itself, without committing offsets. Said once for each principal.",
        fix: "Allow it Read on its group, or on a prefix of its groups. Add a `PolicyException` for a reader that uses no group.",
    },
    CodeDoc {
        code: "acl-redundant",
        title: "a grant that a wider one covers",
        explanation: "Every request that the grant allows is allowed by another one in git, by Kafka's own rules: `User:*`, host `*` or a block, the name `*` or a prefix, All. Whoever removes it takes nothing away. `Describe` beside `Read` on the same name passes.",
        fix: "Remove the narrow grant, or the wide one if it is too wide.",
    },
    CodeDoc {
        code: "acl-transactional-id-without-topic",
        title: "a transactional id and no topic to write to",
        explanation: "The principal has Write on a transactional id and on no topic. A transactional producer needs both.",
        fix: "Allow it Write on its topics, or remove the grant.",
    },
    CodeDoc {
        code: "acl-transactional-id-without-write",
        title: "a transactional id without Write",
        explanation: "The principal writes to topics and has a grant on a transactional id, but Write on none: its producer is refused when it starts.",
        fix: "Allow it Write on the transactional id.",
    },
    CodeDoc {
        code: "acl-without-topic",
        title: "a grant on a topic that does not exist",
        explanation: "No topic of that name, or with that prefix, is in git or on the cluster after the plan. Only judged when all topics of the cluster could be seen. A principal that may create the topic is passed over.",
        fix: "Correct the name, or declare the topic.",
    },
    CodeDoc {
        code: "alert-defined-twice",
        title: "one alert with two thresholds",
        explanation: "Two files have an alert of the same name and severity on the same expression, with other numbers or another `for`.",
        fix: "Keep one of them, or give them different names.",
    },
    CodeDoc {
        code: "alert-for-too-short",
        title: "an alert that fires too soon",
        explanation: "`for` is shorter than the parameter `minimumAlertForSeconds`, so that a single bad scrape can wake somebody.",
        fix: "Set or raise `for`.",
    },
    CodeDoc {
        code: "alert-without-annotation",
        title: "an alert that does not explain itself",
        explanation: "The alert lacks an annotation of the parameter `requiredAlertAnnotations`, or has it empty.",
        fix: "Add the annotation.",
    },
    CodeDoc {
        code: "alert-without-group",
        title: "an alert on a consumer group that cannot be",
        explanation: "The expression selects a consumer group that no grant in git or on the cluster lets anybody read with. Judged on metrics with `kafka` in their name, where the ACLs of the cluster are known.",
        fix: "Correct the name, or allow the consumer `Read` on the group.",
    },
    CodeDoc {
        code: "alert-without-severity",
        title: "an alert without severity",
        explanation: "Neither the alert nor its group has the label `severity`, by which Alertmanager routes.",
        fix: "Add the label, such as `critical` or `warning`.",
    },
    CodeDoc {
        code: "alert-without-topic",
        title: "an alert on a topic that does not exist",
        explanation: "The expression selects a topic that will be neither in git nor on the cluster after the plan, so it never fires. Judged on metrics with `kafka` in their name, and only when all topics of the cluster could be seen.",
        fix: "Correct the name, or declare the topic.",
    },
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
        explanation: "A parameter of the built-in rules has another type or is out of bounds (`docs/reference/policy-input.md` lists them). That refuses everything rather than nothing, and no exception waives it.",
        fix: "Correct it under the environment's `parameters` in `driftless.yaml`.",
    },
    CodeDoc {
        code: "policy-parameter-unknown",
        title: "a parameter is nearly one of the built-in rules",
        explanation: "A parameter of the environment differs from one that a built-in rule reads by a letter or two. A rule whose parameter is absent judges nothing, so a slip of the keyboard would switch it off unseen.",
        fix: "Correct the name under the environment's `parameters` in `driftless.yaml`. A parameter of your own pack gets a name that is further away.",
    },
    CodeDoc {
        code: "policy-reads-unknown-field",
        title: "a rule reads what can never be there",
        explanation: "The rule reads a field that its input never has, or data that neither a package nor a data file provides. In Rego that is undefined, not an error: whatever needs it never holds, so a `deny` never refuses, and a `not` always does. The fields of the input are in `docs/reference/policy-input.schema.json`; of rules on single manifests only those are judged that say which kind they are about.",
        fix: "Correct the name. Data stands in YAML or JSON files in the pack's directory.",
    },
    CodeDoc {
        code: "quota-above-ceiling",
        title: "a quota above its ceiling",
        explanation: "A limit is above that of the parameter `quotaCeilings`. Every broker grants a client that much.",
        fix: "Lower the limit, or add a `PolicyException`.",
    },
    CodeDoc {
        code: "quota-default-missing",
        title: "no default quota for users",
        explanation: "No quota is for the user `<default>`, and the parameter `requireDefaultUserQuota` asks for one. Users that nobody thought of are then without any limit.",
        fix: "Declare a `KafkaQuota` with `entity: {user: \"<default>\"}`.",
    },
    CodeDoc {
        code: "quota-for-nobody",
        title: "a quota for a user that nobody knows",
        explanation: "No user in git, no ACL and no SCRAM password on the cluster is of that name. The quota limits nobody, and whoever was meant has none.",
        fix: "Correct the name: that of the principal, without `User:`.",
    },
    CodeDoc {
        code: "quota-ip-is-host-name",
        title: "a quota for a host name",
        explanation: "`ip` is a name. The controller looks it up once, when the quota is written; later changes of the name count for nothing, and a name that cannot be looked up is refused.",
        fix: "Write the address.",
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
    CodeDoc {
        code: "user-without-quota",
        title: "a user without a quota",
        explanation: "The parameter `requireUserQuotas` asks for a quota of every user in git, and neither this user nor `<default>` has one.",
        fix: "Declare a `KafkaQuota` for it or for `<default>`.",
    },
];

#[cfg(test)]
mod tests {
    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(super::CODES.is_sorted_by(|left, right| left.code < right.code));
    }
}
