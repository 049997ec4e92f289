//! What the Kafka adapter does when brokers misbehave: a broker of a few lines, on loopback.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use driftless::domain::names::TopicName;
use driftless::domain::observed::Interest;
use driftless::domain::operation::{Operation, Passwords};
use driftless::kafka::KafkaCluster;
use driftless::ports::{Access, Cluster, ClusterError, ClusterErrorKind, ResourceError};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, CreateTopicsRequest, CreateTopicsResponse, MetadataResponse, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes, decode_request_header_from_buffer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::kafka_support::open;

const NOT_CONTROLLER: i16 = 41;
const THROTTLING_QUOTA_EXCEEDED: i16 = 89;
const UNSUPPORTED_VERSION: i16 = 35;

/// What the fake does with one request.
enum Act {
    Answer(BytesMut),
    Close,
    Silence,
}

/// Who asked what: the broker, the API, its version, the body.
struct Asked {
    broker: i32,
    api: ApiKey,
    version: i16,
    body: Bytes,
}

type Script = dyn Fn(&Fake, Asked) -> Act + Send + Sync;

/// Some brokers that answer as a script says.
struct Fake {
    ports: Vec<u16>,
    /// Requests so far, `broker API`.
    log: Mutex<Vec<String>>,
}

impl Fake {
    async fn start(brokers: usize, script: impl Fn(&Fake, Asked) -> Act + Send + Sync + 'static) -> Arc<Self> {
        let mut listeners = Vec::new();
        for _ in 0..brokers {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
        }
        let ports = listeners.iter().map(|listener| listener.local_addr().expect("bound").port()).collect();
        let fake = Arc::new(Self { ports, log: Mutex::new(Vec::new()) });
        let script: Arc<Script> = Arc::new(script);
        for (listener, broker) in listeners.into_iter().zip(1..) {
            let (fake, script) = (Arc::clone(&fake), Arc::clone(&script));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(Arc::clone(&fake), Arc::clone(&script), broker, stream));
                }
            });
        }
        fake
    }

    fn cluster(&self) -> KafkaCluster {
        let servers: Vec<String> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let text = "socket.connection.setup.timeout.ms=500\nrequest.timeout.ms=500\ndefault.api.timeout.ms=3000\n";
        open(text, Some(&servers.join(",")), Access::ReadWrite)
    }

    fn asked(&self, api: &str) -> Vec<String> {
        self.log.lock().expect("not poisoned").iter().filter(|line| line.ends_with(api)).cloned().collect()
    }

    /// Answers as a cluster with nothing in it, whose controller is the given broker.
    fn usual(&self, asked: &Asked, controller: i32) -> Act {
        match asked.api {
            ApiKey::ApiVersions => {
                let api = |key: ApiKey, max| {
                    ApiVersion::default().with_api_key(key as i16).with_min_version(0).with_max_version(max)
                };
                let keys = vec![api(ApiKey::ApiVersions, 3), api(ApiKey::Metadata, 12), api(ApiKey::CreateTopics, 7)];
                answer(&ApiVersionsResponse::default().with_api_keys(keys), asked.version)
            }
            ApiKey::Metadata => {
                let broker = |(port, id): (&u16, i32)| {
                    MetadataResponseBroker::default()
                        .with_node_id(BrokerId(id))
                        .with_host(StrBytes::from_static_str("127.0.0.1"))
                        .with_port(i32::from(*port))
                };
                let answered = MetadataResponse::default()
                    .with_cluster_id(Some(StrBytes::from_static_str("fake")))
                    .with_controller_id(BrokerId(controller))
                    .with_brokers(self.ports.iter().zip(1..).map(broker).collect());
                answer(&answered, asked.version)
            }
            _ => Act::Close,
        }
    }
}

fn answer<R: Encodable>(response: &R, version: i16) -> Act {
    let mut body = BytesMut::new();
    response.encode(&mut body, version).expect("it can be written");
    Act::Answer(body)
}

/// Answers CreateTopics with a code for each topic.
fn created(asked: &Asked, throttle: i32, code: impl Fn(&str) -> i16) -> Act {
    let request = CreateTopicsRequest::decode(&mut asked.body.clone(), asked.version).expect("it can be read");
    let topic = |topic: &kafka_protocol::messages::create_topics_request::CreatableTopic| {
        CreatableTopicResult::default().with_name(topic.name.clone()).with_error_code(code(&topic.name))
    };
    let topics = request.topics.iter().map(topic).collect();
    answer(&CreateTopicsResponse::default().with_topics(topics).with_throttle_time_ms(throttle), asked.version)
}

