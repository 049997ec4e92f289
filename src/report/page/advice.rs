//! What to do next, by the reason of the conditions.

/// Returns the next step for a reason when the pass itself has none to give; nothing where nothing is to be done.
pub(super) fn next_step(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "SourceFailed" => {
            "Check that the repository answers and that the credentials of `source.auth` still hold. It is tried again by itself."
        }
        "SourceUntrusted" => {
            "Find out who replaced the branch. If it is right, name its head in `source.acceptRevision` of the agent's settings and send SIGHUP."
        }
        "ManifestsInvalid" => "Correct the files below and push. The cluster stays as it is until then.",
        "ClusterUnreachable" => "Check the brokers and the network between. It is tried again by itself.",
        "AuthenticationFailed" => "Renew the credentials of `cluster` in the agent's settings, then send SIGHUP.",
        "SettingsInvalid" => "Correct the agent's settings, then send SIGHUP.",
        "ProtocolError" => "Compare the versions of Kafka and driftless; the log has the details.",
        "ReportFailed" => "Check that the remote of the report branch takes pushes. It is tried again by itself.",
        "ClusterChanged" => {
            "Check that the address leads to the right cluster. If it does, name its id in `cluster.clusterId`."
        }
        "RecordDamaged" => "Repair or remove the file that the message names.",
        "PlanStale" => "Nothing: a new plan is made by itself.",
        "StateFailed" => "Check the disk and the rights of the state directory. It is tried again by itself.",
        "RulesFailed" => "Check the rule directory and Prometheus. It is tried again by itself.",
        "PolicyDenied" => "Correct what the findings below name, or add a reviewed `PolicyException`, and push.",
        "ApplyFailed" => "Look at what failed below. It is tried again by itself.",
        "Interrupted" => "Nothing: the next pass goes on.",
        "ActionsBlocked" => "Read why below; most need a change in git.",
        "DriftNotCorrected" => {
            "Keep the change by taking it into git, or undo it with `driftless apply`, or set `apply.correctDrift: true`."
        }
        "ActionsHeld" => "Approve what is right, as shown below, or take it out of git.",
        "PartlyUnknown" => "Give the agent's user the rights that are missing, as shown below.",
        "OutOfSync" => "Look at what is to be done below; an agent in mode `observe` does none of it.",
        "NotPruned" => "Remove these resources by hand, declare them again, or set `apply.prune: true`.",
        "Paused" => "Take the annotation `strimzi.io/pause-reconciliation` off when they are to be kept again.",
        _ => return None,
    })
}
