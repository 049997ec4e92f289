//! Ways to reach real brokers, and what is said when one does not work.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use driftless::domain::names::UserName;
use driftless::domain::observed::{Interest, ObservedState, SecurityProtocol};
use driftless::domain::operation::{Operation, Passwords};
use driftless::domain::secret::Secret;
use driftless::domain::user::{ScramMechanism, SecretReference};
use driftless::kafka::KafkaCluster;
use driftless::ports::{Access, Cluster, ClusterError, ClusterErrorKind};
use tokio::net::TcpListener;

use crate::kafka_support::{connect, open, settings};
use crate::support::brokers::{self, Client, KafkaEnv, KafkaVersion, unique_name};

async fn observe(cluster: &KafkaCluster) -> Result<ObservedState, ClusterError> {
    cluster.observe(&Interest::Everything { topics: BTreeSet::new(), brokers: BTreeSet::new() }).await
}

/// Checks what is said, in words that a person can act on.
async fn fails(text: &str, bootstrap: &str, kind: ClusterErrorKind, message: &str, hint: &str) {
    let error = observe(&open(text, Some(bootstrap), Access::ReadOnly)).await.expect_err(message);
    assert_eq!(error.kind, kind, "{error:?}");
    assert!(error.message.contains(message), "{message:?} is not in {error:?}");
    assert!(error.hint.as_ref().is_some_and(|text| text.contains(hint)), "{hint:?} is not in {error:?}");
}

/// The settings without the lines that start with one of the keys.
fn without(text: &str, keys: &[&str]) -> String {
    text.lines().filter(|line| !keys.iter().any(|key| line.starts_with(key))).map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn every_kind_of_listener_and_log_in_works() {
    for version in KafkaVersion::ALL {
        let Some(kafka) = brokers::kafka(version) else { return };
        for (client, principal, protocol) in [
            (Client::Plaintext, "User:ANONYMOUS", SecurityProtocol::Plaintext),
            (Client::Admin, "User:admin", SecurityProtocol::SaslSsl),
            (Client::AdminSha256, "User:admin", SecurityProtocol::SaslSsl),
            (Client::Mtls, "User:CN=driftless-mtls", SecurityProtocol::Ssl),
            (Client::Plain, "User:plain-user", SecurityProtocol::SaslSsl),
        ] {
            let state = observe(&connect(&kafka, client, Access::ReadOnly)).await.expect("observed");
            assert_eq!(state.cluster.id, kafka.cluster_id());
            let own = state.cluster.own_principal.as_ref().map(|principal| principal.as_str());
            assert_eq!(own, Some(principal), "{client:?}");
            assert_eq!(state.cluster.security_protocol, Some(protocol), "{client:?}");
        }
        let text = without(&settings(&kafka, Client::Admin), &["security.protocol", "ssl."]);
        let text = format!("{text}security.protocol=SASL_PLAINTEXT\n");
        let cluster = open(&text, Some(kafka.bootstrap_sasl_plaintext()), Access::ReadOnly);
        let facts = observe(&cluster).await.expect("observed").cluster;
        assert_eq!(facts.id, kafka.cluster_id());
        assert_eq!(facts.security_protocol, Some(SecurityProtocol::SaslPlaintext));
    }
}

#[tokio::test]
async fn stores_of_every_kind_open_the_same_door() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let tls = kafka.ca_file().parent().expect("a directory").to_owned();
    let read = |name: &str| std::fs::read_to_string(tls.join(name)).expect("the file is there");
    let inline = |text: String| text.trim_end().replace('\n', "\\n\\\n  ");
    let password = std::fs::read_to_string(tls.join("../keystore-password")).expect("the password is there");
    for store in [
        format!(
            "ssl.keystore.type=PKCS12\nssl.keystore.location={}/client.p12\nssl.keystore.password={}",
            tls.display(),
            password.trim()
        ),
        format!(
            "ssl.keystore.type=PEM\nssl.keystore.certificate.chain={}\nssl.keystore.key={}",
            inline(read("client.crt")),
            inline(read("client.key"))
        ),
    ] {
        let trust = format!("ssl.truststore.type=PEM\nssl.truststore.certificates={}", inline(read("ca.pem")));
        let text = format!("security.protocol=SSL\n{trust}\n{store}\n");
        let cluster = open(&text, Some(kafka.bootstrap_ssl()), Access::ReadOnly);
        assert_eq!(observe(&cluster).await.expect("observed").cluster.id, kafka.cluster_id());
    }
}

