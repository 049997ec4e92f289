//! Which revisions an agent follows, and which cluster it keeps to.

use jiff::Timestamp;

use crate::config::settings::VerifyMode;
use crate::ports::{SignedCommits, SourceError, SourceMirror};

/// What decides whether the head of the branch is followed.
pub struct Trust<'a> {
    /// What was applied last, as the report branch and the agent's own record tell.
    pub last_applied: Vec<&'a str>,
    /// The agent's own record of it. Whoever may write to git can write the report branch too, so for signatures only
    /// this counts.
    pub own_last_applied: Option<&'a str>,
    /// The one revision that the settings on this machine name: trusted as it is.
    pub accepted: Option<&'a str>,
    /// Which commits must be signed.
    pub verify: VerifyMode,
    /// When keys must be valid.
    pub now: Timestamp,
}

/// Says why the head of the branch is not followed, and what to do about it; `None` when it is.
///
/// It must descend from everything that was applied last, and be signed as the settings want. Nothing that the branch itself
/// carries lets another one through, except a commit signed by a trusted key that names the very revision that it replaces.
pub fn untrusted(source: &dyn SourceMirror, head: &str, trust: &Trust<'_>) -> Result<Option<String>, SourceError> {
    if trust.accepted == Some(head) {
        return Ok(None);
    }
    for base in &trust.last_applied {
        if source.descends(head, base)? {
            continue;
        }
        let may_replace = trust.verify != VerifyMode::None;
        if !(may_replace && source.replaces(head, base, trust.now)?) {
            return Ok(Some(format!(
                "The branch is at `{head}`, which does not descend from `{base}`, the revision that was last applied: it was rewound or replaced. Set `source.acceptRevision: {head}` to follow it all the same."
            )));
        }
    }
    let commits = match trust.verify {
        VerifyMode::None => return Ok(None),
        VerifyMode::Head => SignedCommits::Head,
        VerifyMode::EveryCommit => {
            SignedCommits::EveryOneSince([trust.own_last_applied, trust.accepted].into_iter().flatten().collect())
        }
    };
    Ok(source.distrusted(head, &commits, trust.now)?.map(|distrust| {
        format!(
            "The commit `{}` {}. Have it signed with a key of `source.verify.keys`, or set `source.acceptRevision: {head}` to follow the branch as it is.",
            distrust.commit, distrust.words
        )
    }))
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
    use crate::ports::CommitDistrust;

    /// Revisions `a` < `b` < `c`, and beside them `x`, and `y`, which says that it replaces `b`. `b` is not signed.
    struct Line;

    impl SourceMirror for Line {
        fn fetch(&self) -> Result<String, SourceError> {
            Ok("c".to_owned())
        }

        fn snapshot(&self, _revision: &str) -> Result<Snapshot, SourceError> {
            Ok(Snapshot::default())
        }

        fn descends(&self, newer: &str, older: &str) -> Result<bool, SourceError> {
            let on_line = |revision: &str| ["a", "b", "c"].contains(&revision);
            Ok(on_line(newer) && on_line(older) && newer >= older)
        }

        fn distrusted(
            &self,
            head: &str,
            commits: &SignedCommits<'_>,
            _now: Timestamp,
        ) -> Result<Option<CommitDistrust>, SourceError> {
            let is_asked = match commits {
                SignedCommits::Head => head == "b",
                SignedCommits::EveryOneSince(bases) => {
                    head == "b" || (head == "c" && !bases.contains(&"b") && !bases.contains(&"c"))
                }
            };
            let words = "is not signed".to_owned();
            Ok(is_asked.then(|| CommitDistrust { commit: "b".to_owned(), words }))
        }

        fn replaces(&self, head: &str, replaced: &str, _now: Timestamp) -> Result<bool, SourceError> {
            Ok((head, replaced) == ("y", "b"))
        }
    }

    fn is_followed(head: &str, last: &[&str], own: Option<&str>, accepted: Option<&str>, verify: VerifyMode) -> bool {
        let now = Timestamp::UNIX_EPOCH;
        let trust = Trust { last_applied: last.to_vec(), own_last_applied: own, accepted, verify, now };
        untrusted(&Line, head, &trust).expect("answers").is_none()
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
            let found = is_followed(head, last, None, accepted, VerifyMode::None);
            assert_eq!(found, followed, "{head} {last:?} {accepted:?}");
        }
    }

    #[test]
    fn signatures_are_wanted_as_the_settings_say_and_only_the_own_record_shortens_the_list() {
        use VerifyMode::{EveryCommit, Head, None as Never};
        for (head, last, own, accepted, verify, followed) in [
            ("b", &["a"][..], Some("a"), None, Never, true),
            ("b", &["a"], Some("a"), None, Head, false),
            ("b", &["a"], Some("a"), Some("b"), Head, true),
            ("c", &["a"], Some("a"), None, Head, true),
            ("c", &["a"], Some("a"), None, EveryCommit, false),
            ("c", &["b"], Some("b"), None, EveryCommit, true),
            ("c", &["a"], Some("a"), Some("b"), EveryCommit, true),
            // The report branch says that `b` was applied; this machine knows nothing of it.
            ("c", &["b"], None, None, EveryCommit, false),
            // A signed replacement names what it replaces; it replaces nothing else.
            ("y", &["b"], Some("b"), None, Head, true),
            ("y", &["b"], Some("b"), None, Never, false),
            ("y", &["b", "a"], Some("a"), None, Head, false),
            ("x", &["b"], Some("b"), None, Head, false),
        ] {
            let found = is_followed(head, last, own, accepted, verify);
            assert_eq!(found, followed, "{head} {last:?} {own:?} {accepted:?} {verify:?}");
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
