//! Whether two rule groups mean the same, however they are spelled.
//!
//! Prometheus gives back what it parsed: `60s` as `1m`, `sum(x) by (job)` as `sum by (job) (x)`, comments gone, the
//! group's labels merged into the rules'. None of that is a difference.

use std::collections::BTreeMap;

use promql_parser::label::{METRIC_NAME, MatchOp};
use promql_parser::parser::{Expr, VectorMatchCardinality, VectorSelector};

use super::promql_source;
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
    compare_rest(first, second, &meanings(first, canonical_expression), &meanings(second, canonical_expression), what)
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
    let found = meanings(loaded, canonical_expression);
    let exact = compare_rest(written, loaded, &meanings(written, canonical_expression), &found, what.clone());
    if exact == GroupComparison::Same {
        return exact;
    }
    match compare_rest(written, loaded, &meanings(written, expression_as_old_prometheus_prints), &found, what) {
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

/// Most operators, brackets and the like in an expression. An expression is a tree as deep as it has operators, and the
/// parser's tree is walked by recursion; far more than this would overflow the stack.
const MAX_OPERATORS: usize = 1000;

/// Says whether Prometheus can parse the expression; the error is the parser's message.
pub fn check_expression(expression: &str) -> Result<(), String> {
    parse_bounded(expression).map(drop)
}

/// One spelling for all expressions that Prometheus parses to the same, whatever their layout, comments, durations and
/// order of matchers. What does not parse keeps its text, with single spaces.
pub fn canonical_expression(expression: &str) -> String {
    spell(expression, false)
}

/// Prometheus up to 2.x prints an operator with an empty `ignoring ()` without it and without the `group_left` after it,
/// although that is something else. So from there nothing better can be expected.
fn expression_as_old_prometheus_prints(expression: &str) -> String {
    spell(expression, true)
}

fn spell(expression: &str, without_empty_ignoring: bool) -> String {
    match parse_bounded(expression) {
        Ok(mut parsed) => {
            normalise(&mut parsed, without_empty_ignoring);
            name_empty_ignoring(&parsed.to_string())
        }
        Err(_) => expression.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// Parses PromQL that is not absurdly deep.
pub(crate) fn parse_bounded(expression: &str) -> Result<Expr, String> {
    if count_operators(expression) > MAX_OPERATORS {
        return Err(format!("more than {MAX_OPERATORS} operators in one expression"));
    }
    parse_expression(expression)
}

/// Parses PromQL. The parser panics on durations beyond its range (`up[99999999999999999999]`, `up offset 1e30`), so they
/// are refused before it sees them; should it panic all the same, that is an error like any other.
pub fn parse_expression(expression: &str) -> Result<Expr, String> {
    if has_absurd_duration(expression) {
        return Err("a duration is out of range".to_owned());
    }
    let parse = || promql_parser::parser::parse(&promql_source::for_parser(expression)?);
    std::panic::catch_unwind(parse).unwrap_or_else(|_| Err("its numbers are out of bounds".to_owned()))
}

/// Says whether a number in brackets or after `offset` or `@` is beyond what nanoseconds in 64 bits can hold.
fn has_absurd_duration(expression: &str) -> bool {
    const MOST_SECONDS: f64 = 9.2e9;
    static NUMBERS: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
        regex::Regex::new(r"(?i)(?:\[[^\]]*|(?:offset|@)\s*[-+]?\s*[0-9][0-9a-z.+_-]*)").expect("a regular expression")
    });
    static NUMBER: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
        regex::Regex::new(r"(?i)0x[0-9a-f]+|[0-9][0-9_]*(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?").expect("a regular expression")
    });
    let code = promql_source::without_strings(expression);
    NUMBERS.find_iter(&code).flat_map(|place| NUMBER.find_iter(place.as_str())).any(|number| {
        let text = number.as_str().replace('_', "");
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(hex) => u64::from_str_radix(hex, 16).is_ok_and(|value| value > 9_200_000_000) || hex.len() > 16,
            None => text.parse::<f64>().is_ok_and(|value| value > MOST_SECONDS),
        }
    })
}

fn count_operators(expression: &str) -> usize {
    let signs = expression.chars().filter(|sign| "+-*/%^=!<>([{".contains(*sign)).count();
    let words = expression
        .split(|sign: char| !sign.is_ascii_alphanumeric())
        .filter(|word| ["and", "or", "unless", "atan2"].iter().any(|operator| word.eq_ignore_ascii_case(operator)));
    signs + words.count()
}