async fn serve(fake: Arc<Fake>, script: Arc<Script>, broker: i32, mut stream: TcpStream) {
    while let Ok(size) = stream.read_u32().await {
        let mut frame = vec![0; size as usize];
        if stream.read_exact(&mut frame).await.is_err() {
            return;
        }
        let mut body = Bytes::from(frame);
        let header = decode_request_header_from_buffer(&mut body).expect("a header");
        let api = ApiKey::try_from(header.request_api_key).expect("a known API");
        fake.log.lock().expect("not poisoned").push(format!("{broker} {api:?}"));
        let version = header.request_api_version;
        match script(&fake, Asked { broker, api, version, body }) {
            Act::Close => return,
            Act::Silence => tokio::time::sleep(Duration::from_secs(60)).await,
            Act::Answer(body) => {
                let mut answer = BytesMut::new();
                let head = ResponseHeader::default().with_correlation_id(header.correlation_id);
                head.encode(&mut answer, api.response_header_version(version)).expect("it can be written");
                answer.extend_from_slice(&body);
                let mut frame = BytesMut::new();
                frame.put_u32(u32::try_from(answer.len()).expect("small"));
                frame.extend_from_slice(&answer);
                if stream.write_all(&frame).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn create(name: &str) -> Operation {
    Operation::CreateTopic {
        topic: TopicName::parse(name).expect("valid"),
        partitions: Some(1),
        replication_factor: Some(1),
        config: BTreeMap::new(),
    }
}

async fn perform(cluster: &KafkaCluster, names: &[&str]) -> Vec<Result<(), ResourceError>> {
    let batch: Vec<Operation> = names.iter().map(|name| create(name)).collect();
    cluster.perform(&batch, &Passwords::default()).await
}

async fn error_of(cluster: &KafkaCluster) -> (ClusterError, Duration) {
    let interest = Interest::Only {
        topics: [TopicName::parse("a").expect("valid")].into(),
        users: false,
        acls: false,
        quotas: false,
        broker_configs: Default::default(),
    };
    let start = Instant::now();
    let error = cluster.observe(&interest).await.expect_err("nothing can be read");
    (error, start.elapsed())
}

/// A port on which nobody listens.
async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("bound").port()
}

#[tokio::test]
async fn brokers_that_refuse_are_reported_within_a_second() {
    let servers = format!("127.0.0.1:{},127.0.0.1:{}", closed_port().await, closed_port().await);
    let (error, took) = error_of(&open("", Some(&servers), Access::ReadOnly)).await;
    assert_eq!(error.kind, ClusterErrorKind::Unreachable);
    assert!(error.message.contains("Connection refused") && error.hint.is_some(), "{error:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn a_host_that_is_not_known_is_named() {
    let (error, _) = error_of(&open("", Some("no-such-host.invalid:9092"), Access::ReadOnly)).await;
    assert_eq!(error.kind, ClusterErrorKind::Unreachable);
    assert!(error.message.contains("no-such-host.invalid"), "{error:?}");
}

#[tokio::test]
async fn silent_brokers_are_reported_within_ten_seconds() {
    let fake = Fake::start(3, |_, _| Act::Silence).await;
    let servers: Vec<String> = fake.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    // With the default limits.
    let (error, took) = error_of(&open("", Some(&servers.join(",")), Access::ReadOnly)).await;
    assert_eq!(error.kind, ClusterErrorKind::Unreachable);
    assert!(error.message.contains("did not answer within"), "{error:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn a_server_that_is_down_does_not_stop_the_others() {
    let fake = Fake::start(1, |fake, asked| match asked.api {
        ApiKey::CreateTopics => created(&asked, 0, |_| 0),
        _ => fake.usual(&asked, 1),
    })
    .await;
    let servers = format!("127.0.0.1:{},127.0.0.1:{}", closed_port().await, fake.ports[0]);
    let cluster = open("", Some(&servers), Access::ReadWrite);
    assert_eq!(perform(&cluster, &["a"]).await, [Ok(())]);
}

#[tokio::test]
async fn other_protocols_are_recognised() {
    for (bytes, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "it speaks HTTP"),
        (&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x0A][..], "it speaks TLS"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            stream.write_all(bytes).await.expect("written");
            tokio::time::sleep(Duration::from_secs(5)).await;
        });
        let (error, _) = error_of(&open("", Some(&format!("127.0.0.1:{port}")), Access::ReadOnly)).await;
        assert!(error.message.contains(expected) && error.kind == ClusterErrorKind::Protocol, "{error:?}");
    }
}

#[tokio::test]
async fn an_old_broker_is_asked_for_its_versions_again() {
    let fake = Fake::start(1, |fake, asked| match (asked.api, asked.version) {
        // To a version that it does not know a broker answers in version 0.
        (ApiKey::ApiVersions, 3) => answer(&ApiVersionsResponse::default().with_error_code(UNSUPPORTED_VERSION), 0),
        (ApiKey::CreateTopics, _) => created(&asked, 0, |_| 0),
        _ => fake.usual(&asked, 1),
    })
    .await;
    assert_eq!(perform(&fake.cluster(), &["a"]).await, [Ok(())]);
    assert_eq!(fake.asked("ApiVersions").len(), 2);
}

#[tokio::test]
async fn a_moved_controller_is_looked_up_again() {
    let fake = Fake::start(2, |fake, asked| match asked.api {
        ApiKey::CreateTopics if asked.broker == 1 => created(&asked, 0, |_| NOT_CONTROLLER),
        ApiKey::CreateTopics => created(&asked, 0, |_| 0),
        // The first controller is said to be 1, and 2 from then on.
        _ => fake.usual(&asked, if fake.asked("CreateTopics").is_empty() { 1 } else { 2 }),
    })
    .await;
    assert_eq!(perform(&fake.cluster(), &["a"]).await, [Ok(())]);
    assert_eq!(fake.asked("CreateTopics"), ["1 CreateTopics", "2 CreateTopics"]);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_sent_again() {
    for act in [|| Act::Close, || Act::Silence] {
        let fake = Fake::start(3, move |fake, asked| match asked.api {
            ApiKey::CreateTopics => act(),
            _ => fake.usual(&asked, 2),
        })
        .await;
        // The broker gets as long as the request may take; ours is longer by 5 seconds.
        let results = perform(&fake.cluster(), &["a", "b"]).await;
        for result in results {
            let error = result.expect_err("nobody answered");
            assert_eq!((error.code.as_str(), error.unchanged), ("TIMED_OUT", false));
        }
        assert_eq!(fake.asked("CreateTopics").len(), 1);
    }
}

#[tokio::test]
async fn a_read_whose_answer_is_lost_is_asked_of_another_broker() {
    let fake = Fake::start(3, |fake, asked| match asked.api {
        ApiKey::Metadata if asked.broker == 1 && fake.asked("Metadata").len() == 2 => Act::Close,
        _ => fake.usual(&asked, 1),
    })
    .await;
    let cluster = fake.cluster();
    let nothing = Interest::Only {
        topics: Default::default(),
        users: false,
        acls: false,
        quotas: false,
        broker_configs: Default::default(),
    };
    for _ in 0..2 {
        assert_eq!(cluster.observe(&nothing).await.expect("observed").cluster.id, "fake");
    }
    assert_eq!(fake.asked("Metadata"), ["1 Metadata", "1 Metadata", "2 Metadata"]);
}

#[tokio::test]
async fn only_throttled_topics_are_sent_again_after_the_time_that_was_asked_for() {
    let fake = Fake::start(1, |fake, asked| match asked.api {
        ApiKey::CreateTopics if fake.asked("CreateTopics").len() == 1 => {
            created(&asked, 300, |name| if name == "b" { THROTTLING_QUOTA_EXCEEDED } else { 0 })
        }
        // A topic that is made twice would be noticed.
        ApiKey::CreateTopics => created(&asked, 0, |name| if name == "b" { 0 } else { 36 }),
        _ => fake.usual(&asked, 1),
    })
    .await;
    let start = Instant::now();
    assert_eq!(perform(&fake.cluster(), &["a", "b", "c"]).await, [Ok(()), Ok(()), Ok(())]);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn what_is_left_of_a_batch_is_not_sent_again_when_the_lease_was_lost_meanwhile() {
    let holds = Arc::new(AtomicBool::new(true));
    let lost = Arc::clone(&holds);
    let fake = Fake::start(1, move |fake, asked| match asked.api {
        ApiKey::CreateTopics => {
            lost.store(false, Ordering::SeqCst);
            created(&asked, 10, |name| if name == "b" { THROTTLING_QUOTA_EXCEEDED } else { 0 })
        }
        _ => fake.usual(&asked, 1),
    })
    .await;
    let cluster = fake.cluster().while_it_may(Arc::new(move || holds.load(Ordering::SeqCst)));
    let results = perform(&cluster, &["a", "b"]).await;
    assert_eq!(results[0], Ok(()));
    let error = results[1].as_ref().expect_err("not made");
    assert_eq!((error.code.as_str(), error.unchanged), ("NOT_SENT", true), "{error:?}");
    assert_eq!(fake.asked("CreateTopics").len(), 1);
}

#[tokio::test]
async fn a_read_only_connection_sends_no_write() {
    let fake = Fake::start(1, |fake, asked| fake.usual(&asked, 1)).await;
    let cluster = open("", Some(&format!("127.0.0.1:{}", fake.ports[0])), Access::ReadOnly);
    let results = perform(&cluster, &["a"]).await;
    assert_eq!(results[0].as_ref().expect_err("refused").code, "READ_ONLY");
    assert!(fake.log.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn an_api_that_the_broker_lacks_is_unknown_and_not_empty() {
    let fake = Fake::start(1, |fake, asked| fake.usual(&asked, 1)).await;
    let interest = Interest::Everything { topics: Default::default(), brokers: Default::default() };
    let state = fake.cluster().observe(&interest).await;
    // The list of topics was read; the probe was not answered for, which says nothing of completeness.
    let state = state.expect("observed");
    for unknown in [state.acls.unknown(), state.users.unknown(), state.quotas.unknown()] {
        assert!(unknown.expect("unknown").starts_with("UNSUPPORTED_VERSION"), "{unknown:?}");
    }
    assert!(state.cluster.lacking.contains_key("DescribeAcls"));
    assert!(state.topics_incomplete.is_some());
}
