//! What settings files mean, and what is said about wrong ones.

use std::io;
use std::path::PathBuf;

use super::*;
use crate::config::settings::{AlertmanagerSettings, ForgeLogin, ForgeType, WebhookFormat, WebhookSettings};

const SMALLEST: &str = "apiVersion: driftless.dev/v1
kind: Agent
environment: prod
source: {url: ../repository}
cluster: {sandbox: cluster}
";

fn read(text: &str) -> Result<AgentSettings, Vec<Diagnostic>> {
    let environment = |name: &str| (name == "PASSWORD").then(|| "hunter2".to_owned());
    let read_file = |_: &Path| -> io::Result<Vec<u8>> { Err(io::Error::from(io::ErrorKind::NotFound)) };
    let surroundings = Surroundings { environment: &environment, read_file: &read_file };
    parse(text, "agent.yaml", Path::new("/etc/driftless"), surroundings)
}

fn valid(text: &str) -> AgentSettings {
    read(text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Says `line:column code message (help)` for each problem.
fn problems(text: &str) -> String {
    let Err(problems) = read(text) else { panic!("no problem was found") };
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| {
            let place = problem.location.as_ref().map_or(String::new(), |at| format!("{}:{} ", at.line, at.column));
            let help = problem.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
            format!("{place}{} {}{help}", problem.code, problem.message)
        })
        .collect();
    lines.join("\n")
}

#[test]
fn the_smallest_file_has_careful_defaults() {
    let settings = valid(SMALLEST);
    assert_eq!(settings.environment, "prod");
    assert_eq!(settings.source.url.expose(), "/etc/driftless/../repository");
    assert_eq!((settings.source.branch.as_str(), settings.source.path.as_str()), ("main", "."));
    assert_eq!(settings.source.interval, Duration::from_secs(60));
    assert!(settings.source.verify.mode == VerifyMode::None);
    assert!(
        matches!(&settings.cluster.access, ClusterAccess::Sandbox(path) if path == Path::new("/etc/driftless/cluster"))
    );
    let apply = &settings.apply;
    assert_eq!(
        (apply.mode, apply.correct_drift, apply.prune, apply.max_deletions),
        (ApplyMode::Apply, false, false, 0)
    );
    assert_eq!(apply.timeout, Duration::from_secs(600));
    assert_eq!((settings.drift.time_zone, settings.drift.confirmations), (chrono_tz::Tz::UTC, 2));
    assert_eq!(settings.report.branch, "driftless/prod");
    assert!(settings.rules.is_none() && settings.forge.is_none() && settings.http.is_none());
}

#[test]
fn every_setting_is_read() {
    let settings = valid(
        "apiVersion: driftless.dev/v1
kind: Agent
environment: prod
source:
  url: ssh://git@git.example.org/kafka.git
  branch: release
  path: ./clusters/
  interval: 5m
  auth: {sshKeyFile: id, sshKeyPassphraseFile: pass, knownHostsFile: /known, username: bot, passwordFile: token, caFile: ca.pem}
  verify: {mode: every-commit, keys: [trusted/, /one.pub]}
  acceptRevision: 0123456789ABCDEF0123456789abcdef01234567
cluster:
  properties: {bootstrap.servers: \"a:9092,b:9092\", sasl.jaas.config: \"x password='${env:PASSWORD}';\", retries: 010}
  clusterId: abc
apply: {mode: observe, correctDrift: true, prune: true, maxDeletions: 5, timeout: 90s}
drift: {schedule: 0 0 * * * *, timeZone: Europe/Berlin, confirmations: 3}
secrets: {directory: secrets, ageIdentityFile: identity.txt}
rules: {directory: rules, reloadUrl: \"http://localhost:9090/\"}
report: {url: git@git.example.org:reports.git, branch: \"reports/{environment}\", author: {name: D, email: d@example.org}, signingKeyFile: k, auth: {sshKeyFile: id-report}}
forge: {type: gitea, apiUrl: https://git.example.org/api/v1, repository: org/kafka, tokenFile: t, interval: 45s}
events:
  topic: driftless.events
  webhook: {url: \"https://hooks.example.org/x\", secretFile: hook}
  alertmanager: {url: \"http://alerts:9093/\", after: 5m}
lease: {group: driftless-prod}
http: {listen: \"127.0.0.1:8080\", webhookSecretFile: w}
stateDirectory: state
",
    );
    let path = |name: &str| Some(PathBuf::from(format!("/etc/driftless/{name}")));
    assert_eq!(settings.source.path, "clusters");
    assert_eq!(settings.source.auth.ssh_key_file, path("id"));
    assert_eq!(settings.source.auth.known_hosts_file, Some(PathBuf::from("/known")));
    assert_eq!(settings.source.verify.keys, [PathBuf::from("/etc/driftless/trusted/"), PathBuf::from("/one.pub")]);
    assert_eq!(settings.source.accept_revision.as_deref(), Some("0123456789abcdef0123456789abcdef01234567"));
    let ClusterAccess::Properties(properties) = &settings.cluster.access else { panic!("properties are given") };
    assert_eq!(properties["sasl.jaas.config"].expose(), b"x password='hunter2';");
    assert_eq!(properties["retries"].expose(), b"010");
    assert_eq!(settings.cluster.cluster_id.as_deref(), Some("abc"));
    assert_eq!((settings.apply.mode, settings.apply.max_deletions), (ApplyMode::Observe, 5));
    assert!(settings.apply.correct_drift && settings.apply.prune);
    let drift = &settings.drift;
    let expected = ("0 0 * * * *", chrono_tz::Tz::Europe__Berlin, 3);
    assert_eq!((drift.schedule.as_str(), drift.time_zone, drift.confirmations), expected);
    assert_eq!(settings.secrets.age_identity_file, path("identity.txt"));
    assert!(
        matches!(&settings.rules, Some(RuleSettings::Directory { reload_url: Some(url), .. }) if url == "http://localhost:9090")
    );
    assert_eq!(settings.report.branch, "reports/prod");
    assert_eq!(settings.report.author_email.as_deref(), Some("d@example.org"));
    assert_eq!(settings.report.auth.as_ref().and_then(|auth| auth.ssh_key_file.clone()), path("id-report"));
    // What is watched: secrets, and not what the agent itself writes.
    let named = ["id", "pass", "token", "ca.pem", "trusted/", "secrets", "identity.txt", "k", "id-report", "t", "w"];
    let watched: BTreeSet<PathBuf> = named.into_iter().filter_map(path).chain([PathBuf::from("/known")]).collect();
    assert!(settings.files.is_superset(&watched), "{:?}", settings.files);
    assert!(["rules", "state"].into_iter().filter_map(path).all(|own| !settings.files.contains(&own)));
    assert!(settings.report.url.is_some_and(|url| url.expose() == "git@git.example.org:reports.git"));
    assert!(settings.forge.is_some_and(|forge| forge.forge_type == ForgeType::Gitea
        && Some(forge.login) == path("t").map(ForgeLogin::TokenFile)
        && !forge.forks
        && forge.label == "driftless/plan"));
    assert_eq!(settings.events.topic.as_ref().map(ToString::to_string).as_deref(), Some("driftless.events"));
    assert!(
        matches!(&settings.events.webhook, Some(WebhookSettings { url, format: WebhookFormat::Generic, secret_file }) if url.expose() == b"https://hooks.example.org/x" && *secret_file == path("hook"))
    );
    assert!(
        matches!(&settings.events.alertmanager, Some(AlertmanagerSettings { url, after }) if url == "http://alerts:9093" && *after == Duration::from_secs(300))
    );
    assert!(
        matches!(&settings.lease, Some(LeaseSettings::Group { group, topic }) if group == "driftless-prod" && topic.as_str() == "__consumer_offsets")
    );
    assert!(settings.http.is_some_and(|http| http.listen.port() == 8080));
    assert_eq!(settings.state_directory, path("state"));
}

#[test]
fn a_lease_is_by_group_or_by_file_and_fits_the_cluster() {
    let with = |lease: &str| format!("{SMALLEST}lease: {lease}\n");
    assert!(
        matches!(valid(&with("{file: lock}")).lease, Some(LeaseSettings::File(path)) if path == Path::new("/etc/driftless/lock"))
    );
    for (lease, problem) in [
        ("{}", "missing-setting the setting `lease.group` is missing"),
        ("{group: a, file: b}", "conflicting-settings `lease.group` and `lease.file` exclude each other"),
        ("{group: a}", "conflicting-settings `lease.group` needs a Kafka cluster"),
        ("{group: ' '}", "invalid-setting `lease.group` is"),
        ("{group: a, topic: 'a b'}", "invalid-setting `lease.topic` is `a b`"),
    ] {
        let found = problems(&with(lease));
        assert!(found.contains(problem), "{lease}: {found}");
    }
}

#[test]
fn events_need_somebody_who_takes_them() {
    for (events, problem) in [
        ("{}", "missing-setting the setting `events.topic` is missing"),
        ("{topic: a}", "conflicting-settings `events.topic` needs a Kafka cluster"),
        ("{webhook: {format: slack}}", "missing-setting the setting `events.webhook.url` is missing"),
        ("{webhook: {url: 'http://x/', format: teams}}", "`events.webhook.format` is `teams`"),
        ("{webhook: {url: 'http://x/', format: slack, secretFile: s}}", "conflicting-settings"),
        ("{alertmanager: {after: 1m}}", "missing-setting the setting `events.alertmanager.url` is missing"),
        ("{alertmanager: {url: 'http://x/', after: 10ms}}", "`events.alertmanager.after` is `10ms`"),
    ] {
        let found = problems(&format!("{SMALLEST}events: {events}\n"));
        assert!(found.contains(problem), "{events}: {found}");
    }
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    insta::assert_snapshot!(problems(
        "apiVersion: driftless.dev/v2
kind: Agent
enviroment: prod
source: {branch: 'a b', interval: 5, verify: {mode: head}}
cluster: {propertiesFile: a, sandbox: b}
apply: {mode: applied, prune: yes, maxDeletion: 3, maxDeletions: -1}
drift: {schedule: '* * * * *'}
rules: {}
forge: {type: bitbucket}
http: [1]
zzz: 1
"
    ));
}

#[test]
fn a_reference_that_leads_nowhere_is_named_without_any_value() {
    let text = problems(&SMALLEST.replace(
        "cluster: {sandbox: cluster}",
        "cluster: {properties: {bootstrap.servers: '${env:NOPE}', ssl.key.password: '${file:key}'}}",
    ));
    insta::assert_snapshot!(text);
}

#[test]
fn a_value_that_a_reference_led_to_is_never_shown() {
    let text = problems(&format!("{SMALLEST}apply: {{mode: '${{env:PASSWORD}}'}}\n"));
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("`apply.mode` is `${env:PASSWORD}`"), "{text}");
}

#[test]
fn files_that_are_no_settings_are_refused() {
    for (text, part) in [
        ("", "must be a mapping, and not nothing"),
        ("- a\n", "must be a mapping, and not a list"),
        ("a: 1\na: 2\n", "invalid-settings-yaml a key stands twice"),
        ("a: [1\n", "invalid-settings-yaml"),
        ("apiVersion: driftless.dev/v1\n---\nkind: Agent\n", "invalid-settings-yaml there is more than one document"),
    ] {
        let problems = problems(text);
        assert!(problems.contains(part), "{text:?}: {problems}");
    }
}

#[test]
fn a_forge_is_logged_into_by_a_token_or_as_a_github_app() {
    let forge = |text: &str| {
        valid(&format!("{SMALLEST}forge: {{type: github, repository: o/r, {text}}}\n")).forge.expect("a forge")
    };
    let app = forge("app: {id: 12, installationId: 34, privateKeyFile: key.pem}, forks: true, label: ok");
    let key = PathBuf::from("/etc/driftless/key.pem");
    let expected = ForgeLogin::App { id: "12".to_owned(), installation_id: Some(34), private_key_file: key };
    assert_eq!((app.login, app.forks, app.label.as_str()), (expected, true, "ok"));
    assert_eq!(forge("tokenFile: t").login, ForgeLogin::TokenFile(PathBuf::from("/etc/driftless/t")));
    for (forge, words) in [
        ("{type: github, repository: o/r}", "`forge.tokenFile` is missing"),
        ("{type: github, repository: o/r, tokenFile: t, app: {id: 1, privateKeyFile: k}}", "exclude each other"),
        ("{type: gitlab, repository: o/r, app: {id: 1, privateKeyFile: k}}", "only GitHub has apps"),
        ("{type: github, repository: o/r, app: {id: 1}}", "`forge.app.privateKeyFile` is missing"),
        ("{type: github, repository: o/r, tokenFile: t, forks: perhaps}", "`forge.forks` is `perhaps`"),
    ] {
        let text = problems(&format!("{SMALLEST}forge: {forge}\n"));
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn the_report_cannot_go_to_the_branch_of_the_manifests() {
    let text = problems(&format!("{SMALLEST}report: {{branch: main}}\n"));
    assert!(text.contains("conflicting-settings `report.branch` is `main`"), "{text}");
}
