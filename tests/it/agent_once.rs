//! One pass of the agent, as a process: what it follows, what it applies, what it only reports, what it refuses.

use crate::agent_support::{AgentDesk, topic};
use crate::git_support::git;
use crate::support::brokers::{Client, KafkaVersion, kafka, unique_name};

#[test]
fn a_pass_applies_the_branch_and_pushes_its_report() {
    let world = AgentDesk::new("");
    world.ends_with(0);
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("86400000")));
    assert_eq!(world.status(), ("Synced".into(), "Synced".into(), "False".into()));
    assert!(world.subjects()[0].starts_with("apply(prod): 1 applied"), "{:?}", world.subjects());
    let head = world.push("more", &[("base/more.yaml", &topic("more", 1))]);
    world.ends_with(0);
    assert!(world.on_cluster("more").is_some());
    assert!(
        world
            .reported("status.json")
            .is_some_and(|text| text.contains(&format!("\"lastAppliedRevision\": \"{head}\"")))
    );
    // Nothing moved, so nothing is written.
    let before = world.subjects();
    world.ends_with(0);
    assert_eq!(world.subjects(), before);
}

#[test]
fn drift_is_reported_and_left_alone_until_the_settings_say_otherwise() {
    let world = AgentDesk::new("drift: {confirmations: 1}");
    world.ends_with(0);
    world.change_by_hand("orders", 24, 48);
    let changed = world.cluster_bytes();
    let outcome = world.once_ends_with(3);
    assert!(outcome.stdout.contains("drift is reported and not corrected"), "{}", outcome.stdout);
    assert_eq!(world.cluster_bytes(), changed);
    assert_eq!(world.status(), ("OutOfSync".into(), "DriftNotCorrected".into(), "True".into()));
    assert!(world.reported("drift.json").is_some_and(|text| text.contains("topic/orders/update")));
    // What git moves elsewhere is still applied; the drift stays, and the pass says that something is left.
    world.push("more", &[("base/more.yaml", &topic("more", 1))]);
    world.ends_with(1);
    assert!(world.on_cluster("more").is_some());
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("172800000")));
    // Git moves at the drifted topic: both moved, and the cluster's half is not undone either.
    world.push("conflict", &[("base/orders.yaml", &topic("orders", 96))]);
    world.ends_with(3);
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("172800000")));

    world.configure("apply: {correctDrift: true}");
    world.ends_with(0);
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("345600000")));
    assert_eq!(world.status().0, "Synced");
}

#[test]
fn a_drift_that_was_seen_once_is_neither_reported_nor_corrected_nor_called_in_sync() {
    let world = AgentDesk::new("apply: {correctDrift: true}");
    world.ends_with(0);
    world.change_by_hand("orders", 24, 12);
    let reported = world.reported("drift.json");
    let outcome = world.once_ends_with(3);
    assert!(outcome.stdout.contains("`drift.confirmations`"), "{}", outcome.stdout);
    assert_eq!(world.status(), ("Unknown".into(), "DriftUnconfirmed".into(), "False".into()));
    assert_eq!(world.reported("drift.json"), reported);
    assert_eq!(world.subjects()[0], "status(prod): Unknown, DriftUnconfirmed");
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("43200000")));
    std::thread::sleep(std::time::Duration::from_secs(10));
    world.ends_with(0);
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("86400000")));
    assert_eq!(world.status().0, "Synced");
    // Git waits for nobody.
    world.change_by_hand("orders", 24, 12);
    world.push("more", &[("base/more.yaml", &topic("more", 1))]);
    world.ends_with(1);
    assert!(world.on_cluster("more").is_some());
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("43200000")));
}

#[test]
fn what_somebody_keeps_changing_back_is_left_alone_after_three_corrections() {
    let world = AgentDesk::new("apply: {correctDrift: true}\ndrift: {confirmations: 1}");
    world.ends_with(0);
    for _ in 0..3 {
        world.change_by_hand("orders", 24, 12);
        world.ends_with(0);
    }
    world.change_by_hand("orders", 24, 12);
    let outcome = world.once_ends_with(3);
    assert!(outcome.stdout.contains("again and again"), "{}", outcome.stdout);
    assert_eq!(world.status(), ("OutOfSync".into(), "DriftContested".into(), "True".into()));
    assert!(world.reported("drift.json").is_some_and(|text| text.contains("\"contested\"")));
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("43200000")));
    // Git has the last word.
    world.push("again", &[("base/orders.yaml", &topic("orders", 96))]);
    world.ends_with(0);
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("345600000")));
}

