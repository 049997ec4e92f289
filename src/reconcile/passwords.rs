//! What is known of the users' passwords before a plan is made.

use std::collections::BTreeMap;

use crate::domain::desired::DesiredState;
use crate::domain::operation::Passwords;
use crate::domain::user::SecretReference;
use crate::plan::input::{PasswordState, PasswordStates};
use crate::ports::{CredentialId, PasswordKnowledge, PasswordMemory};

/// The secrets that the caller could get.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Whether any source of secrets was given at all.
    pub asked: bool,
    /// What was found.
    pub passwords: Passwords,
    /// What was not found, with the reason.
    pub problems: BTreeMap<SecretReference, String>,
}

/// Says for every declared credential what is known of its password.
pub(super) fn states(desired: &DesiredState, secrets: &Secrets, memory: Option<&dyn PasswordMemory>) -> PasswordStates {
    let mut states = PasswordStates::new();
    for (name, declared) in &desired.users {
        let reference = &declared.value.password;
        for (mechanism, iterations) in &declared.value.credentials {
            let id = CredentialId { user: name.clone(), mechanism: *mechanism, iterations: *iterations };
            let state = match (secrets.passwords.get(reference), secrets.problems.get(reference)) {
                (Some(password), _) => match memory.map(|memory| memory.verify(&id, password)) {
                    Some(PasswordKnowledge::Verified) => PasswordState::Verified,
                    Some(PasswordKnowledge::Changed) => PasswordState::Changed,
                    Some(PasswordKnowledge::Unknown) | None => PasswordState::NotRemembered,
                },
                (None, Some(reason)) if secrets.asked => PasswordState::Missing(reason.clone()),
                (None, _) => PasswordState::NotCompared,
            };
            states.insert((name.clone(), *mechanism), state);
        }
    }
    states
}
