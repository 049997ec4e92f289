//! The pass over the directory cluster: what becomes of the inventory, the branch and the next plan when things go wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use driftless::apply::{NoProgress, Progress, StopFlag};
use driftless::domain::acl::{AclBinding, AclOperation, AclPermission, AclResourceType, PatternType};
use driftless::domain::desired::{Approval, Declared, DesiredState, Management};
use driftless::domain::diagnostic::Location;
use driftless::domain::names::{Principal, TopicName, UserName};
use driftless::domain::operation::{Operation, OperationKind, Passwords};
use driftless::domain::resource::ResourceId;
use driftless::domain::secret::Secret;
use driftless::domain::topic::Topic;
use driftless::domain::user::{ScramMechanism, SecretReference, User};
use driftless::plan::apply_report::Outcome;
use driftless::plan::input::{PlanOptions, Prune};
use driftless::plan::types::{Origin, Plan, PlanSource, Status};
use driftless::ports::{Access, BranchChange, Clock, Cluster, ReportBranch, SourceError};
use driftless::reconcile::{Applied, Pass, PassError, Planned, Push, Secrets, observe};
use driftless::sandbox::{DirectoryCluster, Faults, Matching, Refusal};
use driftless::state::StateDirectory;

/// A branch in memory.
#[derive(Default)]
struct MemoryBranch {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    commits: Mutex<Vec<String>>,
    broken: Mutex<bool>,
}

impl ReportBranch for MemoryBranch {
    fn read(&self, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        let files = self.files.lock().expect("not poisoned");
        Ok(files.iter().filter(|(path, _)| path.starts_with(prefix)).map(|(p, b)| (p.clone(), b.clone())).collect())
    }

    fn commit(&self, change: &BranchChange) -> Result<Option<String>, SourceError> {
        if *self.broken.lock().expect("not poisoned") {
            return Err(SourceError { message: "the disk is full".into(), hint: None });
        }
        let mut files = self.files.lock().expect("not poisoned");
        let before = files.clone();
        files.retain(|path, _| {
            !change.exact_directories.iter().any(|directory| path.starts_with(&format!("{directory}/")))
        });
        files.extend(change.files.clone());
        if *files == before {
            return Ok(None);
        }
        let mut commits = self.commits.lock().expect("not poisoned");
        commits.push(change.message.lines().next().unwrap_or_default().to_owned());
        Ok(Some(format!("{}", commits.len())))
    }

    fn push(&self, _change: &BranchChange) -> Result<(), SourceError> {
        Ok(())
    }
}

/// A clock that jumps instead of waiting.
struct JumpingClock(Mutex<jiff::Timestamp>);

impl Clock for JumpingClock {
    fn now(&self) -> jiff::Timestamp {
        *self.0.lock().expect("not poisoned")
    }

    fn sleep(&self, duration: Duration) -> futures::future::BoxFuture<'_, ()> {
        let mut now = self.0.lock().expect("not poisoned");
        *now += jiff::SignedDuration::try_from(duration).expect("short");
        Box::pin(std::future::ready(()))
    }
}

