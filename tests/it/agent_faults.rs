//! What goes wrong with the source, the trust and the reports of a running agent: the right condition and reason, nothing applied
//! that should not be, and back to Synced by itself when the cause is gone.
#![expect(clippy::disallowed_methods, reason = "how long a real process takes is what some of these tests are about")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent_loop::{get, is_synced};
use crate::agent_support::{AgentDesk, RunningAgent, eventually, topic};
use crate::git_support::{Server, git, write};
use crate::support::ports::free_port;

/// Sync, reason of Ready, and whether it stalls, as the agent itself says over HTTP.
fn served(port: u16) -> Option<(String, String, String)> {
    let (line, body) = get(port, "/api/v1/status")?;
    if !line.contains("200") {
        return None;
    }
    let status: Value = serde_json::from_str(&body).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    Some((text(&status["sync"]), text(&status["conditions"][0]["reason"]), text(&status["conditions"][2]["status"])))
}

pub(crate) fn is(port: u16, sync: &str, reason: &str, stalls: &str) -> bool {
    served(port) == Some((sync.to_owned(), reason.to_owned(), stalls.to_owned()))
}

/// Makes an SSH key pair below the desk, and lets the clone sign with it.
fn sign_with(world: &AgentDesk, name: &str) -> PathBuf {
    let key = world.desk.path().join(name);
    if !key.exists() {
        let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&key).status();
        assert!(made.expect("ssh-keygen runs").success());
    }
    for (setting, value) in
        [("gpg.format", "ssh"), ("user.signingkey", key.to_str().expect("UTF-8")), ("commit.gpgsign", "true")]
    {
        git(&world.clone(), &["config", setting, value]);
    }
    key
}

