//! Rounds over a forge and a repository in memory, and a directory cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::sync::{Notify, mpsc, watch as channel};

use super::*;
use crate::agent::PassResult;
use crate::agent::WhatToDo;
use crate::agent::pull_requests::poll::Polling;
use crate::config::settings::VerifyMode;
use crate::domain::desired::{Declared, DesiredState, Management};
use crate::domain::diagnostic::{Diagnostic, Location};
use crate::domain::names::TopicName;
use crate::domain::observed::{Interest, ObservedState, TopicEvidence};
use crate::domain::operation::{Operation, Passwords};
use crate::domain::snapshot::{Snapshot, SnapshotFile};
use crate::domain::topic::Topic;
use crate::plan::apply_report::ApplyReport;
use crate::plan::input::{DriftCorrection, PlanOptions};
use crate::policy::Pack;
use crate::ports::{
    Access, Annotation, BranchChange, Clock, Cluster, ClusterError, Comment, CommitDistrust, CommitState, CommitStatus,
    DryRun, Forge, ForgeError, ForgeErrorKind, Merge, PullRequest, PullRequestSource, ReportBranch, ResourceError,
    SignedCommits, SourceError,
};
use crate::sandbox::DirectoryCluster;
use std::sync::Arc;
use std::time::Duration;

/// A forge in memory, which counts what is written.
#[derive(Default)]
struct FakeForge {
    open: Mutex<Vec<PullRequest>>,
    merged: Mutex<BTreeMap<String, PullRequest>>,
    comments: Mutex<BTreeMap<(u64, String), String>>,
    statuses: Mutex<BTreeMap<(String, String), (CommitState, String)>>,
    annotations: Mutex<Vec<Annotation>>,
    writes: AtomicUsize,
    limited: AtomicBool,
}

impl FakeForge {
    fn limit(&self) -> Result<(), ForgeError> {
        if !self.limited.load(Ordering::SeqCst) {
            return Ok(());
        }
        let kind = ForgeErrorKind::RateLimited(Duration::from_secs(77));
        Err(ForgeError { message: "slow down".to_owned(), kind, hint: None })
    }

    fn write(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
    }

    fn written(&self) -> usize {
        self.writes.swap(0, Ordering::SeqCst)
    }

    fn status(&self, revision: &str, kind: &str) -> Option<(CommitState, String)> {
        let key = (revision.to_owned(), format!("driftless/{kind}/prod"));
        self.statuses.lock().expect("not poisoned").get(&key).cloned()
    }

    fn comment_of(&self, number: u64, kind: &str) -> Option<String> {
        let start = format!("<!-- driftless:{kind} environment=prod");
        let comments = self.comments.lock().expect("not poisoned");
        let mut found = comments.iter().filter(|((of, marker), _)| *of == number && marker.starts_with(&start));
        let comment = found.next().map(|(_, text)| text.clone());
        assert!(found.next().is_none(), "one comment per environment");
        comment
    }
}

#[async_trait]
impl Forge for FakeForge {
    async fn open_pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError> {
        self.limit()?;
        Ok(self.open.lock().expect("not poisoned").clone())
    }

    async fn merged_as(&self, revision: &str) -> Result<Option<PullRequest>, ForgeError> {
        self.limit()?;
        Ok(self.merged.lock().expect("not poisoned").get(revision).cloned())
    }

    fn longest_comment(&self) -> usize {
        60_000
    }

    async fn put_comment(&self, pull_request: u64, marker: &str, text: &str) -> Result<Comment, ForgeError> {
        assert!(text.starts_with(marker) && !marker.contains('\n'));
        let mut comments = self.comments.lock().expect("not poisoned");
        if comments.get(&(pull_request, marker.to_owned())).map(String::as_str) != Some(text) {
            self.write();
            comments.insert((pull_request, marker.to_owned()), text.to_owned());
        }
        Ok(Comment { text: text.to_owned(), url: format!("https://forge.example.org/{pull_request}#1") })
    }