/// One environment with everything around it.
struct World {
    cluster: DirectoryCluster,
    branch: Arc<MemoryBranch>,
    local: StateDirectory,
    clock: JumpingClock,
    secrets: Secrets,
    options: PlanOptions,
    desired: DesiredState,
    stop: StopFlag,
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let cluster =
            DirectoryCluster::open(&directory.path().join("cluster"), Access::ReadWrite).expect("a new cluster");
        let now = "2026-06-01T12:00:00Z".parse().expect("a time");
        Self {
            cluster,
            branch: Arc::new(MemoryBranch::default()),
            local: StateDirectory::new(directory.path().join("state")),
            clock: JumpingClock(Mutex::new(now)),
            secrets: Secrets::default(),
            options: PlanOptions { max_deletions: 5, ..PlanOptions::default() },
            desired: DesiredState { environment: "prod".into(), ..DesiredState::default() },
            stop: StopFlag::default(),
            directory,
        }
    }

    fn pass(&self) -> Pass<'_> {
        Pass {
            cluster: &self.cluster,
            rules: None,
            branch: Some(self.branch.as_ref()),
            local: Some(&self.local),
            secrets: &self.secrets,
            packs: &[],
            clock: &self.clock,
            options: &self.options,
        }
    }

    fn topic(&mut self, name: &str, config: &[(&str, &str)]) -> &mut Self {
        let name = TopicName::parse(name).expect("valid");
        let mut config: BTreeMap<String, String> =
            config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        config.entry("min.insync.replicas".into()).or_insert_with(|| "2".into());
        let topic = Topic { name: name.clone(), partitions: Some(3), replication_factor: Some(3), config };
        self.desired.topics.insert(name, declared(topic));
        self
    }

    fn acl(&mut self, principal: &str, operation: AclOperation) -> &mut Self {
        let binding = binding(principal, operation);
        self.desired.acl_principals.insert(binding.principal.clone(), place());
        self.desired.acls.insert(binding, declared(()));
        self
    }

    fn user(&mut self, name: &str, password: &str) -> &mut Self {
        let user_name = UserName::parse(name).expect("valid");
        let reference = SecretReference { name: name.to_owned(), key: "password".into() };
        let credentials = BTreeMap::from([(ScramMechanism::Sha512, 4096)]);
        let user = User { name: user_name.clone(), credentials, password: reference.clone() };
        self.desired.users.insert(user_name, declared(user));
        self.secrets.asked = true;
        let mut passwords = Passwords::default();
        passwords.insert(reference, Secret::new(password.as_bytes()));
        self.secrets.passwords = passwords;
        self
    }

    fn approve(&mut self, action: &str) -> &mut Self {
        self.desired.approvals.push(Approval {
            name: "yes".into(),
            actions: BTreeSet::from([action.to_owned()]),
            reason: "agreed".into(),
            expires: jiff::civil::date(2026, 12, 31),
            location: place(),
        });
        self
    }

    async fn try_plan(&self) -> Result<Planned, PassError> {
        let observation = observe(&self.cluster, None, Some(self.branch.clone())).await?;
        self.pass().plan(observation, &self.desired, &PlanSource::default()).await
    }

    async fn plan(&self) -> Planned {
        self.try_plan().await.expect("a plan")
    }

    async fn apply(&self) -> Applied {
        let planned = self.plan().await;
        assert!(!planned.plan.findings.iter().any(|finding| finding.denies()), "{:?}", planned.plan.findings);
        self.pass().apply(&planned, Some(&self.desired), &NoProgress, &self.stop, Push::No).await.expect("an apply")
    }

    async fn ids(&self) -> Vec<String> {
        self.plan().await.plan.actions.iter().map(|action| action.id.clone()).collect()
    }

    fn commits(&self) -> Vec<String> {
        self.branch.commits.lock().expect("not poisoned").clone()
    }

    fn owned(&self) -> Vec<String> {
        let files = self.branch.files.lock().expect("not poisoned");
        let Some(bytes) = files.get("inventory.json") else { return Vec::new() };
        let json: serde_json::Value = serde_json::from_slice(bytes).expect("the inventory is JSON");
        json["resources"].as_object().expect("an object").keys().cloned().collect()
    }
}

fn place() -> Location {
    Location::new("base/all.yaml", 1, 1)
}

fn declared<T>(value: T) -> Declared<T> {
    Declared {
        value,
        location: place(),
        fields: BTreeMap::new(),
        management: Management::Managed,
        labels: Arc::default(),
    }
}

fn binding(principal: &str, operation: AclOperation) -> AclBinding {
    AclBinding {
        principal: Principal::user(principal),
        permission: AclPermission::Allow,
        operation,
        resource_type: AclResourceType::Topic,
        pattern_type: PatternType::Literal,
        resource_name: "orders".into(),
        host: "*".into(),
    }
}

fn refuse(kind: OperationKind, resource: Option<&str>) -> Faults {
    let matching =
        Matching { resource: resource.map(|id| ResourceId::parse(id).expect("an id")), ..Matching::kind(kind) };
    let refusal = Refusal { matching, code: "POLICY_VIOLATION".into(), message: "not today".into(), times: None };
    Faults { refuse: vec![refusal], ..Faults::default() }
}

fn outcome<'a>(applied: &'a Applied, id: &str) -> &'a Outcome {
    &applied.report.results.iter().find(|result| result.action_id == id).unwrap_or_else(|| panic!("no {id}")).outcome
}

#[tokio::test]
async fn what_was_applied_is_owned_and_the_next_plan_is_empty() {
    let mut world = World::new();
    world.topic("orders", &[("retention.ms", "1000000")]).acl("alice", AclOperation::Read).user("alice", "pencil");
    let applied = world.apply().await;
    assert_eq!((applied.report.applied(), applied.report.not_done()), (3, 0), "{:?}", applied.report);
    assert_eq!(world.ids().await, Vec::<String>::new());
    assert_eq!(
        world.owned(),
        ["acl/User:alice/allow/Read/topic/literal/orders/*", "topic/orders", "user/alice"].map(String::from)
    );
    assert_eq!(world.commits(), ["apply(prod): 3 applied"]);
    // A look that finds the same adds nothing, not even after an apply.
    for _ in 0..2 {
        let planned = world.plan().await;
        let commit = world.pass().record_drift(&planned, &world.desired, Push::No).expect("recorded");
        assert_eq!(commit, None, "{:?}", world.commits());
    }
}