#[test]
fn whatever_happens_to_the_source_stops_only_itself() {
    let port = free_port();
    let world = AgentDesk::new("");
    let key = sign_with(&world, "alice");
    let trusted = world.desk.path().join("trusted");
    std::fs::create_dir(&trusted).expect("made");
    let public = std::fs::read(key.with_extension("pub")).expect("a key");
    let trust = || std::fs::write(trusted.join("alice.pub"), &public).expect("written");
    trust();
    let first = git(&world.clone(), &["rev-parse", "HEAD"]);
    let http = format!("http: {{listen: '127.0.0.1:{port}'}}");
    let verify = format!(", verify: {{mode: every-commit, keys: [trusted]}}, acceptRevision: {first}");
    world.configure_source(&verify, &http);
    let agent = RunningAgent::start(&world);
    eventually(&world, "the first apply", || is_synced(&world));
    let good = || git(&world.clone(), &["rev-parse", "HEAD"]);
    let push = |force_to: &str| {
        git(&world.clone(), &["push", "-q", "--force", "origin", &format!("{force_to}:refs/heads/main")])
    };
    let base = world.push("base", &[("base/more.yaml", &topic("more", 1))]);
    eventually(&world, "a signed commit", || world.has_applied(&base));
    let before = world.cluster_bytes();

    // Each cause, and what it shows; the cause goes with a force-push back to the good head.
    let clone = world.clone();
    let causes: [(&str, &str, &str, &dyn Fn()); 6] = [
        ("an unsigned commit on top", "SourceUntrusted", "True", &|| {
            git(&clone, &["config", "commit.gpgsign", "false"]);
            world.push("evil", &[("base/evil.yaml", &topic("evil", 1))]);
        }),
        ("a commit of an unknown key on top", "SourceUntrusted", "True", &|| {
            sign_with(&world, "mallory");
            world.push("evil", &[("base/evil.yaml", &topic("evil", 1))]);
        }),
        ("a forced push", "SourceUntrusted", "True", &|| {
            git(&clone, &["reset", "-q", "--hard", &first]);
            world.push("evil", &[("base/evil.yaml", &topic("evil", 1))]);
        }),
        ("an emptied repository", "SourceUntrusted", "True", &|| {
            git(&clone, &["config", "commit.gpgsign", "false"]);
            std::fs::remove_dir_all(clone.join("base")).expect("removed");
            std::fs::remove_file(clone.join("driftless.yaml")).expect("removed");
            world.push("emptied", &[]);
        }),
        ("a removed branch", "SourceFailed", "False", &|| {
            git(&world.remote(), &["config", "receive.denyDeleteCurrent", "ignore"]);
            git(&clone, &["push", "-q", "origin", ":main"]);
        }),
        ("a revoked key", "SettingsInvalid", "True", &|| {
            std::fs::remove_file(trusted.join("alice.pub")).expect("removed");
        }),
    ];
    for (what, reason, stalls, cause) in causes {
        cause();
        eventually(&world, what, || is(port, "Unknown", reason, stalls));
        assert_eq!(world.cluster_bytes(), before, "{what}");
        trust();
        git(&clone, &["reset", "-q", "--hard", &base]);
        sign_with(&world, "alice");
        push(&base);
        eventually(&world, &format!("back after {what}"), || is(port, "Synced", "Synced", "False"));
    }
    // Signed by somebody who is trusted, and wrong all the same.
    let wrong: [(&str, &str, &dyn Fn() -> String); 2] = [
        ("an emptied repository", "ManifestsInvalid", &|| {
            std::fs::remove_dir_all(clone.join("base")).expect("removed");
            world.push("emptied", &[])
        }),
        ("bad YAML in one file", "ManifestsInvalid", &|| {
            world.push("bad", &[("base/bad.yaml", "kind: [\n"), ("base/evil.yaml", &topic("evil", 1))])
        }),
    ];
    for (what, reason, cause) in wrong {
        cause();
        eventually(&world, what, || is(port, "Unknown", reason, "True"));
        assert_eq!(world.cluster_bytes(), before, "{what}");
        git(&clone, &["rm", "-q", "-r", "--cached", "--ignore-unmatch", "base"]);
        git(&clone, &["checkout", "-q", &base, "--", "base"]);
        for file in ["base/bad.yaml", "base/evil.yaml"] {
            drop(std::fs::remove_file(clone.join(file)));
        }
        world.push("repaired", &[]);
        eventually(&world, &format!("back after {what}"), || is(port, "Synced", "Synced", "False"));
    }
    let away = world.desk.path().join("away.git");
    std::fs::rename(world.remote(), &away).expect("moved");
    eventually(&world, "an absent remote", || is(port, "Unknown", "SourceFailed", "False"));
    assert_eq!(world.cluster_bytes(), before);
    std::fs::rename(&away, world.remote()).expect("moved");
    eventually(&world, "back after an absent remote", || is(port, "Synced", "Synced", "False"));
    assert!(!good().is_empty());
    assert_eq!(agent.end(), Some(0));
}

/// Lets the remote refuse pushes to report branches, and count them, while it has a file `refuses`.
fn refuse_reports(remote: &Path) {
    let script = format!(
        "#!/bin/sh\nwhile read old new ref; do\n  case $ref in refs/heads/driftless/*)\n    \
         if [ -e '{0}/refuses' ]; then echo . >>'{0}/refused'; echo 'not today' >&2; exit 1; fi ;;\n  esac\ndone\nexit 0\n",
        remote.display()
    );
    std::fs::write(remote.join("refuses"), "").expect("written");
    write_hook(remote, &script);
}

/// Gives a remote a program that every push must pass.
fn write_hook(remote: &Path, script: &str) {
    std::fs::create_dir_all(remote.join("hooks")).expect("made");
    let hook = remote.join("hooks/pre-receive");
    std::fs::write(&hook, script).expect("written");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("changed");
}

fn refused(remote: &Path) -> usize {
    std::fs::read_to_string(remote.join("refused")).unwrap_or_default().lines().count()
}

