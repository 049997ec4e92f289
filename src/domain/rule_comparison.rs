//! Whether two rule groups mean the same, however they are spelled.
//!
//! Prometheus gives back what it parsed: `60s` as `1m`, `sum(x) by (job)` as `sum by (job) (x)`, comments gone, the
//! group's labels merged into the rules'. None of that is a difference.

use std::collections::BTreeMap;

use super::promql;
use super::rule::{Rule, RuleGroup, RuleKind};

/// What a comparison of two rule groups found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupComparison {
    /// They mean the same.
    Same,
    /// They hold the same rules in another order. That matters, because rules of a group are evaluated one after the
    /// other and may use each other's results.
    Reordered,
    /// They differ.
    Different {
        /// Which parts, in words: `interval`, ``rule `HighLag`: expr``, ``rule `HighLag` only in the first``.
        what: Vec<String>,
    },
}

/// Compares two groups that were both read from files.
pub fn same_group(first: &RuleGroup, second: &RuleGroup) -> GroupComparison {
    let mut what = Vec::new();
    if interval(first) != interval(second) {
        what.push("interval".to_owned());
    }
    if first.query_offset_ms != second.query_offset_ms {
        what.push("queryOffset".to_owned());
    }
    compare_rest(first, second, &meanings(first, promql::canonical), &meanings(second, promql::canonical), what)
}

/// Compares a group that was read from a file with one that was read from Prometheus' API.
///
/// The API gives the interval that holds, never whether it was set: a group without one has `default_interval_ms`, and
/// when that is not known the interval of such a group is not compared. The API does not give the query offset.
pub fn same_group_as_loaded(
    written: &RuleGroup,
    loaded: &RuleGroup,
    default_interval_ms: Option<u64>,
) -> GroupComparison {
    let mut what = Vec::new();
    let wanted = interval(written).or(default_interval_ms);
    if wanted.is_some() && loaded.interval_ms.is_some() && wanted != loaded.interval_ms {
        what.push("interval".to_owned());
    }
    let found = meanings(loaded, promql::canonical);
    let exact = compare_rest(written, loaded, &meanings(written, promql::canonical), &found, what.clone());
    if exact == GroupComparison::Same {
        return exact;
    }
    match compare_rest(written, loaded, &meanings(written, promql::as_old_prometheus_prints), &found, what) {
        GroupComparison::Same => GroupComparison::Same,
        GroupComparison::Reordered | GroupComparison::Different { .. } => exact,
    }
}

/// An interval of zero is none, in Prometheus too.
fn interval(group: &RuleGroup) -> Option<u64> {
    group.interval_ms.filter(|interval| *interval != 0)
}

fn compare_rest(
    first_group: &RuleGroup,
    second_group: &RuleGroup,
    first: &[Meaning],
    second: &[Meaning],
    mut what: Vec<String>,
) -> GroupComparison {
    if first_group.limit != second_group.limit {
        what.push("limit".to_owned());
    }
    if first == second {
        return if what.is_empty() { GroupComparison::Same } else { GroupComparison::Different { what } };
    }
    let sorted = |meanings: &[Meaning]| {
        let mut meanings = meanings.to_vec();
        meanings.sort();
        meanings
    };
    if sorted(first) == sorted(second) {
        if what.is_empty() {
            return GroupComparison::Reordered;
        }
        what.push("order of rules".to_owned());
    } else {
        what.extend(differences(first, second.to_vec()));
    }
    GroupComparison::Different { what }
}

/// A rule with everything resolved that two spellings may have different.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Meaning {
    name: String,
    /// `None` for recording rules.
    alert: Option<AlertMeaning>,
    expr: String,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct AlertMeaning {
    for_ms: u64,
    keep_firing_for_ms: u64,
    annotations: BTreeMap<String, String>,
}

