//! Key and trust stores: PEM or PKCS12, in a file or in the settings, to certificates and keys.

use openssl::pkcs12::{ParsedPkcs12_2, Pkcs12};
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use super::errors;
use super::properties::Store;
use crate::domain::secret::Secret;
use crate::ports::ClusterError;

/// Names a store in messages.
pub(super) fn store_name(store: &Store) -> String {
    match store {
        Store::File { setting, path, .. } => format!("`{path}` (`{setting}`)"),
        Store::Inline { setting, .. } => format!("`{setting}`"),
    }
}

/// What a store turned out to be.
enum Content {
    Pem(Secret),
    Pkcs12(Vec<u8>),
}

/// Reads a store. Its content decides what it is: Java, too, reads a PKCS12 file when the type says JKS.
fn content(store: &Store) -> Result<Content, ClusterError> {
    let name = store_name(store);
    let bytes = match store {
        Store::Inline { pem, .. } => return Ok(Content::Pem(pem.clone())),
        Store::File { path, setting, .. } => std::fs::read(path).map_err(|error| {
            errors::settings(format!("failed to read `{path}`: {error}"), format!("Check the setting `{setting}`."))
        })?,
    };
    match bytes.as_slice() {
        [0xFE, 0xED, 0xFE, 0xED, ..] | [0xCE, 0xCE, 0xCE, 0xCE, ..] => {
            let path = if let Store::File { path, .. } = store { path.as_str() } else { "" };
            Err(errors::settings(
                format!("{name} is a Java key store (JKS), which driftless cannot read"),
                format!(
                    "Convert it: `keytool -importkeystore -srckeystore {path} -destkeystore {path}.p12 -deststoretype \
                     PKCS12`, and set the location to `{path}.p12` and the type to `PKCS12`."
                ),
            ))
        }
        [0x30, ..] => Ok(Content::Pkcs12(bytes)),
        _ if bytes.windows(10).any(|window| window == b"-----BEGIN") => Ok(Content::Pem(Secret::new(bytes))),
        _ => Err(errors::settings(
            format!("{name} is neither PEM nor PKCS12"),
            "Use a PEM file, or a PKCS12 store with its password.",
        )),
    }
}

fn open_pkcs12(store: &Store, bytes: &[u8]) -> Result<ParsedPkcs12_2, ClusterError> {
    let name = store_name(store);
    let password = match store {
        Store::File { password: Some(password), .. } => String::from_utf8_lossy(password.expose()).into_owned(),
        Store::File { password: None, .. } | Store::Inline { .. } => String::new(),
    };
    Pkcs12::from_der(bytes).and_then(|store| store.parse2(&password)).map_err(|error| {
        let text = error.to_string();
        if text.contains("unsupported") {
            let hint = "It is encrypted with an algorithm that OpenSSL 3 no longer takes; write it again with a newer \
                        keytool, or as PEM.";
            return errors::settings(format!("cannot open {name}"), hint);
        }
        let hint = "The password may be wrong, or missing: set `ssl.truststore.password` or `ssl.keystore.password`.";
        errors::settings(format!("cannot open {name}"), hint)
    })
}

/// Reads whom to trust. Reads files.
pub(super) fn trusted_certificates(store: &Store) -> Result<Vec<X509>, ClusterError> {
    let certificates = match content(store)? {
        Content::Pem(pem) => pem_certificates(store, &pem)?,
        Content::Pkcs12(bytes) => {
            let parsed = open_pkcs12(store, &bytes)?;
            parsed.cert.into_iter().chain(parsed.ca.into_iter().flatten()).collect()
        }
    };
    if certificates.is_empty() {
        let message = format!("{} holds no certificate", store_name(store));
        return Err(errors::settings(
            message,
            "A trust store holds the authorities that signed the brokers' certificates.",
        ));
    }
    Ok(certificates)
}

/// Reads a private key and its certificate with those between it and the authority, the leaf first. Reads files.
pub(super) fn key_and_chain(
    store: &Store,
    key_password: Option<&Secret>,
) -> Result<(PKey<Private>, Vec<X509>), ClusterError> {
    let name = store_name(store);
    let no_key = || errors::settings(format!("{name} holds no private key"), "Add the client's key as PKCS#8 PEM.");
    match content(store)? {
        Content::Pem(pem) => {
            let chain = pem_certificates(store, &pem)?;
            let key = pem_blocks(&pem).into_iter().find(|(label, _)| label.ends_with("PRIVATE KEY"));
            let (_, block) = key.ok_or_else(no_key)?;
            let password = key_password.map(Secret::expose).unwrap_or_default();
            // With a pass phrase always given, OpenSSL never asks on the terminal.
            let key = PKey::private_key_from_pem_passphrase(block.as_bytes(), password).map_err(|_| {
                let hint = "If it is encrypted, set `ssl.key.password`.";
                errors::settings(format!("cannot read the private key of {name}"), hint)
            })?;
            Ok((key, chain))
        }
        Content::Pkcs12(bytes) => {
            let parsed = open_pkcs12(store, &bytes)?;
            let key = parsed.pkey.ok_or_else(no_key)?;
            // OpenSSL gives the chain in the file's order, the leaf apart.
            Ok((key, parsed.cert.into_iter().chain(parsed.ca.into_iter().flatten()).collect()))
        }
    }
}

fn pem_certificates(store: &Store, pem: &Secret) -> Result<Vec<X509>, ClusterError> {
    pem_blocks(pem)
        .into_iter()
        .filter(|(label, _)| label.ends_with("CERTIFICATE"))
        .map(|(_, block)| {
            X509::from_pem(block.as_bytes()).map_err(|_| {
                let message = format!("cannot read a certificate of {}", store_name(store));
                errors::settings(message, "Check that each block was copied whole.")
            })
        })
        .collect()
}

/// Cuts PEM text into blocks, label and block, in a form that OpenSSL reads. Kafka takes PEM whose line breaks became
/// blanks, as happens to continued lines of a properties file.
fn pem_blocks(pem: &Secret) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(pem.expose());
    let mut blocks = Vec::new();
    let mut rest = text.as_ref();
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, after)) = after.split_once("-----") else { break };
        let Some((body, after)) = after.split_once(&format!("-----END {label}-----")) else { break };
        let mut block = format!("-----BEGIN {label}-----\n");
        if body.contains(':') {
            block.push_str(body.trim_start());
        } else {
            let characters: Vec<char> = body.chars().filter(|character| !character.is_whitespace()).collect();
            for line in characters.chunks(64) {
                block.extend(line);
                block.push('\n');
            }
        }
        block.push_str(&format!("-----END {label}-----\n"));
        blocks.push((label.to_owned(), block));
        rest = after;
    }
    blocks
}
