//! A Kafka `client.properties`, as Kafka users write it: text to valid settings. Touches no file: stores that the
//! settings name are read by `tls` later.

mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use java_properties::{LineContent, PropertiesIter};

use self::reader::read;
use super::address::Address;
use crate::domain::code_doc::CodeDoc;
use crate::domain::diagnostic::{Diagnostic, Location};
use crate::domain::nearest::nearest;
use crate::domain::secret::Secret;

/// The properties that have a meaning here.
const KNOWN: &[&str] = &[
    "bootstrap.servers",
    "client.id",
    "config.providers",
    "default.api.timeout.ms",
    "request.timeout.ms",
    "retry.backoff.ms",
    "sasl.jaas.config",
    "sasl.mechanism",
    "security.protocol",
    "socket.connection.setup.timeout.ms",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// The code of every diagnostic about a client property.
pub const INVALID_CLIENT_PROPERTY: &str = "invalid-client-property";

/// What that code means, for `driftless explain`.
pub const CODES: &[CodeDoc] = &[CodeDoc {
    code: INVALID_CLIENT_PROPERTY,
    title: "a client property that cannot work",
    explanation: "The file after `--command-config`, or `cluster.propertiesFile` of the agent, is read as Kafka's own tools read `client.properties`. A value that cannot work is refused before anything is connected.",
    fix: "Correct the line that the message names. It never repeats a value, as it may be a secret.",
}];

/// Valid settings of a connection to a cluster. Holds secrets, so it cannot be printed.
pub struct ClientProperties {
    pub(super) bootstrap_servers: Vec<Address>,
    pub(super) tls: Option<TlsSettings>,
    pub(super) sasl: Option<SaslSettings>,
    pub(super) client_id: String,
    pub(super) limits: Limits,
    ignored: BTreeSet<String>,
}

/// Time limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// For one broker to take a connection and answer its first requests.
    pub(super) setup: Duration,
    /// For one answer.
    pub(super) request: Duration,
    /// For one call with all its repetitions.
    pub(super) api: Duration,
    /// Pause before the first repetition.
    pub(super) backoff: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Kafka waits 10 seconds for the connection alone. Here the limit covers the hand-shakes too, and silence
            // must be reported within 10 seconds in all.
            setup: Duration::from_secs(8),
            request: Duration::from_secs(30),
            api: Duration::from_secs(60),
            backoff: Duration::from_millis(100),
        }
    }
}

/// How to log in.
pub(super) struct SaslSettings {
    pub(super) mechanism: SaslMechanism,
    pub(super) user: String,
    pub(super) password: Secret,
}

/// The mechanisms that driftless speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SaslMechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

impl SaslMechanism {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }

    fn login_module(self) -> &'static str {
        match self {
            Self::Plain => "PlainLoginModule",
            Self::ScramSha256 | Self::ScramSha512 => "ScramLoginModule",
        }
    }
}

/// How to speak TLS.
pub(super) struct TlsSettings {
    /// Whom to trust; the system's authorities when absent, as Kafka does.
    pub(super) trust: Option<Store>,
    /// The client's certificate and key.
    pub(super) identity: Option<Store>,
    /// Password of the private key; of PEM keys, or of the entry in a store.
    pub(super) key_password: Option<Secret>,
    /// Whether the broker's certificate must name the host that was connected to.
    pub(super) verify_host: bool,
}

/// Where certificates and keys come from.
pub(super) enum Store {
    /// A file, of the type that the settings say; the content decides in the end.
    File { setting: &'static str, path: String, password: Option<Secret> },
    /// PEM text inside the settings.
    Inline { setting: &'static str, pem: Secret },
}

impl ClientProperties {
    /// Reads the text of a properties file. `file_name` is only for messages. Returns every problem, not the first.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut entries = BTreeMap::new();
        for line in PropertiesIter::new_with_encoding(without_comments(text).as_bytes(), encoding_rs::UTF_8) {
            let line = line.map_err(|error| {
                // The error says what is malformed, never the line's content.
                let place = error.line_number().map(|line| location(file_name, line));
                let text = error.to_string();
                let what = text.split(". (line_number").next().unwrap_or(&text);
                vec![
                    Diagnostic::error(INVALID_CLIENT_PROPERTY, place, what)
                        .help("write a backslash inside a value twice (`\\\\`)"),
                ]
            })?;
            let number = line.line_number();
            if let LineContent::KVPair(key, value) = line.consume_content() {
                // As in Java, the last of two lines wins.
                entries.insert(key, (value, Some(location(file_name, number))));
            }
        }
        read(entries)
    }

    /// Takes settings that were read elsewhere, such as `cluster.properties` of the agent's settings. The caller knows
    /// where each stands; the messages name the setting.
    pub fn from_map(map: &BTreeMap<String, String>) -> Result<Self, Vec<Diagnostic>> {
        read(map.iter().map(|(key, value)| (key.clone(), (value.clone(), None))).collect())
    }

    /// Returns settings for brokers that ask for no credentials, as `--bootstrap-server` without `--command-config`.
    pub fn plaintext() -> Self {
        Self {
            bootstrap_servers: Vec::new(),
            tls: None,
            sasl: None,
            client_id: "driftless".to_owned(),
            limits: Limits::default(),
            ignored: BTreeSet::new(),
        }
    }

    /// Returns the keys that have no meaning here, and were passed over as Kafka's own clients do: for a log line.
    pub fn ignored(&self) -> &BTreeSet<String> {
        &self.ignored
    }

    /// Returns the property that a key without a meaning was probably meant for.
    pub fn meant(key: &str) -> Option<&'static str> {
        nearest(key, KNOWN.iter().copied())
    }

