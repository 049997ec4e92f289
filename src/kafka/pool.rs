//! The brokers of a cluster: who they are, connections to them, and which of them a request goes to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use kafka_protocol::protocol::Request;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::address::Address;
use super::connection::{Connection, Connector, api_name};
use super::errors::{self, CallError};
use crate::ports::{ClusterError, ClusterErrorKind};

/// Connections, and so requests in flight, per broker: more bring nothing, a broker works on one request of a
/// connection at a time and three brokers share the load.
const CONNECTIONS_PER_BROKER: usize = 2;

/// How long after a failed connection a broker is not tried again.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// When the next bootstrap server is asked while the one before is silent.
const BOOTSTRAP_STAGGER: Duration = Duration::from_millis(200);

/// Which broker a request must go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Any of them.
    Any,
    /// The same one each time while it lives, so that what was seen once stays seen: brokers learn of changes one after
    /// the other. The number spreads what is asked at the same time.
    Steady(usize),
    /// The active controller, as far as known: with KRaft any broker that passes the request on.
    Controller,
    /// This one only.
    Broker(i32),
}

/// What is known of the cluster itself.
#[derive(Debug)]
pub(super) struct View {
    pub(super) cluster_id: String,
    pub(super) controller: Option<i32>,
    pub(super) brokers: BTreeMap<i32, Broker>,
    pub(super) metadata_version: Option<i16>,
}

/// One live broker.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) address: Address,
    pub(super) rack: Option<String>,
}

/// Says whether this process may write at this moment.
pub(super) type MayWrite = dyn Fn() -> bool + Send + Sync;

/// Connections to one address.
struct Node {
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
    failed: Mutex<Option<Failure>>,
}

/// The last try to connect, when it failed.
struct Failure {
    at: Instant,
    kind: ClusterErrorKind,
    message: String,
    hint: Option<String>,
}

impl Failure {
    fn is_recent(&self) -> bool {
        self.at.elapsed() < REST_AFTER_FAILURE
    }
}

/// All connections.
pub(super) struct Pool {
    pub(super) connector: Connector,
    /// Says, right before each write is sent, whether it still may be.
    pub(super) may_write: Option<Arc<MayWrite>>,
    bootstrap: Vec<Address>,
    view: Mutex<Option<Arc<View>>>,
    finding: tokio::sync::Mutex<()>,
    nodes: Mutex<BTreeMap<Address, Arc<Node>>>,
    next: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is held under these locks can be left half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    pub(super) fn new(connector: Connector, bootstrap: Vec<Address>) -> Self {
        Self {
            connector,
            may_write: None,
            bootstrap,
            view: Mutex::new(None),
            finding: tokio::sync::Mutex::new(()),
            nodes: Mutex::new(BTreeMap::new()),
            next: AtomicUsize::new(0),
        }
    }

    /// Returns what is known of the cluster, asking for it when nothing is.
    pub(super) async fn view(&self) -> Result<Arc<View>, ClusterError> {
        if let Some(view) = lock(&self.view).clone() {
            return Ok(view);
        }
        let _only_one = self.finding.lock().await;
        if let Some(view) = lock(&self.view).clone() {
            return Ok(view);
        }
        let view = Arc::new(self.find().await?);
        *lock(&self.view) = Some(Arc::clone(&view));
        Ok(view)
    }

    /// Forgets what is known of brokers and controller, so that it is asked for again.
    pub(super) fn forget(&self) {
        *lock(&self.view) = None;
    }

    /// Asks the bootstrap servers, one shortly after the other, and takes the first answer.
    async fn find(&self) -> Result<View, ClusterError> {
        let mut asked = FuturesUnordered::new();
        for (at, address) in self.bootstrap.iter().enumerate() {
            let wait = BOOTSTRAP_STAGGER * u32::try_from(at).unwrap_or(u32::MAX);
            asked.push(async move {
                tokio::time::sleep(wait).await;
                (address.clone(), self.ask_who_is_there(address).await)
            });
        }
        let mut failed = Vec::new();
        while let Some((address, result)) = asked.next().await {
            match result {
                Ok(view) => return Ok(view),
                Err(error) => failed.push((address, error)),
            }
        }
        Err(errors::merge(failed))
    }

    /// Reads brokers and controller again, over a connection that is there already when there is one.
    pub(super) async fn refresh(&self) -> Result<(), CallError> {
        let known = lock(&self.view).clone();
        let Some(known) = known else {
            self.view().await.map_err(CallError::NotSent)?;
            return Ok(());
        };
        let answer = match self.read(Target::Steady(0), |_| who_is_there()).await {
            Ok(answer) => answer,
            Err(error) => {
                // None of the brokers that were known answers: the bootstrap servers may know others.
                tracing::debug!(reason = error.reason(), "known brokers do not answer");
                self.forget();
                self.view().await.map_err(CallError::NotSent)?;
                return Ok(());
            }
        };
        let view = view_of(answer, known.metadata_version)
            .map_err(|message| CallError::NotSent(errors::unreachable(message, None)))?;
        *lock(&self.view) = Some(Arc::new(view));
        Ok(())
    }

