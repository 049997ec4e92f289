//! What deploy/ gives to servers: each part is read by the program that it is made for, and its settings by the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::agent_support::AgentDesk;
use crate::deploy_support::{deploy_tools, program, root, says, text};
use crate::support::ports::free_port;

const UNIT: &str = "deploy/systemd/driftless@.service";
const ALERTS: &str = "deploy/helm/driftless/alerts.yaml";

/// The least that must be said.
const LEAST: &str = "settings:
  environment: prod
  source: {url: ssh://git@git.example.org/kafka.git}
  cluster: {propertiesFile: /run/driftless/secrets/kafka/client.properties}
secrets: [{name: kafka, secretName: driftless-kafka}]
";

/// Everything that can be switched on.
const ALL: &str = "replicas: 2
image: {digest: \"sha256:0123456789012345678901234567890123456789012345678901234567890123\"}
imagePullSecrets: [{name: registry}]
settings:
  environment: prod
  source: {url: ssh://git@git.example.org/kafka.git}
  cluster: {propertiesFile: /run/driftless/secrets/kafka/client.properties}
  lease: {group: driftless-prod}
secrets: [{name: kafka, secretName: driftless-kafka}, {name: git, secretName: driftless-git}]
passwords: [{name: billing, secretName: billing-credentials}, {name: my.team.etl, secretName: etl}]
persistence: {enabled: true, storageClassName: fast}
serviceAccount: {annotations: {a: b}}
podAnnotations: {a: b}
podLabels: {team: kafka}
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: kafka, operator: Exists}]
affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname}}]}}
priorityClassName: platform
env: [{name: TOKEN, value: x}]
networkPolicy: {from: [{namespaceSelector: {matchLabels: {name: monitoring}}}], egress: [{ports: [{port: 9093, protocol: TCP}]}]}
serviceMonitor: {enabled: true, labels: {release: prometheus}}
prometheusRule: {enabled: true, labels: {release: prometheus}}
";

/// Finds the only manifest of a kind.
#[track_caller]
fn only<'a>(manifests: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<&Value> = manifests.iter().filter(|manifest| manifest["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found[0]
}

fn pod(manifests: &[Value]) -> &Value {
    &only(manifests, "StatefulSet")["spec"]["template"]["spec"]
}

/// The agent's settings in the chart.
fn settings(manifests: &[Value]) -> String {
    only(manifests, "ConfigMap")["data"]["agent.yaml"].as_str().expect("text").to_owned()
}

#[test]
fn the_chart_is_what_kubernetes_knows_whatever_is_switched_on() {
    let Some(tools) = deploy_tools() else { return };
    let always = ["ConfigMap", "NetworkPolicy", "Service", "ServiceAccount", "StatefulSet"];
    let more = ["PodDisruptionBudget", "PrometheusRule", "ServiceMonitor"];
    for (values, kinds) in [(LEAST, always.to_vec()), (ALL, [always.as_slice(), &more].concat())] {
        let manifests = tools.manifests(values);
        let found: BTreeSet<&str> = manifests.iter().filter_map(|manifest| manifest["kind"].as_str()).collect();
        assert_eq!(found, kinds.iter().copied().collect::<BTreeSet<_>>());
        for manifest in &manifests {
            assert_eq!(manifest["metadata"]["name"], "kafka-driftless");
            assert_eq!(manifest["metadata"]["namespace"], "streaming");
        }
        let (clean, said) = tools.lint(values);
        assert!(clean, "{said}");
    }
    // The types are strict: what they do not know would be dropped by a server without a word.
    let rendered = tools.render(LEAST).expect("renders");
    let wrong = rendered.replace("readOnlyRootFilesystem", "readonlyRootFilesytem");
    assert!(tools.kubernetes(&wrong).is_err_and(|error| error.contains("readonlyRootFilesytem")));
}

