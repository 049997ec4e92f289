//! Rule groups from the form of rule files.

use super::documents::{GroupForm, RuleForm};
use crate::domain::duration;
use crate::domain::rule::{Rule, RuleGroup, RuleKind};

/// Reads one group; the error says what is wrong with it.
pub(crate) fn rule_group(form: GroupForm) -> Result<RuleGroup, String> {
    Ok(RuleGroup {
        interval_ms: form.interval.as_deref().map(milliseconds).transpose()?,
        query_offset_ms: form.query_offset.as_deref().map(milliseconds).transpose()?,
        limit: form.limit.unwrap_or(0),
        labels: form.labels,
        rules: form.rules.into_iter().map(rule).collect::<Result<_, _>>()?,
    })
}

fn rule(form: RuleForm) -> Result<Rule, String> {
    let kind = match (form.alert, form.record) {
        (Some(alert), None) => RuleKind::Alerting {
            alert,
            for_ms: form.hold.as_deref().map_or(Ok(0), milliseconds)?,
            keep_firing_for_ms: form.keep_firing_for.as_deref().map_or(Ok(0), milliseconds)?,
            annotations: form.annotations,
        },
        (None, Some(record)) => {
            if form.hold.is_some() || form.keep_firing_for.is_some() || !form.annotations.is_empty() {
                return Err(format!("the recording rule `{record}` has fields of an alerting rule"));
            }
            RuleKind::Recording { record }
        }
        (Some(_), Some(_)) | (None, None) => return Err("a rule has either `alert` or `record`".to_owned()),
    };
    Ok(Rule { kind, expr: form.expr, labels: form.labels })
}

fn milliseconds(text: &str) -> Result<u64, String> {
    duration::parse_ms(text).map_err(|error| error.to_string())
}