#[test]
fn an_observing_agent_writes_nothing_to_the_cluster() {
    let world = AgentDesk::new("");
    world.ends_with(0);
    let before = world.cluster_bytes();
    world.configure("apply: {mode: observe, correctDrift: true, prune: true, maxDeletions: 100}");
    world.push("more", &[("base/more.yaml", &topic("more", 1)), ("base/orders.yaml", &topic("orders", 48))]);
    world.ends_with(0);
    assert_eq!(world.cluster_bytes(), before);
    assert_eq!(world.status(), ("OutOfSync".into(), "OutOfSync".into(), "False".into()));
}

#[test]
fn a_rewound_or_replaced_branch_stops_the_agent_until_the_settings_name_the_head() {
    let world = AgentDesk::new("");
    let first = git(&world.clone(), &["rev-parse", "HEAD"]);
    world.push("more", &[("base/more.yaml", &topic("more", 1))]);
    world.ends_with(0);
    let before = world.cluster_bytes();
    for replace in [false, true] {
        git(&world.clone(), &["reset", "-q", "--hard", &first]);
        if replace {
            git(&world.clone(), &["checkout", "-q", "--orphan", "other"]);
            git(&world.clone(), &["branch", "-q", "-M", "other", "main"]);
        }
        let head = world.push("other", &[("base/evil.yaml", &topic("evil", 1))]);
        let outcome = world.once_ends_with(1);
        assert!(outcome.stderr.contains("SourceUntrusted") && outcome.stderr.contains(&head), "{}", outcome.stderr);
        assert_eq!(world.cluster_bytes(), before);
        assert_eq!(world.status(), ("Unknown".into(), "SourceUntrusted".into(), "True".into()));
        // The branch cannot vouch for itself, and neither can a report branch that was deleted with it.
        git(&world.remote(), &["update-ref", "-d", "refs/heads/driftless/prod"]);
        std::fs::remove_dir_all(world.desk.path().join("state/prod/reports.git")).expect("removed");
        world.ends_with(1);
        world.configure_source(&format!(", acceptRevision: {first}"), "");
        world.ends_with(1);
        assert_eq!(world.cluster_bytes(), before);
        world.configure("");
    }
    let head = git(&world.clone(), &["rev-parse", "HEAD"]);
    world.configure_source(&format!(", acceptRevision: {head}"), "");
    world.ends_with(0);
    assert!(world.on_cluster("evil").is_some());
    world.configure("");
    world.push("next", &[("base/next.yaml", &topic("next", 1))]);
    world.ends_with(0);
}

fn for_each_file(directory: &std::path::Path, act: &dyn Fn(&std::path::Path)) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("listed").path();
        if path.is_dir() { for_each_file(&path, act) } else { act(&path) }
    }
}

#[test]
fn a_damaged_mirror_is_cloned_again() {
    let world = AgentDesk::new("");
    world.ends_with(0);
    type Damage = fn(&std::path::Path);
    let damages: [(&str, Damage); 13] = [
        ("a head that is none", |mirror| std::fs::write(mirror.join("HEAD"), "nonsense").expect("written")),
        ("a configuration that is none", |mirror| std::fs::write(mirror.join("config"), "[core\n\0").expect("written")),
        ("references that are none", |mirror| {
            std::fs::write(mirror.join("packed-refs"), "nonsense\n").expect("written")
        }),
        ("no references", |mirror| std::fs::remove_dir_all(mirror.join("refs")).expect("removed")),
        ("references to nothing", |mirror| {
            for_each_file(&mirror.join("refs"), &|path| {
                std::fs::write(path, "0123456789012345678901234567890123456789\n").expect("written");
            });
        }),
        ("locks of a process that was killed", |mirror| {
            for_each_file(&mirror.join("refs"), &|path| {
                std::fs::write(format!("{}.lock", path.display()), "").expect("written");
            });
            std::fs::write(mirror.join("packed-refs.lock"), "").expect("written");
        }),
        ("half an object", |mirror| {
            for_each_file(&mirror.join("objects"), &|path| {
                let mut rights = std::fs::metadata(path).expect("there").permissions();
                std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o644);
                std::fs::set_permissions(path, rights).expect("changed");
                let bytes = std::fs::read(path).expect("readable");
                std::fs::write(path, &bytes[..bytes.len() / 2]).expect("written");
            });
        }),
        ("a file where references are", |mirror| {
            std::fs::remove_dir_all(mirror.join("refs")).expect("removed");
            std::fs::write(mirror.join("refs"), "").expect("written");
        }),
        ("no head", |mirror| std::fs::remove_file(mirror.join("HEAD")).expect("removed")),
        ("no objects", |mirror| std::fs::remove_dir_all(mirror.join("objects")).expect("removed")),
        ("empty", |mirror| {
            std::fs::remove_dir_all(mirror).expect("removed");
            std::fs::create_dir(mirror).expect("made");
        }),
        ("a file", |mirror| {
            std::fs::remove_dir_all(mirror).expect("removed");
            std::fs::write(mirror, "half").expect("written");
        }),
        ("broken packs", |mirror| {
            for entry in std::fs::read_dir(mirror.join("objects/pack")).expect("packs") {
                let path = entry.expect("listed").path();
                drop(std::fs::remove_file(&path));
                std::fs::write(path, "nonsense").expect("written");
            }
        }),
    ];
    for (index, (name, damage)) in damages.into_iter().enumerate() {
        damage(&world.mirror());
        std::fs::create_dir_all(world.desk.path().join("state/prod/source.git.new-killed")).expect("made");
        world.push(name, &[("base/more.yaml", &topic(&format!("after-{index}"), 1))]);
        let outcome = world.once();
        assert_eq!(outcome.code, 0, "{name}: {}{}", outcome.stdout, outcome.stderr);
        assert!(world.on_cluster(&format!("after-{index}")).is_some(), "{name}");
    }
    // The last of them was cloned anew, which clears away what a killed clone left.
    let left = std::fs::read_dir(world.desk.path().join("state/prod")).expect("listed");
    let names: Vec<String> = left.map(|entry| entry.expect("listed").file_name().to_string_lossy().into()).collect();
    assert!(!names.iter().any(|found| found.contains(".new-")), "{names:?}");
}

