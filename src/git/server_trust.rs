//! Whether the server at the other end is the one that it should be.
//!
//! libgit2 has checked the host key against `~/.ssh/known_hosts`, or the certificate against the system's store, before
//! this is asked. With a file of host keys of our own only that file counts; with certificates of our own they count
//! beside the system's.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use git2::cert::Cert;
use git2::{CertificateCheckStatus, Error, ErrorClass, ErrorCode};
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509StoreContext};
use ring::hmac;

use super::credentials::RemoteAccess;

const SSH_PORT: u16 = 22;

/// Decides what becomes of a connection. What is not positively known is left to what libgit2 found, and with a file of host
/// keys it is refused.
pub(super) fn check(
    access: &RemoteAccess,
    certificate: &Cert<'_>,
    host: &str,
    port: Option<u16>,
) -> Result<CertificateCheckStatus, Error> {
    if let Some(key) = certificate.as_hostkey() {
        let Some(file) = &access.known_hosts_file else { return Ok(CertificateCheckStatus::CertificatePassthrough) };
        let known = std::fs::read_to_string(file)
            .map_err(|error| refused(ErrorClass::Ssh, format!("`{}` cannot be read: {error}", file.display())))?;
        let raw = key.hostkey().ok_or_else(|| refused(ErrorClass::Ssh, "the server shows no host key".to_owned()))?;
        return match known_host(&known, host, port.unwrap_or(SSH_PORT), raw) {
            Known::Yes => Ok(CertificateCheckStatus::CertificateOk),
            Known::Revoked => {
                Err(refused(ErrorClass::Ssh, format!("`{}` revokes the host key of `{host}`", file.display())))
            }
            Known::No => Err(refused(
                ErrorClass::Ssh,
                format!("the host key that `{host}` shows is not in `{}`", file.display()),
            )),
        };
    }
    match (certificate.as_x509(), &access.ca_file) {
        (Some(certificate), Some(file)) if is_signed(certificate.data(), file, host)? => {
            Ok(CertificateCheckStatus::CertificateOk)
        }
        (Some(_) | None, Some(_) | None) => Ok(CertificateCheckStatus::CertificatePassthrough),
    }
}

fn refused(class: ErrorClass, message: String) -> Error {
    Error::new(ErrorCode::Certificate, class, message)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Yes,
    No,
    Revoked,
}

/// Looks a host key up, as sshd(8) describes the file. Lines that are not understood give no trust.
fn known_host(file: &str, host: &str, port: u16, key: &[u8]) -> Known {
    let name =
        if port == SSH_PORT { host.to_ascii_lowercase() } else { format!("[{}]:{port}", host.to_ascii_lowercase()) };
    let encoded = STANDARD.encode(key);
    let mut found = Known::No;
    for line in file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let Some(mut hosts) = words.next() else { continue };
        let marker = hosts.starts_with('@').then_some(hosts);
        if marker.is_some() {
            let Some(next) = words.next() else { continue };
            hosts = next;
        }
        if words.nth(1) != Some(encoded.as_str()) {
            continue;
        }
        match marker {
            // Revoked is revoked for every name that the line has; one line wins over all others.
            Some("@revoked") if names(hosts, &name) => return Known::Revoked,
            // Authorities sign certificates, which libssh2 does not use.
            Some(_) => {}
            None if names(hosts, &name) => found = Known::Yes,
            None => {}
        }
    }
    found
}

/// Says whether the list of a line names the host. Patterns with `*` and `?` are not supported, and name nothing.
fn names(hosts: &str, name: &str) -> bool {
    let is_name = |entry: &str| match entry.strip_prefix("|1|").and_then(|rest| rest.split_once('|')) {
        Some((salt, digest)) => match (STANDARD.decode(salt), STANDARD.decode(digest)) {
            (Ok(salt), Ok(digest)) => {
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
                hmac::verify(&key, name.as_bytes(), &digest).is_ok()
            }
            (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
        },
        None => entry.eq_ignore_ascii_case(name),
    };
    let excluded = |entry: &str| entry.strip_prefix('!').is_some_and(is_name);
    !hosts.split(',').any(excluded) && hosts.split(',').any(is_name)
}

/// Says whether a server's certificate (DER) is one for `host`, valid now, and signed by an authority of the file.
fn is_signed(certificate: &[u8], file: &Path, host: &str) -> Result<bool, Error> {
    let unusable = |error: &dyn std::fmt::Display| {
        refused(ErrorClass::Ssl, format!("`{}` cannot be used: {error}", file.display()))
    };
    let pem = std::fs::read(file).map_err(|error| unusable(&error))?;
    let authorities = X509::stack_from_pem(&pem).map_err(|error| unusable(&error))?;
    if authorities.is_empty() {
        return Err(unusable(&"it holds no certificate"));
    }
    verifies(certificate, authorities, host).map_err(|error| unusable(&error))
}

fn verifies(certificate: &[u8], authorities: Vec<X509>, host: &str) -> Result<bool, openssl::error::ErrorStack> {
    let certificate = X509::from_der(certificate)?;
    let store = store(authorities, host)?;
    let nothing = Stack::<X509>::new()?;
    X509StoreContext::new()?.init(&store, &certificate, &nothing, |context| context.verify_cert())
}

fn store(authorities: Vec<X509>, host: &str) -> Result<X509Store, openssl::error::ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    for authority in authorities {
        store.add_cert(authority)?;
    }
    let mut wanted = X509VerifyParam::new()?;
    // The server's intermediate certificates are not shown to us: the file may hold them.
    wanted.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    match host.parse() {
        Ok(address) => wanted.set_ip(address)?,
        Err(_) => wanted.set_host(host)?,
    }
    store.set_param(&wanted)?;
    Ok(store.build())
}