#[test]
fn reports_that_are_rejected_ten_times_stop_nothing_and_are_all_there_in_the_end() {
    let port = free_port();
    let world = AgentDesk::new(&format!("http: {{listen: '127.0.0.1:{port}'}}"));
    let agent = RunningAgent::start(&world);
    eventually(&world, "the first apply", || is_synced(&world));
    refuse_reports(&world.remote());
    world.push("second", &[("base/second.yaml", &topic("second", 1))]);
    // In sync, and not reported: that is what it says where it can.
    eventually(&world, "not reported", || is(port, "Synced", "ReportFailed", "False"));
    world.push("third", &[("base/third.yaml", &topic("third", 1))]);
    eventually(&world, "the next commit", || world.on_cluster("third").is_some());
    eventually(&world, "ten refusals", || refused(&world.remote()) >= 10);
    std::fs::remove_file(world.remote().join("refuses")).expect("removed");
    eventually(&world, "reported", || is(port, "Synced", "Synced", "False"));
    let applied = world.subjects().iter().filter(|subject| subject.starts_with("apply(prod): 1 applied")).count();
    assert_eq!(applied, 3, "{:?}", world.subjects());
    let owned = world.reported("inventory.json").expect("an inventory");
    assert!(["orders", "second", "third"].iter().all(|topic| owned.contains(&format!("topic/{topic}"))), "{owned}");
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn a_report_remote_that_is_away_stops_nothing_but_deletions() {
    let world = AgentDesk::new("");
    git(world.desk.path(), &["init", "-q", "--bare", "-b", "main", "reports.git"]);
    let reports = world.desk.path().join("reports.git");
    let away = world.desk.path().join("away.git");
    world.configure("report: {url: reports.git}\napply: {prune: true, maxDeletions: 5}");
    // Without ever having seen the branch, nothing is known to be ours.
    std::fs::rename(&reports, &away).expect("moved");
    let outcome = world.once_ends_with(1);
    assert!(outcome.stderr.contains("ReportFailed"), "{}", outcome.stderr);
    assert!(world.on_cluster("orders").is_none());
    std::fs::rename(&away, &reports).expect("moved");
    world.push("two", &[("base/second.yaml", &topic("second", 1))]);
    world.ends_with(0);
    std::fs::rename(&reports, &away).expect("moved");
    std::fs::remove_file(world.clone().join("base/second.yaml")).expect("removed");
    world.push("three", &[("base/third.yaml", &topic("third", 1))]);
    let outcome = world.once_ends_with(1);
    assert!(outcome.stderr.contains("ReportFailed"), "{}", outcome.stderr);
    assert!(world.on_cluster("third").is_some() && world.on_cluster("second").is_some());
    std::fs::rename(&away, &reports).expect("moved");
    let branch = |file: &str| git(&reports, &["show", &format!("driftless/prod:{file}")]);
    drop(world.once());
    assert!(branch("inventory.json").contains("topic/third"));
}

#[test]
fn two_environments_that_write_at_once_lose_no_report() {
    let world = AgentDesk::new("");
    let both = "apiVersion: driftless.dev/v1\nkind: Repository\nenvironments:\n  prod: &it {layers: [base], parameters: {minimumReplicationFactor: 1, minimumInsyncReplicas: 1}}\n  dev: *it\n";
    let both = both
        .replace("&it ", "")
        .replace("*it", "{layers: [base], parameters: {minimumReplicationFactor: 1, minimumInsyncReplicas: 1}}");
    world.push("both", &[("driftless.yaml", &both)]);
    let settings = std::fs::read_to_string(world.desk.path().join("agent.yaml")).expect("settings");
    let of_dev =
        settings.replace("environment: prod", "environment: dev").replace("sandbox: cluster", "sandbox: other");
    write(world.desk.path(), &[("dev.yaml", &of_dev)]);
    for round in 0..6 {
        let name = format!("t{round}");
        world.push(&name, &[(&format!("base/{name}.yaml"), &topic(&name, 1))]);
        let start = |file: &str| {
            let mut command = world.desk.command();
            command.args(["agent", "--once", "--config", file]);
            command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
            command.stdout(std::process::Stdio::null()).spawn().expect("the binary runs")
        };
        for mut agent in [start("agent.yaml"), start("dev.yaml")] {
            assert_eq!(agent.wait().expect("waited").code(), Some(0));
        }
    }
    for environment in ["prod", "dev"] {
        let subjects = git(&world.remote(), &["log", "--format=%s", &format!("driftless/{environment}")]);
        assert_eq!(subjects.lines().count(), 6, "{subjects}");
        assert!(subjects.lines().all(|subject| subject.starts_with(&format!("apply({environment}): "))), "{subjects}");
    }
}

#[test]
fn reports_are_signed_so_that_git_verifies_them() {
    let world = AgentDesk::new("report: {signingKeyFile: reporter, author: {name: driftless, email: d@example.org}}");
    let outcome = world.once_ends_with(64);
    assert!(outcome.stderr.contains("the signing key `"), "{}", outcome.stderr);
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let key = world.desk.path().join("reporter");
        drop(std::fs::remove_file(&key));
        let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", kind, "-f"]).arg(&key).status();
        assert!(made.expect("ssh-keygen runs").success());
        world.push(kind, &[(&format!("base/{kind}.yaml"), &topic(kind, 1))]);
        world.ends_with(0);
        let public = std::fs::read_to_string(key.with_extension("pub")).expect("a key");
        write(world.desk.path(), &[("allowed", &format!("d@example.org namespaces=\"git\" {public}"))]);
        let allowed = format!("gpg.ssh.allowedSignersFile={}", world.desk.path().join("allowed").display());
        git(&world.remote(), &["-c", &allowed, "verify-commit", "driftless/prod"]);
        assert!(world.subjects()[0].starts_with("apply(prod): "), "{:?}", world.subjects());
    }
    // Without its key nothing is reported, and everything is applied.
    std::fs::remove_file(world.desk.path().join("reporter")).expect("removed");
    assert!(world.once_ends_with(64).stderr.contains("`report.signingKeyFile`"));
}

