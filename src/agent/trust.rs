//! Which revisions an agent follows, and which cluster it keeps to.

use crate::ports::{SourceError, SourceMirror};

/// Says why the head of the branch is not followed; `None` when it is.
///
/// It must descend from everything that was applied last, as the report branch and the agent's own record tell. Only the
/// settings on the agent's machine can let another one through, and only the one revision that they name: nothing that
/// the branch itself carries can.
pub fn untrusted(
    source: &dyn SourceMirror,
    head: &str,
    last_applied: &[&str],
    accepted: Option<&str>,
) -> Result<Option<String>, SourceError> {
    if accepted == Some(head) {
        return Ok(None);
    }
    for base in last_applied {
        if !source.descends(head, base)? {
            return Ok(Some(format!(
                "The branch is at `{head}`, which does not descend from `{base}`, the revision that was last applied: it was rewound or replaced. Set `source.acceptRevision: {head}` to follow it all the same."
            )));
        }
    }
    Ok(None)
}

/// Says why a cluster is not the one that this agent keeps; `None` when it is.
pub(super) fn foreign_cluster(observed: &str, configured: Option<&str>, first_seen: Option<&str>) -> Option<String> {
    match (configured, first_seen) {
        (Some(configured), _) if configured == observed => None,
        (Some(configured), _) => {
            Some(format!("The cluster's id is `{observed}`, and `cluster.clusterId` says `{configured}`."))
        }
        (None, Some(first)) if first != observed => Some(format!(
            "The cluster's id is `{observed}`, and at first contact it was `{first}`. Check the address; set `cluster.clusterId: {observed}` if the cluster was really replaced."
        )),
        (None, Some(_) | None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::snapshot::Snapshot;

    /// Revisions `a` < `b` < `c`, and `x` beside them.
    struct Line;

    impl SourceMirror for Line {
        fn fetch(&self) -> Result<String, SourceError> {
            Ok("c".to_owned())
        }

        fn snapshot(&self, _revision: &str) -> Result<Snapshot, SourceError> {
            Ok(Snapshot::default())
        }

        fn descends(&self, newer: &str, older: &str) -> Result<bool, SourceError> {
            Ok(newer != "x" && older != "x" && newer >= older)
        }
    }

    #[test]
    fn only_what_descends_from_everything_applied_is_followed() {
        for (head, last, accepted, followed) in [
            ("c", &[][..], None, true),
            ("c", &["b"][..], None, true),
            ("b", &["b", "b"], None, true),
            ("a", &["b"], None, false),
            ("x", &["b"], None, false),
            ("x", &["b"], Some("x"), true),
            ("x", &["b"], Some("a"), false),
            // The report branch was rewound with the source, and the agent's own record was not.
            ("b", &["a", "c"], None, false),
        ] {
            let found = untrusted(&Line, head, last, accepted).expect("answers");
            assert_eq!(found.is_none(), followed, "{head} {last:?} {accepted:?}");
        }
    }

    #[test]
    fn a_cluster_is_the_configured_one_or_the_one_of_first_contact() {
        for (observed, configured, first, own) in [
            ("a", None, None, true),
            ("a", None, Some("a"), true),
            ("b", None, Some("a"), false),
            ("b", Some("b"), Some("a"), true),
            ("b", Some("a"), None, false),
        ] {
            assert_eq!(
                foreign_cluster(observed, configured, first).is_none(),
                own,
                "{observed} {configured:?} {first:?}"
            );
        }
    }
}