fn meanings(group: &RuleGroup, expression: fn(&str) -> String) -> Vec<Meaning> {
    let meaning = |rule: &Rule| Meaning {
        name: rule.name().to_owned(),
        alert: match &rule.kind {
            RuleKind::Alerting { alert: _, for_ms, keep_firing_for_ms, annotations } => Some(AlertMeaning {
                for_ms: *for_ms,
                keep_firing_for_ms: *keep_firing_for_ms,
                annotations: annotations.clone(),
            }),
            RuleKind::Recording { record: _ } => None,
        },
        expr: expression(&rule.expr),
        labels: merged_labels(group, rule),
    };
    group.rules.iter().map(meaning).collect()
}

/// The labels that a rule really has: the group's, and its own, which win.
pub fn merged_labels(group: &RuleGroup, rule: &Rule) -> BTreeMap<String, String> {
    let mut labels = group.labels.clone();
    labels.extend(rule.labels.clone());
    labels
}

/// Says in words how two lists of rules differ. Rules are paired by kind and name, the first with the first.
fn differences(first: &[Meaning], mut second: Vec<Meaning>) -> Vec<String> {
    let mut what = Vec::new();
    for rule in first {
        let same = |other: &Meaning| other.name == rule.name && other.alert.is_some() == rule.alert.is_some();
        // A rule that is there unchanged is its own pair, wherever it stands.
        let pair = second.iter().position(|other| other == rule).or_else(|| second.iter().position(same));
        match pair {
            Some(index) => what.extend(differences_of_rule(rule, &second.remove(index))),
            None => what.push(format!("rule `{}` only in the first", rule.name)),
        }
    }
    what.extend(second.iter().map(|rule| format!("rule `{}` only in the second", rule.name)));
    what
}