#[test]
fn pods_of_the_chart_may_do_nothing_but_their_work() {
    let Some(tools) = deploy_tools() else { return };
    for values in [LEAST, ALL] {
        let manifests = tools.manifests(values);
        let pod = pod(&manifests);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["runAsUser"], 10001, "the user of the Dockerfile");
        assert!(text("Dockerfile").contains("USER 10001:10001"));
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert!(pod["terminationGracePeriodSeconds"].as_u64().is_some_and(|seconds| seconds > 30));
        let container = &pod["containers"][0];
        let expected = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "privileged": false,
            "capabilities": {"drop": ["ALL"]}});
        assert_eq!(container["securityContext"], expected);
        assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
        assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
        assert_eq!(container["ports"][0]["containerPort"], 8080);
        let written = |mount: &&Value| mount["readOnly"] != true;
        let mounts = container["volumeMounts"].as_array().expect("a list");
        let writable: Vec<&str> = mounts.iter().filter(written).filter_map(|mount| mount["name"].as_str()).collect();
        assert_eq!(writable, ["state", "tmp"]);
    }
    // What comes from Secrets is mounted as files, never as variables, which every child process and crash dump shows.
    let rendered = tools.render(ALL).expect("renders");
    assert!(!rendered.contains("secretKeyRef"));
    // One pod of one name at a time, and no budget that would block the drain of a node.
    assert!(!tools.render(LEAST).expect("renders").contains("PodDisruptionBudget"));
}

#[test]
fn the_chart_refuses_values_that_would_not_work() {
    let Some(tools) = deploy_tools() else { return };
    let cases = [
        ("", "settings.environment is needed"),
        ("settings: {environment: prod, cluster: {sandbox: x}}", "settings.source is needed"),
        ("settings: {environment: prod, source: {url: x}}", "settings.cluster is needed"),
        ("settings: {environment: prod, source: {branch: main}, cluster: {}}", "url"),
        ("settings: {stateDirectory: /elsewhere}", "stateDirectory"),
        ("replicas: 2", "replicas > 1 needs settings.lease.group"),
        (
            "replicas: 2\nsettings: {environment: prod, source: {url: x}, cluster: {sandbox: x}, lease: {file: /shared/lease}}",
            "pods share no file",
        ),
        ("terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds"),
        ("replcas: 1", "replcas"),
        ("image: {digest: latest}", "digest"),
        ("secrets: [{name: a}]", "secretName"),
        ("secrets: [{name: ../a, secretName: a}]", "name"),
        ("settings: {http: {listen: \"[::]:8080\"}}", "listen"),
        ("http: {enabled: false}\nserviceMonitor: {enabled: true}", "needs http.enabled"),
        ("http: {port: 80}", "port"),
    ];
    for (values, reason) in cases {
        let complete = "settings: {environment: prod, source: {url: x}, cluster: {sandbox: x}}";
        let values = if values.contains("settings") || values.is_empty() {
            values.to_owned()
        } else {
            format!("{values}\n{complete}")
        };
        let said = tools.render(&values).expect_err(&values);
        assert!(said.contains(reason), "{values}: {said}");
    }
}

/// Puts what the chart mounts onto a desk, and returns the command of its pod there. Port 8080 of the pod is `port` here.
fn pod_on(world: &AgentDesk, manifests: &[Value], port: u16) -> Command {
    let desk = world.desk.path().display().to_string();
    let here = |text: &str| {
        let text = text.replace("/var/lib/driftless", &format!("{desk}/state"));
        text.replace("/run/driftless", &format!("{desk}/run")).replace("0.0.0.0:8080", &format!("127.0.0.1:{port}"))
    };
    std::fs::create_dir_all(world.desk.path().join("run/http")).expect("is made");
    write_into(world.desk.path(), "run/http/token", TOKEN);
    write_into(world.desk.path(), "agent.yaml", &here(&settings(manifests)));
    let mut command = world.desk.command();
    let arguments = pod(manifests)["containers"][0]["args"].as_array().expect("a list");
    command.args(arguments.iter().map(|argument| {
        argument.as_str().expect("text").replace("/etc/driftless/agent.yaml", &format!("{desk}/agent.yaml"))
    }));
    command
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Values for an agent of the directory cluster of this desk.
fn values_of(world: &AgentDesk) -> String {
    let desk = world.desk.path().display();
    format!(
        "settings:
  environment: prod
  source: {{url: {desk}/remote.git}}
  cluster: {{sandbox: {desk}/cluster}}
  apply: {{correctDrift: true, prune: true, maxDeletions: 3}}
  report: {{author: {{name: driftless, email: driftless@example.org}}}}
passwords: [{{name: billing, secretName: billing-credentials}}]
"
    )
}

#[test]
fn the_settings_of_the_chart_are_those_that_the_agent_runs_with() {
    let Some(tools) = deploy_tools() else { return };
    let world = AgentDesk::new("");
    let manifests = tools.manifests(&values_of(&world));
    let (done, said) = says(pod_on(&world, &manifests, 8080).arg("--once"));
    assert!(done, "{said}");
    assert_eq!(world.status(), ("Synced".into(), "Synced".into(), "False".into()));
}

/// Asks the agent, and returns the status code; 0 when nobody answers.
fn asked(port: u16, path: &str, token: Option<&str>) -> u16 {
    let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)) else { return 0 };
    let login = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{login}Connection: close\r\n\r\n");
    let mut answer = String::new();
    let done = connection.write_all(request.as_bytes()).and_then(|()| connection.read_to_string(&mut answer));
    done.ok().and_then(|_| answer.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

#[test]
fn probes_and_monitor_of_the_chart_get_their_answers_and_nobody_else_does() {
    let Some(tools) = deploy_tools() else { return };
    let world = AgentDesk::new("");
    let values = format!("{}serviceMonitor: {{enabled: true}}\n", values_of(&world));
    let manifests = tools.manifests(&values);
    let monitor = &only(&manifests, "ServiceMonitor")["spec"]["endpoints"][0];
    assert_eq!(monitor["authorization"]["credentials"], json!({"name": "driftless-http", "key": "token"}));
    let probe =
        |name: &str| pod(&manifests)["containers"][0][name]["httpGet"]["path"].as_str().expect("a path").to_owned();
    let port = free_port();
    let mut agent = pod_on(&world, &manifests, port).stderr(Stdio::null()).spawn().expect("starts");
    let ready = (0..150).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        asked(port, &probe("readinessProbe"), None) == 200
    });
    let answers = [
        asked(port, &probe("livenessProbe"), None),
        asked(port, monitor["path"].as_str().expect("a path"), None),
        asked(port, monitor["path"].as_str().expect("a path"), Some(TOKEN)),
        asked(port, "/api/v1/plan", Some("0123456789abcdef0123456789abcdeX")),
    ];
    agent.kill().expect("is there");
    agent.wait().expect("ends");
    assert!(ready);
    assert_eq!(answers, [200, 401, 200, 401]);
}

