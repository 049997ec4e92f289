//! Rule groups: plain Prometheus files and `PrometheusRule`.

use std::collections::BTreeMap;

use crate::domain::duration;
use crate::domain::promql;
use crate::domain::rule::{Rule, RuleGroup, RuleGroupId, RuleKind};

use super::codes::Code;
use super::fields::{Fields, integer, sequence, text_map, wrong_type};
use super::header::Header;
use super::merge::Merged;
use super::node::{Node, ScalarKind, Span};
use super::resources::Collector;
use super::sink::Sink;
use super::template;
use super::yaml::shorten;

/// Whose schema holds: they differ in how scalars become strings, and in empty values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// A file: every scalar may stand where a string is wanted, with its raw text.
    Prometheus,
    /// A custom resource: strings are strings, `expr` may be a number, empty durations are dropped.
    Kubernetes,
}

/// Reads a plain rule file and adds its groups.
pub(crate) fn read_file(merged: &Merged, header: &Header<'_>, collector: &mut Collector) {
    let Some(top) = Fields::open(&merged.node, "a rule file", &["groups"], &mut collector.sink) else { return };
    if let Some(groups) = top.get("groups") {
        read_groups(groups, Dialect::Prometheus, header, collector);
    }
}

/// Reads a `PrometheusRule` and adds its groups.
pub(crate) fn read_resource(merged: &Merged, header: &Header<'_>, collector: &mut Collector) {
    let sink = &mut collector.sink;
    let Some(top) =
        Fields::open(&merged.node, "a PrometheusRule", &["apiVersion", "kind", "metadata", "spec", "status"], sink)
    else {
        return;
    };
    let Some(spec) = top.require("spec", sink).and_then(|node| Fields::open(node, "spec", &["groups"], sink)) else {
        return;
    };
    if let Some(groups) = spec.get("groups") {
        read_groups(groups, Dialect::Kubernetes, header, collector);
    }
}

fn read_groups(node: &Node, dialect: Dialect, header: &Header<'_>, collector: &mut Collector) {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    for item in sequence(node, "`groups`", &mut collector.sink).unwrap_or_default() {
        let Some((name, name_span, group, places)) = read_group(item, dialect, &mut collector.sink) else {
            continue;
        };
        let sink = &mut collector.sink;
        if let Some(first) = names.get(&name) {
            let message = format!("the group `{}` stands twice, first in line {}", shorten(&name), first.line);
            sink.error(Code::DuplicateRuleGroup, name_span, message, "rename one of them".to_owned());
            continue;
        }
        names.insert(name.clone(), name_span);
        let id = RuleGroupId { namespace: header.name.to_owned(), group: name };
        if let Some(first) = collector.state.rule_groups.get(&id) {
            let message = format!(
                "the rule group `{}` of `{}` is declared twice, first at {}",
                shorten(&id.group),
                shorten(&id.namespace),
                first.location
            );
            let help = "a PrometheusRule and a rule file cannot have the same name; rename one of them".to_owned();
            sink.error(Code::DuplicateResource, name_span, message, help);
            continue;
        }
        let mut fields = BTreeMap::from([("rules".to_owned(), sink.location(places.list))]);
        for (index, span) in places.rules.into_iter().enumerate() {
            fields.insert(format!("rules.{index}"), sink.location(span));
        }
        let declared = header.declare(group, name_span, header.management(false), fields, sink);
        collector.state.rule_groups.insert(id, declared);
    }
}

/// Where the rules of a group stand.
struct RulePlaces {
    list: Span,
    /// One for each rule.
    rules: Vec<Span>,
}

