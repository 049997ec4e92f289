//! The text of a rule file: written by us, and read back even after somebody edited it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

use crate::domain::duration;
use crate::domain::rule::{Rule, RuleGroup, RuleKind};
use crate::domain::rule_comparison::merged_labels;

/// First line of every file that is ours.
pub(super) const MARK: &str = "# Written by driftless. Changes made here are overwritten.";
/// What is looked for: the rest of the line may change between versions.
const MARK_START: &str = "# Written by driftless.";

/// Says whether a file that starts with these bytes is ours.
pub(super) fn is_marked(start: &[u8]) -> bool {
    start.starts_with(MARK_START.as_bytes())
}

/// Writes the groups. The same groups give the same bytes. A group's labels are written into its rules, which means the
/// same and is understood by every Prometheus; groups have labels of their own only since 3.0.
pub(super) fn render(groups: &BTreeMap<String, RuleGroup>) -> String {
    let mut text = format!("{MARK}\ngroups:\n");
    for (name, group) in groups {
        line(&mut text, 2, &format!("- name: {}", quoted(name)));
        if let Some(interval) = group.interval_ms {
            line(&mut text, 4, &format!("interval: {}", duration::format(interval)));
        }
        if let Some(offset) = group.query_offset_ms {
            line(&mut text, 4, &format!("query_offset: {}", duration::format(offset)));
        }
        if group.limit != 0 {
            line(&mut text, 4, &format!("limit: {}", group.limit));
        }
        if group.rules.is_empty() {
            line(&mut text, 4, "rules: []");
            continue;
        }
        line(&mut text, 4, "rules:");
        for rule in &group.rules {
            render_rule(&mut text, rule, &merged_labels(group, rule));
        }
    }
    text
}

fn render_rule(text: &mut String, rule: &Rule, labels: &BTreeMap<String, String>) {
    match &rule.kind {
        RuleKind::Alerting { alert, for_ms, keep_firing_for_ms, annotations } => {
            line(text, 6, &format!("- alert: {}", quoted(alert)));
            render_expression(text, &rule.expr);
            if *for_ms != 0 {
                line(text, 8, &format!("for: {}", duration::format(*for_ms)));
            }
            if *keep_firing_for_ms != 0 {
                line(text, 8, &format!("keep_firing_for: {}", duration::format(*keep_firing_for_ms)));
            }
            render_map(text, "labels", labels);
            render_map(text, "annotations", annotations);
        }
        RuleKind::Recording { record } => {
            line(text, 6, &format!("- record: {}", quoted(record)));
            render_expression(text, &rule.expr);
            render_map(text, "labels", labels);
        }
    }
}

fn render_expression(text: &mut String, expression: &str) {
    // White space around an expression means nothing, and would need YAML's indentation marks.
    let expression = expression.trim();
    let is_plain = !expression.is_empty() && expression.chars().all(|sign| sign == '\n' || !needs_escape(sign));
    if !is_plain {
        line(text, 8, &format!("expr: {}", quoted(expression)));
        return;
    }
    line(text, 8, "expr: |-");
    for part in expression.split('\n') {
        line(text, if part.is_empty() { 0 } else { 10 }, part);
    }
}

fn render_map(text: &mut String, name: &str, map: &BTreeMap<String, String>) {
    if map.is_empty() {
        return;
    }
    line(text, 8, &format!("{name}:"));
    for (key, value) in map {
        line(text, 10, &format!("{}: {}", quoted(key), quoted(value)));
    }
}

fn line(text: &mut String, indentation: usize, content: &str) {
    text.push_str(&" ".repeat(indentation));
    text.push_str(content);
    text.push('\n');
}

/// A YAML double-quoted scalar, which no parser takes for anything but a string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for sign in text.chars() {
        match sign {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            sign if needs_escape(sign) => drop(write!(quoted, "\\U{:08x}", u32::from(sign))),
            sign => quoted.push(sign),
        }
    }
    quoted.push('"');
    quoted
}

/// Signs that YAML does not print, or takes for the end of a line.
fn needs_escape(sign: char) -> bool {
    sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    groups: Option<Vec<RawGroup>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    name: String,
    interval: Option<String>,
    query_offset: Option<String>,
    limit: Option<u64>,
    labels: Option<BTreeMap<String, String>>,
    rules: Option<Vec<RawRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    record: Option<String>,
    alert: Option<String>,
    expr: String,
    r#for: Option<String>,
    keep_firing_for: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

/// Reads a rule file, by group name; the error says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, RuleGroup>, String> {
    let only_comments = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if only_comments {
        return Ok(BTreeMap::new());
    }
    let file: RawFile = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let mut groups = BTreeMap::new();
    for raw in file.groups.unwrap_or_default() {
        let name = raw.name.clone();
        let group = group(raw).map_err(|reason| format!("group `{name}`: {reason}"))?;
        if groups.insert(name.clone(), group).is_some() {
            return Err(format!("group `{name}` is there twice"));
        }
    }
    Ok(groups)
}

fn group(raw: RawGroup) -> Result<RuleGroup, String> {
    Ok(RuleGroup {
        interval_ms: milliseconds(raw.interval)?,
        query_offset_ms: milliseconds(raw.query_offset)?,
        limit: raw.limit.unwrap_or_default(),
        labels: raw.labels.unwrap_or_default(),
        rules: raw.rules.unwrap_or_default().into_iter().map(rule).collect::<Result<_, _>>()?,
    })
}