    async fn ask_who_is_there(&self, address: &Address) -> Result<View, ClusterError> {
        let mut connection = self.connector.connect(address).await?;
        let Some(version) = connection.version::<MetadataRequest>() else {
            return Err(CallError::Unsupported("Metadata").into_cluster_error());
        };
        let limit = self.connector.limits.setup.min(self.connector.limits.request);
        let answer = within(address, limit, connection.call(&who_is_there(), version))
            .await
            .map_err(|error| self.connector.first_request_error(error))?;
        let view = view_of(answer, connection.metadata_version()).map_err(|message| {
            errors::unreachable(format!("`{address}`: {message}"), Some("The cluster may be starting: try again."))
        })?;
        let node = self.node(address);
        lock(&node.idle).push(connection);
        Ok(view)
    }

    fn node(&self, address: &Address) -> Arc<Node> {
        let mut nodes = lock(&self.nodes);
        Arc::clone(nodes.entry(address.clone()).or_insert_with(|| {
            Arc::new(Node {
                permits: Semaphore::new(CONNECTIONS_PER_BROKER),
                idle: Mutex::new(Vec::new()),
                failed: Mutex::new(None),
            })
        }))
    }

    fn is_resting(&self, address: &Address) -> bool {
        let node = self.node(address);
        let failed = lock(&node.failed);
        failed.as_ref().is_some_and(Failure::is_recent)
    }

