//! What the cluster's answers cost without driftless: threads, sockets, and the same crate to decode.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Condvar, Mutex};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{
    CreateAclsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeAclsRequest, DescribeClientQuotasRequest,
    DescribeConfigsRequest, DescribeUserScramCredentialsRequest, MetadataRequest, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Message, Request, StrBytes};

use crate::workload;

/// Topics in one DescribeConfigs.
const BATCH: usize = 500;

/// Kafka's ids: any resource type, any pattern type, any operation, any permission; allow; topic; literal.
const ANY: i8 = 1;
const ALLOW: i8 = 3;
const TOPIC: i8 = 2;
const LITERAL: i8 = 3;

/// One connection, one request at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    correlation: i32,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_nodelay(true).expect("a socket has this option");
        Self { stream, correlation: 0 }
    }

    /// Sends a request in the crate's newest version, which Kafka 4.3 speaks too.
    pub(crate) fn call<R: Request>(&mut self, request: &R) -> R::Response {
        let version = <R as Message>::VERSIONS.max;
        self.correlation += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str("raw")));
        let mut frame = BytesMut::from(&[0; 4][..]);
        header.encode(&mut frame, R::header_version(version)).expect("a header");
        request.encode(&mut frame, version).expect("a request");
        let length = u32::try_from(frame.len() - 4).expect("a small request");
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&frame).expect("the broker takes the request");
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).expect("the broker answers");
        let mut answer = vec![0; usize::try_from(u32::from_be_bytes(size)).expect("fits")];
        self.stream.read_exact(&mut answer).expect("the broker answers");
        let mut answer = Bytes::from(answer);
        ResponseHeader::decode(&mut answer, R::Response::header_version(version)).expect("a header");
        R::Response::decode(&mut answer, version).expect("an answer")
    }
}

/// Names of topics that wait for DescribeConfigs, and whether more may come.
#[derive(Default)]
struct Queue {
    batches: Mutex<(VecDeque<Vec<StrBytes>>, bool)>,
    changed: Condvar,
}

impl Queue {
    fn fill(&self, names: &[StrBytes]) {
        let mut batches = self.batches.lock().expect("no panic");
        *batches = (names.chunks(BATCH).map(<[StrBytes]>::to_vec).collect(), true);
        self.changed.notify_all();
    }

    fn take(&self) -> Option<Vec<StrBytes>> {
        let mut batches = self.batches.lock().expect("no panic");
        while batches.0.is_empty() && !batches.1 {
            batches = self.changed.wait(batches).expect("no panic");
        }
        batches.0.pop_front()
    }
}

/// What was read, so that nobody can say it was not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) topics: usize,
    pub(crate) acls: usize,
    pub(crate) configs: usize,
}

/// Reads everything that a plan needs over one connection to each broker: Metadata, ACLs, quotas and SCRAM users at once,
/// then all configs in batches, each broker taking the next one as it becomes free.
pub(crate) fn read_everything(brokers: &[String]) -> Counts {
    let queue = Queue::default();
    let counts = Mutex::new(Counts::default());
    std::thread::scope(|scope| {
        for (at, broker) in brokers.iter().enumerate() {
            let (queue, counts) = (&queue, &counts);
            scope.spawn(move || {
                let mut connection = Connection::open(broker);
                if at == 0 {
                    let names = topics(&mut connection);
                    counts.lock().expect("no panic").topics = names.len();
                    queue.fill(&names);
                }
                if at == 1 % brokers.len() {
                    counts.lock().expect("no panic").acls = acls(&mut connection);
                }
                if at == 2 % brokers.len() {
                    connection.call(&DescribeClientQuotasRequest::default());
                    connection.call(&DescribeUserScramCredentialsRequest::default().with_users(Some(Vec::new())));
                }
                while let Some(batch) = queue.take() {
                    let n_configs = configs(&mut connection, batch);
                    counts.lock().expect("no panic").configs += n_configs;
                }
            });
        }
    });
    counts.into_inner().expect("no panic")
}

