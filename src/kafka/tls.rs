//! TLS: settings to an OpenSSL connector, and failures of the hand-shake in words.

use openssl::ssl::{Ssl, SslConnector, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509NameRef, X509VerifyResult};

use super::address::Address;
use super::errors;
use super::properties::TlsSettings;
use super::stores::{key_and_chain, store_name, trusted_certificates};
use crate::ports::ClusterError;

/// A ready TLS configuration.
pub(super) struct Tls {
    connector: SslConnector,
    verify_host: bool,
    /// The subject of the client's certificate, as Kafka's principal builder writes it.
    pub(super) subject: Option<String>,
    /// Whether a client certificate is presented at all.
    pub(super) has_identity: bool,
}

impl Tls {
    /// Reads the stores that the settings name. Reads files.
    pub(super) fn load(settings: &TlsSettings) -> Result<Self, ClusterError> {
        let internal = |error: openssl::error::ErrorStack| {
            errors::settings(format!("cannot set up TLS: {error}"), "Check the `ssl.` settings.")
        };
        let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(internal)?;
        builder.set_min_proto_version(Some(SslVersion::TLS1_2)).map_err(internal)?;
        builder.set_verify(SslVerifyMode::PEER);
        if let Some(trust) = &settings.trust {
            let mut store = X509StoreBuilder::new().map_err(internal)?;
            for certificate in trusted_certificates(trust)? {
                store.add_cert(certificate).map_err(internal)?;
            }
            // Java takes every certificate of the trust store as an anchor, not only self-signed ones.
            store.set_flags(X509VerifyFlags::PARTIAL_CHAIN).map_err(internal)?;
            builder.set_cert_store(store.build());
        }
        let mut subject = None;
        if let Some(identity) = &settings.identity {
            let (key, chain) = key_and_chain(identity, settings.key_password.as_ref())?;
            let name = store_name(identity);
            let mismatch = |_| {
                errors::settings(
                    format!("the private key and the certificate of {name} do not belong together"),
                    "The certificate of the key must come first.",
                )
            };
            let Some((leaf, rest)) = chain.split_first() else {
                return Err(errors::settings(format!("{name} holds no certificate"), "Add the client's certificate."));
            };
            builder.set_certificate(leaf).map_err(internal)?;
            builder.set_private_key(&key).map_err(mismatch)?;
            builder.check_private_key().map_err(mismatch)?;
            for certificate in rest {
                builder.add_extra_chain_cert(certificate.clone()).map_err(internal)?;
            }
            subject = distinguished_name(leaf.subject_name());
        }
        Ok(Self {
            connector: builder.build(),
            verify_host: settings.verify_host,
            subject,
            has_identity: settings.identity.is_some(),
        })
    }

    /// Makes the TLS state of one connection to `address`.
    pub(super) fn session(&self, address: &Address) -> Result<Ssl, ClusterError> {
        self.connector
            .configure()
            .and_then(|configuration| configuration.verify_hostname(self.verify_host).into_ssl(&address.host))
            .map_err(|error| errors::settings(format!("cannot set up TLS to `{address}`: {error}"), "Check the host."))
    }
}

