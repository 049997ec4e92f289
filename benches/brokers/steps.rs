//! The steps of a plan and of an apply, through the library.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use driftless::apply::{self, NoProgress, StopFlag, World};
use driftless::domain::desired::DesiredState;
use driftless::domain::diagnostic::Diagnostic;
use driftless::domain::inventory::Inventory;
use driftless::domain::names::TopicName;
use driftless::domain::observed::{Interest, ObservedState, TopicEvidence};
use driftless::domain::operation::{Operation, Passwords};
use driftless::domain::snapshot::{Snapshot, SnapshotFile};
use driftless::git::{GitReportBranch, ReportBranchSettings, WorkTreeSource};
use driftless::kafka::KafkaCluster;
use driftless::kafka::properties::ClientProperties;
use driftless::manifest::{self, Documents};
use driftless::plan::apply_report::Outcome;
use driftless::plan::diff::plan as compare;
use driftless::plan::input::{PasswordStates, PlanInput, PlanOptions};
use driftless::plan::types::PlanSource;
use driftless::policy::{self, PolicyInput};
use driftless::ports::{Access, Clock, Cluster, ClusterError, DryRun, ResourceError, Source};
use driftless::reconcile::{self, Observation};

const DAY: jiff::civil::Date = jiff::civil::date(2026, 1, 1);

/// Prints name, seconds and peak memory until then of each step.
fn step<T>(name: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = run();
    let time = start.elapsed().as_secs_f64();
    println!("{name}\t{time}\t{}", crate::cluster::peak_memory(std::process::id()).unwrap_or_default());
    value
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

fn cluster(bootstrap: &str, access: Access) -> KafkaCluster {
    KafkaCluster::new(ClientProperties::plaintext(), Some(bootstrap), access).expect("good settings")
}

/// One plan, in the order of the command line.
pub(crate) fn plan(repository: &Path, bootstrap: &str) {
    let snapshot = step("reading files", || WorkTreeSource::new(repository).snapshot()).expect("readable");
    let (loaded, Observation { history, observed }) =
        step("loading manifests while reading cluster and branch", || {
            runtime().block_on(read(snapshot, repository, bootstrap))
        });
    let (desired, problems) = loaded;
    let desired = desired.unwrap_or_else(|| panic!("{problems:?}"));
    let (source, passwords, options) = (PlanSource::default(), PasswordStates::new(), PlanOptions::default());
    let plan = step("comparing", || {
        compare(PlanInput {
            desired: &desired,
            observed: &observed,
            inventory: &history.inventory,
            passwords: &passwords,
            source: &source,
            options: &options,
            today: DAY,
        })
    });
    step("judging by policy", || {
        policy::judge(&PolicyInput {
            desired: &desired,
            plan: Some(&plan),
            observed: Some(&observed),
            packs: &[],
            today: DAY,
        })
    });
}

/// Files and cluster at once, as the command line does.
async fn read(snapshot: Snapshot, repository: &Path, bootstrap: &str) -> (Loaded, Observation) {
    let branch = GitReportBranch::open(repository, "bench", ReportBranchSettings::default()).expect("a repository");
    let cluster = cluster(bootstrap, Access::ReadOnly);
    let loading = tokio::task::spawn_blocking(move || manifest::load(&snapshot, "bench", Documents::Keep));
    let (loaded, observation) = futures::join!(loading, reconcile::observe(&cluster, None, Some(Arc::new(branch))));
    (loaded.expect("loading does not panic"), observation.expect("a readable cluster and past"))
}

type Loaded = (Option<DesiredState>, Vec<Diagnostic>);

/// Creates topics as an apply does. Returns the seconds from its start until the controller accepted the last of them, and
/// until all of them were read back.
pub(crate) fn create(names: &[String], bootstrap: &str) -> (f64, f64) {
    let mut snapshot = Snapshot::default();
    let file = |text: &str| SnapshotFile::Content(text.as_bytes().to_vec());
    let settings = "apiVersion: driftless.dev/v1\nkind: Repository\nenvironments:\n  bench: {layers: [base]}\n";
    snapshot.files.insert("driftless.yaml".to_owned(), file(settings));
    snapshot.files.insert("base/topics.yaml".to_owned(), file(&crate::workload::topic_manifests(names)));
    let (desired, problems) = manifest::load(&snapshot, "bench", Documents::Keep);
    let desired = desired.unwrap_or_else(|| panic!("{problems:?}"));
    let cluster = Timed { inner: cluster(bootstrap, Access::ReadWrite), accepted: Mutex::default() };
    let runtime = runtime();
    let interest = Interest::Everything { topics: desired.topics.keys().cloned().collect(), brokers: BTreeSet::new() };
    let observed = runtime.block_on(cluster.observe(&interest)).expect("a readable cluster");
    let plan = compare(PlanInput {
        desired: &desired,
        observed: &observed,
        inventory: &Inventory::default(),
        passwords: &PasswordStates::new(),
        source: &PlanSource::default(),
        options: &PlanOptions::default(),
        today: DAY,
    });
    assert_eq!(plan.actions.len(), names.len(), "all topics are new");
    let (passwords, stop) = (Passwords::default(), StopFlag::default());
    let world = World {
        cluster: &cluster,
        rules: None,
        passwords: &passwords,
        journal: None,
        clock: &WallClock,
        progress: &NoProgress,
        stop: &stop,
    };
    let start = Instant::now();
    let report = runtime.block_on(apply::apply(&plan, &world));
    let whole = start.elapsed().as_secs_f64();
    let done = |outcome: &Outcome| matches!(outcome, Outcome::Applied | Outcome::AppliedUnconfirmed { .. });
    assert!(report.results.iter().all(|result| done(&result.outcome)), "every topic was made");
    let accepted = cluster.accepted.lock().expect("no panic").expect("something was sent");
    (accepted.duration_since(start).as_secs_f64(), whole)
}

/// Notes when the last write was answered.
struct Timed {
    inner: KafkaCluster,
    accepted: Mutex<Option<Instant>>,
}

#[async_trait]
impl Cluster for Timed {
    async fn observe(&self, interest: &Interest) -> Result<ObservedState, ClusterError> {
        self.inner.observe(interest).await
    }

    async fn evidence(&self, topics: &BTreeSet<TopicName>) -> Result<BTreeMap<TopicName, TopicEvidence>, ClusterError> {
        self.inner.evidence(topics).await
    }

    async fn dry_run(&self, operations: &[Operation]) -> Result<Vec<DryRun>, ClusterError> {
        self.inner.dry_run(operations).await
    }

    async fn perform(&self, batch: &[Operation], passwords: &Passwords) -> Vec<Result<(), ResourceError>> {
        let results = self.inner.perform(batch, passwords).await;
        *self.accepted.lock().expect("no panic") = Some(Instant::now());
        results
    }
}

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> futures::future::BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