    /// Returns the settings' own bootstrap servers, `host:port`; may be none.
    pub fn bootstrap_servers(&self) -> Vec<String> {
        self.bootstrap_servers.iter().map(ToString::to_string).collect()
    }

    /// Says whether the password of a user would travel in clear: no TLS.
    pub fn in_clear(&self) -> bool {
        self.tls.is_none()
    }
}

fn location(file_name: &str, line: usize) -> Location {
    Location::new(file_name, u32::try_from(line).unwrap_or(u32::MAX), 1)
}

/// Blanks comment lines: the parser unescapes them too, and would refuse a comment that says `C:\users`.
fn without_comments(text: &str) -> String {
    let mut continued = false;
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        if !continued && content.trim_start_matches([' ', '\t', '\x0c']).starts_with(['#', '!']) {
            kept.push('\n');
            continue;
        }
        continued = content.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
        kept.push_str(line);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAM: &str = r#"
# C:\users\kafka is only a comment \
security.protocol = SASL_SSL
sasl.mechanism:SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
    username="alice" \
    password="p\\"ss";
ssl.truststore.type PEM
ssl.truststore.location /etc/ca.pem
bootstrap.servers=a:9092,[::1]\:9093
request.timeout.ms=5000
acks=all
"#;

    fn problems(text: &str) -> Vec<String> {
        match ClientProperties::parse("client.properties", text) {
            Ok(_) => Vec::new(),
            Err(problems) => problems
                .into_iter()
                .map(|problem| {
                    let place = problem.location.map(|location| location.to_string()).unwrap_or_default();
                    format!("{place} {}", problem.message)
                })
                .collect(),
        }
    }

    #[test]
    fn a_file_as_kafka_users_write_it_is_read() {
        let Ok(properties) = ClientProperties::parse("client.properties", SCRAM) else {
            panic!("{:?}", problems(SCRAM))
        };
        let sasl = properties.sasl.as_ref().expect("SASL is on");
        assert_eq!(sasl.user, "alice");
        assert_eq!(sasl.password.expose(), b"p\"ss");
        assert_eq!(sasl.mechanism, SaslMechanism::ScramSha512);
        assert_eq!(properties.bootstrap_servers(), ["a:9092", "[::1]:9093"]);
        assert_eq!(properties.limits.request, Duration::from_secs(5));
        assert_eq!(properties.ignored().iter().collect::<Vec<_>>(), ["acks"]);
        let tls = properties.tls.as_ref().expect("TLS is on");
        assert!(tls.verify_host);
        assert!(matches!(&tls.trust, Some(Store::File { path, .. }) if path == "/etc/ca.pem"));
    }

    #[test]
    fn a_password_keeps_every_character_through_both_kinds_of_quoting() {
        let text = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n\
                    sasl.jaas.config=a.PlainLoginModule required username=\"\u{fc},=\\\\\"\" \
                    password=\"pl\u{e4}nt\u{e9}d \\\\\"p\\\\\\\\w\\u00e9\";\n";
        let Ok(properties) = ClientProperties::parse("c", text) else { panic!("{:?}", problems(text)) };
        let sasl = properties.sasl.expect("SASL is on");
        assert_eq!(sasl.user, "\u{fc},=\"");
        assert_eq!(std::str::from_utf8(sasl.password.expose()), Ok("pl\u{e4}nt\u{e9}d \"p\\w\u{e9}"));
    }

    #[test]
    fn an_empty_identification_algorithm_switches_the_host_check_off() {
        let text = "security.protocol=ssl\nssl.endpoint.identification.algorithm=\n";
        let Ok(properties) = ClientProperties::parse("c", text) else { panic!("{:?}", problems(text)) };
        assert!(!properties.tls.as_ref().expect("TLS is on").verify_host);
    }

    #[test]
    fn every_problem_is_named_with_file_line_and_setting() {
        let text = "security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\n\nrequest.timeout.ms=soon\nbootstrap.servers=a\n\
                    ssl.truststore.type=BKS\nssl.keystore.key=k\n";
        insta::assert_snapshot!(problems(text).join("\n"), @r"
        client.properties:5:1 `bootstrap.servers`: `a` has no port
        client.properties:6:1 `ssl.truststore.type`: the store type `BKS` is not supported
        client.properties:1:1 `ssl.keystore.certificate.chain`: `ssl.keystore.key` is set, and its certificate is missing
        client.properties:2:1 `sasl.mechanism`: the mechanism `GSSAPI` is not supported
        client.properties:1:1 `sasl.jaas.config`: it is missing, and `security.protocol` asks for SASL
        client.properties:4:1 `request.timeout.ms`: it is not a number of milliseconds
        ");
        assert_eq!(problems("a=\\uZZZZ"), ["client.properties:1:1 Malformed \\uxxxx encoding: not hex"]);
    }

    #[test]
    fn no_message_shows_a_password() {
        let text = "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n\
                    sasl.jaas.config=x.ScramLoginModule required username=\"u\" password=\"hunter2\";";
        assert_eq!(
            problems(text),
            ["client.properties:3:1 `sasl.jaas.config`: the login module `x.ScramLoginModule` does not fit `PLAIN`"]
        );
        let text = "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config=hunter2 hunter2 hunter2";
        assert!(!problems(text).is_empty() && !problems(text).join("").contains("hunter2"), "{:?}", problems(text));
    }
}