/// Writes a subject as Java's `X500Principal.getName()` does (RFC 2253: last part first), which is what Kafka's default
/// principal builder takes. `None` for attribute types that Java writes as numbers.
fn distinguished_name(name: &X509NameRef) -> Option<String> {
    let mut parts = Vec::new();
    for entry in name.entries() {
        let key = match entry.object().nid().short_name().ok()? {
            key @ ("CN" | "C" | "L" | "ST" | "O" | "OU" | "DC" | "UID") => key,
            "street" => "STREET",
            _ => return None,
        };
        let value = entry.data().to_string().ok()?;
        let mut escaped = String::new();
        let last = value.chars().count().saturating_sub(1);
        for (at, character) in value.chars().enumerate() {
            let at_end = character == ' ' && (at == 0 || at == last);
            if matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';') || (character == '#' && at == 0) || at_end
            {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        parts.push(format!("{key}={escaped}"));
    }
    parts.reverse();
    Some(parts.join(","))
}

/// Says why a hand-shake failed: our verdict on the broker's certificate, or the broker's alert.
pub(super) fn handshake_error(
    address: &Address,
    error: &openssl::ssl::Error,
    verdict: X509VerifyResult,
    tls: &Tls,
) -> ClusterError {
    const UNTRUSTED: [i32; 5] = [2, 18, 19, 20, 21];
    const NOT_YET_VALID: i32 = 9;
    const EXPIRED: i32 = 10;
    const OTHER_HOST: [i32; 3] = [62, 63, 64];
    let code = verdict.as_raw();
    if OTHER_HOST.contains(&code) {
        return errors::authentication(
            format!("the certificate of `{address}` is for another host: {}", verdict.error_string()),
            "Connect by a name that the certificate lists; `ssl.endpoint.identification.algorithm=` switches the \
             check off.",
        );
    }
    if UNTRUSTED.contains(&code) {
        return errors::authentication(
            format!("the certificate of `{address}` is not signed by a trusted authority: {}", verdict.error_string()),
            "Set `ssl.truststore.location` to a PEM file with the authority that signed the brokers' certificates.",
        );
    }
    if code == EXPIRED || code == NOT_YET_VALID {
        return errors::authentication(
            format!("the certificate of `{address}` is not valid now: {}", verdict.error_string()),
            "Renew the broker's certificate, or check the clock of this machine.",
        );
    }
    if verdict != X509VerifyResult::OK {
        return errors::authentication(
            format!("the certificate of `{address}` is refused: {}", verdict.error_string()),
            "Check the broker's certificate.",
        );
    }
    let text = match error.io_error() {
        Some(io) => io.to_string(),
        None => error.to_string(),
    };
    alert_error(address, &text, tls).unwrap_or_else(|| {
        if text.contains("wrong version number") || text.contains("unexpected eof") || error.io_error().is_some() || is_eof(error)
        {
            return errors::unreachable(
                format!("`{address}` broke off the TLS hand-shake ({})", short(&text)),
                Some("The listener may not speak TLS: check the port, or use `security.protocol=PLAINTEXT` or `SASL_PLAINTEXT`."),
            );
        }
        errors::authentication(format!("the TLS hand-shake with `{address}` failed: {}", short(&text)), "Check the `ssl.` settings.")
    })
}

fn is_eof(error: &openssl::ssl::Error) -> bool {
    error.code() == openssl::ssl::ErrorCode::SYSCALL || error.code() == openssl::ssl::ErrorCode::ZERO_RETURN
}

/// Says what a TLS alert of the broker means; in TLS 1.3 it arrives only after the hand-shake. `None` if there is none.
pub(super) fn alert_error(address: &Address, text: &str, tls: &Tls) -> Option<ClusterError> {
    let (_, alert) = text.split_once("alert ")?;
    let alert = short(alert);
    if text.contains("certificate") || text.contains("handshake failure") || text.contains("unknown ca") {
        let (message, hint) = if tls.has_identity {
            ("refuses our client certificate", "Use a certificate that an authority signed which the brokers trust.")
        } else {
            (
                "asks for a client certificate",
                "Set `ssl.keystore.location` to a PEM file with the client's key and certificate.",
            )
        };
        return Some(errors::authentication(format!("`{address}` {message} (alert {alert})"), hint));
    }
    Some(errors::authentication(
        format!("`{address}` refuses the TLS hand-shake (alert {alert})"),
        "Check the protocol versions and ciphers of the listener.",
    ))
}

/// Cuts OpenSSL's source places off.
fn short(text: &str) -> &str {
    text.split(":../").next().unwrap_or(text).split(":ssl/").next().unwrap_or(text).trim_end_matches(':')
}

#[cfg(test)]
mod tests {
    use openssl::pkcs12::Pkcs12;
    use openssl::pkey::{PKey, Private};
    use openssl::x509::X509;

    use super::*;
    use crate::domain::secret::Secret;
    use crate::kafka::properties::Store;

    fn certificate(subject: &[(&str, &str)]) -> (X509, PKey<Private>) {
        let key = PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
        let mut name = openssl::x509::X509Name::builder().unwrap();
        for (key, value) in subject {
            name.append_entry_by_text(key, value).unwrap();
        }
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&openssl::asn1::Asn1Time::days_from_now(9).unwrap()).unwrap();
        builder.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
        (builder.build(), key)
    }

    fn file(bytes: &[u8]) -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        std::fs::write(&path, bytes).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (directory, path)
    }

    fn settings(identity: Store, key_password: Option<&str>) -> TlsSettings {
        TlsSettings {
            trust: None,
            identity: Some(identity),
            key_password: key_password.map(Secret::new),
            verify_host: true,
        }
    }

    fn error_of(settings: &TlsSettings) -> String {
        match Tls::load(settings) {
            Ok(_) => "no error".to_owned(),
            Err(error) => format!("{} | {}", error.message, error.hint.unwrap_or_default()),
        }
    }

    #[test]
    fn subjects_are_written_as_kafkas_principal_builder_writes_them() {
        let (certificate, _) = certificate(&[("C", "DE"), ("O", "Shop, Inc"), ("OU", "data"), ("CN", "etl")]);
        assert_eq!(
            distinguished_name(certificate.subject_name()).as_deref(),
            Some("CN=etl,OU=data,O=Shop\\, Inc,C=DE")
        );
    }

    #[test]
    fn pem_whose_line_breaks_became_blanks_is_read() {
        let (certificate, key) = certificate(&[("CN", "x")]);
        let pem = [certificate.to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap()].concat();
        let flat = String::from_utf8(pem).unwrap().replace('\n', " ");
        let store = Store::Inline { setting: "ssl.keystore.certificate.chain", pem: Secret::new(flat) };
        let tls = Tls::load(&settings(store, None)).unwrap();
        assert_eq!(tls.subject.as_deref(), Some("CN=x"));
    }

    #[test]
    fn an_encrypted_key_needs_its_password() {
        let (certificate, key) = certificate(&[("CN", "x")]);
        let cipher = openssl::symm::Cipher::aes_256_cbc();
        let pem = [certificate.to_pem().unwrap(), key.private_key_to_pem_pkcs8_passphrase(cipher, b"geheim").unwrap()]
            .concat();
        let (_directory, path) = file(&pem);
        let store = || Store::File { setting: "ssl.keystore.location", path: path.clone(), password: None };
        assert!(Tls::load(&settings(store(), Some("geheim"))).is_ok());
        for wrong in [None, Some("falsch")] {
            assert!(error_of(&settings(store(), wrong)).contains("cannot read the private key"), "{wrong:?}");
        }
    }

    #[test]
    fn a_pkcs12_store_is_read_with_its_password_whatever_its_type_says() {
        let (certificate, key) = certificate(&[("CN", "x")]);
        let store = Pkcs12::builder().name("x").pkey(&key).cert(&certificate).build2("geheim").unwrap();
        let (_directory, path) = file(&store.to_der().unwrap());
        let store = |password: &str| Store::File {
            setting: "ssl.keystore.location",
            path: path.clone(),
            password: Some(Secret::new(password)),
        };
        assert!(Tls::load(&settings(store("geheim"), None)).is_ok());
        assert!(error_of(&settings(store("falsch"), None)).contains("The password may be wrong"));
    }

    #[test]
    fn a_java_key_store_is_refused_with_the_command_that_converts_it() {
        let (_directory, path) = file(&[0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2]);
        let store = Store::File { setting: "ssl.keystore.location", path: path.clone(), password: None };
        let error = error_of(&settings(store, None));
        assert!(error.contains(&format!("keytool -importkeystore -srckeystore {path}")), "{error}");
    }
}
