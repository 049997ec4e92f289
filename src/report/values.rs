//! Words and values that several reports share.

use similar::{ChangeTag, TextDiff};

use super::escape::{clean, cut, is_deceptive};
use crate::domain::observed::TopicEvidence;
use crate::domain::resource::ResourceKind;
use crate::plan::types::{Action, ActionKind, FieldChange, FieldValue, Origin, Reason, Risk, Status};

/// The most characters of one value that people are shown.
const LONGEST_VALUE: usize = 200;

/// Returns the heading of a kind.
pub(super) fn kind_title(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Topic => "Topics",
        ResourceKind::User => "Users",
        ResourceKind::Acl => "ACLs",
        ResourceKind::Quota => "Quotas",
        ResourceKind::BrokerConfig => "Broker configs",
        ResourceKind::RuleGroup => "Rule groups",
    }
}

/// Returns the sign in front of an action.
pub(super) fn sign(action: &Action) -> &'static str {
    match (action.status, action.action) {
        (Status::Held, _) => "!",
        (Status::Blocked, _) => "x",
        (Status::Planned, ActionKind::Create) => "+",
        (Status::Planned, ActionKind::Update) => "~",
        (Status::Planned, ActionKind::Delete) => "-",
    }
}

/// Returns what is done, with what keeps it from being done.
pub(super) fn verb(action: &Action) -> String {
    let verb = action.action.as_str();
    match action.status {
        Status::Planned => verb.to_owned(),
        Status::Held => format!("{verb} (held)"),
        Status::Blocked => format!("{verb} (blocked)"),
    }
}

/// Returns who moved.
pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Change => "change",
        Origin::Drift => "drift",
        Origin::Conflict => "conflict",
        Origin::Adopt => "adopt",
    }
}

/// Returns why, as a fragment.
pub(super) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::NotInCluster => "not in the cluster",
        Reason::DeletedInCluster => "deleted in the cluster",
        Reason::ConfigDiffers => "config differs",
        Reason::PartitionsDiffer => "git has more partitions",
        Reason::PartitionsAndConfigDiffer => "git has more partitions, and config differs",
        Reason::PartitionsCannotShrink => "git has fewer partitions, and Kafka cannot take partitions away",
        Reason::ReplicationFactorDiffers => "replication factor differs",
        Reason::CredentialDiffers => "mechanism or iterations differ",
        Reason::PasswordChanged => "another password than the one last written",
        Reason::PasswordNotVerified => "it is not known which password was last written",
        Reason::NotInGit => "not in git",
        Reason::RemovedFromGit => "removed from git",
        Reason::QuotaDiffers => "limits differ",
        Reason::RulesDiffer => "rules differ",
        Reason::RulesReordered => "rules are in another order",
    }
}

/// Returns a risk that people should see.
pub(super) fn risk(risk: Risk) -> Option<&'static str> {
    match risk {
        Risk::None | Risk::Low => None,
        Risk::High => Some("risk: high"),
        Risk::Irreversible => Some("risk: irreversible"),
    }
}

/// Returns everything of an action's first line that comes after its resource.
pub(super) fn remarks(action: &Action) -> String {
    let mut remarks = vec![format!("{}: {}", origin(action.origin), reason(action.reason))];
    remarks.extend(risk(action.risk).map(str::to_owned));
    if action.validated {
        remarks.push("checked by the broker".to_owned());
    }
    if let Some(approval) = &action.approved_by {
        remarks.push(format!("approved by {}", clean(approval)));
    }
    remarks.join(", ")
}

/// Returns a value as people read it: never a secret, and never without end.
pub(super) fn value(value: Option<&FieldValue>) -> String {
    match value {
        None => "(not set)".to_owned(),
        Some(FieldValue::Secret(_)) => "(secret)".to_owned(),
        Some(FieldValue::Text(text)) if text.is_empty() => "\"\"".to_owned(),
        Some(FieldValue::Text(text)) => cut(&clean(text), LONGEST_VALUE),
    }
}

/// Returns the lines that say what changes in one field.
pub(super) fn field_lines(field: &FieldChange, width: usize, action: ActionKind) -> Vec<String> {
    if field.path == "rules" {
        return rule_lines(field);
    }
    let path = clean(&field.path);
    let change = match (action, &field.observed, &field.desired) {
        (ActionKind::Create, None, Some(desired)) => value(Some(desired)),
        (ActionKind::Create | ActionKind::Update | ActionKind::Delete, observed, desired) => {
            format!("{} → {}", value(observed.as_ref()), value(desired.as_ref()))
        }
    };
    let applied = if field.applied.is_some() && field.applied != field.observed && field.applied != field.desired {
        format!(" (last applied: {})", value(field.applied.as_ref()))
    } else {
        String::new()
    };
    vec![format!("{path:width$}  {change}{applied}")]
}

