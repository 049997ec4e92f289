//! Tests of judging as a whole; the rules themselves have their cases in `policy/cases`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::{Date, date};
use serde_json::json;

use super::engine::PackEngine;
use super::*;
use crate::domain::desired::{Declared, Document, Management, PolicyException};
use crate::domain::diagnostic::Location;
use crate::domain::names::TopicName;
use crate::domain::observed::{BrokerFacts, ClusterFacts};
use crate::domain::topic::Topic;

const TODAY: Date = date(2026, 6, 1);

fn topic(name: &str, replicas: i16, min_insync: &str) -> (TopicName, Declared<Topic>) {
    let name = TopicName::parse(name).expect("valid");
    let config = BTreeMap::from([("min.insync.replicas".to_owned(), min_insync.to_owned())]);
    let value = Topic { name: name.clone(), partitions: Some(1), replication_factor: Some(replicas), config };
    let fields = BTreeMap::from([("replicationFactor".to_owned(), Location::new("base/t.yaml", 7, 13))]);
    let declared = Declared {
        value,
        location: Location::new("base/t.yaml", 4, 3),
        fields,
        management: Management::Managed,
        labels: Arc::default(),
    };
    (name, declared)
}

fn desired(topics: &[(&str, i16, &str)]) -> DesiredState {
    DesiredState {
        environment: "prod".to_owned(),
        topics: topics.iter().map(|(name, replicas, min_insync)| topic(name, *replicas, min_insync)).collect(),
        ..DesiredState::default()
    }
}

fn with_document(rules: serde_json::Value) -> DesiredState {
    let json = json!({"kind": "KafkaTopic", "metadata": {"name": "orders"}, "spec": rules});
    let document = Document::new(&json, Location::new("base/topics/orders.yaml", 3, 1));
    DesiredState { documents: vec![document], ..desired(&[("orders", 3, "2")]) }
}

fn exception(rules: &[&str], resources: &[&str], expires: Date) -> PolicyException {
    PolicyException {
        name: "logs".to_owned(),
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        resources: resources.iter().map(|resource| (*resource).to_owned()).collect(),
        reason: "not critical".to_owned(),
        expires,
        location: Location::new("base/exceptions.yaml", 4, 3),
    }
}

fn pack(text: &str) -> Vec<Pack> {
    vec![Pack {
        name: "policy".to_owned(),
        files: vec![("policy/own.rego".to_owned(), text.to_owned())],
        ..Pack::default()
    }]
}

fn findings(desired: &DesiredState, packs: &[Pack]) -> Vec<Finding> {
    judge(&PolicyInput { desired, plan: None, observed: None, packs, today: TODAY })
}

fn codes(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}{}", finding.code, if finding.denies() { "!" } else { "" })).collect()
}