fn differences_of_rule(first: &Meaning, second: &Meaning) -> Vec<String> {
    let mut parts = Vec::new();
    if first.expr != second.expr {
        parts.push("expr");
    }
    if first.labels != second.labels {
        parts.push("labels");
    }
    if let (Some(first), Some(second)) = (&first.alert, &second.alert) {
        if first.for_ms != second.for_ms {
            parts.push("for");
        }
        if first.keep_firing_for_ms != second.keep_firing_for_ms {
            parts.push("keepFiringFor");
        }
        if first.annotations != second.annotations {
            parts.push("annotations");
        }
    }
    parts.into_iter().map(|part| format!("rule `{}`: {part}", first.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(name: &str, expr: &str) -> Rule {
        let kind = RuleKind::Alerting {
            alert: name.to_owned(),
            for_ms: 60_000,
            keep_firing_for_ms: 0,
            annotations: BTreeMap::new(),
        };
        Rule { kind, expr: expr.to_owned(), labels: BTreeMap::new() }
    }

    fn group(rules: Vec<Rule>) -> RuleGroup {
        RuleGroup { interval_ms: None, query_offset_ms: None, limit: 0, labels: BTreeMap::new(), rules }
    }

    fn labels(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn group_labels_are_the_rules_labels_and_the_rules_own_win() {
        let mut first = group(vec![alert("A", "up"), alert("B", "up")]);
        first.labels = labels(&[("team", "kafka"), ("severity", "low")]);
        first.rules[1].labels = labels(&[("severity", "high")]);
        let mut second = group(vec![alert("A", "up"), alert("B", "up")]);
        second.rules[0].labels = labels(&[("severity", "low"), ("team", "kafka")]);
        second.rules[1].labels = labels(&[("team", "kafka"), ("severity", "high")]);
        assert_eq!(same_group(&first, &second), GroupComparison::Same);
        second.rules[1].labels = labels(&[("team", "kafka")]);
        let what = vec!["rule `B`: labels".to_owned()];
        assert_eq!(same_group(&first, &second), GroupComparison::Different { what });
    }

    #[test]
    fn another_order_is_told_apart_from_other_rules() {
        let first = group(vec![alert("A", "up"), alert("B", "down")]);
        let second = group(vec![alert("B", "down"), alert("A", "up")]);
        assert_eq!(same_group(&first, &second), GroupComparison::Reordered);
        let third = RuleGroup { limit: 5, ..second };
        let what = vec!["limit".to_owned(), "order of rules".to_owned()];
        assert_eq!(same_group(&first, &third), GroupComparison::Different { what });
    }

    #[test]
    fn every_part_of_a_rule_counts() {
        type Edit = fn(&mut RuleGroup);
        let cases: [(Edit, &str); 10] = [
            (|group| group.rules[0].expr = "up > 1".to_owned(), "rule `A`: expr"),
            (|group| group.rules[0].labels = labels(&[("a", "b")]), "rule `A`: labels"),
            (|group| set_alert(group, |for_ms, _, _| *for_ms = 1), "rule `A`: for"),
            (|group| set_alert(group, |_, keep, _| *keep = 1), "rule `A`: keepFiringFor"),
            (|group| set_alert(group, |_, _, texts| *texts = labels(&[("a", "b")])), "rule `A`: annotations"),
            (|group| group.rules.push(alert("A", "up")), "rule `A` only in the second"),
            (|group| group.rules.truncate(0), "rule `A` only in the first"),
            (|group| group.interval_ms = Some(1), "interval"),
            (|group| group.query_offset_ms = Some(1), "queryOffset"),
            (|group| group.limit = 1, "limit"),
        ];
        for (edit, what) in cases {
            let first = group(vec![alert("A", "up")]);
            let mut second = first.clone();
            edit(&mut second);
            let what = vec![what.to_owned()];
            assert_eq!(same_group(&first, &second), GroupComparison::Different { what });
        }
    }

    fn set_alert(group: &mut RuleGroup, edit: fn(&mut u64, &mut u64, &mut BTreeMap<String, String>)) {
        if let RuleKind::Alerting { for_ms, keep_firing_for_ms, annotations, .. } = &mut group.rules[0].kind {
            edit(for_ms, keep_firing_for_ms, annotations);
        }
    }

    #[test]
    fn a_recording_rule_is_never_an_alert_of_the_same_name() {
        let record = Rule { kind: RuleKind::Recording { record: "A".to_owned() }, ..alert("A", "up") };
        let comparison = same_group(&group(vec![alert("A", "up")]), &group(vec![record]));
        let what = vec!["rule `A` only in the first".to_owned(), "rule `A` only in the second".to_owned()];
        assert_eq!(comparison, GroupComparison::Different { what });
    }

    #[test]
    fn what_prometheus_does_not_tell_is_not_a_difference() {
        let mut written = group(vec![alert("A", "up")]);
        written.query_offset_ms = Some(1000);
        let loaded = RuleGroup { interval_ms: Some(60_000), query_offset_ms: None, ..written.clone() };
        assert_eq!(same_group_as_loaded(&written, &loaded, None), GroupComparison::Same);
        assert_eq!(same_group_as_loaded(&written, &loaded, Some(60_000)), GroupComparison::Same);
        let different = GroupComparison::Different { what: vec!["interval".to_owned()] };
        assert_eq!(same_group_as_loaded(&written, &loaded, Some(15_000)), different);
        written.interval_ms = Some(30_000);
        assert_eq!(same_group_as_loaded(&written, &loaded, None), different);
    }

    #[test]
    fn what_old_prometheus_cannot_print_is_not_a_difference_to_what_it_loaded() {
        let loaded = |expr: &str| RuleGroup { interval_ms: Some(60_000), ..group(vec![alert("A", expr)]) };
        let written = group(vec![alert("A", "a - ignoring() group_left(x) (b * 2)")]);
        for printed in ["a - (b * 2)", "a - ignoring () group_left (x) (b * 2)"] {
            assert_eq!(same_group_as_loaded(&written, &loaded(printed), None), GroupComparison::Same, "{printed}");
        }
        let what = vec!["rule `A`: expr".to_owned()];
        let different = GroupComparison::Different { what };
        assert_eq!(same_group_as_loaded(&written, &loaded("a - (b * 3)"), None), different);
        let on = group(vec![alert("A", "a - on() group_left(x) b")]);
        assert_eq!(same_group_as_loaded(&on, &loaded("a - b"), None), different);
    }
}
