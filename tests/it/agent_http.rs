//! The agent's HTTP server, as whoever asks sees it: who may ask, what is answered, and what cannot wear it out.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslConnector, SslFiletype, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use serde_json::Value;

use crate::agent_support::{AgentDesk, RunningAgent};
use crate::support::ports::free_port;

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head: head.to_owned(), body: body.to_owned() })
    }

    /// The values of a header.
    fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

/// Sends a request as it is, and reads to the end.
fn send(port: u16, request: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(100))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Answer::parse(&text)
}

/// Asks with these headers.
fn ask(port: u16, method: &str, path: &str, headers: &[&str]) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        request.push_str("Host: localhost\r\n");
    }
    headers.iter().for_each(|header| request.push_str(&format!("{header}\r\n")));
    request.push_str("\r\n");
    send(port, &request).unwrap_or_else(|| panic!("no answer to {method} {path}"))
}

/// Asks; `None` while nobody answers.
pub(crate) fn get(port: u16, path: &str) -> Option<Answer> {
    send(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
}

fn start(settings: &str) -> (AgentDesk, RunningAgent, u16) {
    let port = free_port();
    let world = AgentDesk::new(&format!("http: {{listen: '127.0.0.1:{port}'{settings}}}"));
    std::fs::write(world.desk.path().join("token"), "correct-horse-battery\n").expect("written");
    let agent = RunningAgent::start(&world);
    agent.answers_on(port);
    (world, agent, port)
}

#[test]
fn answers_have_the_shape_that_people_and_programs_expect() {
    let (_world, agent, port) = start("");
    let page = ask(port, "GET", "/", &[]);
    assert_eq!((page.status, page.headers("content-type")), (200, vec!["text/html; charset=utf-8"]));
    assert_eq!(page.headers("cache-control"), ["no-store"]);
    let policy = page.headers("content-security-policy").concat();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert!(page.body.contains("Synced") && !page.body.contains("http-equiv"), "{}", page.body);
    assert!(ask(port, "GET", "/?refresh=30", &[]).body.contains("http-equiv=\"refresh\" content=\"30\""));
    for query in ["refresh=0", "refresh=x", "refresh=99999999999999", "refresh", "x=%ff"] {
        assert!(!ask(port, "GET", &format!("/?{query}"), &[]).body.contains("http-equiv"), "{query}");
    }

    for path in ["/", "/healthz", "/readyz", "/metrics", "/api/v1/status", "/api/v1/plan"] {
        let (whole, head) = (ask(port, "GET", path, &[]), ask(port, "HEAD", path, &[]));
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(whole.headers("content-type"), head.headers("content-type"), "{path}");
        assert_eq!(whole.headers("x-content-type-options"), ["nosniff"], "{path}");
        let refused = ask(port, "DELETE", path, &[]);
        assert_eq!((refused.status, refused.headers("allow")), (405, vec!["GET,HEAD"]), "{path}");
        assert!(refused.body.contains("DELETE means nothing here"), "{path}: {}", refused.body);
    }
    let nowhere = ask(port, "GET", "/nowhere", &[]);
    assert_eq!((nowhere.status, nowhere.headers("content-type")), (404, vec!["text/plain; charset=utf-8"]));
    let nowhere = ask(port, "GET", "/api/v1/nowhere", &[]);
    assert_eq!((nowhere.status, nowhere.headers("content-type")), (404, vec!["application/json"]));
    assert!(serde_json::from_str::<Value>(&nowhere.body).expect("JSON")["error"].is_string());

    for path in ["/api/v1/status", "/api/v1/plan"] {
        let first = ask(port, "GET", path, &[]);
        let tag = first.headers("etag").concat();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{path}: {tag}");
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let again = ask(port, "GET", path, &[&format!("If-None-Match: {known}")]);
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{path} {known}");
        }
        assert_eq!(ask(port, "GET", path, &["If-None-Match: \"other\""]).status, 200, "{path}");
    }
    // A name that leads here from elsewhere.
    for path in ["/", "/metrics", "/api/v1/plan"] {
        let rebound = ask(port, "GET", path, &["Host: evil.example.org"]);
        assert!(rebound.status == 421 && !rebound.body.contains("orders"), "{path}: {}", rebound.body);
    }
    assert_eq!(ask(port, "GET", "/healthz", &["Host: 10.0.0.7:8080"]).status, 200);
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn who_has_no_token_sees_health_and_nothing_else() {
    let (world, agent, port) = start(", tokenFile: token");
    let basic = "Authorization: Basic YW5uYTpjb3JyZWN0LWhvcnNlLWJhdHRlcnk="; // anna:correct-horse-battery
    for path in ["/", "/metrics", "/api/v1/status", "/api/v1/plan", "/nowhere"] {
        let refused = ask(port, "GET", path, &[]);
        assert_eq!(refused.status, 401, "{path}");
        let schemes = refused.headers("www-authenticate");
        assert!(
            schemes.len() == 2 && schemes[0].starts_with("Basic ") && schemes[1].starts_with("Bearer "),
            "{schemes:?}"
        );
        assert!(!refused.body.contains("orders") && !refused.body.contains("prod"), "{path}: {}", refused.body);
        for header in ["Authorization: Bearer correct-horse-battery", basic] {
            let allowed = ask(port, "GET", path, &[header, "Host: status.example.org"]);
            assert_eq!(allowed.status, if path == "/nowhere" { 404 } else { 200 }, "{path} {header}");
        }
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(ask(port, "GET", path, &[]).status, 200, "{path}");
    }
    std::fs::write(world.desk.path().join("token"), "another-horse-battery").expect("written");
    assert_eq!(ask(port, "GET", "/", &["Authorization: Bearer correct-horse-battery"]).status, 401);
    assert_eq!(ask(port, "GET", "/", &["Authorization: Bearer another-horse-battery"]).status, 200);
    std::fs::remove_file(world.desk.path().join("token")).expect("removed");
    assert_eq!(ask(port, "GET", "/", &["Authorization: Bearer another-horse-battery"]).status, 503);
    agent.eventually("the log says so", || agent.log().contains("nobody can log in"));
    assert!(!agent.log().contains("horse"), "{}", agent.log());
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn settings_that_would_let_anybody_in_are_refused_at_start() {
    let world = AgentDesk::new("");
    let write = |name: &str, text: &str| std::fs::write(world.desk.path().join(name), text).expect("written");
    write("short", "hunter2");
    write("nonsense", "nonsense");
    write("token", "correct-horse-battery");
    for (settings, words) in [
        ("listen: '0.0.0.0:8080'", ["`http.listen` is `0.0.0.0:8080`", "http.tokenFile"]),
        ("listen: '[::]:8080'", ["`http.listen`", "no login"]),
        ("listen: '0.0.0.0:8080', tls: {certificateFile: a, keyFile: b}", ["`http.listen`", "no login"]),
        ("listen: '127.0.0.1:0', tokenFile: absent", ["token's file", "absent"]),
        ("listen: '127.0.0.1:0', tokenFile: short", ["16 to 4096 characters", "openssl rand"]),
        ("listen: '127.0.0.1:0', tls: {keyFile: b}", ["`http.tls.certificateFile`", "missing"]),
        (
            "listen: '127.0.0.1:0', tls: {certificateFile: nonsense, keyFile: b}",
            ["`http.tls.certificateFile`", "nonsense"],
        ),
        ("listen: '127.0.0.1:0', tokens: x", ["`http.tokens`", "tokenFile"]),
    ] {
        world.configure(&format!("http: {{{settings}}}"));
        let output = world.command().output().expect("the binary runs");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(64), "{settings}: {stderr}");
        assert!(words.iter().all(|word| stderr.contains(word)) && !stderr.contains("hunter2"), "{settings}: {stderr}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it measures how long a server takes")]
fn slow_and_endless_requests_wear_nothing_out() {
    let (_world, agent, port) = start("");
    let large = format!("X-Large: {}", "x".repeat(30_000));
    assert_eq!(ask(port, "GET", "/healthz", &[&large]).status, 431);
    let many: Vec<String> = (0..100).map(|index| format!("X-{index}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(ask(port, "GET", "/healthz", &many).status, 431);
    assert_eq!(send(port, "nonsense\r\n\r\n").map(|answer| answer.status), Some(400));

    // Every place is taken by somebody who never ends his request, and some wait for one.
    let started = Instant::now();
    let slow: Vec<TcpStream> = (0..80)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
            stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").expect("written");
            stream
        })
        .collect();
    assert_eq!(ask(port, "GET", "/healthz", &[]).status, 200);
    assert!(started.elapsed() < Duration::from_secs(90), "{:?}", started.elapsed());
    // They keep nobody from ending either.
    let ending = Instant::now();
    assert_eq!(agent.end(), Some(0));
    assert!(ending.elapsed() < Duration::from_secs(25), "{:?}", ending.elapsed());
    drop(slow);
}

/// A certificate with its key, written as PEM files.
pub(crate) struct Identity(X509, PKey<Private>);

impl Identity {
    pub(crate) fn new(name: &str, authority: Option<&Identity>, serial: u32) -> Self {
        let key = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
        let mut subject = X509NameBuilder::new().expect("a name");
        subject.append_entry_by_text("CN", name).expect("a name");
        let subject = subject.build();
        let mut builder = X509Builder::new().expect("a certificate");
        builder.set_version(2).expect("set");
        let number = openssl::bn::BigNum::from_u32(serial).expect("a number").to_asn1_integer().expect("a number");
        builder.set_serial_number(&number).expect("set");
        builder.set_subject_name(&subject).expect("set");
        builder.set_issuer_name(authority.map_or(&*subject, |authority| authority.0.subject_name())).expect("set");
        builder.set_pubkey(&key).expect("set");
        builder.set_not_before(&Asn1Time::days_from_now(0).expect("a time")).expect("set");
        builder.set_not_after(&Asn1Time::days_from_now(2).expect("a time")).expect("set");
        if authority.is_none() {
            builder.append_extension(BasicConstraints::new().critical().ca().build().expect("built")).expect("set");
        } else {
            let names = SubjectAlternativeName::new().dns("localhost").build(&builder.x509v3_context(None, None));
            builder.append_extension(names.expect("built")).expect("set");
        }
        builder.sign(authority.map_or(&key, |authority| &authority.1), MessageDigest::sha256()).expect("signed");
        Self(builder.build(), key)
    }

    pub(crate) fn write(&self, directory: &Path, name: &str) {
        let write = |ending: &str, bytes: Vec<u8>| {
            std::fs::write(directory.join(format!("{name}.{ending}")), bytes).expect("written");
        };
        write("crt", self.0.to_pem().expect("PEM"));
        write("key", self.1.private_key_to_pem_pkcs8().expect("PEM"));
    }
}

/// Asks over TLS, with a client certificate or none; returns the answer and the serial number of the server's certificate.
fn ask_tls(port: u16, directory: &Path, client: Option<&str>, path: &str) -> Option<(Answer, u32)> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).expect("set up");
    builder.set_ca_file(directory.join("authority.crt")).expect("trusted");
    if let Some(client) = client {
        let file = |ending: &str| directory.join(format!("{client}.{ending}"));
        builder.set_certificate_file(file("crt"), SslFiletype::PEM).expect("a certificate");
        builder.set_private_key_file(file("key"), SslFiletype::PEM).expect("a key");
    }
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    let mut stream = builder.build().connect("localhost", stream).ok()?;
    let serial = stream.ssl().peer_certificate()?.serial_number().to_bn().ok()?.to_string().parse().ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    // A server may close without saying goodbye; what counts is what it said before.
    let _ = stream.read_to_end(&mut bytes);
    Some((Answer::parse(&String::from_utf8_lossy(&bytes))?, serial))
}

