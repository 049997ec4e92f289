//! A lease by consumer group: whoever is assigned partition 0 of the group's topic acts.
//!
//! Nothing is ever fetched or committed: the assignment is only looked at. The classic group protocol is used, because there
//! the member says after which silence it is taken for dead; with KIP-848 the broker does, 45 seconds unless set otherwise.
//! Members are not static (KIP-345): a static member that leaves keeps its partitions until its session ends, so that nobody
//! could take over at once. The oldest member acts: one that joins does not take the lease from one that runs.
//!
//! A member that the coordinator no longer hears stops by itself: librdkafka counts the session from the last answer to a
//! heartbeat, and a process that was frozen finds out here, by the gap between two of its own rounds, before it does anything.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use tokio::sync::watch;
use tokio::time::Instant;

use super::ReadProperties;
use crate::ports::Lease;

/// After this silence the coordinator gives the partition to another member. Brokers allow 6 seconds and more.
const SESSION: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Time between two rounds of the thread.
const ROUND: Duration = Duration::from_millis(100);
/// A gap between two rounds that is longer may have been the end of the session.
const LONGEST_GAP: Duration = Duration::from_secs(4);
/// How long a member that is no part of the group waits before it begins anew with the properties as they are then.
const FRESH_START: Duration = Duration::from_secs(60);
/// How often the log says that the group cannot be reached: librdkafka says it many times a second.
const TELL_AGAIN: Duration = Duration::from_secs(300);
/// How long a hand-over waits for what is being written.
const LONGEST_HAND_OVER: Duration = Duration::from_secs(20);
/// How long giving up may take.
const LONGEST_GOODBYE: Duration = Duration::from_secs(5);

/// What a lease by consumer group needs to know.
pub struct GroupLeaseSettings {
    /// The consumer group.
    pub group: String,
    /// The topic that its members subscribe to. It must exist; it is never made, and nothing is read from it.
    pub topic: String,
    /// The environments that are held with it.
    pub environments: BTreeSet<String>,
    /// How to connect.
    pub properties: ReadProperties,
}

/// A lease by consumer group.
pub struct GroupLease {
    shared: Arc<Shared>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

struct Shared {
    environments: BTreeSet<String>,
    mine: watch::Sender<BTreeSet<String>>,
    /// Whether the group has taken this member in.
    is_member: AtomicBool,
    writers: AtomicUsize,
    ended: AtomicBool,
    last_round: Mutex<Instant>,
}

impl Shared {
    fn become_holder(&self) {
        self.mine.send_if_modified(|mine| {
            let is_new = *mine != self.environments;
            mine.clone_from(&self.environments);
            is_new
        });
    }

    fn lose(&self) {
        self.mine.send_if_modified(|mine| !std::mem::take(mine).is_empty());
    }

    fn last_round(&self) -> Instant {
        *self.last_round.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_round(&self) {
        *self.last_round.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Waits for what is being written, so that nobody else begins before it is through.
    fn wait_for_writers(&self) {
        let until = Instant::now() + LONGEST_HAND_OVER;
        while self.writers.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
            self.note_round();
        }
    }
}

impl GroupLease {
    /// Joins the group, in a thread of its own. Nothing is held yet when this returns.
    pub fn join(settings: GroupLeaseSettings) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            environments: settings.environments.clone(),
            mine: watch::Sender::new(BTreeSet::new()),
            is_member: AtomicBool::new(false),
            writers: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            last_round: Mutex::new(Instant::now()),
        });
        let member = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("lease".to_owned()).spawn(move || take_part(&settings, &member))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }
}

#[async_trait]
impl Lease for GroupLease {
    fn holds(&self, environment: &str) -> bool {
        // A thread that does not come round may have missed that the session ended.
        self.shared.mine.borrow().contains(environment) && self.shared.last_round().elapsed() < LONGEST_GAP
    }

    fn mine(&self) -> watch::Receiver<BTreeSet<String>> {
        self.shared.mine.subscribe()
    }

    fn acting(&self) -> Box<dyn Send> {
        self.shared.writers.fetch_add(1, Ordering::SeqCst);
        Box::new(Writing(Arc::clone(&self.shared)))
    }

