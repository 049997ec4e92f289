//! Raw entries of a `client.properties` to valid settings, and every problem on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{ClientProperties, INVALID_CLIENT_PROPERTY, Limits, SaslMechanism, SaslSettings, Store, TlsSettings};
use crate::domain::diagnostic::{Diagnostic, Location};
use crate::domain::secret::Secret;
use crate::kafka::address::Address;
use crate::kafka::jaas;

/// Values by their keys, with the place of each where there is one.
type Entries = BTreeMap<String, (String, Option<Location>)>;

/// Turns raw entries into settings, collecting problems.
struct Reader {
    entries: Entries,
    used: BTreeSet<&'static str>,
    problems: Vec<Diagnostic>,
}

/// Makes settings of raw entries. Returns every problem, not the first.
pub(super) fn read(entries: Entries) -> Result<ClientProperties, Vec<Diagnostic>> {
    Reader { entries, used: BTreeSet::new(), problems: Vec::new() }.read()
}

impl Reader {
    fn read(mut self) -> Result<ClientProperties, Vec<Diagnostic>> {
        let bootstrap_servers = self.bootstrap_servers();
        let (tls, sasl) = match self.take("security.protocol").map(|value| value.to_ascii_uppercase()).as_deref() {
            None | Some("PLAINTEXT") => (false, false),
            Some("SSL") => (true, false),
            Some("SASL_PLAINTEXT") => (false, true),
            Some("SASL_SSL") => (true, true),
            Some(_) => {
                let message = "it is no security protocol of Kafka";
                self.problem("security.protocol", message, "use `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`");
                (false, false)
            }
        };
        let tls = if tls { Some(self.tls()) } else { None };
        let sasl = if sasl { self.sasl() } else { None };
        let client_id = self.take("client.id").filter(|id| !id.is_empty()).unwrap_or_else(|| "driftless".to_owned());
        let limits = self.limits();
        if self.entries.contains_key("config.providers") {
            self.problem(
                "config.providers",
                "config providers are Java classes, and cannot be loaded here",
                "write the value itself, or use `${env:NAME}` and `${file:PATH}` in the agent's settings",
            );
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let ignored = self.entries.into_keys().filter(|key| !self.used.contains(key.as_str())).collect();
        Ok(ClientProperties { bootstrap_servers, tls, sasl, client_id, limits, ignored })
    }

    fn take(&mut self, setting: &'static str) -> Option<String> {
        self.used.insert(setting);
        self.entries.get(setting).map(|(value, _)| value.trim().to_owned())
    }

    /// Takes a value in which blanks at the ends count.
    fn take_secret(&mut self, setting: &'static str) -> Option<Secret> {
        self.used.insert(setting);
        self.entries.get(setting).map(|(value, _)| Secret::new(value.as_bytes()))
    }

    fn problem(&mut self, setting: &str, message: &str, help: &str) {
        // A setting that is missing is asked for by the protocol.
        let entry = self.entries.get(setting).or_else(|| self.entries.get("security.protocol"));
        let place = entry.and_then(|(_, place)| place.clone());
        self.problems
            .push(Diagnostic::error(INVALID_CLIENT_PROPERTY, place, format!("`{setting}`: {message}")).help(help));
    }

    fn bootstrap_servers(&mut self) -> Vec<Address> {
        let raw = self.take("bootstrap.servers").unwrap_or_default();
        Address::parse_list(&raw).unwrap_or_else(|message| {
            self.problem("bootstrap.servers", &message, "write `host:port,host:port`");
            Vec::new()
        })
    }

    fn limits(&mut self) -> Limits {
        let default = Limits::default();
        Limits {
            setup: self.milliseconds("socket.connection.setup.timeout.ms").unwrap_or(default.setup),
            request: self.milliseconds("request.timeout.ms").unwrap_or(default.request),
            api: self.milliseconds("default.api.timeout.ms").unwrap_or(default.api),
            backoff: self.milliseconds("retry.backoff.ms").unwrap_or(default.backoff),
        }
    }

    fn milliseconds(&mut self, setting: &'static str) -> Option<Duration> {
        let raw = self.take(setting)?;
        match raw.parse::<u32>() {
            Ok(value) if value > 0 || setting == "retry.backoff.ms" => Some(Duration::from_millis(u64::from(value))),
            Ok(_) | Err(_) => {
                let message = "it is not a number of milliseconds";
                self.problem(setting, message, "write a whole number, for example `30000`");
                None
            }
        }
    }

    fn sasl(&mut self) -> Option<SaslSettings> {
        let mechanism = self.mechanism();
        let Some(raw) = self.take_secret("sasl.jaas.config") else {
            let message = "it is missing, and `security.protocol` asks for SASL";
            let help = "write `sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
                        username=\"...\" password=\"...\";`";
            self.problem("sasl.jaas.config", message, help);
            return None;
        };
        // From a `&str` a moment ago, so it is UTF-8.
        let text = std::str::from_utf8(raw.expose()).unwrap_or_default();
        match jaas::parse(text) {
            Err(message) => {
                let help = "write `<login module> required username=\"...\" password=\"...\";`";
                self.problem("sasl.jaas.config", &message, help);
                None
            }
            Ok(login) => {
                let mechanism = mechanism?;
                if login.module.ends_with(mechanism.login_module()) {
                    return Some(SaslSettings { mechanism, user: login.user, password: login.password });
                }
                let message = format!("the login module `{}` does not fit `{}`", login.module, mechanism.as_str());
                let package = if mechanism == SaslMechanism::Plain { "plain" } else { "scram" };
                let help = format!(
                    "use `org.apache.kafka.common.security.{package}.{}`, or another `sasl.mechanism`",
                    mechanism.login_module()
                );
                self.problem("sasl.jaas.config", &message, &help);
                None
            }
        }
    }

    fn mechanism(&mut self) -> Option<SaslMechanism> {
        let message = match self.take("sasl.mechanism").as_deref() {
            Some("PLAIN") => return Some(SaslMechanism::Plain),
            Some("SCRAM-SHA-256") => return Some(SaslMechanism::ScramSha256),
            Some("SCRAM-SHA-512") => return Some(SaslMechanism::ScramSha512),
            Some(other) => format!("{} is not supported", named("the mechanism", other)),
            None => "it is missing, and Kafka's default, GSSAPI, is not supported".to_owned(),
        };
        self.problem("sasl.mechanism", &message, "use `SCRAM-SHA-512`, `SCRAM-SHA-256` or `PLAIN`");
        None
    }

    fn tls(&mut self) -> TlsSettings {
        let trust = self.store(
            "ssl.truststore.certificates",
            "ssl.truststore.location",
            "ssl.truststore.type",
            "ssl.truststore.password",
        );
        let mut identity = self.store(
            "ssl.keystore.certificate.chain",
            "ssl.keystore.location",
            "ssl.keystore.type",
            "ssl.keystore.password",
        );
        let key = self.take_secret("ssl.keystore.key");
        match (&mut identity, key) {
            (Some(Store::Inline { pem, .. }), Some(key)) => {
                let mut both = pem.expose().to_vec();
                both.push(b'\n');
                both.extend_from_slice(key.expose());
                *pem = Secret::new(both);
            }
            (Some(Store::Inline { .. }), None) => {
                let message = "`ssl.keystore.certificate.chain` is set, and its key is missing";
                self.problem("ssl.keystore.key", message, "add the private key as PKCS#8 PEM");
            }
            (Some(Store::File { .. }) | None, Some(_)) => {
                let message = "`ssl.keystore.key` is set, and its certificate is missing";
                self.problem("ssl.keystore.certificate.chain", message, "add the certificate as PEM");
            }
            (Some(Store::File { .. }) | None, None) => {}
        }
        let key_password = self.take_secret("ssl.key.password").filter(|password| !password.is_empty());
        let algorithm = self.take("ssl.endpoint.identification.algorithm");
        let verify_host = match algorithm.as_deref() {
            None => true,
            Some("") => false,
            Some(name) if name.eq_ignore_ascii_case("https") => true,
            Some(_) => {
                let message = "it is no algorithm that compares host names";
                let setting = "ssl.endpoint.identification.algorithm";
                self.problem(setting, message, "use `https`, or leave it empty to switch the check off");
                true
            }
        };
        TlsSettings { trust, identity, key_password, verify_host }
    }

    fn store(
        &mut self,
        inline: &'static str,
        location: &'static str,
        kind: &'static str,
        password: &'static str,
    ) -> Option<Store> {
        let pem = self.take_secret(inline).filter(|pem| !pem.is_empty());
        let path = self.take(location).filter(|path| !path.is_empty());
        let password = self.take_secret(password).filter(|password| !password.is_empty());
        match self.take(kind).map(|kind| kind.to_ascii_uppercase()).as_deref() {
            None | Some("" | "JKS" | "PKCS12" | "PEM") => {}
            Some(other) => {
                let message = format!("{} is not supported", named("the store type", other));
                self.problem(kind, &message, "use `PEM` or `PKCS12`");
            }
        }
        match (pem, path) {
            (Some(_), Some(_)) => {
                let message = format!("`{inline}` and `{location}` are both set");
                self.problem(inline, &message, "keep one of them");
                None
            }
            (Some(pem), None) => Some(Store::Inline { setting: inline, pem }),
            (None, Some(path)) => Some(Store::File { setting: location, path, password }),
            (None, None) => None,
        }
    }
}

/// Names a value when it is a word of Kafka's own. Anything else may be a password that stands in the wrong setting.
fn named(what: &str, value: &str) -> String {
    const WORDS: [&str; 8] = ["GSSAPI", "OAUTHBEARER", "DIGEST-MD5", "EXTERNAL", "AWS_MSK_IAM", "BKS", "BCFKS", "DKS"];
    if WORDS.contains(&value) { format!("{what} `{value}`") } else { what.to_owned() }
}
