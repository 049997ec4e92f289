//! Rule files against a real Prometheus: loaded, changed, refused and put back, and drift in all its forms.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use driftless::domain::rule::{Rule, RuleGroup, RuleGroupId, RuleKind};
use driftless::domain::rule_comparison::{GroupComparison, same_group};
use driftless::ports::{RuleStore, RuleStoreError};
use driftless::prometheus::{NOT_LOADED_ALERT, RuleDirectory};

use crate::support::brokers::PrometheusEnv;

type Groups = BTreeMap<String, RuleGroup>;

fn texts(texts: &[(&str, &str)]) -> BTreeMap<String, String> {
    texts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn alert(name: &str, expr: &str) -> Rule {
    let kind = RuleKind::Alerting {
        alert: name.to_owned(),
        for_ms: 300_000,
        keep_firing_for_ms: 90_000,
        annotations: texts(&[("summary", "{{ $labels.topic }} is \"late\": # not a comment\nsecond line")]),
    };
    Rule { kind, expr: expr.to_owned(), labels: texts(&[("severity", "page")]) }
}

fn record(name: &str, expr: &str) -> Rule {
    Rule { kind: RuleKind::Recording { record: name.to_owned() }, expr: expr.to_owned(), labels: BTreeMap::new() }
}

fn group(rules: Vec<Rule>) -> RuleGroup {
    RuleGroup { interval_ms: None, query_offset_ms: None, limit: 0, labels: BTreeMap::new(), rules }
}

fn groups(name: &str, expr: &str) -> Groups {
    BTreeMap::from([(name.to_owned(), group(vec![alert("Late", expr)]))])
}

fn id(namespace: &str, group: &str) -> RuleGroupId {
    RuleGroupId { namespace: namespace.to_owned(), group: group.to_owned() }
}

/// A Prometheus of the test's own, because one broken file stops the rules of all tests.
struct World {
    prometheus: PrometheusEnv,
    store: RuleDirectory,
}

impl World {
    fn start() -> Option<Self> {
        let prometheus = PrometheusEnv::start()?;
        let store = RuleDirectory::new(prometheus.rules_dir(), Some(format!("{}/-/reload", prometheus.url()))).unwrap();
        Some(Self { prometheus, store })
    }

    async fn replace(&self, namespace: &str, groups: &Groups) -> Result<(), RuleStoreError> {
        self.store.replace(namespace, groups).await
    }

    async fn observe(&self) -> BTreeMap<RuleGroupId, RuleGroup> {
        self.store.observe().await.unwrap()
    }

    /// Whether the observed group means the same as that one.
    async fn is(&self, namespace: &str, name: &str, wanted: &RuleGroup) -> bool {
        let observed = self.observe().await;
        let observed = observed.get(&id(namespace, name));
        observed.is_some_and(|observed| same_group(observed, wanted) == GroupComparison::Same)
    }

    /// What the store says about the group and Prometheus differing, if it does.
    async fn not_loaded(&self, namespace: &str, name: &str) -> Option<String> {
        let observed = self.observe().await;
        let rule = observed.get(&id(namespace, name))?.rules.iter().find(|rule| rule.name() == NOT_LOADED_ALERT)?;
        match &rule.kind {
            RuleKind::Alerting { annotations, .. } => annotations.get("description").cloned(),
            RuleKind::Recording { .. } => None,
        }
    }

    fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.prometheus.rules_dir().join(name)).ok()
    }

    fn write_file(&self, name: &str, text: &str) {
        fs::write(self.prometheus.rules_dir().join(name), text).unwrap();
    }

    /// Whether Prometheus itself, asked without our code, evaluates such an expression.
    fn evaluates(&self, query: &str) -> bool {
        self.prometheus.get("/api/v1/rules").contains(&format!("\"query\":\"{query}\""))
    }
}

