//! `Approval` and `PolicyException`.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::domain::desired::{Approval, PolicyException};
use crate::domain::resource::{ResourceId, ResourceKind};

use super::codes::Code;
use super::fields::{Fields, filled_text, sequence, text};
use super::header::Header;
use super::merge::Merged;
use super::node::Node;
use super::resources::Collector;
use super::sink::Sink;
use super::yaml::shorten;

/// Reads an `Approval` and adds it.
pub(crate) fn read_approval(merged: &Merged, header: &Header<'_>, collector: &mut Collector) {
    let sink = &mut collector.sink;
    let Some(spec) = open_spec(merged, "an Approval", &["actions", "reason", "expires"], sink) else { return };
    let actions = texts(&spec, "actions", sink, |raw, node, sink| {
        let fine = raw.rsplit_once('/').is_some_and(|(id, action)| {
            ["create", "update", "delete"].contains(&action) && ResourceId::parse(id).is_some()
        });
        if !fine {
            let help = "write it as plans show it, for example `topic/orders.v0/delete`".to_owned();
            sink.error(Code::BadActionId, node.span, format!("`{}` is not an action's id", shorten(raw)), help);
        }
        fine
    });
    let reason = spec.require("reason", sink).and_then(|node| filled_text(node, "spec.reason", sink));
    let expires = read_date(&spec, sink);
    if let (Some(actions), Some(reason), Some(expires)) = (actions, reason, expires) {
        collector.state.approvals.push(Approval {
            name: header.name.to_owned(),
            actions: actions.into_iter().collect(),
            reason: reason.to_owned(),
            expires,
            location: sink.location(header.name_span),
        });
    }
}

/// Reads a `PolicyException` and adds it.
pub(crate) fn read_exception(merged: &Merged, header: &Header<'_>, collector: &mut Collector) {
    let sink = &mut collector.sink;
    let Some(spec) = open_spec(merged, "a PolicyException", &["rules", "resources", "reason", "expires"], sink) else {
        return;
    };
    let rules = texts(&spec, "rules", sink, |_, _, _| true);
    let resources = texts(&spec, "resources", sink, |raw, node, sink| {
        let kinds = ResourceKind::ALL.map(ResourceKind::as_str);
        // Findings about manifests that are no resource of their own are called after the manifest: `KafkaAcl/readers`.
        let is_manifest = |kind: &str| {
            kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.chars().all(|c| c.is_ascii_alphanumeric())
        };
        let is_kind = |kind: &str| kind.contains(['*', '?']) || kinds.contains(&kind) || is_manifest(kind);
        // `cluster` is what findings about no resource are called.
        let fine = ["cluster", "*"].contains(&raw)
            || raw.split_once('/').is_some_and(|(kind, name)| is_kind(kind) && !name.is_empty());
        if !fine {
            let help = format!("write `kind/name`, for example `topic/logs-*`; the kinds are {}", kinds.join(", "));
            sink.error(Code::BadResourcePattern, node.span, format!("`{}` names no resources", shorten(raw)), help);
        }
        fine
    });
    let reason = spec.require("reason", sink).and_then(|node| filled_text(node, "spec.reason", sink));
    let expires = read_date(&spec, sink);
    if let (Some(rules), Some(resources), Some(reason), Some(expires)) = (rules, resources, reason, expires) {
        collector.state.exceptions.push(PolicyException {
            name: header.name.to_owned(),
            rules: rules.into_iter().collect::<BTreeSet<_>>(),
            resources,
            reason: reason.to_owned(),
            expires,
            location: sink.location(header.name_span),
        });
    }
}

fn open_spec<'n>(merged: &'n Merged, what: &'n str, allowed: &'n [&'n str], sink: &mut Sink) -> Option<Fields<'n>> {
    let top = Fields::open(&merged.node, what, &["apiVersion", "kind", "metadata", "spec"], sink)?;
    Fields::open(top.require("spec", sink)?, "spec", allowed, sink)
}

/// Reads a list of strings that must not be empty; absent when it is, or when one of them is wrong.
fn texts(
    spec: &Fields<'_>,
    key: &str,
    sink: &mut Sink,
    mut check: impl FnMut(&str, &Node, &mut Sink) -> bool,
) -> Option<Vec<String>> {
    let node = spec.require(key, sink)?;
    let items = sequence(node, &format!("spec.{key}"), sink)?;
    if items.is_empty() {
        sink.error(Code::MissingField, node.span, format!("spec.{key} is empty"), None);
        return None;
    }
    let mut fine = true;
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        match filled_text(item, &format!("an entry of spec.{key}"), sink) {
            Some(raw) if check(raw, item, sink) => found.push(raw.to_owned()),
            Some(_) | None => fine = false,
        }
    }
    fine.then_some(found)
}

fn read_date(spec: &Fields<'_>, sink: &mut Sink) -> Option<Date> {
    let node = spec.require("expires", sink)?;
    let raw = text(node, "spec.expires", sink)?;
    let date = (raw.len() == 10).then(|| raw.parse::<Date>().ok()).flatten();
    if date.is_none() {
        sink.error(
            Code::BadDate,
            node.span,
            format!("`{}` is not a day", shorten(raw)),
            "write it as `2026-12-31`".to_owned(),
        );
    }
    date
}
