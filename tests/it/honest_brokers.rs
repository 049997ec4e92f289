//! Brokers that refuse, stay silent, are partly gone, or do what nobody should rely on: said clearly, and soon.

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::honest_support::{Place, findings, on_cluster, topic, within};
use crate::support::brokers::{self, Client, KafkaVersion, unique_name};

/// The commands that talk to a cluster, each with an end of 1 when there is none.
const COMMANDS: [&str; 5] =
    ["plan", "plan --detailed-exitcode", "plan -o json", "drift --detailed-exitcode", "apply --yes"];

const ENVIRONMENT: &str = "{layers: [base]}";

fn one_topic() -> String {
    topic("orders", 1, 3, &[("min.insync.replicas", "2")])
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("has one").to_string()
}

/// Takes connections and never says a word.
struct Silent {
    address: String,
    _taken: Arc<Mutex<Vec<TcpStream>>>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("has one").to_string();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&taken);
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                kept.lock().expect("not poisoned").push(stream);
            }
        });
        Self { address, _taken: taken }
    }
}

#[test]
fn brokers_that_refuse_are_told_within_a_second() {
    let address = nobody();
    let place = Place::at(&address, ENVIRONMENT);
    place.topics(&[one_topic()]);
    for line in COMMANDS {
        within(Duration::from_secs(1), || {
            let told = place.run(line).refused(1);
            assert!(told.contains(&address) && told.contains("hint: "), "{line}: {told}");
        });
    }
    let several = [nobody(), nobody(), nobody()];
    let place = Place::at(&several.join(","), ENVIRONMENT);
    place.topics(&[one_topic()]);
    within(Duration::from_secs(1), || {
        let told = place.run("plan").refused(1);
        assert!(several.iter().all(|address| told.contains(address)), "{told}");
    });
    let told = Place::at("kafka.invalid:9092", ENVIRONMENT).through("--bootstrap-server kafka.invalid:9092");
    told.topics(&[one_topic()]);
    let told = told.run("plan").refused(1);
    assert!(told.contains("kafka.invalid") && told.contains("hint: "), "{told}");
}

#[test]
fn brokers_that_are_silent_are_told_within_ten_seconds() {
    let silent = [Silent::start(), Silent::start(), Silent::start()];
    let addresses = silent.iter().map(|silent| silent.address.as_str()).collect::<Vec<_>>().join(",");
    std::thread::scope(|scope| {
        for line in ["plan", "apply --yes", "drift --detailed-exitcode"] {
            let (silent, addresses) = (&silent, &addresses);
            scope.spawn(move || {
                for bootstrap in [&silent[0].address, addresses] {
                    let place = Place::at(bootstrap, ENVIRONMENT);
                    place.topics(&[one_topic()]);
                    within(Duration::from_secs(10), || {
                        let told = place.run(line).refused(1);
                        assert!(told.contains(&silent[0].address) && told.contains("hint: "), "{line}: {told}");
                    });
                }
            });
        }
    });
}

#[test]
fn a_wrong_password_is_told_as_one() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    for client in [Client::Admin, Client::AdminSha256, Client::Plain] {
        let right = std::fs::read_to_string(kafka.properties(client)).expect("readable");
        let at = right.find("password=\"").expect("has a password") + "password=\"".len();
        let wrong = format!("{}wrong-{}", &right[..at], &right[at..]);
        let bootstrap = kafka.bootstrap(client);
        let place = Place::at(bootstrap, ENVIRONMENT)
            .through(&format!("--bootstrap-server {bootstrap} --command-config client.properties"));
        place.topics(&[one_topic()]);
        std::fs::write(place.desk.path().join("client.properties"), wrong).expect("written");
        for line in ["plan", "plan --detailed-exitcode", "apply --yes"] {
            let told = place.run(line).refused(1);
            assert!(told.contains("hint: ") && told.to_lowercase().contains("password"), "{client:?} {line}: {told}");
        }
    }
}

#[test]
fn one_bootstrap_server_that_answers_is_enough() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let real = kafka.bootstrap_plaintext().split(',').next().expect("one").to_owned();
    let silent = Silent::start();
    for bootstrap in [
        format!("{},{},{real}", nobody(), nobody()),
        format!("{real},{}", nobody()),
        format!("{},{real}", silent.address),
        format!("kafka.invalid:9092,{real}"),
    ] {
        let place = Place::at(&bootstrap, ENVIRONMENT);
        let name = unique_name("honest-bootstrap");
        place.topics(&[topic(&name, 1, 3, &[("min.insync.replicas", "2")])]);
        assert_eq!(place.codes(), [0, 2, 0], "{bootstrap}");
        assert_eq!(on_cluster(&kafka, &name).len(), 1);
    }
}