#[tokio::test]
async fn a_failure_is_told_per_resource_and_the_rest_goes_on() {
    let mut world = World::new();
    world.topic("orders", &[]).topic("events", &[]);
    // The dry run would say the same as the real thing, so the fault comes after the plan.
    let planned = world.plan().await;
    world.cluster.set_faults(refuse(OperationKind::CreateTopic, Some("topic/events")));
    let applied =
        world.pass().apply(&planned, Some(&world.desired), &NoProgress, &world.stop, Push::No).await.expect("an apply");
    assert_eq!(*outcome(&applied, "topic/orders/create"), Outcome::Applied);
    assert!(
        matches!(outcome(&applied, "topic/events/create"), Outcome::Failed { code, unchanged: true, .. } if code == "POLICY_VIOLATION")
    );
    assert_eq!(world.owned(), ["topic/orders"].map(String::from));
    world.cluster.set_faults(Faults::default());
    assert_eq!(world.ids().await, ["topic/events/create"].map(String::from));
}

#[tokio::test]
async fn what_the_dry_run_refuses_is_blocked_with_the_brokers_words() {
    let mut world = World::new();
    world.topic("bad", &[("segment.bytes", "1")]);
    for index in 0..9 {
        world.topic(&format!("good-{index}"), &[]);
    }
    let plan = world.plan().await.plan;
    let blocked: Vec<_> = plan.actions.iter().filter(|action| action.status == Status::Blocked).collect();
    assert_eq!(blocked.len(), 1);
    assert_eq!(blocked[0].id, "topic/bad/create");
    assert!(blocked[0].note.as_deref().is_some_and(|note| note.contains("INVALID_CONFIG")), "{:?}", blocked[0].note);
    assert_eq!(plan.actions.iter().filter(|action| action.validated).count(), 9);
    let applied = world.apply().await;
    assert_eq!(applied.report.applied(), 9);
}

