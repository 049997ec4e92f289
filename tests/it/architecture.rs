//! The rules of ARCHITECTURE.md that a machine can check: which room may use which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room of `src/` with the rooms that it may use. What is not listed may not be used.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("manifest", &["domain"]),
    ("plan", &["domain"]),
    ("policy", &["domain", "plan"]),
    ("recorded", &["domain"]),
    ("report", &["domain", "plan", "policy"]),
    ("ports", &["domain"]),
    ("apply", &["domain", "plan", "ports"]),
    ("reconcile", &["domain", "plan", "policy", "recorded", "report", "ports", "apply"]),
    ("kafka", &["domain", "ports"]),
    ("sandbox", &["domain", "ports", "recorded"]),
    ("prometheus", &["domain", "ports"]),
    ("git", &["domain", "ports"]),
    ("state", &["domain", "ports"]),
    ("forge", &["domain", "ports"]),
    ("messaging", &["domain", "ports"]),
    ("config", &["domain"]),
    ("telemetry", &[]),
    ("agent", &["domain", "plan", "policy", "report", "ports", "apply", "reconcile", "config", "telemetry"]),
    (
        "cli",
        &[
            "domain",
            "manifest",
            "plan",
            "policy",
            "recorded",
            "report",
            "ports",
            "apply",
            "reconcile",
            "kafka",
            "sandbox",
            "prometheus",
            "git",
            "state",
            "forge",
            "messaging",
            "config",
            "telemetry",
            "agent",
        ],
    ),
    ("main", &["cli", "telemetry"]),
    ("lib", &[]),
];

/// What pure rooms may not touch: files, the environment, clocks, the network, processes, the terminal.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio::",
    "git2::",
    "kafka_protocol::",
    "reqwest::",
    "openssl::",
    "Timestamp::now",
    "Zoned::now",
    "std::io::stdout",
    "std::io::stderr",
];
const PURE: &[&str] = &["domain", "manifest", "plan", "policy", "recorded", "report"];

/// Clients of the outside world, and the only rooms that may import each.
const CLIENTS: &[(&str, &[&str])] = &[
    ("kafka_protocol::", &["kafka"]),
    ("tokio_openssl::", &["kafka", "agent"]),
    ("rsasl::", &["kafka"]),
    ("git2::", &["git"]),
    ("reqwest::", &["prometheus", "forge", "messaging"]),
    ("rdkafka::", &["messaging"]),
    ("ssh_key::", &["git"]),
    ("pgp::", &["git"]),
    ("axum::", &["agent"]),
    ("hyper::", &["agent"]),
    ("hyper_util::", &["agent"]),
    ("askama::", &["report"]),
    ("cron::", &["agent"]),
    ("prometheus_client::", &["agent"]),
    ("clap::", &["cli"]),
    ("indicatif::", &["cli"]),
];

fn sources() -> BTreeMap<PathBuf, String> {
    fn walk(directory: &Path, found: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(directory).expect("src can be listed") {
            let path = entry.expect("src can be listed").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                found.insert(path, text);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found
}

fn room(path: &Path) -> String {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("below src");
    let first = below.components().next().expect("a file").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The code of a file: without comments, and without unit tests.
fn code(text: &str) -> String {
    let without_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    without_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test_file(path: &Path) -> bool {
    let name = path.file_stem().expect("a name").to_string_lossy();
    let in_tests = path.components().any(|part| part.as_os_str() == "tests");
    let properties_of_the_planner = path.ends_with("plan/properties.rs") || path.ends_with("policy/mutation.rs");
    name == "tests" || name.ends_with("_tests") || name == "testing" || properties_of_the_planner || in_tests
}

#[test]
fn every_room_uses_only_the_rooms_it_may() {
    let mut wrong = BTreeSet::new();
    for (path, text) in sources() {
        if is_test_file(&path) {
            continue;
        }
        let room = room(&path);
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            panic!("src/{room} is a new room: list it here and in ARCHITECTURE.md");
        };
        let code = code(&text);
        for used in code.split("crate::").skip(1) {
            let used: String = used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let is_room = ROOMS.iter().any(|(name, _)| *name == used);
            if is_room && used != room && !allowed.contains(&used.as_str()) {
                wrong.insert(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_rooms_touch_nothing_outside() {
    let mut wrong = BTreeSet::new();
    for (path, text) in sources() {
        if is_test_file(&path) || !PURE.contains(&room(&path).as_str()) {
            continue;
        }
        for word in IMPURE.iter().filter(|word| code(&text).contains(**word)) {
            wrong.insert(format!("{} mentions {word}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_client_is_imported_by_one_adapter_only() {
    let mut wrong = BTreeSet::new();
    for (path, text) in sources() {
        if is_test_file(&path) {
            continue;
        }
        let room = room(&path);
        for (client, owners) in CLIENTS {
            if !owners.contains(&room.as_str()) && code(&text).contains(client) {
                wrong.insert(format!("{} imports {client}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn secrets_cannot_be_printed() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain/secret.rs")).expect("there");
    let code = code(&text);
    assert!(!code.contains("Debug") && !code.contains("Display") && !code.contains("Serialize"), "{code}");
}

#[test]
fn main_is_small() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).expect("there");
    assert!(text.lines().count() <= 40);
}