#[tokio::test]
async fn rules_are_loaded_changed_and_removed() {
    let Some(world) = World::start() else { return };
    assert_eq!(world.observe().await, BTreeMap::new());
    let first = groups("lag", "up == 0");
    world.replace("kafka", &first).await.unwrap();
    assert!(world.evaluates("up == 0"));
    assert!(world.is("kafka", "lag", &first["lag"]).await);

    let second = groups("lag", "up == 1");
    world.replace("kafka", &second).await.unwrap();
    assert!(world.evaluates("up == 1") && !world.evaluates("up == 0"));
    assert!(world.is("kafka", "lag", &second["lag"]).await);

    let before = world.file("kafka.yaml");
    world.replace("kafka", &second).await.unwrap();
    assert_eq!(world.file("kafka.yaml"), before);

    world.replace("kafka", &Groups::new()).await.unwrap();
    assert!(!world.evaluates("up == 1"));
    assert_eq!(world.observe().await, BTreeMap::new());
    assert_eq!(fs::read_dir(world.prometheus.rules_dir()).unwrap().count(), 0);
}

#[tokio::test]
async fn every_spelling_is_confirmed_and_read_back_without_a_difference() {
    let Some(world) = World::start() else { return };
    let expressions = [
        "sum(rate(x[60s])) by (job) > 1e3",
        "# a comment\nsum by(job) (x{b=\"1\", a='2',})\n\n  / ignoring(job) group_left() y",
        "a - ignoring() group_left c",
        "sum without () (x)",
        "{__name__=\"up\", job=~\"a|b\"} offset 3600s",
        "max_over_time(rate(x[5m])[1h:60s] @ end() offset 30m)",
        "histogram_quantile(0.99, sum by (le) (rate(b_bucket[90s]))) > bool 0.25",
        "a and on() b or -c ^ 2 unless d",
        "absent(up{job=\"\\\"ünï\\\\\"}) == +Inf",
        "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")",
        "x > 0x1F and x < -1.5e-3",
        "count_values(\"v\", x) * on(v) group_right(z) y",
        "quantile(0.5, x) > NaN",
        "((x))",
        "up{a=`\\.x`, b=~`[\\w-.]+`, c!~\"\\\\Qa.b\\\\E|[[]\"}",
        "x{path=~\"/api/{id}/[0-9]{2}\", account=\"a@123456789012\"}",
    ];
    let mut rules: Vec<Rule> = Vec::new();
    for (number, expression) in expressions.iter().enumerate() {
        rules.push(alert(&format!("A{number}"), expression));
        rules.push(record(&format!("job:r{number}"), expression));
    }
    let mut wanted = group(rules);
    wanted.interval_ms = Some(90_000);
    wanted.limit = 10;
    wanted.labels = texts(&[("team", "kafka"), ("severity", "low"), ("number", "1"), ("bool", "yes")]);
    let explicit = RuleGroup { interval_ms: Some(1000), ..group(vec![record("a:b", "x")]) };
    let zero = RuleGroup { interval_ms: Some(0), ..group(vec![record("a:b", "x")]) };
    let names = ["with \"quotes\": and # signs", "explicit", "zero", "none", "empty"];
    let contents = [wanted, explicit, zero, group(vec![record("a:b", "x")]), group(Vec::new())];
    let wanted: Groups = names.into_iter().map(str::to_owned).zip(contents).collect();

    world.replace("Team/Käfka *.rules", &wanted).await.unwrap();

    assert!(world.file("Team%2FK%C3%A4fka%20%2A.rules.yaml").is_some());
    for (name, group) in &wanted {
        assert!(world.is("Team/Käfka *.rules", name, group).await, "{name}: {:?}", world.observe().await);
    }
}

