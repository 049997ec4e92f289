//! What the planner's own findings and reasons mean, for `driftless explain`.

use crate::domain::code_doc::CodeDoc;

macro_rules! doc {
    ($code:literal, $title:literal, $explanation:literal, $fix:literal) => {
        CodeDoc { code: $code, title: $title, explanation: $explanation, fix: $fix }
    };
}

/// Findings of the planner, and reasons of actions.
pub const CODES: &[CodeDoc] = &[
    doc!(
        "cluster-id-differs",
        "this is another cluster than the one before",
        "The inventory on the branch, or the settings, name another cluster id. Applying one environment's repository to another environment's cluster is how clusters are lost, so the plan is refused.",
        "Check the address in the settings. If the cluster was really replaced, name the new id with `--cluster-id ID`."
    ),
    doc!(
        "desired-state-empty",
        "git declares nothing",
        "Not one resource is declared for the environment. A directory that moved or a bad merge looks exactly like this, so nothing is ever applied from it.",
        "Check the `layers` of the environment in driftless.yaml."
    ),
    doc!(
        "desired-state-shrunk",
        "most of what is owned left git",
        "With prune, fewer than half of the owned resources are still declared. That is more often a mistake than an intention.",
        "Check the `layers`. To remove that much, do it in several steps."
    ),
    doc!(
        "topic-recreated",
        "an owned topic was deleted and made again",
        "Kafka gives every topic an id of its own. The id of this one changed since the last apply, so somebody deleted and re-created it: its old records are gone.",
        "Find out who did it. The next apply takes the new topic into the inventory."
    ),
    doc!(
        "broker-config-not-in-git",
        "dynamic broker configs that git does not have",
        "The cluster has dynamic configs in a scope that git declares, with keys that git does not declare. Kafka sets some by itself, so driftless only shows them.",
        "Add them to the `KafkaClusterConfig`, or remove them with kafka-configs.sh."
    ),
    doc!(
        "own-credential-not-written",
        "the credential that driftless logs in with",
        "Git wants another mechanism, iteration count or password for the user that driftless itself logs in as. Writing it would lock driftless out, so it never does.",
        "Change the credential and driftless' settings together with another principal, or let driftless log in as another user."
    ),
    doc!(
        "approval-expired",
        "an approval ended",
        "Its last day is over, so it lets nothing through.",
        "Remove it, or renew it in a reviewed change."
    ),
    doc!(
        "approval-matches-nothing",
        "an approval names no held action",
        "Either the action was done, or the id is misspelt. An entry may end in `/*` after a resource or a principal; `topic/*` matches nothing on purpose.",
        "Remove it when the action is done, or copy the id from the plan."
    ),
    doc!("not-in-cluster", "it is in git and not on the cluster", "The resource is made.", "Nothing is to be done."),
    doc!(
        "deleted-in-cluster",
        "it was deleted behind git's back",
        "The resource is ours and is gone from the cluster. A topic is made again empty: its records are gone.",
        "Find out who deleted it. If it is meant to be gone, remove it from git."
    ),
    doc!(
        "config-differs",
        "config values differ",
        "Values are compared by type: `7` and `007`, or lists in another order where order has no meaning, are the same.",
        "The plan shows what was last applied, what the cluster has and what git wants."
    ),
    doc!(
        "partitions-differ",
        "git has more partitions",
        "Partitions cannot be taken away again, and keyed records go to other partitions from then on, so the action is held.",
        "Let it through with an `Approval` that names the action."
    ),
    doc!(
        "partitions-and-config-differ",
        "partitions and configs differ",
        "Both are done in one action, and held together.",
        "Let it through with an `Approval` that names the action."
    ),
    doc!(
        "partitions-cannot-shrink",
        "git has fewer partitions than the topic",
        "Kafka cannot take partitions away. Nothing else of the topic is changed either until the counts agree.",
        "Put the number of the cluster into git, or move to a new topic."
    ),
    doc!(
        "drift-not-corrected",
        "the cluster was changed, and drift is not corrected here",
        "The cluster moved since the last apply, and the agent's `apply.correctDrift` is false, so the difference is reported and nothing is done. What git changed at the same resource waits with it, and so do revokes of a principal whose missing grant is held, and adoptions that would take away what git does not have.",
        "Put the cluster's value into git, apply by hand with `driftless apply`, or set `apply.correctDrift: true`."
    ),
    doc!(
        "replication-factor-differs",
        "the replication factor differs",
        "Changing it is a reassignment of every partition, which driftless does not do yet. Nothing else of the topic is changed until they agree.",
        "Reassign with kafka-reassign-partitions.sh, or put the factor of the cluster into git."
    ),
    doc!(
        "credential-differs",
        "mechanisms or iterations differ",
        "The credential is written again with the password from the secret.",
        "Make sure that the secret can be had where the plan is applied."
    ),
    doc!(
        "password-changed",
        "the secret holds another password",
        "The password is another than the one that was last written from here.",
        "Nothing is to be done; clients need the new password from then on."
    ),
    doc!(
        "password-not-verified",
        "nobody knows which password the user has",
        "Kafka never tells, and this machine does not remember having written one, so it is written once.",
        "Nothing is to be done; keep the state directory to avoid the rewrite."
    ),
    doc!(
        "not-in-git",
        "something extra beside what git declares",
        "A binding of a principal, or a group of a rule file, that git does not have, although it declares the rest of them.",
        "Add it to git, or let it be removed."
    ),
    doc!(
        "removed-from-git",
        "it is ours, and it left git",
        "With prune it is deleted; a part of something that is still declared is removed in any case.",
        "Nothing is to be done, or put it back."
    ),
    doc!(
        "quota-differs",
        "limits differ",
        "A manifest is authoritative for every limit of its entity.",
        "Nothing is to be done."
    ),
    doc!(
        "rules-differ",
        "the rules of the group differ",
        "Expressions are compared by meaning, durations as numbers.",
        "Nothing is to be done."
    ),
    doc!(
        "rules-reordered",
        "the rules are the same in another order",
        "Rules of a group are evaluated one after the other and may use each other's results, so the order is put right.",
        "Nothing is to be done."
    ),
];