#[test]
fn a_cluster_that_makes_topics_by_itself_is_refused() {
    let finding = "automatic-topic-creation".to_owned();
    // What else the guards warn about, and the setting of the brokers that makes them. Kafka hides the value of the
    // authorizer's one.
    let guards = [
        ("unclean-leader-election-default", ("unclean.leader.election.enable", "true")),
        ("cluster-guards-not-checked", ("allow.everyone.if.no.acl.found", "true")),
        ("default-replication-factor-below-minimum", ("default.replication.factor", "1")),
    ];
    let name = unique_name("honest-automatic");
    let topics = [topic(&name, 1, 3, &[("min.insync.replicas", "2")])];
    let Some(shared) = brokers::kafka(KafkaVersion::V4) else { return };
    let place = Place::strict(&shared);
    place.topics(&topics);
    let found = findings(&place.plan());
    assert!(!found.contains(&finding), "{found:?}");
    assert!(!guards.iter().any(|(code, _)| found.contains(&(*code).to_owned())), "{found:?}");
    assert!(!found.iter().any(|code| code.ends_with("-not-checked")), "{found:?}");

    let mut overrides = vec![("auto.create.topics.enable", "true")];
    overrides.extend(guards.iter().map(|(_, setting)| *setting));
    let Some(kafka) = brokers::KafkaEnv::start(KafkaVersion::V4, &overrides) else { return };
    let place = Place::strict(&kafka);
    place.topics(&topics);
    assert_eq!(place.codes(), [3, 3, 3]);
    let plan = serde_json::from_str(&place.run("plan -o json").stdout).expect("JSON");
    let found = findings(&plan);
    assert!(found.contains(&finding), "{found:?}");
    for (code, setting) in guards {
        assert!(found.contains(&code.to_owned()), "{setting:?}: {found:?}");
    }
    assert_eq!(on_cluster(&kafka, &name).len(), 0);
    assert_eq!(place.owned(), Vec::<String>::new());
}

#[test]
fn a_cluster_with_brokers_down_or_frozen_is_planned_or_given_up_in_time() {
    let Some(kafka) = brokers::KafkaEnv::start(KafkaVersion::V4, &[]) else { return };
    let place = Place::strict(&kafka);
    let name = unique_name("honest-down");
    let wanted = |retention| topic(&name, 3, 3, &[("min.insync.replicas", "2"), ("retention.ms", retention)]);
    place.topics(&[wanted("1000000")]);
    place.applied();

    // One broker killed: everything still works.
    kafka.stop_broker(2);
    place.in_sync();
    place.topics(&[wanted("2000000")]);
    assert_eq!(place.codes(), [0, 2, 0]);
    place.in_sync();
    kafka.start_broker(2);

    // One frozen that is not the active controller: its connections open, and nothing comes. (What goes through a frozen
    // controller waits in the other brokers until they give up themselves, half a minute and more.)
    let quorum = kafka.tool(&["quorum", "describe", "--status"]);
    let frozen = if quorum.lines().any(|line| line.starts_with("LeaderId:") && line.ends_with(" 3")) { 1 } else { 3 };
    kafka.pause_broker(frozen);
    place.topics(&[wanted("3000000")]);
    within(Duration::from_secs(30), || assert_eq!(place.run("plan --detailed-exitcode").code, 2));
    kafka.resume_broker(frozen);

    // All of them.
    for id in [1, 2, 3] {
        kafka.pause_broker(id);
    }
    for line in ["plan", "apply --yes"] {
        within(Duration::from_secs(10), || {
            let told = place.run(line).refused(1);
            assert!(told.contains("127.0.0.1:") && told.contains("hint: "), "{line}: {told}");
        });
    }
    for id in [1, 2, 3] {
        kafka.resume_broker(id);
    }
    let plan = (0..30).find_map(|_| {
        let outcome = place.run("plan --detailed-exitcode");
        (outcome.code == 2).then_some(outcome.stdout).or_else(|| {
            std::thread::sleep(Duration::from_secs(1));
            None
        })
    });
    assert!(plan.is_some_and(|plan| plan.contains(&name)), "nothing of the apply that gave up was done");
}
