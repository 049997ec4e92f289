//! Exceptions: findings that a person answers for, until a day.

use std::collections::BTreeSet;

use regex::Regex;

use super::finding::{PARAMETER_INVALID, POLICY_ERROR, Subject};
use super::rules::rules;
use super::{CODES, PolicyInput};
use crate::domain::desired::{DesiredState, PolicyException};
use crate::domain::diagnostic::Severity;
use crate::domain::nearest::nearest;
use crate::domain::resource::ResourceId;
use crate::plan::types::{Finding, Waiver};

/// Findings that no exception waives: they say that the judgement itself cannot be trusted.
const NEVER_WAIVED: [&str; 2] = [POLICY_ERROR, PARAMETER_INVALID];

/// Marks the findings that an exception waives, and adds findings about exceptions that expired or match nothing.
pub(super) fn waive(judged: Vec<(Subject, Finding)>, input: &PolicyInput<'_>) -> Vec<Finding> {
    let exceptions: Vec<(&PolicyException, Vec<Regex>)> = input
        .desired
        .exceptions
        .iter()
        .map(|exception| (exception, exception.resources.iter().filter_map(|glob| matcher(glob)).collect()))
        .collect();
    let mut used = vec![0_usize; exceptions.len()];
    let mut refused = vec![BTreeSet::new(); exceptions.len()];
    let mut findings = Vec::with_capacity(judged.len());
    for (subject, mut finding) in judged {
        for (((exception, globs), used), refused) in exceptions.iter().zip(&mut used).zip(&mut refused) {
            if !exception.rules.contains(&finding.code)
                || NEVER_WAIVED.contains(&finding.code.as_str())
                || !globs.iter().any(|glob| glob.is_match(subject.as_str()))
            {
                continue;
            }
            *used += 1;
            if subject.unwaivable {
                refused.insert(finding.code.clone());
                continue;
            }
            if input.today <= exception.expires && finding.waived.is_none() {
                finding.waived = Some(Waiver {
                    exception: exception.name.clone(),
                    reason: exception.reason.clone(),
                    expires: exception.expires.to_string(),
                    days_left: input.today.until(exception.expires).ok().map(|span| span.get_days()),
                });
            }
        }
        findings.push(finding);
    }
    for ((exception, _), codes) in exceptions.iter().zip(refused).filter(|(_, codes)| !codes.is_empty()) {
        findings.push(about(exception, "exception-not-allowed", not_allowed(exception, &codes)));
    }
    let codes = Codes::of(input);
    for ((exception, globs), used) in exceptions.iter().zip(used) {
        let misspelt: Vec<&String> = exception.rules.iter().filter(|code| codes.lack(code)).collect();
        findings.extend(misspelt.iter().map(|code| codes.unknown(exception, code)));
        if misspelt.len() == exception.rules.len() {
            continue;
        }
        if used == 0 {
            // Without a cluster some rules have nothing to judge, so only an exception for nothing at all is certain.
            if input.observed.is_some() || !names_something(exception, globs, input.desired) {
                findings.push(about(exception, "exception-matches-nothing", matches_nothing(exception)));
            }
        } else if input.today > exception.expires {
            let message = format!(
                "exception `{}` expired on {}, and {used} findings count again",
                exception.name, exception.expires
            );
            findings.push(about(
                exception,
                "exception-expired",
                (message, "repair what was excepted, or renew it in a review"),
            ));
        }
    }
    findings
}

/// The codes that rules can give.
struct Codes {
    known: BTreeSet<String>,
    /// The text of the repository's own rules: a code may be made there and nowhere declared.
    own: Vec<String>,
}

impl Codes {
    /// Gathers the codes when an exception names one that is not of the built-in pack.
    fn of(input: &PolicyInput<'_>) -> Self {
        let mut known: BTreeSet<String> = CODES.iter().map(|doc| doc.code.to_owned()).collect();
        let is_known = input.desired.exceptions.iter().all(|exception| exception.rules.is_subset(&known));
        if is_known {
            return Self { known, own: Vec::new() };
        }
        known.extend(rules(input.packs).into_iter().map(|rule| rule.code));
        let files = input.packs.iter().flat_map(|pack| &pack.files);
        Self { known, own: files.map(|(_, text)| text.clone()).collect() }
    }

