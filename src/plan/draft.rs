//! What the comparison gathers before it is sealed into a plan.

use std::collections::BTreeSet;

use crate::domain::diagnostic::Severity;
use crate::domain::resource::ResourceId;

use super::input::PlanInput;
use super::types::{Action, ActionKind, FieldChange, Finding, Origin, Reason, Risk, Status, Unknown};

/// What the comparison gathers before it is sealed into a plan.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) actions: Vec<Action>,
    pub(super) adopted: BTreeSet<ResourceId>,
    pub(super) paused: BTreeSet<ResourceId>,
    pub(super) unpruned: BTreeSet<ResourceId>,
    pub(super) unmanaged: BTreeSet<ResourceId>,
    pub(super) not_compared: BTreeSet<ResourceId>,
    pub(super) unknown: BTreeSet<Unknown>,
    pub(super) findings: Vec<Finding>,
}

/// Makes an action without reason, risk and status, which [`assess`] fills in.
pub(super) fn new_action(
    input: PlanInput<'_>,
    id: &ResourceId,
    action: ActionKind,
    origin: Origin,
    fields: Vec<FieldChange>,
) -> Action {
    let stem = id.to_string();
    // What changed is the place to look at; what is new is looked at as a whole.
    let first_field = match action {
        ActionKind::Update => fields.first().map_or("", |field| field.path.as_str()),
        ActionKind::Create | ActionKind::Delete => "",
    };
    let location = input.desired.field_location(id, first_field).cloned();
    let (kind, name) = stem.split_once('/').unwrap_or((stem.as_str(), ""));
    debug_assert_eq!(kind, id.kind().as_str());
    Action {
        id: format!("{stem}/{}", action.as_str()),
        kind: id.kind(),
        name: name.to_owned(),
        action,
        origin,
        reason: Reason::NotInCluster,
        risk: Risk::None,
        status: Status::Planned,
        note: None,
        validated: false,
        pruned: false,
        fields,
        evidence: None,
        approved_by: None,
        hold: None,
        location,
    }
}

/// Makes a finding of the planner's own, with the next step.
pub(super) fn finding(
    code: &str,
    severity: Severity,
    resource: Option<&ResourceId>,
    message: String,
    help: &str,
) -> Finding {
    Finding {
        code: code.to_owned(),
        severity,
        resource: resource.map(ToString::to_string),
        message,
        location: None,
        rule: None,
        help: Some(help.to_owned()),
        waived: None,
    }
}