/// Returns the names of all topics.
pub(crate) fn topics(connection: &mut Connection) -> Vec<StrBytes> {
    let request = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
    let answer = connection.call(&request);
    answer.topics.into_iter().filter_map(|topic| topic.name).map(|name| name.0).collect()
}

/// Counts all ACL bindings.
pub(crate) fn acls(connection: &mut Connection) -> usize {
    let request = DescribeAclsRequest::default()
        .with_resource_type_filter(ANY)
        .with_resource_name_filter(None)
        .with_pattern_type_filter(ANY)
        .with_principal_filter(None)
        .with_host_filter(None)
        .with_operation(ANY)
        .with_permission_type(ANY);
    let answer = connection.call(&request);
    assert_eq!(answer.error_code, 0, "ACLs are readable");
    answer.resources.iter().map(|resource| resource.acls.len()).sum()
}

fn configs(connection: &mut Connection, names: Vec<StrBytes>) -> usize {
    let resource = |name| {
        let resource = DescribeConfigsResource::default().with_resource_type(TOPIC);
        resource.with_resource_name(name).with_configuration_keys(None)
    };
    let request = DescribeConfigsRequest::default().with_resources(names.into_iter().map(resource).collect());
    connection.call(&request).results.iter().map(|result| result.configs.len()).sum()
}

/// Creates topics in the largest batches below the bound of records: 1 topic, 1 partition, the configs, and 1 more for
/// `min.insync.replicas`. One request in flight.
pub(crate) fn create_topics(connection: &mut Connection, names: &[String]) {
    for batch in names.chunks(workload::MOST_TOPICS_PER_REQUEST) {
        let topic = |name: &String| {
            let config = |(key, value): (String, String)| {
                CreatableTopicConfig::default()
                    .with_name(StrBytes::from_string(key))
                    .with_value(Some(StrBytes::from_string(value)))
            };
            CreatableTopic::default()
                .with_name(StrBytes::from_string(name.clone()).into())
                .with_num_partitions(1)
                .with_replication_factor(3)
                .with_configs(workload::overrides(name).into_iter().map(config).collect())
        };
        let topics = batch.iter().map(topic).collect();
        let answer = connection.call(&CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(60_000));
        for topic in answer.topics {
            assert_eq!(topic.error_code, 0, "`{:?}`: {:?}", topic.name, topic.error_message);
        }
    }
}

/// Deletes topics.
pub(crate) fn delete_topics(connection: &mut Connection, names: &[String]) {
    for batch in names.chunks(5_000) {
        let state =
            |name: &String| DeleteTopicState::default().with_name(Some(StrBytes::from_string(name.clone()).into()));
        let topics = batch.iter().map(state).collect();
        let answer = connection.call(&DeleteTopicsRequest::default().with_topics(topics).with_timeout_ms(60_000));
        for topic in answer.responses {
            assert_eq!(topic.error_code, 0, "`{:?}`: {:?}", topic.name, topic.error_message);
        }
    }
}

/// Creates the workload's ACLs.
pub(crate) fn create_acls(connection: &mut Connection, n_acls: usize) {
    let grants: Vec<workload::Grant> = workload::grants(n_acls).collect();
    for batch in grants.chunks(5_000) {
        let creation = |grant: &workload::Grant| {
            AclCreation::default()
                .with_resource_type(TOPIC)
                .with_resource_name(StrBytes::from_string(grant.topic.clone()))
                .with_resource_pattern_type(LITERAL)
                .with_principal(StrBytes::from_string(format!("User:{}", grant.service)))
                .with_host(StrBytes::from_static_str("*"))
                .with_operation(grant.operation.0)
                .with_permission_type(ALLOW)
        };
        let answer =
            connection.call(&CreateAclsRequest::default().with_creations(batch.iter().map(creation).collect()));
        for result in answer.results {
            assert_eq!(result.error_code, 0, "{:?}", result.error_message);
        }
    }
}