/// A rule group is one long JSON text; people read it as a difference by lines.
fn rule_lines(field: &FieldChange) -> Vec<String> {
    let pretty = |value: &Option<FieldValue>| -> String {
        let Some(text) = value.as_ref().and_then(FieldValue::text) else { return String::new() };
        serde_json::from_str::<serde_json::Value>(text)
            .and_then(|json| serde_json::to_string_pretty(&json))
            .unwrap_or_else(|_| text.to_owned())
    };
    let (before, after) = (pretty(&field.observed), pretty(&field.desired));
    if before.is_empty() {
        return vec![format!("rules  {}", rule_names(&field.desired))];
    }
    if after.is_empty() {
        return vec![format!("rules  {} → (not set)", rule_names(&field.observed))];
    }
    let diff = TextDiff::from_lines(&before, &after);
    let mut lines = vec!["rules".to_owned()];
    for (index, group) in diff.grouped_ops(1).iter().enumerate() {
        if index > 0 {
            lines.push("…".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => "-",
                ChangeTag::Insert => "+",
                ChangeTag::Equal => " ",
            };
            lines.push(format!("{sign} {}", cut(&clean(change.value().trim_end_matches('\n')), LONGEST_VALUE)));
        }
    }
    lines
}

fn rule_names(value: &Option<FieldValue>) -> String {
    let group = value
        .as_ref()
        .and_then(FieldValue::text)
        .and_then(|text| serde_json::from_str::<crate::domain::rule::RuleGroup>(text).ok());
    match group {
        Some(group) => {
            let names: Vec<&str> = group.rules.iter().map(crate::domain::rule::Rule::name).collect();
            cut(&clean(&names.join(", ")), LONGEST_VALUE)
        }
        None => "(rules)".to_owned(),
    }
}

/// Returns what the cluster says of what would be lost, as a fragment.
pub(super) fn evidence(evidence: &TopicEvidence) -> Option<String> {
    let mut facts = Vec::new();
    facts.extend(evidence.records.map(|records| super::counted_large(records, "record", "records")));
    facts.extend(evidence.bytes.map(bytes));
    match &evidence.active_groups {
        Some(groups) if groups.is_empty() => facts.push("no active consumer group".to_owned()),
        Some(groups) => {
            let names: Vec<String> = groups.iter().take(5).map(|group| clean(group)).collect();
            let more = if groups.len() > 5 { format!(" and {} more", groups.len() - 5) } else { String::new() };
            facts.push(format!("read by {}{more}", names.join(", ")));
        }
        None => {}
    }
    (!facts.is_empty()).then(|| facts.join(", "))
}

/// Writes a size in binary units with one digit.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10 / 1024;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Returns the approval manifest that lets these actions through. What only a person can say stands in `<>`.
pub(super) fn approval(plan_id: &str, actions: &[&str]) -> String {
    let list: String = actions.iter().map(|action| format!("  - {}\n", yaml(action))).collect();
    format!("{}{list}{}", approval_before(plan_id), approval_after())
}

/// Returns the lines of an approval before its list of actions.
pub(super) fn approval_before(plan_id: &str) -> String {
    let digest = plan_id.strip_prefix("sha256:").unwrap_or(plan_id);
    let name: String = digest.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>().to_lowercase();
    format!("apiVersion: driftless.dev/v1\nkind: Approval\nmetadata: {{name: approve-{name}}}\nspec:\n  actions:\n")
}

/// Returns the lines of an approval after its list of actions.
pub(super) fn approval_after() -> &'static str {
    "  reason: <why this is right>\n  expires: <YYYY-MM-DD>\n"
}

/// Writes text as a YAML scalar: bare where that means the same, else as JSON, which YAML reads too.
pub(super) fn yaml(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain {
        return text.to_owned();
    }
    let quoted = serde_json::Value::from(text).to_string();
    quoted
        .chars()
        .map(|c| if is_deceptive(c) || c.is_control() { format!("\\U{:08x}", u32::from(c)) } else { c.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_in_binary_units() {
        for (size, text) in
            [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (98_304, "96.0 KiB"), (u64::MAX, "16383.9 PiB")]
        {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn yaml_scalars_mean_themselves() {
        for (text, expected) in [
            ("topic/orders.v0/delete", "topic/orders.v0/delete"),
            ("acl/User:a/allow/*", "\"acl/User:a/allow/*\""),
            ("true", "\"true\""),
            ("12", "\"12\""),
            ("a\nb", "\"a\\nb\""),
            ("a\u{202e}", "\"a\\U0000202e\""),
        ] {
            assert_eq!(yaml(text), expected);
        }
    }
}
