//! `driftless import` against the directory cluster, and what starts from its files.

use crate::cli_support::Desk;

const TOPIC: &str = "apiVersion: kafka.strimzi.io/v1
kind: KafkaTopic
metadata: {name: orders}
spec: {partitions: 3, replicas: 3, config: {retention.ms: 1000}}
";

/// A desk with a sandbox that holds one topic.
fn desk() -> Desk {
    let desk = Desk::new();
    assert_eq!(desk.run("import -e dev --sandbox cluster empty").code, 0);
    desk.file("cluster/topics/orders.yaml", TOPIC)
}

#[test]
fn what_the_cluster_holds_becomes_files_once() {
    let desk = desk();
    let first = desk.run("import -e dev --sandbox cluster repo");
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stdout.contains("driftless.yaml\nenvironments/dev/topics/orders.yaml\n"), "{}", first.stdout);
    let text = std::fs::read_to_string(desk.path().join("repo/environments/dev/topics/orders.yaml")).expect("is there");
    assert!(text.contains("partitions: 3") && text.contains("retention.ms"), "{text}");
    let again = desk.run("import -e dev --sandbox cluster repo -q");
    assert_eq!((again.code, again.stdout.as_str()), (0, ""));
}

#[test]
fn nothing_is_overwritten() {
    let desk = desk().file("repo/environments/dev/topics/orders.yaml", "mine\n");
    let stderr = desk.run("import -e dev --sandbox cluster repo").refused(1);
    assert!(stderr.contains("`environments/dev/topics/orders.yaml` would be overwritten"), "{stderr}");
    assert!(!desk.path().join("repo/driftless.yaml").exists());
}

#[test]
fn the_repository_says_which_layer_takes_the_files_and_what_is_ignored() {
    let repository = "apiVersion: driftless.dev/v1
kind: Repository
environments: {dev: {layers: [base, clusters/dev]}}
ignore: {topics: ['^tmp-']}
";
    let desk = desk()
        .file("cluster/topics/tmp-1.yaml", &TOPIC.replace("orders", "tmp-1"))
        .file("repo/driftless.yaml", repository);
    let named = desk.run("import -e dev --sandbox cluster repo");
    assert_eq!((named.code, named.stdout.as_str()), (0, "clusters/dev/topics/orders.yaml\n"), "{}", named.stderr);
    let unnamed = desk.run("import -e prod --sandbox cluster repo");
    assert_eq!((unnamed.code, unnamed.stdout.as_str()), (0, "environments/prod/topics/orders.yaml\n"));
    assert!(unnamed.stderr.contains("add `prod: {layers: [environments/prod]}`"), "{}", unnamed.stderr);
    let desk = desk.file("repo/driftless.yaml", "environments: []\n");
    let stderr = desk.run("import -e dev --sandbox cluster repo").refused(1);
    assert!(stderr.contains("driftless.yaml:1:") && stderr.contains("nothing was written"), "{stderr}");
}

#[test]
fn another_cluster_than_the_named_one_is_not_in_sync() {
    let desk = desk();
    assert_eq!(desk.run("import -e dev --sandbox cluster repo").code, 0);
    let first = desk.run("drift repo -e dev --sandbox cluster").done();
    assert!(first.contains("No apply is on record here") && !first.contains("In sync"), "{first}");
    let stderr = desk.run("drift repo -e dev --sandbox cluster --cluster-id other").refused(3);
    assert!(stderr.contains("the settings say `other`, so nothing was compared"), "{stderr}");
}

#[test]
fn recorded_state_that_is_not_there_is_named() {
    let stderr = Desk::new().run("import -e dev --observed nope").refused(1);
    assert!(stderr.contains("`--observed nope` names neither"), "{stderr}");
}

#[test]
fn nobody_at_the_address_is_a_failure_at_once() {
    let stderr = Desk::new().run("import -e dev --bootstrap-server 127.0.0.1:1").refused(1);
    assert!(stderr.starts_with("error: "), "{stderr}");
}