#[tokio::test]
async fn an_answer_that_got_lost_is_looked_up_and_not_sent_again() {
    let mut world = World::new();
    world.topic("orders", &[]);
    world.cluster.set_faults(Faults {
        time_out_after_write: vec![Matching::kind(OperationKind::CreateTopic)],
        ..Faults::default()
    });
    let applied = world.apply().await;
    assert_eq!(*outcome(&applied, "topic/orders/create"), Outcome::Applied);
    assert_eq!(world.ids().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_password_whose_answer_got_lost_is_written_again() {
    let mut world = World::new();
    world.user("alice", "pencil");
    world.cluster.set_faults(Faults {
        time_out_after_write: vec![Matching::kind(OperationKind::UpsertScram)],
        ..Faults::default()
    });
    let applied = world.apply().await;
    assert!(matches!(outcome(&applied, "user/alice/create"), Outcome::Failed { unchanged: false, .. }));
    world.cluster.set_faults(Faults::default());
    assert_eq!(world.ids().await, ["user/alice/update"].map(String::from));
    world.apply().await;
    assert_eq!(world.ids().await, Vec::<String>::new());
    world.user("alice", "crayon");
    assert_eq!(world.ids().await, ["user/alice/update"].map(String::from));
}

#[tokio::test]
async fn revokes_wait_for_grants_of_the_same_principal() {
    let mut world = World::new();
    world.acl("alice", AclOperation::Read).acl("bob", AclOperation::Read);
    world.apply().await;
    for name in ["alice", "bob"] {
        world.desired.acls.remove(&binding(name, AclOperation::Read));
        world.acl(name, AclOperation::Write);
    }
    let planned = world.plan().await;
    world
        .cluster
        .set_faults(refuse(OperationKind::CreateAcl, Some("acl/User:alice/allow/Write/topic/literal/orders/*")));
    let applied =
        world.pass().apply(&planned, Some(&world.desired), &NoProgress, &world.stop, Push::No).await.expect("an apply");
    let revoke = |name: &str| format!("acl/User:{name}/allow/Read/topic/literal/orders/*/delete");
    assert!(matches!(outcome(&applied, &revoke("alice")), Outcome::NotAttempted { .. }));
    assert_eq!(*outcome(&applied, &revoke("bob")), Outcome::Applied);
}

#[tokio::test]
async fn deletions_wait_until_everything_before_them_is_done() {
    let mut world = World::new();
    world.topic("orders", &[]);
    world.apply().await;
    world.desired.topics.clear();
    world.topic("orders.v1", &[]).approve("topic/orders/delete");
    world.options.prune = Prune::OwnedOnly;
    let planned = world.plan().await;
    assert_eq!(planned.plan.summary.delete, 1, "{:?}", planned.plan);
    world.cluster.set_faults(refuse(OperationKind::CreateTopic, None));
    let applied =
        world.pass().apply(&planned, Some(&world.desired), &NoProgress, &world.stop, Push::No).await.expect("an apply");
    assert!(matches!(outcome(&applied, "topic/orders/delete"), Outcome::NotAttempted { .. }));
    world.cluster.set_faults(Faults::default());
    let applied = world.apply().await;
    assert_eq!(*outcome(&applied, "topic/orders/delete"), Outcome::Applied);
    assert_eq!(world.owned(), ["topic/orders.v1"].map(String::from));
}

/// Asks to stop as soon as anything is about to be sent.
struct StopAt<'a>(&'a StopFlag, &'a str);

impl Progress for StopAt<'_> {
    fn advance(&self, _done: usize, _total: usize, what: &str) {
        if what == self.1 {
            self.0.stop();
        }
    }
}

#[tokio::test]
async fn a_stop_finishes_the_batch_in_flight_and_the_next_run_goes_on() {
    let mut world = World::new();
    world.topic("orders", &[]).acl("alice", AclOperation::Read);
    let planned = world.plan().await;
    let progress = StopAt(&world.stop, "new topics");
    let applied =
        world.pass().apply(&planned, Some(&world.desired), &progress, &world.stop, Push::No).await.expect("an apply");
    assert!(applied.report.interrupted);
    assert_eq!(*outcome(&applied, "topic/orders/create"), Outcome::Applied);
    let grant = "acl/User:alice/allow/Read/topic/literal/orders/*/create";
    assert!(matches!(outcome(&applied, grant), Outcome::NotAttempted { .. }));
    world.stop = StopFlag::default();
    assert_eq!(world.ids().await, [grant.to_owned()]);
    world.apply().await;
    assert_eq!(world.ids().await, Vec::<String>::new());
}

#[tokio::test]
async fn brokers_that_show_the_old_state_for_a_while_are_looked_at_again() {
    let mut world = World::new();
    world.topic("orders", &[("retention.ms", "1000000")]).acl("alice", AclOperation::Read);
    let planned = world.plan().await;
    world.cluster.set_faults(Faults { stale_reads: 5, ..Faults::default() });
    let applied =
        world.pass().apply(&planned, Some(&world.desired), &NoProgress, &world.stop, Push::No).await.expect("an apply");
    assert_eq!(applied.report.not_done(), 0, "{:?}", applied.report);
    let grant = "acl/User:alice/allow/Read/topic/literal/orders/*/create";
    for id in ["topic/orders/create", grant] {
        assert_eq!(*outcome(&applied, id), Outcome::Applied);
    }
    assert_eq!(world.ids().await, Vec::<String>::new());
    // What is never shown is not called done.
    world.cluster.set_faults(Faults::default());
    world.acl("bob", AclOperation::Read);
    let planned = world.plan().await;
    world.cluster.set_faults(Faults { stale_reads: 1_000_000, ..Faults::default() });
    let applied =
        world.pass().apply(&planned, Some(&world.desired), &NoProgress, &world.stop, Push::No).await.expect("an apply");
    let unconfirmed = outcome(&applied, &grant.replace("alice", "bob"));
    assert!(matches!(unconfirmed, Outcome::AppliedUnconfirmed { .. }), "{unconfirmed:?}");
}

#[tokio::test]
async fn a_topic_that_the_controller_has_and_brokers_do_not_show_is_waited_for() {
    async fn plan_with(stale_reads: usize) -> Plan {
        let mut world = World::new();
        world.topic("orders", &[("retention.ms", "1000000")]);
        world.cluster.set_faults(Faults { stale_reads, ..Faults::default() });
        let declared = &world.desired.topics[&TopicName::parse("orders").expect("valid")].value;
        let create = Operation::CreateTopic {
            topic: declared.name.clone(),
            partitions: declared.partitions,
            replication_factor: declared.replication_factor,
            config: declared.config.clone(),
        };
        let made = world.cluster.perform(&[create], &Passwords::default()).await;
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        world.plan().await.plan
    }
    let plan = plan_with(4).await;
    assert!(plan.actions.is_empty() && plan.adopted.len() == 1, "{plan:#?}");

    // Brokers that never show it are not waited for without end, and nothing is made twice.
    let plan = plan_with(1_000_000).await;
    let note = plan.actions[0].note.as_deref().unwrap_or_default();
    assert!(plan.actions[0].status == Status::Blocked && note.contains("TOPIC_ALREADY_EXISTS"), "{plan:#?}");
}

#[tokio::test]
async fn what_could_not_be_committed_is_known_from_the_journal() {
    let mut world = World::new();
    world.topic("orders", &[("retention.ms", "1000000")]);
    *world.branch.broken.lock().expect("not poisoned") = true;
    let applied = world.apply().await;
    assert_eq!((applied.report.not_done(), applied.not_recorded.len()), (0, 1));
    assert_eq!(world.owned(), Vec::<String>::new());
    *world.branch.broken.lock().expect("not poisoned") = false;
    // The topic is ours already: git moving now is a change, not an adoption.
    world.topic("orders", &[("retention.ms", "2000000")]);
    let plan = world.plan().await.plan;
    assert_eq!(plan.actions[0].origin, Origin::Change);
    world.apply().await;
    assert_eq!(world.owned(), ["topic/orders"].map(String::from));
    // And once the branch has it, the journal is empty.
    let journal = find(world.directory.path(), "journal.jsonl");
    assert!(journal.is_none_or(|text| text.is_empty()));
}

fn find(directory: &Path, name: &str) -> Option<String> {
    for entry in std::fs::read_dir(directory).ok()? {
        let path = entry.ok()?.path();
        if path.is_dir() {
            if let Some(found) = find(&path, name) {
                return Some(found);
            }
        } else if path.file_name().is_some_and(|file| file == name) {
            return std::fs::read_to_string(path).ok();
        }
    }
    None
}

#[tokio::test]
async fn a_saved_plan_is_refused_when_the_cluster_moved_or_the_file_was_edited() {
    let mut world = World::new();
    world.topic("orders", &[]);
    let saved = serde_json::to_string(&world.plan().await.plan).expect("JSON");
    let plan = || serde_json::from_str::<Plan>(&saved).expect("a plan");
    assert!(world.pass().resume(plan()).await.is_ok());

    let mut edited = plan();
    edited.actions[0].name = "other".into();
    assert!(matches!(world.pass().resume(edited).await, Err(PassError::Stale(_))));

    let mut denied = World::new();
    denied.topic("orders", &[("min.insync.replicas", "1")]);
    let mut silenced = denied.plan().await.plan;
    silenced.findings.clear();
    assert!(matches!(denied.pass().resume(silenced).await, Err(PassError::Stale(_))), "its denial was taken out");

    world.apply().await;
    match world.pass().resume(plan()).await {
        Err(PassError::Stale(broken)) => assert_eq!(broken, ["`topic/orders` exists by now"]),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was accepted"),
    }
}

#[tokio::test]
async fn an_inventory_that_makes_no_sense_is_an_error_and_not_an_empty_past() {
    let mut world = World::new();
    world.topic("orders", &[]);
    world.branch.files.lock().expect("not poisoned").insert("inventory.json".into(), b"{".to_vec());
    assert!(matches!(world.try_plan().await, Err(PassError::History { .. })));
}

#[tokio::test]
async fn policy_judges_the_plan_and_the_live_cluster() {
    let mut world = World::new();
    world.topic("orders", &[("min.insync.replicas", "1")]);
    let plan = world.plan().await.plan;
    assert!(
        plan.findings.iter().any(|f| f.code == "min-insync-replicas-below-minimum" && f.denies()),
        "{:?}",
        plan.findings
    );
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_blocks_only_its_user() {
    let mut world = World::new();
    world.topic("orders", &[]).user("alice", "x");
    world.secrets.passwords = Passwords::default();
    let reference = SecretReference { name: "alice".into(), key: "password".into() };
    world.secrets.problems.insert(reference, "there is no `alice/password`".into());
    let applied = world.apply().await;
    assert_eq!(*outcome(&applied, "topic/orders/create"), Outcome::Applied);
    let skipped = outcome(&applied, "user/alice/create");
    assert!(matches!(skipped, Outcome::Skipped { status: Status::Blocked, reason: Some(_) }), "{skipped:?}");
}
