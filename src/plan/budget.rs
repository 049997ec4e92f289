//! How much a plan may delete, and what approvals let through.

use std::collections::BTreeSet;

use crate::domain::desired::Approval;
use crate::domain::diagnostic::Severity;
use crate::domain::resource::ResourceId;

use super::draft::{Draft, finding};
use super::input::{PlanInput, PlanOptions};
use super::types::{Finding, Risk, Status};

/// Blocks every deletion of a plan that deletes more resources than allowed. The bindings of one principal that left git
/// count as one.
pub(super) fn enforce(options: &PlanOptions, draft: &mut Draft) {
    let deleted: BTreeSet<String> = draft
        .actions
        .iter()
        .filter(|action| action.pruned)
        .map(|action| match action.resource() {
            Some(ResourceId::Acl(binding)) => binding.principal.to_string(),
            Some(_) | None => action.id.clone(),
        })
        .collect();
    if deleted.len() <= options.max_deletions {
        return;
    }
    for action in draft.actions.iter_mut().filter(|action| action.pruned) {
        action.status = Status::Blocked;
        action.note = Some(format!(
            "the plan would delete {} resources and at most {} are allowed, so it deletes none; raise `--max-deletions`",
            deleted.len(),
            options.max_deletions
        ));
    }
}

/// Holds what cannot be taken back, unless an approval names it; reports approvals that ended or match nothing.
pub(super) fn approve(input: PlanInput<'_>, draft: &mut Draft) {
    let approvals = &input.desired.approvals;
    for action in &mut draft.actions {
        if action.risk != Risk::Irreversible || action.status != Status::Planned {
            continue;
        }
        action.status = Status::Held;
        let matching: Vec<&Approval> = approvals.iter().filter(|approval| approval.names(&action.id)).collect();
        match matching.iter().find(|approval| approval.expires >= input.today) {
            Some(approval) => {
                action.status = Status::Planned;
                action.approved_by = Some(approval.name.clone());
            }
            None => {
                if let Some(expired) = matching.first() {
                    let note = action.note.take().unwrap_or_default();
                    let (name, day) = (&expired.name, expired.expires);
                    action.note = Some(
                        format!("{note}; the approval `{name}` ended on {day}").trim_start_matches("; ").to_owned(),
                    );
                }
            }
        }
    }
    for approval in approvals {
        report_approval(input, approval, draft);
    }
}

fn report_approval(input: PlanInput<'_>, approval: &Approval, draft: &mut Draft) {
    let place = |finding: Finding| Finding { location: Some(approval.location.clone()), ..finding };
    if approval.expires < input.today {
        draft.findings.push(place(finding(
            "approval-expired",
            Severity::Warn,
            None,
            format!("the approval `{}` ended on {} and lets nothing through", approval.name, approval.expires),
            "Remove it, or renew it in a reviewed change.",
        )));
        return;
    }
    let unmatched = approval.actions.iter().filter(|pattern| {
        !draft
            .actions
            .iter()
            .any(|action| action.risk == Risk::Irreversible && Approval::pattern_names(pattern, &action.id))
    });
    for pattern in unmatched.collect::<Vec<_>>() {
        draft.findings.push(place(finding(
            "approval-matches-nothing",
            Severity::Warn,
            None,
            format!("the approval `{}` names `{pattern}`, and no held action has this id", approval.name),
            "Remove it when the action is done, or correct the id: plans show it.",
        )));
    }
}

impl Approval {
    /// Says whether it names an action.
    pub fn names(&self, action_id: &str) -> bool {
        self.actions.iter().any(|pattern| Self::pattern_names(pattern, action_id))
    }

    /// Compares one entry with an action id: equal, or everything below a resource or a principal (`topic/orders/*`,
    /// `acl/User:old/*`). A pattern that names neither (`topic/*`) matches nothing.
    fn pattern_names(pattern: &str, action_id: &str) -> bool {
        if pattern == action_id {
            return true;
        }
        pattern.strip_suffix('*').is_some_and(|stem| {
            stem.ends_with('/')
                && stem.matches('/').count() >= 2
                && action_id.len() > stem.len()
                && action_id.starts_with(stem)
        })
    }
}