#[test]
fn settings_and_secrets_are_read_again_when_they_change() {
    let world = AgentDesk::new("drift: {schedule: '*/2 * * * * *'}");
    let agent = RunningAgent::start(&world);
    eventually(&world, "the first apply", || is_synced(&world));
    world.change_by_hand("orders", 24, 12);
    eventually(&world, "the drift", || world.status().1 == "DriftNotCorrected");
    // Settings that cannot be used change nothing; usable ones, renamed into place, do.
    world.configure("apply: {correctDrift: perhaps}");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(world.status().1, "DriftNotCorrected");
    let settings = world.desk.path().join("agent.yaml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    write(world.desk.path(), &[("agent.yaml.new", &text.replace("perhaps", "true"))]);
    std::fs::rename(world.desk.path().join("agent.yaml.new"), &settings).expect("renamed");
    eventually(&world, "the correction", || is_synced(&world));
    assert!(world.on_cluster("orders").is_some_and(|text| text.contains("86400000")));
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn a_commit_beside_the_environment_makes_no_pass_and_still_moves_the_trust_forward() {
    let port = free_port();
    let world = AgentDesk::new(&format!("http: {{listen: '127.0.0.1:{port}'}}\ndrift: {{schedule: '0 0 0 1 1 *'}}"));
    let agent = RunningAgent::start(&world);
    eventually(&world, "the first apply", || is_synced(&world));
    let metrics = || get(port, "/metrics").expect("answers").1;
    let applied = git(&world.clone(), &["rev-parse", "HEAD"]);
    let record = world.desk.path().join("state/prod/agent.json");
    for file in ["README.md", "elsewhere/topic.yaml", "docs/a.yaml"] {
        let head = world.push(file, &[(file, &topic("elsewhere", 1))]);
        eventually(&world, "the new head", || metrics().contains(&format!("revision=\"{head}\"")));
        let attempted = format!("\"lastAttemptedRevision\": \"{head}\"");
        eventually(&world, "its status", || {
            get(port, "/api/v1/status").is_some_and(|(_, body)| body.contains(&attempted))
        });
        assert!(metrics().contains("driftless_reconcile_total{environment=\"prod\",result=\"success\"} 1\n"));
        assert!(std::fs::read_to_string(&record).expect("a record").contains(&head), "{file}");
    }
    // Back to what was applied: that would be a step back from what was seen.
    git(&world.clone(), &["reset", "-q", "--hard", &applied]);
    world.push("evil", &[("base/evil.yaml", &topic("evil", 1))]);
    eventually(&world, "the rewound branch", || is(port, "Unknown", "SourceUntrusted", "True"));
    assert!(world.on_cluster("evil").is_none());
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn a_source_on_this_machine_is_followed_at_once() {
    let world = AgentDesk::new("");
    let settings = std::fs::read_to_string(world.desk.path().join("agent.yaml")).expect("settings");
    write(world.desk.path(), &[("agent.yaml", &settings.replace("interval: 1s", "interval: 1h"))]);
    let agent = RunningAgent::start(&world);
    eventually(&world, "the first apply", || is_synced(&world));
    world.push("more", &[("base/more.yaml", &topic("more", 1))]);
    // Long before the hour is over.
    eventually(&world, "the second commit", || world.on_cluster("more").is_some());
    assert_eq!(agent.end(), Some(0));
}

/// Posts to the agent; returns the status line's number.
fn post(port: u16, path: &str, headers: &str, body: &[u8]) -> u16 {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("connects");
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    // A server that refuses a large body closes before all of it came.
    drop(stream.write_all(body));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (line, rest) = answer.split_once("\r\n").expect("an answer");
    assert!(rest.ends_with("\r\n\r\n") || line.contains("413"), "an answer without words: {answer}");
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status")
}

fn signature(secret: &str, body: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    ring::hmac::sign(&key, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_signed_webhook_brings_a_commit_in_seconds_and_does_nothing_else() {
    let world = AgentDesk::new("");
    let Some(server) = Server::start(world.desk.path()) else { return };
    let port = free_port();
    write(world.desk.path(), &[("hook-secret", "correct horse\n")]);
    let settings = std::fs::read_to_string(world.desk.path().join("agent.yaml")).expect("settings");
    let settings = settings
        .replace("url: remote.git, interval: 1s", &format!("url: '{}', interval: 1h", server.url("remote.git")))
        + &format!(
            "http: {{listen: '127.0.0.1:{port}', webhookSecretFile: hook-secret}}\ndrift: {{schedule: '0 0 0 1 1 *'}}\n"
        );
    write(world.desk.path(), &[("agent.yaml", &settings)]);
    let agent = RunningAgent::start(&world);
    eventually(&world, "the first apply", || is_synced(&world));
    let body = br#"{"ref": "refs/heads/main", "repository": {"clone_url": "https://evil.example.org/"}}"#;
    let signed = signature("correct horse", body);

    world.push("more", &[("base/more.yaml", &topic("more", 1))]);
    let large = vec![b'x'; (1 << 20) + 1];
    for (headers, body, expected) in [
        (String::new(), &body[..], 401),
        ("X-Hub-Signature-256: sha256=00\r\n".to_owned(), body, 401),
        (format!("X-Hub-Signature-256: sha256={}\r\n", signature("wrong", body)), body, 401),
        (format!("X-Hub-Signature-256: sha256={signed}\r\n"), b"another", 401),
        ("X-Gitlab-Token: wrong\r\n".to_owned(), body, 401),
        (format!("X-Hub-Signature-256: sha256={}\r\n", signature("correct horse", &large)), &large, 413),
    ] {
        assert_eq!(post(port, "/hooks/git", &headers, body), expected, "{headers}");
    }
    std::thread::sleep(Duration::from_secs(2));
    assert!(world.on_cluster("more").is_none(), "nobody who is believed has called");

    let metric = |name: &str| {
        let metrics = get(port, "/metrics").expect("answers").1;
        metrics.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect::<Vec<_>>()
    };
    for (index, header) in [
        format!("X-Hub-Signature-256: sha256={signed}\r\n"),
        "X-Gitlab-Token: correct horse\r\n".to_owned(),
        format!("X-Gitea-Signature: {signed}\r\n"),
        format!("X-Forgejo-Signature: {signed}\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("hook{index}");
        world.push(&name, &[(&format!("base/{name}.yaml"), &topic(&name, 1))]);
        // A burst is one fetch and one pass.
        for _ in 0..20 {
            assert_eq!(post(port, "/hooks/git", &header, body), 202, "{header}");
        }
        eventually(&world, &header, || world.on_cluster(&name).is_some());
    }
    let passes = || metric("driftless_reconcile_total{environment=\"prod\",result=\"success\"}");
    let five = ["driftless_reconcile_total{environment=\"prod\",result=\"success\"} 5"];
    eventually(&world, "five passes", || passes() == five);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(passes(), five);
    // The secret is renewed while the agent runs.
    write(world.desk.path(), &[("hook-secret", "battery staple\n")]);
    assert_eq!(post(port, "/hooks/git", &format!("X-Hub-Signature-256: sha256={signed}\r\n"), body), 401);
    let renewed = format!("X-Hub-Signature-256: sha256={}\r\n", signature("battery staple", body));
    assert_eq!(post(port, "/hooks/git", &renewed, body), 202);
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn a_server_that_says_nothing_does_not_hold_up_the_agent_for_good() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("bound").port();
    // Takes every connection, reads nothing, says nothing.
    let kept = std::thread::spawn(move || {
        let mut kept = Vec::new();
        while kept.len() < 16 {
            let Ok((stream, _)) = silent.accept() else { break };
            kept.push(stream);
        }
    });
    drop(kept);
    let started = Instant::now();
    let mut agents = Vec::new();
    for scheme in ["http", "https", "ssh", "git"] {
        let world = AgentDesk::new("");
        let settings = std::fs::read_to_string(world.desk.path().join("agent.yaml")).expect("settings");
        let url = format!("url: '{scheme}://git@127.0.0.1:{port}/kafka.git'");
        write(world.desk.path(), &[("agent.yaml", &settings.replace("url: remote.git", &url))]);
        let mut command = world.command();
        command.arg("--once").stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        agents.push((scheme, command.spawn().expect("the binary runs"), world));
    }
    for (scheme, agent, _world) in agents {
        let output = agent.wait_with_output().expect("ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{scheme}: {stderr}");
        assert!(stderr.contains("SourceFailed"), "{scheme}: {stderr}");
    }
    assert!(started.elapsed() < Duration::from_secs(90), "{:?}", started.elapsed());
}

#[test]
fn a_push_that_comes_to_no_end_does_not_keep_the_agent_from_ending() {
    let world = AgentDesk::new("");
    let process = world.remote().join("hook.pid");
    let script = format!("#!/bin/sh\necho $$ >'{0}.new'\nmv '{0}.new' '{0}'\nexec sleep 600\n", process.display());
    write_hook(&world.remote(), &script);
    let agent = RunningAgent::start(&world);
    eventually(&world, "the push of the first report", || process.exists());
    assert_eq!(agent.end(), Some(0));
    let hook = std::fs::read_to_string(process).expect("a process");
    assert!(Command::new("kill").arg(hook.trim()).status().expect("kill runs").success());
}
