//! The pass: observe, plan, judge.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::broker_config::BrokerConfigScope;
use crate::domain::desired::DesiredState;
use crate::domain::digest::hex;
use crate::domain::inventory::Inventory;
use crate::domain::names::TopicName;
use crate::domain::observed::{Interest, Knowledge, ObservedState};
use crate::domain::operation::Operation;
use crate::domain::resource::ResourceId;
use crate::plan::diff::plan;
use crate::plan::input::{PlanInput, PlanOptions};
use crate::plan::operations::{Performance, performance};
use crate::plan::seal;
use crate::plan::types::{Plan, PlanSource, Risk, Status};
use crate::policy::{self, Pack};
use crate::ports::{Clock, Cluster, DryRun, LocalClusterState, LocalState, ReportBranch, RuleStore};

use super::PassError;
use super::history::{History, fold_journal};
use super::passwords::{self, Secrets};

/// Kafka's name of the error of a topic that exists.
const TOPIC_ALREADY_EXISTS: &str = "TOPIC_ALREADY_EXISTS";

/// How often a plan is made while brokers do not show what the controller has.
const MOST_LOOKS: usize = 11;

/// Brokers are usually behind for less than a second, and for several after thousands of topics.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The world of a pass. Everything is a port; who made it is the caller's business.
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    /// The cluster.
    pub cluster: &'a dyn Cluster,
    /// Where rule groups live; without it they are unknown.
    pub rules: Option<&'a dyn RuleStore>,
    /// The report branch; without it nothing is owned, and nothing is recorded.
    pub branch: Option<&'a dyn ReportBranch>,
    /// driftless' own directory on this machine; without it passwords cannot be compared.
    pub local: Option<&'a dyn LocalState>,
    /// The secrets that the caller could get.
    pub secrets: &'a Secrets,
    /// The user's policy packs.
    pub packs: &'a [Pack],
    /// Time.
    pub clock: &'a dyn Clock,
    /// What the caller decided.
    pub options: &'a PlanOptions,
}

/// What a pass starts from, whatever git wants.
#[derive(Clone)]
pub struct Observation {
    /// What the report branch says of the past.
    pub history: History,
    /// The cluster now, without what only a look-up by name shows.
    pub observed: ObservedState,
}

impl Observation {
    /// Digests all that a plan can come from, so that two looks can be compared. Only for this process: the form of what is
    /// digested is nobody's contract.
    pub fn digest(&self) -> String {
        struct Sink(ring::digest::Context);
        impl std::fmt::Write for Sink {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                self.0.update(text.as_bytes());
                Ok(())
            }
        }
        let mut sink = Sink(ring::digest::Context::new(&ring::digest::SHA256));
        let written =
            std::fmt::Write::write_fmt(&mut sink, format_args!("{:?}{}", self.observed, self.history.recorded));
        written.expect("digesting never fails");
        hex(sink.0.finish())
    }
}

/// Reads the cluster, the rule store and the report branch, all at once. Needs nothing of git's files, so that they can be
/// loaded in the meantime.
pub async fn observe(
    cluster: &dyn Cluster,
    rules: Option<&dyn RuleStore>,
    branch: Option<Arc<dyn ReportBranch>>,
) -> Result<Observation, PassError> {
    let history = tokio::task::spawn_blocking(move || History::read(branch.as_deref()));
    // Whatever is wrong with them is said when they judge.
    drop(tokio::task::spawn_blocking(policy::read_built_in_rules));
    let everything = Interest::Everything { topics: BTreeSet::new(), brokers: BTreeSet::new() };
    let (observed, history) = futures::join!(read(cluster, rules, &everything), history);
    // A past that cannot be read is the graver problem: without it nothing is known to be ours.
    let history = history.unwrap_or_else(|stopped| std::panic::resume_unwind(stopped.into_panic()))?;
    Ok(Observation { history, observed: observed? })
}

/// Reads the cluster, and the rule store beside it.
async fn read(
    cluster: &dyn Cluster,
    rules: Option<&dyn RuleStore>,
    interest: &Interest,
) -> Result<ObservedState, PassError> {
    let rules = async {
        match rules {
            Some(rules) => Some(rules.observe().await),
            None => None,
        }
    };
    let (observed, rules) = futures::join!(cluster.observe(interest), rules);
    let mut observed = observed.map_err(PassError::Cluster)?;
    match rules {
        Some(Ok(groups)) => observed.rule_groups = Knowledge::Known(groups),
        Some(Err(error)) => observed.rule_groups = Knowledge::Unknown(error.to_string()),
        None => {}
    }
    Ok(observed)
}

