//! The Kafka adapter: a real cluster behind [`crate::ports::Cluster`].
//!
//! Settings come from a `client.properties` ([`properties`]). Under the port lie three layers: one connection
//! (`connection`), all brokers and where a request goes (`pool`), and what is asked and written (`observe`, `evidence`,
//! `perform`). What changes something is sent once; only what is known not to have been carried out is sent again.

mod address;
mod connection;
mod errors;
mod evidence;
mod jaas;
mod librdkafka;
mod observe;
mod perform;
mod pool;
pub mod properties;
mod sasl;
mod scram;
mod stores;
mod tls;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::BackoffBuilder;
use kafka_protocol::protocol::Request;
use tokio::time::Instant;

pub use self::errors::error_code;

use self::address::Address;
use self::connection::Connector;
use self::errors::{CallError, is_retriable};
use self::pool::{Pool, Target};
use self::properties::ClientProperties;
use self::tls::Tls;
use crate::domain::names::{Principal, TopicName};
use crate::domain::observed::{BrokerFacts, ClusterFacts, Interest, ObservedState, TopicEvidence};
use crate::domain::operation::{Operation, Passwords};
use crate::ports::{Access, Cluster, ClusterError, DryRun, ResourceError, Tally};

/// A Kafka cluster. Connects when it is first asked for something.
pub struct KafkaCluster {
    pool: Pool,
    principal: Option<Principal>,
    access: Access,
}

impl KafkaCluster {
    /// Prepares connections to the cluster of the settings, or to `bootstrap` (`host:port,...`) with their credentials.
    /// Reads the key and trust stores that they name, and connects to nothing.
    pub fn new(properties: ClientProperties, bootstrap: Option<&str>, access: Access) -> Result<Self, ClusterError> {
        let servers = match bootstrap {
            Some(raw) => Address::parse_list(raw).map_err(|message| {
                errors::settings(
                    format!("the bootstrap servers are not valid: {message}"),
                    "Write `host:port,host:port`.",
                )
            })?,
            None => properties.bootstrap_servers,
        };
        if servers.is_empty() {
            let hint = "Set `bootstrap.servers`, or use `--bootstrap-server`.";
            return Err(errors::settings("no bootstrap server is given", hint));
        }
        let tls = properties.tls.as_ref().map(Tls::load).transpose()?;
        let principal = match (&properties.sasl, &tls) {
            (Some(sasl), _) => Some(sasl.user.clone()),
            (None, Some(Tls { has_identity: true, subject, .. })) => subject.clone(),
            (None, Some(_) | None) => Some("ANONYMOUS".to_owned()),
        };
        let (client_id, limits) = (properties.client_id, properties.limits);
        let connector = Connector { tls, sasl: properties.sasl, client_id, limits, tally: None };
        let principal = principal.map(|name| Principal::user(&name));
        Ok(Self { pool: Pool::new(connector, servers), principal, access })
    }

    /// Counts connections and requests from now on.
    #[must_use]
    pub fn counted(mut self, tally: Arc<dyn Tally>) -> Self {
        self.pool.connector.tally = Some(tally);
        self
    }

    /// Asks from now on, right before each write is sent, whether it still may be: what a batch has to send again is not sent by a
    /// process that lost its lease meanwhile.
    #[must_use]
    pub fn while_it_may(mut self, may_write: Arc<dyn Fn() -> bool + Send + Sync>) -> Self {
        self.pool.may_write = Some(may_write);
        self
    }

    fn pauses(&self) -> Pauses {
        Pauses::new(self.pool.connector.limits.backoff, self.pool.connector.limits.api)
    }

    /// Reads with one error code for the whole answer, and asks again while that code may pass. The last answer is
    /// returned whatever its code.
    async fn ask<R: Request>(
        &self,
        target: Target,
        build: impl Fn(i16) -> R,
        code: impl Fn(&R::Response) -> i16,
    ) -> Result<R::Response, CallError> {
        let mut pauses = self.pauses();
        loop {
            let answer = self.pool.read(target, &build).await?;
            if !is_retriable(code(&answer)) {
                return Ok(answer);
            }
            self.pool.forget();
            if !pauses.pause().await {
                return Ok(answer);
            }
        }
    }

    async fn facts(&self, brokers: BTreeMap<i32, BrokerFacts>) -> Result<ClusterFacts, ClusterError> {
        let view = self.pool.view().await?;
        let mut all: BTreeMap<i32, BrokerFacts> = BTreeMap::new();
        for (id, broker) in &view.brokers {
            let facts = BrokerFacts {
                rack: broker.rack.clone(),
                configs: BTreeMap::new(),
                configs_hidden: BTreeSet::new(),
                configs_unknown: Some("they were not asked for".to_owned()),
            };
            all.insert(*id, facts);
        }
        all.extend(brokers.into_iter().filter(|(id, _)| view.brokers.contains_key(id)));
        Ok(ClusterFacts {
            id: view.cluster_id.clone(),
            brokers: all,
            metadata_version: view.metadata_version,
            own_principal: self.principal.clone(),
            security_protocol: Some(self.pool.connector.security_protocol()),
            lacking: BTreeMap::new(),
        })
    }
}

/// Growing pauses between repetitions, until the time for one call is over.
struct Pauses {
    pauses: backon::ExponentialBackoff,
    until: Instant,
}

impl Pauses {
    fn new(first: Duration, limit: Duration) -> Self {
        let pauses = backon::ExponentialBuilder::default()
            .with_min_delay(first.max(Duration::from_millis(1)))
            .with_max_delay(Duration::from_secs(1))
            .with_factor(2.0)
            .with_jitter()
            .without_max_times()
            .build();
        Self { pauses, until: Instant::now() + limit }
    }

    /// Waits before the next try; false when there is no time for one.
    async fn pause(&mut self) -> bool {
        match self.pauses.next() {
            Some(pause) => self.wait(pause).await,
            None => false,
        }
    }

    /// Waits at least this long; false, at once, when that is longer than the time that is left.
    async fn wait(&mut self, pause: Duration) -> bool {
        if Instant::now() + pause >= self.until {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}

#[async_trait]
impl Cluster for KafkaCluster {
    async fn observe(&self, interest: &Interest) -> Result<ObservedState, ClusterError> {
        observe::observe(self, interest).await
    }

    async fn evidence(&self, topics: &BTreeSet<TopicName>) -> Result<BTreeMap<TopicName, TopicEvidence>, ClusterError> {
        evidence::evidence(self, topics).await
    }

    async fn dry_run(&self, operations: &[Operation]) -> Result<Vec<DryRun>, ClusterError> {
        self.pool.view().await?;
        Ok(perform::dry_run(self, operations).await)
    }

    async fn perform(&self, batch: &[Operation], passwords: &Passwords) -> Vec<Result<(), ResourceError>> {
        match self.access {
            Access::ReadOnly => {
                let error = ResourceError {
                    code: "READ_ONLY".to_owned(),
                    message: "this connection may only read".to_owned(),
                    unchanged: true,
                };
                vec![Err(error); batch.len()]
            }
            Access::ReadWrite => perform::perform(self, batch, passwords).await,
        }
    }
}
