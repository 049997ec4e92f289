//! Gathers the passwords that an environment's users need.

use super::surroundings::surroundings;
use crate::config::secrets::{SecretOptions, SecretStore};
use crate::domain::desired::DesiredState;
use crate::domain::snapshot::Snapshot;
use crate::reconcile::Secrets;

/// Whether a command can do without passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// A plan: without any source of secrets it says that credentials were not compared.
    Optional,
    /// An apply: a password that cannot be had blocks its user.
    Required,
}

/// Looks for every password that a declared user refers to.
pub(super) fn gather(options: &SecretOptions, snapshot: &Snapshot, desired: &DesiredState, need: Need) -> Secrets {
    let store = SecretStore::new(options, snapshot, surroundings());
    let references: Vec<_> = desired.users.values().map(|declared| &declared.value.password).collect();
    let (passwords, problems) = store.resolve_all(references.iter().copied());
    let found_any = references.iter().any(|reference| passwords.get(reference).is_some());
    let asked = match need {
        Need::Required => true,
        Need::Optional => found_any || *options != SecretOptions::default(),
    };
    let problems = problems.into_iter().map(|problem| (problem.reference.clone(), problem.to_string())).collect();
    Secrets { asked, passwords, problems }
}