#[tokio::test]
async fn what_prometheus_refuses_is_put_back_and_the_error_says_so() {
    let Some(world) = World::start() else { return };
    let good = groups("lag", "up == 0");
    world.replace("kafka", &good).await.unwrap();
    let before = world.file("kafka.yaml").unwrap();
    // Prometheus parses templates, which driftless does not.
    let mut bad = groups("lag", "up == 1");
    if let RuleKind::Alerting { annotations, .. } = &mut bad.get_mut("lag").unwrap().rules[0].kind {
        annotations.insert("summary".to_owned(), "{{ broken".to_owned());
    }
    let error = world.replace("kafka", &bad).await.unwrap_err();
    assert!(error.message.contains("refused the rules of `kafka`"), "{error}");
    assert!(error.message.contains("what was there before is loaded again"), "{error}");
    assert_eq!(world.file("kafka.yaml"), Some(before));
    assert!(world.evaluates("up == 0"));
    assert!(world.is("kafka", "lag", &good["lag"]).await);
    assert!(world.prometheus.get("/metrics").contains("prometheus_config_last_reload_successful 1"));

    world.replace("new", &bad).await.unwrap_err();
    assert_eq!(world.file("new.yaml"), None);
    assert!(world.prometheus.get("/metrics").contains("prometheus_config_last_reload_successful 1"));
    world.replace("new", &good).await.unwrap();
}

#[tokio::test]
async fn what_a_killed_process_left_behind_is_seen_and_never_put_back() {
    let Some(world) = World::start() else { return };
    let good = groups("lag", "up == 0");
    world.replace("kafka", &good).await.unwrap();
    // As if driftless died between writing the file and the reload.
    let written = world.file("kafka.yaml").unwrap().replace("up == 0", "up == 7");
    world.write_file("kafka.yaml", &written);
    let difference = world.not_loaded("kafka", "lag").await.unwrap();
    assert!(difference.contains("rule `Late`: expr"), "{difference}");

    let mut bad = good.clone();
    if let RuleKind::Alerting { annotations, .. } = &mut bad.get_mut("lag").unwrap().rules[0].kind {
        annotations.insert("summary".to_owned(), "{{ broken".to_owned());
    }
    world.replace("kafka", &bad).await.unwrap_err();
    assert!(world.is("kafka", "lag", &good["lag"]).await);
    assert!(world.evaluates("up == 0"));
}

#[tokio::test]
async fn an_expression_that_does_not_parse_is_refused_before_anything_is_written() {
    let Some(world) = World::start() else { return };
    let error = world.replace("kafka", &groups("lag", "up ==")).await.unwrap_err();
    assert!(error.message.contains("rule `Late` of `kafka/lag`"), "{error}");
    assert_eq!(fs::read_dir(world.prometheus.rules_dir()).unwrap().count(), 0);
}

#[tokio::test]
async fn edits_by_hand_are_drift_with_and_without_a_reload_and_spellings_are_not() {
    let Some(world) = World::start() else { return };
    let wanted = BTreeMap::from([(
        "lag".to_owned(),
        RuleGroup {
            interval_ms: Some(60_000),
            ..group(vec![alert("Late", "sum by (job) (up) > 1"), alert("B", "up")])
        },
    )]);
    world.replace("kafka", &wanted).await.unwrap();
    let original = world.file("kafka.yaml").unwrap();
    let edit = |from: &str, to: &str| {
        assert!(original.contains(from), "{from}");
        original.replace(from, to)
    };
    let cases = [
        ("a spelling of a duration", edit("interval: 1m", "interval: 60s"), true),
        ("a spelling of an expression", edit("sum by (job) (up) > 1", "sum(up) by(job)    > 1e0 # same"), true),
        ("a comment and other layout", edit("rules:\n", "\n    rules: # why\n"), true),
        ("an expression", edit("> 1", "> 2"), false),
        ("a duration", edit("interval: 1m", "interval: 2m"), false),
        ("how long it must hold", edit("for: 5m", "for: 6m"), false),
        ("a label", edit("\"severity\": \"page\"", "severity: info"), false),
        ("an annotation", edit("is \\\"late\\\"", "is late"), false),
        ("another name of the group", edit("name: \"lag\"", "name: other"), false),
    ];
    for (what, text, is_same) in cases {
        for reload in [false, true] {
            world.write_file("kafka.yaml", &text);
            if reload {
                world.prometheus.reload().unwrap();
            }
            assert_eq!(world.is("kafka", "lag", &wanted["lag"]).await, is_same, "{what}, reloaded: {reload}");
            let expect_note = !is_same && !reload;
            assert_eq!(world.observe().await.values().any(is_noted), expect_note, "{what}, reloaded: {reload}");
            world.replace("kafka", &wanted).await.unwrap();
            assert!(world.is("kafka", "lag", &wanted["lag"]).await, "{what}");
            assert_eq!(world.file("kafka.yaml").as_ref(), Some(&original));
        }
    }
}