#[test]
fn the_unit_starts_the_agent_as_the_agent_is_started() {
    let unit = text(UNIT);
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[0], "/usr/local/bin/driftless");
    let world = AgentDesk::new("");
    std::fs::rename(world.desk.path().join("agent.yaml"), world.desk.path().join("prod.yaml")).expect("renamed");
    let settings = world.desk.path().join("prod.yaml").display().to_string();
    let mut command = world.desk.command();
    command.args(words[1..].iter().map(|word| word.replace("/etc/driftless/%i.yaml", &settings))).arg("--once");
    let (done, said) = says(&mut command);
    assert!(done, "{said}");
    assert_eq!(world.status().0, "Synced");
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_it_is_hardened() {
    let Some(mut analyze) = program("systemd-analyze") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("driftless@prod.service");
    let unit = text(UNIT).replace("/usr/local/bin/driftless", env!("CARGO_BIN_EXE_driftless"));
    let verify = |unit: &str| {
        std::fs::write(&file, unit).expect("is written");
        says(Command::new("systemd-analyze").arg("verify").arg(&file))
    };
    assert_eq!(verify(&unit), (true, String::new()));
    let (_, said) = verify(&unit.replace("ProtectHome", "ProtectHoome"));
    assert!(said.contains("ProtectHoome"), "a mistake is seen: {said}");
    std::fs::write(&file, &unit).expect("is written");
    // 1.2 of 10 when this was written: what is left is the network, which is the agent's work.
    let (safe, said) = says(analyze.args(["security", "--offline=yes", "--threshold=15", "--no-pager"]).arg(&file));
    assert!(safe, "{said}");
}

#[test]
fn the_compose_file_is_one_that_compose_takes() {
    let Some(tools) = deploy_tools() else { return };
    let file = root("deploy/compose/compose.yaml");
    assert_eq!(tools.compose(&file), (true, "service/agent\n".to_owned()));
    let directory = tempfile::tempdir().expect("a directory");
    let wrong = directory.path().join("compose.yaml");
    std::fs::write(
        &wrong,
        text("deploy/compose/compose.yaml").replace("read_only: true\n    cap", "readonly: true\n    cap"),
    )
    .expect("is written");
    assert!(!tools.compose(&wrong).0);
}

