//! Plans that are made or kept somewhere else than where they are applied: against recorded state, and in a file.

use serde_json::Value;

use crate::e2e_example::World;
use crate::support::brokers::KafkaVersion;
use crate::support::repository::{ids, shown};

#[test]
fn recorded_state_gives_the_plan_of_the_live_cluster_and_saved_plans_are_performed_or_refused() {
    let Some(world) = World::start(KafkaVersion::V4) else { return };
    world.apply_everything("prod");
    world.expect_as_in_git("prod");
    git_moves(&world);
    recorded_state_gives_the_plan_of_the_live_cluster(&world);
    a_saved_plan_is_refused_once_the_cluster_moved(&world);
    a_saved_plan_is_performed_once(&world);
}

/// What git asks for from now on, as action ids in the plan's order.
const CHANGES: [&str; 6] = [
    "acl/User:consumer-user/allow/Describe/topic/literal/financial-transactions/*/create",
    "broker-config/default/update",
    "quota/user=llm-consumer/update",
    "rule-group/shop%2Freturns/returns/create",
    "topic/orders/update",
    "topic/returns/create",
];

fn git_moves(world: &World) {
    let edit = |path: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(world.repository.root().join(path)).expect("is there");
        assert!(text.contains(from), "{path} has no `{from}`");
        world.repository.write(path, &text.replacen(from, to, 1));
    };
    edit("base/shop/topics.yaml", "retention.ms: 604800000", "retention.ms: 864000000");
    edit(
        "base/payments/acls.yaml",
        "patternType: literal}, operations: [Read]}",
        "patternType: literal}, operations: [Read, Describe]}",
    );
    edit("base/llm-hub/quotas.yaml", "consumerByteRate: 104857600", "consumerByteRate: 209715200");
    edit("base/cluster/broker-config.yaml", "buffer.size: 524288", "buffer.size: 786432");
    let topic = "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: returns, labels: {owner: shop}}\n\
                 spec: {partitions: 3, replicas: 3, config: {min.insync.replicas: 2, retention.ms: 604800000}}\n";
    world.repository.write("base/shop/returns-topic.yaml", topic);
    let rules = "groups:\n- name: returns\n  rules:\n  - alert: ReturnsStopped\n    expr: up == 0\n    for: 10m\n    \
                 labels: {severity: warning, system: shop}\n    \
                 annotations: {summary: none, runbook_url: https://runbooks.example.org/kafka/returns}\n";
    world.repository.write("base/shop/returns.yaml", rules);
    world.repository.commit("returns");
}

fn recorded_state_gives_the_plan_of_the_live_cluster(world: &World) {
    let repository = &world.repository;
    let live = repository.plan("prod");
    let mut found = ids(&live);
    found.sort_unstable();
    assert_eq!(found, CHANGES);

    let directory = repository.outside("branch");
    repository.git(&["worktree", "add", "-q", "--detach", &shown(&directory), "driftless/prod"]);
    let below = shown(&directory.join("observed"));
    for observed in ["driftless/prod", &shown(&directory), &below] {
        let plan = repository.run_with(&["plan", "-e", "prod", "-o", "json"], &["--observed", observed]).json(0);
        let (recorded, live) = (essence(&plan), essence(&live));
        for key in live.keys().chain(recorded.keys()) {
            assert_eq!(recorded.get(key), live.get(key), "`{key}` with --observed {observed}");
        }
        let refused = repository.run_with(&["apply", "-e", "prod", "--yes"], &["--observed", observed]);
        assert_eq!(refused.code, 64, "recorded state cannot be written to: {}", refused.stderr);
    }
}

/// The plan without what only brokers can add: that they would accept it, what would be lost, which passwords were compared.
fn essence(plan: &Value) -> serde_json::Map<String, Value> {
    let mut plan = plan.as_object().expect("an object").clone();
    plan.remove("notCompared");
    for action in plan["actions"].as_array_mut().expect("actions") {
        let action = action.as_object_mut().expect("an object");
        action.remove("validated");
        action.remove("evidence");
    }
    plan
}

fn a_saved_plan_is_refused_once_the_cluster_moved(world: &World) {
    let repository = &world.repository;
    let file = shown(&repository.outside("plan.json"));
    let plan = repository.run(&["plan", "-e", "prod", "--out", &file, "-o", "json"]).json(0);
    assert_eq!(repository.run_with(&["show", &file], &["-o", "json"]).json(0), plan);
    for format in ["text", "markdown"] {
        let shown = repository.run_with(&["show", &file], &["-o", format]);
        assert_eq!((shown.code, shown.stderr.as_str()), (0, ""));
        for name in
            ["orders", "returns", "consumer-user", "llm-consumer", "log.cleaner.io.buffer.size", "ReturnsStopped"]
        {
            assert!(shown.stdout.contains(name), "{name}: {}", shown.stdout);
        }
    }
    let change = |value: &str| {
        let orders = ["configs", "--alter", "--entity-type", "topics", "--entity-name", "orders", "--add-config"];
        world.kafka.tool(&[&orders[..], &[value]].concat());
    };
    change("retention.ms=1234567");
    let refused = repository.run(&["apply", &file, "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("`topic/orders`"), "it names what changed: {}", refused.stderr);
    assert!(!refused.stderr.contains("topic/returns"), "and nothing else: {}", refused.stderr);
    change("retention.ms=604800000");
    assert_eq!(ids(&repository.plan("prod")), ids(&plan), "nothing was applied");
}

fn a_saved_plan_is_performed_once(world: &World) {
    let repository = &world.repository;
    let file = shown(&repository.outside("plan.json"));
    // Beside the plan lies no repository: it is the current directory's.
    assert_eq!(repository.perform(&["apply", &file]), CHANGES.len());
    repository.expect_in_sync("prod");
    world.expect_as_in_git("prod");
    let again = repository.run(&["apply", &file, "--yes"]);
    assert_eq!(again.code, 1, "{}", again.stdout);
    assert!(again.stderr.contains("`topic/returns` exists by now"), "{}", again.stderr);
}
