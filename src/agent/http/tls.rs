//! The server's certificate, and whose clients it trusts. Both are read again when their files change.

use std::path::Path;
use std::time::SystemTime;

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslAcceptor, SslFiletype, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode};
use openssl::x509::X509Name;

use crate::config::settings::HttpTlsSettings;

/// What changes when a file is written anew or another takes its place, as Kubernetes does it.
type Stamp = Vec<Option<(SystemTime, u64)>>;

/// The certificate in use.
pub(super) struct Certificates {
    settings: HttpTlsSettings,
    acceptor: SslAcceptor,
    stamp: Stamp,
}

impl Certificates {
    /// Reads the files. The error names the one that cannot be used.
    pub(super) fn open(settings: &HttpTlsSettings) -> Result<Self, String> {
        let stamp = stamp(settings);
        Ok(Self { acceptor: acceptor(settings)?, settings: settings.clone(), stamp })
    }

    /// Prepares the next connection. New files that cannot be used are logged, and those before stay.
    pub(super) fn session(&mut self) -> Result<Ssl, ErrorStack> {
        let stamp = stamp(&self.settings);
        if stamp != self.stamp {
            self.stamp = stamp;
            match acceptor(&self.settings) {
                Ok(acceptor) => {
                    self.acceptor = acceptor;
                    tracing::info!("the HTTP server's certificate was read again");
                }
                Err(problem) => {
                    tracing::error!(%problem, "the HTTP server's new certificate cannot be used, so the one before stays");
                }
            }
        }
        Ssl::new(self.acceptor.context())
    }
}

fn stamp(settings: &HttpTlsSettings) -> Stamp {
    let files = [Some(&settings.certificate_file), Some(&settings.key_file), settings.client_ca_file.as_ref()];
    let of = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.into_iter().flatten().map(|path| of(path)).collect()
}

fn acceptor(settings: &HttpTlsSettings) -> Result<SslAcceptor, String> {
    let unusable = |setting: &str, path: &Path, what: &str, error: ErrorStack| {
        // A file that is not there gives an error of two lines; the first says it.
        let reason = error.errors().first().and_then(|error| error.reason()).unwrap_or("it cannot be read");
        format!("`{setting}` is `{}`, which is no {what}: {reason}", path.display())
    };
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())
        .map_err(|error| format!("OpenSSL cannot be set up: {error}"))?;
    let certificate = &settings.certificate_file;
    builder
        .set_certificate_chain_file(certificate)
        .map_err(|error| unusable("http.tls.certificateFile", certificate, "certificate in PEM form", error))?;
    let key = &settings.key_file;
    builder
        .set_private_key_file(key, SslFiletype::PEM)
        .and_then(|()| builder.check_private_key())
        .map_err(|error| unusable("http.tls.keyFile", key, "key of the certificate", error))?;
    if let Some(authority) = &settings.client_ca_file {
        let failed = |error| unusable("http.tls.clientCaFile", authority, "certificate in PEM form", error);
        builder.set_ca_file(authority).map_err(failed)?;
        builder.set_client_ca_list(X509Name::load_client_ca_file(authority).map_err(failed)?);
        // Who shows none is let in as far as the health checks: they belong to whoever runs the agent.
        builder.set_verify(SslVerifyMode::PEER);
    }
    // A session that is resumed would not show its certificate again, whatever the files say by then.
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_options(SslOptions::NO_TICKET);
    builder.set_num_tickets(0).map_err(|error| format!("OpenSSL cannot be set up: {error}"))?;
    Ok(builder.build())
}