/// The case file of every file with rules: `policy/cases/SUBJECT.yaml` of `policy/SUBJECT.rego`.
pub(super) fn case_files() -> BTreeMap<String, String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: BTreeSet<String> = rules(&[]).into_iter().map(|rule| rule.file).collect();
    let text = |file: &str| {
        let name = file.replace("policy/", "policy/cases/").replace(".rego", ".yaml");
        std::fs::read_to_string(root.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    files.into_iter().map(|file| (file.clone(), text(&file))).collect()
}

#[test]
fn the_cases_of_every_rule_hold() {
    let pack = builtin_pack();
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policy/cases");
    let files = case_files();
    assert_eq!(std::fs::read_dir(directory).expect("policy/cases is there").count(), files.len());
    for (file, text) in files {
        let cases = cases::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        for result in cases::run(&cases::subject(&pack, &file), &cases) {
            assert!(result.holds(), "{file}: {result:#?}");
        }
        assert!(cases.iter().any(|case| case.findings.is_empty()), "{file} has a near miss that passes");
        let expected: BTreeSet<&str> =
            cases.iter().flat_map(|case| &case.findings).filter_map(|finding| finding.split(' ').next()).collect();
        for rule in rules(&[]).iter().filter(|rule| rule.file == file) {
            assert!(expected.contains(rule.code.as_str()), "{file}: {} has a case", rule.code);
        }
    }
}

#[test]
fn a_finding_says_what_where_and_by_which_rule() {
    let found = findings(&desired(&[("orders.v1", 1, "1")]), &[]);
    let finding = found.iter().find(|finding| finding.code == "replication-below-minimum").expect("is refused");
    assert_eq!(
        finding.message,
        "topic `orders.v1` has replication factor 1 in its manifest, and `prod` requires at least 3"
    );
    assert_eq!(finding.location, Some(Location::new("base/t.yaml", 7, 13)));
    assert_eq!(finding.resource.as_deref(), Some("topic/orders.v1"));
    assert_eq!(finding.help.as_deref(), Some("set `replicas: 3`, or add a `PolicyException`"));
    let rule = finding.rule.as_deref().expect("has a rule");
    let line: usize = rule.strip_prefix("policy/replication.rego:").expect("the file").parse().expect("a line");
    let text = include_str!("../../policy/replication.rego");
    assert!(text.lines().nth(line - 1).expect("is there").starts_with("deny contains"), "{rule}");
}

#[test]
fn a_good_environment_has_no_findings() {
    assert_eq!(findings(&desired(&[("orders", 3, "2")]), &[]), []);
}

#[test]
fn live_brokers_are_judged() {
    let state = desired(&[("orders", 3, "2")]);
    let facts = |enabled: &str| BrokerFacts {
        configs: BTreeMap::from([("auto.create.topics.enable".to_owned(), enabled.to_owned())]),
        ..BrokerFacts::default()
    };
    let brokers = BTreeMap::from([(1, facts("false")), (2, facts("true")), (3, BrokerFacts::default())]);
    let cluster = ClusterFacts {
        id: "c".into(),
        brokers,
        metadata_version: None,
        own_principal: None,
        security_protocol: Some(crate::domain::observed::SecurityProtocol::SaslSsl),
        lacking: BTreeMap::new(),
    };
    let observed = ObservedState::nothing(cluster, "not asked");
    let found =
        judge(&PolicyInput { desired: &state, plan: None, observed: Some(&observed), packs: &[], today: TODAY });
    let expected = ["automatic-topic-creation!", "cluster-guards-not-checked", "automatic-topic-creation-not-checked"];
    assert_eq!(codes(&found), expected);
    assert_eq!(found[0].resource.as_deref(), Some("broker-config/2"));
}

#[test]
fn everything_that_goes_wrong_in_a_pack_denies_and_names_the_place() {
    for (text, place, words) in [
        ("package main\n\ndeny contains msg if {\n\tmsg := \n}\n", "policy/own.rego:4", ""),
        (
            "package main\n\ndeny contains \"x\" if re_match(\"a\", input.kind)\n",
            "policy/own.rego:3",
            "not part of Rego version 1",
        ),
        ("package main\n\ndeny(x) := x\n", "policy/own.rego:3", "is a function"),
        ("package main\n\ndeny contains msg if {\n\tmsg := nothing\n}\n", "policy/own.rego:4", ""),
        ("package main\n\ndeny contains msg if {\n\tmsg := no.such(1)\n}\n", "policy/own.rego:4", ""),
        (
            "package main\n\ndeny contains msg if {\n\tto_number(input.kind) > 1\n\tmsg := \"x\"\n}\n",
            "policy/own.rego:4",
            "",
        ),
        (
            "package driftless\n\ndeny contains msg if {\n\tto_number(\"x\") > 1\n\tmsg := \"x\"\n}\n",
            "policy/own.rego:4",
            "",
        ),
        ("package driftless\n\ndeny contains 7\n", "policy/own.rego:3", "neither a string nor an object"),
        ("package driftless\n\ndeny if true\n", "policy/own.rego:3", "neither a string nor an object"),
        ("package main\n\ndeny contains {\"code\": \"x\"}\n", "policy/own.rego:3", "neither a string nor an object"),
        (
            "package main\n\n# http.send in a comment\ndeny contains m if {\n\tm := http.send({})\n}\n",
            "policy/own.rego:5",
            "`http.send`",
        ),
        ("package main\n\ndeny contains \"late\" if time.now_ns() > 0\n", "policy/own.rego:3", "`time.now_ns`"),
        ("package main\n\n# METADATA\n# title: [\ndeny contains \"x\"\n", "policy/own.rego:3", "METADATA"),
        ("not rego at all", "policy/own.rego:1", ""),
    ] {
        let found = findings(&with_document(json!({})), &pack(text));
        let first = found.first().unwrap_or_else(|| panic!("{text} gives no finding"));
        assert_eq!(first.code, "policy-error", "{text}: {found:#?}");
        assert!(first.denies() && first.message.contains(words), "{text}: {}", first.message);
        assert_eq!(first.rule.as_deref(), Some(place), "{text}: {}", first.message);
        assert!(!first.message.contains('\n'));
    }
}

#[test]
fn a_rule_that_takes_too_long_denies() {
    let text = "package driftless\n\ndeny contains \"x\" if {\n\tsome a in numbers.range(1, 2000)\n\tsome b in numbers.range(1, 2000)\n\ta * b < 0\n}\n";
    let state = desired(&[]);
    let packs = pack(text);
    let input = PolicyInput { desired: &state, plan: None, observed: None, packs: &packs, today: TODAY };
    let found = judge_within(&input, Duration::from_millis(300));
    let late = found.iter().find(|finding| finding.rule.as_deref() == Some("policy/own.rego:3")).expect("is refused");
    assert!(late.denies() && late.message.contains("longer than"), "{}", late.message);
}

#[test]
fn a_broken_pack_of_a_user_leaves_the_built_in_rules_judging() {
    let found = findings(
        &desired(&[("orders", 1, "1")]),
        &pack("package driftless.effective\nnumber := 1\nreplication_factor(_) := 9\n("),
    );
    assert!(codes(&found).contains(&"policy-error!".to_owned()));
    assert!(codes(&found).contains(&"replication-below-minimum!".to_owned()));
}

#[test]
fn a_pack_of_a_user_cannot_change_the_built_in_rules() {
    let text = "package driftless.effective\n\nminimum_replication_factor := 0\n";
    assert!(
        codes(&findings(&desired(&[("orders", 1, "1")]), &pack(text)))
            .contains(&"replication-below-minimum!".to_owned())
    );
}

#[test]
fn rules_on_manifests_follow_conftest() {
    let text = r#"package main

# METADATA
# title: Names start with a team
# custom:
#   code: team-prefix
deny_team contains msg if {
	input.kind == "KafkaTopic"
	not contains(input.metadata.name, ".")
	msg := sprintf("`%s` has no team", [input.metadata.name])
}

violation contains {"msg": "an object", "details": {"a": 1}} if input.kind == "KafkaTopic"

warn_file contains msg if msg := sprintf("%s in %s", [data.conftest.file.name, data.conftest.file.dir])
"#;
    let found = findings(&with_document(json!({})), &pack(text));
    let shown: Vec<String> = found
        .iter()
        .map(|finding| {
            let location = finding.location.as_ref().expect("has a place");
            format!(
                "{} {:?} {} {} {}",
                finding.code,
                finding.severity,
                finding.message,
                location,
                finding.rule.as_deref().unwrap_or("")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "team-prefix Deny `orders` has no team base/topics/orders.yaml:3:1 policy/own.rego:7",
            "violation Deny an object base/topics/orders.yaml:3:1 policy/own.rego:13",
            "warn-file Warn orders.yaml in base/topics base/topics/orders.yaml:3:1 policy/own.rego:15",
        ]
    );
    assert_eq!(found[0].resource.as_deref(), Some("topic/orders"));
}

#[test]
fn conftests_exception_exempts_by_name() {
    let text = r#"package main

deny_foo contains "foo"

deny_bar contains "bar"

deny contains "plain"

exception contains rules if {
	input.kind == "KafkaTopic"
	rules := ["foo", ""]
}
"#;
    assert_eq!(codes(&findings(&with_document(json!({})), &pack(text))), ["deny", "deny-bar!", "deny-foo"]);
}

#[test]
fn an_exception_waives_until_its_last_day() {
    let mut state = desired(&[("logs-a", 1, "2"), ("orders", 1, "2")]);
    let rules = ["replication-below-minimum", "min-insync-replicas-not-below-replication-factor"];
    for (expires, expected) in [
        (TODAY, vec!["", ""]),
        (TODAY.tomorrow().expect("is a day"), vec!["", ""]),
        (TODAY.yesterday().expect("is a day"), vec!["!", "!"]),
    ] {
        state.exceptions = vec![exception(&rules, &["topic/logs-*"], expires)];
        let found = findings(&state, &[]);
        let of = |resource: &str| -> Vec<String> {
            let of: Vec<Finding> = found.iter().filter(|f| f.resource.as_deref() == Some(resource)).cloned().collect();
            codes(&of).into_iter().map(|code| code.chars().filter(|c| *c == '!').collect()).collect()
        };
        assert_eq!(of("topic/logs-a"), expected, "{expires}");
        assert_eq!(of("topic/orders"), ["!", "!"], "{expires}");
        assert_eq!(found.iter().any(|finding| finding.code == "exception-expired"), expires < TODAY);
    }
}

#[test]
fn an_exception_that_matches_nothing_is_reported_at_its_place() {
    let mut state = desired(&[("orders", 3, "2")]);
    state.exceptions = vec![exception(&["replication-below-minimum"], &["topic/ordres"], TODAY)];
    let found = findings(&state, &[]);
    assert_eq!(codes(&found), ["exception-matches-nothing"]);
    assert_eq!(found[0].location, Some(Location::new("base/exceptions.yaml", 4, 3)));
}

#[test]
fn an_exception_for_a_code_that_no_rule_gives_is_reported_with_the_one_that_was_meant() {
    let own =
        pack("package main\n\ndeny_owner contains {\"msg\": \"a\", \"code\": \"own-code\"} if input.kind == \"X\"\n");
    for (code, packs, expected) in [
        ("replication-below-minimun", &[][..], Some("did you mean `replication-below-minimum`?")),
        ("deny-owner", &[], Some("correct its `rules`; `driftless policy list` shows the codes")),
        ("deny-owner", &own, None),
        ("own-code", &own, None),
        ("deny-ownr", &own, Some("did you mean `deny-owner`?")),
        ("made-while-it-runs", &own, None),
    ] {
        let mut state = desired(&[("orders", 3, "2")]);
        state.exceptions = vec![exception(&[code], &["topic/*"], TODAY)];
        let found = findings(&state, packs);
        let unknown: Vec<&Finding> = found.iter().filter(|finding| finding.code == "exception-rule-unknown").collect();
        assert_eq!(unknown.first().map(|finding| finding.help.as_deref()), expected.map(Some), "{code}: {found:#?}");
        assert!(expected.is_none() || found.len() == 1, "one mistake, one finding: {found:#?}");
    }
}

#[test]
fn no_exception_waives_what_is_wrong_with_policy_itself() {
    let mut state = desired(&[]);
    state.parameters.insert("minimumReplicationFactor".to_owned(), json!("1"));
    state.exceptions = vec![exception(&["policy-error", "policy-parameter-invalid"], &["*"], TODAY)];
    let found = findings(&state, &pack("package main\n("));
    assert_eq!(codes(&found)[..2], ["policy-error!".to_owned(), "policy-parameter-invalid!".to_owned()]);
}

#[test]
fn a_large_environment_is_judged_once_and_the_same_every_time() {
    let names: Vec<String> = (0..300).map(|index| format!("topic-{index}")).collect();
    let topics: Vec<(&str, i16, &str)> = names.iter().map(|name| (name.as_str(), 1, "2")).collect();
    let state = desired(&topics);
    let found = findings(&state, &[]);
    assert_eq!(found.len(), 600);
    assert_eq!(found, findings(&state, &[]));
}

fn plan() -> Plan {
    serde_json::from_value(json!({
        "apiVersion": "driftless.dev/v1", "kind": "Plan", "id": "sha256:0", "environment": "prod",
        "cluster": {"id": "c", "brokers": 3}, "source": {"revision": null, "base": null},
        "summary": {"create": 0, "update": 0, "delete": 1, "held": 0, "blocked": 0, "unmanaged": 0},
        "preconditions": {"clusterId": "c", "observedFingerprint": ""}, "unmanaged": [], "unknown": [], "findings": [],
        "actions": [{"id": "topic/a/delete", "kind": "topic", "name": "a", "action": "delete", "origin": "change",
            "reason": "removed-from-git", "risk": "irreversible", "status": "planned", "fields": []}],
    }))
    .expect("is a plan")
}

#[test]
fn rules_see_the_plan_and_the_day() {
    let plan = plan();
    let text = "package driftless.own\n\nwarn contains sprintf(\"%s on %s\", [action.id, input.today]) if some action in input.plan.actions\n";
    let (state, packs) = (desired(&[]), pack(text));
    let input = PolicyInput { desired: &state, plan: Some(&plan), observed: None, packs: &packs, today: TODAY };
    let found = judge(&input);
    assert_eq!(
        found.iter().filter(|finding| finding.code == "warn").map(|finding| &finding.message).collect::<Vec<_>>(),
        ["topic/a/delete on 2026-06-01"]
    );
}

#[test]
fn what_a_rule_reads_and_can_never_have_is_reported() {
    let whole = |body: &str| format!("package driftless.own\n\ndeny contains \"x\" if {{\n\t{body}\n}}\n");
    let manifest = |body: &str| format!("package main\n\ndeny contains \"x\" if {{\n\t{body}\n}}\n");
    for (text, expected) in [
        (whole("input.desired.topic"), "did you mean `topics`?"),
        (whole("some topic in input.desired.topics\n\ttopic.replcas < 3"), "did you mean `replicas`?"),
        (whole("topic := input.desired.topics[_]\n\ttopic.config.x.y"), "there are no fields in it"),
        (whole("every acl in input.desired.acls { acl.hosts }"), "did you mean `host`?"),
        (whole("input.cluster.brokers[0].config"), "did you mean `configs`?"),
        (whole("data.teems"), "data comes from"),
        (manifest("input.kind == \"KafkaTopic\"\n\tinput.spec.partition > 3"), "did you mean `partitions`?"),
        (manifest("input.kind == \"KafkaTopic\"\n\tinput.topicName"), "there are"),
        (
            whole(
                "some topic in input.desired.topics\n\ttopic.replicas < 3\n\ttopic.config[\"x\"] == \"1\"\n\ttopic.labels.a",
            ),
            "",
        ),
        (whole("input.plan.actions[_].evidence.bytes > 1\n\tinput.environment.parameters.mine.deep"), ""),
        (
            whole(
                "names := {topic.name | some topic in input.desired.topics}\n\tcount(names) > 1\n\tinput.cluster.topics.a.replicas",
            ),
            "",
        ),
        (manifest("input.spec.partition > 3"), ""),
        (manifest("some i\n\tinput[i].contents.kind == \"KafkaTopic\""), "package driftless"),
        (manifest("some file in input\n\tfile.contents.kind == \"KafkaTopic\""), "package driftless"),
        (manifest("file := input[_]\n\tfile.contents.kind == \"KafkaTopic\""), "package driftless"),
        (manifest("input.contents.kind == \"KafkaTopic\"\n\tsome part in input\n\tpart.content == 1"), ""),
        (manifest("input.kind == \"Deployment\"\n\tinput.spec.template"), ""),
        (
            manifest(
                "input.kind == \"KafkaTopic\"\n\tinput.metadata.labels.owner == data.main.x\n\tinput.spec.config.a",
            ),
            "",
        ),
        (whole("input.today with input.desired.nothing as 1"), ""),
    ] {
        let found = findings(&desired(&[]), &pack(&text));
        let found: Vec<&Finding> =
            found.iter().filter(|finding| finding.code == "policy-reads-unknown-field").collect();
        assert_eq!(found.len(), usize::from(!expected.is_empty()), "{text}: {found:#?}");
        for finding in found {
            assert!(finding.help.as_deref().is_some_and(|help| help.contains(expected)), "{text}: {finding:#?}");
            assert!(
                !finding.denies() && finding.location.as_ref().is_some_and(|place| place.line >= 4),
                "{text}: {finding:#?}"
            );
        }
    }
}

#[test]
fn older_rego_is_read_as_it_was_meant() {
    let text = "package main\n\ndeny[msg] { input.kind == \"KafkaTopic\"; re_match(\"^K\", input.kind); msg := \"old\" }\n\nwarn[{\"msg\": \"new\"}] { any([true]) }\n";
    let found = findings(&with_document(json!({})), &pack(text));
    assert_eq!(found.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>(), ["old", "new"]);
}

#[test]
fn what_is_marked_unwaivable_is_waived_by_nothing() {
    let text = "package main\n\n# METADATA\n# custom: {waivable: false}\ndeny_a contains \"a\"\n\nexception contains [\"a\"]\n";
    let mut state = with_document(json!({}));
    state.exceptions = vec![exception(&["deny-a"], &["*"], TODAY)];
    let found = findings(&state, &pack(text));
    assert_eq!(codes(&found), ["deny-a!", "exception-not-allowed"]);
    assert_eq!(found[1].location, Some(Location::new("base/exceptions.yaml", 4, 3)));
}

#[test]
fn a_waiver_says_how_many_days_are_left() {
    let mut state = desired(&[("logs-a", 1, "1")]);
    state.exceptions = vec![exception(&["replication-below-minimum"], &["*"], date(2026, 6, 11))];
    let found = findings(&state, &[]);
    let waiver = found.iter().find_map(|finding| finding.waived.as_ref()).expect("is waived");
    assert_eq!(waiver.days_left, Some(10));
    assert_eq!(waiver.sentence(), "logs until 2026-06-11 (10 days left): not critical");
}

#[test]
fn the_built_in_rules_read_what_is_documented() {
    assert_eq!(PackEngine::load([&builtin_pack()]).unknown_fields(), []);
}

#[test]
fn places_are_made_for_rules_of_the_repository_and_no_built_in_rule_reads_one() {
    for (file, text) in builtin_pack().files {
        let words = super::words::words(&text).expect("it is Rego");
        let is_place = |word: &super::words::Word| "location" == word.string.as_deref().unwrap_or(&word.text);
        assert!(!words.iter().any(is_place), "{file}");
    }
    let text = "package driftless.own\n\nwarn contains sprintf(\"%v:%v\", [place.file, place.line]) if {\n\tplace := input.desired.topics[_].location\n}\n";
    let found = findings(&desired(&[("orders", 3, "2")]), &pack(text));
    let place = desired(&[("orders", 3, "2")]).topics.values().next().expect("there is one").location.clone();
    assert!(found.iter().any(|finding| finding.message == format!("{}:{}", place.file, place.line)), "{found:#?}");
}

/// `json.match_schema` of the engine says whether a real input has the documented shape.
#[test]
fn the_schema_describes_real_inputs() {
    let text = r#"package driftless.own

warn contains sprintf("%v", [problems]) if {
	[fits, problems] := json.match_schema(input, data.schema)
	not fits
}
"#;
    let schema = include_str!("../../docs/reference/policy-input.schema.json");
    let facts = BrokerFacts { rack: Some("a".into()), ..BrokerFacts::default() };
    let cluster = ClusterFacts {
        id: "c".into(),
        brokers: BTreeMap::from([(1, facts)]),
        metadata_version: Some(25),
        own_principal: None,
        security_protocol: Some(crate::domain::observed::SecurityProtocol::SaslSsl),
        lacking: BTreeMap::new(),
    };
    let (observed, plan) = (ObservedState::nothing(cluster, "not asked"), plan());
    let state = desired(&[("orders", 3, "2")]);
    let problems = |schema: &str, plan: Option<&Plan>, observed: Option<&ObservedState>| -> Vec<Finding> {
        let packs = [Pack {
            name: "policy".into(),
            files: vec![("policy/own.rego".into(), text.into())],
            data: vec![("policy/data.json".into(), format!("{{\"schema\": {schema}}}"))],
            ..Pack::default()
        }];
        let found = judge(&PolicyInput { desired: &state, plan, observed, packs: &packs, today: TODAY });
        found.into_iter().filter(|finding| finding.code == "warn" || finding.code == "policy-error").collect()
    };
    assert_eq!(problems(schema, None, None), []);
    assert_eq!(problems(schema, Some(&plan), Some(&observed)), []);
    let other = schema.replace("\"observedFingerprint\"", "\"x\"").replace("\"today\"", "\"yesterday\"");
    assert_eq!(problems(&other, None, None).len(), 1);
}

#[test]
#[ignore = "measures; run by hand"]
fn speed_of_ten_thousand_topics_and_fifty_thousand_acls() {
    let names: Vec<String> = (0..10_000).map(|index| format!("topic-{index}")).collect();
    let topics: Vec<(&str, i16, &str)> = names.iter().map(|name| (name.as_str(), 3, "2")).collect();
    let mut state = desired(&topics);
    let location = Location::new("base/acls.yaml", 1, 1);
    for index in 0..50_000 {
        let id = format!("acl/User:u{index}/allow/Read/topic/literal/topic-{index}/*");
        let Some(crate::domain::resource::ResourceId::Acl(binding)) = crate::domain::resource::ResourceId::parse(&id)
        else {
            panic!("{id}")
        };
        let declared = Declared {
            value: (),
            location: location.clone(),
            fields: BTreeMap::new(),
            management: Management::Managed,
            labels: Arc::default(),
        };
        state.acls.insert(binding, declared);
    }
    #[expect(clippy::disallowed_methods, reason = "this measures")]
    let start = std::time::Instant::now();
    assert_eq!(findings(&state, &[]), []);
    eprintln!("judged in {:?}", start.elapsed());
}