fn rule(raw: RawRule) -> Result<Rule, String> {
    let kind = match (raw.alert, raw.record) {
        (Some(alert), None) => RuleKind::Alerting {
            alert,
            for_ms: milliseconds(raw.r#for)?.unwrap_or_default(),
            keep_firing_for_ms: milliseconds(raw.keep_firing_for)?.unwrap_or_default(),
            annotations: raw.annotations.unwrap_or_default(),
        },
        (None, Some(record)) => {
            if raw.r#for.is_some() || raw.keep_firing_for.is_some() || raw.annotations.is_some() {
                return Err(format!("the recording rule `{record}` has settings of an alert"));
            }
            RuleKind::Recording { record }
        }
        (Some(_), Some(_)) | (None, None) => return Err("a rule needs either `alert` or `record`".to_owned()),
    };
    Ok(Rule { kind, expr: raw.expr, labels: raw.labels.unwrap_or_default() })
}

fn milliseconds(text: Option<String>) -> Result<Option<u64>, String> {
    text.map(|text| duration::parse_ms(&text)).transpose().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nasty() -> BTreeMap<String, RuleGroup> {
        let texts = |texts: &[(&str, &str)]| -> BTreeMap<String, String> {
            texts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let kind = RuleKind::Alerting {
            alert: "yes".to_owned(),
            for_ms: 300_000,
            keep_firing_for_ms: 90_000,
            annotations: texts(&[
                ("summary", "{{ $labels.topic }}: \"quoted\" \\ back\nand a second line\n"),
                ("odd", "\u{7f}\u{85}\u{2028}\u{feff}\u{0}\r ünïcode 🦀"),
                ("empty", ""),
                ("colon", "a: b # c"),
            ]),
        };
        let alert = Rule {
            kind,
            expr: "  # why\n  sum by (topic) (x{a=~\"b.*\"})\n\n    > 1\n".to_owned(),
            labels: texts(&[("severity", "1"), ("on", "off"), ("null", "~")]),
        };
        let record = Rule {
            kind: RuleKind::Recording { record: "job:x:rate5m".to_owned() },
            expr: "x\r\n + 1".to_owned(),
            labels: BTreeMap::new(),
        };
        let group = RuleGroup {
            interval_ms: Some(90_000),
            query_offset_ms: Some(1),
            limit: 7,
            labels: texts(&[("team", "kafka"), ("severity", "low")]),
            rules: vec![alert, record],
        };
        let empty = RuleGroup { labels: BTreeMap::new(), rules: Vec::new(), ..group.clone() };
        BTreeMap::from([("- {name}: \"x\"".to_owned(), group), ("empty".to_owned(), empty)])
    }

    #[test]
    fn what_is_written_reads_back_and_is_ours() {
        let text = render(&nasty());
        assert!(is_marked(text.as_bytes()));
        let read = parse(&text).expect("our own file");
        for (name, group) in nasty() {
            let same = crate::domain::rule_comparison::same_group(&group, &read[&name]);
            assert_eq!(same, crate::domain::rule_comparison::GroupComparison::Same, "{text}");
        }
        assert_eq!(render(&read), render(&nasty()));
    }

    #[test]
    fn a_file_looks_as_a_person_would_write_it() {
        let rule = Rule {
            kind: RuleKind::Recording { record: "a:b".to_owned() },
            expr: "sum(x)\n  / sum(y)".to_owned(),
            labels: BTreeMap::from([("team".to_owned(), "kafka".to_owned())]),
        };
        let group = RuleGroup {
            interval_ms: Some(60_000),
            query_offset_ms: None,
            limit: 0,
            labels: BTreeMap::new(),
            rules: vec![rule],
        };
        let wanted = "# Written by driftless. Changes made here are overwritten.\ngroups:\n  - name: \"g\"\n    interval: 1m\n    \
                      rules:\n      - record: \"a:b\"\n        expr: |-\n          sum(x)\n            / sum(y)\n        \
                      labels:\n          \"team\": \"kafka\"\n";
        assert_eq!(render(&BTreeMap::from([("g".to_owned(), group)])), wanted);
    }

    #[test]
    fn a_file_that_somebody_edited_is_still_read() {
        let edited =
            "groups:\n- name: g\n  interval: 60s\n  rules:\n  - {alert: A, expr: 1, for: 0, labels: {severity: 1}}\n";
        let groups = parse(edited).expect("a rule file");
        assert_eq!(groups["g"].interval_ms, Some(60_000));
        assert_eq!(groups["g"].rules[0].labels["severity"], "1");
        for empty in ["", "# only a comment\n", "groups:\n", "groups: []\n"] {
            assert_eq!(parse(empty), Ok(BTreeMap::new()), "{empty:?}");
        }
    }

    #[test]
    fn a_file_that_prometheus_would_not_take_is_refused() {
        let cases = [
            ("groups: [{name: g}, {name: g}]", "twice"),
            ("groups: [{name: g, rules: [{expr: up}]}]", "either `alert` or `record`"),
            ("groups: [{name: g, rules: [{record: a, alert: b, expr: up}]}]", "either `alert` or `record`"),
            ("groups: [{name: g, rules: [{record: a, expr: up, for: 1m}]}]", "settings of an alert"),
            ("groups: [{name: g, interval: soon}]", "`soon`"),
            ("groups: [{name: g, intervall: 1m}]", "intervall"),
            ("groups: {", ""),
        ];
        for (text, reason) in cases {
            let error = parse(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