    /// Says whether no rule can give a code. Where rules of the repository make codes as they run, that is so only for one that is
    /// nearly another.
    fn lack(&self, code: &str) -> bool {
        let is_absent = !self.known.contains(code) && !self.own.iter().any(|text| text.contains(code));
        is_absent && (self.own.is_empty() || self.near(code).is_some())
    }

    fn near(&self, code: &str) -> Option<&str> {
        nearest(code, self.known.iter().map(String::as_str))
    }

    fn unknown(&self, exception: &PolicyException, code: &str) -> Finding {
        let message = format!("exception `{}` names `{code}`, which is no rule's code", exception.name);
        let help = match self.near(code) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "correct its `rules`; `driftless policy list` shows the codes".to_owned(),
        };
        about(exception, "exception-rule-unknown", (message, &help))
    }
}

fn matches_nothing(exception: &PolicyException) -> (String, &'static str) {
    let rules: Vec<&str> = exception.rules.iter().map(String::as_str).collect();
    let message = format!(
        "exception `{}` waives nothing: no finding of `{}` is about `{}`",
        exception.name,
        rules.join("`, `"),
        exception.resources.join("`, `")
    );
    (message, "remove it, or correct its `rules` and `resources`")
}

fn not_allowed(exception: &PolicyException, codes: &BTreeSet<String>) -> (String, &'static str) {
    let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
    let message = format!(
        "exception `{}` does not hold for `{}`: the rule's pack says that nobody may waive it",
        exception.name,
        codes.join("`, `")
    );
    (
        message,
        "repair what the rule names and remove the code from `rules`; whoever keeps the pack decides what may be waived",
    )
}

fn about(exception: &PolicyException, code: &str, (message, help): (String, &str)) -> Finding {
    Finding {
        code: code.to_owned(),
        severity: Severity::Warn,
        resource: None,
        message,
        location: Some(exception.location.clone()),
        rule: None,
        help: Some(help.to_owned()),
        waived: None,
    }
}

/// Compiles a glob in which `*` is any text and `?` any character; everything else stands for itself, `/` and `[` too, as
/// ACL ids hold both.
fn matcher(glob: &str) -> Option<Regex> {
    let pattern = regex::escape(glob).replace(r"\*", ".*").replace(r"\?", ".");
    Regex::new(&format!("^(?s:{pattern})$")).ok()
}

/// Kinds whose findings need neither a cluster nor a user's pack.
const DECLARED_KINDS: [&str; 5] = ["topic/", "user/", "acl/", "quota/", "rule-group/"];

/// Says whether an exception is about something that git declares, or about something that only a cluster or a pack has.
fn names_something(exception: &PolicyException, globs: &[Regex], desired: &DesiredState) -> bool {
    if !exception.resources.iter().all(|glob| DECLARED_KINDS.iter().any(|kind| glob.starts_with(kind))) {
        return true;
    }
    let mut ids = desired
        .topics
        .keys()
        .cloned()
        .map(ResourceId::Topic)
        .chain(desired.users.keys().cloned().map(ResourceId::User))
        .chain(desired.acls.keys().cloned().map(ResourceId::Acl))
        .chain(desired.quotas.keys().cloned().map(ResourceId::Quota))
        .chain(desired.rule_groups.keys().cloned().map(ResourceId::RuleGroup))
        .map(|id| id.to_string());
    ids.any(|id| globs.iter().any(|glob| glob.is_match(&id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_ids_and_only_star_and_question_mark_are_special() {
        for (glob, id, expected) in [
            ("topic/logs-*", "topic/logs-a", true),
            ("topic/logs-*", "topic/xlogs-a", false),
            ("topic/logs", "topic/logs-a", false),
            ("acl/User:a/*", "acl/User:a/allow/Read/topic/literal/x/*", true),
            ("topic/a.b", "topic/a-b", false),
            ("topic/?", "topic/ab", false),
            ("topic/[a]", "topic/a", false),
            ("*", "cluster", true),
        ] {
            assert_eq!(matcher(glob).expect("compiles").is_match(id), expected, "{glob} on {id}");
        }
    }
}