    async fn give_up(&self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let until = Instant::now() + LONGEST_GOODBYE;
        while thread.as_ref().is_some_and(|thread| !thread.is_finished()) && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for GroupLease {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
    }
}

struct Writing(Arc<Shared>);

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.writers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Is a member of the group until the lease ends.
fn take_part(settings: &GroupLeaseSettings, shared: &Arc<Shared>) {
    while !shared.ended.load(Ordering::SeqCst) {
        match consumer(settings, shared) {
            Ok(consumer) => serve(&consumer, shared),
            Err(problem) => {
                tracing::warn!(group = %settings.group, %problem, "the lease cannot be asked for");
                pause(shared, Duration::from_secs(5));
            }
        }
        shared.is_member.store(false, Ordering::SeqCst);
        shared.lose();
    }
}

fn pause(shared: &Shared, time: Duration) {
    let until = Instant::now() + time;
    while !shared.ended.load(Ordering::SeqCst) && Instant::now() < until {
        std::thread::sleep(ROUND);
    }
}

fn consumer(settings: &GroupLeaseSettings, shared: &Arc<Shared>) -> Result<BaseConsumer<Member>, String> {
    let mut config = ClientConfig::new();
    for (key, value) in (settings.properties)()? {
        config.set(key, String::from_utf8_lossy(value.expose()));
    }
    // The first partition goes to the member whose id comes first, and ids begin with this: who joins later never takes the lease from
    // one that runs.
    let oldest_first = format!("driftless-{:015}", jiff::Timestamp::now().as_millisecond());
    config
        .set("client.id", oldest_first)
        .set("client.rack", "")
        .set("group.id", &settings.group)
        .set("group.protocol", "classic")
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", SESSION.as_millis().to_string())
        .set("heartbeat.interval.ms", HEARTBEAT.as_millis().to_string())
        .set("enable.auto.commit", "false")
        .set("allow.auto.create.topics", "false")
        // The group may be there before its topic is.
        .set("topic.metadata.refresh.interval.ms", "10000")
        .set("log.connection.close", "false");
    let member = Member { shared: Arc::clone(shared) };
    let consumer: BaseConsumer<Member> =
        config.create_with_context(member).map_err(|error| format!("failed to set up the consumer: {error}"))?;
    consumer.subscribe(&[&settings.topic]).map_err(|error| format!("failed to subscribe: {error}"))?;
    Ok(consumer)
}

/// Comes round until the lease ends, or the group does not take this member in for a while.
fn serve(consumer: &BaseConsumer<Member>, shared: &Shared) {
    let mut last_membership = Instant::now();
    let mut told: Option<Instant> = None;
    let (mut last, mut last_on_the_wall) = (Instant::now(), jiff::Timestamp::now());
    shared.note_round();
    while !shared.ended.load(Ordering::SeqCst) {
        if let Some(Err(error)) = consumer.poll(ROUND) {
            if told.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
                told = Some(Instant::now());
                tracing::warn!(problem = %error, "the lease's group answers with an error");
            } else {
                tracing::debug!(problem = %error, "the lease's group answers with an error");
            }
        }
        let (now, on_the_wall) = (Instant::now(), jiff::Timestamp::now());
        // A machine that slept shows on the wall clock only. A clock that is put forward makes the member join once more, too.
        let slept = Duration::try_from(on_the_wall.duration_since(last_on_the_wall)).unwrap_or_default();
        let was_handing_over = shared.last_round() > last + ROUND * 2;
        if !was_handing_over && (now - last >= LONGEST_GAP || slept >= LONGEST_GAP) {
            tracing::warn!("this process stood still, so the lease is asked for anew");
            shared.lose();
            return;
        }
        (last, last_on_the_wall) = (now, on_the_wall);
        shared.note_round();
        if shared.is_member.load(Ordering::SeqCst) {
            last_membership = now;
        } else if now - last_membership >= FRESH_START {
            return;
        }
    }
    // What is held ends before the group is left.
    shared.lose();
    shared.wait_for_writers();
}

/// What librdkafka tells a member.
struct Member {
    shared: Arc<Shared>,
}

impl ClientContext for Member {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(problem = %error, reason, "librdkafka");
    }
}

impl ConsumerContext for Member {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let result = if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.shared.is_member.store(true, Ordering::SeqCst);
            if partitions.elements().iter().any(|partition| partition.partition() == 0) {
                self.shared.become_holder();
            } else {
                self.shared.lose();
            }
            // Nothing is to be fetched, so nothing is taken.
            consumer.assign(&TopicPartitionList::new())
        } else {
            self.shared.is_member.store(false, Ordering::SeqCst);
            self.shared.lose();
            self.shared.wait_for_writers();
            consumer.unassign()
        };
        if let Err(error) = result {
            tracing::warn!(problem = %error, "the lease's group could not be answered");
        }
    }
}