#[tokio::test]
async fn a_refused_log_in_says_what_to_check() {
    use ClusterErrorKind::Authentication;
    for version in KafkaVersion::ALL {
        let Some(kafka) = brokers::kafka(version) else { return };
        let server = kafka.bootstrap_sasl_ssl();
        for client in [Client::Admin, Client::AdminSha256, Client::Plain] {
            let text = settings(&kafka, client).replace("password=\"", "password=\"wrong-");
            fails(&text, server, Authentication, "SASL_AUTHENTICATION_FAILED", "sasl.jaas.config").await;
        }
        let text = settings(&kafka, Client::Admin).replace("username=\"admin\"", "username=\"nobody\"");
        fails(&text, server, Authentication, "SASL_AUTHENTICATION_FAILED", "sasl.jaas.config").await;
    }
}

#[tokio::test]
async fn a_wrong_protocol_is_told_from_a_broker_that_is_down() {
    use ClusterErrorKind::{Authentication, Protocol, Unreachable};
    for version in KafkaVersion::ALL {
        let Some(kafka) = brokers::kafka(version) else { return };
        let (plain, tls, sasl) = (kafka.bootstrap_plaintext(), kafka.bootstrap_ssl(), kafka.bootstrap_sasl_plaintext());
        fails("", tls, Protocol, "it speaks TLS", "SASL_SSL").await;
        fails("", sasl, Authentication, "closed the connection at the first request", "ask for SASL").await;
        let admin = settings(&kafka, Client::Admin);
        fails(&admin, plain, Unreachable, "broke off the TLS hand-shake", "may not speak TLS").await;
        let in_clear = without(&admin, &["security.protocol", "ssl."]) + "security.protocol=SASL_PLAINTEXT\n";
        fails(&in_clear, plain, Authentication, "does not use SASL", "security.protocol").await;
    }
}

#[tokio::test]
async fn certificates_that_do_not_fit_are_explained() {
    use ClusterErrorKind::Authentication;
    for version in KafkaVersion::ALL {
        let Some(kafka) = brokers::kafka(version) else { return };
        let admin = settings(&kafka, Client::Admin);
        let text = without(&admin, &["ssl.truststore"]);
        let server = kafka.bootstrap_sasl_ssl();
        fails(&text, server, Authentication, "is not signed by a trusted authority", "ssl.truststore.location").await;
        let text = without(&settings(&kafka, Client::Mtls), &["ssl.keystore"]);
        fails(&text, kafka.bootstrap_ssl(), Authentication, "client certificate", "ssl.keystore.location").await;
    }
}

/// A TLS server with a certificate of its own for `other.example`; returns its port and that certificate as PEM.
async fn server_for_another_host() -> (u16, String) {
    use openssl::asn1::Asn1Time;
    use openssl::ssl::{Ssl, SslAcceptor, SslMethod};
    use openssl::x509::extension::SubjectAlternativeName;
    use openssl::x509::{X509, X509Name};
    let key = openssl::rsa::Rsa::generate(2048).and_then(openssl::pkey::PKey::from_rsa).expect("a key");
    let mut name = X509Name::builder().expect("a name");
    name.append_entry_by_text("CN", "other.example").expect("a name");
    let name = name.build();
    let mut builder = X509::builder().expect("a certificate");
    builder.set_version(2).expect("set");
    builder.set_subject_name(&name).expect("set");
    builder.set_issuer_name(&name).expect("set");
    builder.set_pubkey(&key).expect("set");
    builder.set_not_before(&Asn1Time::days_from_now(0).expect("a time")).expect("set");
    builder.set_not_after(&Asn1Time::days_from_now(2).expect("a time")).expect("set");
    let host =
        SubjectAlternativeName::new().dns("other.example").build(&builder.x509v3_context(None, None)).expect("a host");
    builder.append_extension(host).expect("set");
    builder.sign(&key, openssl::hash::MessageDigest::sha256()).expect("signed");
    let certificate = builder.build();
    let pem = String::from_utf8(certificate.to_pem().expect("PEM")).expect("text");
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("an acceptor");
    acceptor.set_private_key(&key).expect("set");
    acceptor.set_certificate(&certificate).expect("set");
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let ssl = Ssl::new(acceptor.context()).expect("a session");
            let mut stream = tokio_openssl::SslStream::new(ssl, stream).expect("a stream");
            // What comes after the hand-shake is not this test's business.
            drop(Pin::new(&mut stream).accept().await);
        }
    });
    (port, pem)
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused_unless_the_check_is_off() {
    let (port, pem) = server_for_another_host().await;
    let trust =
        format!("security.protocol=SSL\nssl.truststore.certificates={}\n", pem.trim_end().replace('\n', "\\n\\\n"));
    let server = format!("127.0.0.1:{port}");
    fails(&trust, &server, ClusterErrorKind::Authentication, "is for another host", "endpoint.identification").await;
    let unchecked = format!("{trust}ssl.endpoint.identification.algorithm=\n");
    fails(&unchecked, &server, ClusterErrorKind::Authentication, "after the TLS hand-shake", "client certificate")
        .await;
}