fn is_noted(group: &RuleGroup) -> bool {
    group.rules.iter().any(|rule| rule.name() == NOT_LOADED_ALERT)
}

#[tokio::test]
async fn older_rules_that_prometheus_evaluates_are_seen_although_the_file_is_right() {
    let Some(world) = World::start() else { return };
    let (old, new) = (groups("lag", "up == 0"), groups("lag", "up == 1"));
    world.replace("kafka", &old).await.unwrap();
    let old_text = world.file("kafka.yaml").unwrap();
    world.replace("kafka", &new).await.unwrap();
    let new_text = world.file("kafka.yaml").unwrap();
    world.write_file("kafka.yaml", &old_text);
    world.prometheus.reload().unwrap();
    world.write_file("kafka.yaml", &new_text);
    assert!(!world.is("kafka", "lag", &new["lag"]).await);
    assert!(world.not_loaded("kafka", "lag").await.is_some());
    world.replace("kafka", &new).await.unwrap();
    assert!(world.is("kafka", "lag", &new["lag"]).await);
}

#[tokio::test]
async fn a_removed_file_is_seen_before_and_after_the_reload() {
    let Some(world) = World::start() else { return };
    let wanted = groups("lag", "up == 0");
    world.replace("kafka", &wanted).await.unwrap();
    fs::remove_file(world.prometheus.rules_dir().join("kafka.yaml")).unwrap();
    assert!(world.not_loaded("kafka", "lag").await.unwrap().contains("not in the file"));
    world.prometheus.reload().unwrap();
    assert_eq!(world.observe().await, BTreeMap::new());
    world.replace("kafka", &wanted).await.unwrap();
    assert!(world.is("kafka", "lag", &wanted["lag"]).await);
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let Some(world) = World::start() else { return };
    let theirs = "groups: [{name: theirs, rules: [{record: 'a:b', expr: up}]}]\n";
    world.write_file("theirs.yaml", theirs);
    let error = world.replace("theirs", &groups("lag", "up == 0")).await.unwrap_err();
    assert!(error.message.contains("not written by driftless"), "{error}");
    world.replace("theirs", &Groups::new()).await.unwrap_err();
    world.replace("ours", &groups("lag", "up == 0")).await.unwrap();
    assert_eq!(world.file("theirs.yaml").as_deref(), Some(theirs));
    assert_eq!(world.observe().await.into_keys().collect::<Vec<_>>(), [id("ours", "lag")]);
}

#[tokio::test]
async fn a_broken_file_of_somebody_else_is_told_apart_from_our_rules() {
    let Some(world) = World::start() else { return };
    world.write_file("theirs.yaml", "groups: broken\n");
    let error = world.replace("kafka", &groups("lag", "up == 0")).await.unwrap_err();
    assert!(error.message.contains("does not load either"), "{error}");
    assert!(error.hint.unwrap().contains("Another rule file"));
    assert_eq!(world.file("kafka.yaml"), None);
}

#[tokio::test]
async fn a_file_of_ours_that_no_longer_parses_is_named() {
    let Some(world) = World::start() else { return };
    world.replace("kafka", &groups("lag", "up == 0")).await.unwrap();
    let text = world.file("kafka.yaml").unwrap();
    world.write_file("kafka.yaml", &format!("{text}{{{{"));
    let error = world.store.observe().await.unwrap_err();
    assert!(error.message.contains("kafka.yaml"), "{error}");
    // Writing it again is how to repair it.
    world.replace("kafka", &groups("lag", "up == 0")).await.unwrap();
    assert_eq!(world.file("kafka.yaml"), Some(text));
}