    async fn comment(&self, pull_request: u64, marker: &str) -> Result<Option<Comment>, ForgeError> {
        let comments = self.comments.lock().expect("not poisoned");
        let url = format!("https://forge.example.org/{pull_request}#1");
        Ok(comments.get(&(pull_request, marker.to_owned())).map(|text| Comment { text: text.clone(), url }))
    }

    async fn set_status(&self, revision: &str, status: &CommitStatus) -> Result<(), ForgeError> {
        let mut statuses = self.statuses.lock().expect("not poisoned");
        let said = (status.state, status.description.clone());
        if statuses.insert((revision.to_owned(), status.context.clone()), said.clone()) != Some(said) {
            self.write();
        }
        Ok(())
    }

    async fn annotate(&self, _: &str, _: &str, annotations: &[Annotation]) -> Result<(), ForgeError> {
        *self.annotations.lock().expect("not poisoned") = annotations.to_vec();
        Ok(())
    }
}

/// A repository in memory: the base's revision with its files, and what merging each head gives.
#[derive(Default)]
struct FakeSource {
    base: Mutex<String>,
    heads: Mutex<BTreeMap<String, Merge>>,
    merges: AtomicUsize,
    landed: Mutex<Vec<String>>,
    /// Heads whose merge takes until they are no longer here.
    slow: Mutex<BTreeSet<String>>,
}

impl PullRequestSource for FakeSource {
    fn fetch_base(&self) -> Result<String, SourceError> {
        Ok(self.base.lock().expect("not poisoned").clone())
    }

    fn base(&self, _revision: &str) -> Result<Snapshot, SourceError> {
        Ok(files(&[]))
    }

    fn merge(&self, _base: &str, _number: u64, _reference: &str, head: &str) -> Result<Merge, SourceError> {
        self.merges.fetch_add(1, Ordering::SeqCst);
        while self.slow.lock().expect("not poisoned").contains(head) {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(self.heads.lock().expect("not poisoned").get(head).cloned().unwrap_or(Merge::Moved))
    }

    fn distrusted(
        &self,
        _head: &str,
        _commits: &SignedCommits<'_>,
        _now: jiff::Timestamp,
    ) -> Result<Option<CommitDistrust>, SourceError> {
        panic!("the settings want no signatures");
    }

    fn landed(&self, _older: &str, _newer: &str, _most: usize) -> Result<Vec<String>, SourceError> {
        Ok(self.landed.lock().expect("not poisoned").clone())
    }
}

fn files(named: &[(&str, &str)]) -> Snapshot {
    let file = |text: &str| SnapshotFile::Content(text.as_bytes().to_vec());
    let files = named.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect();
    Snapshot { revision: None, dirty: false, files }
}

fn merged(named: &[(&str, &str)]) -> Merge {
    Merge::Merged(files(named))
}

/// Files that mean what the tests need: `topic` names a topic, `bad` is no good, `deny` is a rule.
struct FakeFiles;

impl ProposedFiles for FakeFiles {
    fn digest(&self, files: &Snapshot) -> String {
        format!("{:?}", files.files)
    }

    fn load(&self, merged: &Snapshot, _base: &Snapshot) -> Result<Proposed, BadFiles> {
        if merged.files.contains_key("bad") {
            let place = Some(Location::new("base/bad.yaml", 3, 1));
            let problem = Diagnostic::error("invalid-yaml", place, "@everyone <b>cannot</b> be read");
            return Err(BadFiles { message: "1 problem in the files".to_owned(), diagnostics: vec![problem] });
        }
        let mut desired = DesiredState { environment: "prod".to_owned(), ..DesiredState::default() };
        desired.parameters.insert("minimumReplicationFactor".to_owned(), 1.into());
        if let Some(SnapshotFile::Content(name)) = merged.files.get("topic") {
            let name = String::from_utf8_lossy(name).into_owned();
            declare(&mut desired, &name);
        }
        let packs = if merged.files.contains_key("deny") {
            let rule = "package driftless\ndeny contains {\"code\": \"no\", \"msg\": \"never\"}\n";
            vec![Pack {
                name: "p".to_owned(),
                files: vec![("p/a.rego".to_owned(), rule.to_owned())],
                ..Pack::default()
            }]
        } else {
            Vec::new()
        };
        Ok(Proposed { desired, packs })
    }
}

/// Declares a topic.
fn declare(desired: &mut DesiredState, name: &str) {
    let name = TopicName::parse(name).expect("a name");
    let config = BTreeMap::from([("min.insync.replicas".to_owned(), "2".to_owned())]);
    let topic = Topic { name: name.clone(), partitions: Some(3), replication_factor: Some(3), config };
    let declared = Declared {
        value: topic,
        location: Location::new("base/a.yaml", 1, 1),
        fields: BTreeMap::new(),
        management: Management::Managed,
        labels: Arc::default(),
    };
    desired.topics.insert(name, declared);
}

struct NoBranch;

impl ReportBranch for NoBranch {
    fn read(&self, _prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        Ok(BTreeMap::new())
    }

