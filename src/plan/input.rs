//! What a plan is made from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::domain::desired::DesiredState;
use crate::domain::inventory::Inventory;
use crate::domain::names::UserName;
use crate::domain::observed::ObservedState;
use crate::domain::resource::ResourceId;
use crate::domain::user::ScramMechanism;

use super::types::PlanSource;

/// Whether owned resources that left git are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prune {
    /// They stay, and are listed.
    #[default]
    Never,
    /// They go, as far as the budget and approvals let them.
    OwnedOnly,
}

/// Whether what the cluster changed behind git's back is put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DriftCorrection {
    /// It is put right, as everything else.
    #[default]
    Correct,
    /// It is shown and held. What both git and the cluster changed is held too, for doing it would undo the cluster's half;
    /// and so is an adoption that takes away what git does not have.
    Hold,
}

/// How patient a plan is with drift: what earlier checks saw, worked out by [`super::watch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftWatch {
    /// In how many checks in a row a drift must be seen before it counts; at least 1.
    pub confirmations: u32,
    /// In how many checks in a row, this one included, a resource has drifted if it has now. One that is absent has not
    /// drifted before.
    pub checks: BTreeMap<ResourceId, u32>,
    /// Resources that somebody else keeps changing back: their drift is left alone.
    pub contested: BTreeSet<ResourceId>,
}

impl DriftWatch {
    /// Asks for this many checks in a row, and knows of none yet.
    pub fn new(confirmations: u32) -> Self {
        Self { confirmations, checks: BTreeMap::new(), contested: BTreeSet::new() }
    }

    /// Says whether drift of this resource, seen now, was seen often enough.
    pub fn is_confirmed(&self, id: &ResourceId) -> bool {
        self.checks.get(id).copied().unwrap_or(1) >= self.confirmations
    }
}

impl Default for DriftWatch {
    /// Every drift counts at once.
    fn default() -> Self {
        Self::new(1)
    }
}

/// What the caller decides about a plan. By default nothing is deleted, and drift is put right at once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlanOptions {
    /// Whether owned resources that left git are deleted.
    pub prune: Prune,
    /// The most resources that one plan may delete; a plan over it deletes none.
    pub max_deletions: usize,
    /// Whether drift is put right.
    pub drift: DriftCorrection,
    /// What earlier checks saw of drift.
    pub watch: DriftWatch,
    /// The cluster id that the person or the settings named; it overrides the id that the inventory was made for.
    pub accepted_cluster: Option<String>,
}

/// What is known of the password that a user has on the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordState {
    /// It is the one that we last wrote.
    Verified,
    /// It is another than the one that we last wrote.
    Changed,
    /// It is not remembered which one was last written.
    NotRemembered,
    /// No secret was asked for, so nothing was compared.
    NotCompared,
    /// The secret cannot be had, with the reason.
    Missing(String),
}

/// Password states by user and mechanism. What is not in it was not compared.
pub type PasswordStates = BTreeMap<(UserName, ScramMechanism), PasswordState>;

/// Everything that a plan is made from.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// What git wants.
    pub desired: &'a DesiredState,
    /// What was seen.
    pub observed: &'a ObservedState,
    /// What we own, and last wrote.
    pub inventory: &'a Inventory,
    /// What is known of passwords.
    pub passwords: &'a PasswordStates,
    /// Where the desired state comes from.
    pub source: &'a PlanSource,
    /// What the caller decided.
    pub options: &'a PlanOptions,
    /// Today (UTC), for approvals that end.
    pub today: Date,
}
