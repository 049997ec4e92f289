//! A `client.properties` in librdkafka's words: for what goes through Kafka as records.

use std::collections::BTreeMap;

use super::properties::{ClientProperties, TlsSettings};
use super::{errors, stores};
use crate::domain::secret::Secret;
use crate::ports::ClusterError;

impl ClientProperties {
    /// Returns the properties of librdkafka that mean the same connection. Reads the stores that the settings name: key and
    /// trust stores become PEM, whatever they were.
    ///
    /// One thing cannot be said to librdkafka: that a trusted certificate which is not its own authority is enough. Trust
    /// stores hold the root authority.
    pub fn librdkafka(&self) -> Result<BTreeMap<String, Secret>, ClusterError> {
        if self.bootstrap_servers.is_empty() {
            return Err(errors::settings("no bootstrap server is given", "Set `bootstrap.servers`."));
        }
        let protocol = match (self.tls.is_some(), self.sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        let setup = self.limits.setup.as_millis().max(1000).to_string();
        let mut properties = BTreeMap::new();
        let mut set = |key: &str, value: Secret| properties.insert(key.to_owned(), value);
        set("bootstrap.servers", Secret::new(self.bootstrap_servers().join(",")));
        set("security.protocol", Secret::new(protocol));
        set("client.id", Secret::new(self.client_id.as_str()));
        set("socket.connection.setup.timeout.ms", Secret::new(setup));
        if let Some(sasl) = &self.sasl {
            set("sasl.mechanism", Secret::new(sasl.mechanism.as_str()));
            set("sasl.username", Secret::new(sasl.user.as_str()));
            set("sasl.password", sasl.password.clone());
        }
        if let Some(settings) = &self.tls {
            properties.append(&mut tls_properties(settings)?);
        }
        Ok(properties)
    }
}

fn tls_properties(settings: &TlsSettings) -> Result<BTreeMap<String, Secret>, ClusterError> {
    let unusable = |error: openssl::error::ErrorStack| {
        errors::settings(format!("cannot set up TLS: {error}"), "Check the `ssl.` settings.")
    };
    let joined = |chain: &[openssl::x509::X509]| -> Result<Secret, ClusterError> {
        let mut pem = Vec::new();
        for certificate in chain {
            pem.extend(certificate.to_pem().map_err(unusable)?);
        }
        Ok(Secret::new(pem))
    };
    let check = if settings.verify_host { "https" } else { "none" };
    let mut properties = BTreeMap::from([("ssl.endpoint.identification.algorithm".to_owned(), Secret::new(check))]);
    if let Some(trust) = &settings.trust {
        properties.insert("ssl.ca.pem".to_owned(), joined(&stores::trusted_certificates(trust)?)?);
    }
    if let Some(identity) = &settings.identity {
        let (key, chain) = stores::key_and_chain(identity, settings.key_password.as_ref())?;
        let key = key.private_key_to_pem_pkcs8().map_err(unusable)?;
        properties.insert("ssl.key.pem".to_owned(), Secret::new(key));
        properties.insert("ssl.certificate.pem".to_owned(), joined(&chain)?);
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(String, String)> {
        let properties = ClientProperties::parse("client.properties", text).unwrap_or_else(|_| panic!("valid"));
        let translated = properties.librdkafka().unwrap_or_else(|error| panic!("{error}"));
        let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
        translated.iter().map(|(key, value)| (key.clone(), text(value))).collect()
    }

    #[test]
    fn a_login_is_said_in_librdkafkas_words() {
        let told = shown(
            "bootstrap.servers=a:9092,b:9092\nsecurity.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n\
             sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" password=\"p;=\";\n\
             ssl.endpoint.identification.algorithm=\n",
        );
        let told: Vec<(&str, &str)> = told.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            told,
            [
                ("bootstrap.servers", "a:9092,b:9092"),
                ("client.id", "driftless"),
                ("sasl.mechanism", "SCRAM-SHA-512"),
                ("sasl.password", "p;="),
                ("sasl.username", "u"),
                ("security.protocol", "sasl_ssl"),
                ("socket.connection.setup.timeout.ms", "8000"),
                ("ssl.endpoint.identification.algorithm", "none"),
            ]
        );
    }

    #[test]
    fn without_a_login_nothing_is_asked_for() {
        let told = shown("bootstrap.servers=a:9092\n");
        assert!(told.contains(&("security.protocol".to_owned(), "plaintext".to_owned())), "{told:?}");
        assert!(!told.iter().any(|(key, _)| key.starts_with("sasl") || key.starts_with("ssl")), "{told:?}");
    }
}