fn read_group(node: &Node, dialect: Dialect, sink: &mut Sink) -> Option<(String, Span, RuleGroup, RulePlaces)> {
    let allowed: &[&str] = match dialect {
        Dialect::Prometheus => &["name", "interval", "query_offset", "limit", "labels", "rules"],
        Dialect::Kubernetes => {
            &["name", "interval", "query_offset", "limit", "labels", "rules", "partial_response_strategy"]
        }
    };
    let group = Fields::open(node, "a rule group", allowed, sink)?;
    let name_node = group.require("name", sink);
    let name = name_node.and_then(|node| string(node, "the group's `name`", dialect, sink));
    if name.as_deref() == Some("") {
        sink.error(Code::BadRule, node.span, "the group's name is empty", None);
    }
    if let Some(strategy) = group.get("partial_response_strategy") {
        let fine =
            strategy.as_text().is_some_and(|text| ["", "warn", "abort"].contains(&text.to_ascii_lowercase().as_str()));
        if !fine {
            sink.error(Code::BadValue, strategy.span, "partial_response_strategy is `warn` or `abort`", None);
        }
    }
    let interval_ms = read_duration(&group, "interval", dialect, sink);
    let query_offset_ms = read_duration(&group, "query_offset", dialect, sink);
    // A negative limit is none, as zero is.
    let limit = group.get("limit").and_then(|node| integer(node, "the group's `limit`", i64::MIN, i64::MAX, sink));
    let labels = group.get("labels").map(|node| read_labels(node, dialect, sink)).unwrap_or_default();
    let rules_node = group.get("rules");
    let items = rules_node.and_then(|node| sequence(node, "the group's `rules`", sink)).unwrap_or_default();
    let (rules, rule_spans) =
        items.iter().filter_map(|item| Some((read_rule(item, dialect, sink)?, item.span))).unzip();
    let group = RuleGroup {
        interval_ms: interval_ms.filter(|interval| *interval > 0), // Zero is Prometheus' default.
        query_offset_ms,
        limit: limit.and_then(|limit| u64::try_from(limit).ok()).unwrap_or_default(),
        labels,
        rules,
    };
    let name_span = name_node?.span;
    let places = RulePlaces { list: rules_node.map_or(name_span, |node| node.span), rules: rule_spans };
    Some((name.filter(|name| !name.is_empty())?, name_span, group, places))
}

/// Reads what must be a string; a rule file takes the text of any scalar.
fn string(node: &Node, what: &str, dialect: Dialect, sink: &mut Sink) -> Option<String> {
    let scalar = node.as_scalar().filter(|scalar| dialect == Dialect::Prometheus || scalar.kind == ScalarKind::Text);
    if scalar.is_none() {
        wrong_type(node, what, "a string", sink);
    }
    scalar.map(|scalar| scalar.text.to_string())
}

fn read_labels(node: &Node, dialect: Dialect, sink: &mut Sink) -> BTreeMap<String, String> {
    let labels = read_string_map(node, "labels", dialect, sink);
    for name in labels.keys().filter(|name| name.is_empty() || *name == "__name__") {
        let span = node.entry(name).map_or(node.span, |entry| entry.key_span);
        sink.error(Code::BadRule, span, format!("a label cannot be called `{}`", shorten(name)), None);
    }
    labels
}

fn read_annotations(node: &Node, dialect: Dialect, sink: &mut Sink) -> BTreeMap<String, String> {
    let annotations = read_string_map(node, "annotations", dialect, sink);
    if let Some(entry) = node.entry("") {
        sink.error(Code::BadRule, entry.key_span, "an annotation needs a name", None);
    }
    annotations
}

fn read_string_map(node: &Node, what: &str, dialect: Dialect, sink: &mut Sink) -> BTreeMap<String, String> {
    if dialect == Dialect::Kubernetes || node.as_mapping().is_none() {
        return text_map(node, what, sink);
    }
    let mut map = BTreeMap::new();
    for entry in node.as_mapping().unwrap_or_default() {
        if entry.value.is_null() {
            map.insert(entry.key.to_string(), String::new());
        } else if let Some(value) = string(&entry.value, &format!("`{}`", shorten(&entry.key)), dialect, sink) {
            map.insert(entry.key.to_string(), value);
        }
    }
    map
}

fn read_duration(fields: &Fields<'_>, key: &str, dialect: Dialect, sink: &mut Sink) -> Option<u64> {
    let node = fields.get(key)?;
    let raw = string(node, &format!("`{key}`"), dialect, sink)?;
    // The operator drops empty ones; `keep_firing_for` cannot be empty there.
    if raw.is_empty() && dialect == Dialect::Kubernetes && key != "keep_firing_for" {
        return None;
    }
    let parsed = duration::parse_ms(&raw).ok();
    if parsed.is_none() {
        let help = "write numbers with units, from large to small: `1h30m`, `90s`, `500ms`".to_owned();
        sink.error(Code::BadDuration, node.span, format!("`{key}` cannot be `{}`", shorten(&raw)), help);
    }
    parsed
}

