//! example-repo on real brokers: what the repository says is what Kafka's own tools show, in every environment.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::brokers::{Client, KafkaEnv, KafkaVersion, PrometheusEnv};
use crate::support::facts::{self, Facts};
use crate::support::repository::{ConfigRepository, ids, scram_properties, shown};

/// A cluster and a Prometheus that nobody else uses, and a clone of the example that is connected to both.
pub(crate) struct World {
    pub(crate) kafka: KafkaEnv,
    pub(crate) prometheus: PrometheusEnv,
    pub(crate) repository: ConfigRepository,
}

impl World {
    /// Starts them; `None` where there are no servers to test with.
    pub(crate) fn start(version: KafkaVersion) -> Option<Self> {
        let kafka = KafkaEnv::start(version, &[])?;
        let prometheus = PrometheusEnv::start()?;
        let mut repository = ConfigRepository::example();
        // The example has an `admin` too. Its password stays the one that the tools log in with; its second mechanism is the
        // test cluster's own, and taking it away would need an approval.
        repository.write_outside("secrets/shop-credentials/admin", &kafka.admin_password());
        let user = ["--alter", "--entity-type", "users", "--entity-name", "admin", "--delete-config", "SCRAM-SHA-256"];
        kafka.tool(&[&["configs"][..], &user].concat());
        // Not as `admin`: driftless never writes the credential that it logs in with.
        repository.connect(kafka.bootstrap_plaintext(), &kafka.properties(Client::Plaintext));
        repository.option("--secrets", &shown(&repository.outside("secrets")));
        repository.option("--age-identity", "secrets/example-identity.txt");
        repository.option("--rules-directory", &shown(&prometheus.rules_dir()));
        repository.option("--rules-reload-url", prometheus.url());
        Some(Self { kafka, prometheus, repository })
    }

    /// Plan, apply, plan: afterwards there is nothing to do, and everything is where the repository wants it.
    #[track_caller]
    pub(crate) fn apply_everything(&self, environment: &str) {
        let plan = self.repository.run(&["plan", "-e", environment, "--detailed-exitcode", "-o", "json"]).json(2);
        assert_eq!(self.repository.apply(environment), ids(&plan).len());
        self.repository.expect_in_sync(environment);
        assert_eq!(self.repository.drift(environment)["inSync"], true);
    }

    /// Everything that Kafka's tools and Prometheus show.
    pub(crate) fn facts(&self) -> Facts {
        let mut facts = facts::of_cluster(&self.kafka);
        facts.extend(facts::of_prometheus(&self.prometheus));
        // A cluster with eligible leader replicas (Kafka 4.1) keeps this one by itself.
        facts.remove("broker default: min.insync.replicas=1");
        facts
    }

    #[track_caller]
    pub(crate) fn expect_as_in_git(&self, environment: &str) {
        let expected = facts::of_repository(&self.repository.root(), environment);
        assert!(expected.len() > 200, "the oracle reads the repository: {expected:#?}");
        facts::assert_same(&self.facts(), &expected);
    }
}

#[test]
fn dev_is_applied_and_its_users_can_do_what_their_grants_say() {
    let Some(world) = World::start(KafkaVersion::V4) else { return };
    world.apply_everything("dev");
    world.expect_as_in_git("dev");
    users_can_do_what_their_grants_say(&world);
}

#[test]
fn prod_is_applied_to_the_oldest_supported_kafka() {
    let Some(world) = World::start(KafkaVersion::V3) else { return };
    world.apply_everything("prod");
    world.expect_as_in_git("prod");
    users_can_do_what_their_grants_say(&world);
}

fn users_can_do_what_their_grants_say(world: &World) {
    let passwords = |name: &str| decrypted(&world.repository.root().join("secrets"), name);
    let (shop, tutorial) = (passwords("shop-credentials"), passwords("tutorial-credentials"));
    let login = |mechanism: &str, user: &str, password: &str| {
        shown(&scram_properties(&world.repository, &world.kafka, mechanism, user, password))
    };
    let producer = login("SCRAM-SHA-512", "producer-app", &shop["producer-app"]);
    let consumer = login("SCRAM-SHA-512", "consumer-app", &shop["consumer-app"]);
    let alice = login("SCRAM-SHA-256", "alice", &tutorial["alice"]);
    let impostor = login("SCRAM-SHA-512", "producer-app", "not-the-password");

    let said = produce(&world.kafka, &producer, "orders");
    assert!(!said.contains("Exception"), "{said}");
    let said = consume(&world.kafka, &consumer, "orders", "order-processor-1");
    assert!(said.contains("a record"), "{said}");
    let said = produce(&world.kafka, &alice, "user-events");
    assert!(!said.contains("Exception"), "{said}");

    let said = produce(&world.kafka, &producer, "logs");
    assert!(said.contains("TopicAuthorizationException"), "{said}");
    let said = consume(&world.kafka, &consumer, "orders", "somebody-elses-group");
    assert!(said.contains("GroupAuthorizationException"), "{said}");
    let said = produce(&world.kafka, &impostor, "orders");
    assert!(said.contains("SaslAuthenticationException"), "{said}");
}

fn produce(kafka: &KafkaEnv, properties: &str, topic: &str) -> String {
    let class = match kafka.version() {
        KafkaVersion::V3 => "kafka.tools.ConsoleProducer",
        KafkaVersion::V4 => "org.apache.kafka.tools.ConsoleProducer",
    };
    let args = ["--producer.config", properties, "--topic", topic, "--sync"];
    console(kafka, class, &args, "a record\n")
}

fn consume(kafka: &KafkaEnv, properties: &str, topic: &str, group: &str) -> String {
    let args = ["--consumer.config", properties, "--topic", topic, "--group", group, "--from-beginning"];
    let limits = ["--max-messages", "1", "--timeout-ms", "20000"];
    console(kafka, "org.apache.kafka.tools.consumer.ConsoleConsumer", &[&args[..], &limits].concat(), "")
}

/// Runs one of Kafka's consoles, and returns everything it says: it ends with 0 even where it was refused.
fn console(kafka: &KafkaEnv, class: &str, args: &[&str], input: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/kafka");
    let admin = kafka.properties(Client::Admin);
    let mut child = Command::new(script)
        .args(["tool", "--dir"])
        .arg(admin.parent().expect("in the cluster's directory"))
        .args([class, "--bootstrap-server", kafka.bootstrap_sasl_ssl()])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    child.stdin.take().expect("is piped").write_all(input.as_bytes()).expect("is read");
    let output = child.wait_with_output().expect("ends");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Opens an age file with the example's identity, not with the product's code.
fn decrypted(directory: &Path, name: &str) -> BTreeMap<String, String> {
    let identity = std::fs::read_to_string(directory.join("example-identity.txt")).expect("is there");
    let key = identity.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).expect("an identity");
    let key: age::x25519::Identity = key.parse().expect("a key");
    let file = std::fs::File::open(directory.join(format!("{name}.age"))).expect("is there");
    let decryptor = age::Decryptor::new_buffered(std::io::BufReader::new(file)).expect("an age file");
    let mut text = String::new();
    let mut reader = decryptor.decrypt(std::iter::once(&key as &dyn age::Identity)).expect("the right identity");
    reader.read_to_string(&mut text).expect("UTF-8");
    serde_saphyr::from_str(&text).expect("a map")
}