/// A plan with what it was made from.
pub struct Planned {
    /// The plan, with findings.
    pub plan: Plan,
    /// What was seen.
    pub observed: ObservedState,
    /// What we own, with what an interrupted apply left in the journal.
    pub inventory: Inventory,
    /// Digest of the inventory on the report branch.
    pub(super) recorded: String,
    /// Our own directory's part for this cluster.
    pub(super) local: Option<Box<dyn LocalClusterState>>,
}

impl<'a> Pass<'a> {
    /// Compares, asks the broker for its dry run, and lets policy judge.
    pub async fn plan(
        &self,
        observation: Observation,
        desired: &DesiredState,
        source: &PlanSource,
    ) -> Result<Planned, PassError> {
        let Observation { history, mut observed } = observation;
        self.look_up(&mut observed, desired, &history.inventory).await?;
        let local = self.open_local(&desired.environment, &observed)?;
        let source = PlanSource { base: history.last_applied_revision, ..source.clone() };
        let (mut inventory, recorded) = (history.inventory, history.recorded);
        let compare = |inventory: &mut Inventory, observed: &ObservedState| -> Result<Plan, PassError> {
            fold_journal(inventory, local.as_deref(), observed, &recorded)?;
            Ok(self.compare(desired, observed, inventory, local.as_deref(), &source))
        };
        let (prepared, plan) = policy::prepare_while(desired, self.packs, || compare(&mut inventory, &observed));
        let mut plan = plan?;
        for look in 1..=MOST_LOOKS {
            self.add_evidence(&mut plan).await?;
            let hidden = self.ask_for_dry_run(&mut plan).await?;
            if hidden.is_empty() || look == MOST_LOOKS {
                break;
            }
            // The controller has topics that the brokers do not show yet: an apply was ended a moment ago.
            self.clock.sleep(BETWEEN_LOOKS).await;
            let only = Interest::in_resources(&hidden);
            observed.take_in(self.cluster.observe(&only).await.map_err(PassError::Cluster)?);
            plan = compare(&mut inventory, &observed)?;
        }
        seal::seal(&mut plan);
        let judged = prepared.judge(Some(&plan), Some(&observed), self.clock.today());
        plan.findings.extend(judged);
        plan.findings.sort_by_key(|finding| (finding.waived.is_some(), finding.severity));
        seal::seal(&mut plan);
        Ok(Planned { plan, observed, inventory, recorded, local })
    }

    pub(super) fn open_local(
        &self,
        environment: &str,
        observed: &ObservedState,
    ) -> Result<Option<Box<dyn LocalClusterState>>, PassError> {
        let open = |local: &dyn LocalState| local.open(environment, &observed.cluster.id).map_err(PassError::State);
        self.local.map(open).transpose()
    }

    /// Compares only: no request is made.
    pub(super) fn compare(
        &self,
        desired: &DesiredState,
        observed: &ObservedState,
        inventory: &Inventory,
        local: Option<&dyn LocalClusterState>,
        source: &PlanSource,
    ) -> Plan {
        let memory = local.map(|local| local.passwords());
        plan(PlanInput {
            desired,
            observed,
            inventory,
            passwords: &passwords::states(desired, self.secrets, memory),
            source,
            options: self.options,
            today: self.clock.today(),
        })
    }

    /// Reads the cluster, and the rule store beside it.
    pub(super) async fn observe(&self, interest: &Interest) -> Result<ObservedState, PassError> {
        read(self.cluster, self.rules, interest).await
    }

    /// Looks up by name what git or the inventory mention and the lists do not show: a list leaves out silently what the
    /// principal may not see.
    async fn look_up(
        &self,
        observed: &mut ObservedState,
        desired: &DesiredState,
        inventory: &Inventory,
    ) -> Result<(), PassError> {
        let (mut topics, mut brokers) = mentioned(desired, inventory);
        topics.retain(|name| !observed.topics.contains_key(name) && !observed.unknown_topics.contains_key(name));
        brokers.retain(|broker| !observed.broker_configs.contains_key(&BrokerConfigScope::Broker(*broker)));
        if topics.is_empty() && brokers.is_empty() {
            return Ok(());
        }
        let broker_configs = brokers.into_iter().map(BrokerConfigScope::Broker).collect();
        let only = Interest::Only { topics, users: false, acls: false, quotas: false, broker_configs };
        let found = self.cluster.observe(&only).await.map_err(PassError::Cluster)?;
        observed.take_in(found);
        Ok(())
    }