    /// Asks, and asks again (elsewhere, when any broker will do) when the answer is lost: only for what changes nothing.
    pub(super) async fn read<R: Request>(
        &self,
        target: Target,
        build: impl Fn(i16) -> R,
    ) -> Result<R::Response, CallError> {
        let mut tried = BTreeMap::new();
        let mut silent = 0;
        loop {
            let (id, address) = self.pick(target, &tried).await?;
            match self.once(&address, self.connector.limits.request, None, &build).await {
                Ok(answer) => return Ok(answer),
                Err(error @ (CallError::Unsupported(_) | CallError::Protocol { .. })) => return Err(error),
                Err(error @ (CallError::NotSent(_) | CallError::Lost { .. })) => {
                    *tried.entry(id).or_insert(0) += 1;
                    let timed_out = matches!(error, CallError::Lost { timed_out: true, .. });
                    silent += usize::from(timed_out);
                    // Silence of two brokers is an answer too: waiting for all of them would take minutes.
                    if silent > 1 || !self.another(target, &tried) {
                        self.forget();
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Sends what changes something: once. It goes to another broker only when it is certain that nothing was sent.
    pub(super) async fn write<R: Request>(
        &self,
        target: Target,
        limit: Duration,
        build: impl Fn(i16) -> R,
    ) -> Result<R::Response, CallError> {
        let mut tried = BTreeMap::new();
        loop {
            let (id, address) = self.pick(target, &tried).await?;
            let may_write = self.may_write.as_deref();
            match self.once(&address, limit, may_write, &build).await {
                Ok(answer) => return Ok(answer),
                Err(error @ CallError::NotSent(_)) => {
                    *tried.entry(id).or_insert(0) += 1;
                    let is_over = may_write.is_some_and(|may_write| !may_write());
                    if is_over || !self.another(target, &tried) {
                        self.forget();
                        return Err(error);
                    }
                }
                Err(error) => {
                    self.forget();
                    return Err(error);
                }
            }
        }
    }

    /// Returns the version of an API that a write would use now.
    pub(super) async fn version<R: Request>(&self, target: Target) -> Result<i16, CallError> {
        let (_, address) = self.pick(target, &BTreeMap::new()).await?;
        let node = self.node(&address);
        let _permit = node.permits.acquire().await.ok();
        let connection = self.check_out(&node, &address).await.map_err(CallError::NotSent)?;
        let version = connection.version::<R>();
        lock(&node.idle).push(connection);
        version.ok_or(CallError::Unsupported(api_name::<R>()))
    }

    /// Says whether a further try makes sense after those: each broker once, a certain broker twice.
    fn another(&self, target: Target, tried: &BTreeMap<i32, usize>) -> bool {
        match target {
            Target::Broker(id) => tried.get(&id).is_none_or(|times| *times < 2),
            Target::Any | Target::Steady(_) | Target::Controller => {
                let view = lock(&self.view).clone();
                view.is_none_or(|view| view.brokers.keys().any(|id| !tried.contains_key(id)))
            }
        }
    }

    async fn pick(&self, target: Target, tried: &BTreeMap<i32, usize>) -> Result<(i32, Address), CallError> {
        let view = self.view().await.map_err(CallError::NotSent)?;
        let wanted = match target {
            Target::Broker(id) => Some(id),
            Target::Controller => view.controller.filter(|id| !tried.contains_key(id)),
            Target::Any | Target::Steady(_) => None,
        };
        if let Some(id) = wanted {
            return match view.brokers.get(&id) {
                Some(broker) => Ok((id, broker.address.clone())),
                None => Err(CallError::NotSent(errors::unreachable(format!("broker {id} is not alive"), None))),
            };
        }
        let candidates: Vec<(&i32, &Broker)> = view.brokers.iter().filter(|(id, _)| !tried.contains_key(id)).collect();
        let rested: Vec<&(&i32, &Broker)> =
            candidates.iter().filter(|(_, broker)| !self.is_resting(&broker.address)).collect();
        let at = match target {
            Target::Steady(at) => at,
            Target::Any | Target::Controller | Target::Broker(_) => self.next.fetch_add(1, Ordering::Relaxed),
        };
        let chosen = match (rested.len(), candidates.len()) {
            (0, 0) => None,
            (0, n) => candidates.get(at % n),
            (n, _) => rested.get(at % n).copied(),
        };
        match chosen {
            Some((id, broker)) => Ok((**id, broker.address.clone())),
            None => Err(CallError::NotSent(errors::unreachable("no broker answers", None))),
        }
    }

    async fn once<R: Request>(
        &self,
        address: &Address,
        limit: Duration,
        may_write: Option<&MayWrite>,
        build: &impl Fn(i16) -> R,
    ) -> Result<R::Response, CallError> {
        let node = self.node(address);
        // The semaphore is never closed.
        let _permit = node.permits.acquire().await.ok();
        let mut connection = self.check_out(&node, address).await.map_err(CallError::NotSent)?;
        let Some(version) = connection.version::<R>() else {
            lock(&node.idle).push(connection);
            return Err(CallError::Unsupported(api_name::<R>()));
        };
        if may_write.is_some_and(|may_write| !may_write()) {
            lock(&node.idle).push(connection);
            return Err(CallError::NotSent(errors::unreachable("another agent acts by now", None)));
        }
        // When this future is dropped or fails, the connection goes with it: its next answer would be a stale one.
        let answer = within(address, limit, connection.call(&build(version), version)).await;
        let answer = answer.inspect_err(|error| {
            tracing::debug!(api = api_name::<R>(), broker = %address, reason = error.reason(), "no answer to request");
        })?;
        lock(&node.idle).push(connection);
        Ok(answer)
    }

    async fn check_out(&self, node: &Node, address: &Address) -> Result<Connection, ClusterError> {
        loop {
            let Some(connection) = lock(&node.idle).pop() else { break };
            if connection.is_fresh() {
                return Ok(connection);
            }
        }
        if let Some(failure) = lock(&node.failed).as_ref().filter(|failure| failure.is_recent()) {
            let Failure { kind, message, hint, .. } = failure;
            return Err(ClusterError { message: message.clone(), kind: *kind, hint: hint.clone() });
        }
        let result = self.connector.connect(address).await;
        *lock(&node.failed) = match &result {
            Ok(_) => None,
            Err(error) => Some(Failure {
                at: Instant::now(),
                kind: error.kind,
                message: error.message.clone(),
                hint: error.hint.clone(),
            }),
        };
        result
    }

    /// Returns the ids of the brokers that are worth asking now, at most `most`.
    pub(super) async fn ids(&self, most: usize) -> Result<BTreeSet<i32>, ClusterError> {
        let view = self.view().await?;
        let rested = view.brokers.iter().filter(|(_, broker)| !self.is_resting(&broker.address)).map(|(id, _)| *id);
        Ok(rested.take(most).collect())
    }
}

fn who_is_there() -> MetadataRequest {
    MetadataRequest::default().with_topics(Some(Vec::new())).with_allow_auto_topic_creation(false)
}

fn view_of(answer: MetadataResponse, metadata_version: Option<i16>) -> Result<View, String> {
    let mut brokers = BTreeMap::new();
    for broker in answer.brokers {
        let port = u16::try_from(broker.port).map_err(|_| format!("it names a broker with port {}", broker.port))?;
        let address = Address { host: broker.host.to_string(), port };
        brokers.insert(broker.node_id.0, Broker { address, rack: broker.rack.map(|rack| rack.to_string()) });
    }
    if brokers.is_empty() {
        return Err("it knows no live broker yet".to_owned());
    }
    Ok(View {
        cluster_id: answer.cluster_id.map(|id| id.to_string()).unwrap_or_default(),
        controller: Some(answer.controller_id.0).filter(|id| brokers.contains_key(id)),
        brokers,
        metadata_version,
    })
}

async fn within<T>(
    address: &Address,
    limit: Duration,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result,
        Err(_) => Err(CallError::Lost {
            broker: address.clone(),
            reason: format!("no answer within {limit:.0?}"),
            timed_out: true,
        }),
    }
}