#[test]
fn bad_files_stop_the_pass_and_the_report_says_why() {
    let world = AgentDesk::new("");
    world.ends_with(0);
    let before = world.cluster_bytes();
    world.push("bad", &[("base/bad.yaml", "kind: [\n"), ("base/more.yaml", &topic("more", 1))]);
    let outcome = world.once_ends_with(1);
    assert!(outcome.stderr.contains("base/bad.yaml:"), "{}", outcome.stderr);
    assert_eq!(world.cluster_bytes(), before);
    assert_eq!(world.status(), ("Unknown".into(), "ManifestsInvalid".into(), "True".into()));
    assert!(world.reported("inventory.json").is_some_and(|text| text.contains("topic/orders")));
    std::fs::remove_file(world.clone().join("base/bad.yaml")).expect("removed");
    world.push("good", &[]);
    world.ends_with(0);
    assert_eq!(world.status().0, "Synced");
}

#[test]
fn another_cluster_at_the_same_address_is_refused() {
    let world = AgentDesk::new("");
    world.ends_with(0);
    std::fs::remove_dir_all(world.cluster()).expect("removed");
    // The report branch is gone too: only this machine remembers.
    git(&world.remote(), &["update-ref", "-d", "refs/heads/driftless/prod"]);
    std::fs::remove_dir_all(world.desk.path().join("state/prod/reports.git")).expect("removed");
    let outcome = world.once_ends_with(1);
    assert!(outcome.stderr.contains("ClusterChanged"), "{}", outcome.stderr);
    assert!(world.on_cluster("orders").is_none());
}

#[test]
fn a_remote_that_is_away_is_an_error_and_changes_nothing() {
    let world = AgentDesk::new("");
    world.ends_with(0);
    let (before, away) = (world.cluster_bytes(), world.desk.path().join("away.git"));
    std::fs::rename(world.remote(), &away).expect("moved");
    let outcome = world.once_ends_with(1);
    assert!(outcome.stderr.contains("SourceFailed"), "{}", outcome.stderr);
    assert_eq!(world.cluster_bytes(), before);
    std::fs::rename(&away, world.remote()).expect("moved");
    world.ends_with(0);
}

#[test]
fn settings_that_are_not_honoured_are_refused_by_name() {
    let world = AgentDesk::new("");
    world.configure("rules: {ruler: {url: 'http://localhost:9009'}}");
    let outcome = world.once_ends_with(64);
    assert!(outcome.stderr.contains("`rules.ruler`"), "{}", outcome.stderr);
    assert!(!world.cluster().exists() && world.reported("status.json").is_none());
}

#[test]
fn an_agent_keeps_a_real_cluster() {
    let Some(kafka) = kafka(KafkaVersion::V4) else { return };
    let name = unique_name("agent");
    let cluster = format!("cluster: {{propertiesFile: {}}}", kafka.properties(Client::Admin).display());
    let world = AgentDesk::new(&cluster);
    world.push("named", &[("base/orders.yaml", &topic(&name, 24))]);
    world.ends_with(0);
    assert!(kafka.tool(&["topics", "--describe", "--topic", &name]).contains("retention.ms=86400000"));
    assert!(world.subjects()[0].starts_with("apply(prod): "), "{:?}", world.subjects());
    let status = world.reported("status.json").expect("a status");
    assert!(status.contains(kafka.cluster_id()), "{status}");
    kafka.tool(&["topics", "--delete", "--topic", &name]);
}