    fn commit(&self, _change: &BranchChange) -> Result<Option<String>, SourceError> {
        panic!("a pull request writes no report");
    }

    fn push(&self, _change: &BranchChange) -> Result<(), SourceError> {
        panic!("a pull request writes no report");
    }
}

/// A cluster that counts how often it is read as a whole, and is away on demand.
struct Counted<'a> {
    cluster: &'a DirectoryCluster,
    looks: &'a AtomicUsize,
    away: &'a AtomicBool,
}

#[async_trait]
impl Cluster for Counted<'_> {
    async fn observe(&self, interest: &Interest) -> Result<ObservedState, ClusterError> {
        if self.away.load(Ordering::SeqCst) {
            let kind = crate::ports::ClusterErrorKind::Unreachable;
            return Err(ClusterError { message: "nobody answers".to_owned(), kind, hint: None });
        }
        if matches!(interest, Interest::Everything { .. }) {
            self.looks.fetch_add(1, Ordering::SeqCst);
        }
        self.cluster.observe(interest).await
    }

    async fn evidence(&self, topics: &BTreeSet<TopicName>) -> Result<BTreeMap<TopicName, TopicEvidence>, ClusterError> {
        self.cluster.evidence(topics).await
    }

    async fn dry_run(&self, operations: &[Operation]) -> Result<Vec<DryRun>, ClusterError> {
        self.cluster.dry_run(operations).await
    }

    async fn perform(&self, _batch: &[Operation], _passwords: &Passwords) -> Vec<Result<(), ResourceError>> {
        panic!("a pull request changes nothing");
    }
}

/// A clock that stands still, and whose waits are real and short.
struct Still;

