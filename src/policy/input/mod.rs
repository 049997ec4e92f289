//! The one JSON document that rules over the whole see as `input`. Its shape is `docs/reference/policy-input.md`.

mod cluster;
mod positions;
mod values;
mod wanted;

use std::collections::BTreeMap;

use regorus::Value;
use serde_json::json;

use super::PolicyInput;
use super::access::{self, Access};
use super::reading::Reading;

pub(super) use positions::{grants_by, topics_by};
pub(super) use values::Values;
pub(super) use wanted::desired;

/// Builds the document around what git wants ([`desired`]), without what no rule reads. Fails when a part is no JSON, which would be
/// a bug of ours: it is reported, not skipped.
pub(super) fn whole(
    input: &PolicyInput<'_>,
    parameters: &BTreeMap<String, serde_json::Value>,
    (desired, access): (Value, Access<'_>),
    reading: &Reading,
    mut values: Values,
) -> Result<Value, serde_json::Error> {
    let plan = match input.plan.filter(|_| reading.reads("plan")) {
        Some(plan) => values.json(&serde_json::to_value(plan)?),
        None => Value::Null,
    };
    let topics = access::topics_after_apply(input);
    let cluster = input
        .observed
        .map_or(Value::Null, |observed| cluster::cluster(observed, input.desired, topics.as_ref(), &mut values));
    let access = match reading.reads("access") {
        true => values.json(&access.facts(input, topics.as_ref())),
        false => Value::Undefined,
    };
    let parts = [
        ("environment", values.json(&json!({"name": input.desired.environment, "parameters": parameters}))),
        ("today", input.today.to_string().into()),
        ("desired", desired),
        ("plan", plan),
        ("cluster", cluster),
        ("access", access),
    ];
    Ok(values.object(parts))
}