#[tokio::test]
async fn a_broker_that_is_stopped_or_silent_does_not_stop_the_others() {
    let Some(kafka) = KafkaEnv::start(KafkaVersion::V4, &[]) else { return };
    let cluster = connect(&kafka, Client::Admin, Access::ReadOnly);
    assert_eq!(observe(&cluster).await.expect("observed").cluster.brokers.len(), 3);
    kafka.stop_broker(1);
    let state = observe(&cluster).await.expect("observed without broker 1");
    assert!(state.acls.known().is_some() && state.users.known().is_some(), "{state:#?}");
    kafka.start_broker(1);
    // One of them is the active controller.
    for id in 1..=3 {
        kafka.pause_broker(id);
        let text = settings(&kafka, Client::Admin) + "socket.connection.setup.timeout.ms=2000\n";
        let start = tokio::time::Instant::now();
        let state = observe(&open(&text, None, Access::ReadOnly)).await.expect("observed while a broker is silent");
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
        assert!(state.acls.known().is_some() && state.users.known().is_some(), "{state:#?}");
        let silent = state.cluster.brokers.get(&i32::try_from(id).expect("small"));
        assert!(silent.is_none_or(|broker| broker.configs_unknown.is_some()), "{silent:?}");
        kafka.resume_broker(id);
    }
}

/// Where a test's log lines go.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_user_that_was_written_logs_in_and_no_log_shows_a_password() {
    // For the whole binary: a log for one thread misses what other tests were the first to reach.
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("no other test logs");
    for version in KafkaVersion::ALL {
        let Some(kafka) = brokers::kafka(version) else { return };
        let admin = connect(&kafka, Client::Admin, Access::ReadWrite);
        // Kafka's own grammar of SCRAM messages takes user names in ASCII only, and passwords in anything.
        let (name, password) = (unique_name("alice,\"quoted\"="), unique_name("pläntéd \"pass\\word"));
        let reference = SecretReference { name: "alice".to_owned(), key: "password".to_owned() };
        let mut passwords = Passwords::default();
        passwords.insert(reference.clone(), Secret::new(password.as_bytes()));
        for (mechanism, iterations) in [(ScramMechanism::Sha256, 4096), (ScramMechanism::Sha512, 8192)] {
            let user = UserName::parse(&name).expect("valid");
            let operation = Operation::UpsertScram { user, mechanism, iterations, password: reference.clone() };
            assert_eq!(admin.perform(&[operation], &passwords).await, [Ok(())]);
            // Twice: once for the quotes of the login module, once for the properties file.
            let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\\', "\\\\");
            let text = without(&settings(&kafka, Client::Admin), &["sasl."]);
            let text = format!(
                "{text}sasl.mechanism={mechanism}\nsasl.jaas.config=org.apache.kafka.common.security.scram.\
                 ScramLoginModule required username=\"{}\" password=\"{}\";\n",
                quoted(&name),
                quoted(&password)
            );
            // Brokers learn of credentials one after the other.
            let mut outcome = Err(String::new());
            for _ in 0..50 {
                outcome = observe(&open(&text, None, Access::ReadOnly)).await.map_err(|error| error.to_string());
                if outcome.is_ok() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let own = outcome.expect("the user logs in").cluster.own_principal;
            assert_eq!(own.and_then(|own| own.user_name().map(str::to_owned)).as_deref(), Some(name.as_str()));
        }
        let log = String::from_utf8_lossy(&log.0.lock().expect("not poisoned")).into_owned();
        assert!(log.contains("request answered") && log.contains("AlterUserScramCredentials"), "the log was kept");
        for secret in [password.as_str(), "pläntéd", &kafka.admin_password()] {
            assert!(!log.contains(secret), "a password is in the log");
        }
    }
}