#[test]
fn the_alerts_fire_when_they_should_and_not_otherwise() {
    let Some(mut promtool) = program("promtool") else { return };
    let (valid, said) = says(Command::new("promtool").args(["check", "rules"]).arg(root(ALERTS)));
    assert!(valid, "{said}");
    let (right, said) = says(promtool.args(["test", "rules"]).arg(root("deploy/prometheus/alerts_test.yaml")));
    assert!(right, "{said}");
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let cases: Value = serde_saphyr::from_str(&text("deploy/prometheus/alerts_test.yaml")).expect("YAML");
    let mut seen: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for test in cases["tests"].as_array().expect("a list") {
        for case in test["alert_rule_test"].as_array().expect("a list") {
            let fires = case["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty());
            seen.entry(case["alertname"].as_str().expect("a name").to_owned()).or_default().insert(fires);
        }
    }
    let expected: BTreeMap<String, BTreeSet<bool>> = rules()
        .into_iter()
        .map(|rule| (rule["alert"].as_str().expect("a name").to_owned(), [false, true].into()))
        .collect();
    assert_eq!(seen, expected);
}

fn rules() -> Vec<Value> {
    let alerts: Value = serde_saphyr::from_str(&text(ALERTS)).expect("YAML");
    let groups = alerts["groups"].as_array().expect("a list");
    groups.iter().flat_map(|group| group["rules"].as_array().expect("a list").clone()).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&text("deploy/grafana/driftless.json")).expect("JSON")
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().expect("a list")
}

/// Every expression of the dashboard, with values for Grafana's variables.
fn dashboard_expressions() -> Vec<String> {
    let dashboard = dashboard();
    let targets = panels(&dashboard).iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions = targets.map(|target| target["expr"].as_str().expect("text"));
    expressions.map(|text| text.replace("$environment", "prod").replace("$__rate_interval", "5m")).collect()
}

#[test]
fn the_dashboard_has_the_shape_that_grafana_imports() {
    let schema: Value = serde_json::from_str(&text("tests/cases/grafana-dashboard.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let dashboard = dashboard();
    let problems: Vec<String> =
        validator.iter_errors(&dashboard).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(problems, Vec::<String>::new());
    let ids: BTreeSet<u64> = panels(&dashboard).iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels(&dashboard).len(), "every id is used once");
    // No panel lies on another one: every cell of the grid belongs to at most one.
    let mut cells = BTreeSet::new();
    for panel in panels(&dashboard) {
        let part = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        for cell in
            (part("x")..part("x") + part("w")).flat_map(|x| (part("y")..part("y") + part("h")).map(move |y| (x, y)))
        {
            assert!(cell.0 < 24 && cells.insert(cell), "`{}` lies on another panel", panel["title"]);
        }
    }
}

#[test]
fn the_expressions_of_the_dashboard_are_promql() {
    let Some(mut promtool) = program("promtool") else { return };
    let rules: Vec<Value> = dashboard_expressions()
        .iter()
        .enumerate()
        .map(|(i, expr)| json!({"record": format!("r{i}"), "expr": expr}))
        .collect();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("rules.json");
    std::fs::write(&file, json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string()).expect("is written");
    let (valid, said) = says(promtool.args(["check", "rules"]).arg(&file));
    assert!(valid, "{said}");
}

#[test]
fn dashboard_and_alerts_ask_for_metrics_that_are_documented() {
    let documented = text("docs/reference/agent.md");
    let alerts = rules().into_iter().map(|rule| rule["expr"].as_str().expect("text").to_owned());
    let mut n_names = 0;
    for expression in alerts.chain(dashboard_expressions()) {
        for name in metrics_in(&expression) {
            let base = name.strip_suffix("_bucket").unwrap_or(&name);
            assert!(documented.contains(&format!("`{base}")), "`{base}` is not in docs/reference/agent.md");
            n_names += 1;
        }
    }
    assert!(n_names > 20, "{n_names}");
}

/// The names of our metrics in an expression.
fn metrics_in(expression: &str) -> Vec<String> {
    let word = |character: char| !(character.is_ascii_alphanumeric() || character == '_');
    expression.split(word).filter(|name| name.starts_with("driftless_")).map(str::to_owned).collect()
}

#[test]
fn the_rule_of_the_chart_is_one_that_driftless_loads() {
    let Some(tools) = deploy_tools() else { return };
    let manifests = tools.manifests(ALL);
    let rule = only(&manifests, "PrometheusRule");
    let plain: Value = serde_saphyr::from_str(&text(ALERTS)).expect("YAML");
    assert_eq!(rule["spec"], plain, "the chart changes nothing about the rules");
    let world = AgentDesk::new("");
    write_into(&world.clone(), "base/alerts.yaml", &rule.to_string());
    let (valid, said) = says(world.desk.command().args(["validate", "clone", "-e", "prod"]));
    assert!(valid && said.contains("1 rule group"), "{said}");
}

fn write_into(directory: &Path, file: &str, content: &str) {
    std::fs::write(directory.join(file), content).expect("is written");
}
