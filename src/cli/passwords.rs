//! Gathers the passwords that an environment's users need.

use super::surroundings::surroundings;
use crate::config::secrets::{SecretOptions, SecretStore};
use crate::domain::desired::DesiredState;
use crate::domain::snapshot::Snapshot;
use crate::domain::user::SecretReference;
use crate::plan::types::{FieldValue, Plan};
use crate::reconcile::Secrets;

/// Whether a command can do without passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// A plan: without any source of secrets it says that credentials were not compared.
    Optional,
    /// An apply: a password that cannot be had blocks its user.
    Required,
}

/// Looks for the passwords of all declared users.
pub(super) fn of_desired(options: &SecretOptions, snapshot: &Snapshot, desired: &DesiredState, need: Need) -> Secrets {
    gather(options, snapshot, desired.users.values().map(|declared| &declared.value.password).collect(), need)
}

/// Looks for the passwords that a saved plan writes.
pub(super) fn of_plan(options: &SecretOptions, snapshot: &Snapshot, plan: &Plan) -> Secrets {
    let fields = plan.actions.iter().flat_map(|action| &action.fields);
    let reference = |value: &'_ FieldValue| match value {
        FieldValue::Secret(reference) => reference.clone(),
        FieldValue::Text(_) => None,
    };
    let references: Vec<SecretReference> = fields.filter_map(|field| reference(field.desired.as_ref()?)).collect();
    gather(options, snapshot, references.iter().collect(), Need::Required)
}

fn gather(options: &SecretOptions, snapshot: &Snapshot, references: Vec<&SecretReference>, need: Need) -> Secrets {
    let store = SecretStore::new(options, snapshot, surroundings());
    let (passwords, problems) = store.resolve_all(references.iter().copied());
    let found_any = references.iter().any(|reference| passwords.get(reference).is_some());
    let asked = match need {
        Need::Required => true,
        Need::Optional => found_any || *options != SecretOptions::default(),
    };
    let problems = problems.into_iter().map(|problem| (problem.reference.clone(), problem.to_string())).collect();
    Secrets { asked, passwords, problems }
}