#[tokio::test]
async fn a_directory_that_prometheus_does_not_load_is_an_error_with_the_setting() {
    let Some(world) = World::start() else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let reload = format!("{}/-/reload", world.prometheus.url());
    let store = RuleDirectory::new(elsewhere.path().to_owned(), Some(reload)).unwrap();
    let error = store.replace("kafka", &groups("lag", "up == 0")).await.unwrap_err();
    assert!(error.message.contains("does not load"), "{error}");
    assert!(error.hint.unwrap().contains("rule_files"));
    assert!(!elsewhere.path().join("kafka.yaml").exists());
}

#[tokio::test]
async fn without_a_reload_url_the_file_is_what_is_observed() {
    let directory = tempfile::tempdir().unwrap();
    let store = RuleDirectory::new(directory.path().to_owned(), None).unwrap();
    let wanted = groups("lag", "up == 0");
    store.replace("kafka", &wanted).await.unwrap();
    let observed = store.observe().await.unwrap();
    assert_eq!(same_group(&observed[&id("kafka", "lag")], &wanted["lag"]), GroupComparison::Same);
    store.replace("kafka", &Groups::new()).await.unwrap();
    assert_eq!(store.observe().await.unwrap(), BTreeMap::new());
}

#[tokio::test]
async fn a_prometheus_that_does_not_answer_is_an_error_and_nothing_changes() {
    let directory = tempfile::tempdir().unwrap();
    let url = "http://user:hunter2@127.0.0.1:1/-/reload".to_owned();
    let store = RuleDirectory::new(directory.path().to_owned(), Some(url)).unwrap();
    let errors =
        [store.replace("kafka", &groups("lag", "up == 0")).await.unwrap_err(), store.observe().await.unwrap_err()];
    for error in errors {
        assert!(error.message.contains("`127.0.0.1:1` cannot be reached"), "{error}");
        assert!(!error.message.contains("hunter2"), "{error}");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    let missing = RuleDirectory::new(directory.path().join("missing"), None).unwrap();
    assert!(missing.observe().await.unwrap_err().message.contains("missing"));
}

/// Something that answers as Prometheus does to a reload that it does not allow or cannot do, and has no rules loaded.
fn stub(reload_answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the test process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let rules = r#"200 OK#{"status":"success","data":{"groups":[]}}"#;
            let answer = if head[0].starts_with("POST /prefix/-/reload ") { reload_answer } else { rules };
            let (status, body) = answer.split_once('#').unwrap();
            let length = body.len();
            drop(write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"));
        }
    });
    format!("http://{address}/prefix/-/reload")
}

#[tokio::test]
async fn every_failed_reload_puts_back_what_was_there_and_says_what_to_do() {
    let cases = [
        ("403 Forbidden#Lifecycle API is not enabled.", "Lifecycle API is not enabled", "--web.enable-lifecycle"),
        (
            "500 Internal Server Error#failed to reload config: boom",
            "failed to reload config: boom",
            "Another rule file",
        ),
        ("404 Not Found#nothing here", "404", ""),
        // Loads nothing although it says that it did.
        ("200 OK#", "does not load", "rule_files"),
    ];
    for (answer, words, hint) in cases {
        let directory = tempfile::tempdir().unwrap();
        let store = RuleDirectory::new(directory.path().to_owned(), Some(stub(answer))).unwrap();
        let error = store.replace("kafka", &groups("lag", "up == 0")).await.unwrap_err();
        assert!(error.message.contains(words), "{error}");
        assert!(error.hint.unwrap_or_default().contains(hint), "{}", error.message);
        assert!(!directory.path().join("kafka.yaml").exists(), "{answer}");
    }
}
