//! The rules of ARCHITECTURE.md that a machine can check: which room may use which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What the rooms down to `reconcile` may not touch: files, the environment, clocks, the network, processes, the terminal.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "std::io::stdout",
    "std::io::stderr",
];
const PURE: &[&str] = &["domain", "manifest", "plan", "policy", "recorded", "report"];
/// These await what the pure rooms do not.
const SHELL: &[&str] = &["ports", "apply", "reconcile"];

/// Clients of the outside world and engines that one room hides, and the only rooms that may name each.
const CLIENTS: &[(&str, &[&str])] = &[
    ("age::", &["config"]),
    ("askama::", &["report"]),
    ("axum::", &["agent"]),
    ("clap::", &["cli"]),
    ("cron::", &["agent"]),
    ("git2::", &["git"]),
    ("granit_parser::", &["manifest"]),
    ("hyper::", &["agent"]),
    ("hyper_util::", &["agent"]),
    ("indicatif::", &["cli"]),
    ("java_properties::", &["kafka"]),
    ("jsonwebtoken::", &["forge"]),
    ("kafka_protocol::", &["kafka"]),
    ("notify::", &["agent", "cli"]),
    ("openssl::", &["agent", "git", "kafka"]),
    ("pgp::", &["git"]),
    ("prometheus_client::", &["agent"]),
    ("promql_parser::", &["domain"]),
    ("rdkafka::", &["messaging"]),
    ("regorus::", &["policy"]),
    ("reqwest::", &["forge", "messaging", "prometheus"]),
    ("rsasl::", &["kafka"]),
    ("ssh_key::", &["git"]),
    ("tokio_openssl::", &["agent", "kafka"]),
];

/// Each room of `src/` with the rooms that it may use, as the table of ARCHITECTURE.md says. What is not listed may not be
/// used.
fn rooms() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).expect("there");
    let (_, table) = page.split_once("## Rooms").expect("a section");
    let rows =
        table.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
    let words = |cell: &str| -> BTreeSet<String> {
        let names = cell.split([',', ' ']).map(|word| word.trim_matches(['`', '/'])).filter(|word| !word.is_empty());
        names.filter(|word| *word != "nothing").map(str::to_owned).collect()
    };
    let mut rooms = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        let [_, names, _, uses, _] = cells.as_slice() else { panic!("three cells: {row}") };
        rooms.extend(words(names).into_iter().map(|name| (name, words(uses))));
    }
    let all: BTreeSet<String> = rooms.keys().cloned().collect();
    for uses in rooms.values_mut().filter(|uses| uses.contains("everything")) {
        uses.clone_from(&all);
    }
    rooms.insert("main".to_owned(), BTreeSet::from(["cli".to_owned()]));
    rooms.insert("lib".to_owned(), BTreeSet::new());
    for (room, uses) in &rooms {
        assert!(uses.iter().all(|used| rooms.contains_key(used)), "`{room}` uses a room that is none: {uses:?}");
    }
    rooms
}

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

/// How many modules a file lies below its room.
fn depth(path: &Path) -> usize {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("below src");
    below.components().count() - 1 - usize::from(below.ends_with("mod.rs"))
}

#[test]
fn every_room_uses_only_the_rooms_it_may() {
    let rooms = rooms();
    let (mut wrong, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for (path, text) in sources() {
        let room = room(&path);
        let Some(allowed) = rooms.get(&room) else { panic!("src/{room} is a new room: list it in ARCHITECTURE.md") };
        seen.insert(room.clone());
        if is_test_file(&path) {
            continue;
        }
        let code = code(&text);
        // A list, or a way up beyond the room, would hide what is used.
        let way_up = "super::".repeat(depth(&path) + 1);
        if code.contains("crate::{") || (room != "lib" && room != "main" && code.contains(&way_up)) {
            wrong.insert(format!("{} does not name the room that it uses", path.display()));
        }
        for used in ["crate::", "driftless::"].iter().flat_map(|start| code.split(start).skip(1)) {
            let used: String = used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if rooms.contains_key(&used) && used != room && !allowed.contains(&used) {
                wrong.insert(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(seen, rooms.into_keys().collect(), "ARCHITECTURE.md lists the rooms that there are");
}

#[test]
fn the_rooms_down_to_the_pass_touch_nothing_outside() {
    let mut wrong = BTreeSet::new();
    for (path, text) in sources() {
        let room = room(&path);
        let (is_pure, is_shell) = (PURE.contains(&room.as_str()), SHELL.contains(&room.as_str()));
        if is_test_file(&path) || !(is_pure || is_shell) {
            continue;
        }
        let code = code(&text);
        let words = IMPURE.iter().copied().chain(is_pure.then_some("tokio::"));
        wrong
            .extend(words.filter(|word| code.contains(word)).map(|word| format!("{} mentions {word}", path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_client_is_named_by_its_own_rooms_only() {
    let mut wrong = BTreeSet::new();
    for (path, text) in sources() {
        if is_test_file(&path) {
            continue;
        }
        let (room, code) = (room(&path), code(&text));
        for (client, owners) in CLIENTS {
            // `openssl::` also ends `tokio_openssl::`.
            let names = |at: usize| !code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':');
            if !owners.contains(&room.as_str()) && code.match_indices(client).any(|(at, _)| names(at)) {
                wrong.insert(format!("{} names {client}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_dependency_is_used() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect("there");
    let (_, rest) = manifest.split_once("[dependencies]").expect("a section");
    let section = rest.split("\n[").next().expect("a section");
    let code: String = sources().into_values().collect();
    let unused = section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.replace('-', "_"));
    let unused: Vec<String> = unused.filter(|name| !code.contains(&format!("{name}::"))).collect();
    assert!(unused.is_empty(), "{unused:?}");
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