    async fn add_evidence(&self, plan: &mut Plan) -> Result<(), PassError> {
        let topics: BTreeSet<TopicName> = plan
            .actions
            .iter()
            .filter(|action| action.risk == Risk::Irreversible)
            .filter_map(|action| match action.resource() {
                Some(ResourceId::Topic(name)) => Some(name),
                Some(_) | None => None,
            })
            .collect();
        if topics.is_empty() {
            return Ok(());
        }
        let mut evidence = self.cluster.evidence(&topics).await.map_err(PassError::Cluster)?;
        for action in &mut plan.actions {
            if let Some(ResourceId::Topic(name)) = action.resource() {
                action.evidence = evidence.remove(&name);
            }
        }
        Ok(())
    }

    /// Lets the broker check what it can check. What it would refuse is blocked with its own words. Returns the topics
    /// that were to be made and that it says are there.
    async fn ask_for_dry_run(&self, plan: &mut Plan) -> Result<BTreeSet<ResourceId>, PassError> {
        let mut operations: Vec<Operation> = Vec::new();
        let mut owners: Vec<usize> = Vec::new();
        for (index, action) in plan.actions.iter().enumerate() {
            if action.status == Status::Blocked {
                continue;
            }
            if let Ok(Performance::Cluster(of_action)) = performance(action, None) {
                owners.extend(std::iter::repeat_n(index, of_action.len()));
                operations.extend(of_action);
            }
        }
        let mut hidden = BTreeSet::new();
        if operations.is_empty() {
            return Ok(hidden);
        }
        let answers = self.cluster.dry_run(&operations).await.map_err(PassError::Cluster)?;
        let mut vouched: std::collections::BTreeMap<usize, bool> = std::collections::BTreeMap::new();
        for (owner, answer) in owners.into_iter().zip(answers) {
            match answer {
                DryRun::Accepted => {
                    vouched.entry(owner).or_insert(true);
                }
                DryRun::NotChecked(_) => {
                    vouched.insert(owner, false);
                }
                DryRun::Refused(error) => {
                    vouched.insert(owner, false);
                    let action = &mut plan.actions[owner];
                    if error.code == TOPIC_ALREADY_EXISTS {
                        hidden.extend(action.resource());
                    }
                    action.status = Status::Blocked;
                    action.note = Some(format!("the broker would refuse it: {error}"));
                }
            }
        }
        for (index, validated) in vouched {
            plan.actions[index].validated = validated;
        }
        Ok(hidden)
    }
}

/// Everything, with the names that git or the inventory mention looked up one by one.
pub(super) fn interest(desired: &DesiredState, inventory: &Inventory) -> Interest {
    let (topics, brokers) = mentioned(desired, inventory);
    Interest::Everything { topics, brokers }
}

/// The topics and the brokers that git or the inventory mention.
fn mentioned(desired: &DesiredState, inventory: &Inventory) -> (BTreeSet<TopicName>, BTreeSet<i32>) {
    let mut topics: BTreeSet<TopicName> = desired.topics.keys().cloned().collect();
    let mut brokers: BTreeSet<i32> = BTreeSet::new();
    let scopes = desired.broker_configs.keys().map(|scope| ResourceId::BrokerConfig(*scope));
    let owned = inventory.resources.keys().filter(|id| !matches!(id, ResourceId::Acl(_)));
    for id in owned.cloned().chain(scopes) {
        match id {
            ResourceId::Topic(name) => {
                topics.insert(name);
            }
            ResourceId::BrokerConfig(BrokerConfigScope::Broker(broker)) => {
                brokers.insert(broker);
            }
            ResourceId::BrokerConfig(BrokerConfigScope::Default)
            | ResourceId::User(_)
            | ResourceId::Acl(_)
            | ResourceId::Quota(_)
            | ResourceId::RuleGroup(_) => {}
        }
    }
    (topics, brokers)
}
