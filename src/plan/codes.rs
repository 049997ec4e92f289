//! What the planner's own findings and reasons, and the words of plans, mean, for `driftless explain`.

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

/// Words that plans and results of applies show: what becomes of an action, who moved, how risky it is, what is only listed.
pub const WORDS: &[CodeDoc] = &[
    doc!(
        "planned",
        "a status: an apply does it",
        "Nothing keeps the action from being done.",
        "Apply the plan when it is right."
    ),
    doc!(
        "held",
        "a status: it waits",
        "Most held actions cannot be taken back (a topic's deletion, more partitions, a shorter retention, a principal's last access), so they wait for an `Approval` in git that names them. With a `hold` they wait for something else: `drift-not-corrected`, `drift-unconfirmed` or `contested`.",
        "Commit the `Approval` that the plan shows, when the action is right; or take the change out of git. `driftless explain` says more of each `hold`."
    ),
    doc!(
        "blocked",
        "a status: it cannot be done",
        "Kafka cannot do it, or driftless does not: fewer partitions, another replication factor, a credential without its secret. The note beside it says which. Everything else of the plan is done.",
        "Do what the note says; most need a change in git."
    ),
    doc!(
        "change",
        "an origin: git moved",
        "What git says differs from what was last applied, and the cluster is as it was left. What was never applied is a change too.",
        "Apply it when it is right."
    ),
    doc!(
        "drift",
        "an origin: the cluster moved",
        "Git says what was last applied, and the cluster has something else: somebody changed it behind git's back. Without an earlier apply there is no drift.",
        "Find out who did it and why. `driftless apply` puts git's value back; to keep the cluster's, put it into git."
    ),
    doc!(
        "conflict",
        "an origin: git and the cluster both moved",
        "Since the last apply git was changed, and the cluster too, to something else. An apply sets what git says.",
        "Look at the three values in the plan, and put the right one into git."
    ),
    doc!(
        "adopt",
        "an origin: it was there before it was ours",
        "The resource is on the cluster and in git, and no apply of ours is on record for it. From this apply on driftless owns it. What git and the cluster agree on is only recorded.",
        "Look at what the plan changes of it. `driftless import` writes manifests that change nothing."
    ),
    doc!("none", "a risk: none", "Nothing that exists is touched.", "Nothing is to be done."),
    doc!("low", "a risk: low", "It can be taken back without loss.", "Nothing is to be done."),
    doc!(
        "high",
        "a risk: high",
        "It can be taken back, but clients feel it meanwhile: a revoked grant, a lower limit, another password.",
        "Make sure that nobody needs what goes, before it is applied."
    ),
    doc!(
        "irreversible",
        "a risk: it cannot be taken back",
        "Records are lost, or keyed records go elsewhere from then on, or somebody loses the last access. Such an action is held.",
        "Look at the evidence in the plan (records, bytes, consumer groups); let it through with an `Approval` when it is right."
    ),
    doc!(
        "drift-unconfirmed",
        "it differs, and was not seen so often enough",
        "The agent's `drift.confirmations` asks for several checks in a row before a difference is called drift. The next check comes soon.",
        "Nothing is to be done."
    ),
    doc!(
        "contested",
        "somebody keeps changing it back",
        "The agent corrected the resource again and again, and each time somebody else changed it again. It is left alone until it was quiet for an hour or git changes it.",
        "Find out who or what changes it (a script, another tool, a second agent), and stop one of the two."
    ),
    doc!(
        "unknown",
        "something that could not be read",
        "The principal may not see it, the brokers do not support it, or they did not answer. What is unknown is never taken for absent: nothing is planned for it, and nothing is called in sync.",
        "The reason beside it has the broker's words; most often the principal needs Describe or DescribeConfigs."
    ),
    doc!(
        "unmanaged",
        "on the cluster, and in no manifest",
        "It is not ours, so driftless never touches it.",
        "Nothing is to be done; `driftless import` writes a manifest for it."
    ),
    doc!(
        "paused",
        "it differs, and its manifest pauses it",
        "The manifest has the annotation `strimzi.io/pause-reconciliation: \"true\"`, so the resource is left as it is.",
        "Take the annotation away when it is to be kept again."
    ),
    doc!(
        "not-pruned",
        "it is ours, left git, and stays",
        "Deletions need `--prune` (`apply.prune` of an agent), which is off.",
        "Apply with `--prune`, declare it again, or remove it by hand."
    ),
    doc!("unpruned", "JSON's name of `not-pruned`", "See `not-pruned`.", "See `not-pruned`."),
    doc!(
        "not-compared",
        "a user whose password was not compared",
        "The secret could not be had here, so whether git wants another password is not known. `plan` needs no secret; an apply that writes a credential does.",
        "Nothing is to be done; give the secrets (`--secrets`) to have them compared."
    ),
    doc!(
        "adopted",
        "git and the cluster agree on it, and it is not on record yet",
        "The next apply takes it into the inventory without changing it. From then on drift of it is seen.",
        "Nothing is to be done."
    ),
    doc!(
        "waived",
        "a finding that stops nothing",
        "A `PolicyException`, or the `exception` rule of a pack, answers for it until a day.",
        "Nothing is to be done before that day."
    ),
    doc!("applied", "it was done", "The cluster accepted it and shows it.", "Nothing is to be done."),
    doc!(
        "unconfirmed",
        "accepted, and not seen yet",
        "Of an action: the cluster accepted it and did not show it in time. Of drift: see `drift-unconfirmed`.",
        "Plan again: when the plan is empty, it has arrived."
    ),
    doc!("AppliedUnconfirmed", "JSON's name of `unconfirmed`", "See `unconfirmed`.", "See `unconfirmed`."),
    doc!(
        "failed",
        "it was tried and not done",
        "The code and the words beside it are the broker's, or driftless' own. The line says whether it is known that nothing was changed.",
        "Do what the message says and apply again; what was done is not done twice."
    ),
    doc!(
        "not-attempted",
        "it was not tried",
        "Something before it failed, so that it would not have been safe, or the run was interrupted.",
        "Repair what failed and apply again."
    ),
    doc!("skipped", "it was left alone", "The plan held or blocked it.", "See `held` and `blocked`."),
];