/// Makes `{__name__="up"}` and `{"up"}` to `up`, as the name outside and inside the braces means the same.
fn normalise(expression: &mut Expr, without_empty_ignoring: bool) {
    let normalise = |expression: &mut Expr| normalise(expression, without_empty_ignoring);
    match expression {
        Expr::Aggregate(aggregate) => {
            normalise(&mut aggregate.expr);
            if let Some(parameter) = &mut aggregate.param {
                normalise(parameter);
            }
        }
        Expr::Unary(unary) => normalise(&mut unary.expr),
        Expr::Binary(binary) => {
            normalise(&mut binary.lhs);
            normalise(&mut binary.rhs);
            if without_empty_ignoring
                && let Some(modifier) = &mut binary.modifier
                && modifier.card.labels().is_some()
                && modifier.matching.as_ref().is_none_or(|on| !on.is_include() && on.labels().is_empty())
            {
                modifier.card = VectorMatchCardinality::OneToOne;
            }
        }
        Expr::Paren(paren) => normalise(&mut paren.expr),
        Expr::Subquery(subquery) => normalise(&mut subquery.expr),
        Expr::VectorSelector(selector) => name_selector(selector),
        Expr::MatrixSelector(matrix) => name_selector(&mut matrix.vs),
        Expr::Call(call) => call.args.args.iter_mut().for_each(|argument| normalise(argument)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn name_selector(selector: &mut VectorSelector) {
    let matchers = &mut selector.matchers.matchers;
    let mut names = matchers.iter().enumerate().filter(|(_, matcher)| matcher.name == METRIC_NAME);
    let (Some((index, matcher)), None) = (names.next(), names.next()) else { return };
    let is_plain = matcher.value.starts_with(|first: char| first.is_ascii_alphabetic() || "_:".contains(first))
        && matcher.value.chars().all(|sign| sign.is_ascii_alphanumeric() || "_:".contains(sign));
    if selector.name.is_none() && matcher.op == MatchOp::Equal && is_plain {
        selector.name = Some(matchers.remove(index).value);
    }
}

/// Writes the `ignoring ()` that the grammar wants between an operator and `group_left` or `group_right`.
fn name_empty_ignoring(expression: &str) -> String {
    let mut named = String::with_capacity(expression.len());
    let mut rest = expression;
    let mut quote = None;
    while let Some(sign) = rest.chars().next() {
        let is_grouping = rest.starts_with("group_left") || rest.starts_with("group_right");
        if quote.is_none() && is_grouping && needs_ignoring(&named) {
            named.push_str("ignoring () ");
        }
        match quote {
            None if "\"'`".contains(sign) => quote = Some(sign),
            Some(open) if open == sign => quote = None,
            Some('"' | '\'') if sign == '\\' => {
                // The sign after a backslash never ends the string.
                named.push(sign);
                rest = &rest[sign.len_utf8()..];
                let Some(escaped) = rest.chars().next() else { break };
                named.push(escaped);
                rest = &rest[escaped.len_utf8()..];
                continue;
            }
            None | Some(_) => {}
        }
        named.push(sign);
        rest = &rest[sign.len_utf8()..];
    }
    named
}

/// Says whether what comes before a `group_left` is an operator, and not `on (...)`, a bracket, or part of a name.
fn needs_ignoring(before: &str) -> bool {
    if !before.ends_with(char::is_whitespace) && !before.ends_with(['+', '-', '*', '/', '%', '^', '=', '<', '>']) {
        return false;
    }
    let before = before.trim_end();
    let word = before.rsplit(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').next().unwrap_or_default();
    before.ends_with(['+', '-', '*', '/', '%', '^', '=', '<', '>'])
        || ["bool", "atan2"].iter().any(|operator| word.eq_ignore_ascii_case(operator))
}

/// Why a text is not a duration as Prometheus writes them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration such as `30s`, `5m` or `1h30m`")]
pub struct InvalidDuration(String);

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 60 * 60 * 1000),
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// Reads a duration as Prometheus does: whole numbers with the units y, w, d, h, m, s, ms, each at most once and in
/// this order; or `0`. Returns milliseconds.
pub fn parse_duration_ms(text: &str) -> Result<u64, InvalidDuration> {
    let invalid = || InvalidDuration(text.to_owned());
    if text == "0" {
        return Ok(0);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit()).ok_or_else(invalid)?;
        let (number, after) = rest.split_at(digits);
        let unit_length = after.find(|sign: char| sign.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        // Going on from the last unit found is what makes order and uniqueness hold.
        let (_, milliseconds) = units.find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*milliseconds));
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(invalid)?;
        rest = after;
    }
    // Prometheus counts nanoseconds in 63 bits.
    if text.is_empty() || total > i64::MAX as u64 / 1_000_000 { Err(invalid()) } else { Ok(total) }
}

/// Writes milliseconds as Prometheus does: `1m`, `1h30m`, `0s`; years and weeks only when nothing remains.
pub fn format_duration(milliseconds: u64) -> String {
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let mut rest = milliseconds;
    let mut text = String::new();
    for (unit, size) in UNITS {
        let only_exact = matches!(unit, "y" | "w");
        if rest >= size && (!only_exact || rest.is_multiple_of(size)) {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
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
    fn absurd_durations_are_errors_and_large_numbers_are_not() {
        for absurd in
            ["up[99999999999999999999]", "up offset 1e30", "up[1e30s:5m]", "up @ 1e300", "up[0xffffffffffffffff]"]
        {
            assert!(parse_expression(absurd).is_err(), "{absurd}");
        }
        for fine in [
            "up > 1e30",
            "rate(http_requests_total{code=~\"5[0-9]{2}\"}[5m]) > 99999999999",
            "up offset 1y",
            "up @ 1609746000",
            "rate(up{account=\"a@123456789012\", text=\"[\", id=\"99999999999\"}[5m])",
        ] {
            assert!(parse_expression(fine).is_ok(), "{fine}: {:?}", parse_expression(fine).err());
        }
    }

    #[test]
    fn spellings_of_one_expression_are_the_same() {
        let cases = [
            ("sum(x) by (job)", "sum by (job) (x)"),
            ("sum by(job)(x)", "sum by (job) (x)"),
            ("rate(x[60s])", "rate(x[1m])"),
            ("x > 1e3", "x > 1000"),
            ("x{b=\"1\", a=\"2\",}", "x{a=\"2\",b=\"1\"}"),
            ("x # why\n  > 1", "x > 1"),
            ("x{a='1'}", "x{a=\"1\"}"),
            ("x{a=`\\.`}", "x{a=\"\\\\.\"}"),
            ("x{a=~`[\\w-.]`}", "x{a=~'[\\\\w-.]'}"),
            ("{__name__=\"up\", job=\"a\"}", "up{job=\"a\"}"),
            ("{\"up\"}", "up"),
            ("{\"utf8.name\"}", "{__name__=\"utf8.name\"}"),
            ("{\"utf8.name\", a=\"1\"}", "{a=\"1\", __name__=\"utf8.name\"}"),
            ("a - ignoring() group_left c", "a - ignoring () group_left () c"),
            ("sum(x) > 5m", "sum(x) > 300"),
            ("x offset 60s", "x offset 1m"),
            ("not  a   (query", "not a (query"),
        ];
        for (one, other) in cases {
            assert_eq!(canonical_expression(one), canonical_expression(other), "{one}");
        }
    }

    #[test]
    fn expressions_that_mean_something_else_stay_apart() {
        let cases = [
            ("x > 1", "x >= 1"),
            ("sum(x)", "sum without () (x)"),
            ("a + on() b", "a + b"),
            ("a - ignoring() group_left c", "a - c"),
            ("a - on() group_left c", "a - ignoring() group_left c"),
            ("(a + b) * c", "a + b * c"),
            ("x{a=\"group_left\"}", "x{a=\"ignoring () group_left\"}"),
            ("x{a=~\"b\"}", "x{a=\"b\"}"),
            ("x{a=\" - group_left\"}", "x{a=\" - ignoring () group_left\"}"),
            ("rate(x[1m])", "rate(x[1m:])"),
            ("x offset 1m", "x offset -1m"),
            ("x @ 1", "x @ 2"),
            ("{__name__=\"up\"}", "{__name__=~\"up\"}"),
            ("-x ^ 2", "(-x) ^ 2"),
        ];
        for (one, other) in cases {
            assert_ne!(canonical_expression(one), canonical_expression(other), "{one}");
        }
    }

    #[test]
    fn a_canonical_expression_parses_and_is_canonical() {
        for expression in
            ["a - ignoring() group_left c", "sum(x) by (job)", "{\"utf8.name\"}", "a * bool_x", "{a=\"\\\"\"}"]
        {
            let canonical = canonical_expression(expression);
            assert_eq!(check_expression(&canonical), Ok(()), "{canonical}");
            assert_eq!(canonical_expression(&canonical), canonical);
        }
    }

    #[test]
    fn an_absurdly_deep_expression_is_refused_and_not_a_crash() {
        let deep = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(check_expression(&deep(MAX_OPERATORS)), Ok(()));
        assert_eq!(canonical_expression(&deep(MAX_OPERATORS)).len(), 2 * MAX_OPERATORS + 1);
        assert!(check_expression(&deep(100_000)).is_err());
        assert!(check_expression(&vec!["a"; MAX_OPERATORS].join(" or ")).is_ok());
        assert!(check_expression(&vec!["a"; 100_000].join(" or ")).is_err());
        assert!(check_expression(&format!("{}1", "-".repeat(100_000))).is_err());
        assert_eq!(canonical_expression(&deep(100_000)), deep(100_000));
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

    #[test]
    fn durations_are_read_and_written_as_prometheus_does() {
        let cases = [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("60s", 60_000, "1m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("90d", 7_776_000_000, "90d"),
            ("2w", 1_209_600_000, "2w"),
            ("1y", 31_536_000_000, "1y"),
            ("1d1ms", 86_400_001, "1d1ms"),
            ("1500ms", 1500, "1s500ms"),
        ];
        for (text, milliseconds, written) in cases {
            assert_eq!(parse_duration_ms(text), Ok(milliseconds), "{text}");
            assert_eq!(format_duration(milliseconds), written);
            assert_eq!(parse_duration_ms(written), Ok(milliseconds));
        }
        for text in ["", "1", "m", "1m1h", "1m1m", "-1m", "1.5h", "1 m", "1M", "999999999999999999999s", "300y", "1mm"]
        {
            assert!(parse_duration_ms(text).is_err(), "{text}");
        }
    }
}