#[cfg(test)]
mod tests {
    use openssl::asn1::Asn1Time;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::{PKey, Private};
    use openssl::x509::X509NameBuilder;
    use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};

    use super::*;

    /// Makes a certificate for `name`, signed by `issuer`, or by itself as an authority.
    fn certificate(name: &str, issuer: Option<&(X509, PKey<Private>)>) -> (X509, PKey<Private>) {
        let key =
            PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap())
                .unwrap();
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(issuer.map_or(&*subject, |(issuer, _)| issuer.subject_name())).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(10).unwrap()).unwrap();
        builder.set_pubkey(&key).unwrap();
        match issuer {
            None => builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap(),
            Some((issuer, _)) => {
                let context = builder.x509v3_context(Some(issuer), None);
                let names = SubjectAlternativeName::new().dns(name).ip("127.0.0.1").build(&context).unwrap();
                builder.append_extension(names).unwrap();
            }
        }
        builder.sign(issuer.map_or(&key, |(_, key)| key), MessageDigest::sha256()).unwrap();
        (builder.build(), key)
    }

    #[test]
    fn a_certificate_counts_for_its_host_when_an_authority_of_the_file_signed_it() {
        let (ours, others) = (certificate("our authority", None), certificate("another authority", None));
        let (server, _) = certificate("git.example.org", Some(&ours));
        let (stranger, _) = certificate("git.example.org", Some(&others));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), ours.0.to_pem().unwrap()).unwrap();
        for (certificate, host, expected) in [
            (&server, "git.example.org", true),
            (&server, "127.0.0.1", true),
            (&server, "other.example.org", false),
            (&server, "127.0.0.2", false),
            (&stranger, "git.example.org", false),
        ] {
            let found = is_signed(&certificate.to_der().unwrap(), file.path(), host);
            assert_eq!(found.unwrap(), expected, "{host}");
        }
        std::fs::write(file.path(), "nothing").unwrap();
        assert!(is_signed(&server.to_der().unwrap(), file.path(), "git.example.org").is_err());
        assert!(is_signed(&server.to_der().unwrap(), Path::new("/nowhere"), "git.example.org").is_err());
    }

    #[test]
    fn a_host_key_counts_only_for_the_host_and_port_of_its_line() {
        let key = b"a key";
        let line = |hosts: &str| format!("# ours\n{hosts} ssh-ed25519 {} somebody\n", STANDARD.encode(key));
        let salt = b"12345678901234567890";
        let digest = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt), b"git.example.org");
        let hashed = format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(digest));
        for (hosts, host, port, expected) in [
            ("git.example.org", "git.example.org", 22, Known::Yes),
            ("GIT.example.org,10.0.0.1", "git.Example.org", 22, Known::Yes),
            ("git.example.org", "git.example.org", 2222, Known::No),
            ("[git.example.org]:2222", "git.example.org", 2222, Known::Yes),
            ("[git.example.org]:2222", "git.example.org", 22, Known::No),
            (hashed.as_str(), "git.example.org", 22, Known::Yes),
            (hashed.as_str(), "other.example.org", 22, Known::No),
            ("!git.example.org,git.example.org", "git.example.org", 22, Known::No),
            ("*", "git.example.org", 22, Known::No),
            ("@cert-authority git.example.org", "git.example.org", 22, Known::No),
            ("@revoked git.example.org", "git.example.org", 22, Known::Revoked),
        ] {
            assert_eq!(known_host(&line(hosts), host, port, key), expected, "{hosts} {host}:{port}");
            assert_ne!(known_host(&line(hosts), host, port, b"another key"), Known::Yes, "{hosts}");
        }
        let both = line("git.example.org") + &line("@revoked git.example.org");
        assert_eq!(known_host(&both, "git.example.org", 22, key), Known::Revoked);
    }
}