#[test]
fn a_client_certificate_is_a_login_and_new_certificates_count_at_once() {
    let port = free_port();
    let tls = "tls: {certificateFile: server.crt, keyFile: server.key, clientCaFile: authority.crt}";
    let world = AgentDesk::new(&format!("http: {{listen: '127.0.0.1:{port}', {tls}}}"));
    let directory = world.desk.path();
    let (authority, stranger) = (Identity::new("authority", None, 1), Identity::new("stranger", None, 2));
    authority.write(directory, "authority");
    Identity::new("server", Some(&authority), 10).write(directory, "server");
    Identity::new("prometheus", Some(&authority), 20).write(directory, "client");
    Identity::new("mallory", Some(&stranger), 30).write(directory, "mallory");
    let agent = RunningAgent::start(&world);
    let status =
        |client: Option<&str>, path: &str| ask_tls(port, directory, client, path).map(|(answer, _)| answer.status);
    agent.eventually("ready", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok() && status(None, "/readyz") == Some(200)
    });
    for path in ["/", "/metrics", "/api/v1/plan"] {
        assert_eq!(status(Some("client"), path), Some(200), "{path}");
        assert_eq!(status(None, path), Some(401), "{path}");
        assert_eq!(status(Some("mallory"), path), None, "{path}");
    }
    // Who speaks no TLS is told nothing.
    assert!(get(port, "/healthz").is_none_or(|answer| answer.body.is_empty()));

    let serial = || ask_tls(port, directory, None, "/healthz").expect("an answer").1;
    assert_eq!(serial(), 10);
    std::fs::write(directory.join("server.crt"), "half a certificate").expect("written");
    assert_eq!(serial(), 10);
    agent.eventually("the log says so", || agent.log().contains("the one before stays"));
    Identity::new("server", Some(&authority), 11).write(directory, "server");
    agent.eventually("the new certificate", || serial() == 11);
    // Another authority: who was let in before is not any more.
    stranger.write(directory, "authority");
    let mut builder = SslConnector::builder(SslMethod::tls_client()).expect("set up");
    builder.set_verify(openssl::ssl::SslVerifyMode::NONE);
    builder.set_certificate_file(directory.join("client.crt"), SslFiletype::PEM).expect("a certificate");
    builder.set_private_key_file(directory.join("client.key"), SslFiletype::PEM).expect("a key");
    let connector = builder.build();
    agent.eventually("the old authority counts no more", || {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
        let Ok(mut stream) = connector.connect("localhost", stream) else { return true };
        // TLS 1.3 tells a refused client only when it reads.
        let mut bytes = Vec::new();
        let sent = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        sent.is_err() || stream.read_to_end(&mut bytes).is_err() || bytes.is_empty()
    });
    assert_eq!(agent.end(), Some(0));
}