impl Clock for Still {
    fn now(&self) -> jiff::Timestamp {
        "2026-06-01T12:00:00Z".parse().expect("a time")
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

struct World {
    forge: FakeForge,
    source: Arc<FakeSource>,
    cluster: DirectoryCluster,
    directory: tempfile::TempDir,
    memory: Memory,
    looks: AtomicUsize,
    away: AtomicBool,
    n_passes: u64,
    longest: Duration,
    admission: Admission,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("made");
        let cluster = DirectoryCluster::open(directory.path(), Access::ReadWrite).expect("opens");
        let source = Arc::new(FakeSource { base: Mutex::new("base1".to_owned()), ..FakeSource::default() });
        Self {
            forge: FakeForge::default(),
            source,
            cluster,
            directory,
            memory: Memory::default(),
            looks: AtomicUsize::new(0),
            away: AtomicBool::new(false),
            n_passes: 1,
            longest: Duration::from_secs(60),
            admission: Admission { forks: false, label: "driftless/plan".to_owned() },
        }
    }

    fn open(&self, number: u64, head: &str, merge: Merge) {
        self.open_as(number, head, merge, |_| {});
    }

    fn open_as(&self, number: u64, head: &str, merge: Merge, change: impl FnOnce(&mut PullRequest)) {
        let mut pull_request = PullRequest {
            number,
            head: head.to_owned(),
            head_reference: format!("refs/pull/{number}/head"),
            base_branch: "main".to_owned(),
            is_fork: false,
            labels: BTreeSet::new(),
            url: format!("https://forge.example.org/{number}"),
        };
        change(&mut pull_request);
        let mut open = self.forge.open.lock().expect("not poisoned");
        open.retain(|other| other.number != number);
        open.push(pull_request);
        self.source.heads.lock().expect("not poisoned").insert(head.to_owned(), merge);
    }

    async fn try_round(&mut self) -> Result<(), RoundProblem> {
        let cluster = Counted { cluster: &self.cluster, looks: &self.looks, away: &self.away };
        let options = PlanOptions { drift: DriftCorrection::Hold, ..PlanOptions::default() };
        let round = Round {
            environment: "prod",
            branch: "main",
            verify: VerifyMode::None,
            forge: &self.forge,
            source: Arc::clone(&self.source) as _,
            admission: &self.admission,
            files: Arc::new(FakeFiles),
            cluster: &cluster,
            cluster_id: None,
            rules: None,
            report_branch: Arc::new(NoBranch),
            options: &options,
            clock: &Still,
            n_passes: self.n_passes,
            longest: self.longest,
            stopped: &|| false,
        };
        round.run(&mut self.memory).await
    }

    async fn round(&mut self) {
        self.try_round().await.expect("the round ends well");
    }

    fn plan_status(&self, head: &str) -> (CommitState, String) {
        self.forge.status(head, "plan").expect("a status")
    }
}

#[tokio::test]
async fn a_pull_request_that_changes_the_environment_is_planned_once_and_nothing_is_written_again() {
    let mut world = World::new();
    world.open(7, "head1", merged(&[("topic", "orders")]));
    world.open_as(8, "head2", merged(&[("topic", "x")]), |other| other.base_branch = "release".to_owned());
    world.round().await;
    assert_eq!(
        world.plan_status("head1"),
        (CommitState::Success, "1 to create, 0 to update, 0 to delete, 0 held, 0 blocked".to_owned())
    );
    let comment = world.forge.comment_of(7, "plan").expect("a comment");
    assert!(comment.contains("orders"), "{comment}");
    assert!(world.forge.status("head2", "plan").is_none(), "it goes to another branch");
    assert_eq!(world.forge.written(), 3, "pending, comment, success");
    for _ in 0..3 {
        world.round().await;
    }
    assert_eq!(world.forge.written(), 0);
    assert_eq!(world.source.merges.load(Ordering::SeqCst), 1, "it is not even merged again");
    assert_eq!(world.looks.load(Ordering::SeqCst), 1);
    // An agent that was started anew plans again, and finds everything said.
    world.memory = Memory::default();
    world.round().await;
    let rewritten = world.forge.written();
    assert!(rewritten <= 2, "at most the status goes to pending and back: {rewritten}");
}

#[tokio::test]
async fn it_is_planned_again_when_head_base_or_cluster_moved_and_only_then() {
    let mut world = World::new();
    world.open(7, "head1", merged(&[("topic", "orders")]));
    world.round().await;
    world.forge.written();
    // The base moved: the same plan, so nothing is written.
    *world.source.base.lock().expect("not poisoned") = "base2".to_owned();
    world.round().await;
    assert_eq!(world.source.merges.load(Ordering::SeqCst), 2);
    // A pass was made, and left the cluster as it was.
    world.n_passes = 2;
    world.round().await;
    assert_eq!((world.looks.load(Ordering::SeqCst), world.source.merges.load(Ordering::SeqCst)), (3, 2));
    // A pass changed the cluster: the topic is there now.
    let mut desired = DesiredState { environment: "prod".to_owned(), ..DesiredState::default() };
    declare(&mut desired, "orders");
    let created = desired.topics.values().map(|declared| Operation::CreateTopic {
        topic: declared.value.name.clone(),
        partitions: declared.value.partitions,
        replication_factor: declared.value.replication_factor,
        config: declared.value.config.clone(),
    });
    for result in world.cluster.perform(&created.collect::<Vec<_>>(), &Default::default()).await {
        result.expect("created");
    }
    world.n_passes = 3;
    world.round().await;
    assert!(world.plan_status("head1").1.starts_with("No changes"), "{}", world.plan_status("head1").1);
    // The head moved.
    world.open(7, "head2", merged(&[("topic", "invoices")]));
    world.round().await;
    assert_eq!(world.plan_status("head2").1, "1 to create, 0 to update, 0 to delete, 0 held, 0 blocked");
    assert!(world.forge.comment_of(7, "plan").expect("a comment").contains("invoices"));
    assert!(world.directory.path().exists());
}

#[tokio::test]
async fn what_does_not_change_the_environment_gets_a_status_and_a_comment_only_where_one_stands() {
    let mut world = World::new();
    world.open(7, "head1", merged(&[]));
    world.round().await;
    assert_eq!(world.plan_status("head1").0, CommitState::Success);
    assert_eq!(world.forge.comment_of(7, "plan"), None);
    assert_eq!(world.looks.load(Ordering::SeqCst), 0, "the cluster is not asked");
    world.open(7, "head2", merged(&[("topic", "orders")]));
    world.round().await;
    assert!(world.forge.comment_of(7, "plan").is_some());
    world.open(7, "head3", merged(&[]));
    world.round().await;
    let resolved = world.forge.comment_of(7, "plan").expect("it stays");
    assert!(resolved.contains("**No changes**") && !resolved.contains("orders"), "{resolved}");
}

#[tokio::test]
async fn bad_files_denials_conflicts_and_what_is_unusable_fail_and_say_why() {
    for (merge, words, in_comment) in [
        (merged(&[("bad", "")]), "1 problem in the files.", Some("`base/bad.yaml:3:1`")),
        (merged(&[("topic", "orders"), ("deny", "")]), "Policy refuses: 1 finding denies", Some("never")),
        (Merge::Conflict(vec!["base/a\u{202e}.yaml".to_owned()]), "Conflicts with its base in", None),
        (Merge::Unusable("brings more than 64 MiB".to_owned()), "Not planned: the pull request brings more", None),
    ] {
        let mut world = World::new();
        world.open(7, "head1", merge.clone());
        world.round().await;
        let (state, description) = world.plan_status("head1");
        assert_eq!(state, CommitState::Failure, "{merge:?}");
        assert!(description.starts_with(words), "{description}");
        assert!(!description.contains('\u{202e}'), "{description}");
        let comment = world.forge.comment_of(7, "plan");
        match in_comment {
            Some(words) => assert!(comment.as_ref().is_some_and(|text| text.contains(words)), "{comment:?}"),
            None => assert_eq!(comment, None),
        }
        assert!(!comment.unwrap_or_default().contains("@everyone <b>"));
        // Once a comment stands, it says so too.
        world.open(7, "head2", merged(&[("topic", "orders")]));
        world.round().await;
        world.open(7, "head3", merge);
        world.round().await;
        assert!(world.forge.comment_of(7, "plan").is_some_and(|text| !text.contains("No changes")));
        assert_eq!(world.plan_status("head3").0, CommitState::Failure);
    }
}

#[tokio::test]
async fn a_fork_waits_for_a_maintainers_label() {
    let mut world = World::new();
    let fork = |pull_request: &mut PullRequest| pull_request.is_fork = true;
    world.open_as(7, "head1", merged(&[("topic", "orders")]), fork);
    world.round().await;
    let (state, description) = world.plan_status("head1");
    assert_eq!(state, CommitState::Pending);
    assert!(description.contains("driftless/plan"), "{description}");
    assert_eq!(world.source.merges.load(Ordering::SeqCst), 0, "nothing of it is fetched");
    world.open_as(7, "head1", merged(&[("topic", "orders")]), |pull_request| {
        pull_request.is_fork = true;
        pull_request.labels.insert("driftless/plan".to_owned());
    });
    world.round().await;
    assert_eq!(world.plan_status("head1").0, CommitState::Success);
}

#[tokio::test]
async fn what_cannot_be_planned_now_is_marked_stale_and_planned_as_soon_as_it_can() {
    let mut world = World::new();
    world.open(7, "head1", merged(&[("topic", "orders")]));
    world.round().await;
    world.away.store(true, Ordering::SeqCst);
    world.n_passes = 2;
    *world.source.base.lock().expect("not poisoned") = "base2".to_owned();
    assert!(world.try_round().await.is_err());
    let (state, description) = world.plan_status("head1");
    assert_eq!(state, CommitState::Pending);
    assert!(description.contains("nobody answers"), "{description}");
    world.forge.written();
    assert!(world.try_round().await.is_err());
    assert_eq!(world.forge.written(), 0, "it is said once");
    world.away.store(false, Ordering::SeqCst);
    world.round().await;
    assert_eq!(
        world.plan_status("head1"),
        (CommitState::Success, "1 to create, 0 to update, 0 to delete, 0 held, 0 blocked".to_owned())
    );
}

#[tokio::test]
async fn a_slow_pull_request_is_given_up_and_goes_last_from_then_on() {
    let mut world = World::new();
    world.longest = Duration::from_secs(2);
    world.source.slow.lock().expect("not poisoned").insert("slow1".to_owned());
    world.open(7, "slow1", merged(&[("topic", "orders")]));
    world.open(8, "quick", merged(&[("topic", "invoices")]));
    world.round().await;
    assert_eq!(world.plan_status("slow1").0, CommitState::Failure);
    assert!(world.plan_status("slow1").1.contains("longer than"), "{}", world.plan_status("slow1").1);
    assert_eq!(world.plan_status("quick").0, CommitState::Success);
    world.round().await;
    assert_eq!(world.source.merges.load(Ordering::SeqCst), 2, "it is not tried again at once");
    world.n_passes = 2;
    world.longest = Duration::from_secs(60);
    world.source.slow.lock().expect("not poisoned").clear();
    world.round().await;
    assert_eq!(world.plan_status("slow1").0, CommitState::Success, "it may have been a bad moment");
}

#[tokio::test]
async fn a_rate_limit_ends_the_round_with_the_time_that_the_forge_wants() {
    let mut world = World::new();
    world.open(7, "head1", merged(&[("topic", "orders")]));
    world.forge.limited.store(true, Ordering::SeqCst);
    let problem = world.try_round().await.expect_err("limited");
    assert_eq!(problem.wait, Some(Duration::from_secs(77)));
    assert_eq!(world.forge.written(), 0);
}

fn pass_note(revision: &str, state: CommitState, description: &str) -> PassNote {
    let report = ApplyReport {
        plan_id: format!("sha256:{}", "0".repeat(64)),
        environment: "prod".to_owned(),
        results: Vec::new(),
        interrupted: false,
    };
    PassNote {
        revision: revision.to_owned(),
        previous: Some("base0".to_owned()),
        state,
        description: description.to_owned(),
        applied: Some(report),
        cluster_id: Some("c".to_owned()),
    }
}

#[tokio::test]
async fn what_was_applied_is_told_to_every_pull_request_that_landed_and_had_a_plan() {
    let world = World::new();
    let merged_as = |number: u64| PullRequest {
        number,
        head: String::new(),
        head_reference: String::new(),
        base_branch: "main".to_owned(),
        is_fork: false,
        labels: BTreeSet::new(),
        url: format!("https://forge.example.org/{number}"),
    };
    for (commit, number) in [("merge7", 7), ("merge8", 8)] {
        world.forge.merged.lock().expect("not poisoned").insert(commit.to_owned(), merged_as(number));
    }
    *world.source.landed.lock().expect("not poisoned") = ["merge8", "direct", "merge7"].map(str::to_owned).to_vec();
    let marker = crate::report::comment::plan_comment_marker("prod", "c");
    world.forge.comments.lock().expect("not poisoned").insert((7, marker), "planned".to_owned());
    let source: Arc<dyn PullRequestSource> = Arc::clone(&world.source) as _;
    let mut notes = super::applied::Notes::default();
    notes.push(pass_note("merge8", CommitState::Pending, "Tried again: nobody answers."));
    notes.push(pass_note("merge8", CommitState::Success, "Applied 2 of 2."));
    notes.tell("prod", &world.forge, &source).await.expect("told");
    for commit in ["merge7", "merge8"] {
        assert_eq!(world.forge.status(commit, "apply"), Some((CommitState::Success, "Applied 2 of 2.".to_owned())));
    }
    assert!(world.forge.status("direct", "apply").is_none());
    let reply = world.forge.comment_of(7, "apply").expect("a reply");
    for words in ["Applied to", "merge7", "https://forge.example.org/7#1", "Applied 0 of 0"] {
        assert!(reply.contains(words), "{words}: {reply}");
    }
    assert_eq!(world.forge.comment_of(8, "apply"), None, "it had no plan");
    world.forge.written();
    notes.tell("prod", &world.forge, &source).await.expect("told");
    assert_eq!(world.forge.written(), 0);
    // A forge that is away is told later.
    notes.push(pass_note("merge8", CommitState::Failure, "Applied 1 of 2."));
    world.forge.limited.store(true, Ordering::SeqCst);
    assert!(notes.tell("prod", &world.forge, &source).await.is_err());
    world.forge.limited.store(false, Ordering::SeqCst);
    notes.tell("prod", &world.forge, &source).await.expect("told");
    assert_eq!(world.forge.status("merge8", "apply").map(|(state, _)| state), Some(CommitState::Failure));
}

#[test]
fn a_pass_is_news_only_the_first_time_its_revision_is_applied() {
    let plan = |base: Option<&str>| {
        let plan = serde_json::json!({
            "apiVersion": "driftless.dev/v1", "kind": "Plan", "id": "sha256:0", "environment": "prod",
            "cluster": {"id": "c", "brokers": 3}, "source": {"revision": "b", "base": base},
            "summary": {"create": 0, "update": 0, "delete": 0, "held": 0, "blocked": 0, "unmanaged": 0},
            "preconditions": {"clusterId": "c", "observedFingerprint": ""},
            "actions": [], "unmanaged": [], "unknown": [], "findings": []
        });
        Some(serde_json::from_value(plan).expect("a plan"))
    };
    let result = |plan| PassResult { revision: Some("b".to_owned()), plan, ..PassResult::default() };
    assert!(note(&result(plan(Some("b"))), WhatToDo::Apply).is_none());
    assert!(note(&result(plan(Some("a"))), WhatToDo::Observe).is_none());
    let told = note(&result(plan(Some("a"))), WhatToDo::Apply).expect("news");
    assert_eq!((told.revision.as_str(), told.previous.as_deref()), ("b", Some("a")));
    assert!(note(&PassResult::default(), WhatToDo::Apply).is_none());
}

/// Counts rounds, and fails as often as it is told to.
struct Counting {
    rounds: Arc<AtomicUsize>,
    heard: usize,
}

#[async_trait]
impl Polling for Counting {
    fn hear(&mut self, _heard: Heard) {
        self.heard += 1;
    }

    async fn round(&mut self) -> Result<(), RoundProblem> {
        self.rounds.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn a_webhook_or_a_pass_hurries_a_round_and_a_shutdown_ends_them() {
    let rounds = Arc::new(AtomicUsize::new(0));
    let (end, ended) = channel::channel(false);
    let (passes, receiver) = mpsc::channel(4);
    let look = Arc::new(Notify::new());
    let mut wakes = PollWakes { ended, look: Arc::clone(&look), passes: receiver };
    let counted = Arc::clone(&rounds);
    let polling = tokio::spawn(async move {
        let mut polling = Counting { rounds: counted, heard: 0 };
        poll(&mut polling, Duration::from_secs(3600), &Still, &mut wakes).await;
        polling.heard
    });
    let until = async |count: usize| {
        while rounds.load(Ordering::SeqCst) < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    until(1).await;
    look.notify_one();
    until(2).await;
    passes.send(Heard::Ended { note: None, is_ready: true }).await.expect("listens");
    until(3).await;
    end.send(true).expect("listens");
    assert_eq!(polling.await.expect("ends"), 1);
}
