//! What the words of `status.json` and of the status page mean, for `driftless explain`.

use crate::domain::code_doc::CodeDoc;

const NOTHING: &str = "Nothing is to be done.";

/// States, conditions and their reasons, as they are written.
pub const WORDS: &[CodeDoc] = &[
    CodeDoc {
        code: "Synced",
        title: "the cluster is what git says",
        explanation: "Everything could be looked at and nothing differs, is paused, is held or stays because prune is off.",
        fix: NOTHING,
    },
    CodeDoc::new(
        "OutOfSync",
        "the cluster is not what git says",
        "Something is to be done, held, blocked, paused or left over. As a reason: actions are planned, and this pass did not do them.",
        "Look at the plan. An agent in mode `observe` does nothing; one in mode `apply` goes on by itself.",
    ),
    CodeDoc::new(
        "Ready",
        "a condition: everything is as it should be",
        "`True` when the cluster is what git says and nothing failed; `Unknown` when something could not be read.",
        "When it is not `True`, its reason says why: ask `driftless explain` for that.",
    ),
    CodeDoc::new(
        "Reconciling",
        "a condition: it goes on by itself",
        "The cluster is not what git says, or that is not known, and the agent tries again without anybody's help.",
        "Nothing is to be done, unless it stays so.",
    ),
    CodeDoc::new(
        "Stalled",
        "a condition: it waits for a person",
        "Trying again is of no use before somebody does something, or another commit comes.",
        "Its reason says what to do: ask `driftless explain` for that.",
    ),
    CodeDoc {
        code: "Applying",
        title: "an apply is under way",
        explanation: "What the pass before came to no longer holds.",
        fix: NOTHING,
    },
    CodeDoc::new(
        "NotPlanned",
        "no plan was made yet",
        "So whether the cluster is what git says is not known.",
        "Wait for the next pass; its reason says what keeps it, if something does.",
    ),
    CodeDoc {
        code: "Standby",
        title: "another agent acts",
        explanation: "Several agents share the lease of the environment and this one does not hold it: it looks, and writes nothing.",
        fix: NOTHING,
    },
    CodeDoc::new(
        "PolicyDenied",
        "policy refuses what git asks for",
        "At least one finding denies, so nothing was applied.",
        "Repair what the findings name, or add a reviewed `PolicyException`, and push.",
    ),
    CodeDoc::new(
        "ApplyFailed",
        "not everything could be applied",
        "Some actions failed, with the broker's words beside each; the rest is done.",
        "Look at what failed. It is tried again by itself.",
    ),
    CodeDoc {
        code: "Interrupted",
        title: "the apply was stopped before its end",
        explanation: "The batch in flight was finished and what was done is known; the next run goes on.",
        fix: NOTHING,
    },
    CodeDoc::new(
        "ActionsBlocked",
        "something cannot be done",
        "Kafka cannot do an action of the plan, or driftless does not.",
        "Read why in the plan; most need a change in git.",
    ),
    CodeDoc::new(
        "ActionsHeld",
        "something waits for an approval",
        "Actions that cannot be taken back are done only when an `Approval` in git names them.",
        "Commit the `Approval` that the plan shows, or take the change out of git.",
    ),
    CodeDoc::new(
        "DriftContested",
        "somebody keeps changing a resource back",
        "The agent leaves it alone until it was quiet for an hour or git changes it.",
        "Find out who keeps changing it back.",
    ),
    CodeDoc::new(
        "PartlyUnknown",
        "not everything could be read",
        "What could be read is what git says. The rest is not called in sync, and nothing is planned for it.",
        "Give the principal the permission that `unknown` names.",
    ),
    CodeDoc::new(
        "SourceFailed",
        "the config repository cannot be read",
        "It does not answer, or refuses the credentials.",
        "Check the repository and the credentials of `source.auth`. It is tried again by itself.",
    ),
    CodeDoc::new(
        "SourceUntrusted",
        "the branch is not what it must be",
        "It was rewound or replaced since the last apply, or a commit has no signature that `source.verify` asks for. Nothing of it is used.",
        "Find out who did that. If it is right, name its head in `source.acceptRevision`, or sign the commits.",
    ),
    CodeDoc::new(
        "ManifestsInvalid",
        "files of the repository are wrong",
        "One bad file means that nothing of the revision is used; the cluster stays as it is.",
        "Correct what `driftless validate` names, and push.",
    ),
    CodeDoc::new(
        "ClusterUnreachable",
        "the cluster does not answer",
        "No broker could be reached, or answers were lost.",
        "Check the brokers, the address and the network between. It is tried again by itself.",
    ),
    CodeDoc::new(
        "AuthenticationFailed",
        "the cluster refuses the credentials",
        "A wrong password would only be refused again, so it waits.",
        "Renew the credentials of `cluster` in the agent's settings, then send SIGHUP.",
    ),
    CodeDoc::new(
        "SettingsInvalid",
        "the settings are wrong",
        "The message names the setting.",
        "Correct the settings, then send SIGHUP.",
    ),
    CodeDoc::new(
        "ProtocolError",
        "the cluster speaks in a way that driftless does not understand",
        "Its version may be too old, or something that is no broker answers at the address.",
        "Compare the versions of Kafka and driftless, and check the port and `security.protocol`.",
    ),
    CodeDoc::new(
        "ReportFailed",
        "the report branch cannot be read or written",
        "What the cluster is like is known, and git does not show it.",
        "Check that the remote of the report branch takes pushes. It is tried again by itself.",
    ),
    CodeDoc::new(
        "ClusterChanged",
        "this is another cluster than at first contact",
        "Applying one environment to another one's cluster is how clusters are lost, so nothing was compared.",
        "Check the address. If the cluster was really replaced, name its id in `cluster.clusterId`.",
    ),
    CodeDoc::new(
        "RecordDamaged",
        "what is on record makes no sense",
        "A file of the report branch or of the agent's own directory cannot be understood. To forget what is ours would be worse than to stop.",
        "Repair or remove the file that the message names.",
    ),
    CodeDoc {
        code: "PlanStale",
        title: "the cluster moved between plan and apply",
        explanation: "Nothing was done; a new plan is made.",
        fix: NOTHING,
    },
    CodeDoc::new(
        "StateFailed",
        "the agent's own directory cannot be used",
        "Without its journal an interrupted apply would forget what it did.",
        "Check the disk and the rights of the state directory. It is tried again by itself.",
    ),
    CodeDoc::new(
        "RulesFailed",
        "the alert rules cannot be read",
        "The rule directory or Prometheus does not answer.",
        "Check both. It is tried again by itself.",
    ),
    CodeDoc {
        code: "LeaseLost",
        title: "the lease was lost in the middle of an apply",
        explanation: "Another agent goes on from there, and this one follows.",
        fix: NOTHING,
    },
];