fn read_rule(node: &Node, dialect: Dialect, sink: &mut Sink) -> Option<Rule> {
    let allowed = ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];
    let fields = Fields::open(node, "a rule", &allowed, sink)?;
    // A name that is there and is no string was reported; that it is missing would be the same mistake again.
    let mut name = |key: &str| {
        let node = fields.get(key).filter(|node| node.as_scalar().is_none_or(|scalar| !scalar.text.is_empty()))?;
        Some((string(node, &format!("`{key}`"), dialect, sink), node.span))
    };
    let (record, alert) = (name("record"), name("alert"));
    let expr = read_expression(&fields, dialect, sink);
    let labels = fields.get("labels").map(|node| read_labels(node, dialect, sink)).unwrap_or_default();
    let kind = match (record, alert) {
        (Some((record, span)), None) => {
            check_recording(record.as_deref().unwrap_or_default(), span, &fields, sink);
            record.map(|record| RuleKind::Recording { record })
        }
        (None, Some((alert, _))) => {
            let annotations = fields.get("annotations");
            for map in [fields.get("labels"), annotations].into_iter().flatten() {
                check_templates(map, sink);
            }
            let for_ms = read_duration(&fields, "for", dialect, sink).unwrap_or_default();
            let keep_firing_for_ms = read_duration(&fields, "keep_firing_for", dialect, sink).unwrap_or_default();
            let annotations = annotations.map(|node| read_annotations(node, dialect, sink)).unwrap_or_default();
            alert.map(|alert| RuleKind::Alerting { alert, for_ms, keep_firing_for_ms, annotations })
        }
        (Some(_), Some((_, span))) => {
            sink.error(
                Code::BadRule,
                span,
                "a rule has either `record` or `alert`, not both",
                "split it into two rules".to_owned(),
            );
            return None;
        }
        (None, None) if fields.is_misspelt("record") || fields.is_misspelt("alert") => return None,
        (None, None) => {
            sink.error(
                Code::BadRule,
                node.span,
                "the rule has neither `record` nor `alert`",
                "add one of them".to_owned(),
            );
            return None;
        }
    };
    Some(Rule { kind: kind?, expr: expr?, labels })
}

fn read_expression(fields: &Fields<'_>, dialect: Dialect, sink: &mut Sink) -> Option<String> {
    let Some(node) = fields.get("expr") else {
        if fields.is_misspelt("expr") {
            return None;
        }
        sink.error(Code::BadRule, fields.span(), "the rule has no `expr`", "add the expression".to_owned());
        return None;
    };
    let number = node.as_scalar().filter(|scalar| scalar.kind == ScalarKind::Integer);
    let expression = match (dialect, number) {
        (Dialect::Kubernetes, Some(scalar)) => scalar.integer().map(|value| value.to_string()),
        (Dialect::Kubernetes, None) | (Dialect::Prometheus, _) => string(node, "`expr`", dialect, sink),
    }?;
    if expression.trim().is_empty() {
        sink.error(Code::BadRule, node.span, "the rule's `expr` is empty", None);
        return None;
    }
    match promql::check(&expression) {
        Err(reason) => {
            sink.error(Code::BadPromql, node.span, format!("this is not valid PromQL: {}", shorten(&reason)), None);
            return None;
        }
        Ok(remarks) => {
            if remarks.uses_holt_winters {
                let help = "use `double_exponential_smoothing` once every Prometheus is at version 3".to_owned();
                sink.warning(Code::RemovedPromql, node.span, "Prometheus 3 has no `holt_winters`", help);
            }
            for name in remarks.not_checked {
                let message = format!("`{name}` is newer than what is checked here: Prometheus decides about it");
                let help = "check the rule with the `promtool` of the Prometheus that loads it".to_owned();
                sink.warning(Code::UncheckedPromql, node.span, message, help);
            }
            for (name, flag) in remarks.experimental {
                let message = format!("`{name}` is experimental: Prometheus refuses it without a feature flag");
                let help = format!("it needs `--enable-feature={flag}`");
                sink.warning(Code::ExperimentalPromql, node.span, message, help);
            }
        }
    }
    Some(expression)
}

fn check_recording(record: &str, span: Span, fields: &Fields<'_>, sink: &mut Sink) {
    if record.contains(['{', '}']) {
        let help = "labels belong into `labels`".to_owned();
        sink.error(Code::BadRule, span, format!("`{}` is not a metric's name", shorten(record)), help);
    }
    for key in ["for", "keep_firing_for", "annotations"] {
        let filled = |node: &&Node| match node.as_scalar() {
            Some(scalar) => !scalar.text.is_empty() && duration::parse_ms(&scalar.text) != Ok(0),
            None => node.as_mapping() != Some(&[]),
        };
        if let Some(node) = fields.get(key).filter(filled) {
            sink.error(Code::BadRule, node.span, format!("a recording rule has no `{key}`"), "remove it".to_owned());
        }
    }
}

/// Reports templates that Prometheus cannot parse.
fn check_templates(map: &Node, sink: &mut Sink) {
    for entry in map.as_mapping().unwrap_or_default() {
        if let Some(reason) = entry.value.as_text().and_then(|text| template::check(text).err()) {
            let message = format!("the template in `{}` is wrong: {reason}", shorten(&entry.key));
            let help = "templates are Go's: `{{ $labels.NAME }}`, `{{ $value | humanize }}`".to_owned();
            sink.error(Code::BadTemplate, entry.value.span, message, help);
        }
    }
}
